/** Where each of the three images ran, by the log's own lines. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from '@jest/globals';
import { bytesSource } from '../../../src/core/bytes/byte-source.js';
import { openImage } from '../../../src/core/image/open-image.js';
import { codeStart, placeImage, runtimeBases } from '../../../src/core/image/place-image.js';
import { readLog } from '../../../src/core/log/read-log.js';
import { plain } from '../../../src/core/sentence.js';
import { memorySource, openArchive } from '../../../src/github/archive.js';
import { createPlatform } from '../../../src/platform/node.js';
import { buildElf, TEXT } from '../../build/elf-builder.js';

const fixtures = fileURLToPath(new URL('../../../fixtures', import.meta.url));
const log = readLog(readFileSync(`${fixtures}/cases/rdmsr-i386-O0/log.txt`, 'latin1'));
const platform = createPlatform();

/** An image of the recorded artifact of the testbed: linked by the same scripts as XMHF's three. */
async function fromArtifact(name: string): Promise<ReturnType<typeof openImage>> {
  const archive = await openArchive(memorySource(new Uint8Array(readFileSync(`${fixtures}/zips/good/i386-gcc-O0.zip`))));
  const entry = [...archive.entries.values()].find(({ path }) => path.endsWith(name));
  if (entry === undefined) throw new Error(`no ${name} in the artifact`);
  return openImage(bytesSource(await archive.read(entry)), name, platform);
}

describe('the three images of a build', () => {
  test('the runtime runs where it was linked', async () => {
    expect(placeImage(await fromArtifact('runtime.exe'), log)).toMatchObject({ bias: 0n });
  });

  test('the secure loader, linked at 0, runs at slbase', async () => {
    const image = await fromArtifact('sl_syms.exe');
    expect(codeStart(image)).toBeLessThan(0x200000);
    const { bias, biasFrom } = placeImage(image, log);
    expect(bias).toBe(0x10000000n);
    expect(plain(biasFrom ?? [])).toMatch(/^linked at 0x[0-9a-f]+, runs at the log's slbase 0x10000000$/);
  });

  test('the bootloader runs where it was linked', async () => {
    const image = await fromArtifact('init_syms.exe');
    expect(codeStart(image)).toBeGreaterThanOrEqual(0x1e00000);
    expect(placeImage(image, log)).toMatchObject({ bias: 0n });
  });

  test('without slbase in the log the secure loader is not moved', async () => {
    expect(placeImage(await fromArtifact('sl_syms.exe'), readLog(''))).toMatchObject({ bias: 0n });
  });
});

test('the log names the base of its runtime once', () => {
  expect(runtimeBases(log).map(({ base }) => base)).toEqual([0x10200000n]);
});

test('a position-independent runtime is put where the log says that the runtime starts', () => {
  const bytes = buildElf({
    bits: 32,
    type: 3,
    sections: [{ name: '.text', ...TEXT, address: 0x400000, bytes: new Uint8Array(64).fill(0x90) }],
  });
  const { bias, biasFrom } = placeImage(openImage(bytesSource(bytes), 'pie', platform), log);
  expect(bias).toBe(0x10200000n - 0x400000n);
  expect(plain(biasFrom ?? [])).toContain('position-independent');
});
