/** A runtime that ran 0x300000 higher than it was linked, made from a real crash by moving every address of the log. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from '@jest/globals';
import { hex } from '../../../src/core/addresses.js';
import { analyze } from '../../../src/core/analyze.js';
import { bytesSource } from '../../../src/core/bytes/byte-source.js';
import { readLog } from '../../../src/core/log/read-log.js';
import { plain } from '../../../src/core/sentence.js';
import { createPlatform } from '../../../src/platform/node.js';

interface Truth {
  readonly crashes: readonly { readonly cpu: string; readonly frames: readonly { readonly symbol: string }[] }[];
}

const fixtures = fileURLToPath(new URL('../../../fixtures', import.meta.url));
const log = readFileSync(`${fixtures}/cases/rdmsr-i386-O0/log.txt`, 'latin1');
const image = readFileSync(`${fixtures}/images/i386-gcc-O0/image.elf`);
const platform = createPlatform();

/** Only the dumps; what the boot prints of bases would tell the place. */
function movedDumps(by: number): string {
  const dumps = log
    .split('\n')
    .filter((line) => /^\[\d\d\]/.test(line))
    .join('\n');
  return dumps.replace(/0x102[0-9a-f]{5}\b/g, (word) => `0x${(Number(word) + by).toString(16)}`);
}

function analyzed(text: string): ReturnType<typeof analyze> {
  return analyze(readLog(text), [{ path: 'runtime.exe', source: bytesSource(image) }], platform);
}

test('the bias at which return addresses follow CALLs is found, and stated', () => {
  const { images, crashes } = analyzed(movedDumps(0x300000));
  expect(hex(images[0]?.bias ?? 0n)).toBe('0x300000');
  // its absolute addresses were linked for another place: it cannot be the very image
  expect(images[0]?.verdict).toBe('ambiguous');
  expect(plain(images[0]?.biasFrom ?? [])).toMatch(/^moved by 0x300000: there \d+ different stack words follow a CALL/);
  const truth = JSON.parse(readFileSync(`${fixtures}/cases/rdmsr-i386-O0/case.json`, 'utf8')) as Truth; // recorded by the lab
  for (const { crash, frames } of crashes) {
    const wanted = truth.crashes.find(({ cpu }) => cpu === crash.cpu);
    expect(frames.map(({ symbol }) => symbol)).toEqual(wanted?.frames.map(({ symbol }) => symbol));
  }
});

test('an image at its place is not moved', () => {
  expect(analyzed(movedDumps(0)).images[0]).toMatchObject({ bias: 0n, verdict: 'match' });
});

test('a move that is no whole number of pages is none', () => {
  const [found] = analyzed(movedDumps(0x300010)).images;
  expect(found?.bias).toBe(0n);
  expect(['mismatch', 'unverifiable']).toContain(found?.verdict);
});
