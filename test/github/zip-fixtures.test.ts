/** Every archive of fixtures/zips (written by lab/zips.py): what must be read is read, every lie is refused as a `FormatError`. */
import { readdirSync, readFileSync } from 'node:fs';
import { crc32 } from 'node:zlib';
import { describe, expect, test } from '@jest/globals';
import { FormatError } from '../../src/core/bytes/format-error.js';
import { memorySource, openArchive } from '../../src/github/archive.js';

const root = new URL('../../fixtures/zips/', import.meta.url);

function archives(kind: string): [string, Uint8Array][] {
  const folder = new URL(`${kind}/`, root);
  return readdirSync(folder)
    .sort()
    .map((name) => [name, new Uint8Array(readFileSync(new URL(name, folder)))]);
}

/** Opens it and reads every entry. */
async function readAll(bytes: Uint8Array): Promise<Map<string, Uint8Array>> {
  const archive = await openArchive(memorySource(bytes));
  const contents = new Map<string, Uint8Array>();
  for (const [path, entry] of archive.entries) contents.set(path, await archive.read(entry));
  return contents;
}

describe('good', () => {
  test.each(archives('good'))('%s', async (_name, bytes) => {
    const archive = await openArchive(memorySource(bytes));
    for (const entry of archive.entries.values()) expect(crc32(await archive.read(entry))).toBe(entry.crc32);
  });

  test('variant-zip64.zip holds the bytes that were put in', async () => {
    const [, bytes] = archives('good').find(([name]) => name === 'variant-zip64.zip') ?? [];
    const content = (await readAll(bytes ?? new Uint8Array())).get('runtime.exe');
    expect(content?.length).toBe(3016);
    expect([...(content ?? []).slice(0, 7)]).toEqual([0x7f, 0x45, 0x4c, 0x46, 1, 1, 1]);
  });
});

test.each(archives('bad'))('bad: %s is refused', async (_name, bytes) => {
  const begun = performance.now();
  await expect(readAll(bytes)).rejects.toBeInstanceOf(FormatError);
  expect(performance.now() - begun).toBeLessThan(2000);
});

test.each(archives('harmless'))('harmless: %s is read, and its name is only text', async (_name, bytes) => {
  expect((await readAll(bytes)).size).toBe(1);
});
