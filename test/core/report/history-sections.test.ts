import { describe, expect, test } from '@jest/globals';
import type { BlamedLine, CommitRange, History, SourceExcerpt } from '../../../src/core/report/history.js';
import { sourceFacts } from '../../../src/core/report/history.js';
import { renderMarkdown } from '../../../src/core/report/markdown.js';
import { say } from '../../../src/core/sentence.js';
import { outsideCode, parsers } from '../../build/markdown-html.js';
import { makeContext, makeEvent, makeImage, makeLog, makeReport, msrReport } from '../../build/report-builder.js';

const commit = 'd8f2220a6ac1d8f2220a6ac1d8f2220a6ac1d8f2';
const other = 'a'.repeat(40);
const url = 'https://github.com/owner/hyp';

const excerpt: SourceExcerpt = {
  role: 'guilty',
  path: 'src/nested.c',
  line: 9,
  first: 8,
  lines: ['int a;', '\trdmsr64(0x491);', ''],
  check: 'same',
};
const blamed: BlamedLine = {
  path: 'src/nested.c',
  line: 9,
  function: 'read_window',
  guilty: true,
  commit: other,
  date: '2026-05-11',
  author: 'a-developer',
  subject: 'Read the window',
  pullRequest: 57,
};
const range: CommitRange = {
  good: other,
  bad: commit,
  goodFrom: say`The revision ${'aaaaaaa'} is named as good.`,
  total: 4,
  seen: 4,
  ranked: [{ commit: other, date: '2026-05-11', author: 'a-developer', subject: 'Read it', reasons: [say`changes ${'src/nested.c'}`] }],
  more: 0,
};
const draw = (history: History, budget?: number): string =>
  renderMarkdown(msrReport(), makeContext({ repositoryUrl: url, commit, ...history }), budget);
const words = (history: History): string =>
  draw(history)
    .replace(/<[^>]+>/g, '')
    .replaceAll('&#8288;', '')
    .replace(/&#(\d+);/g, (_, code) => String.fromCharCode(Number(code)));

describe('where it comes from', () => {
  test('nothing looked up changes nothing', () => {
    expect(draw({})).toBe(draw({ source: [], blame: [], seenBefore: [], notLookedUp: [] }));
    expect(draw({})).not.toContain('Where it comes from');
    expect(draw({})).not.toContain('Seen before');
  });

  test('source lines stand in a fence, the line marked, with how they were verified', () => {
    expect(words({ source: [excerpt] })).toContain(
      'The line to look at first is src/nested.c:9, the same file as was compiled, by its checksum.\n\n```c\n    8  int a;\n=>  9    rdmsr64(0x491);\n   10\n```',
    );
    expect(draw({ source: [excerpt] })).toContain(`<a href="${url}/blob/${commit}/src/nested.c#L9">`);
    expect(words({ source: [{ ...excerpt, role: 'fault', check: 'not-verified' }] })).toContain(
      'The fault itself is at src/nested.c:9, not verified:',
    );
    expect(words({ source: [{ ...excerpt, lines: [], check: 'differs' }] })).toContain('so its lines are not shown.');
  });

  test('blame names commit and pull request; the pull request is no link, for that would leave a mention there', () => {
    expect(words({ blame: [blamed] })).toContain(
      '- Last changed: src/nested.c:9 (read_window) by a-developer on 2026-05-11, in pull request 57: aaaaaaaaaa Read the window',
    );
    expect(draw({ blame: [blamed] })).toContain(`<a href="${url}/commit/${other}">`);
    expect(draw({ blame: [blamed] })).not.toContain('/pull/');
    const { pullRequest: _, ...direct } = blamed;
    expect(words({ blame: [direct] })).toContain('on 2026-05-11: aaaaaaaaaa');
  });

  test('what was not looked up is said', () => {
    expect(
      words({ notLookedUp: [say`${['source lines']} (GitHub answered ${404})`, say`${['earlier answers']} (it took too long)`] }),
    ).toContain('Not looked up: source lines (GitHub answered 404); earlier answers (it took too long).');
  });
});

describe('commits', () => {
  test('stand closed with their reasons', () => {
    const text = words({ commits: range });
    expect(text).toContain('Commits that touch this stack (1 of 4)');
    expect(text).toContain('4 commits lie between it and the build: aaaaaaaaaa...d8f2220a6a.');
    expect(text).toContain('- aaaaaaaaaa 2026-05-11 a-developer Read it: changes src/nested.c');
    expect(draw({ commits: range })).toContain(`<a href="${url}/compare/${other}...${commit}">`);
  });

  test('at most ten, and how many were looked at', () => {
    const ranked = Array.from({ length: 12 }, () => range.ranked[0]).filter((one) => one !== undefined);
    const text = words({ commits: { ...range, ranked, total: 300, seen: 250, more: 3 } });
    expect(text.match(/changes src/g)).toHaveLength(10);
    expect(text).toContain('5 more touch it less.');
    expect(text).toContain('250 of them were looked at.');
    expect(words({ commits: { ...range, ranked: [] } })).toContain('None of them was found to touch a file of this stack.');
  });
});

describe('seen before', () => {
  const one = { issue: 12, comment: 345, isPullRequest: false, date: '2026-05-10', age: '3 weeks' } as const;

  test('links our earlier answer, without a number behind a hash outside the address', () => {
    expect(words({ seenBefore: [{ ...one, state: 'closed' }] })).toContain(
      'Seen before, with the same exception and innermost functions: issue 12 (3 weeks earlier, 2026-05-10, closed).',
    );
    expect(draw({ seenBefore: [one] })).toContain(`<a href="${url}/issues/12#issuecomment-345">issue 12</a> (3 weeks earlier, 2026-05-10)`);
    expect(draw({ seenBefore: [{ ...one, isPullRequest: true }] })).toContain(
      `<a href="${url}/pull/12#issuecomment-345">pull request 12</a>`,
    );
  });

  test('three at most', () => {
    const text = words({ seenBefore: [1, 2, 3, 4, 5].map((issue) => ({ ...one, issue })) });
    expect(text).toContain('issue 3 (3 weeks earlier, 2026-05-10); and in 2 more.');
    expect(text).not.toContain('issue 4');
  });
});

describe('hostile text', () => {
  const nasty = '`@octocat` #1 ``` </code></details><img src=x> -->[a](https://evil.example)\u202e|';

  test.each(parsers.map(({ name, html }) => [name, html] as const))('stays in code: %s', (_, html) => {
    const history: History = {
      source: [{ ...excerpt, path: `src/${nasty}`, lines: [nasty, nasty] }],
      blame: [{ ...blamed, path: nasty, function: nasty, author: nasty, subject: nasty }],
      commits: {
        ...range,
        ranked: [
          { ...range.ranked[0], commit: other, date: '2026-05-11', author: nasty, subject: nasty, reasons: [say`changes ${nasty}`] },
        ],
      },
      notLookedUp: [say`${['source lines']} (${nasty})`],
      sourcePaths: [[nasty, nasty]],
    };
    const body = draw(history);
    const { skeleton } = outsideCode(html(body));
    for (const sign of ['octocat', '<img', 'evil', '\u202e']) expect(skeleton.replace(/href="[^"]*"/g, '')).not.toContain(sign);
    expect(body).not.toMatch(/[@][\w]/);
    expect(body.replace(/href="[^"]*"/g, '').replace(/&#\d+;/g, '')).not.toMatch(/#(?!GP)\w/);
  });

  test('commits and numbers that are none make no link', () => {
    const text = draw({
      blame: [{ ...blamed, commit: '"><img src=x>' }],
      seenBefore: [{ issue: 1.5, comment: 3, isPullRequest: false, date: '2026-05-10', age: '1 day' }],
    });
    expect(text).not.toContain('<img');
    expect(text).not.toContain('/issues/1.5');
  });
});

describe('room', () => {
  test('is made in order: source lines, commits, blame, earlier answers, the stack last', () => {
    const history: History = {
      source: [{ ...excerpt, lines: Array.from({ length: 7 }, () => 'x'.repeat(300)) }],
      blame: [blamed],
      commits: range,
      seenBefore: [{ issue: 12, comment: 345, isPullRequest: false, date: '2026-05-10', age: '3 weeks' }],
    };
    const full = draw(history);
    const excerptText = 'x'.repeat(300);
    // every budget between all and nothing: what is there may only shrink in this order
    const seen = new Set<string>();
    for (let budget = full.length; budget > 1200; budget -= 200) {
      const text = draw(history, budget);
      const kept = [
        text.includes('changes <code>'),
        text.includes(excerptText),
        text.includes('Last changed: '),
        text.includes('Seen before'),
        text.includes('smp_common_start'),
      ];
      seen.add(kept.map((one) => (one ? 'x' : '-')).join(''));
    }
    expect([...seen]).toEqual(['xxxxx', 'x-xxx', '--xxx', '---xx', '----x', '-----']);
  });
});

describe('facts for the edge', () => {
  test('hold places innermost first, the guilty one marked', () => {
    const facts = sourceFacts(msrReport());
    const place = facts.places[facts.guilty ?? -1];
    expect(facts.places.length).toBeGreaterThan(1);
    expect(facts.guilty).toBeGreaterThan(0);
    expect(place?.function).not.toMatch(/rdmsr/);
    expect(facts.files).toContain(place?.file);
  });

  test('of an assertion are its own line, where an image knows that line', () => {
    const event = { ...makeEvent({ file: 'vmx/part.c', sourceLine: 372 }), function: 'vmx_init' };
    expect(sourceFacts(makeReport({ events: [event] }))).toMatchObject({
      places: [{ file: 'vmx/part.c', line: 372, function: 'vmx_init' }],
      guilty: 0,
      files: ['vmx/part.c'],
    });
    const { function: _, ...unknown } = event;
    expect(sourceFacts(makeReport({ events: [unknown] }))).toMatchObject({ places: [], files: [] });
  });

  test('name the revision of the boot that crashed, where it is one', () => {
    const boot = { line: 1, product: 'XMHF v6.1.0' };
    expect(sourceFacts(makeReport({ log: makeLog({ boots: [{ ...boot, revision: other }] }) })).revision).toBe(other);
    expect(sourceFacts(makeReport({ log: makeLog({ boots: [{ ...boot, revision: 'abc' }] }) })).revision).toBeUndefined();
    expect(sourceFacts(makeReport({ log: makeLog({ boots: [boot] }) })).revision).toBeUndefined();
  });

  test('an image that does not fit gives none', () => {
    const facts = sourceFacts(msrReport({ images: [makeImage({ verdict: 'mismatch' })] }));
    expect(facts).toMatchObject({ places: [], files: [] });
    expect(facts.guilty).toBeUndefined();
  });
});
