/** Images of the fixtures, damaged in every way by a seeded hand: whatever comes, a value or a typed error, the same twice. */
import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import { type LinkAddress, linkAddress } from '../../src/core/addresses.js';
import { bytesSource } from '../../src/core/bytes/byte-source.js';
import { FormatError } from '../../src/core/bytes/format-error.js';
import { callSiteAt } from '../../src/core/image/call-site-info.js';
import { frameRuleAt } from '../../src/core/image/frame-rules.js';
import { codeAtLine } from '../../src/core/image/line-places.js';
import { openImage } from '../../src/core/image/open-image.js';
import { typeSize } from '../../src/core/image/type-size.js';
import { type VariableFrame, variablesAt } from '../../src/core/image/variables.js';
import { createPlatform } from '../../src/platform/node.js';

const ROOT = new URL('../../fixtures/images/', import.meta.url);
const platform = createPlatform();
const { floor } = Math;
const { imul } = Math;

/** More by the environment, for a long run by hand: FUZZ_ROUNDS=5000 FUZZ_SEED=7. */
const ROUNDS = Number(process.env.FUZZ_ROUNDS ?? 40);
const SEED = Number(process.env.FUZZ_SEED ?? 1);

/** xorshift32: the same numbers everywhere. */
function randomFrom(seed: number): (below: number) => number {
  let state = imul(seed, 2_654_435_761) | 1;
  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return floor(((state >>> 0) / 2 ** 32) * below);
  };
}

interface Fixture {
  readonly bytes: Uint8Array;
  readonly addresses: readonly LinkAddress[];
  /** Places of debug sections and tables in the file. */
  readonly tables: readonly { readonly offset: number; readonly size: number }[];
  readonly headers: { readonly at: number; readonly each: number; readonly count: number };
}

function load(slug: string): Fixture {
  // a copy, so that a damaged one never shares a buffer with the next
  const bytes = Uint8Array.from(readFileSync(new URL(`${slug}/image.elf`, ROOT)));
  const image = openImage(bytesSource(bytes), slug, platform);
  const random = randomFrom(99);
  const addresses: LinkAddress[] = [];
  for (const section of image.sections) {
    if (section.executable && section.hasBytes)
      for (let count = 0; count < 12; count++) addresses.push(linkAddress(section.address + random(section.size)));
  }
  const view = new DataView(bytes.buffer);
  const is64 = bytes[4] === 2;
  const at = is64 ? Number(view.getBigUint64(40, true)) : view.getUint32(32, true);
  const each = is64 ? 64 : 40;
  const tables = image.sections.flatMap((section, index) => {
    if (!/^\.(z?debug|eh_frame|symtab|strtab)/.test(section.name)) return [];
    const header = at + index * each;
    return [{ offset: is64 ? Number(view.getBigUint64(header + 24, true)) : view.getUint32(header + 16, true), size: section.size }];
  });
  return { bytes, addresses, tables, headers: { at, each, count: image.sections.length } };
}

/** All that a crash asks of an image, as text; the typed error's message where it cannot be opened. */
function ask(bytes: Uint8Array, addresses: readonly LinkAddress[]): string {
  try {
    const image = openImage(bytesSource(bytes), 'image', platform);
    const answers: unknown[] = [image.arch, image.symbols.length, image.buildId];
    for (const address of addresses) {
      const registers = new Map(['esp', 'ebp', 'rsp', 'rbp', 'rdi'].map((name) => [name, 0x100n]));
      const frame: VariableFrame = { image, bias: 0n, lookup: address, resume: address, registers, cfa: 0x108n, isCalled: true };
      answers.push(image.lookup(address), image.symbolAt(address)?.symbol.name, image.bytesAt(address, 4));
      answers.push(
        frameRuleAt(image, address)?.cfa,
        callSiteAt(image, address)?.origin,
        variablesAt([frame, frame], 0, () => 0x491n),
      );
    }
    answers.push(
      codeAtLine(image, 'vmx.c', 20),
      image.symbolsNamed('g_vcpubuffers').map((symbol) => typeSize(image, symbol)),
      image.gaps,
    );
    return JSON.stringify(answers, (_, value) => (typeof value === 'bigint' ? value.toString(16) : value));
  } catch (error) {
    if (error instanceof FormatError) return error.message;
    throw error;
  }
}

function holds(bytes: Uint8Array, { addresses }: Fixture): void {
  const started = performance.now();
  const first = ask(bytes, addresses);
  expect(performance.now() - started).toBeLessThan(4000);
  expect(ask(bytes, addresses)).toBe(first);
}

const slugs = readdirSync(ROOT).sort();
// the images are alike: each run takes two of them, another pair for another seed
const picked = [slugs[SEED % slugs.length], slugs[(SEED + floor(slugs.length / 2)) % slugs.length]].filter((slug) => slug !== undefined);

describe.each(picked)('%s', (slug) => {
  const fixture = load(slug);
  const { bytes, tables, headers } = fixture;

  test('is whole to begin with', () => {
    expect(ask(bytes, fixture.addresses)).toContain('"from":"dwarf"');
  });

  test('cut off at every 1/64', () => {
    for (let part = 0; part < 64; part++) holds(bytes.slice(0, floor((bytes.length * part) / 64)), fixture);
  });

  test('with single bytes changed', () => {
    const random = randomFrom(SEED);
    for (let round = 0; round < ROUNDS; round++) {
      const damaged = bytes.slice();
      damaged[random(damaged.length)] = random(256);
      holds(damaged, fixture);
    }
  });

  test('with a few bytes of one table made extreme', () => {
    const random = randomFrom(SEED + 1);
    for (let round = 0; round < 2 * ROUNDS; round++) {
      const damaged = bytes.slice();
      const table = tables[random(tables.length)];
      if (table === undefined) throw new Error('no tables');
      for (let count = 1 + random(6); count > 0; count--)
        damaged[table.offset + random(table.size)] = [0, 0xff, 0x7f, 0x80, random(256)][random(5)] ?? 0;
      holds(damaged, fixture);
    }
  });

  test('with words of the section headers changed or swapped', () => {
    const random = randomFrom(SEED + 2);
    for (let round = 0; round < ROUNDS; round++) {
      const damaged = bytes.slice();
      const view = new DataView(damaged.buffer);
      const place = () => headers.at + random(headers.count) * headers.each + 4 * random(headers.each / 4);
      const [one, other] = [place(), place()];
      const kept = view.getUint32(one, true);
      view.setUint32(one, [0, 0xffffffff, 0x7fffffff, 0x80000000, view.getUint32(other, true)][random(5)] ?? 0, true);
      if (random(2) === 0) view.setUint32(other, kept, true);
      holds(damaged, fixture);
    }
  });
});
