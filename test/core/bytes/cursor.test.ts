import { describe, expect, test } from '@jest/globals';
import { Cursor, textOf } from '../../../src/core/bytes/cursor.js';
import { FormatError } from '../../../src/core/bytes/format-error.js';
import { ByteWriter } from '../../build/byte-writer.js';

const over = (...bytes: number[]) => new Cursor(Uint8Array.from(bytes), 'test', 0x100);

describe('LEB128, the examples of DWARF 5 appendix C and §7.6', () => {
  test.each([
    [2, [2]],
    [127, [0x7f]],
    [128, [0x80, 1]],
    [129, [0x81, 1]],
    [12857, [0xb9, 0x64]],
  ])('unsigned %d', (value, bytes) => {
    expect(over(...bytes).uleb()).toBe(value);
    expect(over(...bytes).bigUleb()).toBe(BigInt(value));
  });

  test.each([
    [2, [2]],
    [-2, [0x7e]],
    [127, [0xff, 0]],
    [-127, [0x81, 0x7f]],
    [128, [0x80, 1]],
    [-128, [0x80, 0x7f]],
    [129, [0x81, 1]],
    [-129, [0xff, 0x7e]],
  ])('signed %d', (value, bytes) => {
    expect(over(...bytes).sleb()).toBe(value);
    expect(over(...bytes).bigSleb()).toBe(BigInt(value));
  });

  test('padding is allowed, up to ten bytes', () => {
    expect(over(0x81, 0x80, 0x80, 0x80, 0).uleb()).toBe(1);
    expect(over(...new Array(9).fill(0x80), 0).uleb()).toBe(0);
    expect(() => over(...new Array(10).fill(0x80), 0).uleb()).toThrow(FormatError);
    expect(() => over(...new Array(10).fill(0x80), 0).skipLeb()).toThrow(FormatError);
    expect(() => over(...new Array(10).fill(0x80), 0).bigUleb()).toThrow(FormatError);
    expect(() => over(...new Array(10).fill(0x80), 0).sleb()).toThrow(FormatError);
  });

  test('the whole range of 64 bits as a bigint, and only 53 as a number', () => {
    const most = new ByteWriter().uleb(0xffffffffffffffffn).done();
    expect(new Cursor(most, 'test').bigUleb()).toBe(0xffffffffffffffffn);
    expect(() => new Cursor(most, 'test').uleb()).toThrow('too large');
    const least = new ByteWriter().sleb(-0x8000000000000000n).done();
    expect(new Cursor(least, 'test').bigSleb()).toBe(-0x8000000000000000n);
    expect(() => new Cursor(least, 'test').sleb()).toThrow('too large');
    for (const value of [Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER, -1, 0, 0x7fffffff, -0x80000000]) {
      expect(new Cursor(new ByteWriter().sleb(value).done(), 'test').sleb()).toBe(value);
    }
    expect(new Cursor(new ByteWriter().uleb(Number.MAX_SAFE_INTEGER).done(), 'test').uleb()).toBe(Number.MAX_SAFE_INTEGER);
  });
});

describe('fixed sizes', () => {
  const bytes = [0x80, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff];
  test('signs and widths', () => {
    expect(over(...bytes).u8()).toBe(0x80);
    expect(over(...bytes).s8()).toBe(-128);
    expect(over(...bytes).u16()).toBe(0xff80);
    expect(over(...bytes).s16()).toBe(-128);
    expect(over(...bytes).u24()).toBe(0xffff80);
    expect(over(...bytes).u32()).toBe(0xffffff80);
    expect(over(...bytes).s32()).toBe(-128);
    expect(over(...bytes).s64()).toBe(-128);
    expect(over(...bytes).bigU64()).toBe(0xffffffffffffff80n);
    expect(() => over(...bytes).u64()).toThrow('64-bit number too large: 0xffffffffffffff80');
    expect(over(1, 0, 0, 0, 1, 0, 0, 0).u64()).toBe(2 ** 32 + 1);
  });

  test('an address of 8 bytes is signed, so that kernel halves are exact', () => {
    expect(over(0, 0, 0, 0x81, 0xff, 0xff, 0xff, 0xff).address(8)).toBe(Number(BigInt.asIntN(64, 0xffffffff81000000n)));
    expect(over(0, 0, 0, 0x81).address(4)).toBe(0x81000000);
    expect(() => over(0, 0, 0).address(3)).toThrow('address size 3');
  });
});

describe('bounds', () => {
  test.each(['u8', 's8', 'u16', 'u24', 'u32', 's32', 'u64', 's64', 'bigU64', 'uleb', 'sleb', 'text', 'skipLeb'] as const)(
    '%s past the end',
    (read) => {
      expect(() => over()[read]()).toThrow(FormatError);
      expect(() => over(...(read === 'text' ? [0x61] : [0x80]).slice(0, read.endsWith('8') ? 0 : 1))[read]()).toThrow(FormatError);
    },
  );

  test('an error names the section, the place and what was wanted', () => {
    const cursor = over(1, 2, 3);
    cursor.skip(2);
    expect(() => cursor.u32()).toThrow('test+0x102: malformed: 4 bytes wanted, 1 left');
    expect(() => cursor.take(2)).toThrow(FormatError);
    expect(cursor.take(1)).toEqual(Uint8Array.of(3));
  });

  test('a place that is no place', () => {
    const cursor = over(1, 2, 3);
    for (const at of [-1, Number.NaN, 1e18]) {
      cursor.at = at;
      expect(() => cursor.u8()).toThrow(FormatError);
      expect(() => cursor.u16()).toThrow(FormatError);
    }
    cursor.at = 0;
    expect(() => cursor.skip(-1)).toThrow(FormatError);
  });
});

test('text is UTF-8', () => {
  const bytes = new TextEncoder().encode('grün\0rest');
  expect(new Cursor(bytes, 'test').text()).toBe('grün');
  expect(textOf(new TextEncoder().encode('x'.repeat(300)), 0, 300)).toBe('x'.repeat(300));
});
