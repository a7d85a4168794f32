/** Truths that hold for any stack and any code: nothing thrown, progress in every frame, one stop reason, the same answer twice. */
import { readFileSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import { type Arch, linkAddress } from '../../../src/core/addresses.js';
import { bytesSource } from '../../../src/core/bytes/byte-source.js';
import type { Image } from '../../../src/core/image/image.js';
import { openImage } from '../../../src/core/image/open-image.js';
import { callBefore } from '../../../src/core/unwind/call-sites.js';
import { codeMapOf } from '../../../src/core/unwind/code-map.js';
import { stackDepths } from '../../../src/core/unwind/stack-depth.js';
import { walk } from '../../../src/core/unwind/walk.js';
import { createPlatform } from '../../../src/platform/node.js';
import { crashOf, stackOf } from '../../build/crash-log.js';
import { flatImage } from '../../build/flat-image.js';

const platform = createPlatform();
const { imul } = Math;

/** mulberry32: small, seeded, the same everywhere. */
function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

const SP = 0x7000n;

/** A stack of 64 words: code addresses, return addresses, stack addresses, numbers. */
function fuzzOnce(image: Image, arch: Arch, next: () => number, returns: readonly number[]): void {
  const range = image.sections.find((section) => section.executable);
  if (range === undefined) throw new Error('no code');
  const pick = (below: number): number => Math.floor(next() * below);
  const inCode = (): bigint => BigInt(range.address + pick(range.size));
  const word = (): bigint => {
    const kind = pick(8);
    if (kind < 4 && returns.length > 0) return BigInt(returns[pick(returns.length)] ?? 0);
    if (kind === 4) return inCode();
    if (kind === 5) return SP + BigInt(pick(64) * 8);
    return BigInt(pick(20));
  };
  const registers = Object.fromEntries(['rbp', 'rbx', 'r10', 'r12', 'ebp', 'ebx', 'ecx'].map((name) => [name, word()]));
  const crash = crashOf({
    arch,
    pc: next() < 0.9 ? inCode() : word(),
    sp: SP,
    registers,
    stack: stackOf(arch, SP, Array.from({ length: 64 }, word)),
  });
  const first = walk(crash, [{ image, bias: 0n }], platform);
  expect(walk(crash, [{ image, bias: 0n }], platform)).toEqual(first);
  let below = 0n;
  for (const frame of first.frames) {
    if (frame.callVerified && frame.address !== undefined) {
      expect(callBefore(image, linkAddress(Number(frame.address.at)), platform.decode)).toBeDefined();
    }
    if (frame.cfa === undefined || frame.synthetic) continue;
    expect(frame.cfa).toBeGreaterThanOrEqual(below);
    below = frame.kind === 'exception' ? 0n : frame.cfa;
  }
}

describe('any stack', () => {
  test.each([
    ['gcc-amd64-O2', 'amd64'],
    ['gcc-i386-O0-frame-pointer', 'i386'],
    ['gcc-i386-Os', 'i386'],
  ] satisfies [string, Arch][])('%s', (build, arch) => {
    const image = openImage(bytesSource(readFileSync(`fixtures/unwind/frames/${build}.elf`)), build, platform);
    const map = codeMapOf(image, platform.decode);
    const returns = map
      .functions()
      .flatMap((fn) =>
        map.sweep(fn.body).flatMap((instruction) => (instruction.flow === 'call' ? [instruction.at + instruction.length] : [])),
      );
    const next = random(1);
    for (let round = 0; round < 150; round++) fuzzOnce(image, arch, next, returns);
  });
});

describe('any code', () => {
  test.each(['amd64', 'i386'] satisfies Arch[])('%s: random bytes are analysed within the budget', (arch) => {
    const next = random(7);
    for (let round = 0; round < 40; round++) {
      // half of the bytes from what makes code wind: jumps, calls, pushes, stack arithmetic
      const likely = [
        0xe8, 0xe9, 0xeb, 0x74, 0x75, 0x50, 0x58, 0x48, 0x83, 0xec, 0xc4, 0xc3, 0xff, 0x00, 0x24, 0x04, 0xc9, 0xcf, 0x60, 0x61,
      ];
      const bytes = Array.from({ length: 600 }, () =>
        next() < 0.6 ? (likely[Math.floor(next() * likely.length)] ?? 0) : Math.floor(next() * 256),
      );
      const symbols = [0, 200, 400].map((at) => ({ name: `f${at}`, address: 0x1000 + at, size: 200, type: 'function' as const }));
      const image = flatImage(arch, [{ name: '.text', address: 0x1000, bytes, executable: true }], symbols);
      const depths = stackDepths(codeMapOf(image, platform.decode));
      for (const fn of depths.map.functions()) expect(depths.analyze(fn).exhausted).toBe(false);
      fuzzOnce(image, arch, next, []);
    }
  });

  test('a function over the budget is not analysed, and the walk goes on without', () => {
    // 2 MB of `inc eax`
    const bytes = new Array<number>(2_000_000).fill(0x40);
    const image = flatImage(
      'i386',
      [{ name: '.text', address: 0x1000, bytes, executable: true }],
      [{ name: 'huge', address: 0x1000, size: bytes.length, type: 'function' }],
    );
    const backtrace = walk(
      crashOf({ arch: 'i386', pc: 0x2000n, sp: SP, stack: stackOf('i386', SP, [0x1234n]) }),
      [{ image, bias: 0n }],
      platform,
    );
    expect(backtrace.frames).toHaveLength(1);
    expect(backtrace.stop.kind).toBe('no-plausible-caller');
  });
});
