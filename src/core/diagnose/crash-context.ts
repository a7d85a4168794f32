/** One crash with everything the rules ask for, worked out once. */
import type { RuntimeAddress } from '../addresses.js';
import { fitsFault } from '../image/fits-fault.js';
import type { CpuCrash, CrashLog, LineNumber, LogEvent, Registers } from '../log/crash-log.js';
import type { Platform } from '../platform.js';
import type { ReportFrame } from '../report/report.js';
import { type Sentence, say } from '../sentence.js';
import { type CpuFacts, cpuFacts } from './cpu-facts.js';
import type { Evidence, Finding } from './diagnosis.js';
import { bytesText, codeAt, type DiagnosedImage, type FaultInstruction } from './instruction.js';

export interface CrashContext {
  readonly log: CrashLog;
  /** In `log.crashes`. */
  readonly index: number;
  readonly crash: CpuCrash;
  readonly frames: readonly ReportFrame[];
  readonly images: readonly DiagnosedImage[];
  readonly platform: Platform;
  readonly facts: CpuFacts;
  /** At the saved PC: for a trap the one after the instruction that trapped. Absent without an image that holds code there. */
  readonly instruction?: FaultInstruction;
  /** What the image holds at the PC where that cannot raise this exception: no rule may build on it. */
  readonly misfit?: FaultInstruction;
  /** The image's bytes at the PC where they decode to nothing. */
  readonly undecodable?: Uint8Array;
  /** Registers at the fault: the stack pointer is the interrupted one. Empty where the handler looked in the wrong place. */
  readonly registers: Registers;
}

export function crashContext(
  log: CrashLog,
  index: number,
  crash: CpuCrash,
  frames: readonly ReportFrame[],
  images: readonly DiagnosedImage[],
  platform: Platform,
): CrashContext {
  const { pc, vector, errorCode } = crash.fault;
  const code = pc === undefined ? undefined : codeAt(pc, images, crash.arch, platform);
  const instruction = code?.kind === 'instruction' ? code : undefined;
  const misfit = instruction !== undefined && vector !== undefined && fitsFault(instruction.instruction, vector, errorCode) === false;
  return {
    log,
    index,
    crash,
    frames,
    images,
    platform,
    facts: cpuFacts(log, { cpu: crash.cpu, boot: crash.boot, arch: crash.arch }),
    ...(instruction && (misfit ? { misfit: instruction } : { instruction })),
    ...(code?.kind === 'no-instruction' && { undecodable: code.bytes }),
    registers: registersAtFault(crash),
  };
}

function registersAtFault(crash: CpuCrash): Registers {
  // Builds that printed the wrong frame also looked for the registers in the wrong place.
  if (crash.fault.printed !== undefined) return new Map();
  const name = crash.arch === 'i386' ? 'esp' : 'rsp';
  const registers = new Map(crash.registers);
  const { sp } = crash.fault.interrupted;
  if (sp === undefined) registers.delete(name);
  else registers.set(name, sp);
  return registers;
}

/** The line of a record of the dump, where the log has it. */
export function recordLine(crash: CpuCrash, record: string): { readonly line?: LineNumber } {
  const line = crash.recordLines.get(record);
  return line === undefined ? {} : { line };
}

export function registerLine(crash: CpuCrash, name: string): { readonly line?: LineNumber } {
  return recordLine(crash, name);
}

/** Name of the innermost function at the fault, and of those it is inlined into. */
export function innermostFunctions(frames: readonly ReportFrame[]): readonly string[] {
  const [first] = frames;
  if (first === undefined) return [];
  const names = first.functions.map((f) => f.name);
  return names.length === 0 && first.symbol !== undefined ? [first.symbol] : names;
}

/** Every function of the stack, innermost first, inlined ones included. */
export function functionNames(frames: readonly ReportFrame[]): readonly string[] {
  return frames.flatMap((frame) => {
    const names = frame.functions.map((f) => f.name);
    return names.length === 0 && frame.symbol !== undefined ? [frame.symbol] : names;
  });
}

export function instructionEvidence(found: FaultInstruction): Evidence {
  return {
    text: say`bytes ${bytesText(found.bytes)} at ${hexPc(found.at)} in ${found.loaded.image.path} are ${found.instruction.text()}`,
  };
}

const longestText = 200;

/** The event's own line, where it holds more than blanks. */
export function printedEvidence(event: LogEvent): readonly Evidence[] {
  const text = event.text.trim().slice(0, longestText);
  return text === '' ? [] : [{ text: say`${text}`, line: event.line }];
}

/** What would show the instruction, for the questions that stay open. */
export function wouldShowInstruction(context: CrashContext): Sentence {
  if (context.misfit !== undefined) {
    const text = context.misfit.instruction.text();
    return say`the image holds ${text} there, which cannot raise it: it is of another build, or the code in memory was overwritten`;
  }
  return context.images.length === 0 ? say`the image of this build would show it` : say`none of the images holds code at the PC`;
}

export function hexPc(pc: RuntimeAddress): string {
  return `0x${pc.toString(16)}`;
}

/** Findings of one rule, and what it could not tell. */
export interface Verdict {
  readonly findings: readonly Finding[];
  readonly unknown: readonly Sentence[];
}

export function verdict(finding: Finding, unknown: readonly Sentence[] = []): Verdict {
  return { findings: [finding], unknown };
}
