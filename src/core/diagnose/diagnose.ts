/**
 * Evidence in, findings out: what the fault was, which MSR is suspected and how surely, and what could not be told.
 *
 * In: the log, the symbolized frames of each crash, the images whose bytes the CPU executed. Out: findings, leading crash first,
 * and the open questions. Refuses: a claim without evidence; where the evidence does not carry, there is no finding. A rule that
 * meets a malformed condition table throws `FormatError`, for that is a fault of ours.
 *
 * Each file of this folder turns one kind of evidence into findings; tables restate the CPU manuals, with their sections.
 */
import type { CrashLog } from '../log/crash-log.js';
import type { Platform } from '../platform.js';
import type { ReportFrame } from '../report/report.js';
import { plain, type Sentence } from '../sentence.js';
import { crashContext } from './crash-context.js';
import type { Diagnosis, Finding } from './diagnosis.js';
import type { DiagnosedImage } from './instruction.js';
import { msrSuspect } from './msr.js';

export type { DiagnosedImage } from './instruction.js';

export interface DiagnoseInput {
  readonly log: CrashLog;
  /** One list for each of `log.crashes`, in the same order: its symbolized frames, innermost first; empty where there are none. */
  readonly backtraces: readonly (readonly ReportFrame[])[];
  /** Images that are believed to be the log's: their bytes are taken as what the CPU executed. */
  readonly images: readonly DiagnosedImage[];
  readonly platform: Platform;
}

export function diagnose(input: DiagnoseInput): Diagnosis {
  const findings: Finding[] = [];
  const unknown: Sentence[] = [];
  input.log.crashes.forEach((crash, index) => {
    const context = crashContext(input.log, index, crash, input.backtraces[index] ?? [], input.images, input.platform);
    const msr = msrSuspect(context);
    if (msr !== undefined) {
      findings.push(msr.finding);
      unknown.push(...msr.unknown);
    }
  });
  return { findings, unknown: distinct(unknown) };
}

function distinct(sentences: readonly Sentence[]): readonly Sentence[] {
  const seen = new Set<string>();
  return sentences.filter((sentence) => {
    const text = plain(sentence);
    return !seen.has(text) && seen.add(text);
  });
}
