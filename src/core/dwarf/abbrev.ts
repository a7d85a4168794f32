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

/** Bytes of a form, or one of the negative sizes; `undefined` for a form that is not known. */
export function formSize(form: number, sizes: FormSizes): number | undefined {
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

export interface Abbrev {
  readonly tag: number;
  readonly hasChildren: boolean;
  readonly attributes: readonly number[];
  readonly forms: readonly number[];
  /** Per attribute: its value where the form is `implicit_const`, else absent. */
  readonly constants: readonly (bigint | undefined)[];
  /** Steps that pass all attributes: bytes to skip, or a negative size. Neighbouring fixed sizes are added up. */
  readonly skips: readonly number[];
  readonly isSubroutine: boolean;
  /** DW_AT_sibling as `ref4` with only fixed sizes before it: its distance from the first attribute; else -1. */
  readonly siblingAt: number;
}

/** Declarations by code. Compilers number from 1 without holes. */
export interface AbbrevTable {
  readonly dense: readonly (Abbrev | undefined)[];
  readonly sparse: ReadonlyMap<number, Abbrev>;
}

const DENSE_CODES = 1 << 16;

export function abbrevOf(table: AbbrevTable, code: number): Abbrev | undefined {
  return code < DENSE_CODES ? table.dense[code] : table.sparse.get(code);
}

/** Tables have no length: read on until the end mark shows, in growing pieces. */
export function readAbbrevTable(section: Region, offset: number, sizes: FormSizes, budget: DebugBudget): AbbrevTable {
  for (let length = 4096; ; length *= 8) {
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
  const dense: (Abbrev | undefined)[] = [];
  const sparse = new Map<number, Abbrev>();
  for (;;) {
    const code = cursor.uleb();
    if (code === 0) return { dense, sparse };
    const abbrev = parseDeclaration(cursor, sizes);
    spend(budget, 'attributes', abbrev.attributes.length + 1);
    if (code < DENSE_CODES) dense[code] ??= abbrev;
    else if (!sparse.has(code)) sparse.set(code, abbrev);
  }
}

function parseDeclaration(cursor: Cursor, sizes: FormSizes): Abbrev {
  const tag = cursor.uleb();
  const hasChildren = cursor.u8() !== 0;
  const attributes: number[] = [];
  const forms: number[] = [];
  const constants: (bigint | undefined)[] = [];
  const skips: number[] = [];
  let siblingAt = -1;
  for (;;) {
    const attribute = cursor.uleb();
    const form = cursor.uleb();
    if (attribute === 0 && form === 0) break;
    const size = formSize(form, sizes);
    if (size === undefined) throw cursor.fail('unsupported', `form 0x${form.toString(16)} of attribute 0x${attribute.toString(16)}`);
    if (attribute === D.DW_AT_sibling && form === D.DW_FORM_ref4) {
      if (skips.length === 0) siblingAt = 0;
      else if (skips.length === 1 && (skips[0] ?? -1) >= 0) siblingAt = skips[0] ?? -1;
    }
    constants[attributes.length] = form === D.DW_FORM_implicit_const ? cursor.bigSleb() : undefined;
    attributes.push(attribute);
    forms.push(form);
    const last = skips.length - 1;
    const before = skips[last];
    if (size >= 0 && before !== undefined && before >= 0) skips[last] = before + size;
    else skips.push(size);
  }
  const isSubroutine = tag === D.DW_TAG_subprogram || tag === D.DW_TAG_inlined_subroutine;
  return { tag, hasChildren, attributes, forms, constants, skips, isSubroutine, siblingAt };
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

export function skipAttributes(cursor: Cursor, abbrev: Abbrev, sizes: FormSizes): void {
  const { skips } = abbrev;
  for (let step = 0; step < skips.length; step++) {
    const size = skips[step] ?? 0;
    if (size >= 0) cursor.skip(size);
    else skipVariable(cursor, size, sizes);
  }
}
