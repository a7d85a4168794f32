import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { runtimeAddress } from '../../../src/core/addresses.js';
import { limits } from '../../../src/core/limits.js';
import { renderMarkdown, renderNotice, renderSummary } from '../../../src/core/report/markdown.js';
import type { Report, ReportContext } from '../../../src/core/report/report.js';
import { renderText } from '../../../src/core/report/text.js';
import { say } from '../../../src/core/sentence.js';
import { outsideCode, parsers } from '../../build/markdown-html.js';
import {
  makeContext,
  makeCrash,
  makeEvent,
  makeFinding,
  makeFrame,
  makeImage,
  makeLog,
  makeOtherFinding,
  makeReport,
  makeReportCrash,
  msrReport,
} from '../../build/report-builder.js';
import { sampleReports } from '../../build/sample-reports.js';

const folder = new URL('golden/', import.meta.url);

/** UPDATE_GOLDEN=1 rewrites; a person reads the difference. */
function expectGolden(name: string, found: string): void {
  const file = new URL(name, folder);
  if (process.env.UPDATE_GOLDEN === '1') {
    mkdirSync(folder, { recursive: true });
    writeFileSync(file, found);
  }
  expect(found).toBe(readFileSync(file, 'utf8'));
}

const samples = sampleReports().map((sample) => [sample.slug, sample] as const);

describe('golden answers', () => {
  test.each(samples)('%s as a comment', (slug, { report, context }) => {
    expectGolden(`${slug}.md`, renderMarkdown(report, context));
  });

  test.each(samples)('%s as text', (slug, { report, context }) => {
    expectGolden(`${slug}.txt`, renderText(report, context));
  });
});

/** Every tag that an answer may hold, with attributes. */
const allowedTag =
  /^<\/?(?:p|code|pre|ul|li|table|thead|tbody|tr|th|td|details|summary|strong|sub|h4|hr|br)(?: \/)?>$|^<a href="https:\/\/github\.com\/owner\/(?:hyp\/blob\/[0-9a-f]{40}\/[A-Za-z0-9_.%/-]+(?:#L\d+)?|tool\/issues\/new\?title=Wrong%20answer)">$|^<\/a>$|^<!-- symbolize-serial-crash:v1 (?:issue|comment)=\d+(?: sig=[0-9a-f]{16})? -->$/;

/** What a reader cannot see; a word joiner of ours stands only behind what it breaks. */
const invisible =
  /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2061-\u2064\u2066-\u2069\ufeff\u{e0000}-\u{e007f}]|\p{Surrogate}|(?<![@#:wWhH\uff20\uff03\ufe6b\ufe5f])\u2060/u;

function problemsOf(markdown: string, html: (markdown: string) => string, secret: RegExp): string[] {
  const { skeleton, tagsInCode } = outsideCode(html(markdown));
  const wrong = (skeleton.match(/<[^>]*>/g) ?? []).filter((tag) => !allowedTag.test(tag)).map((tag) => `tag ${tag}`);
  const words = skeleton.replace(/<[^>]*>/g, '');
  const foreign = secret.exec(words);
  if (foreign !== null) wrong.push(`outside code: ${words.slice(foreign.index, foreign.index + 60)}`);
  for (const pattern of [/@\w/, /#\d/, /\bGH-\d/i, /\w+\/\w+#\d/, /\b[0-9a-f]{40}\b/, /https?:\/\//]) {
    if (pattern.test(words)) wrong.push(`${pattern} outside code`);
  }
  for (const tag of tagsInCode) wrong.push(`in code: ${tag}`);
  const unseen = invisible.exec(markdown);
  if (unseen !== null) wrong.push(`invisible ${unseen[0].codePointAt(0)?.toString(16)}`);
  const opened = (skeleton.match(/<details>/g) ?? []).length;
  if (opened !== (skeleton.match(/<\/details>/g) ?? []).length) wrong.push('details are not balanced');
  return wrong;
}

describe('a comment is safe', () => {
  test.each(samples)('%s', (_, { report, context }) => {
    for (const { html } of parsers) {
      expect(problemsOf(renderMarkdown(report, context), html, /x\.example/)).toEqual([]);
      expect(problemsOf(renderSummary(report, context), html, /x\.example/)).toEqual([]);
    }
  });

  test('whatever stands in any field', () => {
    const pieces = [
      ...'`~*_[]()<>!|\\#@&;:/$-.\n',
      '```',
      '</code>',
      '</details>',
      '<img src=x>',
      '@root',
      '#1',
      'http://x.example',
      '\u202e',
      '-->',
      '# h\n',
      '| a |',
      '    ',
      'x',
    ];
    const text = fc.array(fc.constantFrom(...pieces), { minLength: 0, maxLength: 12 }).map((parts) => `QZ${parts.join('')}QZ`);
    fc.assert(
      fc.property(fc.array(text, { minLength: 24, maxLength: 24 }), (texts) => {
        const markdown = renderMarkdown(reportOf(texts), contextOf(texts));
        for (const { html } of parsers) expect(problemsOf(markdown, html, /QZ/)).toEqual([]);
        expect(markdown.length).toBeLessThanOrEqual(limits.commentCharacters);
      }),
      { numRuns: 150, seed: 77, endOnFailure: true },
    );
  }, 120_000);
});

function reportOf(texts: readonly string[]): Report {
  const t = (index: number): string => texts[index % texts.length] ?? '';
  const variable = { name: t(0), type: t(1), value: t(2) };
  return makeReport({
    log: makeLog({
      text: texts.join('\n'),
      boots: [{ line: 1, product: t(3), branch: t(4) }],
      damage: [{ kind: 'torn-line', line: 1, detail: say`torn ${t(5)}` }],
      notes: [say`note ${t(6)}`],
    }),
    images: [
      makeImage({ path: t(7), biasFrom: say`from ${t(8)}`, evidence: [{ check: 'width', passed: 1, of: 1, detail: say`${t(9)}` }] }),
    ],
    crashes: [
      makeReportCrash(
        makeCrash({ registers: { eax: 1n, [t(10)]: 2n } }),
        [
          makeFrame({
            at: 1n,
            functions: [{ name: t(11), file: `/home/runner/work/hyp/hyp/${t(12)}`, line: 2, arguments: [variable] }],
            locals: [variable],
          }),
          makeFrame({ at: 2n, trust: 'scan', symbol: t(13), offset: 4, frame: { notes: [say`${t(14)}`], callEvidence: say`${t(15)}` } }),
        ],
        { registerMeanings: new Map([['eax', say`data ${t(16)}`]]), stop: { kind: 'end-of-stack', detail: say`${t(17)}` } },
      ),
    ],
    events: [{ ...makeEvent({ text: t(18), condition: t(19), file: t(20) }), function: t(21) }],
    findings: [
      makeFinding({
        claim: say`${t(22)}`,
        explanation: [say`${t(23)}`],
        evidence: [{ text: say`${t(0)}` }],
        suggestion: { text: say`${t(2)}`, code: t(3) },
      }),
    ],
    unknown: [say`${t(4)}`],
    gaps: [{ kind: 'missing', where: t(5), problem: say`${t(6)}`, remedy: say`${t(7)}` }],
  });
}

function contextOf(texts: readonly string[]): ReportContext {
  const t = (index: number): string => texts[index % texts.length] ?? '';
  return makeContext({
    marker: '<!-- symbolize-serial-crash:v1 issue=3 -->',
    warnings: [say`${t(9)}`],
    provenance: [say`${t(10)}`],
    candidates: [t(11), t(12)].map((artifact) => ({ artifact, verdict: 'ambiguous', evidence: [], chosen: false })),
    repositoryUrl: 'https://github.com/owner/hyp',
    commit: 'd8f2220a6ac1d8f2220a6ac1d8f2220a6ac1d8f2',
    toolRepositoryUrl: 'https://github.com/owner/tool',
  });
}

describe('length', () => {
  const many = (count: number): Report => {
    const frames = Array.from({ length: count }, (_, index) =>
      makeFrame({
        at: BigInt(0x1000 + index),
        trust: 'code',
        functions: [{ name: `function_${index}_${'`'.repeat(index % 7)}`, file: `/a/${'_'.repeat(90)}/f${index}.c`, line: index + 1 }],
      }),
    );
    const base = msrReport();
    const crashes = Array.from({ length: 20 }, (_, cpu) =>
      makeReportCrash(makeCrash({ cpu: cpu.toString(16).padStart(2, '0'), fault: { errorCode: BigInt(cpu) } }), frames, {
        wordMeanings: base.crashes[0]?.wordMeanings ?? [],
      }),
    );
    return makeReport({ ...base, crashes, findings: base.findings });
  };

  test.each([40_000, 20_000, 8_000, 3_000, 1_500])('an answer of %i characters keeps verdict, marker and whole blocks', (budget) => {
    const report = many(500);
    const context = makeContext({ marker: '<!-- symbolize-serial-crash:v1 comment=9 -->', provenance: [say`Run ${'1'}`] });
    const markdown = renderMarkdown(report, context, budget);
    expect(markdown.length).toBeLessThanOrEqual(budget);
    expect(markdown.startsWith('<!-- symbolize-serial-crash:v1 comment=9 -->\n')).toBe(true);
    expect(markdown).toContain('RDMSR 0x491 IA32_VMX_VMFUNC');
    expect(markdown).toContain('Left out or cut short for length: ');
    expect((markdown.match(/^`{3,}/gm) ?? []).length % 2).toBe(0);
    for (const { html } of parsers) expect(problemsOf(markdown, html, /function_/)).toEqual([]);
    expect(renderMarkdown(report, context, budget)).toBe(markdown);
  });

  test('what is short enough is whole', () => {
    expect(renderMarkdown(msrReport(), makeContext())).not.toContain('Left out');
  });

  test('a budget below any verdict still gives the marker and one sentence', () => {
    const markdown = renderMarkdown(many(3), makeContext({ marker: '<!-- symbolize-serial-crash:v1 comment=9 -->' }), 150);
    expect(markdown).toBe(
      '<!-- symbolize-serial-crash:v1 comment=9 -->\nThe answer is too long to show; the JSON report of this run holds it.\n',
    );
  });

  test('the job summary counts bytes and takes the annotated log as far as it fits', () => {
    const text = Array.from({ length: 3000 }, (_, index) => `line ${index + 1} 文档`).join('\n');
    const report = makeReport({
      ...msrReport(),
      log: makeLog({ text }),
      crashes: [makeReportCrash({ ...makeCrash({ line: 100 }), lastLine: 2500 }, [])],
    });
    const summary = renderSummary(report, makeContext({ marker: '<!-- x -->' }), 30_000);
    expect(new TextEncoder().encode(summary).length).toBeLessThanOrEqual(30_000);
    expect(new TextEncoder().encode(summary).length).toBeGreaterThan(28_000);
    expect(summary).not.toContain('<!-- x -->');
    expect(summary).toContain('line 100 文档\n    ~ crash 0 on CPU 00: #\u2060GP');
    expect((summary.match(/^`{3,}/gm) ?? []).length % 2).toBe(0);
  });
});

describe('the first screen', () => {
  test('has at most fifteen lines of stack, and says what is folded', () => {
    const sample = sampleReports().find(({ slug }) => slug === 'nested-nmi-and-another-cpu');
    const markdown = sample === undefined ? '' : renderMarkdown(sample.report, sample.context);
    const [first = ''] = /```text\n[\s\S]*?```/.exec(markdown) ?? [];
    expect(first.split('\n').length - 2).toBeLessThanOrEqual(15);
    expect(first).toContain('the same frame 29 more times');
    expect(first).toContain('---- NMI interrupted what follows');
    expect(first).toContain('VM exit: below runs the guest (eax=0x1 ecx=0x491)');
  });

  test('a mismatch shows no stack but closed, and says so first', () => {
    const sample = sampleReports().find(({ slug }) => slug === 'image-does-not-fit');
    const markdown = sample === undefined ? '' : renderMarkdown(sample.report, sample.context);
    const closed = markdown.indexOf('<details><summary>If you insist');
    expect(closed).toBeGreaterThan(0);
    expect(markdown.indexOf('partition_initialize')).toBeGreaterThan(closed);
    expect(markdown.slice(0, markdown.indexOf('\n\n'))).toContain('no stack is shown as true');
    expect(markdown).not.toContain('return address of frame');
  });
});

describe('the verdict', () => {
  const verdictOf = (report: Report): string => renderMarkdown(report, makeContext()).split('\n')[0] ?? '';
  const crash = makeReportCrash(makeCrash({ line: 300, fault: { vector: 6, mnemonic: '#UD' } }), []);
  const assertion = (line: number) => makeEvent({ line, condition: 'vmcs', file: 'x/y.c', sourceLine: 7 });

  test('tells of an assertion right before the dump, not of one long ago or after', () => {
    const said = 'in log line 290, an assertion failed: <code>vmcs</code> at <code>x&#47;y&#46;c&#58;7</code>.';
    expect(verdictOf(makeReport({ crashes: [crash], events: [assertion(290)] }))).toContain(said);
    for (const line of [200, 301])
      expect(verdictOf(makeReport({ crashes: [crash], events: [assertion(line)] }))).not.toContain('assertion');
  });

  test('names every CPU that failed at the same instruction of the same boot, and counts many', () => {
    const on = (cpu: string, boot: number) =>
      makeReportCrash({ ...makeCrash({ cpu }), boot }, [makeFrame({ at: 1n, functions: [{ name: `f${cpu}` }] })]);
    expect(verdictOf(makeReport({ crashes: [on('02', 0), on('00', 0), on('01', 1)] }))).toContain('**#GP on CPUs 00 and 02**');
    const many = Array.from({ length: 12 }, (_, cpu) => on(cpu.toString(16).padStart(2, '0'), 0));
    expect(verdictOf(makeReport({ crashes: many }))).toContain('**#GP on 12 CPUs**');
    expect(verdictOf(makeReport({ crashes: [makeReportCrash(makeCrash({ cpu: '' }), [])] }))).toContain('**#GP** at');
  });

  test('a jump into nothing is told by where it came from', () => {
    const { sp } = makeCrash().fault.interrupted;
    const slotAtTop = sp === undefined ? {} : { slot: sp };
    const frames = [
      makeFrame({ at: 0x30303030n }),
      makeFrame({ at: 2n, trust: 'code', functions: [{ name: 'via', file: 'a/b.c', line: 3 }], frame: slotAtTop }),
    ];
    expect(verdictOf(makeReport({ crashes: [makeReportCrash(makeCrash(), frames)] }))).toContain(
      'at <code>0x30303030</code>, called from <code>via</code> (<code>a&#47;b&#46;c&#58;3</code>)',
    );
  });

  test.each([
    ['is lost', { callVerified: false }],
    ['lies further down', { slot: runtimeAddress(0x9000n) }],
  ])('a jump into nothing whose return address %s was perhaps no call', (_, frame) => {
    const frames = [
      makeFrame({ at: 0x30303030n }),
      makeFrame({ at: 2n, trust: 'code', frame, functions: [{ name: 'outer', file: 'a/b.c', line: 3 }] }),
    ];
    const verdict = verdictOf(makeReport({ crashes: [makeReportCrash(makeCrash(), frames)] }));
    expect(verdict).toContain('within a call by <code>outer</code>');
    expect(verdict).not.toContain('called from');
  });

  test('prefers what is confirmed over an MSR that is not', () => {
    const findings = [
      makeOtherFinding({ finding: 'page-fault', claim: say`a write to ${'0x0'} failed` }),
      makeFinding({ grade: 'possible' }),
    ];
    expect(verdictOf(makeReport({ crashes: [crash], findings }))).toContain('a write to <code>0x0</code> failed.');
    expect(verdictOf(makeReport({ crashes: [crash], findings: [makeFinding({ grade: 'possible' })] }))).toContain(
      'suspect **RDMSR 0x491 IA32_VMX_VMFUNC**, possible, not proved.',
    );
    // and both where the fault alone is confirmed
    expect(verdictOf(makeReport({ crashes: [crash], findings }))).toContain(
      'Suspect **RDMSR 0x491 IA32_VMX_VMFUNC**, possible, not proved.',
    );
  });

  test.each([
    ['match', 'fits this log (match)'],
    ['probable', 'probably fits this log'],
    ['ambiguous', 'Several images fit'],
    ['unverifiable', 'cannot be told (unverifiable)'],
    ['mismatch', 'the build of that commit is needed'],
  ] as const)('says what the verdict %s allows', (verdict, words) => {
    expect(verdictOf(msrReport({ images: [makeImage({ verdict })] }))).toContain(words);
  });
});

describe('a notice', () => {
  test('is marker, sentences, foot', () => {
    const markdown = renderNotice(
      [say`Run ${'12'} is not in this repository.`],
      makeContext({ marker: '<!-- symbolize-serial-crash:v1 issue=3 -->' }),
    );
    expect(markdown).toBe(
      '<!-- symbolize-serial-crash:v1 issue=3 -->\nRun <code>12</code> is not in this repository.\n\n<sub>symbolize-serial-crash 0.1.0 (1234abc). Wrong? Edit the question, name the right run or image, and this answer follows.</sub>\n',
    );
  });
});
