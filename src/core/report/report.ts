/** What we say: data for one answer. `json.ts`, `markdown.ts`, `text.ts`, `annotate.ts` and `html.ts` know how it looks. */
import type { Arch, RuntimeAddress } from '../addresses.js';
import type { Finding } from '../diagnose/diagnosis.js';
import type { Gap } from '../gap.js';
import type { SourceFunction } from '../image/symbolize.js';
import type { CpuCrash, CrashLog, LogEvent } from '../log/crash-log.js';
import type { Sentence } from '../sentence.js';
import type { Frame, StopReason } from '../unwind/frame.js';
import type { History } from './history.js';

export type Verdict = 'match' | 'probable' | 'ambiguous' | 'mismatch' | 'unverifiable';

/** One independent signal that ties an image to a log. Closed list of checks in docs/REPORT.md. */
export interface MatchEvidence {
  readonly check:
    | 'width'
    | 'pc-in-code'
    | 'bytes-fit-fault'
    | 'call-before-return-address'
    | 'code-words'
    | 'vcpu-in-array'
    | 'stack-in-array'
    | 'image-length'
    | 'image-sha1'
    | 'assertion-in-line-table'
    | 'link-address';
  readonly passed: number;
  readonly of: number;
  readonly detail: Sentence;
}

export interface ReportImage {
  readonly path: string;
  readonly arch: Arch;
  /** Of the ELF's bytes. */
  readonly sha256: string;
  /** Of addresses and bytes of its code: equal for builds that differ in nothing that can run. */
  readonly codeSha256?: string;
  /** Runtime minus link address. */
  readonly bias: bigint;
  /** How the bias was found. */
  readonly biasFrom?: Sentence;
  readonly verdict: Verdict;
  readonly evidence: readonly MatchEvidence[];
}

export interface ReportVariable {
  readonly name: string;
  /** C type as declared; absent where DWARF has none. */
  readonly type?: string;
  /** Rendered value (`0x491`, `0x1024bb60 <g_vcpubuffers>`, an enumerator); absent where optimized out or not recoverable. */
  readonly value?: string;
  /** Why there is no value: `optimized out`, `not in the dump`, `unsupported`. */
  readonly reason?: string;
}

export interface ReportFunction extends SourceFunction {
  readonly arguments: readonly ReportVariable[];
}

export interface ReportFrame {
  readonly frame: Frame;
  /** Inline chain, innermost first; the last owns the code. Empty where nothing covers the address. */
  readonly functions: readonly ReportFunction[];
  readonly locals: readonly ReportVariable[];
  readonly symbol?: string;
  readonly offset?: number;
}

/** A stack word with what it means. */
export interface WordMeaning {
  readonly address: RuntimeAddress;
  readonly value: bigint;
  /** `frame`: a return address or saved PC of frame `frameIndex`. */
  readonly kind: 'frame' | 'hardware-frame' | 'saved-register' | 'code' | 'data' | 'stack' | 'text';
  readonly frameIndex?: number;
  readonly text: Sentence;
}

export interface ReportCrash {
  readonly crash: CpuCrash;
  readonly frames: readonly ReportFrame[];
  readonly stop: StopReason;
  /** Index of the first crash with the same vector, error code, pc and stack of functions. */
  readonly sameAs?: number;
  /** Registers that point somewhere known, by register name. */
  readonly registerMeanings: ReadonlyMap<string, Sentence>;
  readonly wordMeanings: readonly WordMeaning[];
}

export interface ReportEvent extends LogEvent {
  /** The function that holds file and line, from the line table. */
  readonly function?: string;
  readonly range?: { readonly start: RuntimeAddress; readonly end: RuntimeAddress };
}

export interface Report {
  readonly log: CrashLog;
  readonly images: readonly ReportImage[];
  readonly crashes: readonly ReportCrash[];
  /** Index in `crashes` of the one that leads the answer; absent without a crash. */
  readonly leading?: number;
  readonly events: readonly ReportEvent[];
  readonly findings: readonly Finding[];
  readonly unknown: readonly Sentence[];
  readonly gaps: readonly Gap[];
  /** Exception, MSR if any, and up to four innermost function names after inline expansion without synthetic frames. */
  readonly signature?: string;
}

/** What the edge knows beside the report; all optional, for the local command has none of it. */
export interface ReportContext extends History {
  /** `0.1.0 (1234abc)`. */
  readonly tool: string;
  /** Digits-only marker line, first in a comment; absent elsewhere. */
  readonly marker?: string;
  /** What we did: run, artifact, hash, how each was found. */
  readonly provenance: readonly Sentence[];
  /** Artifacts weighed, best first; shown where the choice was not obvious. */
  readonly candidates: readonly CandidateRow[];
  /** Warnings of the edge that belong above the fold: built from a fork, run found by revision, and the like. */
  readonly warnings: readonly Sentence[];
  /** `https://github.com/owner/repo`, validated by the edge; for links to source lines. Absent: no links. */
  readonly repositoryUrl?: string;
  /** 40 hex digits of the build's commit. */
  readonly commit?: string;
  /** `https://github.com/owner/repo` of this tool, validated by the edge: where a wrong answer is told. Absent: the foot says it in words. */
  readonly toolRepositoryUrl?: string;
}

export interface CandidateRow {
  readonly artifact: string;
  readonly verdict: Verdict;
  readonly evidence: readonly MatchEvidence[];
  readonly chosen: boolean;
}
