/**
 * Faults of the stack pointer and of the program counter themselves: overflow, and jumps to where no code is.
 *
 * In: the interrupted stack pointer, the CPU's stack as the log names it, the images. Out: findings beside that of the exception.
 * Refuses: without the log's line for this CPU's stack, or outside XMHF's own layout, nothing is said about its limits.
 */
import { type Arch, hex, linkAddressOf } from '../addresses.js';
import type { ElfSymbol } from '../image/image.js';
import { type Sentence, say } from '../sentence.js';
import { type CrashContext, functionNames, recordLine, type Verdict, verdict } from './crash-context.js';
import type { Evidence } from './diagnosis.js';
import { pageFaultError } from './fault.js';
import { asText } from './memory-access.js';

/** Of XMHF: `g_cpustacks` holds one of these for each CPU (RUNTIME_STACK_SIZE). */
const stackSize: Readonly<Record<Arch, bigint>> = { i386: 0x4000n, amd64: 0x10000n };
/** Vectors that a wild PC raises: the bytes there are no code, or the page is not there. */
const pcVectors = [6, 13, 14];
const pageFaultVector = 14;
const nullPage = 0x1000n;
/** A function that stands this often on one stack calls itself without end. */
const recursionDepth = 16;

export function stackOverflow(context: CrashContext): Verdict | undefined {
  const { crash, log } = context;
  const { sp } = crash.fault.interrupted;
  if (log.dialect !== 'xmhf' || sp === undefined || crash.fault.printed !== undefined) return undefined;
  const tops = log.facts.stackTops.filter((top) => top.cpu === crash.cpu);
  // Two boots, or two hypervisors in one log, name two stacks.
  const [top] = tops;
  if (top === undefined || tops.some((other) => other.value !== top.value)) return undefined;
  const size = stackSize[crash.arch];
  const bottom = top.value - size;
  // Far below lies another stack, not this one overflowed.
  if (sp >= bottom || sp < bottom - size) return undefined;
  const evidence: Evidence[] = [
    { text: say`the stack of CPU ${crash.cpu} ends at ${hex(top.value)}`, line: top.line },
    { text: say`the stack pointer at the fault is ${hex(sp)}`, ...recordLine(crash, 'stack-begin') },
  ];
  const explanation: Sentence[] = [
    say`The stack is ${hex(size)} bytes: it begins at ${hex(bottom)}, and the stack below is another CPU's.`,
  ];
  const deep = recursion(context);
  if (deep !== undefined) explanation.push(say`${deep.name} stands ${deep.count} times on the stack: it calls itself without end.`);
  return verdict({
    finding: 'stack-overflow',
    grade: 'likely',
    crash: context.index,
    claim: say`Stack overflow: the stack pointer is ${hex(bottom - sp)} bytes below the end of this CPU's stack`,
    explanation,
    evidence,
  });
}

function recursion(context: CrashContext): { readonly name: string; readonly count: number } | undefined {
  const counts = new Map<string, number>();
  for (const name of functionNames(context.frames)) counts.set(name, (counts.get(name) ?? 0) + 1);
  const [most] = [...counts].sort((a, b) => b[1] - a[1]);
  return most !== undefined && most[1] >= recursionDepth ? { name: most[0], count: most[1] } : undefined;
}

/** A PC where no code is. */
export function wildJump(context: CrashContext): Verdict | undefined {
  const { crash, images } = context;
  const { pc, vector, errorCode } = crash.fault;
  if (pc === undefined || vector === undefined || !pcVectors.includes(vector) || crash.fault.printed !== undefined) return undefined;
  const base = { finding: 'wild-jump', crash: context.index } as const;
  const pcEvidence: Evidence = { text: say`the PC is ${hex(pc)}`, ...recordLine(crash, 'pc') };
  const caller = callBefore(context);
  const explanation = caller === undefined ? [] : [caller];
  const isFetch = vector === pageFaultVector && errorCode !== undefined && pageFaultError(errorCode).fetch;

  if (pc < nullPage && !inImage(context, pc)) {
    const claim = say`A jump or call through a null pointer: the PC is ${hex(pc)}`;
    return verdict({ ...base, grade: 'likely', claim, explanation, evidence: [pcEvidence] });
  }
  for (const { image, bias } of images) {
    const link = linkAddressOf(pc - bias);
    const section = image.arch === crash.arch && link !== undefined ? image.sectionAt(link) : undefined;
    if (link === undefined || section === undefined || section.executable) continue;
    const symbol = symbolText(image.symbolAt(link));
    const claim = say`A jump into data: the PC ${hex(pc)} lies in ${section.name}${symbol}`;
    return verdict({ ...base, grade: 'confirmed', claim, explanation, evidence: [pcEvidence] });
  }
  if (isFetch) {
    const claim = say`A jump to where no code is: the CPU could not fetch an instruction at ${hex(pc)}`;
    return verdict({ ...base, grade: 'confirmed', claim, explanation, evidence: [pcEvidence] });
  }
  if (images.length === 0 || inImage(context, pc)) return undefined;
  if (caller !== undefined) {
    const claim = say`A call to where no code is: the PC is ${hex(pc)}${asText(pc)}, which no image holds`;
    return verdict({ ...base, grade: 'likely', claim, explanation, evidence: [pcEvidence] });
  }
  if (asText(pc).length > 0) {
    const claim = say`A jump to where no code is: the PC is ${hex(pc)}${asText(pc)}, which no image holds`;
    const overwritten = say`The PC is text: most likely a return address or a function pointer was overwritten.`;
    return verdict({ ...base, grade: 'likely', claim, explanation: [overwritten], evidence: [pcEvidence] });
  }
  return undefined;
}

function inImage(context: CrashContext, pc: bigint): boolean {
  return context.images.some(({ image, bias }) => {
    const link = linkAddressOf(pc - bias);
    return image.arch === context.crash.arch && link !== undefined && image.sectionAt(link) !== undefined;
  });
}

function symbolText(found: { readonly symbol: ElfSymbol; readonly offset: number } | undefined): Sentence {
  return found === undefined ? say`` : say` (${found.symbol.name}+${hex(found.offset)})`;
}

/** Lengths of an indirect CALL: opcode, ModRM, and what they bring. */
const indirectCallLengths = [2, 3, 4, 6, 7, 8];

/** An indirect CALL to the wrong place has just pushed where it came from: the word at the stack pointer stands after one. */
function callBefore(context: CrashContext): Sentence | undefined {
  const { crash, images, platform } = context;
  const { sp } = crash.fault.interrupted;
  const word = sp === undefined ? undefined : crash.stack.wordAt(sp);
  if (word === undefined) return undefined;
  for (const { image, bias } of images) {
    if (image.arch !== crash.arch) continue;
    for (const length of indirectCallLengths) {
      const start = linkAddressOf(word - bias - BigInt(length));
      const bytes = start === undefined || !image.isCode(start) ? undefined : image.bytesAt(start, length);
      if (start === undefined || bytes === undefined) continue;
      const [instruction] = platform.decode(bytes, start, image.arch, 1);
      if (instruction?.flow !== 'indirect-call' || instruction.length !== length) continue;
      const [owner] = image.lookup(start).functions;
      const name = owner?.name ?? image.symbolAt(start)?.symbol.name;
      const from = name === undefined ? [] : say` in ${name}`;
      return say`The word at the stack pointer is ${hex(word)}${from}, right after ${instruction.text()}: the call came from there.`;
    }
  }
  return undefined;
}
