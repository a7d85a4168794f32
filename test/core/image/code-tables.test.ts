/** Call-frame rules, call sites, line places and type sizes of the fixtures' images, held against each other and against the code's own bytes. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { describe, expect, test } from '@jest/globals';
import { type LinkAddress, linkAddress } from '../../../src/core/addresses.js';
import { bytesSource } from '../../../src/core/bytes/byte-source.js';
import { callSiteAt, callSitesIn } from '../../../src/core/image/call-site-info.js';
import { frameRuleAt } from '../../../src/core/image/frame-rules.js';
import type { Image } from '../../../src/core/image/image.js';
import { codeAtLine } from '../../../src/core/image/line-places.js';
import { openImage } from '../../../src/core/image/open-image.js';
import { typeSize } from '../../../src/core/image/type-size.js';
import { createPlatform } from '../../../src/platform/node.js';

const ROOT = new URL('../../../fixtures/images/', import.meta.url);
const platform = createPlatform();
const slugs = readdirSync(ROOT)
  .filter((slug) => existsSync(new URL(`${slug}/image.elf`, ROOT)))
  .sort();
const withFrames = slugs.filter((slug) => existsSync(new URL(`${slug}/image-cfi.elf`, ROOT)));

function read(path: string): Uint8Array {
  return Uint8Array.from(readFileSync(new URL(path, ROOT)));
}

const open = (bytes: Uint8Array) => openImage(bytesSource(bytes), 'image.elf', platform);

function* codeAddresses(image: Image): Iterable<LinkAddress> {
  for (const section of image.sections) {
    if (!section.executable || !section.hasBytes) continue;
    for (let at = 0; at < section.size; at++) yield linkAddress(section.address + at);
  }
}

/** The same file with its table's section under another name: a link script's merge, as far as a reader can see. */
function unmarked(bytes: Uint8Array): Uint8Array {
  const name = new TextEncoder().encode('.eh_frame\0');
  const at = bytes.findIndex((_, index) => name.every((byte, place) => bytes[index + place] === byte));
  const renamed = bytes.slice();
  renamed.set(new TextEncoder().encode('.rodata.x'), at);
  return renamed;
}

/** Every entry of the table begins `distance` bytes earlier than it did: what LLD 14 gets wrong in a merged table. */
function displaced(bytes: Uint8Array, distance: number): Uint8Array {
  const image = open(bytes);
  const section = image.sections.find(({ name }) => name === '.eh_frame');
  const table = section && image.bytesAt(section.address, section.size);
  if (table === undefined) throw new Error('no .eh_frame');
  const from = bytes.findIndex((_, index) => table.subarray(0, 64).every((byte, place) => bytes[index + place] === byte));
  const changed = bytes.slice();
  const view = new DataView(changed.buffer);
  for (let at = from; at + 12 <= from + table.length && view.getUint32(at, true) !== 0; at += 4 + view.getUint32(at, true)) {
    const isEntry = view.getUint32(at + 4, true) !== 0;
    if (isEntry) view.setInt32(at + 8, view.getInt32(at + 8, true) - distance, true);
  }
  return changed;
}

/** All but where it was found. */
function words(rules: ReturnType<typeof frameRuleAt>): string {
  return rules === undefined
    ? ''
    : JSON.stringify({ ...rules, where: '', registers: [...rules.registers].sort(([one], [other]) => one - other) });
}

describe.each(withFrames)('call-frame rules of %s', (slug) => {
  const bytes = read(`${slug}/image-cfi.elf`);
  const image = open(bytes);

  test('cover the C functions, and the return address lies at CFA minus a word', () => {
    const word = image.arch === 'amd64' ? 8 : 4;
    let covered = 0;
    for (const symbol of image.symbols) {
      if (symbol.type !== 'function' || symbol.size === 0) continue;
      const rules = frameRuleAt(image, symbol.address);
      if (rules === undefined) continue;
      covered++;
      expect(rules.registers.get(rules.returnAddressRegister)).toEqual({ kind: 'offset', offset: -word });
      if (!symbol.name.includes('.cold'))
        expect(rules.cfa).toEqual({ kind: 'register', register: image.arch === 'amd64' ? 7 : 4, offset: word });
    }
    expect(covered).toBeGreaterThan(20);
    expect(image.gaps).toEqual([]);
  });

  test('are the same where the table has no section header', () => {
    const hidden = open(unmarked(bytes));
    expect(hidden.sections.some(({ name }) => name === '.eh_frame')).toBe(false);
    let rules = 0;
    const differences: unknown[] = [];
    // one address in 5 keeps it short; rules change every few bytes only in prologues
    let turn = 0;
    for (const address of codeAddresses(image)) {
      if (turn++ % 5 !== 0) continue;
      const marked = frameRuleAt(image, address);
      const found = frameRuleAt(hidden, address);
      if (marked !== undefined) rules++;
      if (words(marked) !== words(found)) differences.push({ address, marked, found });
    }
    expect(differences).toEqual([]);
    expect(rules).toBeGreaterThan(500);
  });

  test('are not taken from a table without a section header whose entries begin where no function does', () => {
    const hidden = open(unmarked(displaced(bytes, 8)));
    expect([...codeAddresses(image)].filter((address) => frameRuleAt(hidden, address) !== undefined)).toEqual([]);
    expect(hidden.gaps.map(({ kind, where }) => ({ kind, where }))).toEqual([{ kind: 'malformed', where: 'image.elf' }]);
  });
});

describe.each(slugs)('%s', (slug) => {
  const image = open(read(`${slug}/image.elf`));

  test('call sites name the function that the CALL reaches', () => {
    let direct = 0;
    for (const symbol of image.symbols) {
      if (symbol.type !== 'function' || symbol.size === 0) continue;
      const end = linkAddress(symbol.address + symbol.size);
      for (const site of callSitesIn(image, symbol.address, end)) {
        expect(callSiteAt(image, site.returnAddress)?.returnAddress).toBe(site.returnAddress);
        const call = image.bytesAt(linkAddress(site.returnAddress - 5), 5);
        if (site.isTailCall || site.origin === undefined || call?.[0] !== 0xe8) continue;
        const target = site.returnAddress + new DataView(call.buffer, call.byteOffset).getInt32(1, true);
        expect({ at: site.returnAddress, entries: site.origin.entries }).toEqual({
          at: site.returnAddress,
          entries: expect.arrayContaining([target]),
        });
        direct++;
      }
    }
    // compilers write call sites only where they optimize
    if (!slug.includes('-O0')) expect(direct).toBeGreaterThan(50);
    expect(callSiteAt(image, linkAddress(1))).toBeUndefined();
  });

  test('every line that llvm-symbolizer recorded leads back to its code', () => {
    const [, ...records] = gunzipSync(read(`${slug}/llvm-symbolizer.jsonl.gz`))
      .toString()
      .trimEnd()
      .split('\n');
    const places = new Map<string, ReturnType<typeof codeAtLine>>();
    let checked = 0;
    for (const line of records) {
      const { first, frames } = JSON.parse(line) as { first: string; frames: readonly { file: string | null; line: number }[] }; // written by the lab
      const innermost = frames[0];
      if (!innermost?.file || innermost.line === 0) continue;
      // a log prints a part of the path only
      const tail = innermost.file.split('/').slice(-2).join('/');
      const key = `${tail}:${innermost.line}`;
      if (!places.has(key)) {
        if (places.size >= 200) continue;
        places.set(key, codeAtLine(image, tail, innermost.line));
      }
      const at = Number.parseInt(first, 16);
      expect({ key, at, found: places.get(key)?.some(({ start, end }) => start <= at && at < end) }).toEqual({ key, at, found: true });
      checked++;
    }
    expect(checked).toBeGreaterThan(200);
    expect(codeAtLine(image, 'no/such/file.c', 1)).toEqual([]);
  });

  test('the size of a CPU in the array of CPUs', () => {
    const [array] = image.symbolsNamed('g_vcpubuffers');
    if (array === undefined) throw new Error('the testbed has CPUs');
    const each = typeSize(image, array) ?? 0;
    expect(each).toBeGreaterThan(32);
    expect(array.size % each).toBe(0);
    expect(typeSize(image, { ...array, name: 'no_such_array' })).toBeUndefined();
  });
});
