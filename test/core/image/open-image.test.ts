import { describe, expect, test } from '@jest/globals';
import { linkAddress } from '../../../src/core/addresses.js';
import { bytesSource } from '../../../src/core/bytes/byte-source.js';
import { openImage } from '../../../src/core/image/open-image.js';
import { plain } from '../../../src/core/sentence.js';
import { createPlatform } from '../../../src/platform/node.js';
import { ByteWriter } from '../../build/byte-writer.js';
import { BSS, buildElf, DATA, type ElfInput, RODATA, TEXT } from '../../build/elf-builder.js';

const platform = createPlatform();
const open = (input: ElfInput) => openImage(bytesSource(buildElf(input)), 'runtime.exe', platform);

const NOTYPE = 0;
const OBJECT = 1;
const LOCAL = 0;

const base: ElfInput = {
  bits: 32,
  sections: [
    { name: '.text', ...TEXT, address: 0x1000, bytes: new Uint8Array(0x200).fill(0x90) },
    { name: '.rodata', ...RODATA, address: 0x2000, bytes: Uint8Array.of(1, 2, 3, 4) },
    { name: '.data', ...DATA, address: 0x3000, bytes: Uint8Array.of(5, 6, 7, 8) },
    { name: '.bss', ...BSS, address: 0x4000, size: 0x100 },
    { name: '.tbss', type: 8, flags: 2 | 1 | 0x400, address: 0x4000, size: 0x40 },
  ],
  symbols: [
    { name: 'start', address: 0x1000, type: NOTYPE },
    { name: 'outer', address: 0x1010, size: 0x40 },
    { name: 'asm_label_inside', address: 0x1020, type: NOTYPE, binding: LOCAL },
    { name: 'outer_alias', address: 0x1010, size: 0x30 },
    { name: 'twice', address: 0x1060, size: 8, binding: LOCAL },
    { name: 'twice', address: 0x1070, size: 8, binding: LOCAL },
    { name: 'table_in_code', address: 0x1080, size: 0x10, type: OBJECT },
    { name: 'stub', address: 0x10a0, type: NOTYPE },
    { name: 'array', address: 0x3000, size: 4, type: OBJECT, section: '.data' },
    { name: 'absolute', address: 0x1015, section: 0xfff1, type: NOTYPE },
    { name: 'undefined', address: 0, section: 0 },
  ],
};

const at = (address: number) => linkAddress(address);

describe('places', () => {
  const image = open(base);

  test('what is code, and which section covers an address', () => {
    expect([0xfff, 0x1000, 0x11ff, 0x1200, 0x2000, 0x3000, 0x4000].map((address) => image.isCode(at(address)))).toEqual([
      false,
      true,
      true,
      false,
      false,
      false,
      false,
    ]);
    expect([0x1000, 0x2003, 0x2004, 0x4010].map((address) => image.sectionAt(at(address))?.name)).toEqual([
      '.text',
      '.rodata',
      undefined,
      '.bss',
    ]);
  });

  test('bytes as linked, and only where the file has all of them', () => {
    expect(image.bytesAt(at(0x2001), 2)).toEqual(Uint8Array.of(2, 3));
    expect(image.bytesAt(at(0x2001), 4)).toBeUndefined();
    expect(image.bytesAt(at(0x4000), 1)).toBeUndefined();
    expect(image.bytesAt(at(0x5000), 1)).toBeUndefined();
    expect(image.bytesAt(at(0x2000), -1)).toBeUndefined();
  });
});

describe('symbols', () => {
  const image = open(base);
  const covering = (address: number) => {
    const found = image.symbolAt(at(address));
    return found === undefined ? undefined : `${found.symbol.name}+${found.offset}`;
  };

  test('sorted by address, ties as in the table, without undefined ones', () => {
    expect(image.symbols.map(({ name }) => name).slice(0, 4)).toEqual(['start', 'outer', 'outer_alias', 'absolute']);
    expect(image.symbols.some(({ name }) => name === 'undefined')).toBe(false);
    expect(image.symbols.find(({ name }) => name === 'absolute')).not.toHaveProperty('section');
    expect(image.symbols.find(({ name }) => name === 'array')).toMatchObject({ type: 'object', binding: 'global', size: 4, section: 3 });
  });

  test('the sized function before the label inside it, the larger of two', () => {
    expect(covering(0x1010)).toBe('outer+0');
    expect(covering(0x1024)).toBe('outer+20');
    expect(covering(0x104f)).toBe('outer+63');
  });

  test('a label covers up to the next sized code, never beyond', () => {
    expect(covering(0x1004)).toBe('start+4');
    expect(covering(0x1050)).toBeUndefined();
    expect(covering(0x10a8)).toBe('stub+8');
    expect(covering(0x2000)).toBeUndefined();
  });

  test('never an object for code; objects for data', () => {
    expect(covering(0x1084)).toBeUndefined();
    expect(covering(0x3002)).toBe('array+2');
  });

  test('all of one name', () => {
    expect(image.symbolsNamed('twice').map(({ address }) => address)).toEqual([0x1060, 0x1070]);
    expect(image.symbolsNamed('nobody')).toEqual([]);
  });

  test('lookup names code as llvm-symbolizer does: any symbol at or before, the largest at one address', () => {
    const name = (address: number) => image.lookup(at(address)).functions[0]?.name;
    // Debian LLVM 14.0.6, `llvm-symbolizer --obj` on the same file: outer, asm_label_inside, table_in_code, ??
    expect([0x1010, 0x1024, 0x1084, 0x1078].map(name)).toEqual(['outer', 'asm_label_inside', 'table_in_code', undefined]);
    expect(image.lookup(at(0x1010))).toEqual({
      functions: [{ name: 'outer', inlined: false }],
      from: 'symbol-table',
      symbol: { name: 'outer', offset: 0 },
      range: { start: 0x1010, end: 0x1050 },
    });
    expect(image.lookup(at(0x900))).toEqual({ functions: [], from: 'none' });
  });

  test('more sections than 16 bits count: SHT_SYMTAB_SHNDX', () => {
    const sections = [
      { name: '.text', ...TEXT, address: 0x1000, bytes: new Uint8Array(16) },
      { name: '.symtab_shndx', type: 18, link: 3, bytes: new ByteWriter().u32(0).u32(1).done() },
    ];
    const extended = open({ bits: 64, sections, symbols: [{ name: 'far', address: 0x1000, size: 4, section: 0xffff }] });
    expect(extended.symbols).toMatchObject([{ name: 'far', section: 1 }]);
  });

  test('addresses of the kernel half are exact', () => {
    const high = 0xffffffff81000000n;
    const kernel = open({
      bits: 64,
      sections: [{ name: '.text', ...TEXT, address: high, bytes: new Uint8Array(64).fill(0x90) }],
      symbols: [{ name: 'startup_64', address: high + 8n, size: 16 }],
    });
    const address = linkAddress(Number(BigInt.asIntN(64, high + 9n)));
    expect(kernel.isCode(address)).toBe(true);
    expect(kernel.symbolAt(address)).toMatchObject({ offset: 1 });
    expect(kernel.lookup(address).functions[0]?.name).toBe('startup_64');
    expect(kernel.lookup(at(0x1000)).from).toBe('none');
  });
});

describe('what cannot be read becomes a gap', () => {
  const problems = (input: ElfInput) => {
    const image = open(input);
    image.lookup(at(0x1000));
    expect(image.symbols).toBeDefined();
    return image.gaps.map(({ kind, problem }) => `${kind}: ${plain(problem)}`);
  };
  const text = { name: '.text', ...TEXT, address: 0x1000, bytes: new Uint8Array(16) };

  test('an object file is told to be one', () => {
    expect(problems({ ...base, type: 1 })).toEqual([
      expect.stringContaining('unsupported: The file is an object file that was not linked'),
    ]);
    expect(open({ ...base, type: 1 }).lookup(at(0x1010)).from).toBe('none');
  });

  test.each([0, 1, 15, 17, 0xffffffff])('symbols of entry size %d', (entrySize) => {
    const sections = [text, { name: '.symtab', type: 2, bytes: new Uint8Array(64), entrySize, link: 0 }];
    expect(problems({ bits: 32, sections })).toEqual([expect.stringContaining(`entry size ${entrySize}, must be 16`)]);
  });

  test('a symbol table that is no multiple of its entries, or has no names', () => {
    const odd = { name: '.symtab', type: 2, bytes: new Uint8Array(17), entrySize: 16, link: 0 };
    expect(problems({ bits: 32, sections: [text, odd] })).toEqual([expect.stringContaining('not a multiple of 16')]);
    const nameless = { ...odd, bytes: new Uint8Array(16), link: 77 };
    expect(problems({ bits: 32, sections: [text, nameless] })).toEqual([expect.stringContaining('string table is section 77')]);
  });

  test('a name outside its table reads as none', () => {
    const bytes = new ByteWriter().append(new Uint8Array(16)).u32(0x7fffffff).u32(0x1000).u32(4).u8(0x12).u8(0).u16(1).done();
    const symtab = { name: '.symtab', type: 2, bytes, entrySize: 16, link: 3 };
    const image = open({ bits: 32, sections: [text, symtab, { name: '.strtab', type: 3, bytes: new Uint8Array(1) }] });
    expect(image.symbols).toMatchObject([{ name: '', address: 0x1000 }]);
  });
});

test('the build id', () => {
  const note = new ByteWriter()
    .u32(4)
    .u32(3)
    .u32(1)
    .text('Xen')
    .bytes(1, 2, 3, 0)
    .u32(4)
    .u32(4)
    .u32(3)
    .text('GNU')
    .bytes(0xde, 0xad, 0xbe, 0xef)
    .done();
  const image = open({ bits: 64, sections: [{ name: '.note.gnu.build-id', type: 7, flags: 2, bytes: note }] });
  expect(image.buildId).toBe('deadbeef');
  for (let length = 0; length < note.length; length++) {
    expect(open({ bits: 64, sections: [{ name: '.note', type: 7, bytes: note.subarray(0, length) }] })).not.toHaveProperty('buildId');
  }
});
