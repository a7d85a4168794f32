/**
 * Address to unit: `.debug_aranges` (DWARF 5 §6.1.2), and the root entries of the units that it leaves out.
 *
 * In: ranges with their units. Out: disjoint ranges, sorted. Where units overlap the order is `llvm-symbolizer`'s
 * (DWARFDebugAranges::construct): a range goes on as long as its unit does, else to the unit that comes first in the file.
 */
import { FormatError } from '../bytes/format-error.js';
import type { Region } from '../bytes/region.js';
import { sortedPlaces } from '../bytes/sorted-places.js';
import { limits } from '../limits.js';
import { ownerAt } from './stretches.js';
import { readInitialLength } from './unit.js';

export interface UnitRanges {
  readonly starts: number[];
  readonly ends: number[];
  /** Offsets of units in `.debug_info`. */
  readonly units: number[];
}

export interface Aranges {
  readonly ranges: UnitRanges;
  /** Units that have a set, even an empty one. */
  readonly listed: ReadonlySet<number>;
  /** Damage that ended the reading; the units behind it are found by their root entries. */
  readonly error?: FormatError;
}

export function addRange(ranges: UnitRanges, start: number, end: number, unit: number): void {
  // A tombstone (-1, -2) seems to run over into low addresses.
  if (!(start < end) || start < 0 !== end < 0) return;
  ranges.starts.push(start);
  ranges.ends.push(end);
  ranges.units.push(unit);
}

export function readAranges(section: Region): Aranges {
  const ranges: UnitRanges = { starts: [], ends: [], units: [] };
  const listed = new Set<number>();
  let at = 0;
  try {
    while (at < section.size) {
      const head = section.cursor(at, Math.min(32, section.size - at));
      const { length, offsetSize } = readInitialLength(head);
      const next = at + head.at + length;
      const version = head.u16();
      if (version !== 2) throw head.fail('unsupported', `address ranges of version ${version}`);
      const unit = head.offset(offsetSize);
      const addressSize = head.u8();
      if (head.u8() !== 0) throw head.fail('unsupported', 'segmented addresses');
      if (addressSize !== 4 && addressSize !== 8) throw head.fail('unsupported', `address size ${addressSize}`);
      // Tuples are aligned to their size, counted from the start of the set.
      const pair = 2 * addressSize;
      const first = at + Math.ceil(head.at / pair) * pair;
      if (first > next) throw head.fail('malformed', `set of ${length} bytes`);
      const cursor = section.cursor(first, next - first);
      while (cursor.left >= pair) {
        const start = cursor.address(addressSize);
        const size = addressSize === 8 ? cursor.s64() : cursor.u32();
        if (start === 0 && size === 0) continue;
        addRange(ranges, start, start + size, unit);
      }
      if (ranges.starts.length > limits.rangeEntries) throw head.fail('limit', `more than ${limits.rangeEntries} address ranges`);
      listed.add(unit);
      at = next;
    }
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    return { ranges, listed, error };
  }
  return { ranges, listed };
}

export interface UnitIndex {
  readonly starts: Float64Array;
  readonly ends: Float64Array;
  readonly units: Float64Array;
}

export function indexUnits(ranges: UnitRanges): UnitIndex {
  const order = sortedPlaces(ranges.starts);
  if (isDisjoint(ranges, order)) return joined(ranges, order);
  return sweep(ranges);
}

function isDisjoint(ranges: UnitRanges, order: Uint32Array): boolean {
  let reached = Number.NEGATIVE_INFINITY;
  for (const place of order) {
    if ((ranges.starts[place] ?? 0) < reached) return false;
    reached = ranges.ends[place] ?? 0;
  }
  return true;
}

function joined(ranges: UnitRanges, order: Uint32Array): UnitIndex {
  return {
    starts: Float64Array.from(order, (place) => ranges.starts[place] ?? 0),
    ends: Float64Array.from(order, (place) => ranges.ends[place] ?? 0),
    units: Float64Array.from(order, (place) => ranges.units[place] ?? 0),
  };
}

function sweep(ranges: UnitRanges): UnitIndex {
  const total = ranges.starts.length;
  /** Number of a range, doubled; plus one for its end. */
  const points: number[] = [];
  for (let place = 0; place < total; place++) points.push(2 * place, 2 * place + 1);
  const addressOf = (point: number) => (point & 1 ? ranges.ends[point >> 1] : ranges.starts[point >> 1]) ?? 0;
  points.sort((one, other) => addressOf(one) - addressOf(other) || one - other);
  const starts: number[] = [];
  const ends: number[] = [];
  const units: number[] = [];
  /** Units open now, with how often; and all that were opened, the lowest first, of which the closed ones are passed over. */
  const open = new Map<number, number>();
  const heap: number[] = [];
  let previous = Number.NEGATIVE_INFINITY;
  for (const point of points) {
    const address = addressOf(point);
    if (previous < address && open.size > 0) {
      const last = ends.length - 1;
      if (last >= 0 && ends[last] === previous && open.has(units[last] ?? -1)) ends[last] = address;
      else {
        starts.push(previous);
        ends.push(address);
        units.push(lowest(heap, open));
      }
    }
    const unit = ranges.units[point >> 1] ?? 0;
    const times = (open.get(unit) ?? 0) + (point & 1 ? -1 : 1);
    if (times === 0) open.delete(unit);
    else {
      if (times === 1 && (point & 1) === 0) push(heap, unit);
      open.set(unit, times);
    }
    previous = address;
  }
  return { starts: Float64Array.from(starts), ends: Float64Array.from(ends), units: Float64Array.from(units) };
}

/** Binary heap, least first. */
function push(heap: number[], value: number): void {
  let at = heap.push(value) - 1;
  while (at > 0) {
    const above = (at - 1) >> 1;
    const other = heap[above] ?? 0;
    if (other <= value) break;
    heap[at] = other;
    at = above;
  }
  heap[at] = value;
}

function popLeast(heap: number[]): void {
  const value = heap.pop();
  if (value === undefined || heap.length === 0) return;
  let at = 0;
  for (;;) {
    let below = 2 * at + 1;
    if (below >= heap.length) break;
    if (below + 1 < heap.length && (heap[below + 1] ?? 0) < (heap[below] ?? 0)) below++;
    const other = heap[below] ?? 0;
    if (other >= value) break;
    heap[at] = other;
    at = below;
  }
  heap[at] = value;
}

function lowest(heap: number[], open: ReadonlyMap<number, number>): number {
  while (heap.length > 0 && !open.has(heap[0] ?? -1)) popLeast(heap);
  return heap[0] ?? -1;
}

/** Offset of the unit that holds the address; -1 for none. */
export function unitAt(index: UnitIndex, address: number): number {
  return ownerAt(index.starts, index.ends, index.units, address);
}
