/**
 * What the rows on events fill in while a log is read.
 *
 * In: events. Out: a list with its budget. Refuses: nothing.
 */
import { limits } from '../../limits.js';
import type { LineNumber, LogEvent } from '../crash-log.js';

export interface Torn {
  readonly text: string;
  /** Without what was joined. */
  readonly first: string;
  readonly line: LineNumber;
  readonly lines: number;
}

export interface EventState {
  readonly events: LogEvent[];
  left: number;
  boot: number | undefined;
  /** Text that starts a `Fatal:` line whose end may stand in the next line. */
  torn?: Torn;
  /** Lines of conditions of which the end is missing. */
  readonly torns: LineNumber[];
  /** The last line that was looked at for a halt. */
  haltLine?: LineNumber;
  era: number;
}

export function eventState(): EventState {
  return { events: [], left: 0, boot: undefined, torns: [], era: 0 };
}

/** Adds with the boot of the line, or counts what is beyond the limit. */
export function addEvent(state: EventState, event: Omit<LogEvent, 'boot'>): void {
  if (state.events.length >= limits.events) {
    state.left += 1;
    return;
  }
  state.events.push(state.boot === undefined ? event : { ...event, boot: state.boot });
}
