/** One file for each way in which debug information can lie; docs/SECURITY.md has the list. Every one ends in a gap and a symbol-table answer. */
import { describe, expect, test } from '@jest/globals';
import { linkAddress } from '../../../src/core/addresses.js';
import { bytesSource } from '../../../src/core/bytes/byte-source.js';
import * as D from '../../../src/core/dwarf/constants.js';
import { openImage } from '../../../src/core/image/open-image.js';
import { plain } from '../../../src/core/sentence.js';
import { createPlatform } from '../../../src/platform/node.js';
import { ByteWriter } from '../../build/byte-writer.js';
import { DebugWriter, type DieInput, die, endSequence, lineTable, row, setAddress } from '../../build/dwarf-builder.js';
import { buildElf, type SectionInput, TEXT } from '../../build/elf-builder.js';

const platform = createPlatform();
const TEXT_SECTION: SectionInput = { name: '.text', ...TEXT, address: 0x1000, bytes: new Uint8Array(0x200).fill(0x90) };

function open(sections: readonly SectionInput[]) {
  const symbols = [{ name: 'main', address: 0x1000, size: 0x100 }];
  return openImage(bytesSource(buildElf({ bits: 64, sections: [TEXT_SECTION, ...sections], symbols })), 'runtime.exe', platform);
}

const at = linkAddress(0x1004);

/** The function's name from the symbol table, and what the gaps say. */
function survives(sections: readonly SectionInput[]): string {
  const opened = open(sections);
  const started = performance.now();
  const { functions } = opened.lookup(at);
  expect(functions.at(-1)?.name).toBe('main');
  expect(opened.lookup(at)).toEqual(opened.lookup(at));
  expect(performance.now() - started).toBeLessThan(2000);
  return opened.gaps.map(({ kind, problem }) => `${kind}: ${plain(problem)}`).join('\n');
}

const CODE: DieInput['attributes'] = [
  [D.DW_AT_low_pc, D.DW_FORM_addr, 0x1000],
  [D.DW_AT_high_pc, D.DW_FORM_data4, 0x100],
];
const C = [D.DW_AT_language, D.DW_FORM_data1, 0x0c] as const;

const root = (children: readonly DieInput[], more: DieInput['attributes'] = []): DieInput =>
  die(D.DW_TAG_compile_unit, [C, ...CODE, ...more], children);
const unit = (children: readonly DieInput[], more: DieInput['attributes'] = []) =>
  new DebugWriter().add({ version: 5, addressSize: 8, root: root(children, more) }).sections();
const subprogram = (more: DieInput['attributes'], children?: readonly DieInput[], label?: string) =>
  die(D.DW_TAG_subprogram, [...CODE, ...more], children, label);

/** `.debug_info` of one unit by hand, DWARF 4, 8-byte addresses. */
function rawUnit(body: (out: ByteWriter) => void, abbrev: (out: ByteWriter) => void): SectionInput[] {
  const info = new ByteWriter().sized(4, (out) => {
    out.u16(4).u32(0).u8(8);
    body(out);
  });
  const table = new ByteWriter();
  abbrev(table);
  return [
    { name: '.debug_info', bytes: info.done() },
    { name: '.debug_abbrev', bytes: table.done() },
  ];
}

/** Abbreviation 1: a unit with code and children. */
function rootAbbrev(out: ByteWriter): void {
  out
    .uleb(1)
    .uleb(D.DW_TAG_compile_unit)
    .u8(1)
    .uleb(D.DW_AT_low_pc)
    .uleb(D.DW_FORM_addr)
    .uleb(D.DW_AT_high_pc)
    .uleb(D.DW_FORM_data4)
    .u16(0);
}

const rootEntry = (out: ByteWriter) => out.uleb(1).u64(0x1000).u32(0x100);

describe('entries', () => {
  test('an abbreviation code above 2^53', () => {
    expect(
      survives(
        rawUnit(
          (out) => rootEntry(out).uleb(1n << 60n),
          (out) => out.append(rootTable()),
        ),
      ),
    ).toContain('LEB128 number too large');
  });

  test('an abbreviation without end, a code that is not declared', () => {
    expect(
      survives(
        rawUnit(
          (out) => rootEntry(out).uleb(77).u8(0),
          (out) => out.append(rootTable()),
        ),
      ),
    ).toContain('abbreviation 77 is not declared');
    expect(
      survives(
        rawUnit(
          (out) => rootEntry(out),
          (out) => out.append(rootTable().subarray(0, 7)),
        ),
      ),
    ).toContain('.debug_abbrev');
  });

  test('attributes that take no bytes, many million of them', () => {
    const zeros = (out: ByteWriter) => {
      rootAbbrev(out);
      out.uleb(2).uleb(D.DW_TAG_variable).u8(0);
      for (let count = 0; count < 60_000; count++) out.uleb(D.DW_AT_artificial).uleb(D.DW_FORM_flag_present);
      out.u16(0).u8(0);
    };
    const text = survives(rawUnit((out) => rootEntry(out).append(new Uint8Array(500_000).fill(2)), zeros));
    expect(text).toContain('limit: ');
    expect(text).toContain('too many attributes');
  });

  test('a tree 5000 deep', () => {
    const blocks = (out: ByteWriter) => {
      rootAbbrev(out);
      out.uleb(2).uleb(D.DW_TAG_lexical_block).u8(1).u16(0).u8(0);
    };
    expect(survives(rawUnit((out) => rootEntry(out).append(new Uint8Array(5000).fill(2)), blocks))).toContain('limit: ');
  });

  test.each([0, 5, 0x7fffffff])('a sibling at %d', (sibling) => {
    const struct = die(D.DW_TAG_structure_type, [[D.DW_AT_sibling, D.DW_FORM_ref4, sibling]], []);
    expect(survives(unit([struct, subprogram([[D.DW_AT_name, D.DW_FORM_string, 'f']])]))).toContain('not behind its entry');
  });

  test.each([
    ['itself', D.DW_FORM_indirect],
    ['a constant of the table', D.DW_FORM_implicit_const],
  ])('an indirect form that leads to %s', (_, form) => {
    const abbrev = (out: ByteWriter) => {
      rootAbbrev(out);
      out.uleb(2).uleb(D.DW_TAG_variable).u8(0).uleb(D.DW_AT_name).uleb(D.DW_FORM_indirect).u16(0).u8(0);
    };
    expect(survives(rawUnit((out) => rootEntry(out).uleb(2).uleb(form).u8(0).u8(0), abbrev))).toContain('indirect form leads to');
  });

  test('references in a circle, and one far out of the section', () => {
    const own = subprogram([[D.DW_AT_abstract_origin, D.DW_FORM_ref4, { ref: 'own' }]], undefined, 'own');
    expect(survives(unit([own]))).toBe('');
    const one = die(D.DW_TAG_subprogram, [[D.DW_AT_specification, D.DW_FORM_ref4, { ref: 'two' }]], undefined, 'one');
    const two = die(D.DW_TAG_subprogram, [[D.DW_AT_specification, D.DW_FORM_ref4, { ref: 'one' }]], undefined, 'two');
    expect(survives(unit([one, two, subprogram([[D.DW_AT_abstract_origin, D.DW_FORM_ref4, { ref: 'one' }]])]))).toBe('');
    const inlined = die(D.DW_TAG_inlined_subroutine, [...CODE, [D.DW_AT_abstract_origin, D.DW_FORM_ref_addr, 0x7ffffff0]]);
    expect(survives(unit([subprogram([], [inlined])]))).toBe('');
  });

  test('a chain of origins longer than any compiler writes', () => {
    const links = Array.from({ length: 100 }, (_, index) =>
      die(
        D.DW_TAG_subprogram,
        index === 99 ? [[D.DW_AT_name, D.DW_FORM_string, 'far']] : [[D.DW_AT_abstract_origin, D.DW_FORM_ref4, { ref: `l${index + 1}` }]],
        undefined,
        `l${index}`,
      ),
    );
    const inlined = die(D.DW_TAG_inlined_subroutine, [...CODE, [D.DW_AT_abstract_origin, D.DW_FORM_ref4, { ref: 'l0' }]]);
    const opened = open(unit([...links, subprogram([], [inlined])]));
    expect(opened.lookup(at).functions.map(({ name }) => name)).toEqual(['??', 'main']);
  });

  test('inlined calls 100 deep are cut at 64', () => {
    let inner: DieInput = die(D.DW_TAG_inlined_subroutine, [...CODE, [D.DW_AT_name, D.DW_FORM_string, 'inner']]);
    for (let depth = 0; depth < 100; depth++)
      inner = die(D.DW_TAG_inlined_subroutine, [...CODE, [D.DW_AT_name, D.DW_FORM_string, 'inner']], [inner]);
    expect(open(unit([subprogram([], [inner])])).lookup(at).functions.length).toBe(64);
  });

  test('a name of a megabyte is cut at 4096', () => {
    const name = 'x'.repeat(1_000_000);
    for (const form of [D.DW_FORM_string, D.DW_FORM_strp]) {
      const inlined = die(D.DW_TAG_inlined_subroutine, [...CODE, [D.DW_AT_name, form, name]]);
      expect(open(unit([subprogram([], [inlined])])).lookup(at).functions[0]?.name.length).toBe(4096);
    }
  });
});

function rootTable(): Uint8Array {
  const out = new ByteWriter();
  rootAbbrev(out);
  return out.u8(0).done();
}

describe('units', () => {
  const abbrev: SectionInput = { name: '.debug_abbrev', bytes: rootTable() };
  test.each([
    ['zeros', new Uint8Array(1_000_000), 'limit: '],
    ['a length behind the section', new ByteWriter().u32(0x7fffffff).append(new Uint8Array(20)).done(), 'unit of 2147483647 bytes'],
    ['a 64-bit length that wraps', new ByteWriter().u32(0xffffffff).u64(-12).append(new Uint8Array(20)).done(), 'too large'],
    ['a reserved length', new ByteWriter().u32(0xfffffff0).append(new Uint8Array(20)).done(), 'reserved unit length'],
    ['a unit that ends inside its header', new ByteWriter().u32(3).u16(4).append(new Uint8Array(20)).done(), 'bytes wanted, 1 left'],
    [
      'addresses of three bytes',
      new ByteWriter().sized(4, (out) => out.u16(4).u32(0).u8(3).append(new Uint8Array(9))).done(),
      'address size 3',
    ],
  ])('%s', (_, bytes, message) => {
    expect(survives([{ name: '.debug_info', bytes }, abbrev])).toContain(message);
  });
});

describe('ranges', () => {
  const withList = (bytes: Uint8Array, offset = 0) => [
    ...unit([die(D.DW_TAG_subprogram, [[D.DW_AT_ranges, D.DW_FORM_sec_offset, offset]])]),
    { name: '.debug_rnglists', bytes },
  ];
  test.each([
    ['no end', new ByteWriter().u8(D.DW_RLE_start_length).u64(0x1000).uleb(4).done(), 0, '1 byte wanted, 0 left'],
    ['an unknown kind', Uint8Array.of(0x55), 0, 'range list entry kind 0x55'],
    ['a place outside', Uint8Array.of(0), 0x7fffffff, 'wanted'],
    ['an index without a table', new ByteWriter().u8(D.DW_RLE_startx_length).uleb(0).uleb(1).u8(0).done(), 0, 'without DW_AT_addr_base'],
  ])('a list with %s', (_, bytes, offset, message) => {
    expect(survives(withList(bytes, offset))).toContain(message);
  });

  test('one long list that many functions share', () => {
    const list = new ByteWriter();
    for (let count = 0; count < 20_000; count++) list.u8(D.DW_RLE_base_address).u64(0x1000);
    list.u8(0);
    const functions = Array.from({ length: 4000 }, () => die(D.DW_TAG_subprogram, [[D.DW_AT_ranges, D.DW_FORM_sec_offset, 0]]));
    const opened = open([...unit(functions), { name: '.debug_rnglists', bytes: list.done() }]);
    opened.lookup(at);
    expect(opened.gaps.map(({ problem }) => plain(problem)).join()).toContain('too many entries of range and location lists');
  });
});

describe('line programs', () => {
  const simple = (program: (out: ByteWriter) => void, more = {}) =>
    lineTable({ version: 4, addressSize: 8, files: [['main.c', 0]], program, ...more });
  const withLines = (bytes: Uint8Array) => [
    ...unit([subprogram([[D.DW_AT_name, D.DW_FORM_string, 'f']])], [[D.DW_AT_stmt_list, D.DW_FORM_sec_offset, 0]]),
    { name: '.debug_line', bytes },
  ];
  const line = (bytes: Uint8Array) => {
    const opened = open(withLines(bytes));
    return opened.lookup(at).functions[0]?.line;
  };
  const good = (out: ByteWriter) => {
    setAddress(out, 0x1000, 8);
    row(out, 0, 41);
    endSequence(out, 0x10);
  };

  test('a sequence that falls, wraps, never ends or is dropped code does not spoil the next', () => {
    const bad: readonly ((out: ByteWriter) => void)[] = [
      (out) => {
        setAddress(out, 0x1010, 8);
        row(out, 0, 7);
        setAddress(out, 0x1000, 8);
        row(out, 0, 7);
        endSequence(out, 0x40);
      },
      (out) => {
        setAddress(out, 0xfffffffffffffffen, 8);
        row(out, 0, 7);
        endSequence(out, 0x2000);
      },
      (out) => {
        setAddress(out, 0x1000, 8);
        row(out, 0, 7);
        out
          .u8(D.DW_LNS_advance_pc)
          .uleb(1n << 52n)
          .u8(D.DW_LNS_copy)
          .u8(0)
          .uleb(1)
          .u8(D.DW_LNE_end_sequence);
        // its end lies far behind, so that the shorter one is the first to end above the address
      },
      (out) => endSequence(out, 0),
    ];
    for (const each of bad) {
      const bytes = simple((out) => {
        each(out);
        good(out);
      });
      expect(line(bytes)).toBe(42);
    }
    expect(line(simple((out) => out.append(new Uint8Array(3))))).toBeUndefined();
    expect(
      line(
        simple((out) => {
          good(out);
          setAddress(out, 0x1000, 8);
          row(out, 0, 7);
        }),
      ),
    ).toBe(42);
  });

  test('unknown opcodes are passed over, as the standard wants', () => {
    const bytes = simple(
      (out) => {
        out.u8(13).uleb(5).u8(0).uleb(3).u8(0x99).u8(1).u8(2).u8(12).uleb(300).u8(0).uleb(0);
        good(out);
      },
      { opcodeBase: 14 },
    );
    expect(line(bytes)).toBe(42);
  });

  test.each([
    ['version 9', simple(good).fill(9, 4, 5), 'line table of version 9'],
    ['a header longer than the table', simple(good).fill(0x7f, 6, 10), 'behind the table'],
    ['a table longer than the section', simple(good).fill(0x7f, 0, 4), 'line table of 2139062143 bytes'],
    ['line range 0', simple((out) => out.u8(0xff), { lineRange: 0 }), 'line range 0'],
    ['opcode base 0', (() => simple(good).fill(0, 15, 16))(), 'opcode base 0'],
    ['an extended opcode longer than the table', simple((out) => out.u8(0).uleb(1000)), 'extended opcode of 1000 bytes'],
  ])('%s', (_, bytes, message) => {
    expect(survives(withLines(bytes))).toContain(message);
  });

  test('counts of files that could not fit, and entries that take nothing', () => {
    const table = (write: (out: ByteWriter) => void) =>
      new ByteWriter()
        .sized(4, (out) => {
          out.u16(5).u8(8).u8(0);
          out.sized(4, (header) => {
            header.u8(1).u8(1).u8(1).number(-5, 1).u8(14).u8(1);
            write(header);
          });
        })
        .done();
    expect(
      survives(
        withLines(
          table((out) =>
            out
              .u8(1)
              .uleb(1)
              .uleb(D.DW_FORM_string)
              .uleb(1n << 40n),
          ),
        ),
      ),
    ).toContain('entries in');
    expect(survives(withLines(table((out) => out.u8(0).uleb(1_000_000_000))))).toContain('1000000000 entries of no bytes');
    expect(survives(withLines(table((out) => out.u8(1).uleb(1).uleb(D.DW_FORM_flag_present).uleb(1_000_000_000))))).toContain(
      'entries of no bytes',
    );
    expect(survives(withLines(table((out) => out.u8(1).uleb(1).uleb(0x77).uleb(1))))).toContain('form 0x77 in a line table');
  });

  test('tables that overlap, one for each unit', () => {
    const many = new DebugWriter();
    for (let index = 0; index < 64; index++) {
      const attributes: DieInput['attributes'] = [
        [D.DW_AT_low_pc, D.DW_FORM_addr, 0x1000 + index * 4],
        [D.DW_AT_high_pc, D.DW_FORM_data4, 4],
        [D.DW_AT_stmt_list, D.DW_FORM_sec_offset, index * 32],
      ];
      many.add({ version: 4, addressSize: 8, root: die(D.DW_TAG_compile_unit, attributes, []) });
    }
    // 64 headers of 32 bytes, each of a table that goes on to the end of the section
    const size = 64 * 32 + 100_000;
    const bytes = new Uint8Array(size).fill(D.DW_LNS_copy);
    for (let index = 0; index < 64; index++) {
      const header = new ByteWriter()
        .u32(size - index * 32 - 4)
        .u16(4)
        .u32(22 - 0);
      header.u8(1).u8(1).u8(1).number(-5, 1).u8(14).u8(13).bytes(0, 1, 1, 1, 1, 0, 0, 0, 1, 0, 0, 1).u8(0).u8(0);
      bytes.set(header.done().subarray(0, 32), index * 32);
    }
    const opened = open([...many.sections(), { name: '.debug_line', bytes }]);
    for (let index = 0; index < 64; index++) opened.lookup(linkAddress(0x1000 + index * 4));
    expect(opened.gaps.map(({ problem }) => plain(problem)).join()).toContain('too many bytes of line programs');
  });
});

describe('strings', () => {
  test.each([
    ['outside the section', 0x7fffffff],
    ['just behind its end', 9],
  ])('%s', (_, offset) => {
    const text = survives(unit([subprogram([], [die(D.DW_TAG_inlined_subroutine, [...CODE, [D.DW_AT_name, D.DW_FORM_strp, offset]])])]));
    expect(text).toContain('outside the section');
  });

  test('by index without a base', () => {
    const text = survives(unit([subprogram([], [die(D.DW_TAG_inlined_subroutine, [...CODE, [D.DW_AT_name, D.DW_FORM_strx1, 0]])])]));
    expect(text).toContain('without DW_AT_str_offsets_base');
  });

  test.each([
    ['a supplementary file', D.DW_FORM_strp_sup, 'supplementary file'],
    ['a number', D.DW_FORM_data4, 'where a string is wanted'],
  ])('in %s', (_, form, message) => {
    expect(survives(unit([subprogram([], [die(D.DW_TAG_inlined_subroutine, [...CODE, [D.DW_AT_name, form, 1]])])]))).toContain(message);
  });
});
