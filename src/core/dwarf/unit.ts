/**
 * Unit headers of `.debug_info` (DWARF 5 §7.5.1) and a unit's root attributes.
 *
 * In: the section. Out: the place of every unit, cheaply, and per unit its bytes and bases when asked. Refuses nothing as a whole:
 * a unit of an unknown version is listed as such and passed over by its length.
 */
import { Cursor } from '../bytes/cursor.js';
import { FormatError } from '../bytes/format-error.js';
import type { Region } from '../bytes/region.js';
import type { AbbrevTable, FormSizes } from './abbrev.js';
import * as D from './constants.js';

export interface UnitHeader extends FormSizes {
  /** Of the unit's first header byte in `.debug_info`. */
  readonly offset: number;
  /** Of the byte behind the unit. */
  readonly end: number;
  readonly version: number;
  /** DW_UT_*; DW_UT_compile before DWARF 5. */
  readonly type: number;
  readonly addressSize: number;
  readonly offsetSize: 4 | 8;
  readonly abbrevOffset: number;
  /** Of the root entry in `.debug_info`. */
  readonly firstDie: number;
}

/** Longest header: 64-bit type unit. */
const HEADER_BYTES = 40;
const SMALLEST_UNIT = 7;
/** Chromium has about 30,000. */
const MOST_UNITS = 1_000_000;
/** Zeros read as units of no length. */
const MOST_REFUSED = 1000;

export interface UnitList {
  readonly units: readonly UnitHeader[];
  /** Units that are not read, and why. */
  readonly refused: readonly FormatError[];
}

export function listUnits(info: Region): UnitList {
  const units: UnitHeader[] = [];
  const refused: FormatError[] = [];
  let at = 0;
  while (at + SMALLEST_UNIT <= info.size) {
    if (units.length >= MOST_UNITS || refused.length >= MOST_REFUSED) {
      refused.push(new FormatError('limit', info.where, at, `more than ${MOST_UNITS} units, or ${MOST_REFUSED} damaged ones`));
      break;
    }
    const cursor = info.cursor(at, Math.min(HEADER_BYTES, info.size - at));
    const { length, offsetSize } = readInitialLength(cursor);
    const start = at + cursor.at;
    if (length > info.size - start) {
      refused.push(new FormatError('malformed', info.where, at, `unit of ${length} bytes, ${info.size - start} left`));
      break;
    }
    const end = start + length;
    try {
      // A header may not reach into the next unit.
      const own = info.cursor(at, Math.min(cursor.end, end - at));
      own.at = cursor.at;
      units.push(readUnitHeader(own, at, end, offsetSize));
    } catch (error) {
      if (!(error instanceof FormatError)) throw error;
      refused.push(error);
    }
    at = end;
  }
  return { units, refused };
}

/** DWARF 5 §7.4: 0xffffffff announces 64-bit DWARF; 0xfffffff0 and above are reserved. */
export function readInitialLength(cursor: Cursor): { length: number; offsetSize: 4 | 8 } {
  const length = cursor.u32();
  if (length < 0xfffffff0) return { length, offsetSize: 4 };
  if (length !== 0xffffffff) throw cursor.fail('malformed', `reserved unit length 0x${length.toString(16)}`);
  return { length: cursor.u64(), offsetSize: 8 };
}

function readUnitHeader(cursor: Cursor, offset: number, end: number, offsetSize: 4 | 8): UnitHeader {
  const version = cursor.u16();
  if (version < 2 || version > 5) throw cursor.fail('unsupported', `unit of DWARF version ${version}`);
  let type = D.DW_UT_compile;
  let addressSize: number;
  let abbrevOffset: number;
  if (version >= 5) {
    type = cursor.u8();
    addressSize = cursor.u8();
    abbrevOffset = cursor.offset(offsetSize);
    if (type === D.DW_UT_skeleton || type === D.DW_UT_split_compile) cursor.skip(8);
    else if (type === D.DW_UT_type || type === D.DW_UT_split_type) cursor.skip(8 + offsetSize);
    else if (type !== D.DW_UT_compile && type !== D.DW_UT_partial) throw cursor.fail('unsupported', `unit type 0x${type.toString(16)}`);
  } else {
    abbrevOffset = cursor.offset(offsetSize);
    addressSize = cursor.u8();
  }
  if (addressSize !== 4 && addressSize !== 8) throw cursor.fail('unsupported', `address size ${addressSize}`);
  const firstDie = offset + cursor.at;
  return { offset, end, version, type, addressSize, offsetSize, abbrevOffset, firstDie };
}

/** Bases of the indexed forms, from the root entry; absent where the unit has none. */
export interface UnitBases {
  readonly strOffsets?: number;
  readonly addr?: number;
  readonly rnglists?: number;
  readonly loclists?: number;
}

/** A unit whose entries can be read. */
export interface Unit extends UnitHeader {
  readonly abbrevs: AbbrevTable;
  readonly bases: UnitBases;
  readonly language: number;
  /** Of the root's DW_AT_low_pc: base of its range and location lists; 0 where it has none (DWARF 5 §2.17.3). */
  readonly lowPc: number;
  readonly info: Region;
}

/** A cursor over the whole unit, at the entry at `offset` of `.debug_info`. */
export function unitCursor(unit: Unit, bytes: Uint8Array, offset: number): Cursor {
  if (!(offset >= unit.firstDie && offset < unit.end)) {
    throw new FormatError('malformed', unit.info.where, offset, `entry outside the unit at 0x${unit.offset.toString(16)}`);
  }
  return new Cursor(bytes, unit.info.where, unit.offset, offset - unit.offset);
}
