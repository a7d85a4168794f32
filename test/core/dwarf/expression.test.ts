import { describe, expect, test } from '@jest/globals';
import { FormatError } from '../../../src/core/bytes/format-error.js';
import {
  type ExpressionFrame,
  evaluate,
  evaluateValue,
  littleEndian,
  readLocation,
  soleRegister,
} from '../../../src/core/dwarf/expression.js';

/** rax 0x11, rdx 0x22, rsp 0x7000 with 0x1122334455667788 there; CFA 0x7010, frame base 0x7008. */
const frame: ExpressionFrame = {
  addressSize: 8,
  register: (register) => [0x11n, 0x22n, undefined, 0xffff_ffff_ffff_fffen, undefined, undefined, undefined, 0x7000n][register],
  memory: (address, size) =>
    address >= 0x7000n && address + BigInt(size) <= 0x7008n
      ? (0x1122334455667788n >> ((address - 0x7000n) * 8n)) & ((1n << BigInt(size * 8)) - 1n)
      : undefined,
  cfa: () => 0x7010n,
  frameBase: () => 0x7008n,
  entryValue: (expression) => (expression[0] === 0x55 ? 0x491n : undefined),
  parameterValue: (offset) => (offset === 0x60 ? 0x77n : undefined),
  relocate: (link) => link + 0x10000n,
  indexedAddress: (index) => (index === 2 ? 0x1234n : undefined),
  baseType: (offset) =>
    offset === 8
      ? { size: 8, isSigned: true, isFloat: false }
      : offset === 1
        ? { size: 1, isSigned: true, isFloat: false }
        : offset === 4
          ? { size: 4, isSigned: false, isFloat: false }
          : offset === 9
            ? { size: 8, isSigned: false, isFloat: true }
            : undefined,
};

const value = (...bytes: number[]) => evaluateValue(Uint8Array.from(bytes), frame);
const where = (...bytes: number[]) => evaluate(Uint8Array.from(bytes), frame);

describe('the stack operations of DWARF 5 §D.1.3', () => {
  // stack before, top last: 17, 29, 1000
  const start = [0x08, 17, 0x08, 29, 0x0a, 0xe8, 3];
  test.each([
    ['dup', [0x12], 1000n],
    ['drop', [0x13], 29n],
    ['pick 2', [0x15, 2], 17n],
    ['over', [0x14], 29n],
    ['swap', [0x16], 29n],
    ['rot', [0x17], 29n],
  ])('%s', (_, operations, top) => {
    expect(value(...start, ...operations)).toBe(top);
  });
  test('rot keeps the order of the other two', () => {
    expect(value(...start, 0x17, 0x13)).toBe(17n);
    expect(value(...start, 0x17, 0x13, 0x13)).toBe(1000n);
  });
});

describe('arithmetic', () => {
  test.each<[string, number[], bigint]>([
    ['lit31', [0x4f], 31n],
    ['const1s', [0x09, 0xff], 0xffffffffffffffffn],
    ['const2u', [0x0a, 1, 2], 0x201n],
    ['const2s', [0x0b, 0xfe, 0xff], 0xfffffffffffffffen],
    ['const4s', [0x0d, 0xfe, 0xff, 0xff, 0xff], 0xfffffffffffffffen],
    ['const8u', [0x0e, 1, 0, 0, 0, 0, 0, 0, 0x80], 0x8000000000000001n],
    ['constu', [0x10, 0x80, 1], 128n],
    ['consts', [0x11, 0x7f], 0xffffffffffffffffn],
    ['addr is relocated', [0x03, 0x34, 0x12, 0, 0, 0, 0, 0, 0], 0x11234n],
    ['addrx is relocated', [0xa1, 2], 0x11234n],
    ['constx is not', [0xa2, 2], 0x1234n],
    ['and', [0x3c, 0x3a, 0x1a], 8n],
    ['or', [0x38, 0x31, 0x21], 9n],
    ['xor', [0x39, 0x31, 0x27], 8n],
    ['not', [0x30, 0x20], 0xffffffffffffffffn],
    ['neg', [0x31, 0x1f], 0xffffffffffffffffn],
    ['abs', [0x09, 0xfb, 0x19], 5n],
    ['minus wraps', [0x30, 0x31, 0x1c], 0xffffffffffffffffn],
    ['mul', [0x35, 0x36, 0x1e], 30n],
    ['div is signed', [0x09, 0xf6, 0x33, 0x1b], 0xfffffffffffffffdn],
    ['mod', [0x3a, 0x33, 0x1d], 1n],
    ['plus', [0x35, 0x36, 0x22], 11n],
    ['plus_uconst', [0x35, 0x23, 0x80, 1], 133n],
    ['shl', [0x31, 0x34, 0x24], 16n],
    ['shl by too much', [0x31, 0x08, 64, 0x24], 0n],
    ['shr', [0x40, 0x34, 0x25], 1n],
    ['shra', [0x09, 0xf0, 0x32, 0x26], 0xfffffffffffffffcn],
    ['shra by too much', [0x09, 0xf0, 0x08, 99, 0x26], 0xffffffffffffffffn],
    ['eq', [0x31, 0x31, 0x29], 1n],
    ['ge signed', [0x30, 0x09, 0xff, 0x2a], 1n],
    ['gt', [0x31, 0x31, 0x2b], 0n],
    ['le', [0x31, 0x31, 0x2c], 1n],
    ['lt', [0x09, 0xff, 0x30, 0x2d], 1n],
    ['ne', [0x31, 0x30, 0x2e], 1n],
    ['skip', [0x31, 0x2f, 1, 0, 0x32, 0x96], 1n],
    ['bra taken', [0x35, 0x31, 0x28, 1, 0, 0x32], 5n],
    ['bra not taken', [0x35, 0x30, 0x28, 1, 0, 0x32], 2n],
    ['breg', [0x70, 0x7f], 0x10n],
    ['bregx', [0x92, 1, 2], 0x24n],
    ['fbreg', [0x91, 0x78], 0x7000n],
    ['call_frame_cfa', [0x9c], 0x7010n],
    ['deref', [0x77, 0, 0x06], 0x1122334455667788n],
    ['deref_size', [0x77, 2, 0x94, 2], 0x5566n],
    ['entry_value', [0xa3, 1, 0x55], 0x491n],
    ['GNU entry_value', [0xf3, 1, 0x55], 0x491n],
    ['GNU parameter_ref', [0xfa, 0x60, 0, 0, 0], 0x77n],
    ['regval_type, signed char, widened', [0xa5, 3, 1, 0xa8, 8], 0xfffffffffffffffen],
    ['regval_type, signed char', [0xa5, 3, 1], 0xfen],
    ['convert to u32', [0x09, 0xff, 0xa8, 4], 0xffffffffn],
    ['const_type', [0xa4, 1, 1, 0x80], 0x80n],
    ['arithmetic in the width of the type', [0xa4, 1, 1, 0x7f, 0xa4, 1, 1, 0x01, 0x22], 0x80n],
    ['an unsigned type compares as such', [0xa4, 4, 4, 0xff, 0xff, 0xff, 0xff, 0xa4, 4, 4, 1, 0, 0, 0, 0x2b], 1n],
    ['swap keeps the types', [0xa4, 1, 1, 0xff, 0x31, 0x16, 0xa8, 8], 0xffffffffffffffffn],
  ])('%s', (_, bytes, expected) => {
    expect(value(...bytes)).toBe(expected);
  });
});

test('64 bits on a CPU of 32: both halves, as GCC puts them together', () => {
  const narrow: ExpressionFrame = {
    ...frame,
    addressSize: 4,
    register: (register) => [0x3n, 0x1234n][register],
    baseType: (offset) => (offset === 1 ? { size: 4, isSigned: false, isFloat: false } : { size: 8, isSigned: false, isFloat: false }),
  };
  // regval edx as u32, convert u64, 32, convert u64, shl, regval eax as u32, convert u64, or
  const bytes = [0xa5, 1, 1, 0xa8, 2, 0x08, 32, 0xa8, 2, 0x24, 0xa5, 0, 1, 0xa8, 2, 0x21, 0x9f];
  expect(evaluate(Uint8Array.from(bytes), narrow)).toEqual({ kind: 'value', value: 0x123400000003n });
});

describe('locations', () => {
  test('by kind', () => {
    expect(where(0x91, 0x78)).toEqual({ kind: 'memory', address: 0x7000n });
    expect(where(0x50)).toEqual({ kind: 'register', register: 0 });
    expect(where(0x90, 33)).toEqual({ kind: 'register', register: 33 });
    expect(where(0x35, 0x9f)).toEqual({ kind: 'value', value: 5n });
    expect(where(0x9e, 2, 7, 8)).toEqual({ kind: 'bytes', bytes: Uint8Array.of(7, 8) });
  });

  test.each<[string, number[], string]>([
    ['nothing', [], 'optimized out'],
    ['a register that is not known', [0x72, 0], 'not saved'],
    ['memory outside the dump', [0x30, 0x06], 'not in the dump'],
    ['an entry value that no caller tells', [0xa3, 1, 0x54], 'optimized out'],
    ['a parameter that no caller tells', [0xfa, 1, 0, 0, 0], 'optimized out'],
    ['a pointer to what has no place', [0xa0, 0, 0, 0, 0, 0], 'optimized out'],
    ['thread-local storage', [0x30, 0x9b], 'unsupported'],
    ['floating point', [0x30, 0xa8, 9], 'unsupported'],
    ['division by zero', [0x31, 0x30, 0x1b], 'unsupported'],
    ['modulo zero', [0x31, 0x30, 0x1d], 'unsupported'],
    ['an unknown operation', [0xee], 'unsupported'],
  ])('%s: %s', (_, bytes, why) => {
    expect(where(...bytes)).toEqual({ kind: 'absent', why });
  });

  test('pieces are put together, bit by bit, and a missing one spoils what needs it', () => {
    const location = where(0x50, 0x93, 1, 0x51, 0x93, 1, 0x93, 2, 0x77, 0, 0x93, 4);
    expect(readLocation(location, 0, 16, frame)).toBe(0x2211n);
    expect(readLocation(location, 4, 8, frame)).toBe(0x21n);
    expect(readLocation(location, 32, 32, frame)).toBe(0x55667788n);
    expect(readLocation(location, 8, 16, frame)).toBe('optimized out');
    expect(readLocation(location, 64, 8, frame)).toBe('optimized out');
    expect(readLocation(where(0x50, 0x9d, 4, 4, 0x51, 0x9d, 4, 0), 0, 8, frame)).toBe(0x21n);
  });

  test('reading', () => {
    expect(readLocation({ kind: 'memory', address: 0x7001n }, 4, 8, frame)).toBe(0x67n);
    expect(readLocation({ kind: 'memory', address: 0x7004n }, 0, 64, frame)).toBe('not in the dump');
    expect(readLocation({ kind: 'register', register: 2 }, 0, 8, frame)).toBe('not saved');
    expect(readLocation({ kind: 'bytes', bytes: Uint8Array.of(1, 2) }, 8, 8, frame)).toBe(2n);
    expect(readLocation({ kind: 'bytes', bytes: Uint8Array.of(1, 2) }, 8, 16, frame)).toBe('optimized out');
    expect(littleEndian(Uint8Array.of(1, 2, 3))).toBe(0x30201n);
  });
});

describe('what is damaged', () => {
  test.each<[string, number[], string]>([
    ['an operation on an empty stack', [0x22], 'operation on an empty stack'],
    ['no result', [0x96], 'operation on an empty stack'],
    ['a pick too deep', [0x30, 0x15, 9], 'pick of entry 9 of 1'],
    ['a branch outside', [0x2f, 0, 0x80], 'branch to'],
    ['a block that runs out', [0x9e, 9, 1], 'bytes wanted'],
    ['a loop without end', [0x30, 0x13, 0x2f, 0xfb, 0xff], 'limit: more than 10000 operations'],
    ['a stack without end', [0x30, 0x2f, 0xfc, 0xff], 'limit: stack deeper than 1024'],
  ])('%s', (_, bytes, message) => {
    expect(() => where(...bytes)).toThrow(FormatError);
    expect(() => where(...bytes)).toThrow(message);
  });
});

test('which register an expression names alone', () => {
  expect([[0x55], [0x90, 20], [0x75, 0], [0x55, 0x96], []].map((bytes) => soleRegister(Uint8Array.from(bytes)))).toEqual([
    5,
    20,
    undefined,
    undefined,
    undefined,
  ]);
});
