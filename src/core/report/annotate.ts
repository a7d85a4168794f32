/**
 * The annotated log: each line of the original, followed by what it means.
 *
 * In: a report. Out: lines; notes stand under their line behind `    ~ `. One pass over the text, so that a log of many megabytes
 * costs its own length. Refuses: control characters (shown as escapes), and names from an image that does not fit.
 */
import { hex } from '../addresses.js';
import type { Finding } from '../diagnose/diagnosis.js';
import { plain, type Sentence } from '../sentence.js';
import { capped, visible } from './foreign-text.js';
import { placeText, stopText, trustWords } from './frame-words.js';
import type { Report, ReportCrash, ReportFrame } from './report.js';
import { exceptionName, functionName } from './signature.js';
import { isStackTrusted } from './verdict-section.js';

const noteMark = '    ~ ';
/** Notes are short by nature; hostile names are not. */
const noteCap = 300;
/** Notes on one line: a register line explains at most four registers. */
const notesPerLine = 16;

/** What is known about single lines, by line number. */
export function lineNotes(report: Report): ReadonlyMap<number, readonly string[]> {
  const notes = new Map<number, string[]>();
  const add = (line: number | undefined, text: string | Sentence): void => {
    if (line === undefined) return;
    const note = capped(visible(typeof text === 'string' ? text : plain(text)), noteCap);
    const known = notes.get(line);
    if (known === undefined) notes.set(line, [note]);
    else if (known.length < notesPerLine && !known.includes(note)) known.push(note);
  };
  for (const [index, boot] of report.log.boots.entries()) {
    add(boot.line, `boot ${index}: ${boot.product}${boot.revision === undefined ? '' : `, revision ${boot.revision}`}`);
  }
  report.crashes.forEach((entry, index) => {
    crashNotes(report, entry, index, add);
  });
  for (const event of report.events) {
    const where = event.function === undefined ? '' : ` in ${functionName(event.function)}`;
    add(event.line, `event: ${event.kind}${where}${event.fatal ? '' : ' (survived)'}`);
  }
  for (const damage of [...report.log.damage, ...report.crashes.flatMap(({ crash }) => crash.damage)]) {
    add(damage.line, `damage, ${damage.kind}: ${plain(damage.detail)}`);
  }
  for (const { name, line, cpu } of report.log.facts.milestones) add(line, `stage${cpu === undefined ? '' : ` of CPU ${cpu}`}: ${name}`);
  for (const finding of report.findings) {
    msrNotes(report, finding, add);
    for (const { text, line } of finding.evidence) add(line, `evidence for ${finding.finding} (${finding.grade}): ${plain(text)}`);
  }
  return notes;
}

/** The registers of an RDMSR or WRMSR, on every CPU that died at it. */
function msrNotes({ crashes }: Report, { msr, crash: index, grade }: Finding, add: Add): void {
  if (msr === undefined || index === undefined || msr.origin === 'guest') return;
  const { address, value } = msr;
  const name = msr.name === undefined ? '' : ` ${msr.name}`;
  crashes.forEach(({ crash, sameAs }, at) => {
    if (at !== index && sameAs !== index) return;
    const of = (i386: string, amd64: string): number | undefined => crash.recordLines.get(crash.arch === 'i386' ? i386 : amd64);
    add(of('ecx', 'rcx'), `ECX: number of the MSR, ${hex(address)}${name} (${grade})`);
    if (value !== undefined && at === index) add(of('eax', 'rax'), `EDX:EAX: the value written, ${hex(value)}`);
  });
}

type Add = (line: number | undefined, text: string | Sentence) => void;

function crashNotes(report: Report, entry: ReportCrash, index: number, add: Add): void {
  const { crash, frames } = entry;
  const same = entry.sameAs === undefined ? '' : `, the same as crash ${entry.sameAs}`;
  add(crash.line, `crash ${index}${crash.cpu === '' ? '' : ` on CPU ${crash.cpu}`}: ${exceptionName(crash.fault)}${same}`);
  if (!isStackTrusted(report, entry)) {
    add(crash.line, 'the image does not fit this log, so nothing is named');
    return;
  }
  const [fault] = frames;
  if (fault !== undefined) add(crash.recordLines.get('pc'), frameNote(fault, 0));
  for (const [name, meaning] of entry.registerMeanings) add(crash.recordLines.get(name), `${name}: ${plain(meaning)}`);
  const lineOf = new Map(crash.stack.words.map(({ address, line }) => [address, line]));
  for (const { address, frameIndex, kind, text } of entry.wordMeanings) {
    const frame = kind === 'frame' && frameIndex !== undefined ? frames[frameIndex] : undefined;
    add(lineOf.get(address), frame === undefined || frameIndex === undefined ? text : frameNote(frame, frameIndex));
  }
  add(crash.lastLine, stopText(entry));
}

/** `frame 3: outer at part.c:88, inner (inlined) at cpu.h:12; frame pointer, call checked`. */
function frameNote({ frame, functions, symbol }: ReportFrame, index: number): string {
  const chain = functions.map(({ name, file, line, inlined }) => {
    const place = placeText(file, line);
    return `${functionName(name)}${inlined ? ' (inlined)' : ''}${place === '' ? '' : ` at ${place}`}`;
  });
  const names = chain.length > 0 ? chain.join(' in ') : symbol === undefined ? 'no name' : functionName(symbol);
  const check = frame.callVerified === undefined ? '' : frame.callVerified ? ', call checked' : ', no matching call';
  return `frame ${index}: ${names}; ${index === 0 ? 'fault' : trustWords[frame.trust]}${check}`;
}

const harmless = /^[\x20-\x7e\t]*$/;

function shownLine(original: string): string {
  return harmless.test(original) ? original : original.split('\t').map(visible).join('\t');
}

/** Lines `from` to `to` (both count, whole lines of the log) with their notes. */
export function* annotatedRange(
  report: Report,
  notes: ReadonlyMap<number, readonly string[]>,
  from: number,
  to: number,
): Generator<string> {
  const { source } = report.log;
  for (let line = Math.max(1, from); line <= Math.min(to, source.lineCount); line += 1) {
    yield shownLine(source.line(line));
    for (const note of notes.get(line) ?? []) yield noteMark + note;
  }
}

/** The whole log: one pass, without asking for single lines. */
export function annotate(report: Report): string {
  const notes = lineNotes(report);
  const { text } = report.log.source;
  const shown: string[] = [];
  for (let line = 1, start = 0; start < text.length; line += 1) {
    const found = text.indexOf('\n', start);
    const end = found < 0 ? text.length : found;
    shown.push(shownLine(text.slice(start, end > start && text.charCodeAt(end - 1) === 0x0d ? end - 1 : end)));
    for (const note of notes.get(line) ?? []) shown.push(noteMark + note);
    start = end + 1;
  }
  shown.push('');
  return shown.join('\n');
}
