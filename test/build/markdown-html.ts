/** Two independent GFM parsers, and a reading of the HTML they make that tells what stands outside code. */
import MarkdownIt from 'markdown-it';
import { micromark } from 'micromark';
import { gfm, gfmHtml } from 'micromark-extension-gfm';

const markdownIt = new MarkdownIt({ html: true });

export const parsers: readonly { readonly name: string; readonly html: (markdown: string) => string }[] = [
  {
    name: 'micromark with GFM',
    html: (markdown) => micromark(markdown, { allowDangerousHtml: true, extensions: [gfm()], htmlExtensions: [gfmHtml()] }),
  },
  { name: 'markdown-it', html: (markdown) => markdownIt.render(markdown) },
];

export interface Outside {
  /** The HTML with the contents of every `code` element taken out: `<p>a <code></code></p>`. */
  readonly skeleton: string;
  /** Text of each `code` element, decoded, in order. */
  readonly codes: readonly string[];
  /** Tags found inside a `code` element: always wrong. */
  readonly tagsInCode: readonly string[];
}

const codeElement = /<code(?: class="[a-z-]+")?>([\s\S]*?)<\/code>/g;

export function outsideCode(html: string): Outside {
  const codes: string[] = [];
  const tagsInCode: string[] = [];
  const skeleton = html.replace(codeElement, (_, inner: string) => {
    for (const tag of inner.match(/<[\s\S]*?>/g) ?? []) tagsInCode.push(tag);
    codes.push(decoded(inner));
    return '<code></code>';
  });
  return { skeleton, codes, tagsInCode };
}

const named: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"' };

/** Entities as the parsers write or pass them. */
export function decoded(html: string): string {
  return html.replace(/&(?:#(\d+)|#x([0-9a-f]+)|([a-z]+));/gi, (whole, decimal?: string, hex?: string, name?: string) => {
    if (decimal !== undefined) return String.fromCodePoint(Number(decimal));
    if (hex !== undefined) return String.fromCodePoint(Number.parseInt(hex, 16));
    return named[name ?? ''] ?? whole;
  });
}
