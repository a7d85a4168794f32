import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import {
  capped,
  fence,
  fenceLine,
  inlineCode,
  joined,
  ownWords,
  renderSentenceMarkdown,
  visible,
} from '../../../src/core/report/foreign-text.js';
import { say } from '../../../src/core/sentence.js';
import { outsideCode, parsers } from '../../build/markdown-html.js';

describe('visible', () => {
  test.each([
    ['control characters', 'a\u0000b\u001b[31mc\nd\r\te\u007f\u0085', 'a\\0b\\x1b[31mc\\nd\\r\\te\\x7f\\x85'],
    ['bidirectional controls', 'x\u202ey\u2066z\u061c', 'x\\u{202E}y\\u{2066}z\\u{61C}'],
    ['invisible characters', 'a\u200bb\u2060c\ufeffd\u00ade\u{e0041}f\ufe0f', 'a\\u{200B}b\\u{2060}c\\u{FEFF}d\\xade\\u{E0041}f\\u{FE0F}'],
    ['lone surrogates', 'a\ud800b\udc00c', 'a\\u{D800}b\\u{DC00}c'],
    ['noncharacters', 'a\uffffb\u{1fffe}', 'a\\u{FFFF}b\\u{1FFFE}'],
    ['more combining marks than a letter can bear', `e${'\u0301'.repeat(6)}`, `e${'\u0301'.repeat(4)}\\u{301}\\u{301}`],
  ])('shows %s as escapes', (_, given, shown) => {
    expect(visible(given)).toBe(shown);
  });

  test('leaves what can be seen: letters of any script, emoji', () => {
    expect(visible('文档 é 😀 ~')).toBe('文档 é 😀 ~');
  });
});

describe('capped', () => {
  test('counts code points and never splits a pair', () => {
    expect(capped('😀'.repeat(300), 200)).toBe(`${'😀'.repeat(197)}...`);
    expect(capped('a'.repeat(200), 200)).toBe('a'.repeat(200));
    expect(capped('😀'.repeat(150), 200)).toBe('😀'.repeat(150));
  });
});

describe('inlineCode', () => {
  test('writes syntax as entities and a joiner after @ and #', () => {
    expect(inlineCode('a`b|c')).toBe('<code>a&#96;b&#124;c</code>');
    expect(inlineCode('@root')).toBe('<code>&#64;&#8288;root</code>');
    expect(inlineCode('#12')).toBe('<code>&#35;&#8288;12</code>');
    expect(inlineCode('</code><img src=x>')).toBe('<code>&#60;&#47;code&#62;&#60;img src=x&#62;</code>');
  });

  test('is never empty, for an empty element vanishes', () => {
    expect(inlineCode('')).toBe('<code>&#32;</code>');
  });

  test('caps a name', () => {
    const [text] = outsideCode(inlineCode('n'.repeat(100_000))).codes;
    expect(text).toBe(`${'n'.repeat(197)}...`);
  });
});

describe('fence', () => {
  test('is longer than any run of backticks inside', () => {
    expect(fence(['a', '```', '`````x'])).toBe('``````text\na\n```\n`````x\n``````');
  });

  test('breaks mentions and references inside too, and cuts endless lines', () => {
    expect(fenceLine('see @root and #12')).toBe('see @\u2060root and #\u206012');
    expect(fenceLine('x'.repeat(5000))).toHaveLength(400);
  });
});

describe('own words', () => {
  test('are shown as written', () => {
    for (const { name, html } of parsers) {
      expect([name, outsideCode(html(ownWords('a <b> *c* _d_ [e](f) g_h | `i` ~~j~~ \\k & $l$'))).skeleton.trim()]).toEqual([
        name,
        '<p>a &lt;b&gt; *c* _d_ [e](f) g_h | `i` ~~j~~ \\k &amp; $l$</p>',
      ]);
    }
  });

  test('a sentence puts its values in code and nothing else', () => {
    expect(renderSentenceMarkdown(say`MSR ${'0x491'} is absent`)).toBe('MSR <code>0x491</code> is absent');
  });
});

/** What Markdown, HTML, GitHub and terminals act on, in pieces that combine. */
const dangerous = [
  ...'`~*_[]()<>!|\\#@&;:/$^=+-."\'',
  '\n',
  '\n\n',
  '\r',
  '\t',
  ' ',
  '    ',
  '\u0000',
  '\u001b[31m',
  '\u001b]8;;http://x.example\u0007',
  '\u202e',
  '\u2066',
  '\u200b',
  '\u2060',
  '\ufeff',
  '\u{e0041}',
  '\ud800',
  '\udc00',
  '\u0301',
  '\u2028',
  '\u00a0',
  '```',
  '~~~~',
  '``',
  '`````',
  '```mermaid\n',
  '</code>',
  '</pre>',
  '</details>',
  '<details>',
  '<summary>',
  '<!--',
  '-->',
  '<![CDATA[',
  '<?x',
  '<img src=x onerror=y>',
  '<a href="//x.example">',
  '<script>',
  '<table><tr><td>',
  '<b>',
  '@root',
  '@everyone',
  '@org/team',
  '&#64;root',
  '&commat;root',
  '#1',
  'GH-12',
  'owner/repo#3',
  'Fixes #4',
  'http://x.example/a',
  'https://x.example',
  'www.x.example',
  'mailto:a@b.example',
  'a@b.example',
  'xmpp:a@b.example',
  'ftp://x.example',
  '![i](http://x.example/i.png)',
  '[l](http://x.example)',
  '[r]: http://x.example\n',
  '[r]',
  '[^1]',
  '[^1]: note\n',
  '- [ ] task',
  '# head\n',
  '===\n',
  '---\n',
  '> quote\n',
  '1. one\n',
  '| a | b |\n| - | - |\n',
  '$math$',
  '$$m$$',
  ':smile:',
  '0123456789abcdef0123456789abcdef01234567',
  '&lt;',
  '&#x60;',
  '&#96;',
  '\\`',
  '\\@',
  'name',
  'x',
  'Q',
  '7',
  '文',
  '😀',
] as const;

const hostile = fc.array(fc.constantFrom(...dangerous), { minLength: 1, maxLength: 9 }).map((parts) => parts.join(''));

/** Places where foreign text is put, with the page round it. Every piece stands in a block of its own, as in an answer. */
const places: readonly ((text: string) => string)[] = [
  (text) => `${inlineCode(text)} begins a paragraph`,
  (text) => `words before ${inlineCode(text)}, after ${inlineCode(text)}.`,
  (text) => `- item ${inlineCode(text)}\n- ${inlineCode(text)}`,
  (text) => `| a | b |\n| --- | --- |\n| ${inlineCode(text)} | x |\n| **y** | ${inlineCode(text)} |`,
  (text) => `<details><summary>${inlineCode(text)}</summary>\n\n${inlineCode(text)}\n\n</details>`,
  (text) => `**strong** ${inlineCode(text)} <sub>${inlineCode(text)}</sub>`,
  (text) => fence([text, `  ${text}`, 'end']),
  (text) => `<details><summary>s</summary>\n\n${fence([text])}\n\n</details>`,
];

/** No `@` or `#` of a stranger stands directly before a word character, entities decoded or not. */
function hasReference(text: string): boolean {
  return /[@#][\p{L}\p{N}_]/u.test(text);
}

const invisible =
  /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2061-\u2064\u2066-\u2069\ufeff\u{e0000}-\u{e007f}]|\p{Surrogate}/u;

function page(texts: readonly string[]): string {
  return texts.map((text, index) => (places[index % places.length] ?? inlineCode)(text)).join('\n\n');
}

/** `expected`: the skeleton of the same page with harmless text. */
function failures(texts: readonly string[], html: (markdown: string) => string, expected: string): string[] {
  const markdown = page(texts);
  const found = outsideCode(html(markdown));
  const wrong: string[] = [];
  if (found.skeleton !== expected) wrong.push(`structure changed: ${found.skeleton.slice(0, 400)}`);
  if (found.tagsInCode.length > 0) wrong.push(`tags in code: ${found.tagsInCode.slice(0, 3).join(' ')}`);
  if (invisible.test(markdown)) wrong.push('an invisible character in the source');
  if (hasReference(markdown.replace(/&#\d+;/g, ''))) wrong.push('a reference in the source');
  for (const code of found.codes) if (hasReference(code)) wrong.push(`a reference in ${JSON.stringify(code)}`);
  // the text itself is all there, in order: nothing was swallowed
  const shown = found.codes.join('\n');
  texts.forEach((text, index) => {
    const isBlock = index % places.length >= 6;
    const said = isBlock ? fenceLine(text) : joined(visible(capped(text, 200)));
    if (!shown.includes(said)) wrong.push(`lost ${JSON.stringify(said)}`);
  });
  return wrong;
}

describe('comment safety', () => {
  const perPage = 40;
  const pages = Math.ceil(100_000 / perPage);

  test.each(parsers)(
    '100,000 strings over the dangerous alphabet stay inside code: $name',
    ({ html }) => {
      const expected = outsideCode(html(page(Array.from({ length: perPage }, () => 'x')))).skeleton;
      const onePage = fc.array(hostile, { minLength: perPage, maxLength: perPage });
      const isSafe = fc.property(onePage, (texts) => {
        expect(failures(texts, html, expected)).toEqual([]);
      });
      fc.assert(isSafe, { numRuns: pages, seed: 20260, endOnFailure: true });
    },
    600_000,
  );

  test('the check sees text that escapes', () => {
    for (const { html } of parsers) {
      const escaped = outsideCode(html('`a` <b>x</b>'));
      expect(escaped.skeleton).toContain('<b>');
      expect(outsideCode(html('<code>www.x.example a</code>')).codes).toHaveLength(1);
    }
    expect(hasReference('a @root')).toBe(true);
    expect(invisible.test('\u202e')).toBe(true);
  });

  test('without entities a name gets out, so the property can fail', () => {
    const careless = (text: string): string => `<code>${text}</code>`;
    for (const { html } of parsers) {
      const { skeleton } = outsideCode(html(careless('a</code>\n\n# b')));
      expect(skeleton).toContain('<h1>');
    }
  });
});
