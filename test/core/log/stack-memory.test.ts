import { describe, expect, test } from '@jest/globals';
import { runtimeAddress } from '../../../src/core/addresses.js';
import { stackMemory } from '../../../src/core/log/stack-memory.js';

function words(start: bigint, step: bigint, ...values: readonly bigint[]) {
  return values.map((value, index) => ({ address: runtimeAddress(start + BigInt(index) * step), value, line: index + 1 }));
}

describe('words in a row', () => {
  const memory = stackMemory(words(0x1000n, 8n, 0x8877_6655_4433_2211n, 0xffee_ddcc_bbaa_0099n), 8, true);

  test('at their addresses only', () => {
    expect(memory.wordAt(0x1000n)).toBe(0x8877_6655_4433_2211n);
    expect(memory.wordAt(0x1008n)).toBe(0xffee_ddcc_bbaa_0099n);
    expect(memory.wordAt(0x1004n)).toBeUndefined();
    expect(memory.wordAt(0xff8n)).toBeUndefined();
    expect(memory.wordAt(0x1010n)).toBeUndefined();
    expect(memory.range).toEqual({ start: 0x1000n, end: 0x1010n });
  });

  test('bytes are little endian and may cross words', () => {
    expect(memory.read(0x1000n, 1)).toBe(0x11n);
    expect(memory.read(0x1001n, 2)).toBe(0x3322n);
    expect(memory.read(0x1006n, 4)).toBe(0x0099_8877n);
    expect(memory.read(0x1004n, 8)).toBe(0xbbaa_0099_8877_6655n);
    expect(memory.read(0x1000n, 16)).toBe(0xffee_ddcc_bbaa_0099_8877_6655_4433_2211n);
  });

  test('nothing outside the dump, not even in part', () => {
    expect(memory.read(0xfffn, 2)).toBeUndefined();
    expect(memory.read(0x100fn, 2)).toBeUndefined();
    expect(memory.read(0x1009n, 8)).toBeUndefined();
    expect(memory.read(0n, 8)).toBeUndefined();
    for (const length of [0, -1, 17, 1.5, Number.NaN]) expect(memory.read(0x1000n, length)).toBeUndefined();
  });
});

describe('words with holes', () => {
  const memory = stackMemory([...words(0x1004n, 4n, 1n, 2n), ...words(0x1010n, 4n, 5n), ...words(0x0ff4n, 4n, 9n)], 4, false);

  test('a hole is unknown', () => {
    expect(memory.wordAt(0x1008n)).toBe(2n);
    expect(memory.wordAt(0x100cn)).toBeUndefined();
    expect(memory.wordAt(0x1010n)).toBe(5n);
    expect(memory.wordAt(0xff4n)).toBe(9n);
    expect(memory.read(0x1008n, 8)).toBeUndefined();
    expect(memory.read(0x1004n, 8)).toBe(0x2_0000_0001n);
    expect(memory.range).toEqual({ start: 0xff4n, end: 0x1014n });
  });
});

test('an empty dump, and the top of the address space', () => {
  const empty = stackMemory([], 8, false);
  expect(empty.range).toBeUndefined();
  expect(empty.wordAt(0n)).toBeUndefined();
  expect(empty.read(0n, 8)).toBeUndefined();
  const top = stackMemory(words(0xffff_ffff_ffff_fff8n, 8n, 7n), 8, true);
  expect(top.wordAt(0xffff_ffff_ffff_fff8n)).toBe(7n);
  expect(top.read(0xffff_ffff_ffff_fffcn, 8)).toBeUndefined();
});
