import { describe, expect, test } from '@jest/globals';
import { runtimeAddress } from '../../../src/core/addresses.js';
import { guiltyPlace, placeText } from '../../../src/core/report/frame-words.js';
import { stackLines } from '../../../src/core/report/stack-view.js';
import { say } from '../../../src/core/sentence.js';
import type { StopReason } from '../../../src/core/unwind/frame.js';
import { makeCrash, makeFrame, makeReportCrash, msrReport } from '../../build/report-builder.js';

const named = (name: string, part: Partial<Parameters<typeof makeFrame>[0]> = {}, at = 0x1000n) =>
  makeFrame({ at, trust: 'code', functions: [{ name }], ...part });
const fault = (name: string) => named(name, { trust: 'context' });
const texts = (entry: ReturnType<typeof makeReportCrash>, most?: number): readonly string[] =>
  stackLines(entry, most).lines.map(({ text }) => text);
const at = runtimeAddress(0x2000n);

describe('stackLines', () => {
  test('shows inline frames in their place, the guilty one, trust and call check', () => {
    const [crash] = msrReport().crashes;
    expect(crash === undefined ? [] : texts(crash)).toEqual([
      '   0  rdmsr64(msr=0x491)     include/cpu/msr.h:259   fault, inlined',
      '=>    vmx_save_capabilities  runtime/part-vmx.c:372',
      '   1  vmx_init_vt            runtime/part-vmx.c:88   code \u2713',
      '   2  partition_initialize   runtime/partition.c:51  frame pointer \u2713',
      '   3  runtime_main           runtime/main.c:140      tail call, inferred',
      '   4  smp_common_start       runtime/smp.c:203       scan \u2717 no matching call',
      '   end of the stack: the entry stub gotvcpu',
    ]);
  });

  test('marks lines for drawings with colours', () => {
    const [crash] = msrReport().crashes;
    expect(crash === undefined ? [] : stackLines(crash).lines.map(({ mark }) => mark)).toEqual([
      undefined,
      'guilty',
      undefined,
      undefined,
      undefined,
      'weak',
      'boundary',
    ]);
  });

  test('a frame without names shows its address, one with a symbol alone both', () => {
    const entry = makeReportCrash(makeCrash(), [
      makeFrame({ at: 0x30303030n }),
      makeFrame({ at: 0x10200021n, trust: 'scan', symbol: 'entry', offset: 0x21 }),
      makeFrame({ trust: 'scan', functions: [{ name: 'lost' }] }),
    ]);
    expect(texts(entry).slice(0, 3)).toEqual([
      '   0  0x30303030                fault',
      '=> 1  entry+0x21    0x10200021  scan \u2713',
      '   2  lost                      scan \u2713, address lost',
    ]);
  });

  test('draws the boundary of an interrupt that lies inside, not that of the fault itself', () => {
    const interrupted = { vector: 14, sp: at };
    const nested = makeReportCrash(makeCrash(), [
      fault('handler'),
      named('stub', { frame: { kind: 'exception', interrupted } }),
      named('victim', { trust: 'context' }),
    ]);
    expect(texts(nested)[2]).toBe('   ---- #PF interrupted what follows, stack pointer 0x00002000 ----');
    expect(texts(nested)[3]).toContain('interrupted here');
    const own = makeReportCrash(makeCrash(), [named('f', { trust: 'context', frame: { kind: 'exception', interrupted } }), named('g')]);
    expect(texts(own).join('\n')).not.toContain('----');
  });

  test('folds a recursion and says how often', () => {
    const entry = makeReportCrash(makeCrash(), [fault('leaf'), ...Array.from({ length: 50 }, () => named('down')), named('main')]);
    expect(texts(entry)).toHaveLength(5);
    expect(texts(entry)[2]).toBe('       ... the same frame 49 more times');
    expect(texts(entry)[3]).toMatch(/^ {3}51 {2}main/);
  });

  test.each([6, 10, 14])('keeps to %i lines and counts every frame that is folded', (most) => {
    const frames = [fault('f0'), ...Array.from({ length: 60 }, (_, index) => named(`f${index + 1}`))];
    const lines = texts(makeReportCrash(makeCrash(), frames), most);
    expect(lines.length).toBeLessThanOrEqual(most);
    const folded = Number(/\.\.\. (\d+) more frames/.exec(lines.join('\n'))?.[1]);
    expect(folded + lines.filter((line) => /^(?:=>| {2}) *\d+ {2}f/.test(line)).length).toBe(61);
    expect(lines[0]).toContain('f0');
    expect(lines.at(-2)).toContain('f60');
  });

  test('folds handler frames first, then weak ones', () => {
    const handlers = Array.from({ length: 8 }, (_, index) => named(`h${index}`));
    const weak = Array.from({ length: 6 }, (_, index) => named(`w${index}`, { trust: 'scan' }));
    const frames = [
      fault('f'),
      ...handlers,
      named('stub', { frame: { kind: 'exception', interrupted: { vector: 2 } } }),
      named('victim', { trust: 'context' }),
      ...weak,
      named('main'),
    ];
    const shown = texts(makeReportCrash(makeCrash(), frames), 16).join('\n');
    expect(shown).toMatch(/\.\.\. \d handler frames/);
    expect(shown).toContain('NMI interrupted');
    expect(shown).toContain('victim');
    expect(shown).toContain('w5');
    const tighter = texts(makeReportCrash(makeCrash(), frames), 11).join('\n');
    expect(tighter).toContain('... 6 weak frames');
    expect(tighter).toContain('main');
  });

  test.each<readonly [StopReason, string]>([
    [{ kind: 'stack-not-in-dump', at }, 'stops: the stack goes on at 0x00002000, which is not in the dump'],
    [{ kind: 'no-progress', at }, 'stops: the next frame, at 0x00002000, would lie inside this one'],
    [
      { kind: 'no-plausible-caller', tried: ['cfi', 'scan'], detail: say`nothing fits` },
      'stops: no plausible caller (tried CFI, scan): nothing fits',
    ],
    [{ kind: 'no-image', at }, 'stops: no image covers 0x00002000'],
    [{ kind: 'no-image' }, 'stops: no image to walk with'],
    [{ kind: 'no-registers', missing: ['eip', 'esp'] }, 'stops: the log does not hold eip, esp'],
    [{ kind: 'frame-limit', limit: 512 }, 'stops after 512 frames, the limit'],
  ])('says why it ends: %j', (stop, words) => {
    expect(texts(makeReportCrash(makeCrash(), [fault('f')], { stop })).at(-1)).toBe(`   ${words}`);
  });

  test('no line holds a control character, whatever the names', () => {
    const evil = 'a\u001b[2J\nb\u202e\ud800';
    const entry = makeReportCrash(makeCrash(), [
      makeFrame({ at: 1n, functions: [{ name: evil, file: evil, line: 1, arguments: [{ name: evil, value: evil }] }] }),
      makeFrame({ at: 2n, trust: 'scan', symbol: evil }),
    ]);
    for (const line of texts(entry)) expect(line).toMatch(/^[\x20-\x7e\u2713\u2717]*$/);
  });
});

describe('guiltyPlace', () => {
  test.each([
    ['passes over MSR helpers, inlined or called', [fault('rdmsr64'), named('read_caps')], { frame: 1, position: 0 }],
    ['passes over assertion helpers', [fault('abort'), named('__assert_fail'), named('map')], { frame: 2, position: 0 }],
    ['passes over helpers for control registers', [fault('write_cr4'), named('set_up')], { frame: 1, position: 0 }],
    ['stays with what only bears such a name', [fault('write_crash'), named('set_up')], { frame: 0, position: 0 }],
    ["stays with a handler of a guest's WRMSR", [fault('handle_intercept_wrmsr'), named('hub')], { frame: 0, position: 0 }],
    ['is the fault itself otherwise', [fault('map'), named('rdmsr64')], { frame: 0, position: 0 }],
    ['is the fault where all are helpers', [fault('rdmsr64'), named('wrmsr_safe')], { frame: 0, position: 0 }],
  ])('%s', (_, frames, expected) => {
    expect(guiltyPlace(frames)).toEqual(expected);
  });

  test('of nameless frames there is none', () => {
    expect(guiltyPlace([makeFrame({ at: 1n })])).toBeUndefined();
  });
});

describe('placeText', () => {
  test.each([
    ['/a/b/c/d.c', 7, undefined, 'c/d.c:7'],
    ['/a/b/c/d.c', undefined, 1, 'b/c/d.c'],
    ['d.c', 7, undefined, 'd.c:7'],
    ['C:\\x\\y\\z.c', 1, undefined, 'y/z.c:1'],
    [`/${'x'.repeat(80)}.c`, 12, undefined, `${'x'.repeat(31)}...:12`],
    [`/${'y'.repeat(40)}/d.c`, 12, undefined, 'd.c:12'],
  ])('%s line %s is short', (file, line, shared, expected) => {
    expect(placeText(file, line, shared)).toBe(expected);
  });
});
