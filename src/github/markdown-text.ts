/**
 * A body as GitHub stores it, taken apart: fenced blocks and what stands outside them, with the marks of quotes, `<details>` and
 * `<pre>` taken off. Tolerant where people are: fences may be unclosed, of either kind, quoted and indented.
 *
 * In: Markdown source. Out: text. Refuses: nothing; it never renders, so nothing is lost to `_`, `*` or `[<address>]`.
 */

export interface MarkdownText {
  /** Inside of each fenced block, in order. */
  readonly blocks: readonly string[];
  /** Everything else, marks of quotes and HTML taken off. */
  readonly prose: string;
  /** The same without lines that were quoted. */
  readonly ownWords: string;
  /** Blocks and prose in the order written, without fence lines: for a log that a fence cuts in two or that has none. */
  readonly whole: string;
}

const quote = /^(?:[ \t]{0,3}>[ \t]?)+/;
const fence = /^[ \t]*(?:[-*+][ \t]+|[0-9]{1,3}[.)][ \t]+)?(`{3,}|~{3,})(.*)$/;
const htmlMarks = /<\/?(?:details|summary|pre|code|p|div|span|samp|blockquote)(?:[ \t][^<>\n]{0,200})?>|<br[ \t]*\/?>/gi;

const entities: ReadonlyMap<string, string> = new Map([
  ['&gt;', '>'],
  ['&lt;', '<'],
  ['&quot;', '"'],
  ['&#39;', "'"],
  ['&nbsp;', ' '],
  ['&amp;', '&'],
]);

/** Undone where the arrows of a dump stand as entities and none stands plain: the text went through a page or a mail. */
function withoutEntities(text: string): string {
  if (!text.includes('-&gt;') || text.includes('->')) return text;
  return text.replace(/&(?:gt|lt|quot|#39|nbsp|amp);/g, (entity) => entities.get(entity) ?? entity);
}

export function readMarkdownText(body: string): MarkdownText {
  const blocks: string[] = [];
  const prose: string[] = [];
  const own: string[] = [];
  const whole: string[] = [];
  let block: string[] | undefined;
  let mark = '';
  for (const line of body.replace(/^\ufeff/, '').split('\n')) {
    const bare = line.replace(quote, '');
    const opening = fence.exec(bare.replace(/\r$/, ''));
    if (block !== undefined) {
      const closes = opening !== null && (opening[1] ?? '').startsWith(mark) && (opening[2] ?? '').trim() === '';
      if (closes) {
        blocks.push(withoutEntities(block.join('\n')));
        block = undefined;
        continue;
      }
      block.push(bare);
      whole.push(bare);
      continue;
    }
    // an info string of backticks holds no backtick (GFM 4.5): `one line of code` is no fence
    if (opening !== null && !(opening[1]?.startsWith('`') === true && (opening[2] ?? '').includes('`'))) {
      mark = opening[1] ?? '';
      block = [];
      continue;
    }
    const text = bare.replace(htmlMarks, (tag) => (/^<br/i.test(tag) ? '\n' : ''));
    prose.push(text);
    whole.push(text);
    if (bare === line) own.push(text);
  }
  if (block !== undefined) blocks.push(withoutEntities(block.join('\n')));
  return { blocks, prose: withoutEntities(prose.join('\n')), ownWords: own.join('\n'), whole: withoutEntities(whole.join('\n')) };
}
