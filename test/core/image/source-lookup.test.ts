import { describe, expect, test } from '@jest/globals';
import { linkAddress } from '../../../src/core/addresses.js';
import { bytesSource } from '../../../src/core/bytes/byte-source.js';
import * as D from '../../../src/core/dwarf/constants.js';
import { openImage } from '../../../src/core/image/open-image.js';
import { plain } from '../../../src/core/sentence.js';
import { createPlatform } from '../../../src/platform/node.js';
import { ByteWriter } from '../../build/byte-writer.js';
import { DebugWriter, type DieInput, die, endSequence, lineTable, row, setAddress } from '../../build/dwarf-builder.js';
import { buildElf, type SectionInput, type SymbolInput, TEXT } from '../../build/elf-builder.js';

const platform = createPlatform();

interface Shape {
  readonly bits: 32 | 64;
  readonly version: number;
  readonly is64?: boolean;
}

const TEXT_SECTION: SectionInput = { name: '.text', ...TEXT, address: 0x1000, bytes: new Uint8Array(0x200).fill(0x90) };

function image(shape: Shape, sections: readonly SectionInput[], symbols: readonly SymbolInput[] = []) {
  return openImage(bytesSource(buildElf({ bits: shape.bits, sections: [TEXT_SECTION, ...sections], symbols })), 'runtime.exe', platform);
}

type Opened = ReturnType<typeof image>;

/** `name file:line:column`, innermost first, as `llvm-symbolizer` prints it. */
function words(opened: Opened, address: number): string[] {
  const { functions } = opened.lookup(linkAddress(address));
  return functions.map(({ name, file, line, column }) => `${name} ${file ?? '??'}:${line ?? 0}:${column ?? 0}`);
}

const problems = (opened: Opened) => opened.gaps.map(({ kind, problem }) => `${kind}: ${plain(problem)}`);

function lines({ bits, version }: Shape): Uint8Array {
  const word = bits / 8;
  return lineTable({
    version,
    addressSize: word,
    directories: version >= 5 ? ['/src', '/src/include', 'lib'] : ['/src/include', 'lib'],
    files:
      version >= 5
        ? [
            ['main.c', 0],
            ['inline.h', 1],
            ['deep.h', 2],
          ]
        : [
            ['main.c', 0],
            ['inline.h', 1],
            ['deep.h', 2],
          ],
    program: (out) => {
      const first = version >= 5 ? 0 : 1;
      out.u8(D.DW_LNS_set_file).uleb(first);
      setAddress(out, 0x1000, word);
      row(out, 0, 9);
      out.u8(D.DW_LNS_set_column).uleb(7);
      row(out, 4, 1);
      out.u8(D.DW_LNS_set_file).uleb(first + 1);
      row(out, 12, 90);
      out.u8(D.DW_LNS_set_file).uleb(first + 2);
      row(out, 16, -40);
      out.u8(D.DW_LNS_set_file).uleb(first).u8(D.DW_LNS_set_column).uleb(0);
      row(out, 16, -40);
      endSequence(out, 0x50);
      out.u8(D.DW_LNS_set_file).uleb(first);
      setAddress(out, 0x1180, word);
      row(out, 0, 200);
      endSequence(out, 0x10);
    },
  });
}

/** main() with an inlined call in an inlined call; `split` has a cold part; `other` is declared first and defined later. */
function tree({ bits, version, is64 }: Shape): DieInput {
  const offset = version >= 4 ? D.DW_FORM_sec_offset : is64 ? D.DW_FORM_data8 : D.DW_FORM_data4;
  const high = (low: number, length: number): readonly [number, number, number] =>
    version >= 4 ? [D.DW_AT_high_pc, D.DW_FORM_data4, length] : [D.DW_AT_high_pc, D.DW_FORM_addr, low + length];
  const first = version >= 5 ? 0 : 1;
  const flag = (attribute: number): readonly [number, number, number] => [
    attribute,
    version >= 4 ? D.DW_FORM_flag_present : D.DW_FORM_flag,
    1,
  ];
  return die(
    D.DW_TAG_compile_unit,
    [
      [D.DW_AT_name, D.DW_FORM_strp, 'main.c'],
      [D.DW_AT_language, D.DW_FORM_data1, 0x0c],
      [D.DW_AT_comp_dir, D.DW_FORM_string, '/src'],
      [D.DW_AT_low_pc, D.DW_FORM_addr, 0],
      [D.DW_AT_ranges, offset, 0],
      [D.DW_AT_stmt_list, offset, 0],
    ],
    [
      die(
        D.DW_TAG_structure_type,
        [
          [D.DW_AT_sibling, D.DW_FORM_ref4, { ref: 'after-struct' }],
          [D.DW_AT_name, D.DW_FORM_string, 'vcpu'],
        ],
        [die(D.DW_TAG_member, [[D.DW_AT_name, D.DW_FORM_string, 'id']])],
      ),
      die(
        D.DW_TAG_subprogram,
        [
          [D.DW_AT_name, D.DW_FORM_string, 'inner'],
          [D.DW_AT_decl_line, D.DW_FORM_data1, 50],
          [D.DW_AT_inline, D.DW_FORM_data1, 3],
        ],
        [die(D.DW_TAG_formal_parameter, [[D.DW_AT_name, D.DW_FORM_string, 'msr']])],
        'after-struct',
      ),
      die(
        D.DW_TAG_subprogram,
        [
          [D.DW_AT_name, D.DW_FORM_string, 'middle'],
          [D.DW_AT_inline, D.DW_FORM_data1, 3],
        ],
        undefined,
        'middle',
      ),
      die(D.DW_TAG_subprogram, [[D.DW_AT_name, D.DW_FORM_string, 'other'], flag(D.DW_AT_declaration)], undefined, 'other'),
      die(
        D.DW_TAG_subprogram,
        [[D.DW_AT_name, D.DW_FORM_string, 'main'], [D.DW_AT_low_pc, D.DW_FORM_addr, 0x1000], high(0x1000, 0x40)],
        [
          die(
            D.DW_TAG_lexical_block,
            [[D.DW_AT_low_pc, D.DW_FORM_addr, 0x1010], high(0x1010, 0x20)],
            [
              die(
                D.DW_TAG_inlined_subroutine,
                [
                  [D.DW_AT_abstract_origin, D.DW_FORM_ref4, { ref: 'middle' }],
                  [D.DW_AT_low_pc, D.DW_FORM_addr, 0x1010],
                  high(0x1010, 0x20),
                  [D.DW_AT_call_file, D.DW_FORM_data1, first],
                  [D.DW_AT_call_line, D.DW_FORM_data1, 11],
                  [D.DW_AT_call_column, D.DW_FORM_data1, 3],
                ],
                [
                  die(D.DW_TAG_inlined_subroutine, [
                    [D.DW_AT_abstract_origin, D.DW_FORM_ref_addr, { ref: 'after-struct' }],
                    [D.DW_AT_low_pc, D.DW_FORM_addr, 0x1020],
                    high(0x1020, 0x10),
                    [D.DW_AT_call_file, D.DW_FORM_udata, first + 1],
                    [D.DW_AT_call_line, D.DW_FORM_udata, 101],
                  ]),
                ],
              ),
            ],
          ),
        ],
      ),
      die(D.DW_TAG_subprogram, [
        [D.DW_AT_specification, D.DW_FORM_ref4, { ref: 'other' }],
        [D.DW_AT_linkage_name, D.DW_FORM_string, '_Z5otherv'],
        [D.DW_AT_low_pc, D.DW_FORM_addr, 0x1040],
        high(0x1040, 0x10),
      ]),
      die(D.DW_TAG_subprogram, [
        [D.DW_AT_name, D.DW_FORM_string, 'split'],
        [D.DW_AT_ranges, offset, version >= 5 ? RNGLIST_SPLIT : (2 * 2 * bits) / 8 + (2 * bits) / 8],
      ]),
    ],
  );
}

/** `.debug_ranges` or `.debug_rnglists`: the unit's list, then that of `split`. */
function ranges({ bits, version }: Shape): SectionInput {
  const word = bits / 8;
  const out = new ByteWriter();
  if (version < 5) {
    for (const value of [0x1000, 0x1080, 0x1180, 0x1190, 0, 0]) out.number(value, word);
    out.number(-1, word).number(0x1000, word);
    for (const value of [0x50, 0x80, 0x180, 0x190, 0, 0]) out.number(value, word);
    return { name: '.debug_ranges', bytes: out.done() };
  }
  out.u8(D.DW_RLE_base_address).number(0x1000, word).u8(D.DW_RLE_offset_pair).uleb(0).uleb(0x80);
  out.u8(D.DW_RLE_start_length).number(0x1180, word).uleb(0x10).u8(D.DW_RLE_end_of_list);
  while (out.length < RNGLIST_SPLIT) out.u8(0);
  out.u8(D.DW_RLE_start_end).number(0x1050, word).number(0x1080, word);
  out.u8(D.DW_RLE_start_length).number(0x1180, word).uleb(0x10).u8(D.DW_RLE_end_of_list);
  return { name: '.debug_rnglists', bytes: out.done() };
}

const RNGLIST_SPLIT = 64;

function whole(shape: Shape, symbols: readonly SymbolInput[] = []) {
  const debug = new DebugWriter();
  debug.add({ version: shape.version, addressSize: shape.bits / 8, ...(shape.is64 ? { is64: true } : {}), root: tree(shape) });
  return image(shape, [...debug.sections(), { name: '.debug_line', bytes: lines(shape) }, ranges(shape)], symbols);
}

describe.each<Shape>([
  { bits: 32, version: 2 },
  { bits: 32, version: 3 },
  { bits: 32, version: 4 },
  { bits: 32, version: 5 },
  { bits: 64, version: 2 },
  { bits: 64, version: 3 },
  { bits: 64, version: 3, is64: true },
  { bits: 64, version: 4 },
  { bits: 64, version: 4, is64: true },
  { bits: 64, version: 5 },
  { bits: 64, version: 5, is64: true },
])('DWARF $version, $bits bits, 64-bit format $is64', (shape) => {
  const opened = whole(shape);

  // Debian LLVM 14.0.6, `llvm-symbolizer --obj --no-demangle --inlining` on the same files.
  test.each([
    [0x1000, ['main /src/main.c:10:0']],
    [0x1004, ['main /src/main.c:11:7']],
    [0x1010, ['middle /src/include/inline.h:101:7', 'main /src/main.c:11:3']],
    [0x1020, ['inner /src/lib/deep.h:61:7', 'middle /src/include/inline.h:101:0', 'main /src/main.c:11:3']],
    [0x102f, ['inner /src/lib/deep.h:61:7', 'middle /src/include/inline.h:101:0', 'main /src/main.c:11:3']],
    [0x1030, ['main /src/main.c:21:0']],
    [0x1040, ['_Z5otherv /src/main.c:21:0']],
    [0x1050, ['split /src/main.c:21:0']],
    [0x107f, ['split /src/main.c:21:0']],
    [0x1188, ['split /src/main.c:201:0']],
    [0x1080, []],
    [0xfff, []],
  ])('0x%s', (address, expected) => {
    expect(words(opened, address)).toEqual(expected);
  });

  test('the piece of code, the declaration, and nothing to complain of', () => {
    expect(opened.lookup(linkAddress(0x1188))).toMatchObject({ from: 'dwarf', range: { start: 0x1180, end: 0x1190 } });
    expect(opened.lookup(linkAddress(0x1020)).functions[0]).toMatchObject({ declarationLine: 50, inlined: true });
    expect(opened.lookup(linkAddress(0x1020)).functions.map(({ inlined }) => inlined)).toEqual([true, true, false]);
    expect(problems(opened)).toEqual([]);
  });

  test('the symbol table names the function that owns the code', () => {
    const named = whole(shape, [
      { name: 'main.constprop.0', address: 0x1000, size: 0x40 },
      { name: 'label', address: 0x1030, type: 0, binding: 0 },
    ]);
    expect(words(named, 0x1020).at(-1)).toBe('main.constprop.0 /src/main.c:11:3');
    expect(named.lookup(linkAddress(0x1020)).functions[0]?.name).toBe('inner');
    expect(named.lookup(linkAddress(0x1034)).functions).toMatchObject([{ name: 'label', declaredName: 'main' }]);
  });
});

describe('which unit', () => {
  const unit = (name: string, low: number | bigint, size: number): DieInput =>
    die(
      D.DW_TAG_compile_unit,
      [
        [D.DW_AT_name, D.DW_FORM_string, name],
        [D.DW_AT_low_pc, D.DW_FORM_addr, low],
        [D.DW_AT_high_pc, D.DW_FORM_data4, size],
      ],
      [
        die(D.DW_TAG_subprogram, [
          [D.DW_AT_name, D.DW_FORM_string, `${name}_function`],
          [D.DW_AT_low_pc, D.DW_FORM_addr, low],
          [D.DW_AT_high_pc, D.DW_FORM_data4, size],
        ]),
      ],
    );
  const shape: Shape = { bits: 64, version: 4 };
  const name = (opened: Opened, address: number) => opened.lookup(linkAddress(address)).functions[0]?.name;

  test('without address ranges the root entries tell; with them, they count, and others are still found', () => {
    const debug = new DebugWriter();
    debug
      .add({ version: 4, addressSize: 8, root: unit('one', 0x1000, 0x10) })
      .add({ version: 4, addressSize: 8, root: unit('two', 0x1010, 0x10) });
    const plainImage = image(shape, debug.sections());
    expect([0x1000, 0x1010, 0x1020].map((address) => name(plainImage, address))).toEqual(['one_function', 'two_function', undefined]);

    const aranges = new ByteWriter().sized(4, (out) => {
      out.u16(2).u32(0).u8(8).u8(0).u32(0);
      out.u64(0x1000).u64(8).u64(0).u64(0);
    });
    const listed = image(shape, [...debug.sections(), { name: '.debug_aranges', bytes: aranges.done() }]);
    // the set is believed where there is one: the second half of unit one is not in it
    expect([0x1000, 0x1008, 0x1010].map((address) => name(listed, address))).toEqual(['one_function', undefined, 'two_function']);
  });

  test('damaged address ranges are told, and the root entries found instead', () => {
    const debug = new DebugWriter().add({ version: 4, addressSize: 8, root: unit('one', 0x1000, 0x10) });
    for (const [bytes, message] of [
      [new ByteWriter().u32(0xfffffff0).done(), 'reserved unit length'],
      [new ByteWriter().sized(4, (out) => out.u16(7).append(new Uint8Array(20))).done(), 'address ranges of version 7'],
      [new ByteWriter().u32(0x1000).u16(2).u32(0).u8(8).u8(0).append(new Uint8Array(40)).done(), 'bytes wanted'],
      [new ByteWriter().u32(0).append(new Uint8Array(40)).done(), 'version 0'],
    ] as const) {
      const opened = image(shape, [...debug.sections(), { name: '.debug_aranges', bytes }]);
      expect(name(opened, 0x1000)).toBe('one_function');
      expect(problems(opened)).toEqual([expect.stringContaining(message)]);
    }
  });

  test('units that overlap: the first in the file, until it ends', () => {
    const debug = new DebugWriter();
    for (const [which, low, size] of [
      ['one', 0x1010, 0x20],
      ['two', 0x1000, 0x20],
      ['three', 0x1008, 0x40],
    ] as const) {
      debug.add({ version: 4, addressSize: 8, root: unit(which, low, size) });
    }
    const opened = image(shape, debug.sections());
    // Debian LLVM 14.0.6: two goes on as long as it does, then one comes first in the file
    expect([0x1000, 0x1008, 0x1010, 0x1020, 0x1030, 0x1047].map((address) => name(opened, address))).toEqual([
      'two_function',
      'two_function',
      'two_function',
      'one_function',
      'three_function',
      'three_function',
    ]);
  });

  test('tombstones of dropped code cover nothing', () => {
    const debug = new DebugWriter();
    debug.add({ version: 4, addressSize: 8, root: unit('minus-one', 0xffffffffffffffffn, 0x2000) });
    debug.add({ version: 4, addressSize: 8, root: unit('minus-two', 0xfffffffffffffffen, 0x2000) });
    debug.add({ version: 4, addressSize: 8, root: unit('real', 0x1000, 0x10) });
    expect(name(image(shape, debug.sections()), 0x1004)).toBe('real_function');
  });

  test('a root entry of many pages', () => {
    const long = unit('x'.repeat(20_000), 0x1000, 0x10);
    const debug = new DebugWriter().add({
      version: 4,
      addressSize: 8,
      root: { ...long, children: unit('one', 0x1000, 0x10).children ?? [] },
    });
    expect(name(image(shape, debug.sections()), 0x1004)).toBe('one_function');
  });

  test('a kernel half', () => {
    const debug = new DebugWriter().add({ version: 4, addressSize: 8, root: unit('kernel', 0xffffffff81000000n, 0x100) });
    expect(name(image(shape, debug.sections()), Number(BigInt.asIntN(64, 0xffffffff81000010n)))).toBe('kernel_function');
  });
});

describe('strings and addresses by index, DWARF 5', () => {
  test('strx, addrx, rnglistx, line_strp and their bases', () => {
    const debug = new DebugWriter();
    const root = die(
      D.DW_TAG_compile_unit,
      [
        [D.DW_AT_name, D.DW_FORM_strx1, 0],
        [D.DW_AT_str_offsets_base, D.DW_FORM_sec_offset, 8],
        [D.DW_AT_addr_base, D.DW_FORM_sec_offset, 8],
        [D.DW_AT_rnglists_base, D.DW_FORM_sec_offset, 12],
        [D.DW_AT_comp_dir, D.DW_FORM_line_strp, '/src'],
        [D.DW_AT_low_pc, D.DW_FORM_addrx, 0],
        [D.DW_AT_high_pc, D.DW_FORM_data4, 0x100],
      ],
      [
        die(D.DW_TAG_subprogram, [
          [D.DW_AT_name, D.DW_FORM_strx, 1],
          [D.DW_AT_low_pc, D.DW_FORM_addrx1, 0],
          [D.DW_AT_high_pc, D.DW_FORM_data1, 0x10],
        ]),
        die(D.DW_TAG_subprogram, [
          [D.DW_AT_name, D.DW_FORM_strx3, 2],
          [D.DW_AT_ranges, D.DW_FORM_rnglistx, 0],
        ]),
        die(D.DW_TAG_subprogram, [
          [D.DW_AT_name, D.DW_FORM_strx2, 3],
          [D.DW_AT_low_pc, D.DW_FORM_addrx3, 2],
          [D.DW_AT_high_pc, D.DW_FORM_addrx4, 3],
        ]),
      ],
    );
    debug.add({ version: 5, addressSize: 8, root });
    const strings = new ByteWriter().text('unit').text('by_addrx').text('by_rnglistx').text('by_high_addrx').done();
    const offsets = new ByteWriter().u32(20).u16(5).u16(0).u32(0).u32(5).u32(14).u32(26).done();
    const addresses = new ByteWriter().u32(36).u16(5).u8(8).u8(0).u64(0x1000).u64(0x1020).u64(0x1040).u64(0x1050).done();
    const lists = new ByteWriter().u32(0).u16(5).u8(8).u8(0).u32(1).u32(4);
    lists.u8(D.DW_RLE_base_addressx).uleb(1).u8(D.DW_RLE_offset_pair).uleb(0).uleb(8).u8(D.DW_RLE_startx_endx).uleb(1).uleb(2);
    lists.u8(D.DW_RLE_startx_length).uleb(3).uleb(8).u8(D.DW_RLE_end_of_list);
    const sections = debug.sections().map((section) => (section.name === '.debug_str' ? { ...section, bytes: strings } : section));
    const opened = image({ bits: 64, version: 5 }, [
      ...sections,
      { name: '.debug_str_offsets', bytes: offsets },
      { name: '.debug_addr', bytes: addresses },
      { name: '.debug_rnglists', bytes: lists.done() },
    ]);
    const name = (address: number) => opened.lookup(linkAddress(address)).functions[0]?.name;
    expect([0x1000, 0x1020, 0x103f, 0x1050, 0x1058, 0x1048, 0x1018].map(name)).toEqual([
      'by_addrx',
      'by_rnglistx',
      'by_rnglistx',
      'by_rnglistx',
      undefined,
      'by_high_addrx',
      undefined,
    ]);
    expect(problems(opened)).toEqual([]);
  });
});

describe('what is not supported is told, and the symbol table answers', () => {
  const symbols = [{ name: 'main', address: 0x1000, size: 0x40 }];
  const simple = (attributes: DieInput['attributes'] = []): DieInput =>
    die(D.DW_TAG_compile_unit, [[D.DW_AT_low_pc, D.DW_FORM_addr, 0x1000], [D.DW_AT_high_pc, D.DW_FORM_data4, 0x40], ...attributes], []);
  const check = (sections: readonly SectionInput[], message: string) => {
    const opened = image({ bits: 64, version: 5 }, sections, symbols);
    expect(opened.lookup(linkAddress(0x1000))).toMatchObject({ functions: [{ name: 'main' }], from: 'symbol-table' });
    expect(problems(opened)).toEqual([expect.stringContaining(message)]);
  };

  test.each([0, 1, 6, 0xffff])('a unit of version %d', (version) => {
    check(
      new DebugWriter().add({ version, addressSize: 8, root: simple() }).sections(),
      `unsupported: unit of DWARF version ${version}`.replace('unsupported: ', ''),
    );
  });

  test('a unit type of a later standard', () => {
    check(new DebugWriter().add({ version: 5, type: 0x77, addressSize: 8, root: simple() }).sections(), 'unit type 0x77');
  });

  test('split DWARF', () => {
    const skeleton = { ...simple([[D.DW_AT_dwo_name, D.DW_FORM_string, 'main.dwo']]), tag: D.DW_TAG_skeleton_unit };
    check(new DebugWriter().add({ version: 5, type: D.DW_UT_skeleton, addressSize: 8, root: skeleton }).sections(), 'split DWARF');
  });

  test('a form of a later standard', () => {
    const debug = new DebugWriter().add({ version: 5, addressSize: 8, root: simple([[D.DW_AT_name, D.DW_FORM_data1, 1]]) });
    const sections = debug.sections();
    const abbrev = sections[1]?.bytes ?? new Uint8Array();
    abbrev[abbrev.lastIndexOf(D.DW_FORM_data1)] = 0x7a;
    check(sections, 'form 0x7a');
  });

  test('a unit that is not known does not hide the next', () => {
    const debug = new DebugWriter();
    debug.add({ version: 9, addressSize: 8, root: simple() });
    debug.add({
      version: 4,
      addressSize: 8,
      root: {
        ...simple(),
        children: [
          die(D.DW_TAG_subprogram, [
            [D.DW_AT_name, D.DW_FORM_string, 'f'],
            [D.DW_AT_low_pc, D.DW_FORM_addr, 0x1000],
            [D.DW_AT_high_pc, D.DW_FORM_data1, 4],
          ]),
        ],
      },
    });
    expect(words(image({ bits: 64, version: 4 }, debug.sections()), 0x1000)).toEqual(['f ??:0:0']);
  });
});

describe('checksums of files', () => {
  // md5sum of a file that clang 14.0.6 -g compiled; its line table held these bytes in this order
  const checksum = 'e381f26408f1deac54f8482281cd73aa';
  const opened = (checksums: readonly string[] | undefined) => {
    const table = lineTable({
      version: 5,
      addressSize: 4,
      directories: ['/src'],
      files: [
        ['a.c', 0],
        ['b.c', 0],
      ],
      ...(checksums === undefined ? {} : { checksums }),
      program: (out) => {
        out.u8(D.DW_LNS_set_file).uleb(0);
        setAddress(out, 0x1000, 4);
        row(out, 0, 9);
        out.u8(D.DW_LNS_set_file).uleb(1);
        row(out, 4, 1);
        endSequence(out, 4);
      },
    });
    const unit = die(D.DW_TAG_compile_unit, [
      [D.DW_AT_name, D.DW_FORM_string, 'a.c'],
      [D.DW_AT_comp_dir, D.DW_FORM_string, '/src'],
      [D.DW_AT_low_pc, D.DW_FORM_addr, 0x1000],
      [D.DW_AT_high_pc, D.DW_FORM_data4, 8],
      [D.DW_AT_stmt_list, D.DW_FORM_sec_offset, 0],
    ]);
    const debug = new DebugWriter().add({ version: 5, addressSize: 4, root: unit });
    const sections = [...debug.sections(), { name: '.debug_line', bytes: table }];
    return image({ bits: 32, version: 5 }, sections, [{ name: 'f', address: 0x1000, size: 8 }]);
  };
  const checksums = (found: Opened) => [0x1000, 0x1004].map((address) => found.lookup(linkAddress(address)).functions[0]?.checksum);

  test('are those of the file of each line', () => {
    expect(checksums(opened([checksum, `${'0'.repeat(31)}1`]))).toEqual([checksum, `${'0'.repeat(31)}1`]);
  });

  test('are absent without the field, and where it is zero', () => {
    expect(checksums(opened(undefined))).toEqual([undefined, undefined]);
    expect(checksums(opened(['0'.repeat(32), checksum]))).toEqual([undefined, checksum]);
  });
});
