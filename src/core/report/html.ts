/**
 * The page as one self-contained HTML document: light and dark, no script, nothing loaded from outside.
 *
 * In: a report and what is known beside it. Out: a whole document. Refuses: foreign text anywhere but as escaped text.
 * For keyboard and screen reader: landmarks, headings in order, native `details`, tables with headers, wide blocks that take focus so that
 * they scroll by keys, contrast of at least 4.5 to 1 in both schemes, and no meaning in colour alone.
 */
import { buildPage } from './build-page.js';
import { visible } from './foreign-text.js';
import { htmlStyle } from './html-style.js';
import type { Block, CodeLine, Rich, RichPart, Section } from './page.js';
import type { Report, ReportContext } from './report.js';
import { textOf } from './text.js';

export function renderHtml(report: Report, context: ReportContext): string {
  const page = buildPage(report, context);
  const [verdict, ...rest] = page;
  const footer = rest.at(-1);
  const title = verdict?.blocks[0]?.kind === 'paragraph' ? textOf(verdict.blocks[0].text).slice(0, 120) : 'Crash report';
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>${escaped(title)}</title>
<style>${htmlStyle}</style>
</head>
<body>
<header>
<h1>Crash report</h1>
${verdict === undefined ? '' : verdict.blocks.map((block, index) => (index === 0 ? drawBlock(block).replace('<p>', '<p class="verdict">') : drawBlock(block))).join('\n')}
</header>
<main>
${rest.slice(0, -1).map(drawSection).join('\n')}
</main>
<footer>
${footer === undefined ? '' : footer.blocks.map(drawBlock).join('\n')}
</footer>
</body>
</html>
`;
}

/** Headings of sections that bear none on the page, for those who hear it. */
const silentHeadings: Readonly<Partial<Record<Section['name'], string>>> = { stack: 'Stack', warnings: 'Warnings' };

function drawSection({ name, heading, collapsed, blocks }: Section): string {
  const body = blocks.map(drawBlock).join('\n');
  if (heading === undefined) return `<section class="${name}" aria-label="${silentHeadings[name] ?? name}">\n${body}\n</section>`;
  if (!collapsed) return `<section class="${name}">\n<h2>${escaped(heading)}</h2>\n${body}\n</section>`;
  return `<details class="${name}">\n<summary><h2>${escaped(heading)}</h2></summary>\n${body}\n</details>`;
}

function drawBlock(block: Block): string {
  switch (block.kind) {
    case 'paragraph':
      return block.small === true ? `<p class="small">${drawRich(block.text)}</p>` : `<p>${drawRich(block.text)}</p>`;
    case 'list':
      return `<ul>\n${block.items.map((item) => `<li>${drawRich(item)}</li>`).join('\n')}\n</ul>`;
    case 'table': {
      const head = block.head.map((cell) => `<th scope="col">${escaped(cell)}</th>`).join('');
      const rows = block.rows.map((row) => `<tr>${row.map((cell) => `<td>${drawRich(cell)}</td>`).join('')}</tr>`);
      return `<div class="wide" tabindex="0" role="group" aria-label="Table"><table><thead><tr>${head}</tr></thead><tbody>\n${rows.join('\n')}\n</tbody></table></div>`;
    }
    case 'code':
      return `<pre tabindex="0" role="group" aria-label="${block.language === 'c' ? 'Code' : 'Listing'}"><code>${block.lines.map(drawLine).join('\n')}</code></pre>`;
    case 'diagram':
      return `<pre tabindex="0" role="group" aria-label="Call tree"><code>${block.outline.map(drawLine).join('\n')}</code></pre>`;
    default: {
      const never: never = block;
      return never;
    }
  }
}

function drawLine({ text, mark }: CodeLine): string {
  const shown = escaped(text.replaceAll('\t', '  '));
  return mark === undefined ? shown : `<span class="${mark}">${shown}</span>`;
}

function drawRich(rich: Rich): string {
  return rich.map(drawPart).join('').trim();
}

function drawPart(part: RichPart): string {
  if (typeof part === 'string') return escaped(part);
  if ('strong' in part) return `<strong>${escaped(part.strong)}</strong>`;
  if ('link' in part)
    return `<a href="${escaped(part.link)}">${'code' in part ? `<code>${escaped(part.code)}</code>` : escaped(part.words)}</a>`;
  return `<code>${escaped(part.code)}</code>`;
}

function escaped(text: string): string {
  return visible(text).replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}
