/**
 * What somebody wrote to a `Request`: the log, the runs that may have built it, and the command, or nothing where we stay silent.
 *
 * In: a text with its place, and ways to ask for files and neighbours. Out: a `Request`, `undefined` for what is not ours.
 * It speaks for a register dump or another fatal event, in the text or in an attached file, or for the command. One exception: a
 * picture together with a run gets, once, the sentence that the text is needed.
 */
import type { CpuCrash, CrashLog } from '../core/log/crash-log.js';
import { readLog } from '../core/log/read-log.js';
import { type Sentence, say } from '../core/sentence.js';
import { type FileText, mayHoldLog } from './attachments.js';
import type { Command } from './command.js';
import type { Comment } from './comments.js';
import type { Asked } from './event.js';
import type { LinkReader } from './links.js';
import { isMarked } from './marker.js';
import { type FileMention, type Question, type RunMention, readQuestion, sortMentions } from './question.js';

export interface FoundLog {
  readonly text: string;
  readonly log: CrashLog;
  /** Where it stood. */
  readonly from: Sentence;
}

export interface Request {
  readonly why: 'crash' | 'command' | 'picture';
  readonly found?: FoundLog;
  readonly command?: Command;
  /** Most explicit first. */
  readonly runs: readonly RunMention[];
  readonly foreignRuns: readonly string[];
  /** What went wrong while reading, one sentence each with its remedy. */
  readonly problems: readonly Sentence[];
}

export interface Surroundings {
  readonly links: LinkReader;
  readFile(file: FileMention): Promise<FileText>;
  /** Comments of the same issue, oldest first. */
  comments(): Promise<readonly Comment[]>;
}

const filesRead = 5;
/** GitHub cuts no text but refuses it; people cut theirs to fit. */
const nearLimit = 64_000;

/** More than a header, which a line of source code may look like, and more than stack words, which are the rest of another dump. */
function hasContent({ fault, registers }: CpuCrash): boolean {
  return fault.vector !== undefined || fault.pc !== undefined || registers.size > 0;
}

export function isFatal(log: CrashLog): boolean {
  return log.crashes.some(hasContent) || log.events.some((event) => event.fatal);
}

/** A piece of a serial log, with a crash or without. */
export function isLogPiece(text: string): boolean {
  const log = readLog(text);
  return (
    isFatal(log) ||
    log.boots.length > 0 ||
    (log.dialect === 'xmhf' && log.events.length > 0) ||
    /^\W*\[[0-9a-f]{2}\] +Stack\(0x/m.test(text)
  );
}

/** The fenced pieces where they hold a crash, else the whole text; `undefined` where neither does. */
export function pickLog(question: Pick<Question, 'blocks' | 'whole'>, from: Sentence): FoundLog | undefined {
  const pieces = question.blocks.filter(isLogPiece);
  for (const text of [pieces.join('\n'), question.whole]) {
    if (text === '') continue;
    const log = readLog(text);
    if (isFatal(log)) return { text, log, from };
  }
  return undefined;
}

async function logInFiles(files: readonly FileMention[], around: Surroundings, problems: Sentence[]): Promise<FoundLog | undefined> {
  for (const file of files.slice(0, filesRead)) {
    const read = await around.readFile(file);
    switch (read.kind) {
      case 'unreadable':
        problems.push(read.problem);
        break;
      case 'texts':
        for (const { name, text } of read.texts) {
          const log = readLog(text);
          if (isFatal(log)) return { text, log, from: say`The log was read from the file ${name}.` };
        }
        break;
      default:
        read satisfies never;
    }
  }
  return undefined;
}

/** A log that was too long for one comment: the pieces that the same author wrote just before, with nobody in between. */
export function joinNeighbours(asked: Asked, found: FoundLog, comments: readonly Comment[]): FoundLog {
  if (asked.key.kind !== 'comment' || found.log.boots.length > 0) return found;
  const before = comments.filter((comment) => comment.id < asked.key.id && !isMarked(comment.body));
  const pieces: string[] = [];
  for (const comment of before.reverse()) {
    const near = Math.abs(Date.parse(asked.createdAt) - Date.parse(comment.createdAt)) <= 15 * 60_000;
    if (comment.author !== asked.author || !near || pieces.length >= 20) break;
    const { blocks, whole } = readQuestion(comment.body, { read: () => undefined }, () => true);
    const text = blocks.length > 0 ? blocks.filter(isLogPiece).join('\n') : whole;
    if (text === '' || !isLogPiece(text) || isFatal(readLog(text))) break;
    pieces.unshift(text);
  }
  if (pieces.length === 0) return found;
  const text = [...pieces, found.text].join('\n');
  const log = readLog(text);
  return { text, log, from: say`The log was put together from ${pieces.length + 1} comments of ${asked.author}.` };
}

/** The piece of a log that stands in a comment of its own, without a crash in it. */
export function continuation(body: string): string | undefined {
  const { blocks, whole, command } = readQuestion(body, { read: () => undefined }, () => true);
  if (command !== undefined || isMarked(body)) return undefined;
  const text = blocks.length > 0 ? blocks.filter(isLogPiece).join('\n') : whole;
  return text !== '' && isLogPiece(text) && !isFatal(readLog(text)) ? text : undefined;
}

/** The comment of the same author just before this one, nobody in between: the question that this one goes on with. */
export function questionBefore(asked: Asked, comments: readonly Comment[]): Comment | undefined {
  const before = comments.filter((comment) => comment.id < asked.key.id && !isMarked(comment.body)).at(-1);
  if (before === undefined || before.author !== asked.author) return undefined;
  return Math.abs(Date.parse(asked.createdAt) - Date.parse(before.createdAt)) <= 15 * 60_000 ? before : undefined;
}

/** The newest text under the issue, or the issue's own, that holds a crash: for the command without one. */
async function logNearby(asked: Asked, around: Surroundings, problems: Sentence[], runs: RunMention[]): Promise<FoundLog | undefined> {
  const isLog = (block: string): boolean => isLogPiece(block);
  const comments = asked.key.kind === 'review' ? [] : await around.comments();
  const earlier = comments.filter(
    (comment) => !comment.isBot && !isMarked(comment.body) && !(asked.key.kind === 'comment' && comment.id >= asked.key.id),
  );
  const places = earlier
    .reverse()
    .map((comment) => ({ body: comment.body, from: say`The log was read from the comment at ${comment.url}.` }));
  const parent =
    asked.parent === undefined
      ? []
      : [{ body: asked.parent.body, from: say`The log was read from the first text of ${`#${asked.number}`}.` }];
  for (const { body, from } of [...places, ...parent]) {
    const question = readQuestion(body, around.links, isLog);
    const found = pickLog(question, from) ?? (await logInFiles(question.files, around, problems));
    if (found === undefined) continue;
    runs.push(...question.runs.map((run) => ({ ...run, from: 'quote' as const })));
    return found;
  }
  return undefined;
}

export async function readRequest(asked: Asked, around: Surroundings): Promise<Request | undefined> {
  if (isMarked(asked.body)) return undefined;
  const question = readQuestion(asked.body, around.links, isLogPiece);
  const { command } = question;
  const problems: Sentence[] = [...(command?.problems ?? [])];
  const runs = [...question.runs];
  let found = pickLog(question, say`The log was read from the text.`);
  const files = command === undefined ? question.files.filter(mayHoldLog) : question.files;
  found ??= await logInFiles(files, around, problems);
  if (found === undefined && command !== undefined) found = await logNearby(asked, around, problems, runs);
  if (found !== undefined && asked.parent !== undefined) {
    const parent = readQuestion(asked.parent.body, around.links, isLogPiece);
    runs.push(...parent.runs.map((run) => ({ ...run, from: 'quote' as const })));
  }
  if (found !== undefined && asked.body.length >= nearLimit && found.log.crashes.some(({ stack }) => !stack.complete)) {
    problems.push(say`The text is as long as GitHub lets one be, and the log in it is cut. Attach the whole log as a ${'.txt'} file.`);
  }
  const known = { runs: sortMentions(runs), foreignRuns: question.foreignRuns, problems, ...(command === undefined ? {} : { command }) };
  if (found !== undefined) return { why: 'crash', found, ...known };
  if (command !== undefined) return { why: 'command', ...known };
  const explicit = question.runs.some((run) => run.from === 'address' || run.from === 'key');
  return question.pictures > 0 && explicit ? { why: 'picture', ...known } : undefined;
}
