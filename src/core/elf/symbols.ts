/**
 * Symbol tables (gABI chapter 4, "Symbol Table"): read once into typed arrays, names on demand.
 *
 * In: an ELF file. Out: defined symbols sorted by address. Refuses: entry sizes that are not the standard's, more than
 * `limits.symbols`. A name outside its string table reads as empty.
 */
import { linkAddress } from '../addresses.js';
import { FormatError } from '../bytes/format-error.js';
import type { Region } from '../bytes/region.js';
import { sortedPlaces } from '../bytes/sorted-places.js';
import type { ElfSymbol } from '../image/image.js';
import { limits } from '../limits.js';
import type { Platform } from '../platform.js';
import { type ElfFile, SHN_LORESERVE, SHN_XINDEX, SHT, sectionBytes } from './elf-file.js';

export const STT = { NOTYPE: 0, OBJECT: 1, FUNC: 2, SECTION: 3, FILE: 4, COMMON: 5, TLS: 6, GNU_IFUNC: 10 } as const;
const SHN_UNDEF = 0;
/** Entries read at a time, so that the table is never in memory twice. */
const BATCH = 16_384;

/** Columns of the defined symbols, in symbol-table order, and the order by address. */
export interface SymbolTable {
  readonly count: number;
  readonly addresses: Float64Array;
  readonly sizes: Float64Array;
  /** `st_info`: binding in the high four bits, type in the low. */
  readonly infos: Uint8Array;
  /** Section index; 0 for absolute and other reserved ones. */
  readonly sections: Uint32Array;
  /** Index in the symbol table itself. */
  readonly indexes: Uint32Array;
  /** STT_FILE symbols: their index in the symbol table, ascending, and name offset. */
  readonly files: { readonly index: number; readonly nameOffset: number }[];
  readonly nameOffsets: Uint32Array;
  readonly names: Region;
}

/** `.symtab`, or `.dynsym` where there is none; `undefined` where there is neither. */
export function readSymbolTable(elf: ElfFile, platform: Pick<Platform, 'inflate'>): SymbolTable | undefined {
  const index = [SHT.SYMTAB, SHT.DYNSYM]
    .map((type) => elf.sections.findIndex((section) => section.type === type && section.size > 0))
    .find((found) => found >= 0);
  const section = index === undefined ? undefined : elf.sections[index];
  if (index === undefined || section === undefined) return undefined;
  const where = section.name;
  const each = elf.is64 ? 24 : 16;
  if (section.entrySize !== each) throw new FormatError('malformed', where, -1, `entry size ${section.entrySize}, must be ${each}`);
  if (section.size % each !== 0) throw new FormatError('malformed', where, -1, `size ${section.size} is not a multiple of ${each}`);
  const total = section.size / each;
  if (total > limits.symbols) throw new FormatError('limit', where, -1, `${total} symbols`);
  const bytes = sectionBytes(elf, section, platform);
  const nameSection = elf.sections[section.link];
  if (nameSection === undefined || nameSection.type !== SHT.STRTAB) {
    throw new FormatError('malformed', where, -1, `string table is section ${section.link}, which is none`);
  }
  const names = sectionBytes(elf, nameSection, platform);
  const extended = elf.sections.find((other) => other.type === SHT.SYMTAB_SHNDX && other.link === index);
  const extendedBytes = extended === undefined ? undefined : sectionBytes(elf, extended, platform);

  const addresses = new Float64Array(total);
  const sizes = new Float64Array(total);
  const infos = new Uint8Array(total);
  const sections = new Uint32Array(total);
  const indexes = new Uint32Array(total);
  const nameOffsets = new Uint32Array(total);
  const files: { index: number; nameOffset: number }[] = [];
  let count = 0;
  for (let from = 0; from < total; from += BATCH) {
    const here = Math.min(BATCH, total - from);
    const cursor = bytes.cursor(from * each, here * each);
    for (let entry = 0; entry < here; entry++) {
      const nameOffset = cursor.u32();
      let value = 0;
      let size = 0;
      let info = 0;
      let sectionIndex = 0;
      if (elf.is64) {
        info = cursor.u8();
        cursor.skip(1);
        sectionIndex = cursor.u16();
        value = cursor.s64();
        size = cursor.s64();
        if (size < 0) size = 0; // beyond 2^63: no symbol spans that
      } else {
        value = cursor.u32();
        size = cursor.u32();
        info = cursor.u8();
        cursor.skip(1);
        sectionIndex = cursor.u16();
      }
      const type = info & 15;
      if (type === STT.FILE) files.push({ index: from + entry, nameOffset });
      // TLS values are offsets in a thread's block, not addresses.
      if (sectionIndex === SHN_UNDEF || type === STT.FILE || type === STT.TLS) continue;
      if (sectionIndex === SHN_XINDEX && extendedBytes !== undefined) sectionIndex = extendedBytes.cursor((from + entry) * 4, 4).u32();
      else if (sectionIndex >= SHN_LORESERVE) sectionIndex = 0;
      if (sectionIndex >= elf.sections.length) sectionIndex = 0;
      addresses[count] = value;
      sizes[count] = size;
      infos[count] = info;
      sections[count] = sectionIndex;
      indexes[count] = from + entry;
      nameOffsets[count] = nameOffset;
      count++;
    }
  }
  return {
    count,
    addresses: addresses.subarray(0, count),
    sizes: sizes.subarray(0, count),
    infos: infos.subarray(0, count),
    sections: sections.subarray(0, count),
    indexes: indexes.subarray(0, count),
    nameOffsets: nameOffsets.subarray(0, count),
    files,
    names,
  };
}

export function symbolName(table: SymbolTable, entry: number): string {
  const offset = table.nameOffsets[entry] ?? 0;
  return offset < table.names.size ? table.names.text(offset) : '';
}

export function symbolType(info: number): ElfSymbol['type'] {
  switch (info & 15) {
    case STT.NOTYPE:
      return 'notype';
    case STT.OBJECT:
    case STT.COMMON:
      return 'object';
    case STT.FUNC:
    case STT.GNU_IFUNC:
      return 'function';
    case STT.SECTION:
      return 'section';
    default:
      return 'other';
  }
}

function symbolBinding(info: number): ElfSymbol['binding'] {
  switch (info >> 4) {
    case 0:
      return 'local';
    case 1:
      return 'global';
    case 2:
      return 'weak';
    default:
      return 'other';
  }
}

export function symbolAtEntry(table: SymbolTable, entry: number): ElfSymbol {
  const info = table.infos[entry] ?? 0;
  const section = table.sections[entry] ?? 0;
  return {
    name: symbolName(table, entry),
    address: linkAddress(table.addresses[entry] ?? 0),
    size: table.sizes[entry] ?? 0,
    type: symbolType(info),
    binding: symbolBinding(info),
    ...(section === 0 ? {} : { section }),
  };
}

/** Entries sorted by address; ties in symbol-table order. */
export function orderByAddress(table: SymbolTable): Uint32Array {
  return sortedPlaces(table.addresses);
}
