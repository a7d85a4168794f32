/**
 * The subroutines of one unit: which function or inlined call owns each address (DWARF 5 §3.3).
 *
 * In: a unit's entries, walked once without recursion. Out: a flat map from address to the innermost subroutine, and each one's parent.
 * Refuses: trees deeper than `limits.dieDepth`, siblings that lie behind, and codes without a declaration.
 *
 * Overlaps follow `llvm-symbolizer` (DWARFUnit::updateAddressDieMap): entries are put in one after the other, a later one
 * cuts what lies under its start, and what begins inside it stays.
 */
import { Cursor } from '../bytes/cursor.js';
import { FormatError } from '../bytes/format-error.js';
import { sortedPlaces } from '../bytes/sorted-places.js';
import { limits } from '../limits.js';
import {
  ATTRIBUTES,
  attributeCount,
  attributePlace,
  FLAGS,
  fixedSize,
  HAS_CHILDREN,
  IS_SUBROUTINE,
  indirectForm,
  placeOf,
  siblingOf,
  skipAttributes,
  skipForm,
} from './abbrev.js';
import * as D from './constants.js';
import { isAddressForm, readAddress, readUnsigned } from './form.js';
import { readRanges, tombstone } from './ranges.js';
import { type DebugSections, spend } from './sections.js';
import { ownerAt } from './stretches.js';
import type { Unit } from './unit.js';

export interface Subroutines {
  /** Offset in `.debug_info` of each subprogram and inlined subroutine, in order of the tree. */
  readonly dies: Uint32Array | Float64Array;
  /** Index of the subroutine that holds it; -1 for none. */
  readonly parents: Int32Array;
  /** 1 for DW_TAG_inlined_subroutine. */
  readonly inlined: Uint8Array;
  /** Sorted starts of the pieces of code, their ends and their subroutines. */
  readonly starts: Float64Array;
  readonly ends: Float64Array;
  readonly owners: Int32Array;
}

/** Types cannot hold code in C; in C++ and others a class may hold a member function's code. */
const TYPE_TAGS: ReadonlySet<number> = new Set([
  D.DW_TAG_structure_type,
  D.DW_TAG_union_type,
  D.DW_TAG_class_type,
  D.DW_TAG_enumeration_type,
  D.DW_TAG_array_type,
  D.DW_TAG_subroutine_type,
]);
/** DW_LANG_C89, C, C99, C11, Mips_Assembler, C17. */
const C_LANGUAGES: ReadonlySet<number> = new Set([0x01, 0x02, 0x0c, 0x1d, 0x8001, 0x2c]);

export function readSubroutines(unit: Unit, bytes: Uint8Array, sections: DebugSections): Subroutines {
  const cursor = new Cursor(bytes, unit.info.where, unit.offset, unit.firstDie - unit.offset);
  const { abbrevs } = unit;
  const { budget } = sections;
  const isC = C_LANGUAGES.has(unit.language);
  const dies: number[] = [];
  const parents: number[] = [];
  const inlined: number[] = [];
  const found: FoundRanges = { starts: [], ends: [], owners: [] };
  const open: number[] = [];
  let current = -1;
  const { data, dense } = abbrevs;
  const { end } = cursor;
  // Most of a large image's time goes into this loop, and most units end before a compiler would speed it up: what is usual is done by hand.
  for (let at = cursor.at; at < end; at = cursor.at) {
    cursor.at = at + 1;
    let code = bytes[at] ?? 0;
    if (code === 0) {
      const outer = open.pop();
      if (outer === undefined) break;
      current = outer;
      if (open.length === 0) break;
      continue;
    }
    if (code >= 0x80) {
      cursor.at = at;
      code = cursor.uleb();
    }
    const place = code < dense.length ? (dense[code] ?? 0) : placeOf(abbrevs, code);
    if (place === 0) {
      cursor.at = at;
      throw cursor.fail('malformed', `abbreviation ${code} is not declared`);
    }
    const flags = data[place + FLAGS] ?? 0;
    budget.attributes -= (data[place + ATTRIBUTES] ?? 0) + 1;
    if (budget.attributes < 0) spend(budget, 'attributes', 0);
    if ((flags & IS_SUBROUTINE) !== 0) {
      const index = dies.length;
      dies.push(unit.offset + at);
      parents.push(current);
      inlined.push(data[place] === D.DW_TAG_inlined_subroutine ? 1 : 0);
      readCode(cursor, place, unit, sections, found, index);
      if ((flags & HAS_CHILDREN) === 0) {
        if (open.length === 0) break;
        continue;
      }
      open.push(current);
      current = index;
    } else {
      if ((flags & HAS_CHILDREN) !== 0) {
        const sibling = isC && TYPE_TAGS.has(data[place] ?? 0) ? siblingOf(abbrevs, place) : -1;
        if (sibling >= 0) {
          cursor.at += sibling;
          const next = cursor.u32();
          if (next <= at || next > end) throw cursor.fail('malformed', `sibling at 0x${next.toString(16)}, not behind its entry`);
          cursor.at = next;
          if (open.length === 0) break;
          continue;
        }
        open.push(current);
      }
      const fixed = fixedSize(data, place);
      if (fixed >= 0 && fixed <= end - cursor.at) cursor.at += fixed;
      else skipAttributes(cursor, abbrevs, place, unit);
      if (open.length === 0) break;
    }
    if (open.length > limits.dieDepth) throw cursor.fail('limit', `entries nested ${open.length} deep`);
  }
  const isSmall = unit.end < 2 ** 32;
  return {
    dies: isSmall ? Uint32Array.from(dies) : Float64Array.from(dies),
    parents: Int32Array.from(parents),
    inlined: Uint8Array.from(inlined),
    ...flatten(found),
  };
}

interface FoundRanges {
  readonly starts: number[];
  readonly ends: number[];
  readonly owners: number[];
}

/** Reads one subroutine's attributes in a single pass and notes its code. */
function readCode(cursor: Cursor, declaration: number, unit: Unit, sections: DebugSections, found: FoundRanges, index: number): void {
  const { data, constants } = unit.abbrevs;
  const end = attributePlace(declaration, attributeCount(unit.abbrevs, declaration));
  let low: number | undefined;
  let high: number | undefined;
  let isLength = false;
  let list: number | undefined;
  let listForm = 0;
  for (let place = attributePlace(declaration, 0); place < end; place += 2) {
    const attribute = data[place];
    let form = data[place + 1] ?? 0;
    if (attribute === D.DW_AT_low_pc) low = readAddress(cursor, form, unit, sections);
    else if (attribute === D.DW_AT_high_pc) {
      if (form === D.DW_FORM_indirect) form = indirectForm(cursor);
      isLength = !isAddressForm(form);
      high = isLength ? readUnsigned(cursor, form, constants.get(place + 1), unit) : readAddress(cursor, form, unit, sections);
    } else if (attribute === D.DW_AT_ranges) {
      if (form === D.DW_FORM_indirect) form = indirectForm(cursor);
      listForm = form;
      list = readUnsigned(cursor, form, constants.get(place + 1), unit);
    } else skipForm(cursor, form, unit);
  }
  if (low !== undefined && high !== undefined && low !== tombstone(unit.addressSize)) {
    addRange(found, low, isLength ? low + high : high, index);
  } else if (list !== undefined) {
    const ranges = readRanges(sections, unit, listForm, list);
    for (let place = 0; place + 1 < ranges.length; place += 2) addRange(found, ranges[place] ?? 0, ranges[place + 1] ?? 0, index);
  }
}

function addRange(found: FoundRanges, start: number, end: number, owner: number): void {
  // A tombstone (-1, -2) seems to run over into low addresses.
  if (start === end || start < 0 !== end < 0) return;
  if (found.starts.length >= limits.rangeEntries)
    throw new FormatError('limit', '.debug_info', -1, `more than ${limits.rangeEntries} ranges in one unit`);
  found.starts.push(start);
  found.ends.push(end);
  found.owners.push(owner);
}

type Pieces = Pick<Subroutines, 'starts' | 'ends' | 'owners'>;

function flatten(found: FoundRanges): Pieces {
  return flattenNested(found) ?? flattenInTurn(found);
}

/** The usual case: ranges that nest, outer before inner. `undefined` where they do not. */
function flattenNested({ starts, ends, owners }: FoundRanges): Pieces | undefined {
  const order = sortedPlaces(starts);
  const outStarts: number[] = [];
  const outEnds: number[] = [];
  const outOwners: number[] = [];
  const stack: number[] = [];
  let reached = Number.NEGATIVE_INFINITY;
  const emit = (end: number, place: number) => {
    if (end > reached) {
      outStarts.push(reached);
      outEnds.push(end);
      outOwners.push(owners[place] ?? -1);
      reached = end;
    }
  };
  for (const place of order) {
    const start = starts[place] ?? 0;
    const end = ends[place] ?? 0;
    if (end < start) return undefined;
    for (let top = stack.at(-1); top !== undefined && (ends[top] ?? 0) <= start; top = stack.at(-1)) {
      emit(ends[top] ?? 0, top);
      stack.pop();
    }
    const outer = stack.at(-1);
    if (outer !== undefined) {
      if ((ends[outer] ?? 0) < end || outer > place) return undefined;
      emit(start, outer);
    }
    reached = start;
    stack.push(place);
  }
  for (let top = stack.pop(); top !== undefined; top = stack.pop()) emit(ends[top] ?? 0, top);
  return { starts: Float64Array.from(outStarts), ends: Float64Array.from(outEnds), owners: Int32Array.from(outOwners) };
}

function flattenInTurn(found: FoundRanges): Pieces {
  const starts: number[] = [];
  const ends: number[] = [];
  const owners: number[] = [];
  /** First place whose start is above `address`. */
  const upperBound = (address: number) => {
    let low = 0;
    let high = starts.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((starts[middle] ?? 0) <= address) low = middle + 1;
      else high = middle;
    }
    return low;
  };
  const put = (start: number, end: number, owner: number) => {
    const place = upperBound(start);
    if (place > 0 && starts[place - 1] === start) {
      ends[place - 1] = end;
      owners[place - 1] = owner;
    } else {
      starts.splice(place, 0, start);
      ends.splice(place, 0, end);
      owners.splice(place, 0, owner);
    }
  };
  found.starts.forEach((start, index) => {
    const end = found.ends[index] ?? 0;
    const before = upperBound(start) - 1;
    const beforeStart = starts[before];
    const beforeEnd = ends[before];
    if (before >= 0 && beforeStart !== undefined && beforeEnd !== undefined && start < beforeEnd) {
      if (end < beforeEnd) put(end, beforeEnd, owners[before] ?? -1);
      if (start > beforeStart) ends[before] = start;
    }
    put(start, end, found.owners[index] ?? -1);
  });
  return { starts: Float64Array.from(starts), ends: Float64Array.from(ends), owners: Int32Array.from(owners) };
}

/** Index of the innermost subroutine at the address; -1 for none. */
export function subroutineAt(subroutines: Subroutines, address: number): number {
  return ownerAt(subroutines.starts, subroutines.ends, subroutines.owners, address);
}
