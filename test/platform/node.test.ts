import { deflateSync } from 'node:zlib';
import { describe, expect, test } from '@jest/globals';
import { FormatError } from '../../src/core/bytes/format-error.js';
import { createPlatform } from '../../src/platform/node.js';

const platform = createPlatform();

function errorOf(action: () => unknown): unknown {
  try {
    action();
  } catch (error) {
    return error;
  }
  return undefined;
}

describe('platform on node', () => {
  test('inflate gives back what was deflated', () => {
    const bytes = Uint8Array.from({ length: 5000 }, (_, index) => index % 251);
    expect(Uint8Array.from(platform.inflate(deflateSync(bytes), 5000))).toEqual(bytes);
  });

  test('inflate over the limit is a limit error', () => {
    const error = errorOf(() => platform.inflate(deflateSync(new Uint8Array(5000)), 4999));
    expect(error).toBeInstanceOf(FormatError);
    expect(error).toMatchObject({ kind: 'limit' });
  });

  test('inflate of damaged bytes is a malformed error', () => {
    const damaged = deflateSync(Buffer.from('a serial log'));
    damaged[4] = (damaged[4] ?? 0) ^ 0xff;
    for (const bytes of [damaged, Uint8Array.of(), Uint8Array.of(1, 2, 3)]) {
      expect(errorOf(() => platform.inflate(bytes, 1000))).toMatchObject({ name: 'FormatError', kind: 'malformed' });
    }
  });

  // FIPS 180-2, appendices A.1 and B.1.
  test('digests over pieces', () => {
    const pieces = ['a', '', 'bc'].map((text) => Buffer.from(text));
    expect(platform.sha1(pieces)).toBe('a9993e364706816aba3e25717850c26c9cd0d89d');
    expect(platform.sha256(pieces)).toBe('ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad');
  });
});
