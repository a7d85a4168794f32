/**
 * Values of attributes by form (DWARF 5 §7.5.5, §7.5.6).
 *
 * In: a cursor at the value. Out: a number, a text, a reference. Refuses: forms of another class than asked for (`malformed`),
 * and those that point into a supplementary file or a type unit (`unsupported`).
 */
import type { Cursor } from '../bytes/cursor.js';
import { FormatError } from '../bytes/format-error.js';
import type { Region } from '../bytes/region.js';
import { indirectForm } from './abbrev.js';
import * as D from './constants.js';
import type { DebugSectionName, DebugSections } from './sections.js';
import type { Unit } from './unit.js';

const { isSafeInteger } = Number;
const toNumber = Number;

function wrongForm(cursor: Cursor, form: number, wanted: string): FormatError {
  return cursor.fail('malformed', `form 0x${form.toString(16)} where ${wanted} is wanted`);
}

export function neededSection(sections: DebugSections, name: DebugSectionName): Region {
  const section = sections.get(name);
  if (section === undefined) throw new FormatError('malformed', `.debug_${name}`, -1, 'section is missing');
  return section;
}

/** Of the classes constant, flag and section offset. Not below zero. */
export function readUnsigned(cursor: Cursor, form: number, constant: number | bigint | undefined, unit: Unit): number {
  const value = readConstant(cursor, form, constant, unit);
  if (typeof value === 'number' && value >= 0) return value;
  const number = toNumber(value);
  if (value < 0 || !isSafeInteger(number)) throw cursor.fail('malformed', `number ${value} out of range`);
  return number;
}

/** Of the classes constant, flag and section offset: signed for `sdata` and `implicit_const`, else unsigned. */
export function readConstant(cursor: Cursor, form: number, constant: number | bigint | undefined, unit: Unit): number | bigint {
  switch (form) {
    case D.DW_FORM_data1:
    case D.DW_FORM_flag:
      return cursor.u8();
    case D.DW_FORM_data2:
      return cursor.u16();
    case D.DW_FORM_data4:
      return cursor.u32();
    case D.DW_FORM_data8:
      return cursor.bigU64();
    case D.DW_FORM_udata:
    case D.DW_FORM_loclistx:
    case D.DW_FORM_rnglistx:
      return cursor.uleb();
    case D.DW_FORM_sdata:
      return cursor.anySleb();
    case D.DW_FORM_sec_offset:
      return cursor.offset(unit.offsetSize);
    case D.DW_FORM_flag_present:
      return 1;
    case D.DW_FORM_implicit_const:
      return constant ?? 0;
    case D.DW_FORM_indirect:
      return readConstant(cursor, indirectForm(cursor), undefined, unit);
    default:
      throw wrongForm(cursor, form, 'a constant');
  }
}

export function isAddressForm(form: number): boolean {
  return (
    form === D.DW_FORM_addr ||
    form === D.DW_FORM_addrx ||
    form === D.DW_FORM_GNU_addr_index ||
    (form >= D.DW_FORM_addrx1 && form <= D.DW_FORM_addrx4)
  );
}

export function readAddress(cursor: Cursor, form: number, unit: Unit, sections: DebugSections): number {
  switch (form) {
    case D.DW_FORM_addr:
      return cursor.address(unit.addressSize);
    case D.DW_FORM_addrx:
    case D.DW_FORM_GNU_addr_index:
      return indexedAddress(unit, cursor.uleb(), sections);
    case D.DW_FORM_addrx1:
      return indexedAddress(unit, cursor.u8(), sections);
    case D.DW_FORM_addrx2:
      return indexedAddress(unit, cursor.u16(), sections);
    case D.DW_FORM_addrx3:
      return indexedAddress(unit, cursor.u24(), sections);
    case D.DW_FORM_addrx4:
      return indexedAddress(unit, cursor.u32(), sections);
    case D.DW_FORM_indirect:
      return readAddress(cursor, indirectForm(cursor), unit, sections);
    default:
      throw wrongForm(cursor, form, 'an address');
  }
}

/** DWARF 5 §7.27: entry `index` of the unit's part of `.debug_addr`. */
export function indexedAddress(unit: Unit, index: number, sections: DebugSections): number {
  const { addr } = unit.bases;
  if (addr === undefined)
    throw new FormatError('malformed', unit.info.where, unit.offset, 'indexed address in a unit without DW_AT_addr_base');
  return neededSection(sections, 'addr')
    .cursor(addr + index * unit.addressSize, unit.addressSize)
    .address(unit.addressSize);
}

export function readText(cursor: Cursor, form: number, unit: Unit, sections: DebugSections): string {
  switch (form) {
    case D.DW_FORM_string:
      return cursor.text();
    case D.DW_FORM_strp:
      return neededSection(sections, 'str').text(cursor.offset(unit.offsetSize));
    case D.DW_FORM_line_strp:
      return neededSection(sections, 'line_str').text(cursor.offset(unit.offsetSize));
    case D.DW_FORM_strx:
    case D.DW_FORM_GNU_str_index:
      return indexedText(unit, cursor.uleb(), sections);
    case D.DW_FORM_strx1:
      return indexedText(unit, cursor.u8(), sections);
    case D.DW_FORM_strx2:
      return indexedText(unit, cursor.u16(), sections);
    case D.DW_FORM_strx3:
      return indexedText(unit, cursor.u24(), sections);
    case D.DW_FORM_strx4:
      return indexedText(unit, cursor.u32(), sections);
    case D.DW_FORM_strp_sup:
    case D.DW_FORM_GNU_strp_alt:
      throw cursor.fail('unsupported', 'string in a supplementary file');
    case D.DW_FORM_indirect:
      return readText(cursor, indirectForm(cursor), unit, sections);
    default:
      throw wrongForm(cursor, form, 'a string');
  }
}

/** DWARF 5 §7.26: entry `index` of the unit's part of `.debug_str_offsets`. */
function indexedText(unit: Unit, index: number, sections: DebugSections): string {
  const { strOffsets } = unit.bases;
  if (strOffsets === undefined) {
    throw new FormatError('malformed', unit.info.where, unit.offset, 'indexed string in a unit without DW_AT_str_offsets_base');
  }
  const size = unit.offsetSize;
  const offset = neededSection(sections, 'str_offsets')
    .cursor(strOffsets + index * size, size)
    .offset(size);
  return neededSection(sections, 'str').text(offset);
}

/** Offset in `.debug_info` of the entry referred to. */
export function readReference(cursor: Cursor, form: number, unit: Unit): number {
  switch (form) {
    case D.DW_FORM_ref1:
      return unit.offset + cursor.u8();
    case D.DW_FORM_ref2:
      return unit.offset + cursor.u16();
    case D.DW_FORM_ref4:
      return unit.offset + cursor.u32();
    case D.DW_FORM_ref8:
      return unit.offset + cursor.u64();
    case D.DW_FORM_ref_udata:
      return unit.offset + cursor.uleb();
    case D.DW_FORM_ref_addr:
      return unit.version === 2 ? cursor.address(unit.addressSize) : cursor.offset(unit.offsetSize);
    case D.DW_FORM_ref_sig8:
      throw cursor.fail('unsupported', 'reference into a type unit');
    case D.DW_FORM_ref_sup4:
    case D.DW_FORM_ref_sup8:
    case D.DW_FORM_GNU_ref_alt:
      throw cursor.fail('unsupported', 'reference into a supplementary file');
    case D.DW_FORM_indirect:
      return readReference(cursor, indirectForm(cursor), unit);
    default:
      throw wrongForm(cursor, form, 'a reference');
  }
}

/** Of the classes block and exprloc; `undefined` for another class. */
export function readBlock(cursor: Cursor, form: number): Uint8Array | undefined {
  switch (form) {
    case D.DW_FORM_block1:
      return cursor.take(cursor.u8());
    case D.DW_FORM_block2:
      return cursor.take(cursor.u16());
    case D.DW_FORM_block4:
      return cursor.take(cursor.u32());
    case D.DW_FORM_block:
    case D.DW_FORM_exprloc:
      return cursor.take(cursor.uleb());
    case D.DW_FORM_data16:
      return cursor.take(16);
    default:
      return undefined;
  }
}
