/** Diagnoses of one hand-made crash, with real decoding, as plain text. */
import type { Arch } from '../../src/core/addresses.js';
import { type DiagnosedImage, diagnose } from '../../src/core/diagnose/diagnose.js';
import type { Diagnosis, Finding, FindingKind } from '../../src/core/diagnose/diagnosis.js';
import type { LogEvent, LogFacts } from '../../src/core/log/crash-log.js';
import type { ReportFrame } from '../../src/core/report/report.js';
import { plain } from '../../src/core/sentence.js';
import { createPlatform } from '../../src/platform/node.js';
import { type CrashParts, crashOf, logOf } from './crash-log.js';
import { type FlatSection, type FlatSymbol, flatImage } from './flat-image.js';

const platform = createPlatform();
/** Where the tests' code lies. */
export const codeAt = 0x10200000;

export interface Case extends CrashParts {
  /** Machine code at the PC. */
  readonly code?: readonly number[];
  /** Bytes before it. */
  readonly codeBefore?: readonly number[];
  readonly sections?: readonly FlatSection[];
  readonly symbols?: readonly FlatSymbol[];
  readonly frames?: readonly ReportFrame[];
  readonly facts?: Partial<LogFacts>;
  readonly events?: readonly LogEvent[];
  readonly lines?: readonly string[];
  readonly more?: readonly CrashParts[];
}

export function diagnoseCase(of: Case): Diagnosis {
  const arch = of.arch ?? 'amd64';
  const crashes = [of, ...(of.more ?? [])].map((parts) => crashOf({ pc: BigInt(codeAt), ...parts, arch }));
  const log = logOf({
    arch,
    crashes,
    ...(of.facts && { facts: of.facts }),
    ...(of.events && { events: of.events }),
    ...(of.lines && { lines: of.lines }),
  });
  return diagnose({ log, backtraces: crashes.map(() => of.frames ?? []), images: imagesOf(arch, of), platform });
}

function imagesOf(arch: Arch, of: Case): readonly DiagnosedImage[] {
  if (of.code === undefined) return [];
  const before = of.codeBefore ?? [];
  const text: FlatSection = {
    name: '.text',
    address: codeAt - before.length,
    bytes: [...before, ...of.code, 0x90, 0x90],
    executable: true,
  };
  return [{ image: flatImage(arch, [text, ...(of.sections ?? [])], of.symbols), bias: 0n }];
}

export function diagnoseEvents(events: readonly LogEvent[], facts: Partial<LogFacts> = {}, arch: Arch = 'amd64'): Diagnosis {
  return diagnose({ log: logOf({ arch, events, facts }), backtraces: [], images: [], platform });
}

export function findingOf(diagnosis: Diagnosis, kind: FindingKind): Finding | undefined {
  return diagnosis.findings.find((finding) => finding.finding === kind);
}

/** Claim and explanation of every finding, a line each. */
export function saidBy(diagnosis: Diagnosis): string {
  return diagnosis.findings.flatMap((finding) => [finding.claim, ...finding.explanation].map(plain)).join('\n');
}

export function unknownOf(diagnosis: Diagnosis): string {
  return diagnosis.unknown.map(plain).join('\n');
}

export function kindsOf(diagnosis: Diagnosis): readonly string[] {
  return diagnosis.findings.map((finding) => `${finding.grade} ${finding.finding}`);
}

/** A frame that bears a name and nothing else. */
export function namedFrame(name: string): ReportFrame {
  return {
    frame: { kind: 'call', trust: 'context', synthetic: false, registers: new Map(), notes: [] },
    functions: [{ name, inlined: false, arguments: [] }],
    locals: [],
  };
}
