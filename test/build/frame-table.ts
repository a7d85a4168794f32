/** What readelf said of call-frame information: rows of `fixtures/unwind/frames/*.frames.txt`. */

export interface FrameRow {
  readonly at: number;
  /** `rsp+16`, `ebp+8`, or `exp` where it is an expression. */
  readonly cfa: string;
  /** By register name: `c-16` (saved at CFA - 16), `u` (as at the entry), others as printed. */
  readonly registers: ReadonlyMap<string, string>;
}

export interface FrameEntry {
  readonly start: number;
  readonly end: number;
  /** Empty where nothing changes from the entry on. */
  readonly rows: readonly FrameRow[];
}

export function readFrameTable(text: string): readonly FrameEntry[] {
  const entries: { start: number; end: number; rows: FrameRow[] }[] = [];
  let current: FrameRow[] | undefined;
  let columns: readonly string[] = [];
  for (const line of text.split('\n')) {
    const [first = '', second = '', ...rest] = line.trim().split(' ');
    if (first === 'CIE') current = undefined;
    else if (first === 'FDE') {
      const rows: FrameRow[] = [];
      entries.push({ start: Number.parseInt(second, 16), end: Number.parseInt(rest[0] ?? '', 16), rows });
      current = rows;
    } else if (first === 'LOC') columns = rest;
    else if (first !== '') {
      current?.push({
        at: Number.parseInt(first, 16),
        cfa: second,
        registers: new Map(columns.map((name, index) => [name, rest[index] ?? 'u'])),
      });
    }
  }
  return entries.sort((a, b) => a.start - b.start);
}

/** The row that holds at an address; `undefined` for the state of the entry. */
export function rowAt(entry: FrameEntry, address: number): FrameRow | undefined {
  return entry.rows.findLast((row) => row.at <= address);
}
