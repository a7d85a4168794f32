/** ELF files section by section: well formed unless a test asks otherwise. */
import { ByteWriter } from './byte-writer.js';

export interface SectionInput {
  readonly name: string;
  /** SHT_*; PROGBITS without it. */
  readonly type?: number;
  /** SHF_*. */
  readonly flags?: number;
  readonly address?: number | bigint;
  readonly bytes?: Uint8Array;
  /** Of NOBITS, or a lie. */
  readonly size?: number | bigint;
  /** A lie. */
  readonly offset?: number | bigint;
  readonly link?: number;
  readonly entrySize?: number;
}

export interface SymbolInput {
  readonly name: string;
  readonly address: number | bigint;
  readonly size?: number | bigint;
  /** STT_*; FUNC without it. */
  readonly type?: number;
  /** STB_*; GLOBAL without it. */
  readonly binding?: number;
  /** Name of a section, or a number such as SHN_ABS. `.text` without it. */
  readonly section?: string | number;
}

export interface ElfInput {
  readonly bits: 32 | 64;
  /** ET_*; EXEC without it. */
  readonly type?: number;
  readonly machine?: number;
  readonly entry?: number | bigint;
  readonly bigEndian?: boolean;
  readonly sections?: readonly SectionInput[];
  readonly symbols?: readonly SymbolInput[];
  /** Counts of the header moved into the null section, as gABI wants it from 0xff00 on. */
  readonly extended?: boolean;
  readonly segments?: readonly { type: number; flags: number; address: number | bigint; bytes: Uint8Array; memorySize?: number }[];
  readonly sectionHeaderSize?: number;
}

export const TEXT = { type: 1, flags: 2 | 4 };
export const DATA = { type: 1, flags: 2 | 1 };
export const RODATA = { type: 1, flags: 2 };
export const BSS = { type: 8, flags: 2 | 1 };

export function buildElf(input: ElfInput): Uint8Array {
  const is64 = input.bits === 64;
  const word = is64 ? 8 : 4;
  const sections: SectionInput[] = [{ name: '', type: 0 }, ...(input.sections ?? [])];
  if (input.symbols !== undefined) addSymbols(sections, input.symbols, is64);
  const names = new ByteWriter();
  names.u8(0);
  const nameAt = [...sections.map((section) => section.name), '.shstrtab'].map((name) => {
    const at = names.length;
    names.text(name);
    return at;
  });
  sections.push({ name: '.shstrtab', type: 3, bytes: names.done() });

  const out = new ByteWriter();
  const segments = input.segments ?? [];
  out.bytes(0x7f, 0x45, 0x4c, 0x46, is64 ? 2 : 1, input.bigEndian ? 2 : 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0);
  out
    .u16(input.type ?? 2)
    .u16(input.machine ?? (is64 ? 62 : 3))
    .u32(1)
    .number(input.entry ?? 0, word);
  out.number(segments.length === 0 ? 0 : is64 ? 64 : 52, word);
  const hasHeaders = input.sections !== undefined || input.symbols !== undefined;
  const headersAt = out.length;
  out
    .number(0, word)
    .u32(0)
    .u16(is64 ? 64 : 52)
    .u16(is64 ? 56 : 32)
    .u16(segments.length);
  const nameIndex = sections.length - 1;
  if (hasHeaders) {
    out
      .u16(input.sectionHeaderSize ?? (is64 ? 64 : 40))
      .u16(input.extended ? 0 : sections.length)
      .u16(input.extended ? 0xffff : nameIndex);
  } else out.u16(0).u16(0).u16(0);
  segments.forEach((segment, index) => {
    writeSegment(out, segment, index, is64);
  });
  segments.forEach((segment, index) => {
    out.label(`segment ${index}`).append(segment.bytes);
  });
  if (!hasHeaders) return out.done();
  const offsets = sections.map((section) => {
    out.align(16);
    const at = out.length;
    if (section.bytes !== undefined) out.append(section.bytes);
    return at;
  });
  out.align(16);
  out.patch(headersAt, out.length, word);
  sections.forEach((section, index) => {
    const isNull = index === 0;
    const size = isNull && input.extended ? sections.length : (section.size ?? section.bytes?.length ?? 0);
    out
      .u32(nameAt[index] ?? 0)
      .u32(section.type ?? 1)
      .number(section.flags ?? 0, word)
      .number(section.address ?? 0, word);
    out.number(section.offset ?? (isNull ? 0 : (offsets[index] ?? 0)), word).number(size, word);
    out
      .u32(isNull && input.extended ? nameIndex : (section.link ?? 0))
      .u32(0)
      .number(1, word)
      .number(section.entrySize ?? 0, word);
  });
  return out.done();
}

function writeSegment(out: ByteWriter, segment: NonNullable<ElfInput['segments']>[number], index: number, is64: boolean): void {
  const word = is64 ? 8 : 4;
  out.u32(segment.type);
  if (is64) out.u32(segment.flags);
  out.to(`segment ${index}`, word).number(segment.address, word).number(segment.address, word);
  out.number(segment.bytes.length, word).number(segment.memorySize ?? segment.bytes.length, word);
  if (!is64) out.u32(segment.flags);
  out.number(1, word);
}

function addSymbols(sections: SectionInput[], symbols: readonly SymbolInput[], is64: boolean): void {
  const names = new ByteWriter();
  names.u8(0);
  const table = new ByteWriter();
  table.append(new Uint8Array(is64 ? 24 : 16));
  for (const symbol of symbols) {
    const { section = '.text' } = symbol;
    const index = typeof section === 'number' ? section : sections.findIndex(({ name }) => name === section);
    if (index < 0) throw new Error(`no section ${section}`);
    const info = ((symbol.binding ?? 1) << 4) | (symbol.type ?? 2);
    table.u32(names.length);
    names.text(symbol.name);
    if (is64)
      table
        .u8(info)
        .u8(0)
        .u16(index)
        .u64(symbol.address)
        .u64(symbol.size ?? 0);
    else
      table
        .number(symbol.address, 4)
        .number(symbol.size ?? 0, 4)
        .u8(info)
        .u8(0)
        .u16(index);
  }
  sections.push({ name: '.symtab', type: 2, bytes: table.done(), link: sections.length + 1, entrySize: is64 ? 24 : 16 });
  sections.push({ name: '.strtab', type: 3, bytes: names.done() });
}
