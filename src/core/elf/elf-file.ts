/**
 * ELF for x86 (System V gABI chapter 4 and 5): header, section headers, program headers, bytes of sections.
 *
 * In: a `ByteSource`. Out: headers as data and `Region`s over section bytes. Refuses, with `FormatError`: big endian and
 * other CPUs (`unsupported`), headers that lie outside the file or have a size that is not the standard's (`malformed`).
 */
import type { Arch } from '../addresses.js';
import type { ByteSource } from '../bytes/byte-source.js';
import type { Cursor } from '../bytes/cursor.js';
import { FormatError } from '../bytes/format-error.js';
import { Region } from '../bytes/region.js';
import { limits } from '../limits.js';
import type { Platform } from '../platform.js';
import { inflateSection } from './compressed.js';

export const SHT = { NULL: 0, PROGBITS: 1, SYMTAB: 2, STRTAB: 3, NOTE: 7, NOBITS: 8, DYNSYM: 11, SYMTAB_SHNDX: 18 } as const;
export const SHF = { WRITE: 1, ALLOC: 2, EXECINSTR: 4, TLS: 0x400, COMPRESSED: 0x800 } as const;
export const SHN_XINDEX = 0xffff;
export const SHN_LORESERVE = 0xff00;
const PT_LOAD = 1;
const PT_NOTE = 4;
const PF_X = 1;
const PF_W = 2;

export interface SectionHeader {
  readonly name: string;
  readonly type: number;
  readonly flags: number;
  /** Signed link address (addresses.ts). */
  readonly address: number;
  readonly offset: number;
  readonly size: number;
  readonly link: number;
  readonly entrySize: number;
}

export interface ElfFile {
  readonly source: ByteSource;
  readonly arch: Arch;
  readonly is64: boolean;
  readonly type: 'executable' | 'shared' | 'relocatable' | 'core';
  readonly entry: number;
  /** Index 0 is the null section. Where a file has no section headers: one per PT_LOAD and PT_NOTE, with the segment's flags. */
  readonly sections: readonly SectionHeader[];
  readonly hasSectionHeaders: boolean;
}

const HEADER = 'ELF header';
/** `.text.` and a mangled name. */
const SECTION_NAME_BYTES = 512;
const EM_386 = 3;
const EM_X86_64 = 62;

export function readElf(source: ByteSource): ElfFile {
  if (source.size < 16) throw new FormatError('malformed', HEADER, 0, `file of ${source.size} bytes`);
  const magic = source.read(0, 16);
  if (magic[0] !== 0x7f || magic[1] !== 0x45 || magic[2] !== 0x4c || magic[3] !== 0x46) {
    throw new FormatError('malformed', HEADER, 0, 'not an ELF file: no magic number');
  }
  const bits = magic[4];
  if (bits !== 1 && bits !== 2) throw new FormatError('malformed', HEADER, 4, `class ${bits}`);
  if (magic[5] !== 1) throw new FormatError('unsupported', HEADER, 5, magic[5] === 2 ? 'big endian' : `data encoding ${magic[5]}`);
  const is64 = bits === 2;
  const file = new Region(source, HEADER, 0, source.size);
  const cursor = file.cursor(0, is64 ? 64 : 52);
  cursor.at = 16;
  const typeNumber = cursor.u16();
  const machine = cursor.u16();
  if (machine !== EM_386 && machine !== EM_X86_64) throw new FormatError('unsupported', HEADER, 18, `machine ${machine}, x86 is 3 or 62`);
  // An x32 file (ELFCLASS32 with EM_X86_64) runs 64-bit code with 32-bit pointers: nothing here has been made for it.
  if ((machine === EM_X86_64) !== is64)
    throw new FormatError('unsupported', HEADER, 18, `machine ${machine} in a ${is64 ? 64 : 32}-bit file`);
  cursor.skip(4);
  const entry = cursor.address(is64 ? 8 : 4);
  const programOffset = cursor.offset(is64 ? 8 : 4);
  const sectionOffset = cursor.offset(is64 ? 8 : 4);
  cursor.skip(6);
  const programSize = cursor.u16();
  const programCount = cursor.u16();
  const headerSize = cursor.u16();
  const headerCount = cursor.u16();
  const nameIndex = cursor.u16();

  let sections: SectionHeader[] = [];
  if (sectionOffset !== 0) {
    if (headerSize !== (is64 ? 64 : 40)) throw new FormatError('malformed', HEADER, is64 ? 58 : 46, `section header size ${headerSize}`);
    sections = readSectionHeaders(source, is64, sectionOffset, headerCount, nameIndex);
  }
  const hasSectionHeaders = sections.length > 1;
  if (!hasSectionHeaders && programOffset !== 0 && programCount !== 0) {
    if (programSize !== (is64 ? 56 : 32)) throw new FormatError('malformed', HEADER, is64 ? 54 : 42, `program header size ${programSize}`);
    sections = readSegments(source, is64, programOffset, programCount);
  }
  return { source, arch: is64 ? 'amd64' : 'i386', is64, type: fileType(typeNumber), entry, sections, hasSectionHeaders };
}

function fileType(type: number): ElfFile['type'] {
  switch (type) {
    case 1:
      return 'relocatable';
    case 2:
      return 'executable';
    case 3:
      return 'shared';
    case 4:
      return 'core';
    default:
      throw new FormatError('unsupported', HEADER, 16, `file type ${type}`);
  }
}

interface RawSection {
  nameOffset: number;
  readonly type: number;
  readonly flags: number;
  readonly address: number;
  readonly offset: number;
  readonly size: number;
  readonly link: number;
  readonly entrySize: number;
}

function readRawSection(cursor: Cursor, is64: boolean): RawSection {
  const nameOffset = cursor.u32();
  const type = cursor.u32();
  if (is64) {
    // Bits above 31 are reserved for the processor: not needed here.
    const flags = cursor.u32();
    cursor.skip(4);
    const address = cursor.s64();
    const offset = cursor.u64();
    const size = cursor.u64();
    const link = cursor.u32();
    cursor.skip(4 + 8);
    return { nameOffset, type, flags, address, offset, size, link, entrySize: cursor.u64() };
  }
  const flags = cursor.u32();
  const address = cursor.u32();
  const offset = cursor.u32();
  const size = cursor.u32();
  const link = cursor.u32();
  cursor.skip(4 + 4);
  return { nameOffset, type, flags, address, offset, size, link, entrySize: cursor.u32() };
}

function readSectionHeaders(source: ByteSource, is64: boolean, at: number, countField: number, nameField: number): SectionHeader[] {
  const each = is64 ? 64 : 40;
  const where = 'section headers';
  const table = (count: number) => new Region(source, where, at, count * each);
  const first = readRawSection(table(1).cursor(0, each), is64);
  // gABI: a count or index of 0xff00 and more stands in the null section's size and link.
  const count = countField === 0 ? first.size : countField;
  const nameIndex = nameField === SHN_XINDEX ? first.link : nameField;
  if (count > limits.sections) throw new FormatError('limit', where, -1, `${count} sections`);
  if (count === 0) return [];
  const cursor = table(count).cursor(0, count * each);
  const raw: RawSection[] = [];
  for (let index = 0; index < count; index++) raw.push(readRawSection(cursor, is64));
  const named = raw[nameIndex];
  let names: Region | undefined;
  if (nameIndex !== 0 && named !== undefined && named.type !== SHT.NOBITS && named.size <= source.size - named.offset) {
    names = new Region(source, '.shstrtab', named.offset, named.size);
  }
  return raw.map(({ nameOffset, ...header }) => ({
    ...header,
    name: names !== undefined && nameOffset < names.size ? names.text(nameOffset, SECTION_NAME_BYTES) : '',
  }));
}

/** A stripped-of-headers file still has segments: enough to tell code from data. */
function readSegments(source: ByteSource, is64: boolean, at: number, count: number): SectionHeader[] {
  const each = is64 ? 56 : 32;
  const cursor = new Region(source, 'program headers', at, count * each).cursor(0, count * each);
  const sections: SectionHeader[] = [{ name: '', type: SHT.NULL, flags: 0, address: 0, offset: 0, size: 0, link: 0, entrySize: 0 }];
  for (let index = 0; index < count; index++) {
    cursor.at = index * each;
    const type = cursor.u32();
    let flags = is64 ? cursor.u32() : 0;
    const offset = cursor.offset(is64 ? 8 : 4);
    const address = cursor.address(is64 ? 8 : 4);
    cursor.skip(is64 ? 8 : 4);
    const fileSize = cursor.offset(is64 ? 8 : 4);
    const memorySize = cursor.offset(is64 ? 8 : 4);
    if (!is64) flags = cursor.u32();
    if (type !== PT_LOAD && type !== PT_NOTE) continue;
    const common = { address, link: 0, entrySize: 0 };
    if (type === PT_NOTE) {
      sections.push({ ...common, name: `NOTE[${index}]`, type: SHT.NOTE, flags: 0, offset, size: fileSize });
      continue;
    }
    const sectionFlags = SHF.ALLOC | (flags & PF_X ? SHF.EXECINSTR : 0) | (flags & PF_W ? SHF.WRITE : 0);
    if (fileSize > 0) sections.push({ ...common, name: `LOAD[${index}]`, type: SHT.PROGBITS, flags: sectionFlags, offset, size: fileSize });
    if (memorySize > fileSize) {
      const rest = { ...common, address: address + fileSize, offset, size: memorySize - fileSize };
      sections.push({ ...rest, name: `LOAD[${index}].bss`, type: SHT.NOBITS, flags: sectionFlags });
    }
  }
  return sections;
}

export function hasBytes(section: SectionHeader): boolean {
  return section.type !== SHT.NOBITS && section.type !== SHT.NULL;
}

/** The section's bytes, inflated where it is compressed. Empty for NOBITS. */
export function sectionBytes(elf: ElfFile, section: SectionHeader, platform: Pick<Platform, 'inflate'>): Region {
  const where = section.name || 'unnamed section';
  if (!hasBytes(section)) return new Region(elf.source, where, 0, 0);
  const stored = new Region(elf.source, where, section.offset, section.size);
  if (section.flags & SHF.COMPRESSED || section.name.startsWith('.zdebug_')) return inflateSection(stored, section, elf.is64, platform);
  return stored;
}
