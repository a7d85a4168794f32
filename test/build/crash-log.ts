/** CrashLogs by hand: what a test does not name is absent. */
import { type Arch, runtimeAddress } from '../../src/core/addresses.js';
import type { Boot, CpuCrash, CrashLog, LogEvent, LogFacts, LogSource, StackMemory, StackWord } from '../../src/core/log/crash-log.js';

/** Lines of a log, numbered from 1. */
export function sourceOf(lines: readonly string[]): LogSource {
  return { text: lines.join('\n'), lineCount: lines.length, line: (line) => lines[line - 1] ?? '' };
}

export function stackOf(arch: Arch, base: bigint, values: readonly bigint[]): StackMemory {
  const wordSize = arch === 'i386' ? 4 : 8;
  const words: StackWord[] = values.map((value, index) => ({
    address: runtimeAddress(base + BigInt(index * wordSize)),
    value,
    line: index + 1,
  }));
  const wordAt = (address: bigint): bigint | undefined => words.find((word) => word.address === address)?.value;
  return {
    words,
    wordSize,
    complete: true,
    wordAt,
    read: (address, length) => (length === wordSize ? wordAt(address) : undefined),
    range: words.length === 0 ? undefined : { start: runtimeAddress(base), end: runtimeAddress(base + BigInt(values.length * wordSize)) },
  };
}

export interface CrashParts {
  readonly arch?: Arch;
  readonly cpu?: string;
  readonly vector?: number;
  readonly errorCode?: bigint;
  readonly pc?: bigint;
  readonly cs?: bigint;
  readonly flags?: bigint;
  /** The interrupted stack pointer. */
  readonly sp?: bigint;
  /** Stack address of the PC word. */
  readonly frameAt?: bigint;
  readonly registers?: Readonly<Record<string, bigint>>;
  readonly stack?: StackMemory;
  readonly line?: number;
  readonly lastLine?: number;
  readonly boot?: number;
  readonly recordLines?: Readonly<Record<string, number>>;
  readonly printed?: { readonly pc?: bigint };
}

export function crashOf(parts: CrashParts): CpuCrash {
  const arch = parts.arch ?? 'amd64';
  return {
    cpu: parts.cpu ?? '00',
    line: parts.line ?? 1,
    lastLine: parts.lastLine ?? parts.line ?? 1,
    ...(parts.boot !== undefined && { boot: parts.boot }),
    arch,
    fault: {
      ...(parts.vector !== undefined && { vector: parts.vector }),
      ...(parts.errorCode !== undefined && { errorCode: parts.errorCode }),
      ...(parts.pc !== undefined && { pc: runtimeAddress(parts.pc) }),
      ...(parts.cs !== undefined && { cs: parts.cs }),
      ...(parts.flags !== undefined && { flags: parts.flags }),
      ...(parts.frameAt !== undefined && { frameAt: runtimeAddress(parts.frameAt) }),
      interrupted: parts.sp === undefined ? {} : { sp: runtimeAddress(parts.sp) },
      ...(parts.printed && { printed: parts.printed }),
    },
    registers: new Map(Object.entries(parts.registers ?? {})),
    segments: new Map(),
    stack: parts.stack ?? stackOf(arch, 0n, []),
    recordLines: new Map(Object.entries(parts.recordLines ?? {})),
    damage: [],
  };
}

export interface LogParts {
  readonly arch?: Arch;
  readonly lines?: readonly string[];
  readonly crashes?: readonly CpuCrash[];
  readonly events?: readonly LogEvent[];
  readonly boots?: readonly Boot[];
  readonly facts?: Partial<LogFacts>;
}

export function logOf(parts: LogParts): CrashLog {
  return {
    dialect: 'xmhf',
    ...(parts.arch && { arch: parts.arch }),
    boots: parts.boots ?? [],
    crashes: parts.crashes ?? [],
    events: parts.events ?? [],
    damage: [],
    facts: { msrs: [], cpuid: [], vmcs: [], stackTops: [], apicIds: [], guestMsrAccesses: [], milestones: [], ...parts.facts },
    source: sourceOf(parts.lines ?? []),
    notes: [],
  };
}
