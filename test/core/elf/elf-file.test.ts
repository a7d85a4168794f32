import { deflateSync } from 'node:zlib';
import { describe, expect, test } from '@jest/globals';
import { bytesSource } from '../../../src/core/bytes/byte-source.js';
import { FormatError } from '../../../src/core/bytes/format-error.js';
import { readElf, type SectionHeader, sectionBytes } from '../../../src/core/elf/elf-file.js';
import { createPlatform } from '../../../src/platform/node.js';
import { ByteWriter } from '../../build/byte-writer.js';
import { BSS, buildElf, DATA, type ElfInput, TEXT } from '../../build/elf-builder.js';

const platform = createPlatform();
const code = Uint8Array.of(0x90, 0xc3);
const read = (input: ElfInput) => readElf(bytesSource(buildElf(input)));

function failure(bytes: Uint8Array): string {
  try {
    readElf(bytesSource(bytes));
  } catch (error) {
    if (error instanceof FormatError) return error.message;
    throw error;
  }
  return 'read';
}

describe.each([32, 64] as const)('ELF%d', (bits) => {
  const base: ElfInput = {
    bits,
    entry: 0x10200000,
    sections: [
      { name: '.text', ...TEXT, address: 0x10200000, bytes: code },
      { name: '.data', ...DATA, address: 0x10201000, bytes: Uint8Array.of(1, 2, 3) },
      { name: '.bss', ...BSS, address: 0x10202000, size: 0x1000 },
    ],
  };

  test('header and sections', () => {
    const elf = read(base);
    expect([elf.arch, elf.type, elf.entry]).toEqual([bits === 64 ? 'amd64' : 'i386', 'executable', 0x10200000]);
    expect(elf.sections.map(({ name, address, size }) => [name, address, size])).toEqual([
      ['', 0, 0],
      ['.text', 0x10200000, 2],
      ['.data', 0x10201000, 3],
      ['.bss', 0x10202000, 0x1000],
      ['.shstrtab', 0, expect.any(Number)],
    ]);
  });

  test('counts of 0xff00 and more stand in the null section', () => {
    const elf = read({ ...base, extended: true });
    expect(elf.sections.length).toBe(5);
    expect(elf.sections[1]?.name).toBe('.text');
  });

  test('bytes of a section; none of NOBITS', () => {
    const elf = read(base);
    const [, text, , bss] = elf.sections as [SectionHeader, SectionHeader, SectionHeader, SectionHeader]; // four as built
    expect(sectionBytes(elf, text, platform).slice(0, 2)).toEqual(code);
    expect(sectionBytes(elf, bss, platform).size).toBe(0);
  });

  test('without section headers the segments tell code from data', () => {
    const elf = read({
      bits,
      segments: [
        { type: 1, flags: 5, address: 0x1000, bytes: code },
        { type: 1, flags: 6, address: 0x2000, bytes: Uint8Array.of(7), memorySize: 9 },
        { type: 6, flags: 4, address: 0, bytes: code },
      ],
    });
    expect(elf.hasSectionHeaders).toBe(false);
    expect(elf.sections.slice(1).map(({ name, address, size, flags }) => [name, address, size, flags])).toEqual([
      ['LOAD[0]', 0x1000, 2, 6],
      ['LOAD[1]', 0x2000, 1, 3],
      ['LOAD[1].bss', 0x2001, 8, 3],
    ]);
  });

  test.each([
    ['executable', 2],
    ['shared', 3],
    ['relocatable', 1],
    ['core', 4],
  ])('type %s', (type, number) => {
    expect(read({ ...base, type: number }).type).toBe(type);
  });

  test('every truncation is an error or a file with fewer bytes, told as such', () => {
    const whole = buildElf(base);
    for (let length = 0; length < whole.length; length++) {
      // the section header table is last, so nothing shorter is whole
      expect(failure(whole.subarray(0, length))).not.toBe('read');
    }
    expect(failure(whole)).toBe('read');
  });

  test('a section that lies outside the file is refused when its bytes are asked for', () => {
    for (const [offset, size] of [
      [0x7fffffff, 4],
      [0, 0xfffffff0],
      [0xfffffff0, 0x20],
    ] as const) {
      const elf = read({ bits, sections: [{ name: '.text', ...TEXT, offset, size }] });
      expect(() => sectionBytes(elf, elf.sections[1] as SectionHeader, platform)).toThrow(FormatError); // one as built
    }
  });

  test('section headers of another size are refused', () => {
    expect(failure(buildElf({ ...base, sectionHeaderSize: 0 }))).toContain('section header size 0');
    expect(failure(buildElf({ ...base, sectionHeaderSize: 41 }))).toContain('section header size 41');
  });
});

describe('what is no x86 ELF', () => {
  const sections = [{ name: '.text', ...TEXT, bytes: code }];
  test.each([
    ['nothing', new Uint8Array(0), 'file of 0 bytes'],
    ['a PE', new TextEncoder().encode('MZ'.padEnd(64)), 'not an ELF file'],
    ['big endian', buildElf({ bits: 32, bigEndian: true, sections }), 'unsupported: big endian'],
    ['ARM', buildElf({ bits: 32, machine: 40, sections }), 'unsupported: machine 40'],
    ['x32', buildElf({ bits: 32, machine: 62, sections }), 'unsupported: machine 62 in a 32-bit file'],
    ['an unknown type', buildElf({ bits: 64, type: 9, sections }), 'unsupported: file type 9'],
  ])('%s', (_, bytes, message) => {
    expect(failure(bytes)).toContain(message);
  });

  test('an offset above 2^53', () => {
    const bytes = buildElf({ bits: 64, sections });
    new DataView(bytes.buffer).setBigUint64(40, 0xffffffffffffff00n, true);
    expect(failure(bytes)).toContain('too large');
  });

  test('more sections than the limit', () => {
    const bytes = buildElf({ bits: 64, sections, extended: true });
    const headers = Number(new DataView(bytes.buffer).getBigUint64(40, true));
    const room = new Uint8Array(bytes.length + 300_000 * 64);
    room.set(bytes);
    new DataView(room.buffer).setBigUint64(headers + 32, 300_000n, true);
    expect(failure(room)).toContain('limit: 300000 sections');
  });
});

describe('compressed sections', () => {
  const content = new TextEncoder().encode('debug information, '.repeat(50));
  const packed = deflateSync(content);
  const open = (bytes: Uint8Array, flags: number, name = '.debug_info', bits: 32 | 64 = 64) => {
    const elf = read({ bits, sections: [{ name, flags, bytes }] });
    const region = sectionBytes(elf, elf.sections[1] as SectionHeader, platform); // one as built
    return region.slice(0, region.size);
  };
  const header64 = (type: number, size: number | bigint) => new ByteWriter().u32(type).u32(0).u64(size).u64(1).append(packed).done();
  const gnu = (size: number) => {
    const writer = new ByteWriter().append(new TextEncoder().encode('ZLIB')).u32(0);
    return writer
      .bytes(size >>> 24, size >>> 16, size >>> 8, size)
      .append(packed)
      .done();
  };

  test('SHF_COMPRESSED, 64 and 32 bits', () => {
    expect(open(header64(1, content.length), 0x800)).toEqual(content);
    expect(open(new ByteWriter().u32(1).u32(content.length).u32(1).append(packed).done(), 0x800, '.debug_info', 32)).toEqual(content);
  });

  test('.zdebug', () => {
    expect(open(gnu(content.length), 0, '.zdebug_info')).toEqual(content);
  });

  test.each([
    ['zstd', () => open(header64(2, content.length), 0x800), 'unsupported: compressed with zstd'],
    ['another method', () => open(header64(7, content.length), 0x800), 'unsupported: compression method 7'],
    ['a size too small', () => open(header64(1, content.length - 1), 0x800), 'zlib stream'],
    ['a size too large', () => open(header64(1, content.length + 1), 0x800), 'declares 951 bytes inflated, holds 950'],
    ['a size that deflate cannot reach', () => open(header64(1, 1_000_000_000), 0x800), 'more than deflate can hold'],
    ['a size over the limit', () => open(header64(1, 2 ** 40), 0x800), 'limit: declares'],
    ['a size above 2^53', () => open(header64(1, 0xffffffffffffffffn), 0x800), 'too large'],
    ['no header', () => open(Uint8Array.of(1, 0), 0x800), 'bytes wanted'],
    ['no mark', () => open(header64(1, content.length), 0, '.zdebug_info'), 'without the ZLIB mark'],
    ['a damaged stream', () => open(header64(1, content.length).fill(0xff, 30, 40), 0x800), 'zlib stream'],
  ])('%s is refused', (_, read, message) => {
    expect(read).toThrow(FormatError);
    expect(read).toThrow(message);
  });
});
