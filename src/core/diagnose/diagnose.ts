/**
 * Evidence in, findings out: what the fault was, which MSR is suspected and how surely, and what could not be told.
 */
import type { Image } from '../image/image.js';
import type { CrashLog } from '../log/crash-log.js';
import type { Platform } from '../platform.js';
import type { ReportFrame } from '../report/report.js';
import type { Diagnosis } from './diagnosis.js';

export interface DiagnoseInput {
  readonly log: CrashLog;
  /** One list for each of `log.crashes`, in the same order: its symbolized frames, innermost first; empty where there are none. */
  readonly backtraces: readonly (readonly ReportFrame[])[];
  /** Images that are believed to be the log's: their bytes are taken as what the CPU executed. */
  readonly images: readonly DiagnosedImage[];
  readonly platform: Platform;
}

export interface DiagnosedImage {
  readonly image: Image;
  /** Runtime minus link address. */
  readonly bias: bigint;
}

export function diagnose(_input: DiagnoseInput): Diagnosis {
  return { findings: [], unknown: [] };
}
