/**
 * One register dump while its records still come in.
 *
 * In: records, each with its line. Out: what `closeDump` makes a `CpuCrash` of. Refuses: nothing; a record that cannot be
 * trusted becomes a damage note, and its value stays unknown.
 */
import { runtimeAddress, type WordSize } from '../addresses.js';
import { limits } from '../limits.js';
import { type Sentence, say } from '../sentence.js';
import type { DamageKind, LineNumber, StackWord } from './crash-log.js';
import type { DumpRecord, Padding, PairValue, RecordFault } from './dialects/xmhf-records.js';

export interface DumpNote {
  readonly kind: DamageKind;
  readonly line: LineNumber;
  readonly detail: Sentence;
}

/** Counters of the scan at one moment, to tell later what stood between two records. */
export interface Tally {
  readonly foreign: number;
  readonly records: number;
}

export interface OpenDump {
  readonly cpu: string;
  readonly line: LineNumber;
  lastLine: LineNumber;
  /** Tally when the header was read, and at the last record. */
  readonly from: Tally;
  to: Tally;
  own: number;
  readonly boot: number | undefined;
  vector?: number;
  headerStyle?: 'none' | 'bare' | 'decimal';
  errorCodeDigits?: string;
  errorCode?: bigint;
  pc?: Extract<DumpRecord, { kind: 'pc' }>;
  vcpuDigits?: string;
  stateSeen: boolean;
  beginSeen: boolean;
  ended: boolean;
  /** Words known to be dumped whose value or address could not be read. */
  unreadWords: number;
  /** What fills numbers up in this dump, by the first that shows it. */
  padding?: Padding;
  /** A line of three dots stands inside the stack: a person cut words out. */
  shortened: boolean;
  readonly registers: Map<string, bigint>;
  readonly segments: Map<string, bigint>;
  readonly words: StackWord[];
  readonly recordLines: Map<string, LineNumber>;
  /** Votes for the width: bytes of a word to number of records that show it. */
  readonly widths: Map<WordSize, number>;
  readonly notes: DumpNote[];
  /** Notes beyond `limits.damage`. */
  unkept: number;
}

export function openDump(cpu: string, line: LineNumber, tally: Tally, boot: number | undefined): OpenDump {
  return {
    cpu,
    line,
    lastLine: line,
    from: tally,
    to: tally,
    own: 0,
    boot,
    stateSeen: false,
    beginSeen: false,
    ended: false,
    unreadWords: 0,
    shortened: false,
    registers: new Map(),
    segments: new Map(),
    words: [],
    recordLines: new Map(),
    widths: new Map(),
    notes: [],
    unkept: 0,
  };
}

export function addNote(dump: OpenDump, note: DumpNote): void {
  if (dump.notes.length < limits.damage) dump.notes.push(note);
  else dump.unkept += 1;
}

/** True when `record` cannot be of this dump: the CPU dumped again and the header between is lost. */
export function startsAnother(dump: OpenDump, record: DumpRecord): boolean {
  switch (record.kind) {
    case 'header':
      // A header right behind the same header is one line pasted twice.
      return !(dump.own === 1 && dump.vector === record.vector);
    case 'pc':
      return dump.pc !== undefined && !(dump.pc.pc === record.pc && dump.pc.flags === record.flags && dump.words.length === 0);
    case 'state':
      return dump.stateSeen && (dump.pc !== undefined || dump.words.length > 0);
    case 'error-code':
      return dump.ended;
    case 'vcpu':
    case 'registers':
    case 'segments':
    case 'stack-begin':
      return dump.ended && dump.beginSeen;
    case 'stack':
    case 'stack-end':
      return false;
    default:
      record satisfies never;
      return false;
  }
}

export function addRecord(dump: OpenDump, record: DumpRecord, faults: readonly RecordFault[], line: LineNumber, tally: Tally): void {
  dump.lastLine = line;
  dump.to = tally;
  dump.own += 1;
  for (const fault of faults) noteFault(dump, record, fault, line);
  switch (record.kind) {
    case 'header':
      if (!first(dump, 'header', line)) return;
      if (record.vector !== undefined) dump.vector = record.vector;
      dump.headerStyle = record.style;
      return;
    case 'error-code':
      if (!first(dump, 'error-code', line)) return;
      if (faults.length === 0) dump.errorCodeDigits = record.digits;
      return;
    case 'state':
      dump.stateSeen = true;
      return;
    case 'pc':
      if (!first(dump, 'pc', line)) return;
      dump.pc = record;
      if (record.errorCode !== undefined) dump.errorCode = record.errorCode;
      if (record.width !== undefined) vote(dump, record.width);
      if (record.padding !== undefined) dump.padding ??= record.padding;
      return;
    case 'vcpu':
      if (!first(dump, 'vcpu', line)) return;
      if (faults.length === 0) dump.vcpuDigits = record.digits;
      return;
    case 'registers':
      vote(dump, record.width);
      addValues(dump, dump.registers, record.values, line);
      return;
    case 'segments':
      addValues(dump, dump.segments, record.values, line);
      return;
    case 'stack-begin':
      if (!first(dump, 'stack-begin', line)) return;
      dump.beginSeen = true;
      return;
    case 'stack':
      if (record.width !== undefined) vote(dump, record.width);
      if (record.address !== undefined && record.value !== undefined && faults.length === 0 && fits(dump, record.padding, 'value', line)) {
        dump.words.push({ address: runtimeAddress(record.address), value: record.value, line });
      } else dump.unreadWords += 1;
      return;
    case 'stack-end':
      if (!first(dump, 'stack-end', line)) return;
      dump.ended = true;
      return;
    default:
      record satisfies never;
      return;
  }
}

function first(dump: OpenDump, name: string, line: LineNumber): boolean {
  const seen = dump.recordLines.get(name);
  if (seen === undefined) {
    dump.recordLines.set(name, line);
    return true;
  }
  addNote(dump, {
    kind: 'repeated-record',
    line,
    detail: say`The record ${name} stands a second time; the one of line ${seen} is used.`,
  });
  return false;
}

function addValues(dump: OpenDump, target: Map<string, bigint>, values: readonly PairValue[], line: LineNumber): void {
  for (const { name, value, padding } of values) {
    if (!first(dump, name, line)) continue;
    if (value !== undefined && fits(dump, padding, name, line)) target.set(name, value);
  }
}

/** A number filled up with blanks among numbers filled up with zeros, or the other way round, has lost a digit. */
function fits(dump: OpenDump, padding: Padding | undefined, what: string, line: LineNumber): boolean {
  if (padding === undefined) return true;
  dump.padding ??= padding;
  if (dump.padding === padding) return true;
  addNote(dump, {
    kind: 'bad-digit',
    line,
    detail: say`The number ${what} is filled up otherwise than the rest of the dump; its value is unknown.`,
  });
  return false;
}

function vote(dump: OpenDump, width: WordSize): void {
  dump.widths.set(width, (dump.widths.get(width) ?? 0) + 1);
}

function noteFault(dump: OpenDump, record: DumpRecord, fault: RecordFault, line: LineNumber): void {
  if (dump.notes.length >= limits.damage) {
    dump.unkept += 1;
    return;
  }
  const where = record.kind === 'stack' ? 'stack word' : record.kind;
  switch (fault.kind) {
    case 'bad-digit':
      addNote(dump, {
        kind: 'bad-digit',
        line,
        detail: say`The number ${fault.what} of the ${where} record holds a character that is no digit; its value is unknown.`,
      });
      return;
    case 'torn':
      addNote(dump, {
        kind: 'torn-line',
        line,
        detail: say`Characters of ${fault.what} are missing in the ${where} record; its value is unknown.`,
      });
      return;
    case 'cut':
      addNote(dump, {
        kind: 'torn-line',
        line,
        detail: say`The ${where} record ends before ${fault.what} is complete; its value is unknown.`,
      });
      return;
    default:
      fault.kind satisfies never;
      return;
  }
}

/** The address that the next stack record should have, where the dump says. */
export function expectedAddress(dump: OpenDump): bigint | undefined {
  const last = dump.words[dump.words.length - 1];
  return last === undefined || dump.ended ? undefined : last.address + BigInt(dumpWidth(dump) ?? 4);
}

export function dumpWidth(dump: OpenDump): WordSize | undefined {
  const narrow = dump.widths.get(4) ?? 0;
  const wide = dump.widths.get(8) ?? 0;
  if (narrow === 0 && wide === 0) return undefined;
  return wide > narrow ? 8 : 4;
}
