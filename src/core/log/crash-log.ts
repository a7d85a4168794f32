/**
 * What a serial log says, as data. Built by `readLog`, read by every later stage, never changed.
 *
 * Unknown is absent, never zero.
 */
import type { Arch, RuntimeAddress, WordSize } from '../addresses.js';
import type { Sentence } from '../sentence.js';

/** Line numbers count from 1, lines end by LF alone. */
export type LineNumber = number;

export interface CrashLog {
  readonly dialect: 'xmhf' | 'unknown';
  /** Where the printer put its newlines; closed list in docs/REPORT.md. Absent where the log is too short to tell or of unknown dialect. */
  readonly era?: Era;
  /** Absent where nothing tells the width. */
  readonly arch?: Arch;
  readonly boots: readonly Boot[];
  readonly crashes: readonly CpuCrash[];
  readonly events: readonly LogEvent[];
  readonly damage: readonly Damage[];
  readonly facts: LogFacts;
  readonly source: LogSource;
  /** What was read, for logs of no known dialect: line and byte counts, shapes seen. One sentence each. */
  readonly notes: readonly Sentence[];
}

/** `newline-first`: before XMHF d8f2220a6 (2022-06-06). `newline-last`: from there on. */
export type Era = 'newline-first' | 'newline-last';

/** The text and where its lines start; everything that points at a line can show it. */
export interface LogSource {
  readonly text: string;
  readonly lineCount: number;
  /** Without its LF and a CR before it. `line` counts from 1. */
  line(line: LineNumber): string;
}

/** One banner: a hypervisor that started. L0 and L1 in one log are two boots. */
export interface Boot {
  readonly line: LineNumber;
  /** `XMHF v6.1.0`, `LHV v6.1.0`: short product name and version as printed. */
  readonly product: string;
  /** Before the commit in `Build revision`; absent where there is none. */
  readonly branch?: string;
  /** 40 hex digits; absent where the log prints `-` or a motto. */
  readonly revision?: string;
  readonly subarch?: Arch;
  readonly slBase?: bigint;
}

export type RegisterName = string; // lower-case SDM name: 'eax', 'r8'

/** Values that were printed; a missing register is unknown. */
export type Registers = ReadonlyMap<RegisterName, bigint>;

/** A 16-bit value by selector name: cs ds es ss fs gs tr. */
export type Segments = ReadonlyMap<string, bigint>;

export interface StackWord {
  readonly address: RuntimeAddress;
  readonly value: bigint;
  readonly line: LineNumber;
}

/** The dumped words of one CPU, possibly with holes. */
export interface StackMemory {
  /** In the order printed. */
  readonly words: readonly StackWord[];
  readonly wordSize: WordSize;
  /** First address is the printed stack pointer, addresses rise without gap or repeat, and the end marker is there. */
  readonly complete: boolean;
  /** The word at exactly this address, or `undefined`: not in the dump. */
  wordAt(address: bigint): bigint | undefined;
  /** `length` (1 to 16) bytes, little endian, as one number; `undefined` where any byte is not in the dump. */
  read(address: bigint, length: number): bigint | undefined;
  /** Lowest dumped address and the address after the highest; `undefined` for an empty dump. */
  readonly range: { readonly start: RuntimeAddress; readonly end: RuntimeAddress } | undefined;
}

/** The fault as the *true* hardware frame tells it. */
export interface Fault {
  readonly vector?: number;
  /** `#GP`, `NMI`, `#MC`; absent without a vector or for a vector without a mnemonic. */
  readonly mnemonic?: string;
  readonly errorCode?: bigint;
  readonly cs?: bigint;
  readonly pc?: RuntimeAddress;
  readonly flags?: bigint;
  /** Stack address of the frame's PC word; absent where the dump does not hold it. */
  readonly frameAt?: RuntimeAddress;
  /** Stack pointer at the fault, and SS where the hardware pushed it (amd64). */
  readonly interrupted: { readonly sp?: RuntimeAddress; readonly ss?: bigint };
  /** Where the handler printed the wrong words: what it printed. Absent where the print is right. */
  readonly printed?: { readonly cs?: bigint; readonly pc?: bigint; readonly flags?: bigint };
}

export interface CpuCrash {
  /** Two lower-case hex digits: the local APIC id. Absent in dumps of eras without a CPU tag: then ''. */
  readonly cpu: string;
  /** Of the header. */
  readonly line: LineNumber;
  /** Line of the last record of this dump. */
  readonly lastLine: LineNumber;
  /** Index in `boots`; absent without a banner before it. */
  readonly boot?: number;
  readonly arch: Arch;
  readonly fault: Fault;
  readonly vcpu?: RuntimeAddress;
  /** As printed: the stack pointer among them is the address of the hardware frame, not the interrupted one. */
  readonly registers: Registers;
  readonly segments: Segments;
  readonly stack: StackMemory;
  /** Line of each record, by what it holds: `header`, `error-code`, `pc`, `vcpu`, a register or selector name, `stack-begin`, `stack-end`. */
  readonly recordLines: ReadonlyMap<string, LineNumber>;
  readonly damage: readonly Damage[];
}

/** Closed list in docs/REPORT.md. */
export type DamageKind =
  | 'foreign-tail'
  | 'foreign-line'
  | 'header-not-at-line-start'
  | 'interleaved'
  | 'torn-line'
  | 'bad-digit'
  | 'missing-record'
  | 'repeated-record'
  | 'stack-gap'
  | 'stack-repeat'
  | 'stack-truncated'
  | 'no-end-marker'
  | 'printed-frame-wrong'
  | 'control-characters'
  | 'line-too-long'
  | 'log-too-long'
  | 'too-many'
  | 'newlines-lost'
  | 'line-prefix';

export interface Damage {
  readonly kind: DamageKind;
  readonly line: LineNumber;
  /** Absent where the damage belongs to no CPU. */
  readonly cpu?: string;
  /** One plain sentence. */
  readonly detail: Sentence;
}

/** Fatal or telling conditions that are no register dump. Closed list in docs/REPORT.md. */
export type LogEventKind =
  | 'assertion'
  | 'vm-entry-failure'
  | 'vm-instruction-error'
  | 'unhandled-intercept'
  | 'guest-exception'
  | 'guest-panic'
  | 'halt'
  | 'triple-fault';

export interface LogEvent {
  readonly kind: LogEventKind;
  readonly line: LineNumber;
  readonly cpu?: string;
  /** The line as printed, without prefix. */
  readonly text: string;
  readonly boot?: number;
  /** Of an assertion. */
  readonly condition?: string;
  readonly file?: string;
  readonly sourceLine?: number;
  /** Of a VM-entry failure or an intercept: the exit reason. Of a VM-instruction error: its number. Of a guest's exception: its vector. */
  readonly code?: number;
  readonly qualification?: bigint;
  /** False for what a hypervisor survives (a guest's own exception, a Linux panic inside the guest). */
  readonly fatal: boolean;
}

/** Lines that feed the diagnosis and tie the log to its build. Every value knows its line. */
export interface LogFacts {
  readonly msrs: readonly MsrReading[];
  readonly cpuid: readonly CpuidReading[];
  readonly vmcs: readonly VmcsField[];
  /** `My ESP is` / `My RSP is`, by CPU where the log says which. */
  readonly stackTops: readonly { readonly cpu?: string; readonly value: bigint; readonly line: LineNumber }[];
  /** `setupvcpus: cpustacks range A-B in C chunks` and `vcpubuffers range`, of the bootloader; and the runtime's own where printed. */
  readonly imageLength?: { readonly value: number; readonly line: LineNumber; readonly boot?: number };
  /** SHA-1 of the runtime image, 40 hex digits: the one that the build wrote down (`gold`), else the one that the machine computed. */
  readonly runtimeSha1?: { readonly value: string; readonly line: LineNumber; readonly boot?: number };
  readonly runtimeBase?: { readonly value: bigint; readonly size?: bigint; readonly line: LineNumber; readonly boot?: number };
  readonly apicIds: readonly string[];
  readonly vendor?: 'intel' | 'amd';
  /** Every handled or forwarded `RDMSR`/`WRMSR` line of an intercept handler; the last of a CPU is the suspect of an intercept crash. */
  readonly guestMsrAccesses: readonly GuestMsrAccess[];
  /** Named stages that the boot passed, in order: for "how far it came". */
  readonly milestones: readonly { readonly name: string; readonly line: LineNumber; readonly cpu?: string; readonly boot?: number }[];
}

export interface MsrReading {
  readonly cpu?: string;
  readonly address: number;
  readonly value: bigint | 'unavailable';
  readonly line: LineNumber;
}

export interface CpuidReading {
  readonly cpu?: string;
  readonly leaf: number;
  readonly subleaf: number;
  readonly register: 'EAX' | 'EBX' | 'ECX' | 'EDX';
  readonly value: number;
  readonly line: LineNumber;
}

export interface VmcsField {
  readonly cpu?: string;
  /** As printed: `info_vminstr_error`, `guest_RIP`. */
  readonly name: string;
  readonly value: bigint;
  readonly line: LineNumber;
}

export interface GuestMsrAccess {
  readonly cpu?: string;
  readonly access: 'read' | 'write';
  readonly address: number;
  readonly value?: bigint;
  readonly guestPc?: bigint;
  readonly line: LineNumber;
}
