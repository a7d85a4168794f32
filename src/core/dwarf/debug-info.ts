/**
 * The debug information of one ELF: units found by address or offset, read when needed, and names across units.
 *
 * In: debug sections. Out: units, entries, the inline chain at an address. A unit that is damaged or not supported gives an error
 * once, to `onError`, and is passed over; memory grows with the units touched, and their bytes are dropped again.
 */
import { FormatError } from '../bytes/format-error.js';
import type { Region } from '../bytes/region.js';
import { limits } from '../limits.js';
import { type AbbrevTable, readAbbrevTable } from './abbrev.js';
import * as D from './constants.js';
import { Entry } from './entry.js';
import { LineReader, type LineTable } from './line.js';
import type { DebugSections } from './sections.js';
import { readSubroutines, type Subroutines } from './subroutines.js';
import { listUnits, type Unit, type UnitHeader } from './unit.js';
import { addRange, indexUnits, readAranges, type UnitIndex, type UnitRanges, unitAt } from './unit-index.js';
import { readChildren, walkEntries } from './walk-entries.js';

/** Bytes of units kept for reading entries; the tables made from them stay. */
const KEPT_UNIT_BYTES = 24 * 1024 * 1024;
const KEPT_ABBREV_TABLES = 256;
/** Read at first for a unit's root entry. */
const ROOT_BYTES = 4096;

/** What has been made of one unit so far. */
interface OpenUnit {
  readonly unit: Unit;
  readonly compilationDirectory: string;
  readonly stmtList: number | undefined;
  subroutines: Subroutines | null | undefined;
  lines: LineTable | null | undefined;
}

export interface DebugInfo {
  readonly sections: DebugSections;
  readonly info: Region;
  /** Offset of the unit whose code covers the address. */
  unitAt(address: number): OpenUnit | undefined;
  unitOf(die: number): OpenUnit | undefined;
  allUnits(): Iterable<OpenUnit>;
  subroutines(open: OpenUnit): Subroutines | undefined;
  lines(open: OpenUnit): LineTable | undefined;
  entry(die: number): Entry | undefined;
  /** Direct children, in order. */
  children(die: number): Entry[];
  /** Entries of the wanted tags, in order, at any depth. */
  walk(open: OpenUnit, wanted: ReadonlySet<number>, visit: (entry: Entry, depth: number) => void): void;
  /** The first entry with one of the attributes, along DW_AT_abstract_origin and DW_AT_specification (DWARF 5 §2.13, §3.3.8.2). */
  find(die: number, attributes: readonly number[]): Entry | undefined;
}

export type { OpenUnit };

/** `undefined` where the file has no `.debug_info`. Throws `FormatError` where the section cannot be opened. */
export function openDebugInfo(sections: DebugSections, onError: (error: FormatError) => void): DebugInfo | undefined {
  const info = sections.get('info');
  if (info === undefined || sections.get('abbrev') === undefined) return undefined;
  return new LazyDebugInfo(sections, info, onError);
}

class LazyDebugInfo implements DebugInfo {
  private readonly headers: readonly UnitHeader[];
  private readonly open = new Map<number, OpenUnit | null>();
  private readonly bytes = new Map<number, Uint8Array>();
  private keptBytes = 0;
  private readonly abbrevs = new Map<string, AbbrevTable>();
  private readonly lineReader = new LineReader();
  private readonly lineTables = new Map<number, LineTable | null>();
  private index: UnitIndex | undefined;

  constructor(
    readonly sections: DebugSections,
    readonly info: Region,
    private readonly onError: (error: FormatError) => void,
  ) {
    const { units, refused } = listUnits(info);
    this.headers = units;
    for (const error of refused) onError(error);
  }

  private attempt<T>(read: () => T): T | undefined {
    try {
      return read();
    } catch (error) {
      if (!(error instanceof FormatError)) throw error;
      this.onError(error);
      return undefined;
    }
  }

  private unitBytes(unit: UnitHeader): Uint8Array {
    const kept = this.bytes.get(unit.offset);
    if (kept !== undefined) return kept;
    const bytes = this.info.slice(unit.offset, unit.end - unit.offset);
    for (const [offset, old] of this.bytes) {
      if (this.keptBytes + bytes.length <= KEPT_UNIT_BYTES) break;
      this.bytes.delete(offset);
      this.keptBytes -= old.length;
    }
    this.bytes.set(unit.offset, bytes);
    this.keptBytes += bytes.length;
    return bytes;
  }

  private abbrevTable(unit: UnitHeader): AbbrevTable {
    const key = `${unit.abbrevOffset} ${unit.addressSize} ${unit.offsetSize} ${unit.version === 2}`;
    const kept = this.abbrevs.get(key);
    if (kept !== undefined) return kept;
    const section = this.sections.get('abbrev');
    if (section === undefined) throw new FormatError('malformed', '.debug_abbrev', -1, 'section is missing');
    const table = readAbbrevTable(section, unit.abbrevOffset, unit, this.sections.budget);
    if (this.abbrevs.size >= KEPT_ABBREV_TABLES) {
      const oldest = this.abbrevs.keys().next();
      if (!oldest.done) this.abbrevs.delete(oldest.value);
    }
    this.abbrevs.set(key, table);
    return table;
  }

  /** A unit without its bases, good for reading root attributes only. */
  private bareUnit(header: UnitHeader): Unit {
    return { ...header, abbrevs: this.abbrevTable(header), bases: {}, language: 0, lowPc: 0, info: this.info };
  }

  /** The root entry's bytes: enough of the unit, without reading all of it. */
  private rootBytes(header: UnitHeader): Uint8Array {
    return this.bytes.get(header.offset) ?? this.info.slice(header.offset, Math.min(header.end - header.offset, ROOT_BYTES));
  }

  private openUnit(header: UnitHeader): OpenUnit | undefined {
    const known = this.open.get(header.offset);
    if (known !== undefined) return known ?? undefined;
    const opened = this.attempt(() => this.readRoot(header)) ?? null;
    this.open.set(header.offset, opened);
    return opened ?? undefined;
  }

  private readRoot(header: UnitHeader): OpenUnit {
    try {
      return this.readRootIn(header, this.rootBytes(header));
    } catch (error) {
      // A root with long strings of its own needs more.
      if (!(error instanceof FormatError) || header.end - header.offset <= ROOT_BYTES) throw error;
      return this.readRootIn(header, this.unitBytes(header));
    }
  }

  private readRootIn(header: UnitHeader, bytes: Uint8Array): OpenUnit {
    const bare = this.bareUnit(header);
    const root = Entry.read(bare, bytes, header.firstDie, this.sections);
    if (root === undefined) throw new FormatError('malformed', this.info.where, header.firstDie, 'unit without a root entry');
    const strOffsets = root.unsigned(D.DW_AT_str_offsets_base);
    const addr = root.unsigned(D.DW_AT_addr_base) ?? root.unsigned(D.DW_AT_GNU_addr_base);
    const rnglists = root.unsigned(D.DW_AT_rnglists_base);
    const loclists = root.unsigned(D.DW_AT_loclists_base);
    const bases = {
      ...(strOffsets === undefined ? {} : { strOffsets }),
      ...(addr === undefined ? {} : { addr }),
      ...(rnglists === undefined ? {} : { rnglists }),
      ...(loclists === undefined ? {} : { loclists }),
    };
    const based: Unit = { ...bare, bases, language: root.unsigned(D.DW_AT_language) ?? 0 };
    const full = Entry.read(based, bytes, header.firstDie, this.sections);
    const isSplit = root.tag === D.DW_TAG_skeleton_unit || root.has(D.DW_AT_dwo_name) || root.has(D.DW_AT_GNU_dwo_name);
    if (isSplit)
      this.onError(new FormatError('unsupported', this.info.where, header.offset, 'split DWARF: functions stand in a .dwo file'));
    return {
      unit: { ...based, lowPc: full?.address(D.DW_AT_low_pc) ?? 0 },
      compilationDirectory: full?.text(D.DW_AT_comp_dir) ?? '',
      stmtList: root.unsigned(D.DW_AT_stmt_list),
      subroutines: undefined,
      lines: undefined,
    };
  }

  private headerAt(offset: number): UnitHeader | undefined {
    let low = 0;
    let high = this.headers.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.headers[middle]?.offset ?? 0) <= offset) low = middle + 1;
      else high = middle;
    }
    const header = this.headers[low - 1];
    return header !== undefined && offset < header.end ? header : undefined;
  }

  unitAt(address: number): OpenUnit | undefined {
    this.index ??= this.indexAll();
    const offset = unitAt(this.index, address);
    const header = offset < 0 ? undefined : this.headerAt(offset);
    return header === undefined || header.type === D.DW_UT_type ? undefined : this.openUnit(header);
  }

  private indexAll(): UnitIndex {
    const section = this.attempt(() => this.sections.get('aranges'));
    const aranges = section === undefined ? undefined : readAranges(section);
    if (aranges?.error !== undefined) this.onError(aranges.error);
    const ranges: UnitRanges = aranges?.ranges ?? { starts: [], ends: [], units: [] };
    for (const header of this.headers) {
      if (header.type === D.DW_UT_type || header.type === D.DW_UT_split_type || aranges?.listed.has(header.offset)) continue;
      const found = this.attempt(() => this.rootRanges(header)) ?? [];
      for (let place = 0; place + 1 < found.length; place += 2) addRange(ranges, found[place] ?? 0, found[place + 1] ?? 0, header.offset);
    }
    return indexUnits(ranges);
  }

  private rootRanges(header: UnitHeader): number[] {
    const opened = this.openUnit(header);
    if (opened === undefined) return [];
    const ranges = (bytes: Uint8Array) => Entry.read(opened.unit, bytes, header.firstDie, this.sections)?.ranges() ?? [];
    try {
      return ranges(this.rootBytes(header));
    } catch (error) {
      if (!(error instanceof FormatError) || header.end - header.offset <= ROOT_BYTES) throw error;
      return ranges(this.unitBytes(header));
    }
  }

  unitOf(die: number): OpenUnit | undefined {
    const header = this.headerAt(die);
    return header === undefined ? undefined : this.openUnit(header);
  }

  *allUnits(): Iterable<OpenUnit> {
    for (const header of this.headers) {
      const opened = header.type === D.DW_UT_type ? undefined : this.openUnit(header);
      if (opened !== undefined) yield opened;
    }
  }

  subroutines(open: OpenUnit): Subroutines | undefined {
    if (open.subroutines === undefined) {
      open.subroutines = this.attempt(() => readSubroutines(open.unit, this.unitBytes(open.unit), this.sections)) ?? null;
    }
    return open.subroutines ?? undefined;
  }

  lines(open: OpenUnit): LineTable | undefined {
    if (open.lines === undefined) {
      const { stmtList } = open;
      if (stmtList === undefined) open.lines = null;
      else {
        const shared = this.lineTables.get(stmtList);
        open.lines = shared ?? this.attempt(() => this.lineReader.read(open.unit, stmtList, this.sections)) ?? null;
        this.lineTables.set(stmtList, open.lines);
      }
    }
    return open.lines ?? undefined;
  }

  entry(die: number): Entry | undefined {
    const opened = this.unitOf(die);
    if (opened === undefined) return undefined;
    return this.attempt(() => Entry.read(opened.unit, this.unitBytes(opened.unit), die, this.sections));
  }

  walk(open: OpenUnit, wanted: ReadonlySet<number>, visit: (entry: Entry, depth: number) => void): void {
    this.attempt(() => walkEntries(open.unit, this.unitBytes(open.unit), this.sections, wanted, visit));
  }

  children(die: number): Entry[] {
    const found: Entry[] = [];
    const opened = this.unitOf(die);
    if (opened === undefined) return found;
    this.attempt(() => readChildren(opened.unit, this.unitBytes(opened.unit), die, this.sections, found));
    return found;
  }

  find(die: number, attributes: readonly number[]): Entry | undefined {
    const wanted = [die];
    const seen = new Set<number>();
    for (let next = wanted.pop(); next !== undefined && seen.size < limits.originDepth; next = wanted.pop()) {
      if (seen.has(next)) continue;
      seen.add(next);
      const entry = this.entry(next);
      if (entry === undefined) continue;
      if (attributes.some((attribute) => entry.has(attribute))) return entry;
      for (const link of [D.DW_AT_specification, D.DW_AT_abstract_origin]) {
        const to = entry.has(link) ? this.attempt(() => entry.reference(link)) : undefined;
        if (to !== undefined) wanted.push(to);
      }
    }
    return undefined;
  }
}
