/**
 * Evidence in, findings out: what the fault was, which MSR is suspected and how surely, and what could not be told.
 *
 * In: the log, the symbolized frames of each crash, the images whose bytes the CPU executed. Out: findings, leading crash first,
 * and the open questions. Refuses: a claim without evidence; where the evidence does not carry, there is no finding. A rule that
 * meets a malformed condition table throws `FormatError`, for that is a fault of ours.
 *
 * Each file of this folder turns one kind of evidence into findings; tables restate the CPU manuals, with their sections.
 */
import type { CpuCrash, CrashLog, LogEvent } from '../log/crash-log.js';
import type { Platform } from '../platform.js';
import type { ReportFrame } from '../report/report.js';
import { plain, type Sentence } from '../sentence.js';
import { assertionBefore } from './assertion-site.js';
import { type CrashContext, crashContext, type Verdict } from './crash-context.js';
import type { Diagnosis, Finding, Grade } from './diagnosis.js';
import { eventFinding, maxEventFindings, silentEnd } from './events.js';
import { protectionFault } from './general-protection.js';
import type { DiagnosedImage } from './instruction.js';
import { invalidOpcode } from './invalid-opcode.js';
import { machineCheck } from './machine-check.js';
import { msrSuspect } from './msr.js';
import { nestedException } from './nested.js';
import { otherFault } from './other-fault.js';
import { pageFault } from './page-fault.js';
import { stackOverflow, wildJump } from './stack.js';
import { failedEntry } from './vmx.js';

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
  const { log } = input;
  const findings: Finding[] = [];
  const unknown: Sentence[] = [];
  const told = new Set<number>();
  let first: CpuCrash | undefined;
  const open = new Map<string, { readonly text: Sentence; readonly cpus: string[] }>();

  for (const [index, crash] of lastBootFirst(log)) {
    const context = crashContext(log, index, crash, input.backtraces[index] ?? [], input.images, input.platform);
    const assertion = assertionBefore(context);
    if (assertion !== undefined && !told.has(assertion.index)) {
      told.add(assertion.index);
      findings.push(...(eventFinding(log, assertion.event, assertion.index)?.findings ?? []));
    }
    const verdicts = crashVerdicts(context);
    findings.push(...verdicts.flatMap((verdict) => verdict.findings).sort(byStrength));
    // what stays open about another CPU than the first names it
    const isFirst = first === undefined || crash.cpu === '' || crash.cpu === first.cpu;
    for (const text of verdicts.flatMap((verdict) => verdict.unknown)) {
      const known = open.get(plain(text));
      if (known === undefined) open.set(plain(text), { text, cpus: isFirst ? [] : [crash.cpu] });
      else if (known.cpus.length > 0 && !known.cpus.includes(crash.cpu)) known.cpus.push(crash.cpu);
    }
    first ??= crash;
  }

  for (const { text, cpus } of open.values()) unknown.push(cpus.length === 0 ? text : [`${cpuNames(cpus)}: `, ...text]);

  let events = 0;
  const seen = new Set<string>();
  const isRepeated = (event: LogEvent): boolean => {
    const { kind, cpu, code, condition, file, sourceLine } = event;
    const key = JSON.stringify([kind, kind === 'halt' ? event.text : '', cpu, code, condition, file, sourceLine]);
    return seen.has(key) || !seen.add(key);
  };
  log.events.forEach((event, index) => {
    if (told.has(index) || events >= maxEventFindings || isRepeated(event)) return;
    const verdict = eventFinding(log, event, index);
    if (verdict === undefined || verdict.findings.every((finding) => isKnown(finding, findings))) return;
    events += 1;
    findings.push(...verdict.findings);
    unknown.push(...verdict.unknown);
  });
  const end = silentEnd(log);
  if (end !== undefined) unknown.push(end);
  return { findings: once(findings, log), unknown: distinct(unknown) };
}

function crashVerdicts(context: CrashContext): readonly Verdict[] {
  const entry = failedEntry(context);
  if (entry !== undefined) return [entry];
  const msr = msrSuspect(context);
  const beside = [stackOverflow(context), wildJump(context)].filter((verdict) => verdict !== undefined);
  const nested = nestedException(context);
  // The MSR is the story of its own #GP; of a page fault it is one half.
  const fault = msr !== undefined && context.crash.fault.vector === generalProtection ? undefined : faultVerdict(context);
  return [
    ...(msr === undefined ? [] : [{ findings: [msr.finding], unknown: msr.unknown }]),
    ...beside,
    // A PC where no code is explains the exception: its own words would mislead.
    ...(fault === undefined || beside.some((verdict) => verdict.findings.some((finding) => finding.finding === 'wild-jump'))
      ? []
      : [fault]),
    ...(nested === undefined ? [] : [nested]),
  ];
}

function faultVerdict(context: CrashContext): Verdict | undefined {
  return pageFault(context) ?? protectionFault(context) ?? invalidOpcode(context) ?? machineCheck(context) ?? otherFault(context);
}

const generalProtection = 13;
const strength: Readonly<Record<Grade, number>> = { confirmed: 0, likely: 1, possible: 2 };

/** Stable: among equals the order of the rules stays, the MSR first. */
function byStrength(a: Finding, b: Finding): number {
  return strength[a.grade] - strength[b.grade];
}

function isKnown(finding: Finding, among: readonly Finding[]): boolean {
  return among.some((other) => other.finding === finding.finding && plain(other.claim) === plain(finding.claim));
}

/** CPUs that died of the same thing are told once, by the first; it names the others. */
function once(findings: readonly Finding[], log: CrashLog): readonly Finding[] {
  const groups = new Map<string, { readonly first: Finding; readonly others: string[] }>();
  findings.forEach((finding, index) => {
    const crash = finding.crash === undefined ? undefined : log.crashes[finding.crash];
    const key = crash === undefined ? `event ${index}` : sameness(finding, crash);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, { first: finding, others: [] });
    else if (crash !== undefined) group.others.push(crash.cpu);
  });
  return [...groups.values()].map(({ first, others }) => {
    if (others.length === 0) return first;
    return { ...first, explanation: [...first.explanation, [sameElsewhere(others)]] };
  });
}

function sameness({ finding, grade, claim, exists }: Finding, { boot, fault }: CpuCrash): string {
  return JSON.stringify([finding, grade, plain(claim), boot, fault.pc?.toString(), exists?.map((rule) => rule.worth)]);
}

const shownCpus = 16;

function sameElsewhere(cpus: readonly string[]): string {
  // Old builds print no CPU.
  if (cpus.includes('')) return cpus.length === 1 ? 'The same in one more dump.' : `The same in ${cpus.length} more dumps.`;
  return `The same on ${cpuNames(cpus)}.`;
}

function cpuNames(cpus: readonly string[]): string {
  const more = cpus.length - shownCpus;
  const named = [...cpus].sort().slice(0, shownCpus);
  if (more > 0) return `CPUs ${named.join(', ')} and ${more} more`;
  return named.length === 1 ? `CPU ${named[0]}` : `CPUs ${named.slice(0, -1).join(', ')} and ${named.at(-1)}`;
}

/** The boot that ended last is the one that is asked about; within it the first crash is the nearest to the cause. */
function lastBootFirst({ crashes }: CrashLog): readonly (readonly [number, CpuCrash])[] {
  const last = Math.max(-1, ...crashes.map(({ boot }) => boot ?? -1));
  const rank = ({ boot }: CpuCrash): number => ((boot ?? -1) === last ? 0 : 1);
  return [...crashes.entries()].sort(([, a], [, b]) => rank(a) - rank(b));
}

function distinct(sentences: readonly Sentence[]): readonly Sentence[] {
  const seen = new Set<string>();
  return sentences.filter((sentence) => {
    const text = plain(sentence);
    return !seen.has(text) && seen.add(text);
  });
}
