import { describe, expect, test } from '@jest/globals';
import type { ByteSource } from '../../../src/core/bytes/byte-source.js';
import { FormatError } from '../../../src/core/bytes/format-error.js';
import { Region } from '../../../src/core/bytes/region.js';

/** Byte at n is n modulo 251; notes what was read. */
function counted(size: number): { source: ByteSource; reads: [number, number][] } {
  const reads: [number, number][] = [];
  return {
    reads,
    source: {
      size,
      read(offset, length) {
        reads.push([offset, length]);
        return Uint8Array.from({ length }, (_, index) => (offset + index) % 251);
      },
    },
  };
}

describe('a region', () => {
  test('gives the bytes of its range, wherever the page borders lie', () => {
    const { source } = counted(200_000);
    const region = new Region(source, 'test', 1000, 150_000);
    for (const [offset, length] of [
      [0, 1],
      [32_760, 16],
      [32_768, 32_768],
      [5, 100_000],
      [149_999, 1],
    ] as const) {
      const bytes = region.slice(offset, length);
      expect(bytes.length).toBe(length);
      expect([bytes[0], bytes[length - 1]]).toEqual([(1000 + offset) % 251, (1000 + offset + length - 1) % 251]);
    }
  });

  test('reads a page once, and never the whole', () => {
    const { source, reads } = counted(100_000_000);
    const region = new Region(source, 'test', 0, 100_000_000);
    for (let offset = 0; offset < 10_000; offset += 10) region.slice(offset, 10);
    expect(reads).toEqual([[0, 32_768]]);
    for (let offset = 0; offset < 100_000_000; offset += 1_000_000) region.slice(offset, 8);
    expect(Math.max(...reads.map(([, length]) => length))).toBeLessThanOrEqual(32_768);
  });

  test.each([
    [-1, 1],
    [10, 1],
    [0, 11],
    [5, 6],
    [0, -1],
    [Number.NaN, 1],
    [2 ** 53, 1],
  ])('refuses offset %d, length %d of 10 bytes', (offset, length) => {
    const region = new Region(counted(100).source, 'test', 0, 10);
    expect(() => region.slice(offset, length)).toThrow(FormatError);
  });

  test.each([
    [-1, 5],
    [96, 5],
    [0, 101],
    [101, 0],
    [0, -1],
  ])('cannot lie outside its source: %d, %d of 100', (start, size) => {
    expect(() => new Region(counted(100).source, 'test', start, size)).toThrow(FormatError);
  });

  test('text ends at NUL, at the section or at the limit', () => {
    const bytes = new Uint8Array(40_000).fill(0x61);
    bytes[3] = 0;
    bytes[32_770] = 0;
    const region = new Region({ size: bytes.length, read: (offset, length) => bytes.slice(offset, offset + length) }, 'test', 0, 40_000);
    expect(region.text(0)).toBe('aaa');
    expect(region.text(3)).toBe('');
    expect(region.text(32_765)).toBe('aaaaa');
    expect(region.text(39_990)).toBe('a'.repeat(10));
    expect(region.text(4).length).toBe(4096);
    expect(region.text(4, 7)).toBe('a'.repeat(7));
    expect(() => region.text(40_000)).toThrow(FormatError);
    expect(() => region.text(-1)).toThrow(FormatError);
  });
});
