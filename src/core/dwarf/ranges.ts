/**
 * Range lists: `.debug_ranges` (DWARF 4 §2.17.3) and `.debug_rnglists` (DWARF 5 §7.25).
 *
 * In: a unit and a list's place. Out: [start, end) pairs in list order, flat. Refuses: lists that run out of their section and
 * more than `limits.rangeEntries` entries. Tombstones (code that the linker dropped) give no range.
 */
import { FormatError } from '../bytes/format-error.js';
import * as D from './constants.js';
import { indexedAddress, neededSection } from './form.js';
import { type DebugSections, spend } from './sections.js';
import type { Unit } from './unit.js';

const TWO_32 = 2 ** 32;

/** The largest address marks dropped code since DWARF 6's proposal; linkers write it already. */
export function tombstone(addressSize: number): number {
  return addressSize === 4 ? TWO_32 - 1 : -1;
}

/** Address arithmetic wraps in 32 bits. */
function wrap(address: number, addressSize: number): number {
  return addressSize === 4 && address >= TWO_32 ? address - TWO_32 : address;
}

export function readRanges(sections: DebugSections, unit: Unit, form: number, value: number): number[] {
  if (unit.version < 5) return readOldRanges(sections, unit, value);
  if (form !== D.DW_FORM_rnglistx) return readRangeList(sections, unit, value);
  const { rnglists } = unit.bases;
  if (rnglists === undefined)
    throw new FormatError('malformed', unit.info.where, unit.offset, 'indexed range list in a unit without DW_AT_rnglists_base');
  const size = unit.offsetSize;
  const offset = neededSection(sections, 'rnglists')
    .cursor(rnglists + value * size, size)
    .offset(size);
  return readRangeList(sections, unit, rnglists + offset);
}

/** Bytes of a list that are read at a time; lists have no length. */
const PIECE = 256;

function readOldRanges(sections: DebugSections, unit: Unit, offset: number): number[] {
  const section = neededSection(sections, 'ranges');
  const size = unit.addressSize;
  const highest = tombstone(size);
  const ranges: number[] = [];
  let base = unit.lowPc;
  let at = offset;
  for (;;) {
    const length = Math.min(PIECE, section.size - at);
    const pairs = Math.floor(length / (2 * size));
    if (pairs <= 0) throw new FormatError('malformed', section.where, at, 'range list without an end');
    const cursor = section.cursor(at, pairs * 2 * size);
    for (let pair = 0; pair < pairs; pair++) {
      const start = cursor.address(size);
      const end = cursor.address(size);
      if (start === 0 && end === 0) return ranges;
      if (start === highest) base = end;
      else if (base !== highest) ranges.push(wrap(base + start, size), wrap(base + end, size));
    }
    spend(sections.budget, 'listEntries', pairs);
    at += pairs * 2 * size;
  }
}

function readRangeList(sections: DebugSections, unit: Unit, offset: number): number[] {
  const section = neededSection(sections, 'rnglists');
  const { budget } = sections;
  const size = unit.addressSize;
  const dead = tombstone(size);
  const ranges: number[] = [];
  const put = (start: number, end: number) => {
    if (start !== dead) ranges.push(start, wrap(end, size));
  };
  let base = unit.lowPc;
  let at = offset;
  let cursor = section.cursor(at, Math.min(PIECE, section.size - at));
  for (;;) {
    // No entry is longer than 1 + 2 * 10 bytes.
    if (cursor.left < 24 && at + cursor.end < section.size) {
      at += cursor.at;
      cursor = section.cursor(at, Math.min(PIECE, section.size - at));
    }
    budget.listEntries--;
    if (budget.listEntries < 0) spend(budget, 'listEntries', 0);
    const kind = cursor.u8();
    switch (kind) {
      case D.DW_RLE_end_of_list:
        return ranges;
      case D.DW_RLE_base_addressx:
        base = indexedAddress(unit, cursor.uleb(), sections);
        break;
      case D.DW_RLE_startx_endx: {
        const start = indexedAddress(unit, cursor.uleb(), sections);
        put(start, indexedAddress(unit, cursor.uleb(), sections));
        break;
      }
      case D.DW_RLE_startx_length: {
        const start = indexedAddress(unit, cursor.uleb(), sections);
        put(start, start + cursor.uleb());
        break;
      }
      case D.DW_RLE_offset_pair: {
        const start = cursor.uleb();
        const end = cursor.uleb();
        if (base !== dead) put(wrap(base + start, size), base + end);
        break;
      }
      case D.DW_RLE_base_address:
        base = cursor.address(size);
        break;
      case D.DW_RLE_start_end: {
        const start = cursor.address(size);
        put(start, cursor.address(size));
        break;
      }
      case D.DW_RLE_start_length: {
        const start = cursor.address(size);
        put(start, start + cursor.uleb());
        break;
      }
      default:
        throw cursor.fail('unsupported', `range list entry kind 0x${kind.toString(16)}`);
    }
  }
}
