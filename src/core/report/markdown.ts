/**
 * The page as GitHub Markdown: the comment and the job summary.
 *
 * In: a report and what the edge knows, or plain sentences. Out: Markdown within a length, marker first.
 * Refuses: a body over the length; foreign text outside code (`foreign-text.ts` alone writes it).
 */
import { limits } from '../limits.js';
import type { Sentence } from '../sentence.js';
import { annotatedRange, lineNotes } from './annotate.js';
import { buildPage } from './build-page.js';
import { footerSection } from './detail-sections.js';
import { fence, fenceLine, inlineCode, ownWords } from './foreign-text.js';
import { type Block, type Page, paragraph, type Rich, type RichPart, type Section, small } from './page.js';
import type { Report, ReportContext } from './report.js';
import { crashGroups } from './same.js';
import { shorten } from './shorten.js';

/** Room for the sentence that tells what was left out: every title at once. */
const noteSize = 600;
/** Lines shown before a crash in the job summary: the boot's last words. */
const linesBefore = 40;
const linesAfter = 10;
/** The annotated log takes what the page leaves, but no more than this a crash. */
const summaryLinesPerCrash = 4000;
const summaryCrashes = 16;

/** The comment: at most `budget` UTF-16 units, marker included. */
export function renderMarkdown(report: Report, context: ReportContext, budget: number = limits.commentCharacters): string {
  return drawWithin(buildPage(report, context), context, budget, (text) => text.length);
}

/** The job summary: the same page without marker, then the annotated log round each kind of crash, as much as fits. */
export function renderSummary(report: Report, context: ReportContext, budget: number = limits.summaryBytes): string {
  const { marker: _, ...plainContext } = context;
  const size = utf8Length;
  const page = drawWithin(buildPage(report, plainContext), plainContext, budget, size);
  const excerpts = excerptSections(report, budget - size(page));
  return excerpts === '' ? page : `${page}${excerpts}`;
}

/** An answer of plain sentences: what went wrong and what a person can do, or a list of them. */
export function renderNotice(sentences: readonly Sentence[], context: ReportContext): string {
  const page: Page = [
    { name: 'verdict', collapsed: false, blocks: sentences.map((sentence) => paragraph(sentence)) },
    ...(context.warnings.length === 0
      ? []
      : [{ name: 'warnings', collapsed: false, blocks: [{ kind: 'list', items: context.warnings }] } satisfies Section]),
    footerSection(context),
  ];
  return drawWithin(page, context, limits.commentCharacters, (text) => text.length);
}

function drawWithin(page: Page, context: ReportContext, budget: number, size: (text: string) => number): string {
  const marker = context.marker === undefined ? '' : `${context.marker}\n`;
  const room = budget - size(marker);
  const { page: fitting, leftOut } = shorten(page, (section) => size(drawSection(section)) + 2, room, noteSize);
  const drawn = fitting.map(drawSection);
  if (leftOut.length > 0) {
    const note = drawBlock(
      small([`Left out or cut short for length: ${leftOut.join(', ')}. The JSON report of this run holds everything.`]),
    );
    drawn.splice(drawn.length - 1, 0, note);
  }
  const body = `${marker}${drawn.join('\n\n')}\n`;
  if (size(body) <= budget) return body;
  // only a verdict of absurd length comes here
  return `${marker}The answer is too long to show; the JSON report of this run holds it.\n`;
}

export function drawSection({ heading, collapsed, blocks }: Section): string {
  const body = blocks.map(drawBlock).join('\n\n');
  if (heading === undefined) return body;
  if (!collapsed) return `#### ${ownWords(heading)}\n\n${body}`;
  return `<details><summary>${ownWords(heading)}</summary>\n\n${body}\n\n</details>`;
}

function drawBlock(block: Block): string {
  switch (block.kind) {
    case 'paragraph':
      return block.small === true ? `<sub>${drawRich(block.text)}</sub>` : notStructure(drawRich(block.text));
    case 'list':
      return block.items.map((item) => `- ${notStructure(drawRich(item))}`).join('\n');
    case 'table': {
      const head = `| ${block.head.map(ownWords).join(' | ')} |`;
      const rule = `|${block.head.map(() => ' --- |').join('')}`;
      return [head, rule, ...block.rows.map((row) => `| ${row.map(drawRich).join(' | ')} |`)].join('\n');
    }
    case 'code':
      return fence(
        block.lines.map(({ text }) => text),
        block.language,
      );
    case 'diagram':
      return fence(block.lines, 'mermaid');
    default: {
      const never: never = block;
      return never;
    }
  }
}

/** A line that would begin a list, heading, rule or task gets its first character as an entity. */
function notStructure(text: string): string {
  const isStructure = /^(?:#{1,6}(?:\s|$)|[-+](?:\s|$)|\d{1,9}[.)](?:\s|$)|[-=]{1,80}\s*$|\s)/.test(text);
  return isStructure ? `&#${text.charCodeAt(0)};${text.slice(1)}` : text;
}

function drawRich(rich: Rich): string {
  return rich.map(drawPart).join('').trim();
}

function drawPart(part: RichPart): string {
  if (typeof part === 'string') return ownWords(part);
  if ('strong' in part) {
    const words = ownWords(part.strong);
    // emphasis by asterisks needs a letter or digit on its inner sides, whatever stands outside
    return /^[A-Za-z0-9#].*[A-Za-z0-9]$/.test(words) || /^[A-Za-z0-9]$/.test(words) ? `**${words}**` : `<strong>${words}</strong>`;
  }
  if ('link' in part) return `<a href="${part.link}">${'code' in part ? inlineCode(part.code) : ownWords(part.words)}</a>`;
  return inlineCode(part.code);
}

function utf8Length(text: string): number {
  let length = text.length;
  for (let index = 0; index < text.length; index += 1) {
    const unit = text.charCodeAt(index);
    if (unit >= 0x800) length += unit >= 0xd800 && unit < 0xe000 ? 1 : 2;
    else if (unit >= 0x80) length += 1;
  }
  return length;
}

/** Annotated lines round the first crash of each kind, in a fence each, while `room` bytes are left. */
function excerptSections(report: Report, room: number): string {
  let left = room;
  let text = '';
  const notes = lineNotes(report);
  for (const { first } of crashGroups(report.crashes).slice(0, summaryCrashes)) {
    const crash = report.crashes[first]?.crash;
    if (crash === undefined) continue;
    const from = Math.max(1, crash.line - linesBefore);
    const kept: string[] = [];
    // heading, fence and details around the lines
    left -= 400;
    for (const line of annotatedRange(report, notes, from, crash.lastLine + linesAfter)) {
      const size = utf8Length(fenceLine(line)) + 1;
      if (size > left || kept.length >= summaryLinesPerCrash) break;
      left -= size;
      kept.push(line);
    }
    if (kept.length === 0) break;
    text += `\n<details><summary>Annotated log from line ${from} on</summary>\n\n${fence(kept)}\n\n</details>\n`;
  }
  return text;
}
