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
const { max } = Math;

/** What a segment holds that `cleanText` may have to change. */
export const odd = { control: 1, foreign: 2, ampersand: 4, caret: 8, backslash: 16 } as const;

export interface Segment {
  readonly text: string;
  readonly line: LineNumber;
  /** Sum of `odd` values; 0 for plain text. */
  readonly odd: number;
  /** `lettersOf(text)`. */
  readonly letters: number;
  /** Characters beyond `limits.logLineBytes`, which were left out. */
  readonly dropped: number;
}

/** For each code up to 127 its bit: letters without case, the digit 0, and marks that patterns are made of. */
const letterBits = new Int32Array(128);
for (let bit = 0; bit < 26; bit += 1) {
  letterBits[0x41 + bit] = 1 << bit;
  letterBits[0x61 + bit] = 1 << bit;
}
for (const [index, mark] of ['(', '=', '[', ':', "'", '0'].entries()) letterBits[mark.charCodeAt(0)] = 1 << (26 + index);

/** For each code below 127 what is odd about it. */
const oddBits = new Uint8Array(128);
for (let code = 0; code < 128; code += 1) if (code < BLANK || code > TILDE) oddBits[code] = odd.control;
oddBits[TAB] = 0;
oddBits[0x26] = odd.ampersand;
oddBits[0x5e] = odd.caret;
oddBits[0x5c] = odd.backslash;

/** A set of the characters in `text`: a literal cannot stand in a text whose set lacks one of its bits. */
export function lettersOf(text: string): number {
  const { length } = text;
  let letters = 0;
  for (let i = 0; i < length; i += 1) {
    const code = text.charCodeAt(i);
    if (code < 128) letters |= letterBits[code] ?? 0;
  }
  return letters;
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
  let oddness = 0;
  let letters = 0;
  for (let i = 0; i <= end; i += 1) {
    const code = i < end ? text.charCodeAt(i) : LF;
    if (code === LF || code === CR) {
      if (!blank) {
        const dropped = max(0, i - start - limits.logLineBytes);
        take({ text: text.slice(start, i - dropped), line, odd: oddness, letters, dropped });
      }
      if (code === LF) line += 1;
      start = i + 1;
      blank = true;
      oddness = 0;
      letters = 0;
    } else if (code >= 128) {
      blank = false;
      oddness |= odd.foreign;
    } else if (code !== BLANK && code !== TAB) {
      blank = false;
      oddness |= oddBits[code] ?? 0;
      letters |= letterBits[code] ?? 0;
    }
  }
}
