import { describe, expect, test } from '@jest/globals';
import {
  exceptionName,
  functionName,
  isSpecific,
  markerOf,
  signatureHash,
  signatureOf,
  suspectedMsrOf,
} from '../../../src/core/report/signature.js';
import { createPlatform } from '../../../src/platform/node.js';
import { makeCrash, makeFinding, makeFrame, makeImage, makeReport, makeReportCrash, msrReport } from '../../build/report-builder.js';

const platform = createPlatform();

/** Frames of one stack: each a list of functions, innermost first. */
function crashOf(stack: readonly (readonly string[])[], arch: 'i386' | 'amd64' = 'i386') {
  return makeReportCrash(
    makeCrash({ arch }),
    stack.map((names, index) =>
      makeFrame({ at: BigInt(0x1000 + index), trust: index === 0 ? 'context' : 'code', functions: names.map((name) => ({ name })) }),
    ),
  );
}

describe('functionName', () => {
  test.each([
    ['map.isra.0', 'map'],
    ['map.constprop.0.isra.0', 'map'],
    ['map.part.3.cold', 'map'],
    ['map.cold', 'map'],
    ['map.cold.12', 'map'],
    ['map.lto_priv.0', 'map'],
    ['map.llvm.123456', 'map'],
    ['map', 'map'],
    ['a.partial', 'a.partial'],
    ['.cold', '.cold'],
    ['std.part', 'std'],
  ])('%s is %s', (given, bare) => {
    expect(functionName(given)).toBe(bare);
  });
});

describe('signature', () => {
  test('names exception, MSR and four innermost functions', () => {
    expect(msrReport().signature).toBe('#GP RDMSR 0x491 rdmsr64 < vmx_save_capabilities < vmx_init_vt < partition_initialize');
  });

  test('is the same for inlined and called helpers, for compiler clones and for either CPU', () => {
    const plain = crashOf([['rdmsr64'], ['read_caps'], ['entry_x86vmx'], ['main']]);
    const optimised = crashOf([['rdmsr64', 'read_caps.constprop.0'], ['entry_x86_64vmx.cold'], ['main']], 'amd64');
    const signatures = [plain, optimised].map((crash) => signatureOf({ crashes: [crash], leading: 0, findings: [], images: [] }));
    expect(signatures).toEqual(Array.from({ length: 2 }, () => '#GP rdmsr64 < read_caps < entry_x86vmx < main'));
  });

  test('leaves out synthetic frames', () => {
    const crash = crashOf([['a'], ['b'], ['c']]);
    const frames = crash.frames.map((frame, index) => (index === 1 ? { ...frame, frame: { ...frame.frame, synthetic: true } } : frame));
    expect(signatureOf({ crashes: [{ ...crash, frames }], leading: 0, findings: [], images: [] })).toBe('#GP a < c');
  });

  test('takes the symbol where DWARF has no function', () => {
    const crash = makeReportCrash(makeCrash(), [makeFrame({ at: 1n, symbol: 'stub.cold' })]);
    expect(signatureOf({ crashes: [crash], leading: 0, findings: [], images: [] })).toBe('#GP stub');
  });

  test('names no function of an image that does not fit', () => {
    expect(msrReport({ images: [makeImage({ verdict: 'mismatch' })] }).signature).toBe('#GP RDMSR 0x491');
  });

  test('is that of the leading crash, and absent without one', () => {
    const crashes = [crashOf([['first']]), crashOf([['second']])];
    expect(signatureOf({ crashes, leading: 1, findings: [], images: [] })).toBe('#GP second');
    expect(signatureOf({ crashes: [], findings: [], images: [] })).toBeUndefined();
  });

  test('an exception without a mnemonic is named by its vector', () => {
    expect(exceptionName({ vector: 32, interrupted: {} })).toBe('vector 32');
    expect(exceptionName({ interrupted: {} })).toBe('exception');
  });
});

describe('marker', () => {
  test('carries the question and the first 16 digits of the hash', () => {
    // printf '#GP a < c' | sha256sum, coreutils 9.1
    expect(signatureHash('#GP a < c', platform)).toBe('8870bfdc4416aca6');
    expect(markerOf('comment=12', { signature: '#GP a < c' }, platform)).toBe(
      '<!-- symbolize-serial-crash:v1 comment=12 sig=8870bfdc4416aca6 -->',
    );
    expect(markerOf('review=7', makeReport(), platform)).toBe('<!-- symbolize-serial-crash:v1 review=7 -->');
  });

  test.each(['issue=1 -->', 'issue=', 'other=3', 'issue=3\n'])('refuses %j', (question) => {
    expect(() => markerOf(question, undefined, platform)).toThrow(RangeError);
  });
});

describe('suspected MSR for outputs', () => {
  test('is that of the leading crash first', () => {
    const other = makeFinding({ crash: 1, msr: { address: 0x10, origin: 'host' } });
    expect(suspectedMsrOf({ leading: 0, findings: [other, makeFinding()] })).toBe('0x491');
    expect(suspectedMsrOf({ leading: 0, findings: [other] })).toBe('0x10');
    expect(suspectedMsrOf({ findings: [] })).toBeUndefined();
  });
});

describe('specific', () => {
  test.each([
    ['two functions', [['a'], ['b']], true],
    ['two functions, one inlined', [['a', 'b']], true],
    ['one function', [['a']], false],
    ['no function', [[]], false],
  ] as const)('%s', (_, stack, expected) => {
    expect(isSpecific({ crashes: [crashOf(stack)], leading: 0, images: [] })).toBe(expected);
  });

  test('names of an image that does not fit do not count', () => {
    const report = msrReport();
    expect(isSpecific(report)).toBe(true);
    expect(isSpecific({ ...report, images: [makeImage({ verdict: 'mismatch' })] })).toBe(false);
    expect(isSpecific({ crashes: [], images: [] })).toBe(false);
  });
});
