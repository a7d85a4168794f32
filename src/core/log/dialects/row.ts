/**
 * A dialect's patterns are rows of a table; this is the engine that runs them.
 *
 * In: rows and one segment. Out: calls to each row's `take`. Refuses: to run a pattern where its literal does not stand:
 * every pattern is sticky and starts at (or a bounded way before) a literal that a plain search has found.
 */
import type { LineNumber } from '../crash-log.js';
import { lettersOf } from '../log-text.js';

export interface RowContext {
  readonly line: LineNumber;
  /** The whole segment. */
  readonly text: string;
  /** Where the match starts. */
  readonly at: number;
  /** From `CPU(0x04): ` right before the match, or from the match's own start. */
  readonly cpu?: string;
}

export interface Row<State> {
  /** The literal that must stand in the line, and where the match begins. */
  readonly probe: string;
  /** Sticky, matched where the probe stands. */
  readonly pattern: RegExp;
  /** What one match is worth as evidence for the dialect. */
  readonly worth: number;
  take(state: State, match: RegExpExecArray, context: RowContext): void;
}

/** Rows with the set of characters that each one's literal needs. */
export interface RowTable<State> {
  readonly rows: readonly (Row<State> & { readonly needs: number })[];
}

export function rowTable<State>(rows: readonly Row<State>[]): RowTable<State> {
  return { rows: rows.map((row) => ({ ...row, needs: lettersOf(row.probe) })) };
}

/** Runs every row over the segment; `letters` is `lettersOf(text)`. Answers the sum of the evidence. */
export function runRows<State>(table: RowTable<State>, state: State, text: string, letters: number, line: LineNumber): number {
  let worth = 0;
  for (const row of table.rows) {
    if ((letters & row.needs) !== row.needs) continue;
    let at = text.indexOf(row.probe);
    while (at >= 0) {
      row.pattern.lastIndex = at;
      const match = row.pattern.exec(text);
      if (match === null) {
        at = text.indexOf(row.probe, at + 1);
        continue;
      }
      const cpu = cpuBefore(text, at);
      row.take(state, match, cpu === undefined ? { line, text, at } : { line, text, at, cpu });
      worth += row.worth;
      const end = row.pattern.lastIndex;
      at = text.indexOf(row.probe, end > at ? end : at + 1);
    }
  }
  return worth;
}

/** The APIC id of `CPU(0x04): ` that ends at `at`. */
export function cpuBefore(text: string, at: number): string | undefined {
  const start = at - 11;
  if (start < 0 || !text.startsWith('CPU(0x', start) || !text.startsWith('): ', at - 3)) return undefined;
  const id = text.slice(start + 6, start + 8);
  return /^[0-9a-fA-F]{2}$/.test(id) ? id.toLowerCase() : undefined;
}
