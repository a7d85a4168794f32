/**
 * Location lists: `.debug_loc` (DWARF 4 §2.6.2) and `.debug_loclists` (DWARF 5 §7.29).
 *
 * In: an entry's attribute and a pc. Out: the expression that holds there, `undefined` where the list has none. Refuses: lists that run
 * out of their section, and more entries than the file's budget.
 */
import { FormatError } from '../bytes/format-error.js';
import * as D from './constants.js';
import type { Entry } from './entry.js';
import { indexedAddress, neededSection } from './form.js';
import { tombstone } from './ranges.js';
import { type DebugSections, spend } from './sections.js';
import type { Unit } from './unit.js';

const TWO_32 = 2 ** 32;
/** Bytes of a list that are looked at; longer lists are read in one more step. */
const PIECE = 16 * 1024;

/** Of DW_AT_location, DW_AT_frame_base and the like. */
export function locationAt(entry: Entry, attribute: number, pc: number, sections: DebugSections): Uint8Array | undefined {
  const form = entry.form(attribute);
  if (form === undefined) return undefined;
  const block = entry.block(attribute);
  if (block !== undefined) return block;
  const offset = entry.unsigned(attribute);
  if (offset === undefined) return undefined;
  const { unit } = entry;
  if (unit.version < 5) return oldListAt(unit, offset, pc, sections);
  return listAt(unit, form === D.DW_FORM_loclistx ? indexedList(unit, offset, sections) : offset, pc, sections);
}

function indexedList(unit: Unit, index: number, sections: DebugSections): number {
  const { loclists } = unit.bases;
  if (loclists === undefined)
    throw new FormatError('malformed', unit.info.where, unit.offset, 'indexed location list in a unit without DW_AT_loclists_base');
  const size = unit.offsetSize;
  return (
    loclists +
    neededSection(sections, 'loclists')
      .cursor(loclists + index * size, size)
      .offset(size)
  );
}

function wrap(address: number, size: number): number {
  return size === 4 && address >= TWO_32 ? address - TWO_32 : address;
}

function oldListAt(unit: Unit, offset: number, pc: number, sections: DebugSections): Uint8Array | undefined {
  const section = neededSection(sections, 'loc');
  const size = unit.addressSize;
  const highest = tombstone(size);
  let base = unit.lowPc;
  let at = offset;
  let cursor = section.cursor(at, Math.min(PIECE, section.size - at));
  for (;;) {
    spend(sections.budget, 'listEntries', 1);
    // An entry is two addresses, a length and at most 64 KiB.
    if (cursor.left < 0x10020 && at + cursor.end < section.size) {
      at += cursor.at;
      cursor = section.cursor(at, Math.min(PIECE + 0x10020, section.size - at));
    }
    const start = cursor.address(size);
    const end = cursor.address(size);
    if (start === 0 && end === 0) return undefined;
    if (start === highest) {
      base = end;
      continue;
    }
    const expression = cursor.take(cursor.u16());
    if (wrap(base + start, size) <= pc && pc < wrap(base + end, size)) return expression;
  }
}

function listAt(unit: Unit, offset: number, pc: number, sections: DebugSections): Uint8Array | undefined {
  const section = neededSection(sections, 'loclists');
  const size = unit.addressSize;
  let base = unit.lowPc;
  let fallback: Uint8Array | undefined;
  let at = offset;
  let cursor = section.cursor(at, Math.min(PIECE, section.size - at));
  for (;;) {
    spend(sections.budget, 'listEntries', 1);
    if (cursor.left < PIECE / 2 && at + cursor.end < section.size) {
      at += cursor.at;
      cursor = section.cursor(at, Math.min(4 * PIECE, section.size - at));
    }
    const kind = cursor.u8();
    let start = 0;
    let end = 0;
    switch (kind) {
      case 0: // DW_LLE_end_of_list
        return fallback;
      case 1: // DW_LLE_base_addressx
        base = indexedAddress(unit, cursor.uleb(), sections);
        continue;
      case 2: // DW_LLE_startx_endx
        start = indexedAddress(unit, cursor.uleb(), sections);
        end = indexedAddress(unit, cursor.uleb(), sections);
        break;
      case 3: // DW_LLE_startx_length
        start = indexedAddress(unit, cursor.uleb(), sections);
        end = start + cursor.uleb();
        break;
      case 4: // DW_LLE_offset_pair
        start = wrap(base + cursor.uleb(), size);
        end = wrap(base + cursor.uleb(), size);
        break;
      case 5: // DW_LLE_default_location
        fallback = cursor.take(cursor.uleb());
        continue;
      case 6: // DW_LLE_base_address
        base = cursor.address(size);
        continue;
      case 7: // DW_LLE_start_end
        start = cursor.address(size);
        end = cursor.address(size);
        break;
      case 8: // DW_LLE_start_length
        start = cursor.address(size);
        end = start + cursor.uleb();
        break;
      case 9: // DW_LLE_GNU_view_pair
        cursor.skipLeb();
        cursor.skipLeb();
        continue;
      default:
        throw cursor.fail('unsupported', `location list entry kind 0x${kind.toString(16)}`);
    }
    const expression = cursor.take(cursor.uleb());
    if (start <= pc && pc < end) return expression;
  }
}
