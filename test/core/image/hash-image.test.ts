/** The hash of an image's code: the same for what runs the same, another for anything else. */
import { readFileSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import { bytesSource } from '../../../src/core/bytes/byte-source.js';
import { codeSha256Of } from '../../../src/core/image/hash-image.js';
import type { Image } from '../../../src/core/image/image.js';
import { openImage } from '../../../src/core/image/open-image.js';
import { createPlatform } from '../../../src/platform/node.js';

const platform = createPlatform();
const bytes = readFileSync(new URL('../../../fixtures/images/i386-gcc-O0/image.elf', import.meta.url));
const imageOf = (content: Uint8Array): Image => openImage(bytesSource(content), 'image.elf', platform);
const hashOf = (content: Uint8Array): string | undefined => codeSha256Of(imageOf(content), platform);

/** The file with the middle byte of that section changed. */
function changed(section: string): Buffer {
  const image = imageOf(bytes);
  const found = image.sections.find(({ name }) => name === section);
  const content = found === undefined ? undefined : image.bytesAt(found.address, found.size);
  if (content === undefined) throw new Error(`the fixture has no ${section}`);
  const copy = Buffer.from(bytes);
  const at = bytes.indexOf(content) + (content.length >> 1);
  copy[at] = (copy[at] ?? 0) ^ 1;
  return copy;
}

describe('an image whose', () => {
  test('code is the same has the same hash, whatever else differs', () => {
    expect(hashOf(bytes)).toMatch(/^[0-9a-f]{64}$/);
    expect(hashOf(Buffer.concat([bytes, Buffer.alloc(64)]))).toBe(hashOf(bytes));
    expect(hashOf(changed('.rodata'))).toBe(hashOf(bytes));
  });

  test('code differs in one bit has another', () => expect(hashOf(changed('.text'))).not.toBe(hashOf(bytes)));

  test('sections claim more than any code has none', () => {
    const image = imageOf(bytes);
    const text = image.sections.find(({ name }) => name === '.text');
    if (text === undefined) throw new Error('the fixture has no .text');
    const often = Math.ceil((256 * 1024 * 1024) / text.size) + 1;
    const hostile: Image = Object.create(image, { sections: { value: Array.from({ length: often }, () => text) } });
    expect(codeSha256Of(hostile, platform)).toBeUndefined();
  });
});
