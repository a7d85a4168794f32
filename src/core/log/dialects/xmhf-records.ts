/**
 * The records of XMHF's register dump, one function from text to typed record.
 *
 * In: a segment and a position behind the CPU tag (or at the first word of an untagged dump). Out: the record, where it ends,
 * and what is wrong with it. Refuses: to repair. Printed by `xmhf-runtime/xmhf-xcphandler/arch/x86/xcph-x86.c`.
 *
 * Numbers have a fixed width (8 or 16 digits, zero- or space-padded), so whatever another CPU printed right behind the last
 * digit is not taken for part of the number.
 */
import type { WordSize } from '../../addresses.js';
import { isHex } from './cpu-tag.js';

export type DumpRecord =
  | { readonly kind: 'header'; readonly vector?: number; readonly style: 'none' | 'bare' | 'decimal' }
  | { readonly kind: 'error-code'; readonly digits: string }
  | { readonly kind: 'state' }
  | {
      readonly kind: 'pc';
      readonly label: 'EIP' | 'RIP';
      readonly flagsLabel?: 'EFLAGS' | 'RFLAGS';
      readonly width?: WordSize;
      readonly cs?: bigint;
      readonly pc?: bigint;
      readonly flags?: bigint;
      readonly errorCode?: bigint;
      readonly padding?: Padding;
    }
  | { readonly kind: 'vcpu'; readonly digits: string }
  | {
      readonly kind: 'registers';
      readonly values: readonly PairValue[];
      readonly width: WordSize;
    }
  | { readonly kind: 'segments'; readonly values: readonly PairValue[] }
  | { readonly kind: 'stack-begin' }
  | { readonly kind: 'stack'; readonly address?: bigint; readonly value?: bigint; readonly width?: WordSize; readonly padding?: Padding }
  | { readonly kind: 'stack-end' };

/** A register or selector of a row; without value where it could not be read. */
export interface PairValue {
  readonly name: string;
  readonly value?: bigint;
  readonly padding?: Padding;
}

/** `bad-digit`: something stands where a digit must be. `torn`: characters are missing. `cut`: the segment ends inside the record. */
export type RecordFault = { readonly kind: 'bad-digit' | 'torn' | 'cut'; readonly what: string };

export interface RecordRead {
  readonly record: DumpRecord;
  readonly end: number;
  readonly faults: readonly RecordFault[];
}

export type Padding = 'zeros' | 'blanks';

interface Value {
  readonly value?: bigint;
  readonly end: number;
  readonly fault?: RecordFault['kind'];
  /** What fills the places before the first digit that counts; absent where none does. */
  readonly padding?: Padding;
}

const toBigInt = BigInt;
const { min } = Math;

/**
 * A number of `width` places after `0x`. Space-padded ones (amd64 until 2021-12-29) may have lost blanks in a browser; a padded
 * number has no zero in front, so a blank in the place of a digit is told from padding in all but one case in sixteen, and the
 * rest by the other numbers of the dump.
 */
export function readNumber(text: string, at: number, width: number): Value {
  const mark = text.slice(at, at + 2);
  if (mark !== '0x' && mark !== '0X') {
    if (text.length < at + 2) return { end: text.length, fault: 'cut' };
    return { end: skipToken(text, at, width + 2), fault: hexRun(text, at + 2) > 0 ? 'bad-digit' : 'torn' };
  }
  const start = at + 2;
  let blanks = 0;
  while (blanks < width - 1 && text.charCodeAt(start + blanks) === 0x20) blanks += 1;
  const digits = min(hexRun(text, start + blanks), width - blanks);
  const end = start + blanks + digits;
  if (blanks > 0) {
    const sized = digits > 0 && (blanks + digits === width || blanks === 1);
    const zero = text.charCodeAt(start + blanks) === 0x30 && digits > 1;
    if (width === 16 && sized && !zero) return { value: toBigInt(`0x${text.slice(start + blanks, end)}`), end, padding: 'blanks' };
    if (end >= text.length && !zero) return { end: text.length, fault: 'cut' };
    return { end, fault: sized ? 'bad-digit' : 'torn' };
  }
  if (digits === width) {
    const value = toBigInt(`0x${text.slice(start, end)}`);
    return text.charCodeAt(start) === 0x30 && width > 4 ? { value, end, padding: 'zeros' } : { value, end };
  }
  if (end >= text.length) return { end: text.length, fault: 'cut' };
  const letter = /[\w?]/.test(text.charAt(end));
  return { end: skipToken(text, end, width - digits), fault: letter ? 'bad-digit' : 'torn' };
}

function hexRun(text: string, at: number): number {
  let end = at;
  while (isHex(text.charCodeAt(end))) end += 1;
  return end - at;
}

/** Past at most `most` word characters: the rest of a damaged number. */
function skipToken(text: string, at: number, most: number): number {
  let end = at;
  const last = Math.min(text.length, at + most);
  while (end < last && /\w/.test(text.charAt(end))) end += 1;
  return end;
}

interface Shape {
  /** Sticky; what the record starts with, behind tag, colon and blanks. */
  readonly opener: RegExp;
  read(text: string, match: RegExpExecArray, end: number): RecordRead | undefined;
}

const shapes: readonly Shape[] = [
  { opener: /Stack\(/y, read: (text, _match, end) => readStack(text, end) },
  { opener: /(?:[ER](?:AX|BX|CX|DX|SI|DI|BP|SP)|R(?:8|9|1[0-5])) ?=/y, read: (text, match) => readRegisters(text, match.index) },
  { opener: /(?:[C-G]S|SS|TR) ?=/y, read: (text, match) => readSegments(text, match.index) },
  { opener: /CS:([ER]IP) (?!=)/y, read: (text, match, end) => readPc(text, end, match[1] === 'RIP' ? 'RIP' : 'EIP') },
  { opener: /VCPU at /y, read: (text, _match, end) => readDigits(text, end, 'vcpu') },
  { opener: /error code: /y, read: (text, _match, end) => readDigits(text, end, 'error-code') },
  { opener: /state dump(?: follows)?(?:\.{1,3}|:)?/y, read: (_text, _match, end) => ({ record: { kind: 'state' }, end, faults: [] }) },
  {
    opener: /-{1,8} ?stack dump(?: \(\d{1,4} entries\))? ?-{0,8}/y,
    read: (_text, _match, end) => ({ record: { kind: 'stack-begin' }, end, faults: [] }),
  },
  { opener: /-{1,8} ?end ?-{0,16}/y, read: (_text, _match, end) => ({ record: { kind: 'stack-end' }, end, faults: [] }) },
  { opener: /unhandled exception/y, read: (text, _match, end) => readHeader(text, end) },
];

/** The record that starts at `at` (blanks and one colon are passed over), or `undefined`: none of the dump's. */
export function recordAt(text: string, at: number): RecordRead | undefined {
  let start = at;
  while (text.charCodeAt(start) === 0x20 || text.charCodeAt(start) === 0x09) start += 1;
  if (text.charCodeAt(start) === 0x3a) start += 1;
  while (text.charCodeAt(start) === 0x20 || text.charCodeAt(start) === 0x09) start += 1;
  for (const shape of shapes) {
    shape.opener.lastIndex = start;
    const match = shape.opener.exec(text);
    if (match !== null) return shape.read(text, match, shape.opener.lastIndex);
  }
  return undefined;
}

const headerTail = /(?: ([0-9a-fA-F]{1,2})(?: \(0x([0-9a-fA-F]{1,2})\))?)?, ?halting!/y;

/** `exception 13 (0xd)` since da54b32fe; before it the bare number is hexadecimal: `exception 12` is vector 18. */
function readHeader(text: string, at: number): RecordRead | undefined {
  headerTail.lastIndex = at;
  const match = headerTail.exec(text);
  if (match === null) {
    const rest = text.slice(at, at + 40);
    if (/^ (?:\S{1,3} (?:\(\S{2,5}|\S{2,4}\))|\S{1,2}), ?halting/.test(rest)) {
      return { record: { kind: 'header', style: 'none' }, end: endOfHeader(text, at), faults: [{ kind: 'bad-digit', what: 'vector' }] };
    }
    const loose = /^ ([0-9]{1,3}) \(0x([0-9a-fA-F]{1,2})\)/.exec(rest);
    const cut = /^[ 0-9a-zA-Z(),]{0,24}!?$/.test(rest);
    if (loose === null && !cut) return undefined;
    const vector = loose === null ? undefined : agreed(loose[1], loose[2]);
    const record: DumpRecord = vector === undefined ? { kind: 'header', style: 'none' } : { kind: 'header', vector, style: 'decimal' };
    return { record, end: loose === null ? text.length : at + loose[0].length, faults: [{ kind: cut ? 'cut' : 'torn', what: 'vector' }] };
  }
  const [, first, second] = match;
  const end = headerTail.lastIndex;
  if (first === undefined) return { record: { kind: 'header', style: 'none' }, end, faults: [] };
  if (second === undefined) return { record: { kind: 'header', vector: Number.parseInt(first, 16), style: 'bare' }, end, faults: [] };
  const vector = agreed(first, second);
  if (vector === undefined) return { record: { kind: 'header', style: 'decimal' }, end, faults: [{ kind: 'bad-digit', what: 'vector' }] };
  return { record: { kind: 'header', vector, style: 'decimal' }, end, faults: [] };
}

function agreed(decimal: string | undefined, hexadecimal: string | undefined): number | undefined {
  if (decimal === undefined || hexadecimal === undefined || !/^\d+$/.test(decimal)) return undefined;
  const value = Number.parseInt(decimal, 10);
  return value === Number.parseInt(hexadecimal, 16) ? value : undefined;
}

function endOfHeader(text: string, at: number): number {
  const found = text.indexOf('halting!', at);
  return found < 0 ? text.length : found + 'halting!'.length;
}

const flagsLabel = / ?with ([ER]FLAGS) ?= ?/y;
const errorCodeTail = /, ?errorcode ?= ?(?:0x)?([0-9a-fA-F]{8})(?:[0-9a-fA-F]{8})?/y;

function readPc(text: string, at: number, label: 'EIP' | 'RIP'): RecordRead {
  const faults: RecordFault[] = [];
  const note = (value: Value, what: string) => {
    if (value.fault !== undefined) faults.push({ kind: value.fault, what });
  };
  const cs = readNumber(text, at, 4);
  note(cs, 'CS');
  let end = cs.end;
  if (text.charCodeAt(end) === 0x3a) end += 1;
  else if (faults.length === 0) faults.push({ kind: end >= text.length ? 'cut' : 'torn', what: label });
  // The width is what stands between the colon and ` with`; amd64 builds until 2021-12-08 print `CS:EIP` too.
  const withAt = text.indexOf(' with', end);
  const places = withAt < 0 ? 0 : withAt - end - 2;
  const width: WordSize | undefined = places === 16 ? 8 : places === 8 ? 4 : undefined;
  const wanted = (width ?? (label === 'RIP' ? 8 : guessWidth(text, end))) * 2;
  const read = readNumber(text, end, wanted);
  // Eight digits at the end of the text may be the first half of sixteen.
  const halved = width === undefined && label === 'EIP' && read.end >= text.length && wanted === 8;
  const pc: Value = halved ? { end: read.end, fault: 'cut' } : read;
  note(pc, label);
  end = withAt >= 0 && withAt - pc.end < 20 ? withAt : pc.end;
  flagsLabel.lastIndex = end;
  const match = flagsLabel.exec(text);
  const known = { ...(cs.value === undefined ? {} : { cs: cs.value }), ...(pc.value === undefined ? {} : { pc: pc.value }) };
  const padding = pc.padding === undefined ? {} : { padding: pc.padding };
  if (match === null) {
    const rest = text.slice(end, end + 14);
    faults.push({ kind: ' with EFLAGS=0'.startsWith(rest.trimEnd()) || rest.length < 8 ? 'cut' : 'torn', what: 'FLAGS' });
    return { record: { kind: 'pc', label, ...padding, ...known, ...(width === undefined ? {} : { width }) }, end, faults };
  }
  const flags = readNumber(text, flagsLabel.lastIndex, (width ?? guessWidth(text, flagsLabel.lastIndex)) * 2);
  note(flags, match[1] ?? 'FLAGS');
  end = flags.end;
  errorCodeTail.lastIndex = end;
  const tail = errorCodeTail.exec(text);
  if (tail !== null) end = errorCodeTail.lastIndex;
  return {
    record: {
      kind: 'pc',
      label,
      ...padding,
      flagsLabel: match[1] === 'RFLAGS' ? 'RFLAGS' : 'EFLAGS',
      ...known,
      ...(width === undefined ? {} : { width }),
      ...(flags.value === undefined ? {} : { flags: flags.value }),
      ...(tail?.[1] === undefined ? {} : { errorCode: toBigInt(`0x${tail[1]}`) }),
    },
    end,
    faults,
  };
}

function guessWidth(text: string, at: number): WordSize {
  // Only amd64 builds ever padded with blanks.
  return /^0x(?: |[0-9a-fA-F]{16})/.test(text.slice(at, at + 18)) ? 8 : 4;
}

/** The width of these two is known only with the rest of the dump, so the digits are kept. */
function readDigits(text: string, at: number, kind: 'vcpu' | 'error-code'): RecordRead {
  const wide = guessWidth(text, at) === 8;
  const value = readNumber(text, at, wide ? 16 : 8);
  const digits = text.slice(at, at + 18);
  return { record: { kind, digits }, end: value.end, faults: value.fault === undefined ? [] : [{ kind: value.fault, what: kind }] };
}

const registerName = /[ \t,]{0,8}([ER](?:AX|BX|CX|DX|SI|DI|BP|SP)|R(?:8|9|1[0-5])) ?= ?/y;
const segmentName = /[ \t,]{0,8}((?:[C-G]S|SS|TR)) ?= ?/y;

/** A row with fewer pairs than the printer puts in one: the rest may stand in the next line. */
export function isShortRow(record: DumpRecord): boolean {
  switch (record.kind) {
    case 'registers':
      return record.values.length < pairsInRow(record.width === 4 ? 'E' : 'R');
    case 'segments':
      return record.values.length < pairsInRow(record.values[0]?.name.toUpperCase() ?? '');
    default:
      return false;
  }
}

/** By the start of its first name; amd64 builds before 2021-12-08 put four registers in a row, later ones two. */
function pairsInRow(start: string): number {
  switch (start) {
    case 'E':
    case 'CS':
      return 4;
    case 'R':
    case 'FS':
      return 2;
    default:
      return 1;
  }
}

/** Pairs behind the break of a short row: one may be all that is left. */
export function restOfRow(text: string, at: number): RecordRead {
  registerName.lastIndex = at;
  return registerName.test(text) ? readRegisters(text, at, 1) : readSegments(text, at, 1);
}

function readRegisters(text: string, at: number, inRow = pairsInRow(text.charAt(at))): RecordRead {
  const width = text.charAt(at) === 'E' ? 4 : 8;
  const { values, end, faults } = readPairs(text, at, registerName, width * 2, inRow);
  return { record: { kind: 'registers', values, width }, end, faults };
}

function readSegments(text: string, at: number, inRow = pairsInRow(text.slice(at, at + 2))): RecordRead {
  const { values, end, faults } = readPairs(text, at, segmentName, 4, inRow);
  return { record: { kind: 'segments', values }, end, faults };
}

/** `inRow`: how many pairs the printer puts in this row, at the least. */
function readPairs(text: string, at: number, name: RegExp, width: number, inRow: number) {
  const values: PairValue[] = [];
  const faults: RecordFault[] = [];
  let end = at;
  for (let guard = 0; guard < 8; guard += 1) {
    name.lastIndex = end;
    let match = name.exec(text);
    if (match === null && values.length < inRow) {
      const last = values[values.length - 1];
      if (last?.value !== undefined && end < text.length && !/[ ,\t]/.test(text.charAt(end))) {
        // No blank before the next name and no next name: pieces of two numbers may look like one.
        values[values.length - 1] = { name: last.name };
        faults.push({ kind: 'torn', what: last.name.toUpperCase() });
      }
      const next = nextPair(text, end);
      if (next !== undefined) {
        faults.push({ kind: 'torn', what: 'register name' });
        name.lastIndex = next;
        match = name.exec(text);
      }
    }
    if (match?.[1] === undefined) break;
    const number = readNumber(text, name.lastIndex, width);
    if (number.fault !== undefined) faults.push({ kind: number.fault, what: match[1] });
    values.push({
      name: match[1].toLowerCase(),
      ...(number.value === undefined ? {} : { value: number.value }),
      ...(number.padding === undefined ? {} : { padding: number.padding }),
    });
    end = number.end;
  }
  return { values, end, faults };
}

const pairInRow = /[ ,\t](?:[ER](?:AX|BX|CX|DX|SI|DI|BP|SP)|R(?:8|9|1[0-5])|[C-G]S|SS) ?=0x/;

/** The next pair of a row behind one whose name is damaged: not far, and before any other tag. */
function nextPair(text: string, from: number): number | undefined {
  const found = pairInRow.exec(text.slice(from, from + 48));
  return found === null || text.slice(from, from + found.index).includes('[') ? undefined : from + found.index;
}

const arrow = /\) ?-{0,3}> ?/y;

function readStack(text: string, at: number): RecordRead {
  const close = text.indexOf(')', at);
  const places = close < 0 ? 0 : close - at - 2;
  const width: WordSize | undefined = places === 16 ? 8 : places === 8 ? 4 : undefined;
  const address = readNumber(text, at, (width ?? guessWidth(text, at)) * 2);
  const faults: RecordFault[] = address.fault === undefined ? [] : [{ kind: address.fault, what: 'address' }];
  const known = { ...(address.value === undefined ? {} : { address: address.value }), ...(width === undefined ? {} : { width }) };
  arrow.lastIndex = close >= 0 && close - address.end < 20 ? close : address.end;
  if (arrow.exec(text) === null) {
    const rest = text.slice(address.end, address.end + 8);
    if (faults.length === 0) faults.push({ kind: rest.length < 5 ? 'cut' : 'torn', what: 'value' });
    return { record: { kind: 'stack', ...known }, end: address.end, faults };
  }
  const value = readNumber(text, arrow.lastIndex, (width ?? guessWidth(text, arrow.lastIndex)) * 2);
  if (value.fault !== undefined) faults.push({ kind: value.fault, what: 'value' });
  const padding = value.padding ?? address.padding;
  return {
    record: {
      kind: 'stack',
      ...known,
      ...(value.value === undefined ? {} : { value: value.value }),
      ...(padding === undefined ? {} : { padding }),
    },
    end: value.end,
    faults,
  };
}
