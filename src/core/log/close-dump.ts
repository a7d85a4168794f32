/**
 * From the records of one dump to a `CpuCrash`.
 *
 * In: an `OpenDump` and what the rest of the log tells (width, runtime's range). Out: the crash with its damage.
 * Refuses: to fill a hole; the one exception is the fault's own frame, which the machine dumped a second time.
 */
import { type Arch, hex, runtimeAddress, type WordSize, wordSize } from '../addresses.js';
import { say } from '../sentence.js';
import type { CpuCrash, Damage, Fault, StackMemory } from './crash-log.js';
import { readNumber } from './dialects/xmhf-records.js';
import { checkStack } from './dumped-words.js';
import { type FrameClues, frameAt, type HardwareFrame, isNoFrame, plausiblePrint, pushesErrorCode, searchFrame } from './hardware-frame.js';
import { type DumpNote, dumpWidth, type OpenDump } from './open-dump.js';

export interface LogContext {
  readonly arch?: Arch;
  readonly runtime?: { readonly start: bigint; readonly end: bigint };
  /** `My ESP is` lines: where stacks start. */
  readonly stackTops: readonly { readonly cpu?: string; readonly value: bigint }[];
  /** True when another dump of the log has an error code line: this build prints them. */
  readonly printsErrorCodes: boolean;
}

/** SDM vol. 3, table 6-1, and AMD's three. */
const mnemonics: ReadonlyMap<number, string> = new Map([
  [0, '#DE'],
  [1, '#DB'],
  [2, 'NMI'],
  [3, '#BP'],
  [4, '#OF'],
  [5, '#BR'],
  [6, '#UD'],
  [7, '#NM'],
  [8, '#DF'],
  [10, '#TS'],
  [11, '#NP'],
  [12, '#SS'],
  [13, '#GP'],
  [14, '#PF'],
  [16, '#MF'],
  [17, '#AC'],
  [18, '#MC'],
  [19, '#XM'],
  [20, '#VE'],
  [21, '#CP'],
  [28, '#HV'],
  [29, '#VC'],
  [30, '#SX'],
]);

export function mnemonicOf(vector: number): string | undefined {
  return mnemonics.get(vector);
}

const registerNames: Readonly<Record<Arch, readonly string[]>> = {
  i386: ['eax', 'ebx', 'ecx', 'edx', 'esi', 'edi', 'ebp', 'esp'],
  amd64: 'rax rbx rcx rdx rsi rdi rbp rsp r8 r9 r10 r11 r12 r13 r14 r15'.split(' '),
};
const segmentNames = ['cs', 'ds', 'es', 'ss', 'fs', 'gs', 'tr'] as const;

/** False for what is no dump: a lone record that some other printer might have made. */
export function isDump(dump: OpenDump): boolean {
  return dump.recordLines.has('header') || dump.pc !== undefined || dump.words.length >= 2 || dump.registers.size >= 4;
}

export function closeDump(dump: OpenDump, context: LogContext): CpuCrash {
  const arch = archOf(dump) ?? context.arch ?? 'i386';
  const width = wordSize(arch);
  const notes: DumpNote[] = [...dump.notes];
  const stackPointer = dump.registers.get(arch === 'i386' ? 'esp' : 'rsp');
  const stack = checkStack(dump, width, stackPointer, stackTop(dump, stackPointer, context), notes);
  noteMissing(dump, arch, context, notes);
  noteNeighbours(dump, notes);
  noteDigits(dump, width, notes);
  const vcpu = digitsValue(dump.vcpuDigits, width);
  const fault = faultOf(dump, arch, stack, stackPointer, context, notes);
  if (dump.unkept > 0) {
    notes.push({ kind: 'too-many', line: dump.lastLine, detail: say`${dump.unkept} more notes on this dump are left out.` });
  }
  const damage = notes.map((note): Damage => ({ kind: note.kind, line: note.line, cpu: dump.cpu, detail: note.detail }));
  damage.sort((a, b) => a.line - b.line);
  return {
    cpu: dump.cpu,
    line: dump.line,
    lastLine: dump.lastLine,
    ...(dump.boot === undefined ? {} : { boot: dump.boot }),
    arch,
    fault,
    ...(vcpu === undefined ? {} : { vcpu: runtimeAddress(vcpu) }),
    registers: dump.registers,
    segments: dump.segments,
    stack,
    recordLines: dump.recordLines,
    damage,
  };
}

/** Of this CPU, the one that the stack pointer lies below by no more than a stack's size (amd64: 64 KiB). */
function stackTop(dump: OpenDump, stackPointer: bigint | undefined, context: LogContext): bigint | undefined {
  if (stackPointer === undefined) return undefined;
  const fitting = context.stackTops.filter(
    ({ cpu, value }) => cpu === dump.cpu && value > stackPointer && value - stackPointer <= 0x1_0000n,
  );
  return fitting.length === 1 ? fitting[0]?.value : undefined;
}

/** By register names and by the width of its numbers; the label of the PC line says `EIP` in amd64 builds of 2021 too. */
export function archOf(dump: OpenDump): Arch | undefined {
  const width = dumpWidth(dump);
  if (width !== undefined) return width === 4 ? 'i386' : 'amd64';
  if (dump.pc?.label === 'RIP' || dump.pc?.flagsLabel === 'RFLAGS') return 'amd64';
  return undefined;
}

function digitsValue(digits: string | undefined, width: WordSize): bigint | undefined {
  if (digits === undefined) return undefined;
  return readNumber(digits, 0, width * 2).value;
}

/** On i386 eight digits are the number; eight more behind it are other text that only looks like a wider number. */
function noteDigits(dump: OpenDump, width: WordSize, notes: DumpNote[]): void {
  for (const [name, digits] of [
    ['error-code', dump.errorCodeDigits],
    ['vcpu', dump.vcpuDigits],
  ] as const) {
    if (digits === undefined) continue;
    const line = dump.recordLines.get(name) ?? dump.line;
    if (digitsValue(digits, width) === undefined) {
      notes.push({
        kind: 'bad-digit',
        line,
        detail: say`The number of the ${name} record is not as wide as the dump's; its value is unknown.`,
      });
    }
    if (width === 8 || !/^0x[0-9a-f]{16}$/i.test(digits)) continue;
    notes.push({ kind: 'foreign-tail', line, detail: say`Other text stands behind the record: ${digits.slice(10)}` });
  }
}

function faultOf(
  dump: OpenDump,
  arch: Arch,
  stack: StackMemory,
  stackPointer: bigint | undefined,
  context: LogContext,
  notes: DumpNote[],
): Fault {
  const { vector, pc: record } = dump;
  const printed = {
    ...(record?.cs === undefined ? {} : { cs: record.cs }),
    ...(record?.pc === undefined ? {} : { pc: runtimeAddress(record.pc) }),
    ...(record?.flags === undefined ? {} : { flags: record.flags }),
  };
  const clues: FrameClues = {
    arch,
    printed,
    segments: dump.segments,
    ...(stackPointer === undefined ? {} : { stackPointer }),
    ...(vector === undefined ? {} : { vector }),
    ...(context.runtime === undefined ? {} : { runtime: context.runtime }),
  };
  const pcLine = dump.recordLines.get('pc') ?? dump.line;
  const mnemonic = vector === undefined ? undefined : mnemonicOf(vector);
  const head = { ...(vector === undefined ? {} : { vector }), ...(mnemonic === undefined ? {} : { mnemonic }) };
  const errorCode = dump.errorCode ?? digitsValue(dump.errorCodeDigits, wordSize(arch));
  const start = stackPointer ?? dump.words[0]?.address;
  const found = start === undefined ? undefined : frameAt(stack, start, clues);
  // Without a printed stack pointer only equal values show that the dump starts with the frame.
  const own = stackPointer === undefined && (found?.pc !== printed.pc || found?.flags !== printed.flags) ? undefined : found;
  // The words at the printed stack pointer are there and are no frame: it lies elsewhere.
  const contradicted = own === undefined && stackPointer !== undefined && isNoFrame(stack, stackPointer, clues);
  const frame = own ?? (plausiblePrint(printed) && !contradicted ? undefined : searchFrame(stack, clues));

  if (frame === undefined) {
    const shared = { ...head, ...(errorCode === undefined ? {} : { errorCode }) };
    if (!plausiblePrint(printed)) {
      notes.push({
        kind: 'printed-frame-wrong',
        line: pcLine,
        detail: say`The printed CS and flags cannot be those of a fault, and the dump holds no frame that can: where it happened is unknown.`,
      });
      return { ...shared, interrupted: {}, printed };
    }
    return {
      ...shared,
      ...printed,
      interrupted: contradicted || stackPointer === undefined ? {} : interruptedAbove(stackPointer, arch, stack),
    };
  }
  const differs =
    (printed.pc !== undefined && printed.pc !== frame.pc) ||
    (printed.cs !== undefined && printed.cs !== frame.cs) ||
    (printed.flags !== undefined && printed.flags !== frame.flags);
  if (differs) {
    notes.push({
      kind: 'printed-frame-wrong',
      line: pcLine,
      detail: say`The handler printed other words than the CPU's own exception frame, which the dump holds at ${hex(frame.at)}; the frame is used.`,
    });
  }
  const code = errorCode ?? (differs ? frame.errorCode : undefined);
  return {
    ...head,
    ...(code === undefined ? {} : { errorCode: code }),
    cs: frame.cs,
    pc: runtimeAddress(frame.pc),
    flags: frame.flags,
    frameAt: runtimeAddress(frame.at),
    interrupted: interruptedBy(frame, arch),
    ...(differs ? { printed } : {}),
  };
}

/** No frame can be read, but nothing speaks against the printed stack pointer. */
function interruptedAbove(stackPointer: bigint, arch: Arch, stack: StackMemory): Fault['interrupted'] {
  if (arch === 'i386') return { sp: runtimeAddress(stackPointer + 12n) };
  const sp = stack.wordAt(stackPointer + 24n);
  const ss = stack.wordAt(stackPointer + 32n);
  return { ...(sp === undefined ? {} : { sp: runtimeAddress(sp) }), ...(ss === undefined ? {} : { ss }) };
}

function interruptedBy(frame: HardwareFrame, arch: Arch): Fault['interrupted'] {
  if (arch === 'i386') return { sp: runtimeAddress(frame.at + 12n) };
  return {
    ...(frame.sp === undefined ? {} : { sp: runtimeAddress(frame.sp) }),
    ...(frame.ss === undefined ? {} : { ss: frame.ss }),
  };
}

/** What every dump has and this one has not. The error code line came with 7715f3f03, before the decimal vector. */
function noteMissing(dump: OpenDump, arch: Arch, context: LogContext, notes: DumpNote[]): void {
  const missing: string[] = [];
  const lacks = (name: string) => !dump.recordLines.has(name);
  if (lacks('header')) missing.push('header');
  if (
    (dump.headerStyle === 'decimal' || context.printsErrorCodes) &&
    dump.vector !== undefined &&
    pushesErrorCode(dump.vector) &&
    lacks('error-code')
  )
    missing.push('error-code');
  if (lacks('pc')) missing.push('pc');
  if (lacks('vcpu') && dump.cpu !== '') missing.push('vcpu');
  for (const name of registerNames[arch]) if (lacks(name)) missing.push(name);
  for (const name of segmentNames) if (lacks(name)) missing.push(name);
  if (lacks('stack-begin')) missing.push('stack-begin');
  for (const name of missing) {
    notes.push({ kind: 'missing-record', line: dump.line, detail: say`The dump has no readable record for ${name}.` });
  }
}

/** Lines of other CPUs and of other printers between header and last record. */
function noteNeighbours(dump: OpenDump, notes: DumpNote[]): void {
  const foreign = dump.to.foreign - dump.from.foreign;
  const others = dump.to.records - dump.from.records - (dump.own - 1);
  if (others > 0) {
    notes.push({
      kind: 'interleaved',
      line: dump.line,
      detail: say`Between the records of this dump stand ${others} records of other CPUs.`,
    });
  }
  if (foreign > 0) {
    notes.push({
      kind: 'foreign-line',
      line: dump.line,
      detail: say`Between the records of this dump stand ${foreign} lines that are no part of any dump.`,
    });
  }
}
