/**
 * The one renderer that puts text of strangers (log, symbols, paths, artifact names) into Markdown: always in code, neutralised, capped.
 *
 * In: any string. Out: an inline `<code>` element, a fenced block, or a `Sentence` whose code parts are such elements.
 * Refuses: to pass through anything that Markdown, GitHub or a terminal would act on (docs/SECURITY.md, comment safety).
 *
 * Rules. Inline: numeric entities for all Markdown and HTML syntax, a word joiner after `@` and `#` (a code span alone does not stop
 * mentions in e-mail replies) and inside what looks like an address, since some renderers link text after decoding entities.
 * Blocks: a backtick fence longer than any run inside, an info string of ours. Both: control, bidirectional and invisible characters
 * as visible escapes, lone surrogates too (a body with one can be refused whole).
 */
import type { Sentence } from '../sentence.js';

/** Longest name or path shown, in code points. */
export const inlineCap = 200;
/** Longest line shown in a fence, in code points: a line of a tracing build has 85,000. */
export const fenceLineCap = 400;
/** Most lines of a quoted log. */
export const fenceLinesCap = 200;

const wordJoiner = '\u2060';

/**
 * What a reader cannot see or what reorders what is seen: C0 and C1 controls, soft hyphen, bidirectional controls, zero-width and joining
 * characters, fillers, variation selectors, tags, line and paragraph separators, byte order mark, lone surrogates, noncharacters.
 * Of a run of combining marks everything past the fourth goes too.
 */
const unseen =
  // biome-ignore lint/suspicious/noMisleadingCharacterClass: the class lists such characters one by one
  /[\u0000-\u001f\u007f-\u00a0\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202f\u205f-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\uffff\u{1bca0}-\u{1bca3}\u{1d173}-\u{1d17a}\u{e0000}-\u{e0fff}]|\p{Surrogate}|\p{Noncharacter_Code_Point}|(?<=\p{M}{4})\p{M}/gu;

/** Control characters as people write them in C. */
const shortEscapes: ReadonlyMap<string, string> = new Map([
  ['\n', '\\n'],
  ['\r', '\\r'],
  ['\t', '\\t'],
  ['\0', '\\0'],
]);

function visibleEscape(character: string): string {
  const short = shortEscapes.get(character);
  if (short !== undefined) return short;
  const code = character.codePointAt(0) ?? 0;
  if (code < 0x100) return `\\x${code.toString(16).padStart(2, '0')}`;
  return `\\u{${code.toString(16).toUpperCase()}}`;
}

/** Every character that cannot be seen or that moves others as a visible escape: `\x1b`, `\u{202E}`. One line, whatever came in. */
export function visible(text: string): string {
  return text.replace(unseen, visibleEscape);
}

/** At most `cap` code points; `...` marks a cut. Never splits a surrogate pair. */
export function capped(text: string, cap: number): string {
  if (text.length <= cap) return text;
  let end = 0;
  for (let count = 0; count < cap - 3 && end < text.length; count += 1) end += (text.codePointAt(end) ?? 0) > 0xffff ? 2 : 1;
  return end >= text.length ? text : `${text.slice(0, end)}...`;
}

/** Markdown, HTML and table syntax, what starts an address, and math. */
const syntax = /[&<>"'|@#[\]()!*_~`\\:/$.]/g;

/**
 * A word joiner after each `@` and `#`, and inside `://`, `www.` and `GH-1`, so that nothing reads as mention, reference or address.
 */
export function joined(text: string): string {
  return text
    .replace(/[@#\uff20\uff03\ufe6b\ufe5f](?!\u2060)/g, `$&${wordJoiner}`)
    .replace(/:(?=\/)/g, `:${wordJoiner}`)
    .replace(/[wW]{3}(?=\.)/g, `$&${wordJoiner}`)
    .replace(/[gG][hH](?=-\d)/g, `$&${wordJoiner}`);
}

function entities(text: string): string {
  return text.replace(syntax, (character) => `&#${character.charCodeAt(0)};`).replaceAll(wordJoiner, '&#8288;');
}

/** Foreign text inside a line of Markdown or HTML. */
export function inlineCode(text: string, cap = inlineCap): string {
  const shown = joined(visible(capped(text, cap)));
  return `<code>${shown === '' ? '&#32;' : entities(shown)}</code>`;
}

/** Our own words: kept as they are, with what Markdown would act on as entities. An underscore inside a word does nothing. */
export function ownWords(text: string): string {
  return visible(text)
    .replace(/@(?=\S)|#(?=\d)|:(?=\/\/)|[wW]{3}(?=\.)|[gG][hH](?=-\d)/g, `$&${wordJoiner}`)
    .replace(/[&<>*`[\]\\|~$]|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])/g, (character) => `&#${character.charCodeAt(0)};`)
    .replaceAll(wordJoiner, '&#8288;');
}

/** Our words as text, everything else in code. */
export function renderSentenceMarkdown(sentence: Sentence): string {
  return sentence.map((part) => (typeof part === 'string' ? ownWords(part) : inlineCode(part.code))).join('');
}

/** What a reader sees of a line in a fence: tabs as blanks, the rest escaped, capped and joined. */
export function fenceLine(text: string): string {
  return joined(visible(capped(text.replaceAll('\t', '  '), fenceLineCap))).trimEnd();
}

/** Info strings are ours alone: `mermaid` and its kin make GitHub run the block. */
export type FenceLanguage = 'text' | 'c' | 'mermaid';

/** A fenced block of lines; its fence is longer than any run of backticks inside. */
export function fence(lines: readonly string[], language: FenceLanguage = 'text'): string {
  const shown = lines.map(fenceLine);
  let longest = 2;
  for (const line of shown) for (const run of line.match(/`+/g) ?? []) if (run.length > longest) longest = run.length;
  const ticks = '`'.repeat(longest + 1);
  return [`${ticks}${language}`, ...shown, ticks].join('\n');
}
