/**
 * One debugging information entry (DWARF 5 §2.1) with its attributes read on demand.
 *
 * In: a unit's bytes and an offset. Out: typed attribute values, `undefined` for an attribute that is not there.
 * Refuses: abbreviation codes without a declaration, and what `form.ts` refuses.
 */
import type { Cursor } from '../bytes/cursor.js';
import { type Abbrev, abbrevOf, skipForm } from './abbrev.js';
import * as D from './constants.js';
import { isAddressForm, readAddress, readBlock, readConstant, readReference, readText, readUnsigned } from './form.js';
import { readRanges, tombstone } from './ranges.js';
import type { DebugSections } from './sections.js';
import { type Unit, unitCursor } from './unit.js';

export class Entry {
  private constructor(
    readonly unit: Unit,
    /** In `.debug_info`. */
    readonly offset: number,
    readonly abbrev: Abbrev,
    /** Left behind each value that is read. */
    readonly cursor: Cursor,
    private readonly start: number,
    private readonly sections: DebugSections,
  ) {}

  /** `undefined` for the null entry that ends a list of siblings. */
  static read(unit: Unit, bytes: Uint8Array, offset: number, sections: DebugSections): Entry | undefined {
    const cursor = unitCursor(unit, bytes, offset);
    const code = cursor.uleb();
    if (code === 0) return undefined;
    const abbrev = abbrevOf(unit.abbrevs, code);
    if (abbrev === undefined) throw cursor.fail('malformed', `abbreviation ${code} is not declared`);
    return new Entry(unit, offset, abbrev, cursor, cursor.at, sections);
  }

  get tag(): number {
    return this.abbrev.tag;
  }

  /** Puts the cursor at the attribute's value and answers its place in the declaration, -1 where there is none. */
  private seek(attribute: number): number {
    const { attributes, forms } = this.abbrev;
    const index = attributes.indexOf(attribute);
    if (index < 0) return -1;
    this.cursor.at = this.start;
    for (let place = 0; place < index; place++) skipForm(this.cursor, forms[place] ?? 0, this.unit);
    return index;
  }

  has(attribute: number): boolean {
    return this.abbrev.attributes.includes(attribute);
  }

  form(attribute: number): number | undefined {
    return this.abbrev.forms[this.abbrev.attributes.indexOf(attribute)];
  }

  unsigned(attribute: number): number | undefined {
    const place = this.seek(attribute);
    if (place < 0) return undefined;
    return readUnsigned(this.cursor, this.abbrev.forms[place] ?? 0, this.abbrev.constants[place], this.unit);
  }

  /** Signed where its form is. */
  constant(attribute: number): number | bigint | undefined {
    const place = this.seek(attribute);
    if (place < 0) return undefined;
    return readConstant(this.cursor, this.abbrev.forms[place] ?? 0, this.abbrev.constants[place], this.unit);
  }

  flag(attribute: number): boolean {
    return (this.unsigned(attribute) ?? 0) !== 0;
  }

  text(attribute: number): string | undefined {
    const place = this.seek(attribute);
    return place < 0 ? undefined : readText(this.cursor, this.abbrev.forms[place] ?? 0, this.unit, this.sections);
  }

  address(attribute: number): number | undefined {
    const place = this.seek(attribute);
    return place < 0 ? undefined : readAddress(this.cursor, this.abbrev.forms[place] ?? 0, this.unit, this.sections);
  }

  reference(attribute: number): number | undefined {
    const place = this.seek(attribute);
    return place < 0 ? undefined : readReference(this.cursor, this.abbrev.forms[place] ?? 0, this.unit);
  }

  /** A block or expression; `undefined` also where the attribute is of another class. */
  block(attribute: number): Uint8Array | undefined {
    const place = this.seek(attribute);
    return place < 0 ? undefined : readBlock(this.cursor, this.abbrev.forms[place] ?? 0);
  }

  /**
   * Code of the entry: [start, end) pairs, flat (DWARF 5 §2.17). DW_AT_high_pc is an address, or a length from
   * DW_AT_low_pc on. Where both a pair and a list are given, the pair counts.
   */
  ranges(): number[] {
    const low = this.has(D.DW_AT_low_pc) ? this.address(D.DW_AT_low_pc) : undefined;
    if (low !== undefined && low !== tombstone(this.unit.addressSize) && this.has(D.DW_AT_high_pc)) {
      const isAddress = isAddressForm(this.form(D.DW_AT_high_pc) ?? 0);
      const high = isAddress ? this.address(D.DW_AT_high_pc) : low + (this.unsigned(D.DW_AT_high_pc) ?? 0);
      return high === undefined ? [] : [low, high];
    }
    const list = this.unsigned(D.DW_AT_ranges);
    return list === undefined ? [] : readRanges(this.sections, this.unit, this.form(D.DW_AT_ranges) ?? 0, list);
  }
}
