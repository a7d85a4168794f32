import { describe, expect, test } from '@jest/globals';
import { runtimeAddress } from '../../../src/core/addresses.js';
import { annotate, annotatedRange, lineNotes } from '../../../src/core/report/annotate.js';
import type { Report } from '../../../src/core/report/report.js';
import { say } from '../../../src/core/sentence.js';
import {
  makeCrash,
  makeEvent,
  makeFinding,
  makeFrame,
  makeImage,
  makeLog,
  makeReport,
  makeReportCrash,
} from '../../build/report-builder.js';

const text = ['banner', '[00]: unhandled exception 13', '[00] CS:EIP', '[00] EAX=1 EBX=2', 'Stack A', 'Stack B', 'end', 'Fatal'].join(
  '\r\n',
);

function report(part: Partial<Report> = {}): Report {
  const at = 0x1000n;
  const base = makeCrash({ line: 2, stackAt: at, stack: [1n, 2n], recordLines: { pc: 3, eax: 4, ebx: 4 } });
  const crash = {
    ...base,
    lastLine: 7,
    stack: { ...base.stack, words: base.stack.words.map((word, index) => ({ ...word, line: 5 + index })) },
  };
  const frames = [
    makeFrame({
      at: 1n,
      functions: [
        { name: 'inner', file: '/a/b/c.h', line: 3 },
        { name: 'outer.isra.0', file: '/a/b/d.c', line: 4 },
      ],
    }),
    makeFrame({ at: 2n, trust: 'code', frame: { slot: runtimeAddress(at + 4n) }, functions: [{ name: 'caller' }] }),
  ];
  return makeReport({
    log: makeLog({ text, boots: [{ line: 1, product: 'XMHF v1' }], damage: [{ kind: 'no-end-marker', line: 7, detail: say`no end` }] }),
    crashes: [
      makeReportCrash(crash, frames, {
        registerMeanings: new Map([
          ['ebx', say`data ${'g'}`],
          ['eax', say`code ${'f'}`],
        ]),
        wordMeanings: [
          { address: runtimeAddress(at), value: 1n, kind: 'data', text: say`data ${'x'}` },
          { address: runtimeAddress(at + 4n), value: 2n, kind: 'frame', frameIndex: 1, text: say`return address of frame 1` },
        ],
      }),
    ],
    events: [{ ...makeEvent({ line: 8 }), function: 'halt_all' }],
    findings: [makeFinding({ evidence: [{ text: say`ECX is ${1}`, line: 4 }] })],
    images: [makeImage()],
    ...part,
  });
}

describe('annotate', () => {
  test('keeps every line and puts below it what it means', () => {
    expect(annotate(report())).toBe(
      [
        'banner',
        '    ~ boot 0: XMHF v1',
        '[00]: unhandled exception 13',
        '    ~ crash 0 on CPU 00: #GP',
        '[00] CS:EIP',
        '    ~ frame 0: inner (inlined) at b/c.h:3 in outer at b/d.c:4; fault',
        '[00] EAX=1 EBX=2',
        '    ~ ebx: data g',
        '    ~ eax: code f',
        '    ~ evidence for msr (confirmed): ECX is 1',
        'Stack A',
        '    ~ data x',
        'Stack B',
        '    ~ frame 1: caller; code, call checked',
        'end',
        '    ~ end of the stack: the entry stub gotvcpu',
        '    ~ damage, no-end-marker: no end',
        'Fatal',
        '    ~ event: assertion in halt_all',
        '',
      ].join('\n'),
    );
  });

  test('names the MSR beside the registers that a RDMSR or WRMSR took, on every CPU that died at it', () => {
    const lines = { ecx: 2, eax: 3 };
    const crashes = [
      makeReportCrash(makeCrash({ line: 1, recordLines: lines }), []),
      { ...makeReportCrash(makeCrash({ line: 4, recordLines: { ecx: 5 } }), []), sameAs: 0 },
      makeReportCrash(makeCrash({ line: 6, recordLines: { ecx: 7 }, fault: { vector: 14 } }), []),
    ];
    const msr = { address: 0x48f, name: 'IA32_VMX_TRUE_EXIT_CTLS', access: 'write', value: 1n, origin: 'host' } as const;
    const notes = (origin: 'host' | 'guest'): ReadonlyMap<number, readonly string[]> =>
      lineNotes(
        makeReport({ log: makeLog({ text }), crashes, findings: [makeFinding({ msr: { ...msr, origin } })], images: [makeImage()] }),
      );
    const named = 'ECX: number of the MSR, 0x48f IA32_VMX_TRUE_EXIT_CTLS (confirmed)';
    const host = notes('host');
    expect(host.get(2)).toContain(named);
    expect(host.get(3)).toContain('EDX:EAX: the value written, 0x1');
    expect(host.get(5)).toContain(named);
    expect(host.get(7) ?? []).not.toContain(named);
    expect(notes('guest').get(2) ?? []).not.toContain(named);
  });

  test('marks the stages of the boot', () => {
    const log = makeLog({ text });
    const facts = { ...log.facts, milestones: [{ name: 'VMX operation', line: 3, cpu: '04' }] };
    expect(lineNotes(makeReport({ log: { ...log, facts } })).get(3)).toEqual(['stage of CPU 04: VMX operation']);
  });

  test('a range gives the same lines', () => {
    const one = report();
    expect([...annotatedRange(one, lineNotes(one), 5, 6)]).toEqual([
      'Stack A',
      '    ~ data x',
      'Stack B',
      '    ~ frame 1: caller; code, call checked',
    ]);
  });

  test('names nothing by an image that does not fit', () => {
    const shown = annotate(report({ images: [makeImage({ verdict: 'mismatch' })] }));
    expect(shown).toContain('the image does not fit this log');
    expect(shown).not.toMatch(/caller|outer|data x/);
  });

  test('shows control characters of the log as escapes, tabs as they are', () => {
    expect(annotate(makeReport({ log: makeLog({ text: 'a\tb\u001b[2Jc\u202e\nlast' }) }))).toBe('a\tb\\x1b[2Jc\\u{202E}\nlast\n');
  });

  test('takes a log of 21 MB in time and space that grow with the log', () => {
    const line = `${'x'.repeat(67)}\n`;
    const seconds = (bytes: number): number => {
      const large = makeReport({ log: makeLog({ text: line.repeat(bytes / line.length) }) });
      const start = performance.now();
      expect(annotate(large).length).toBeGreaterThanOrEqual(bytes - line.length);
      return (performance.now() - start) / 1000;
    };
    seconds(1_000_000);
    expect(seconds(21_000_000)).toBeLessThan(3);
  }, 30_000);
});
