/**
 * What the rows on facts fill in while a log is read.
 *
 * In: values of single lines. Out: lists and maps, each with its budget. Refuses: nothing.
 */
import { limits } from '../../limits.js';
import type { Boot, CpuidReading, GuestMsrAccess, LineNumber, LogFacts, MsrReading, VmcsField } from '../crash-log.js';
import type { Row } from './row.js';

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

export interface FactState {
  readonly boots: Mutable<Boot>[];
  readonly msrs: MsrReading[];
  readonly cpuid: CpuidReading[];
  readonly vmcs: VmcsField[];
  readonly stackTops: LogFacts['stackTops'][number][];
  readonly apicIds: Set<string>;
  readonly guestMsrAccesses: GuestMsrAccess[];
  readonly milestones: LogFacts['milestones'][number][];
  /** `Reading MSR #0x0 0x00000480`: what the next `MSR value for #0x0` of that CPU belongs to. */
  readonly asked: Map<string, number>;
  /** By index of the boot; -1 before any banner. */
  readonly imageLength: Map<number, NonNullable<LogFacts['imageLength']>>;
  readonly runtimeBase: Map<number, NonNullable<LogFacts['runtimeBase']>>;
  readonly computedSha1: Map<number, NonNullable<LogFacts['runtimeSha1']>>;
  readonly goldSha1: Map<number, NonNullable<LogFacts['runtimeSha1']>>;
  /** First 16 bytes of a hash that goes on in the next line. */
  goldHead?: { readonly bytes: string; readonly line: LineNumber };
  vendor?: 'intel' | 'amd';
  /** `Build revision:` ended its line: the value may stand in the next. */
  revisionNext: boolean;
  /** Facts beyond the limit. */
  left: number;
  /** Evidence for where the printer puts its newline; positive is newline first. */
  era: number;
  amd64: number;
  i386: number;
  /** Lines of the bootloader's two headings, for the era. */
  readonly headings: LineNumber[];
}

export function factState(): FactState {
  return {
    boots: [],
    msrs: [],
    cpuid: [],
    vmcs: [],
    stackTops: [],
    apicIds: new Set(),
    guestMsrAccesses: [],
    milestones: [],
    asked: new Map(),
    imageLength: new Map(),
    runtimeBase: new Map(),
    computedSha1: new Map(),
    goldSha1: new Map(),
    revisionNext: false,
    left: 0,
    era: 0,
    amd64: 0,
    i386: 0,
    headings: [],
  };
}

const toBigInt = BigInt;

/** Index of the boot that a line belongs to. */
export function bootIndex(state: FactState): number | undefined {
  return state.boots.length === 0 ? undefined : state.boots.length - 1;
}

/** To spread into a fact. */
export function inBoot(state: FactState): { readonly boot?: number } {
  const boot = bootIndex(state);
  return boot === undefined ? {} : { boot };
}

/** Adds, or counts what is beyond the limit. */
export function keep<T>(state: FactState, list: T[], item: T): void {
  if (list.length < limits.facts) list.push(item);
  else state.left += 1;
}

export function ofCpu(cpu: string | undefined): { readonly cpu?: string } {
  return cpu === undefined ? {} : { cpu };
}

/** Hexadecimal digits, maybe padded with blanks. */
export function number(text: string | undefined): bigint {
  return toBigInt(`0x${(text ?? '0').trim()}`);
}

export function small(text: string | undefined): number {
  return Number.parseInt(text ?? '0', 16);
}

/** A row that notes a stage of the boot by one literal. */
export function milestone(name: string, probe: string, worth = 1): Row<FactState> {
  return {
    probe,
    pattern: new RegExp(probe.replace(/[()[\].*+?^$|\\{}]/g, '\\$&'), 'y'),
    worth,
    take: (state, _match, { line, cpu, text, at }) => {
      const id =
        cpu ?? (probe.endsWith('[') ? /^([0-9a-f]{2})\]/.exec(text.slice(at + probe.length, at + probe.length + 3))?.[1] : undefined);
      keep(state, state.milestones, { name, line, ...ofCpu(id), ...inBoot(state) });
    },
  };
}
