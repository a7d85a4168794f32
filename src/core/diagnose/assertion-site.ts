/**
 * Which dump a printed assertion belongs to: the print bears no CPU, and on several CPUs the next dump may be another's.
 *
 * In: assertions, crashes with their frames. Out: the assertion that one crash ends. Refuses: an assertion whose line the frames
 * contradict, and, without frames, one that could as well be another CPU's.
 */
import type { CpuCrash, CrashLog, LogEvent } from '../log/crash-log.js';
import type { ReportFrame } from '../report/report.js';

const invalidOpcode = 6;
/** Lines between an assertion's text and the dump that its UD2 brings about; other CPUs may print between. */
const assertionReach = 40;
/** The condition's own line, with the helpers that an assertion calls above it. */
const innermostFrames = 4;

interface Crashed {
  readonly log: Pick<CrashLog, 'events' | 'crashes'>;
  readonly crash: CpuCrash;
  readonly frames: readonly ReportFrame[];
}

/** The last assertion before the crash that can be its own. Index is that in `log.events`. */
export function assertionBefore({ log, crash, frames }: Crashed): { readonly event: LogEvent; readonly index: number } | undefined {
  for (let index = log.events.length - 1; index >= 0; index -= 1) {
    const event = log.events[index];
    if (event === undefined || event.kind !== 'assertion' || event.line > crash.line || event.line < crash.line - assertionReach) continue;
    if (event.cpu !== undefined && crash.cpu !== '' && event.cpu !== crash.cpu) continue;
    if (isOwn(event, crash, frames, log.crashes)) return { event, index };
  }
  return undefined;
}

function isOwn(event: LogEvent, crash: CpuCrash, frames: readonly ReportFrame[], crashes: readonly CpuCrash[]): boolean {
  const fits = fitsFrames(event, frames);
  if (fits !== undefined) return fits;
  const nobodyKnows = event.cpu === undefined || crash.cpu === '';
  return !nobodyKnows || crashes.every((other) => other === crash || !mayEnd(event, other) || isTwin(other, crash));
}

function mayEnd(event: LogEvent, { fault, line }: CpuCrash): boolean {
  return fault.vector === invalidOpcode && line >= event.line && line - event.line <= assertionReach;
}

function isTwin({ fault: one }: CpuCrash, { fault: other }: CpuCrash): boolean {
  return one.vector === other.vector && one.pc === other.pc;
}

/** `undefined` where neither has lines to compare. */
function fitsFrames({ file, sourceLine }: LogEvent, frames: readonly ReportFrame[]): boolean | undefined {
  if (file === undefined || sourceLine === undefined) return undefined;
  const places = frames.slice(0, innermostFrames).flatMap(({ functions }) => functions.filter((one) => one.line !== undefined));
  if (places.length === 0) return undefined;
  const base = baseName(file);
  return places.some((one) => one.line === sourceLine && one.file !== undefined && baseName(one.file) === base);
}

function baseName(path: string): string {
  return path.slice(Math.max(path.lastIndexOf('/'), path.lastIndexOf('\\')) + 1);
}
