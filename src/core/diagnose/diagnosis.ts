/** What the evidence supports, and how far. Built by `diagnose`, rendered by `report/`. */
import type { LineNumber } from '../log/crash-log.js';
import type { Sentence } from '../sentence.js';

/**
 * For a suspected MSR: `confirmed` needs the image's bytes at the PC (RDMSR or WRMSR) and ECX; `likely`: a function, inline or annotation
 * names an RDMSR/WRMSR helper, or the log itself prints that MSR as unavailable; `possible`: #GP(0) and ECX names an MSR, or an
 * intercept handler with a guest's ECX. Other findings: `confirmed` is read off, `likely` follows by one rule, `possible` is one of several.
 */
export type Grade = 'confirmed' | 'likely' | 'possible';

/** Closed list in docs/REPORT.md. */
export type FindingKind =
  | 'msr'
  | 'page-fault'
  | 'general-protection'
  | 'invalid-opcode'
  | 'stack-fault'
  | 'double-fault'
  | 'triple-fault'
  | 'machine-check'
  | 'breakpoint'
  | 'nmi'
  | 'privileged-instruction'
  | 'assertion'
  | 'vm-entry-failure'
  | 'vm-instruction-error'
  | 'unhandled-intercept'
  | 'guest-fault'
  | 'stack-overflow'
  | 'wild-jump'
  | 'other-fault';

export interface Evidence {
  readonly text: Sentence;
  /** The log line it stands on; absent for evidence from the image or from a manual. */
  readonly line?: LineNumber;
}

export type Truth = 'true' | 'false' | 'unknown';

/** One condition under which an MSR exists, worked out from the log. */
export interface Existence {
  /** In the grammar of msr.csv. */
  readonly when: string;
  /** The manual or code that states it. */
  readonly source: string;
  readonly worth: Truth;
  /** Each input with its value and where it was read, and each missing one. */
  readonly because: readonly Sentence[];
}

export interface MsrSuspect {
  readonly address: number;
  /** Absent where no row covers the number. */
  readonly name?: string;
  /** Absent where neither the image nor the log tells. */
  readonly access?: 'read' | 'write';
  /** EDX:EAX of a write. */
  readonly value?: bigint;
  readonly origin: 'host' | 'guest';
}

export interface Finding {
  readonly finding: FindingKind;
  readonly grade: Grade;
  /** Index in `CrashLog.crashes`, or in `events`; exactly one of them. */
  readonly crash?: number;
  readonly event?: number;
  /** The claim: one plain sentence. */
  readonly claim: Sentence;
  /** Why, in the order a person would tell it. */
  readonly explanation: readonly Sentence[];
  readonly evidence: readonly Evidence[];
  /** What to change, if a rule gives it: C code, shown in a fence. */
  readonly suggestion?: { readonly text: Sentence; readonly code?: string };
  readonly msr?: MsrSuspect;
  readonly exists?: readonly Existence[];
  readonly errata?: string;
}

export interface Diagnosis {
  /** Leading crash first; within a crash the strongest first. */
  readonly findings: readonly Finding[];
  /** What could not be told, and what would settle it. */
  readonly unknown: readonly Sentence[];
}
