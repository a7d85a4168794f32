/**
 * What a dialect is: a reader that is shown every segment of a log, keeps what it knows, and says how sure it is.
 */
import type { CrashLog, LogSource } from '../crash-log.js';
import type { Segment } from '../log-text.js';

export interface DialectReader {
  take(segment: Segment): void;
  finish(source: LogSource): DialectReading;
}

export interface DialectReading {
  readonly dialect: Exclude<CrashLog['dialect'], 'unknown'>;
  /** Sum of the evidence; below `enough` the log is not of this dialect. */
  readonly score: number;
  readonly enough: number;
  readonly log: Pick<CrashLog, 'era' | 'arch' | 'boots' | 'crashes' | 'events' | 'damage' | 'facts'>;
}
