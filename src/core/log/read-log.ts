/**
 * From the text of a serial log to `CrashLog`.
 *
 * In: any text. Out: what it says, with everything that is damaged named. Refuses: nothing, and never throws: a text of no
 * known dialect answers `dialect: 'unknown'` with notes of what was read.
 *
 * Each dialect is shown every segment and scores its own evidence; the best one above its own bar is taken. Two that tie are
 * both doubtful: the log is then unknown.
 */
import { limits } from '../limits.js';
import { say } from '../sentence.js';
import type { CrashLog, Damage } from './crash-log.js';
import type { DialectReader, DialectReading } from './dialects/dialect.js';
import { xmhfReader } from './dialects/xmhf.js';
import { forEachSegment, logSource } from './log-text.js';
import { shapeCounter } from './other-shapes.js';

const dialects: readonly (() => DialectReader)[] = [xmhfReader];

export function readLog(text: string): CrashLog {
  const source = logSource(text);
  const readers = dialects.map((dialect) => dialect());
  const shapes = shapeCounter();
  const end = Math.min(text.length, limits.logBytes);
  let segments = 0;
  forEachSegment(text, end, (segment) => {
    segments += 1;
    for (const reader of readers) reader.take(segment);
    shapes.take(segment.text);
  });
  const extra: Damage[] = [];
  if (end < text.length) {
    extra.push({
      kind: 'log-too-long',
      line: source.lineCount,
      detail: say`The log has ${text.length - end} characters beyond the ${limits.logBytes} that are read.`,
    });
  }
  const reading = best(readers.map((reader) => reader.finish(source)));
  if (reading === undefined) {
    return {
      dialect: 'unknown',
      boots: [],
      crashes: [],
      events: [],
      damage: extra,
      facts: { msrs: [], cpuid: [], vmcs: [], stackTops: [], apicIds: [], guestMsrAccesses: [], milestones: [] },
      source,
      notes: [
        say`The text has ${source.lineCount} lines, ${segments} of them not blank, and ${text.length} characters; it is of no log format that is known here.`,
        ...shapes.notes(),
      ],
    };
  }
  const { log } = reading;
  return { dialect: reading.dialect, ...log, damage: [...log.damage, ...extra], source, notes: [] };
}

function best(readings: readonly DialectReading[]): DialectReading | undefined {
  const sure = readings.filter((reading) => reading.score >= reading.enough).sort((a, b) => b.score - a.score);
  const [first, second] = sure;
  return first !== undefined && second !== undefined && first.score === second.score ? undefined : first;
}
