/**
 * One debugging information entry (DWARF 5 §2.1) with its attributes read on demand.
 *
 * In: a unit's bytes and an offset. Out: typed attribute values, `undefined` for an attribute that is not there.
 * Refuses: abbreviation codes without a declaration, and what `form.ts` refuses.
 */
import type { Cursor } from '../bytes/cursor.js';
import { attributeCount, attributePlace, hasChildren, placeOf, skipForm, tagOf } from './abbrev.js';
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
    /** Place of its declaration in the unit's abbreviations. */
    readonly declaration: number,
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
    const place = placeOf(unit.abbrevs, code);
    if (place === 0) throw cursor.fail('malformed', `abbreviation ${code} is not declared`);
    return new Entry(unit, offset, place, cursor, cursor.at, sections);
  }

  get tag(): number {
    return tagOf(this.unit.abbrevs, this.declaration);
  }

  get hasChildren(): boolean {
    return hasChildren(this.unit.abbrevs, this.declaration);
  }

  /** Place of the attribute's form; -1 where the entry has no such attribute. */
  private formPlace(attribute: number): number {
    const { abbrevs } = this.unit;
    const { data } = abbrevs;
    const end = attributePlace(this.declaration, attributeCount(abbrevs, this.declaration));
    for (let place = attributePlace(this.declaration, 0); place < end; place += 2) {
      if (data[place] === attribute) return place + 1;
    }
    return -1;
  }

  /** Puts the cursor at the attribute's value and answers the place of its form, -1 where there is none. */
  private seek(attribute: number): number {
    const form = this.formPlace(attribute);
    if (form < 0) return -1;
    const { data } = this.unit.abbrevs;
    this.cursor.at = this.start;
    for (let place = attributePlace(this.declaration, 0) + 1; place < form; place += 2) skipForm(this.cursor, data[place] ?? 0, this.unit);
    return form;
  }

  has(attribute: number): boolean {
    return this.formPlace(attribute) >= 0;
  }

  form(attribute: number): number | undefined {
    const place = this.formPlace(attribute);
    return place < 0 ? undefined : this.unit.abbrevs.data[place];
  }

  unsigned(attribute: number): number | undefined {
    const place = this.seek(attribute);
    if (place < 0) return undefined;
    return readUnsigned(this.cursor, this.unit.abbrevs.data[place] ?? 0, this.unit.abbrevs.constants.get(place), this.unit);
  }

  /** Signed where its form is. */
  constant(attribute: number): number | bigint | undefined {
    const place = this.seek(attribute);
    if (place < 0) return undefined;
    return readConstant(this.cursor, this.unit.abbrevs.data[place] ?? 0, this.unit.abbrevs.constants.get(place), this.unit);
  }

  flag(attribute: number): boolean {
    return (this.unsigned(attribute) ?? 0) !== 0;
  }

  text(attribute: number): string | undefined {
    const place = this.seek(attribute);
    return place < 0 ? undefined : readText(this.cursor, this.unit.abbrevs.data[place] ?? 0, this.unit, this.sections);
  }

  address(attribute: number): number | undefined {
    const place = this.seek(attribute);
    return place < 0 ? undefined : readAddress(this.cursor, this.unit.abbrevs.data[place] ?? 0, this.unit, this.sections);
  }

  reference(attribute: number): number | undefined {
    const place = this.seek(attribute);
    return place < 0 ? undefined : readReference(this.cursor, this.unit.abbrevs.data[place] ?? 0, this.unit);
  }

  /** A block or expression; `undefined` also where the attribute is of another class. */
  block(attribute: number): Uint8Array | undefined {
    const place = this.seek(attribute);
    return place < 0 ? undefined : readBlock(this.cursor, this.unit.abbrevs.data[place] ?? 0);
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
