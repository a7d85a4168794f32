/**
 * All entries of one unit, in order, without recursion.
 *
 * In: a unit and its bytes. Out: calls of `visit` for the entries of wanted tags, with their depth (1 below the root). Refuses what
 * `subroutines.ts` refuses: deep trees, codes without a declaration, more attributes than the budget allows.
 */
import { Cursor } from '../bytes/cursor.js';
import { limits } from '../limits.js';
import { attributeCount, hasChildren, placeOf, siblingOf, skipAttributes, tagOf } from './abbrev.js';
import { Entry } from './entry.js';
import { type DebugSections, spend } from './sections.js';
import type { Unit } from './unit.js';

export function walkEntries(
  unit: Unit,
  bytes: Uint8Array,
  sections: DebugSections,
  wanted: ReadonlySet<number>,
  visit: (entry: Entry, depth: number) => void,
): void {
  const { abbrevs } = unit;
  const cursor = new Cursor(bytes, unit.info.where, unit.offset, unit.firstDie - unit.offset);
  let depth = 0;
  while (cursor.at < cursor.end) {
    const at = cursor.at;
    const code = cursor.uleb();
    if (code === 0) {
      depth--;
      if (depth <= 0) return;
      continue;
    }
    const place = placeOf(abbrevs, code);
    if (place === 0) throw cursor.fail('malformed', `abbreviation ${code} is not declared`);
    spend(sections.budget, 'attributes', attributeCount(abbrevs, place) + 1);
    if (wanted.has(tagOf(abbrevs, place))) {
      const entry = Entry.read(unit, bytes, unit.offset + at, sections);
      if (entry !== undefined) visit(entry, depth);
    }
    skipAttributes(cursor, abbrevs, place, unit);
    if (hasChildren(abbrevs, place)) depth++;
    else if (depth === 0) return;
    if (depth > limits.dieDepth) throw cursor.fail('limit', `entries nested ${depth} deep`);
  }
}

/** Adds the direct children of the entry at `die` to `found`; what was read before an error stays there. */
export function readChildren(unit: Unit, bytes: Uint8Array, die: number, sections: DebugSections, found: Entry[]): void {
  const parent = Entry.read(unit, bytes, die, sections);
  if (!parent?.hasChildren) return;
  const { abbrevs } = unit;
  const cursor = new Cursor(bytes, unit.info.where, unit.offset, die - unit.offset);
  cursor.uleb();
  skipAttributes(cursor, abbrevs, parent.declaration, unit);
  let depth = 0;
  for (;;) {
    const at = cursor.at;
    const code = cursor.uleb();
    if (code === 0) {
      if (depth === 0) return;
      depth--;
      continue;
    }
    const place = placeOf(abbrevs, code);
    if (place === 0) throw cursor.fail('malformed', `abbreviation ${code} is not declared`);
    spend(sections.budget, 'attributes', attributeCount(abbrevs, place) + 1);
    if (depth === 0) {
      const entry = Entry.read(unit, bytes, unit.offset + at, sections);
      if (entry !== undefined) found.push(entry);
    }
    const siblingAt = hasChildren(abbrevs, place) ? siblingOf(abbrevs, place) : -1;
    if (siblingAt >= 0) {
      cursor.at += siblingAt;
      const sibling = cursor.u32();
      if (sibling <= at || sibling > cursor.end)
        throw cursor.fail('malformed', `sibling at 0x${sibling.toString(16)}, not behind its entry`);
      cursor.at = sibling;
      continue;
    }
    skipAttributes(cursor, abbrevs, place, unit);
    if (hasChildren(abbrevs, place)) depth++;
    if (depth > limits.dieDepth) throw cursor.fail('limit', `entries nested ${depth} deep`);
  }
}
