import { describe, expect, test } from '@jest/globals';
import { runtimeAddress } from '../../../src/core/addresses.js';
import { describeWord, registerMeanings, wordMeanings } from '../../../src/core/report/words.js';
import { plain } from '../../../src/core/sentence.js';
import { flatImage } from '../../build/flat-image.js';
import { makeCrash, makeFrame } from '../../build/report-builder.js';

const text = [...'usage of it\0'].map((letter) => letter.charCodeAt(0));
const sections = [
  { name: '.text', address: 0x200000, bytes: new Array<number>(0x100).fill(0x90), executable: true },
  { name: '.rodata', address: 0x201000, bytes: [...text, 0, 1, 2, 3] },
  { name: '.data', address: 0x202000, bytes: new Array<number>(0x40).fill(0), writable: true },
];
const symbols = [
  { name: 'run.constprop.0', address: 0x200010, size: 0x20, type: 'function' as const },
  { name: 'table', address: 0x200080, size: 0x10, type: 'object' as const },
  { name: 'g_vcpus', address: 0x202000, size: 0x40, type: 'object' as const },
];
const image = flatImage('i386', sections, symbols);
const images = [{ image, bias: 0x1000_0000n }];
const crash = makeCrash({ stackAt: 0x3000_0000n, stack: [1n, 2n, 3n, 4n] });

const meaning = (value: bigint): readonly [string, string] | undefined => {
  const found = describeWord(value, images, crash);
  return found === undefined ? undefined : [found.kind, plain(found.text)];
};

describe('describeWord', () => {
  test.each([
    ['code as function and offset, clone suffix off', 0x1020_0014n, ['code', 'code run+0x4']],
    ['code that no symbol covers', 0x1020_0001n, ['code', 'code without a name']],
    ['an object inside the code section, as data', 0x1020_0084n, ['data', 'data table+0x4']],
    ['data as symbol', 0x1020_2004n, ['data', 'data g_vcpus+0x4']],
    ['a symbol itself, without offset', 0x1020_2000n, ['data', 'data g_vcpus']],
    ['a string as text', 0x1020_1000n, ['text', 'points to the text "usage of it"']],
    ['data without a symbol as section', 0x1020_100en, ['data', 'data .rodata+0xe']],
    ['a place of this stack', 0x3000_0008n, ['stack', 'this stack +0x8']],
  ])('names %s', (_, value, expected) => {
    expect(meaning(value)).toEqual(expected);
  });

  test.each([
    ['small numbers', 0x20n],
    ['addresses that nothing covers', 0x4000_0000n],
    ['link addresses of an image that ran elsewhere', 0x20_0014n],
    ['the byte behind a dump', 0x3000_0010n],
  ])('is silent on %s', (_, value) => {
    expect(meaning(value)).toBeUndefined();
  });

  test('an image of the other width explains nothing', () => {
    expect(describeWord(0x1020_0014n, images, makeCrash({ arch: 'amd64' }))).toBeUndefined();
  });
});

test('registers that point nowhere known stay unexplained', () => {
  const named = registerMeanings(makeCrash({ registers: { eax: 0x1020_2000n, ebx: 7n, esp: 0x1d959aa8n }, vcpu: 0x1020_2010n }), images);
  expect([...named].map(([name, value]) => [name, plain(value)])).toEqual([
    ['eax', 'data g_vcpus'],
    ['vcpu', 'data g_vcpus+0x10, the VCPU of this CPU'],
  ]);
});

describe('wordMeanings', () => {
  const at = 0x3000_0000n;
  const stack = [
    0x1020_0014n,
    8n,
    0x10006n, // hardware frame
    0x3000_0030n,
    0x1020_0020n, // saved frame pointer, return address
    0x1020_0018n, // stale code
    0x6c6c6548n,
    0x00216fn, // 'Hell' 'o!'
    0x6c6c6548n,
    5n, // four letters alone
    0x1020_2000n,
    0x1020_1000n,
    0n,
  ];
  const dump = makeCrash({ stackAt: at, stack, fault: { frameAt: runtimeAddress(at) } });
  const frames = [
    makeFrame({ at: 0x1020_0014n, functions: [{ name: 'run' }] }),
    makeFrame({
      at: 0x1020_0020n,
      trust: 'frame-pointer',
      frame: { slot: runtimeAddress(at + 16n), registers: new Map([['ebp', 0x3000_0030n]]) },
      symbol: 'run',
      offset: 0x10,
    }),
  ];
  const found = wordMeanings({ crash: dump, frames }, images).map((word) => [
    Number(word.address - at),
    word.kind,
    word.frameIndex,
    plain(word.text),
  ]);

  test('tell frames, hardware frames and saved registers from what merely lies there', () => {
    expect(found).toEqual([
      [0, 'hardware-frame', 0, 'EIP of the hardware frame, frame 0'],
      [4, 'hardware-frame', 0, 'CS of the hardware frame'],
      [8, 'hardware-frame', 0, 'EFLAGS of the hardware frame'],
      [12, 'saved-register', 1, 'saved ebp of frame 1'],
      [16, 'frame', 1, 'return address of frame 1: run+0x10'],
      [20, 'code', undefined, 'code run+0x8'],
      [40, 'data', undefined, 'data g_vcpus'],
      [44, 'text', undefined, 'points to the text "usage of it"'],
    ]);
  });

  test('text needs eight bytes in a row', () => {
    const words = (stack: readonly bigint[]) =>
      wordMeanings({ crash: makeCrash({ stack }), frames: [] }, []).map(({ kind, text }) => [kind, plain(text)]);
    const hardware = [
      ['hardware-frame', 'EIP of the hardware frame, frame 0'],
      ['hardware-frame', 'CS of the hardware frame'],
      ['hardware-frame', 'EFLAGS of the hardware frame'],
    ];
    expect(words([1n, 8n, 2n, 0x6c6c6548n, 0x6f77206fn, 0x00646c72n])).toEqual([
      ...hardware,
      ['text', 'text "Hell"'],
      ['text', 'text "o wo"'],
      ['text', 'text "rld"'],
    ]);
    expect(words([1n, 8n, 2n, 0x6c6c6548n, 1n])).toEqual(hardware);
    // a NUL inside a word is no text
    expect(words([1n, 8n, 2n, 0x6c006548n, 0x6f77206fn])).toEqual(hardware);
  });

  test('the hardware frame of an amd64 dump has five words, that of an exception inside it too', () => {
    const base = 0x3000_0000n;
    const outer = makeCrash({
      arch: 'amd64',
      stackAt: base,
      stack: Array.from({ length: 12 }, () => 0n),
      fault: { frameAt: runtimeAddress(base) },
    });
    const interrupted = makeFrame({ at: 0x1020_0014n, frame: { slot: runtimeAddress(base + 48n) } });
    const words = wordMeanings({ crash: outer, frames: [makeFrame({ at: 1n }), interrupted] }, []);
    expect(words.map(({ address, frameIndex }) => [Number(address - base), frameIndex])).toEqual([
      [0, 0],
      [8, 0],
      [16, 0],
      [24, 0],
      [32, 0],
      [48, 1],
      [56, 1],
      [64, 1],
      [72, 1],
      [80, 1],
    ]);
  });
});
