/**
 * Rows of msr.csv by address, found by bisection in the text: of its 2,333 rows only the few that are asked for are parsed.
 *
 * In: the text and an address. Out: rows, `IA32_` names first (they are the architectural ones). Refuses: a row that does not
 * hold the columns throws `FormatError`.
 *
 * The file is sorted by first address. Rows may cover a run of addresses, the longest 960; a row that starts up to
 * `longestRun` before the address may still cover it.
 */
import { FormatError } from '../bytes/format-error.js';

export interface MsrRow {
  readonly start: number;
  readonly end: number;
  readonly name: string;
  readonly vendor: 'intel' | 'amd' | 'both';
  readonly access: 'ro' | 'rw' | 'wo';
  /** In the grammar of condition.ts. */
  readonly existsWhen: string;
  /** What makes a write (or a read) fault although the MSR exists; '' where nothing is known. */
  readonly reservedBitsNote: string;
  readonly source: string;
  /** Where manuals or emulators disagree; '' where no disagreement is known. */
  readonly errata: string;
  /** A second condition that a manual prints; absent in all but 18 rows. `existsWhen` is the one that holds. */
  readonly alsoStated?: { readonly when: string; readonly source: string };
}

const where = 'msr.csv';
/** One more than the longest run in the file (C0002040H to C00023FFH). */
const longestRun = 961;
/** Eight hex digits stand first in every row. */
const addressDigits = 8;

/** Rows whose range holds the address. */
export function msrRows(table: string, address: number): readonly MsrRow[] {
  const found: MsrRow[] = [];
  for (let at = firstRowFrom(table, address - longestRun); at < table.length; at = afterRow(table, at)) {
    if (startOf(table, at) > address) break;
    if (Number.parseInt(table.slice(at + addressDigits + 1, at + 2 * addressDigits + 1), 16) < address) continue;
    found.push(parseRow(table, at));
  }
  const rank = (row: MsrRow): number => (row.name.startsWith('IA32_') ? 0 : 1);
  return found.sort((a, b) => rank(a) - rank(b));
}

/** Every row, for tests of the whole table. */
export function allRows(table: string): MsrRow[] {
  const rows: MsrRow[] = [];
  for (let at = afterRow(table, 0); at < table.length; at = afterRow(table, at)) rows.push(parseRow(table, at));
  return rows;
}

/** Offset of the first row whose first address is at least `address`; the table's length where there is none. */
function firstRowFrom(table: string, address: number): number {
  let low = afterRow(table, 0);
  let high = table.length;
  while (low < high) {
    const middle = Math.max(low, table.lastIndexOf('\n', (low + high) >> 1) + 1);
    if (startOf(table, middle) < address) low = afterRow(table, middle);
    else high = middle;
  }
  return low;
}

/** Fields hold no line breaks. */
function afterRow(table: string, at: number): number {
  const end = table.indexOf('\n', at);
  return end < 0 ? table.length : end + 1;
}

function startOf(table: string, at: number): number {
  const digits = table.slice(at, at + addressDigits);
  if (!/^[0-9A-F]{8}$/.test(digits)) throw new FormatError('malformed', where, at, `no address: "${digits}"`);
  return Number.parseInt(digits, 16);
}

function parseRow(table: string, at: number): MsrRow {
  const end = table.indexOf('\n', at);
  const fields = splitFields(table.slice(at, end < 0 ? table.length : end), at);
  const [, last = '', name = '', vendor, access, existsWhen = '', reservedBitsNote = '', source = '', errata = '', when = '', by = ''] =
    fields;
  if (fields.length !== 11) throw new FormatError('malformed', where, at, `${fields.length} fields instead of 11`);
  if (vendor !== 'intel' && vendor !== 'amd' && vendor !== 'both')
    throw new FormatError('malformed', where, at, `vendor "${vendor ?? ''}"`);
  if (access !== 'ro' && access !== 'rw' && access !== 'wo') throw new FormatError('malformed', where, at, `access "${access ?? ''}"`);
  return {
    start: startOf(table, at),
    end: Number.parseInt(last, 16),
    name,
    vendor,
    access,
    existsWhen,
    reservedBitsNote,
    source,
    errata,
    ...(when !== '' && { alsoStated: { when, source: by } }),
  };
}

/** RFC 4180 without line breaks in fields. */
function splitFields(row: string, at: number): string[] {
  const fields: string[] = [];
  let next = 0;
  while (next <= row.length) {
    if (row[next] === '"') {
      const [text, after] = quotedField(row, next, at);
      fields.push(text);
      next = after + 1;
    } else {
      const comma = row.indexOf(',', next);
      const end = comma < 0 ? row.length : comma;
      fields.push(row.slice(next, end).replace(/\r$/, ''));
      next = end + 1;
    }
  }
  return fields;
}

function quotedField(row: string, from: number, at: number): [text: string, after: number] {
  let text = '';
  let next = from + 1;
  for (;;) {
    const quote = row.indexOf('"', next);
    if (quote < 0) throw new FormatError('malformed', where, at, 'a quoted field does not end');
    text += row.slice(next, quote);
    if (row[quote + 1] !== '"') return [text, quote + 1];
    text += '"';
    next = quote + 2;
  }
}
