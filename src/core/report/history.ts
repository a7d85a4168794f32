/**
 * Where a crash comes from: what the edge looks up in the repository, and what it must know of the report to do so.
 *
 * In (`sourceFacts`): a report. Out: the places of its leading stack and every file that a link may be drawn to. The types of what
 * comes back stand here too; every text in them is foreign.
 * Refuses: places of a stack whose image does not fit.
 */
import type { Sentence } from '../sentence.js';
import { guiltyPlace } from './frame-words.js';
import type { Report } from './report.js';
import { functionName } from './signature.js';
import { isStackTrusted, leadingCrash, leadingEvent } from './verdict-section.js';

export interface SourcePlace {
  /** As the line table or the log names it. */
  readonly file: string;
  /** From 1. */
  readonly line: number;
  /** MD5 of the file as it was compiled, 32 hex digits; absent where the compiler wrote none. */
  readonly checksum?: string;
  readonly function: string;
}

export interface SourceFacts {
  /** Innermost first, inline functions in their places. */
  readonly places: readonly SourcePlace[];
  /** Index in `places` of the line to look at first; absent where no line is known. */
  readonly guilty?: number;
  /** Every file of every stack, without repeats. */
  readonly files: readonly string[];
  /** 40 hex digits: what the boot that crashed says it was built from. */
  readonly revision?: string;
}

const mostPlaces = 64;
const mostFiles = 512;

export function sourceFacts(report: Report): SourceFacts {
  const leading = leadingCrash(report);
  const entry = leading === undefined ? undefined : report.crashes[leading];
  const boot = report.log.boots[entry?.crash.boot ?? report.log.boots.length - 1];
  const revision = boot?.revision !== undefined && /^[0-9a-f]{40}$/.test(boot.revision) ? { revision: boot.revision } : {};
  if (entry === undefined) return { ...eventFacts(report), ...revision };
  if (!isStackTrusted(report, entry)) return { places: [], files: [], ...revision };
  const at = guiltyPlace(entry.frames);
  const places: SourcePlace[] = [];
  let guilty: number | undefined;
  entry.frames.forEach(({ frame, functions }, index) => {
    functions.forEach(({ file, line, checksum, name }, position) => {
      // an inferred frame is known by its entry alone
      if (frame.synthetic || file === undefined || line === undefined || places.length >= mostPlaces) return;
      if (at?.frame === index && at.position === position) guilty = places.length;
      places.push({ file, line, function: functionName(name), ...(checksum === undefined ? {} : { checksum }) });
    });
  });
  const files = new Set<string>();
  for (const crash of report.crashes) {
    if (!isStackTrusted(report, crash)) continue;
    for (const { functions } of crash.frames) {
      for (const { file } of functions) if (file !== undefined && files.size < mostFiles) files.add(file);
    }
  }
  return { places, files: [...files], ...(guilty === undefined ? {} : { guilty }), ...revision };
}

/** An assertion names its own line; an image must know that line, or it is of another build. */
function eventFacts(report: Report): Pick<SourceFacts, 'places' | 'guilty' | 'files'> {
  const event = leadingEvent(report);
  if (event?.file === undefined || event.sourceLine === undefined || event.function === undefined) return { places: [], files: [] };
  return {
    places: [{ file: event.file, line: event.sourceLine, function: functionName(event.function) }],
    guilty: 0,
    files: [event.file],
  };
}

/** Lines of a file at the build's commit. */
export interface SourceExcerpt {
  readonly role: 'guilty' | 'fault';
  /** Inside the repository. */
  readonly path: string;
  readonly line: number;
  /** Number of the first of `lines`. */
  readonly first: number;
  /** Empty where the file is not the one that was compiled. */
  readonly lines: readonly string[];
  /** Against the checksum in the debug information. */
  readonly check: 'same' | 'differs' | 'not-verified';
}

/** Who changed a line last. */
export interface BlamedLine {
  readonly path: string;
  readonly line: number;
  readonly function: string;
  readonly guilty: boolean;
  /** 40 hex digits. */
  readonly commit: string;
  /** `2026-05-11`. */
  readonly date: string;
  readonly author: string;
  readonly subject: string;
  /** Its number; absent where none is known. */
  readonly pullRequest?: number;
}

export interface RankedCommit {
  readonly commit: string;
  readonly date: string;
  readonly author: string;
  readonly subject: string;
  readonly reasons: readonly Sentence[];
}

/** Commits from a good revision to the build. */
export interface CommitRange {
  /** 40 hex digits each. */
  readonly good: string;
  readonly bad: string;
  /** Why that revision counts as good. */
  readonly goodFrom: Sentence;
  readonly total: number;
  /** How many were looked at; fewer than `total` in a long range. */
  readonly seen: number;
  /** Those that touch the stack, most telling first. */
  readonly ranked: readonly RankedCommit[];
  /** More that touch it, not shown. */
  readonly more: number;
}

/** An earlier answer of ours with the same signature, in another conversation. */
export interface SeenBefore {
  readonly issue: number;
  readonly comment: number;
  readonly isPullRequest: boolean;
  /** `2026-05-11`. */
  readonly date: string;
  /** `3 weeks`. */
  readonly age: string;
  /** Absent where it was not looked up. */
  readonly state?: 'open' | 'closed';
}

/** Everything that was found; each part is absent where there is nothing to say. */
export interface History {
  /** File as the stack names it, path inside the repository at the build's commit. */
  readonly sourcePaths?: readonly (readonly [file: string, path: string])[];
  readonly source?: readonly SourceExcerpt[];
  readonly blame?: readonly BlamedLine[];
  readonly commits?: CommitRange;
  readonly seenBefore?: readonly SeenBefore[];
  /** What could not be looked up, and why. */
  readonly notLookedUp?: readonly Sentence[];
}
