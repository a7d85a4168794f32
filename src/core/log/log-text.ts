/**
 * The text of a log and where its lines start.
 *
 * In: the text as it was read. Out: a `LogSource` for people to point into, and segments for readers to match on.
 * Refuses: nothing. The text is never split into an array of strings: a log may have 21 million lines.
 *
 * A *line* ends by LF alone, for that is what editors and the report count. A *segment* ends by LF or CR: a terminal that
 * sends CR only, or CRLF through a tool that drops the LF, still gives one record a segment, all on the same line.
 */
import { limits } from '../limits.js';
import type { LineNumber, LogSource } from './crash-log.js';

const LF = 0x0a;
const CR = 0x0d;
const TAB = 0x09;
const BLANK = 0x20;
const TILDE = 0x7e;
/** Of these, HTML entities, `^M` and Markdown escapes are made; plain otherwise. */
const AMPERSAND = 0x26;
const CARET = 0x5e;
const BACKSLASH = 0x5c;

export interface Segment {
  readonly text: string;
  readonly line: LineNumber;
  /** Holds a character that `cleanText` may change. */
  readonly odd: boolean;
  /** Characters beyond `limits.logLineBytes`, which were left out. */
  readonly dropped: number;
}

export function logSource(text: string): LogSource {
  const starts = lineStarts(text);
  return {
    text,
    lineCount: starts.length,
    line(line) {
      const start = starts[line - 1];
      if (start === undefined) return '';
      let end = starts[line] ?? text.length;
      if (end > start && text.charCodeAt(end - 1) === LF) end -= 1;
      if (end > start && text.charCodeAt(end - 1) === CR) end -= 1;
      return text.slice(start, end);
    },
  };
}

function lineStarts(text: string): Uint32Array {
  const { length } = text;
  let count = 0;
  for (let i = 0; i < length; i += 1) if (text.charCodeAt(i) === LF) count += 1;
  if (length > 0 && text.charCodeAt(length - 1) !== LF) count += 1;
  const starts = new Uint32Array(count);
  let next = 1;
  for (let i = 0; i < length - 1; i += 1) {
    if (text.charCodeAt(i) === LF) {
      starts[next] = i + 1;
      next += 1;
    }
  }
  return starts;
}

/** Calls `take` for every segment that is not blank; `end` is where reading stops (a log over the limit). */
export function forEachSegment(text: string, end: number, take: (segment: Segment) => void): void {
  let line = 1;
  let start = 0;
  let blank = true;
  let odd = false;
  for (let i = 0; i <= end; i += 1) {
    const code = i < end ? text.charCodeAt(i) : LF;
    if (code === LF || code === CR) {
      if (!blank) {
        const dropped = i - start - limits.logLineBytes;
        const stop = dropped > 0 ? start + limits.logLineBytes : i;
        take({ text: text.slice(start, stop), line, odd, dropped: dropped > 0 ? dropped : 0 });
      }
      if (code === LF) line += 1;
      start = i + 1;
      blank = true;
      odd = false;
    } else if (code !== BLANK && code !== TAB) {
      blank = false;
      if (code < BLANK || code > TILDE || code === AMPERSAND || code === CARET || code === BACKSLASH) odd = true;
    }
  }
}
