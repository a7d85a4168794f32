/**
 * The page as plain text for a terminal.
 *
 * In: a report and what is known beside it. Out: lines of at most 100 columns where they are prose, stacks and tables as wide as they are.
 * Refuses: control characters and invisible ones, which stand as escapes.
 */
import { buildPage } from './build-page.js';
import { visible } from './foreign-text.js';
import type { Block, Rich, RichPart, Section } from './page.js';
import type { Report, ReportContext } from './report.js';

const proseWidth = 100;

export function renderText(report: Report, context: ReportContext): string {
  return `${buildPage(report, context).map(drawSection).join('\n\n')}\n`;
}

function drawSection({ heading, blocks }: Section): string {
  const body = blocks.map(drawBlock).join('\n\n');
  if (heading === undefined) return body;
  const title = visible(heading);
  return `${title}\n${'-'.repeat(title.length)}\n${body}`;
}

function drawBlock(block: Block): string {
  switch (block.kind) {
    case 'paragraph':
      return wrapped(textOf(block.text), '');
    case 'list':
      return block.items.map((item) => wrapped(textOf(item), '  ', '- ')).join('\n');
    case 'table':
      return table([block.head.map(visible), ...block.rows.map((row) => row.map(textOf))]);
    case 'code':
      return block.lines.map(({ text }) => visible(text.replaceAll('\t', '  '))).join('\n');
    case 'diagram':
      return block.outline.map(({ text }) => visible(text)).join('\n');
    default: {
      const never: never = block;
      return never;
    }
  }
}

export function textOf(rich: Rich): string {
  return rich.map(partText).join('').trim();
}

function partText(part: RichPart): string {
  if (typeof part === 'string') return visible(part);
  if ('strong' in part) return visible(part.strong);
  return visible('code' in part ? part.code : `${part.words} (${part.link})`);
}

/** Words put into lines; a word longer than a line stands alone. */
function wrapped(text: string, indent: string, first = indent): string {
  const lines: string[] = [];
  let line = first;
  let isEmpty = true;
  for (const word of text.split(' ')) {
    if (!isEmpty && line.length + 1 + word.length > proseWidth) {
      lines.push(line);
      line = indent;
      isEmpty = true;
    }
    line += isEmpty ? word : ` ${word}`;
    isEmpty = false;
  }
  lines.push(line);
  return lines.join('\n');
}

function table(rows: readonly (readonly string[])[]): string {
  const widths: number[] = [];
  for (const row of rows)
    row.forEach((cell, column) => {
      widths[column] = Math.max(widths[column] ?? 0, Math.min(cell.length, 60));
    });
  return rows
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}
