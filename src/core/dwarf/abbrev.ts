/**
 * Abbreviation tables (DWARF 5 §7.5.3), with the sizes of attributes worked out in advance.
 *
 * In: `.debug_abbrev` and an offset. Out: declarations by code, each with a short program that skips its attributes.
 * Refuses: unknown forms (`unsupported`: nothing behind them could be found), damaged tables.
 */
import type { Cursor } from '../bytes/cursor.js';
import { FormatError } from '../bytes/format-error.js';
import type { Region } from '../bytes/region.js';
import * as D from './constants.js';
import { type DebugBudget, spend } from './sections.js';

/** What the size of a form depends on. */
export interface FormSizes {
  readonly version: number;
  readonly addressSize: number;
  readonly offsetSize: 4 | 8;
}

/** Sizes that only the bytes themselves tell; as negative numbers, beside the fixed ones. */
export const SIZE_LEB = -1;
export const SIZE_TEXT = -2;
export const SIZE_BLOCK1 = -3;
export const SIZE_BLOCK2 = -4;
export const SIZE_BLOCK4 = -5;
export const SIZE_BLOCK = -6;
export const SIZE_INDIRECT = -7;

const UNKNOWN = -128;
const TABLED_FORMS = 0x40;
const tables = new Map<number, Int8Array>();

/** Sizes of the standard's forms for one kind of unit. */
function sizesOf(sizes: FormSizes): Int8Array {
  const key = sizes.addressSize * 64 + sizes.offsetSize * 4 + (sizes.version === 2 ? 1 : 0);
  let table = tables.get(key);
  if (table === undefined) {
    table = new Int8Array(TABLED_FORMS);
    for (let form = 0; form < TABLED_FORMS; form++) table[form] = sizeOfForm(form, sizes) ?? UNKNOWN;
    tables.set(key, table);
  }
  return table;
}

/** Bytes of a form, or one of the negative sizes; `undefined` for a form that is not known. */
export function formSize(form: number, sizes: FormSizes): number | undefined {
  if (form >= TABLED_FORMS) return sizeOfForm(form, sizes);
  const size = sizesOf(sizes)[form] ?? UNKNOWN;
  return size === UNKNOWN ? undefined : size;
}

function sizeOfForm(form: number, sizes: FormSizes): number | undefined {
  switch (form) {
    case D.DW_FORM_flag_present:
    case D.DW_FORM_implicit_const:
      return 0;
    case D.DW_FORM_data1:
    case D.DW_FORM_flag:
    case D.DW_FORM_ref1:
    case D.DW_FORM_strx1:
    case D.DW_FORM_addrx1:
      return 1;
    case D.DW_FORM_data2:
    case D.DW_FORM_ref2:
    case D.DW_FORM_strx2:
    case D.DW_FORM_addrx2:
      return 2;
    case D.DW_FORM_strx3:
    case D.DW_FORM_addrx3:
      return 3;
    case D.DW_FORM_data4:
    case D.DW_FORM_ref4:
    case D.DW_FORM_ref_sup4:
    case D.DW_FORM_strx4:
    case D.DW_FORM_addrx4:
      return 4;
    case D.DW_FORM_data8:
    case D.DW_FORM_ref8:
    case D.DW_FORM_ref_sup8:
    case D.DW_FORM_ref_sig8:
      return 8;
    case D.DW_FORM_data16:
      return 16;
    case D.DW_FORM_addr:
      return sizes.addressSize;
    case D.DW_FORM_ref_addr:
      // Address-sized in DWARF 2, offset-sized since.
      return sizes.version === 2 ? sizes.addressSize : sizes.offsetSize;
    case D.DW_FORM_strp:
    case D.DW_FORM_line_strp:
    case D.DW_FORM_strp_sup:
    case D.DW_FORM_sec_offset:
    case D.DW_FORM_GNU_ref_alt:
    case D.DW_FORM_GNU_strp_alt:
      return sizes.offsetSize;
    case D.DW_FORM_udata:
    case D.DW_FORM_sdata:
    case D.DW_FORM_ref_udata:
    case D.DW_FORM_strx:
    case D.DW_FORM_addrx:
    case D.DW_FORM_loclistx:
    case D.DW_FORM_rnglistx:
    case D.DW_FORM_GNU_addr_index:
    case D.DW_FORM_GNU_str_index:
      return SIZE_LEB;
    case D.DW_FORM_string:
      return SIZE_TEXT;
    case D.DW_FORM_block1:
      return SIZE_BLOCK1;
    case D.DW_FORM_block2:
      return SIZE_BLOCK2;
    case D.DW_FORM_block4:
      return SIZE_BLOCK4;
    case D.DW_FORM_block:
    case D.DW_FORM_exprloc:
      return SIZE_BLOCK;
    case D.DW_FORM_indirect:
      return SIZE_INDIRECT;
    default:
      return undefined;
  }
}

/**
 * Declarations by code, as numbers in one array: thousands of units each have hundreds of them. A declaration is known by its
 * place in `data`: tag, flags, place of the sibling, number of attributes, number of skips; then the attributes with their forms,
 * then the skips. Compilers number codes from 1 without holes.
 */
export interface AbbrevTable {
  readonly data: Int32Array;
  /** Place by code; 0 for a code without a declaration. */
  readonly dense: Int32Array;
  readonly sparse: ReadonlyMap<number, number>;
  /** Values of `implicit_const`, by the place of their form in `data`. */
  readonly constants: ReadonlyMap<number, number | bigint>;
}

const { min } = Math;

const TAG = 0;
export const FLAGS = 1;
const SIBLING = 2;
export const ATTRIBUTES = 3;
const SKIPS = 4;
const HEAD = 5;
export const HAS_CHILDREN = 1;
export const IS_SUBROUTINE = 2;
/** Numbers above this are none of the standard's and not stored as they are. */
const BIGGEST = 0x7fffffff;
const DENSE_CODES = 1 << 16;

/** Place of the declaration; 0 for none. */
export function placeOf(table: AbbrevTable, code: number): number {
  return code < DENSE_CODES ? (table.dense[code] ?? 0) : (table.sparse.get(code) ?? 0);
}

export function tagOf({ data }: AbbrevTable, place: number): number {
  return data[place + TAG] ?? 0;
}

export function hasChildren({ data }: AbbrevTable, place: number): boolean {
  return ((data[place + FLAGS] ?? 0) & HAS_CHILDREN) !== 0;
}

/** Bytes of all attributes where none is of variable size; else -1. */
export function fixedSize(data: Int32Array, place: number): number {
  const skips = data[place + SKIPS] ?? 0;
  if (skips === 0) return 0;
  return skips === 1 ? (data[place + HEAD + 2 * (data[place + ATTRIBUTES] ?? 0)] ?? -1) : -1;
}

/** DW_AT_sibling as `ref4` with only fixed sizes before it: its distance from the first attribute; else -1. */
export function siblingOf({ data }: AbbrevTable, place: number): number {
  return data[place + SIBLING] ?? -1;
}

export function attributeCount({ data }: AbbrevTable, place: number): number {
  return data[place + ATTRIBUTES] ?? 0;
}

/** Place of the n-th attribute's number; its form is the next. */
export function attributePlace(place: number, index: number): number {
  return place + HEAD + 2 * index;
}

/** Tables have no length: read on until the end mark shows, in growing pieces. */
export function readAbbrevTable(section: Region, offset: number, sizes: FormSizes, budget: DebugBudget): AbbrevTable {
  for (let length = 16 * 1024; ; length *= 8) {
    const left = section.size - offset;
    const isLast = !(length < left);
    const cursor = section.cursor(offset, isLast ? left : length);
    try {
      return parseTable(cursor, sizes, budget);
    } catch (error) {
      if (isLast || !(error instanceof FormatError) || error.kind === 'limit' || cursor.left > 16) throw error;
    }
  }
}

function parseTable(cursor: Cursor, sizes: FormSizes, budget: DebugBudget): AbbrevTable {
  const data: number[] = [0];
  const dense: number[] = [0];
  const sparse = new Map<number, number>();
  const constants = new Map<number, number | bigint>();
  for (;;) {
    const code = cursor.uleb();
    if (code === 0) return { data: Int32Array.from(data), dense: Int32Array.from(dense), sparse, constants };
    const place = data.length;
    parseDeclaration(cursor, sizes, data, constants);
    spend(budget, 'attributes', (data[place + ATTRIBUTES] ?? 0) + 1);
    if (code >= DENSE_CODES) {
      if (!sparse.has(code)) sparse.set(code, place);
      continue;
    }
    while (dense.length <= code) dense.push(0);
    dense[code] ||= place;
  }
}

/** Appends one declaration to `data`. */
function parseDeclaration(cursor: Cursor, sizes: FormSizes, data: number[], constants: Map<number, number | bigint>): void {
  const place = data.length;
  const tag = cursor.uleb();
  const children = cursor.u8() !== 0 ? HAS_CHILDREN : 0;
  const subroutine = tag === D.DW_TAG_subprogram || tag === D.DW_TAG_inlined_subroutine ? IS_SUBROUTINE : 0;
  data.push(min(tag, BIGGEST), children | subroutine, -1, 0, 0);
  let count = 0;
  let sum = 0;
  let isFixed = true;
  const skips: number[] = [];
  for (;;) {
    const attribute = cursor.uleb();
    const form = cursor.uleb();
    if (attribute === 0 && form === 0) break;
    const size = formSize(form, sizes);
    if (size === undefined) throw cursor.fail('unsupported', `form 0x${form.toString(16)} of attribute 0x${attribute.toString(16)}`);
    if (attribute === D.DW_AT_sibling && form === D.DW_FORM_ref4 && isFixed) data[place + SIBLING] = sum;
    data.push(min(attribute, BIGGEST), form);
    if (form === D.DW_FORM_implicit_const) constants.set(data.length - 1, cursor.anySleb());
    count++;
    if (size >= 0) sum += size;
    else {
      isFixed = false;
      if (sum > 0) skips.push(sum);
      skips.push(size);
      sum = 0;
    }
    if (sum > BIGGEST >> 1) throw cursor.fail('limit', `entries of more than ${BIGGEST >> 1} bytes`);
  }
  if (sum > 0) skips.push(sum);
  data[place + ATTRIBUTES] = count;
  data[place + SKIPS] = skips.length;
  for (const skip of skips) data.push(skip);
}

/** Passes one value of variable size. */
export function skipVariable(cursor: Cursor, size: number, sizes: FormSizes): void {
  switch (size) {
    case SIZE_LEB:
      cursor.skipLeb();
      return;
    case SIZE_TEXT:
      cursor.skipText();
      return;
    case SIZE_BLOCK1:
      cursor.skip(cursor.u8());
      return;
    case SIZE_BLOCK2:
      cursor.skip(cursor.u16());
      return;
    case SIZE_BLOCK4:
      cursor.skip(cursor.u32());
      return;
    case SIZE_BLOCK:
      cursor.skip(cursor.uleb());
      return;
    case SIZE_INDIRECT:
      skipForm(cursor, indirectForm(cursor), sizes);
      return;
    default:
      cursor.skip(size);
  }
}

export function skipForm(cursor: Cursor, form: number, sizes: FormSizes): void {
  const size = formSize(form, sizes);
  if (size === undefined) throw cursor.fail('unsupported', `form 0x${form.toString(16)}`);
  if (size >= 0) cursor.skip(size);
  else skipVariable(cursor, size, sizes);
}

/** DWARF 5 §7.5.3: the form stands in the entry itself. It may not be indirect again, nor a constant of the table. */
export function indirectForm(cursor: Cursor): number {
  const form = cursor.uleb();
  if (form === D.DW_FORM_indirect || form === D.DW_FORM_implicit_const) {
    throw cursor.fail('malformed', `indirect form leads to form 0x${form.toString(16)}`);
  }
  return form;
}

/** Passes all attributes of an entry: fixed sizes are added up beforehand. */
export function skipAttributes(cursor: Cursor, { data }: AbbrevTable, place: number, sizes: FormSizes): void {
  const first = place + HEAD + 2 * (data[place + ATTRIBUTES] ?? 0);
  const end = first + (data[place + SKIPS] ?? 0);
  for (let step = first; step < end; step++) {
    const size = data[step] ?? 0;
    if (size >= 0) cursor.skip(size);
    else skipVariable(cursor, size, sizes);
  }
}
