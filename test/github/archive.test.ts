/** ZIPs as GitHub writes them are read; ZIPs that two readers could read in two ways are refused, quickly and by name. */
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from '@jest/globals';
import { FormatError } from '../../src/core/bytes/format-error.js';
import { memorySource, openArchive, type RangeSource } from '../../src/github/archive.js';
import { zipLimits } from '../../src/github/central-directory.js';
import { hypervisorLength, imageSets } from '../../src/github/image-files.js';
import { type ArchivePlan, buildZip, type EntryPlan } from '../build/zip-builder.js';

const { now } = performance;
const clock = (): number => now.call(performance);

/** Bytes that hardly deflate: a counter, hashed. */
function noise(length: number): Buffer {
  const pieces: Buffer[] = [];
  for (let at = 0; at < length; at += 32) pieces.push(createHash('sha256').update(String(at)).digest());
  return Buffer.concat(pieces).subarray(0, length);
}

const content = noise(5000);
const plain: EntryPlan = { path: 'xmhf/runtime.exe', bytes: content };

async function readAll(bytes: Uint8Array): Promise<Map<string, Uint8Array>> {
  const archive = await openArchive(memorySource(bytes));
  const read = new Map<string, Uint8Array>();
  for (const [path, entry] of archive.entries) read.set(path, await archive.read(entry));
  return read;
}

describe('read', () => {
  const good: readonly (readonly [string, ArchivePlan])[] = [
    ['deflated', { entries: [plain] }],
    ['stored', { entries: [{ ...plain, method: 0 }] }],
    [
      'with data descriptors',
      {
        entries: [
          { ...plain, descriptor: true },
          { path: 'second', bytes: noise(70_000), descriptor: true },
        ],
      },
    ],
    ['with 64-bit sizes in an extra field', { entries: [{ ...plain, central: { zip64: true } }] }],
    ['with a 64-bit end record', { entries: [plain], zip64: true }],
    ['with an archive comment', { entries: [plain], comment: Buffer.from('built by hand') }],
    ['with an empty file', { entries: [plain, { path: 'empty', bytes: new Uint8Array(), method: 0 }] }],
    [
      'with names that are no paths of ours',
      {
        entries: [
          plain,
          { path: '../../etc/passwd', bytes: content },
          { path: '__proto__', bytes: content },
          { path: 'a\\b', bytes: content },
        ],
      },
    ],
    ['with a large entry before the wanted one', { entries: [{ path: 'big', bytes: noise(3_000_000), method: 0 }, plain] }],
  ];

  test.each(good)('%s', async (_, plan) => {
    const read = await readAll(buildZip(plan));
    for (const { path, bytes } of plan.entries) expect(Buffer.compare(read.get(path) ?? new Uint8Array([1]), bytes)).toBe(0);
    expect(read.size).toBe(plan.entries.length);
  });

  test('only the directory and the wanted bytes are fetched', async () => {
    const bytes = buildZip({
      entries: [{ path: 'big', bytes: noise(3_000_000), method: 0 }, plain, { path: 'after', bytes: noise(2_000_000), method: 0 }],
    });
    let fetched = 0;
    const source: RangeSource = {
      size: bytes.length,
      read: async (offset, length) => {
        fetched += length;
        return bytes.subarray(offset, offset + length);
      },
    };
    const archive = await openArchive(source);
    const entry = archive.entries.get(plain.path);
    expect(entry && Buffer.compare(await archive.read(entry), content)).toBe(0);
    expect(fetched).toBeLessThan(66_000 + content.length + 1000);
  });
});

describe('refused', () => {
  const huge = 0xfffffff0;
  const zeros = Buffer.alloc(40_000_000);
  const bad: readonly (readonly [string, ArchivePlan, RegExp])[] = [
    ['no end record', { entries: [plain], trailing: Buffer.alloc(100) }, /none at the end/],
    ['two end records', { entries: [plain], comment: Buffer.concat([Buffer.from('504b0506', 'hex'), Buffer.alloc(18)]) }, /there are two/],
    ['a count that is too low', { entries: [plain, { ...plain, path: 'b' }], end: { entries: 1 } }, /goes on after its 1 entries/],
    ['a count that is too high', { entries: [plain], end: { entries: 2 } }, /entry 2 of 2 is not there/],
    ['two counts', { entries: [plain], end: { entriesHere: 9 } }, /counts entries in two ways/],
    ['a directory elsewhere', { entries: [plain], end: { directoryOffset: 0 } }, /does not end where/],
    ['bytes between directory and end', { entries: [plain], gap: Buffer.alloc(9) }, /does not end where/],
    ['several disks', { entries: [plain], end: { disk: 1 } }, /spans disks/],
    ['an entry on another disk', { entries: [{ ...plain, central: { disk: 3 } }] }, /another disk/],
    ['a 64-bit count of four thousand million', { entries: [plain], zip64: { entries: 4_000_000_000n } }, /at most 10000/],
    ['a 64-bit record that is elsewhere', { entries: [plain], zip64: { recordOffset: 3n } }, /points to 3|no signature/],
    ['a 64-bit record beyond all numbers', { entries: [plain], zip64: { recordOffset: 2n ** 63n } }, /no size of a file/],
    ['two entries of one name', { entries: [plain, plain] }, /the same name/],
    ['two entries on the same bytes', { entries: [plain, { ...plain, path: 'b', central: { offset: 0 } }] }, /same bytes/],
    ['an entry inside another', { entries: [plain, { ...plain, path: 'b', central: { offset: 40 } }] }, /same bytes/],
    ['an entry beyond the file', { entries: [{ ...plain, central: { offset: huge } }] }, /outside the file/],
    ['a length beyond the file', { entries: [{ ...plain, central: { compressedSize: huge } }] }, /outside the file/],
    ['no local header', { entries: [{ ...plain, local: { signature: 0x12345678 } }] }, /no local header/],
    ['another local name', { entries: [{ ...plain, local: { path: 'xmhf/runtime.exE' } }] }, /another name/],
    ['another local method', { entries: [{ ...plain, local: { method: 0 } }] }, /another compression/],
    ['other local flags', { entries: [{ ...plain, local: { flags: 0x0808 } }] }, /other flags/],
    ['another local sum', { entries: [{ ...plain, local: { crc32: 1 } }] }, /another length or sum/],
    ['another local length', { entries: [{ ...plain, local: { size: 1 } }] }, /another length or sum/],
    ['another descriptor', { entries: [{ ...plain, descriptor: true, descriptorCrc: 1 }] }, /what follows its data/],
    ['a wrong sum', { entries: [{ ...plain, central: { crc32: 1 }, local: { crc32: 1 } }] }, /CRC-32/],
    ['more than it says', { entries: [{ ...plain, central: { size: 64 }, local: { size: 64 } }] }, /more than the directory says/],
    ['less than it says', { entries: [{ ...plain, central: { size: 6000 }, local: { size: 6000 } }] }, /holds 5000 bytes/],
    ['cut data', { entries: [{ ...plain, data: Buffer.from('4b4c', 'hex'), central: {}, local: {} }] }, /cannot be inflated/],
    [
      'a stored entry of two lengths',
      { entries: [{ ...plain, method: 0, central: { size: 4000 }, local: { size: 4000 } }] },
      /another length than its own/,
    ],
    ['encryption', { entries: [{ ...plain, central: { flags: 0x0801 }, local: { flags: 0x0801 } }] }, /encrypted/],
    ['another compression', { entries: [{ ...plain, method: 12 }] }, /compression method 12/],
    ['a bomb', { entries: [{ path: 'zeros', bytes: zeros }] }, /grows more than 200 times/],
    [
      'a bomb that lies about its size',
      { entries: [{ path: 'zeros', bytes: zeros, central: { size: 64 }, local: { size: 64 } }] },
      /more than the directory says/,
    ],
    ['an entry over the limit', { entries: [{ ...plain, central: { size: zipLimits.entryBytes + 1 } }] }, /at most 268435456/],
  ];

  test.each(bad)('%s', async (_, plan, words) => {
    const bytes = buildZip(plan);
    const started = clock();
    const error: unknown = await readAll(bytes).then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
    expect(error).toBeInstanceOf(FormatError);
    expect(error instanceof Error ? error.message : '').toMatch(words);
    expect(clock() - started).toBeLessThan(2000);
  });

  test('a flipped byte anywhere: the true bytes, or a FormatError, never others', async () => {
    const small = noise(300);
    const good = buildZip({
      entries: [
        { path: 'a', bytes: small, descriptor: true },
        { path: 'b', bytes: small.subarray(9), method: 0 },
      ],
    });
    const truth = new Map([
      ['a', small],
      ['b', small.subarray(9)],
    ]);
    for (let at = 0; at < good.length; at += 1) {
      for (const mask of [0x01, 0x80, 0xff]) {
        const bytes = Buffer.from(good);
        bytes[at] = (bytes[at] ?? 0) ^ mask;
        try {
          for (const [path, read] of await readAll(bytes)) {
            const wanted = truth.get(path);
            if (wanted !== undefined && Buffer.compare(read, wanted) !== 0)
              throw new Error(`other bytes of ${path} with byte ${at} changed`);
          }
        } catch (error) {
          if (!(error instanceof FormatError)) throw error;
        }
      }
    }
  }, 60_000);

  test('a cut anywhere is refused', async () => {
    const good = buildZip({ entries: [plain] });
    for (let length = 0; length < good.length; length += 37) {
      await expect(readAll(good.subarray(0, length))).rejects.toBeInstanceOf(FormatError);
    }
  });
});

describe('the recorded archives', () => {
  const folder = fileURLToPath(new URL('../../fixtures/zips/', import.meta.url));
  const names = (kind: string): string[] => readdirSync(`${folder}${kind}`).filter((name) => name.endsWith('.zip'));

  test.each(names('bad'))('%s is refused', async (name) => {
    const started = clock();
    await expect(readAll(readFileSync(`${folder}bad/${name}`))).rejects.toBeInstanceOf(FormatError);
    expect(clock() - started).toBeLessThan(2000);
  });

  test.each([...names('good').map((name) => `good/${name}`), ...names('harmless').map((name) => `harmless/${name}`)])(
    '%s is read',
    async (name) => {
      const read = await readAll(readFileSync(`${folder}${name}`));
      if (!name.includes('empty')) expect(read.size).toBeGreaterThan(0);
    },
  );
});

describe('the images in an archive', () => {
  test('companions are the nearest in the tree, for each main image', async () => {
    const file = (path: string): EntryPlan => ({ path, bytes: Buffer.from(path), method: 0 });
    const archive = await openArchive(
      memorySource(
        buildZip({
          entries: [
            'b32/core/runtime.exe',
            'b32/core/sl_syms.exe',
            'b64/core/runtime.exe',
            'b64/core/sl_syms.exe',
            'b64/hypervisor-x86-amd64.bin.gz',
            'b32/hypervisor-x86-i386.bin.gz',
          ].map(file),
        }),
      ),
    );
    const sets = imageSets(archive, ['**/runtime.exe', '**/sl_syms.exe']);
    expect(sets.map(({ main, companions, hypervisor }) => [main.path, companions.map(({ path }) => path), hypervisor?.path])).toEqual([
      ['b32/core/runtime.exe', ['b32/core/sl_syms.exe'], 'b32/hypervisor-x86-i386.bin.gz'],
      ['b64/core/runtime.exe', ['b64/core/sl_syms.exe'], 'b64/hypervisor-x86-amd64.bin.gz'],
    ]);
  });

  test('the length of the packed hypervisor is read off its end', async () => {
    const { gzipSync } = await import('node:zlib');
    const packed = gzipSync(Buffer.alloc(123_456, 'x'));
    const archive = await openArchive(
      memorySource(buildZip({ entries: [plain, { path: 'x/hypervisor-x86-i386.bin.gz', bytes: packed }] })),
    );
    const [set] = imageSets(archive, ['**/runtime.exe']);
    expect(set && (await hypervisorLength(archive, set))).toBe(123_456);
  });
});
