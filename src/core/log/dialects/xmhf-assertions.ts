/**
 * Conditions that stop XMHF: `Condition '…' failed, line N, file F`.
 *
 * In: segments, also lines that a mail reader broke. Out: events. Refuses: fields of a condition of which the end cannot be seen.
 * Printed by HALT_ON_ERRORCOND of `include/arch/x86/_error.h`.
 */
import { limits } from '../../limits.js';
import type { LineNumber } from '../crash-log.js';
import { addEvent, type EventState, type Torn } from './event-state.js';

const endOfCondition = "' failed, line ";
const place = /(\d{1,9}), file ([^\s,;'"<>[\]{}|]{1,1024})/y;

export interface Assertion {
  readonly condition: string;
  readonly file: string;
  readonly sourceLine: number;
  readonly end: number;
}

/** `Condition '…' failed, line N, file F`; the condition may hold quotes. */
export function readCondition(text: string, at: number): Assertion | undefined {
  const stop = text.indexOf(endOfCondition, at);
  if (stop < 0) return undefined;
  place.lastIndex = stop + endOfCondition.length;
  const match = place.exec(text);
  if (match === null) return undefined;
  const file = sourceFile(match[2] ?? '');
  return {
    condition: text.slice(at, stop),
    file,
    sourceLine: Number(match[1]),
    end: place.lastIndex - (match[2] ?? '').length + file.length,
  };
}

/** Up to its `.c` or `.h`: other text may be glued to it. */
function sourceFile(token: string): string {
  return /^.*?\.(?:cpp|cc|c|h|S|s)(?![a-z0-9_])/.exec(token)?.[0] ?? /^.*?\.[ch]/.exec(token)?.[0] ?? token;
}

/** Of today, of LHV's tests, and of before 1f3177f06 (2013-04-15). */
const conditionOpeners = ["Fatal: Halting! Condition '", "TEST_ASSERT '", "Assertion '"] as const;

/** A `Fatal:` line, also one that a mail reader broke in up to three. Answers the evidence. */
export function takeAssertion(state: EventState, text: string, line: LineNumber): number {
  const { torn } = state;
  if (torn === undefined) return takeCondition(state, text, line);
  delete state.torn;
  const joined = `${torn.text} ${text.replace(/^[>|\s]{0,16}/, '')}`;
  const stops = text.includes("Condition '");
  if (!stops) {
    const before = state.events.length + state.left;
    takeCondition(state, joined, torn.line);
    if (state.events.length + state.left > before) return 0;
    delete state.torn;
  }
  if (!stops && torn.lines < mostPieces - 1 && joined.length < limits.stringBytes) {
    state.torn = { ...torn, text: joined, lines: torn.lines + 1 };
    return 0;
  }
  giveUp(state, torn);
  return takeCondition(state, text, line);
}

const mostPieces = 3;

/** The end of a log: what is torn stays torn. */
export function finishAssertions(state: EventState): void {
  if (state.torn !== undefined) giveUp(state, state.torn);
  delete state.torn;
}

function giveUp(state: EventState, torn: Torn): void {
  addEvent(state, { kind: 'assertion', line: torn.line, text: torn.first, fatal: true });
  if (state.torns.length < limits.damage) state.torns.push(torn.line);
}

function takeCondition(state: EventState, text: string, line: LineNumber): number {
  let worth = 0;
  for (const opener of conditionOpeners) {
    let at = text.indexOf(opener);
    while (at >= 0) {
      const found = readCondition(text, at + opener.length);
      if (found === undefined) {
        if (opener !== conditionOpeners[0]) break;
        const first = text.slice(at, at + limits.stringBytes);
        state.torn = { text: first, first: first.trimEnd(), line, lines: 1 };
        worth += 4;
        break;
      }
      delete state.torn;
      addEvent(state, {
        kind: 'assertion',
        line,
        text: text.slice(at, found.end).slice(0, limits.stringBytes),
        condition: found.condition.slice(0, limits.stringBytes),
        file: found.file,
        sourceLine: found.sourceLine,
        fatal: true,
      });
      worth += opener === "Assertion '" ? 1 : 4;
      at = text.indexOf(opener, found.end);
    }
  }
  return worth;
}
