/**
 * What a person wrote, as values: the command, the runs and files that are named, and the pieces of text in which a log may stand.
 *
 * In: the Markdown source of a body. Out: a `Question`. Refuses: to take a number inside a log for a run.
 */
import { type Command, readCommand } from './command.js';
import type { LinkReader } from './links.js';
import { readMarkdownText } from './markdown-text.js';

export interface RunMention {
  readonly kind: 'run' | 'job';
  readonly id: number;
  readonly attempt?: number;
  readonly artifactId?: number;
  /** How it was named, most explicit first. */
  readonly from: 'input' | 'command' | 'key' | 'address' | 'prose' | 'quote';
}

export interface FileMention {
  readonly url: string;
  readonly name: string;
  readonly from: 'attachment' | 'gist' | 'repository';
}

export interface Question {
  readonly command?: Command;
  /** Most explicit first; no run twice. */
  readonly runs: readonly RunMention[];
  /** `owner/repo` of run addresses elsewhere. */
  readonly foreignRuns: readonly string[];
  readonly files: readonly FileMention[];
  readonly pictures: number;
  /** Fenced blocks, in order. */
  readonly blocks: readonly string[];
  /** The whole text without marks of Markdown. */
  readonly whole: string;
}

/** Looks like a line of a serial log: a CPU tag, a long hex number, a dump's rule. Such lines name no run. */
const logLine = /(?:^|\s)\[[0-9a-f]{2}\]|0x[0-9a-f]{6,}|-----|\bCPU\(|^\s*(?:SL|INIT|TV|EL|HPT)[:([]/i;

const key =
  /\b(?:(?:github[ _-]?)?(?:workflow|actions|build|ci)[ _-]?)?run(?:[ _-]?(?:id|no|nr|number))?[ \t]{0,4}[=:][ \t]{0,4}["'`*#(]{0,4}([0-9]{1,16})(?!\w|\.\d)/gi;
const runWord =
  /\b(?:run|run[ _-]?id)\b(?:[ \t-]{0,2}\b(?:id|number|no\.?|nr\.?)(?=\W))?(?:[ \t]{1,3}(?:is|was|of|with|at|named|called|attempt))?[ \t]{0,3}["'`*_#()|[\]:=→>-]{0,6}[ \t]{0,3}["'`*_#(]{0,4}([0-9]{5,16})(?!\w|\.\d)/gi;
const buildWord =
  /\b(?:build|workflow|ci|pipeline|actions)\b[ \t]{0,3}(?:is|was|id|number|no\.?)?[ \t]{0,3}["'`*_#(:=|]{0,4}[ \t]{0,2}["'`*_#(]{0,3}([0-9]{8,16})(?!\w|\.\d)/gi;
const jobWord = /\bjob(?:[ _-]?id)?\b[ \t]{0,3}(?:is|was)?[ \t]{0,3}["'`*_#(:=|]{0,4}[ \t]{0,2}["'`*_#(]{0,3}([0-9]{5,16})(?!\w|\.\d)/gi;
const beforeWord =
  /(?<![\w.])([0-9]{8,16})[`*_")]{0,3}[ \t]{1,3}(?:is|was)[ \t]+(?:the|my|our|that)[ \t]+(?:[a-z]{1,12}[ \t]+){0,2}run\b/gi;
/** A heading of an issue form, then the value. */
const formField = /^#{1,6}[^\n]{0,100}\brun\b[^\n]{0,100}\n\s{0,20}["'`#]{0,3}([0-9]{1,16})["'`]{0,3}[ \t]*$/gim;
const relative = /(?<![\w./:-])(?:[\w.-]{1,100}\/[\w.-]{1,100}\/)?actions\/runs\/([0-9]{1,16})(?!\w|\.\d)/gi;
const address = /https?:\/\/[^\s<>"'`|\\^{}\u3000-\u303f]{1,2048}/gi;

function idOf(digits: string | undefined): number | undefined {
  const value = Number(digits ?? '');
  return Number.isSafeInteger(value) && value > 0 ? value : undefined;
}

/** An address in prose ends before the marks that close a sentence or a Markdown link. */
function trimmed(text: string): string {
  let end = text.replace(/[.,;:!?*_~]+$/, '');
  while (end.endsWith(')') && (end.match(/\(/g)?.length ?? 0) < (end.match(/\)/g)?.length ?? 0)) end = end.slice(0, -1);
  return end.replace(/[.,;:!?*_~\]]+$/, '');
}

interface Found {
  readonly runs: RunMention[];
  readonly foreign: Set<string>;
  readonly files: Map<string, FileMention>;
  pictures: number;
}

function readAddress(text: string, links: LinkReader, from: RunMention['from'], found: Found): void {
  const link = links.read(text);
  if (link === undefined) return;
  switch (link.kind) {
    case 'run':
      found.runs.push({
        kind: 'run',
        id: link.runId,
        from,
        ...(link.attempt === undefined ? {} : { attempt: link.attempt }),
        ...(link.artifactId === undefined ? {} : { artifactId: link.artifactId }),
      });
      return;
    case 'job':
      found.runs.push({ kind: 'job', id: link.jobId, from });
      return;
    case 'foreign-run':
      found.foreign.add(link.repository);
      return;
    case 'file':
      found.files.set(link.url, { url: link.url, name: link.name, from: link.from });
      return;
    case 'picture':
      found.pictures += 1;
      return;
    default:
      link satisfies never;
  }
}

function readMentions(text: string, quoted: boolean, links: LinkReader, found: Found): void {
  // full-width digits and the like as people type them; addresses are read from the text as written
  const addresses = [...text.matchAll(address)].map(([one]) => trimmed(one));
  const plainText = text
    .replace(address, ' ')
    .replace(/[\uff01-\uff5e]/g, (wide) => String.fromCharCode(wide.charCodeAt(0) - 0xfee0))
    .replace(/[\u00a0\u2007\u202f]/g, ' ')
    .replace(/[\u200b-\u200d\ufeff]/g, '')
    .split('\n')
    .filter((line) => !logLine.test(line))
    .join('\n');
  const take = (pattern: RegExp, kind: RunMention['kind'], from: RunMention['from']): void => {
    for (const match of plainText.matchAll(pattern)) {
      const id = idOf(match[1]);
      if (id !== undefined) found.runs.push({ kind, id, from: quoted ? 'quote' : from });
    }
  };
  take(key, 'run', 'key');
  for (const one of addresses) readAddress(one, links, quoted ? 'quote' : 'address', found);
  take(formField, 'run', 'key');
  take(relative, 'run', 'address');
  take(runWord, 'run', 'prose');
  take(beforeWord, 'run', 'prose');
  take(buildWord, 'run', 'prose');
  take(jobWord, 'job', 'prose');
}

const explicitness: readonly RunMention['from'][] = ['input', 'command', 'key', 'address', 'prose', 'quote'];

export function sortMentions(runs: readonly RunMention[]): RunMention[] {
  const sorted = [...runs].sort((a, b) => explicitness.indexOf(a.from) - explicitness.indexOf(b.from));
  return sorted.filter((run, index) => sorted.findIndex((other) => other.kind === run.kind && other.id === run.id) === index);
}

/** `isLog` tells a fenced block that is a piece of a log, in which no run is looked for. */
export function readQuestion(body: string, links: LinkReader, isLog: (block: string) => boolean): Question {
  const command = readCommand(body);
  const text = readMarkdownText(body);
  const found: Found = { runs: [], foreign: new Set(), files: new Map(), pictures: 0 };
  if (command?.run !== undefined) {
    const id = /^#?[0-9]{1,16}$/.test(command.run) ? idOf(command.run.replace('#', '')) : undefined;
    if (id !== undefined) found.runs.push({ kind: 'run', id, from: 'command' });
    else readAddress(trimmed(command.run), links, 'command', found);
  }
  const otherBlocks = text.blocks.filter((block) => !isLog(block)).join('\n');
  readMentions(`${text.ownWords}\n${otherBlocks}`, false, links, found);
  readMentions(text.prose, true, links, found);
  return {
    ...(command === undefined ? {} : { command }),
    runs: sortMentions(found.runs),
    foreignRuns: [...found.foreign],
    files: [...found.files.values()],
    pictures: found.pictures,
    blocks: text.blocks,
    whole: text.whole,
  };
}
