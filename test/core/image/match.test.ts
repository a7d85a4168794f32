/** Every signal of the verdict, on a real crash of the testbed: it holds on the right pair, and one change makes it fire. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from '@jest/globals';
import { analyze } from '../../../src/core/analyze.js';
import { bytesSource } from '../../../src/core/bytes/byte-source.js';
import { verdictOf } from '../../../src/core/image/verdict.js';
import { readLog } from '../../../src/core/log/read-log.js';
import { toJson } from '../../../src/core/report/json.js';
import type { MatchEvidence, Report, ReportImage } from '../../../src/core/report/report.js';
import { createPlatform } from '../../../src/platform/node.js';

interface PrintedCrash {
  readonly frames: readonly { readonly functions: readonly unknown[] }[];
  readonly doubtfulFrames?: readonly unknown[];
  readonly stop: { readonly kind: string };
}

const fixtures = fileURLToPath(new URL('../../../fixtures', import.meta.url));
const log = readFileSync(`${fixtures}/cases/rdmsr-i386-O0/log.txt`, 'latin1');
const image = new Uint8Array(readFileSync(`${fixtures}/images/i386-gcc-O0/image.elf`));
const platform = createPlatform();
/** .text starts at 0x10200000 in the image and at 0x1000 in the file (readelf.txt). */
const fileOffset = (address: number): number => address - 0x10200000 + 0x1000;

function reportOn(text: string, bytes: Uint8Array, hypervisorLength?: number): Report {
  const input = { path: 'runtime.exe', source: bytesSource(bytes), ...(hypervisorLength === undefined ? {} : { hypervisorLength }) };
  return analyze(readLog(text), [input], platform);
}

function match(text: string, bytes: Uint8Array = image, hypervisorLength?: number): ReportImage {
  const [found] = reportOn(text, bytes, hypervisorLength).images;
  if (found === undefined) throw new Error('no image in the report');
  return found;
}

const failed = ({ evidence }: ReportImage): string[] => evidence.filter(({ passed, of }) => passed < of).map(({ check }) => check);

function patched(address: number, bytes: readonly number[]): Uint8Array {
  const changed = image.slice();
  changed.set(bytes, fileOffset(address));
  return changed;
}

/** Without the hash, so that other signals have to carry the verdict. */
const withoutHash = log.replace(/^.*(?:gold|comp) runtime.*\r?\n/gm, '').replace(/^hashandprint.*\r?\n/gm, '');

test('the right pair matches, with every signal', () => {
  const found = match(log, image, 0x285000);
  expect(failed(found)).toEqual([]);
  expect(found.verdict).toBe('match');
  expect(found.evidence.map(({ check }) => check)).toEqual([
    'width',
    'link-address',
    'pc-in-code',
    'bytes-fit-fault',
    'call-before-return-address',
    'code-words',
    'vcpu-in-array',
    'stack-in-array',
    'image-sha1',
    'image-length',
  ]);
});

test('without a hash the stacks and the arrays carry it', () => {
  expect(match(withoutHash).verdict).toBe('match');
});

describe('one change makes its signal fire', () => {
  test.each<[string, string, string, string]>([
    [
      'link-address',
      'a runtime elsewhere',
      withoutHash
        .replaceAll('slbase=0x10000000', 'slbase=0x20000000')
        .replaceAll('at 0x10200000', 'at 0x20200000')
        .replaceAll('image to 0x10000000', 'image to 0x20000000'),
      'mismatch',
    ],
    ['pc-in-code', 'a PC in data', withoutHash.replaceAll('0x10200f92', '0x10240f92'), 'mismatch'],
    ['bytes-fit-fault', 'a PC at an instruction that cannot fault so', withoutHash.replaceAll('0x10200f92', '0x10200f8f'), 'mismatch'],
    ['vcpu-in-array', 'a VCPU between two elements', withoutHash.replace('VCPU at 0x10242138', 'VCPU at 0x10242134'), 'mismatch'],
    ['image-sha1', 'another hash, and every address agrees', log.replaceAll('23 14 1a 51', '23 14 1a 52'), 'ambiguous'],
  ])('%s: %s', (check, _what, text, verdict) => {
    const found = match(text);
    expect(failed(found)).toContain(check);
    expect(found.verdict).toBe(verdict);
  });

  test('width: an image of the other width', () => {
    const found = match(withoutHash, new Uint8Array(readFileSync(`${fixtures}/images/amd64-gcc-O0/image.elf`)));
    expect(failed(found)).toContain('width');
    expect(found.verdict).toBe('mismatch');
  });

  test('stack-in-array: stacks outside the array', () => {
    const text = withoutHash.replace(/0x102(4[4-9a-f]|[5-9a-f][0-9a-f])([0-9a-f]{3})\b/g, '0x302$1$2');
    expect(failed(match(text))).toContain('stack-in-array');
    expect(match(text).verdict).toBe('mismatch');
  });

  test('image-length: another hypervisor image beside it', () => {
    const found = match(withoutHash, image, 0x284000);
    expect(failed(found)).toEqual(['image-length']);
    expect(['mismatch', 'ambiguous']).toContain(found.verdict);
  });

  test('bytes-fit-fault: an image without RDMSR at the PC', () => {
    // rdmsr at 0x10200f92 (llvm-objdump 14.0.6) becomes two NOPs
    const found = match(withoutHash, patched(0x10200f92, [0x90, 0x90]));
    expect(failed(found)).toContain('bytes-fit-fault');
    expect(found.verdict).toBe('mismatch');
  });

  test('call-before-return-address: an image whose first CALL is gone', () => {
    // the CALL that returns to 0x1020102a (case.json) becomes NOPs
    const found = match(withoutHash, patched(0x1020102a - 5, [0x90, 0x90, 0x90, 0x90, 0x90]));
    expect(failed(found)).toContain('call-before-return-address');
    expect(['match', 'probable']).not.toContain(found.verdict);
  });

  test('code-words: an image whose code is shifted by one byte', () => {
    const shifted = image.slice();
    shifted.copyWithin(fileOffset(0x10200001), fileOffset(0x10200000), fileOffset(0x1020285d));
    const found = match(withoutHash, shifted);
    expect(failed(found)).toContain('code-words');
    expect(found.verdict).toBe('mismatch');
  });
});

test('no name of an image that does not fit reaches the diagnosis', () => {
  const report = reportOn(withoutHash, patched(0x10200f92, [0x90, 0x90]));
  expect(report.findings.every(({ grade }) => grade !== 'confirmed')).toBe(true);
  const { crashes } = toJson(report, platform) as unknown as { crashes: PrintedCrash[] }; // contract: crashes[].frames
  for (const { frames, doubtfulFrames, stop } of crashes) {
    expect(frames.map(({ functions }) => functions)).toEqual([[]]);
    expect(stop.kind).toBe('no-image');
    expect(doubtfulFrames?.length).toBeGreaterThan(1);
  }
});

test('two images of one place that fit equally well and differ in code are ambiguous', () => {
  // a byte of padding that no frame and no word touches: the last of .text
  const twin = patched(0x1020285d, [0x90]);
  const sources = [image, twin].map((bytes, index) => ({ path: `runtime-${index}.exe`, source: bytesSource(bytes) }));
  const verdicts = analyze(readLog(withoutHash), sources, platform).images.map(({ verdict }) => verdict);
  expect(verdicts).toEqual(['ambiguous', 'ambiguous']);
});

describe('verdictOf', () => {
  const entry = (check: MatchEvidence['check'], passed: number, of: number): MatchEvidence => ({ check, passed, of, detail: [] });

  test('nothing to check is unverifiable, never a match', () => {
    expect(verdictOf([])).toBe('unverifiable');
    expect(verdictOf([entry('width', 1, 1), entry('link-address', 1, 1)])).toBe('unverifiable');
  });

  test('two frames may be chance', () => {
    expect(verdictOf([entry('call-before-return-address', 2, 2)])).toBe('unverifiable');
    expect(verdictOf([entry('call-before-return-address', 4, 4)])).toBe('probable');
    expect(verdictOf([entry('call-before-return-address', 4, 4), entry('vcpu-in-array', 1, 1)])).toBe('match');
  });

  test('two frames are probable where everything else agrees', () => {
    const rest = [entry('bytes-fit-fault', 1, 1), entry('vcpu-in-array', 1, 1), entry('stack-in-array', 1, 1)];
    expect(verdictOf([entry('call-before-return-address', 2, 2), entry('code-words', 2, 2), ...rest])).toBe('probable');
    expect(verdictOf([entry('call-before-return-address', 2, 2), entry('code-words', 2, 3), ...rest])).toBe('unverifiable');
    expect(verdictOf([entry('call-before-return-address', 1, 1), ...rest])).toBe('unverifiable');
  });

  test('a chain over words that mostly follow no call is no match', () => {
    expect(verdictOf([entry('call-before-return-address', 4, 4), entry('code-words', 2, 4), entry('vcpu-in-array', 1, 1)])).toBe(
      'unverifiable',
    );
  });

  test('most return addresses without a call refute', () => {
    expect(verdictOf([entry('call-before-return-address', 1, 4)])).toBe('mismatch');
  });
});
