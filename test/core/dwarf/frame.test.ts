import { describe, expect, test } from '@jest/globals';
import { FormatError } from '../../../src/core/bytes/format-error.js';
import { dwarfRegisterName, frameRules, type RegisterRule } from '../../../src/core/dwarf/frame.js';
import { type FrameSection, fdeAt, readFrameTable } from '../../../src/core/dwarf/frame-entries.js';
import { findFrameTables } from '../../../src/core/dwarf/frame-search.js';
import { ByteWriter } from '../../build/byte-writer.js';

function section(bytes: Uint8Array, more: Partial<FrameSection> = {}): FrameSection {
  return { kind: 'debug', where: '.debug_frame', bytes, base: 0, address: 0, addressSize: 4, ...more };
}

const advance = (count: number) => 0x40 | count;
const offset = (register: number) => 0x80 | register;
const restore = (register: number) => 0xc0 | register;

/** `c-4` saved at CFA-4, `s` same value, `u` undefined, `rN` in register N. */
function word(rule: RegisterRule | undefined): string {
  if (rule === undefined) return '';
  switch (rule.kind) {
    case 'offset':
      return `c${rule.offset < 0 ? '' : '+'}${rule.offset}`;
    case 'value-offset':
      return `v${rule.offset < 0 ? '' : '+'}${rule.offset}`;
    case 'register':
      return `r${rule.register}`;
    default:
      return rule.kind.slice(0, 1);
  }
}

describe('the example of DWARF 5 appendix D.6', () => {
  const FOO = 0x1000;
  const writer = new ByteWriter();
  writer.sized(4, (cie) => {
    cie.u32(0xffffffff).u8(4).u8(0).u8(4).u8(0).uleb(4).sleb(-4).uleb(8);
    cie.u8(0x0c).uleb(7).uleb(0); // DW_CFA_def_cfa (7, 0)
    cie.u8(0x08).uleb(0); // DW_CFA_same_value (0)
    for (const register of [1, 2, 3]) cie.u8(0x07).uleb(register); // DW_CFA_undefined
    for (const register of [4, 5, 6, 7]) cie.u8(0x08).uleb(register);
    cie.u8(0x09).uleb(8).uleb(1); // DW_CFA_register (8, 1)
    cie.align(4);
  });
  writer.sized(4, (fde) => {
    fde.u32(0).u32(FOO).u32(84);
    fde.bytes(advance(1), 0x0e, 12, advance(1), offset(8), 1, advance(1), offset(6), 2, advance(1), 0x0d, 6);
    fde.bytes(advance(1), offset(4), 3, advance(12), restore(4), advance(1), restore(6), 0x0d, 7, advance(1), restore(8));
    fde.bytes(advance(1), 0x0e, 0, advance(1)).align(4);
  });
  const { fdes, errors } = readFrameTable(section(writer.done()));

  test('one entry, no error', () => {
    expect(errors).toEqual([]);
    expect(fdes.map(({ start, end }) => [start, end])).toEqual([[FOO, FOO + 84]]);
  });

  // The table "Call frame table" of that appendix: location, CFA, R0 to R8.
  test.each([
    [0, 7, 0, 's u u u s s s s r1'],
    [4, 7, 12, 's u u u s s s s r1'],
    [8, 7, 12, 's u u u s s s s c-4'],
    [12, 7, 12, 's u u u s s c-8 s c-4'],
    [16, 6, 12, 's u u u s s c-8 s c-4'],
    [20, 6, 12, 's u u u c-12 s c-8 s c-4'],
    [64, 6, 12, 's u u u c-12 s c-8 s c-4'],
    [68, 6, 12, 's u u u s s c-8 s c-4'],
    [72, 7, 12, 's u u u s s s s c-4'],
    [76, 7, 12, 's u u u s s s s r1'],
    [80, 7, 0, 's u u u s s s s r1'],
  ])('foo+%d', (at, register, cfaOffset, rules) => {
    const fde = fdeAt(fdes, FOO + at);
    const found = fde === undefined ? undefined : frameRules(fde, FOO + at);
    expect(found?.cfa).toEqual({ kind: 'register', register, offset: cfaOffset });
    expect([0, 1, 2, 3, 4, 5, 6, 7, 8].map((each) => word(found?.registers.get(each))).join(' ')).toBe(rules);
    expect(found?.returnAddressRegister).toBe(8);
  });
});

/** CIE "zR" with pcrel sdata4, as GCC writes it, and one FDE over [0x1000, 0x1000 + length) with the given instructions. */
function ehTable(
  instructions: readonly number[],
  options: { address?: number; augmentation?: string; data?: readonly number[]; length?: number } = {},
): ByteWriter {
  const { address = 0x2000, augmentation = 'zR', data = [0x1b], length = 0x20 } = options;
  const writer = new ByteWriter();
  writer.sized(4, (cie) => {
    cie.u32(0).u8(1).text(augmentation).uleb(1).sleb(-4).u8(8);
    if (augmentation.startsWith('z')) cie.uleb(data.length).bytes(...data);
    cie.bytes(0x0c, 4, 4, offset(8), 1).align(4);
  });
  const at = writer.length;
  writer.sized(4, (fde) => {
    fde
      .u32(at + 4)
      .number(0x1000 - (address + at + 8), 4)
      .u32(length);
    if (augmentation.startsWith('z')) fde.uleb(0);
    fde.bytes(...instructions);
    while (fde.length % 4 !== 0) fde.u8(0);
  });
  return writer;
}

const eh = (writer: ByteWriter, address = 0x2000) => section(writer.done(), { kind: 'eh', where: '.eh_frame', address });

describe('.eh_frame', () => {
  test('pcrel pointers and the rows of a push', () => {
    const { fdes } = readFrameTable(eh(ehTable([advance(1), 0x0e, 8, offset(5), 2])));
    const [fde] = fdes;
    if (fde === undefined) throw new Error('no FDE');
    expect([fde.start, fde.end]).toEqual([0x1000, 0x1020]);
    expect(frameRules(fde, 0x1000)).toMatchObject({ cfa: { register: 4, offset: 4 }, signalFrame: false, where: '.eh_frame' });
    expect(frameRules(fde, 0x1001).cfa).toMatchObject({ offset: 8 });
    expect(word(frameRules(fde, 0x1001).registers.get(5))).toBe('c-8');
    expect(frameRules(fde, 0x1000).registers.has(5)).toBe(false);
  });

  test('a personality that is stored indirectly, an LSDA, a signal frame', () => {
    const { fdes, errors } = readFrameTable(eh(ehTable([], { augmentation: 'zPLRS', data: [0x9b, 0, 0, 0, 0, 0x1b, 0x1b] })));
    expect(errors).toEqual([]);
    expect(fdes[0]?.cie.isSignalFrame).toBe(true);
  });

  test('every instruction', () => {
    const instructions = [0x05, 6, 2, 0x07, 7, 0x08, 3, 0x09, 2, 1, 0x0a, 0x0d, 5, 0x0b, 0x10, 9, 1, 0x30, 0x11, 10, 0x7e, 0x14, 11, 3];
    instructions.push(
      0x15,
      12,
      0x7d,
      0x16,
      13,
      1,
      0x31,
      0x2e,
      16,
      0x2f,
      14,
      5,
      0x12,
      5,
      0x7e,
      0x13,
      0x7d,
      advance(0),
      0x02,
      1,
      0x03,
      1,
      0,
      0x04,
      1,
      0,
      0,
      0,
    );
    instructions.push(0x0f, 2, 0x75, 8);
    const [fde] = readFrameTable(eh(ehTable(instructions))).fdes;
    if (fde === undefined) throw new Error('no FDE');
    const before = frameRules(fde, 0x1002);
    expect(before.cfa).toEqual({ kind: 'register', register: 5, offset: 12 });
    const words = [6, 7, 3, 2, 10, 11, 12, 14].map((register) => word(before.registers.get(register)));
    expect(words).toEqual(['c-8', 'u', 's', 'r1', 'c+8', 'v-12', 'v+12', 'c+20']);
    expect(before.registers.get(9)).toEqual({ kind: 'expression', expression: Uint8Array.of(0x30) });
    expect(before.registers.get(13)).toEqual({ kind: 'value-expression', expression: Uint8Array.of(0x31) });
    expect(frameRules(fde, 0x1003).cfa).toEqual({ kind: 'expression', expression: Uint8Array.of(0x75, 8) });
  });

  test.each([
    ['an unknown instruction', [0x3f], 'unsupported: call-frame instruction 0x3f'],
    ['a state that was not remembered', [0x0b], 'without a remembered state'],
    ['states remembered without end', new Array(100).fill(0x0a), 'limit: more than 64 remembered states'],
    ['an offset for a CFA that is an expression', [0x0f, 1, 0x30, 0x0e, 4], 'CFA is an expression'],
    ['an expression that runs out', [0x0f, 0x7f], 'bytes wanted'],
  ])('%s', (_, instructions, message) => {
    const [fde] = readFrameTable(eh(ehTable(instructions))).fdes;
    if (fde === undefined) throw new Error('no FDE');
    expect(() => frameRules(fde, 0x1010)).toThrow(FormatError);
    expect(() => frameRules(fde, 0x1010)).toThrow(message);
  });

  test.each([
    ['an augmentation without a length', ehTable([], { augmentation: 'xyz' }), 'augmentation "xyz"'],
    ['a pointer relative to data', ehTable([], { data: [0x3b] }), 'pointer encoding 0x3b'],
    ['an entry longer than the table', new ByteWriter().u32(0x1000).u32(0), '4096 bytes, 4 left'],
    ['a CIE far away', new ByteWriter().sized(4, (fde) => fde.u32(0x7000).u32(0).u32(0)), 'CIE outside the table'],
    ['a reserved length', new ByteWriter().u32(0xfffffff5).u32(0), 'reserved unit length'],
  ])('%s gives no entry, and says why', (_, writer, message) => {
    const { fdes, errors } = readFrameTable(eh(writer));
    expect(fdes).toEqual([]);
    expect(errors.map((error) => error.message).join('\n')).toContain(message);
  });

  test('a damaged entry does not hide the next', () => {
    const writer = ehTable([]);
    const at = writer.length;
    writer.sized(4, (fde) => fde.u32(3).u32(0).u32(0));
    const end = writer.length;
    writer.sized(4, (fde) =>
      fde
        .u32(end + 4)
        .number(0x1100 - (0x2000 + end + 8), 4)
        .u32(0x10)
        .uleb(0)
        .bytes(0, 0, 0),
    );
    expect(at).toBeGreaterThan(0);
    const { fdes, errors } = readFrameTable(eh(writer));
    expect(fdes.map(({ start }) => start)).toEqual([0x1000, 0x1100]);
    expect(errors.length).toBe(1);
  });
});

describe('tables found by their shape', () => {
  const isCode = (start: number, end: number) => start >= 0x1000 && end <= 0x1800;
  const inData = (table: ByteWriter, before = 12) => {
    const bytes = new Uint8Array(before + table.length + 40).fill(0x5a);
    bytes.set(table.done(), before);
    return section(bytes, { kind: 'eh', where: '.data', address: 0x2000 - before });
  };

  test('in the middle of data', () => {
    const found = findFrameTables(inData(ehTable([advance(1), 0x0e, 8])), isCode);
    expect(found.map(({ start, end }) => [start, end])).toEqual([[0x1000, 0x1020]]);
    expect(found[0] === undefined ? undefined : frameRules(found[0], 0x1005).cfa).toMatchObject({ offset: 8 });
  });

  test.each([
    ['code that is none', ehTable([], { length: 0x2000 })],
    ['an entry of no length', ehTable([], { length: 0 })],
    ['instructions that do not hold', ehTable([0x3f])],
    ['a state that was not remembered', ehTable([0x0b])],
  ])('not believed: %s', (_, table) => {
    expect(findFrameTables(inData(table), isCode)).toEqual([]);
  });

  test('two tables that claim the same code: neither', () => {
    const one = ehTable([]).done();
    const bytes = new Uint8Array(one.length * 2 + 8);
    bytes.set(one, 0);
    const again = ehTable([], { address: 0x2000 + one.length + 8 }).done();
    bytes.set(again, one.length + 8);
    expect(findFrameTables(section(bytes, { kind: 'eh', address: 0x2000 }), isCode)).toEqual([]);
  });

  test('nothing in random bytes', () => {
    const bytes = Uint8Array.from({ length: 65_536 }, (_, index) => Math.imul(index + 1, 2_654_435_761) >>> 24);
    expect(findFrameTables(section(bytes, { kind: 'eh', address: 0x2000 }), () => true)).toEqual([]);
  });
});

test('register numbers of both psABIs', () => {
  expect([0, 1, 2, 3, 4, 5, 6, 7, 8, 9].map((register) => dwarfRegisterName('i386', register))).toEqual([
    'eax',
    'ecx',
    'edx',
    'ebx',
    'esp',
    'ebp',
    'esi',
    'edi',
    'eip',
    undefined,
  ]);
  expect([0, 1, 2, 3, 4, 5, 6, 7, 8, 15, 16, 17].map((register) => dwarfRegisterName('amd64', register))).toEqual([
    'rax',
    'rdx',
    'rcx',
    'rbx',
    'rsi',
    'rdi',
    'rbp',
    'rsp',
    'r8',
    'r15',
    'rip',
    undefined,
  ]);
});
