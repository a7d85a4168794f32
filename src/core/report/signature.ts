/**
 * A short name for "the same crash": exception, suspected MSR, up to four innermost functions.
 *
 * In: the pieces of a report. Out: one line, the same for every optimisation level and for both CPUs, and its hash for the marker.
 * Refuses: to name functions of an image that does not fit the log.
 */
import { hex } from '../addresses.js';
import type { Finding, MsrSuspect } from '../diagnose/diagnosis.js';
import type { Fault } from '../log/crash-log.js';
import type { Platform } from '../platform.js';
import type { Report, ReportCrash, ReportFrame } from './report.js';

const signatureFunctions = 4;
const signatureNameLength = 120;

/** What GCC appends to clones and cold parts, in any order and number: `f.constprop.0.isra.0`, `f.part.3.cold`, `f.lto_priv.0`. */
const cloneSuffix = /\.(?:isra|constprop|part|cold|lto_priv|localalias|llvm|clone)(?:\.\d+)*$/;

/** `name` without the suffixes of compiler clones. */
export function functionName(name: string): string {
  let bare = name;
  for (let next = bare.replace(cloneSuffix, ''); next !== bare && next !== ''; next = bare.replace(cloneSuffix, '')) bare = next;
  return bare;
}

/** Names of the stack's functions, innermost first, inline functions in their place; synthetic frames on request. */
export function functionNames(frames: readonly ReportFrame[], { synthetic }: { readonly synthetic: boolean }): readonly string[] {
  return frames
    .filter(({ frame }) => synthetic || !frame.synthetic)
    .flatMap(({ functions, symbol }) =>
      functions.length > 0 ? functions.map(({ name }) => functionName(name)) : symbol === undefined ? [] : [functionName(symbol)],
    );
}

/** The exception in one word: `#GP`, `NMI`, `vector 32`. */
export function exceptionName(fault: Fault): string {
  if (fault.mnemonic !== undefined) return fault.mnemonic;
  return fault.vector === undefined ? 'exception' : `vector ${fault.vector}`;
}

/** `RDMSR 0x491`, `WRMSR 0x79`; `MSR 0x491` where nothing tells whether it was read or written. */
export function msrAccess(msr: MsrSuspect): string {
  const instruction = msr.access === undefined ? 'MSR' : msr.access === 'read' ? 'RDMSR' : 'WRMSR';
  return `${instruction} ${hex(msr.address)}`;
}

/** The strongest finding about one crash that names an MSR; findings come strongest first. */
export function suspectedMsr(findings: readonly Finding[], crash: number): Finding | undefined {
  return findings.find((finding) => finding.crash === crash && finding.msr !== undefined);
}

/** Of the crash that leads the report; `undefined` without a crash. */
export function signatureOf(report: Pick<Report, 'crashes' | 'leading' | 'findings' | 'images'>): string | undefined {
  const index = report.leading ?? 0;
  const entry = report.crashes[index];
  if (entry === undefined) return undefined;
  const msr = suspectedMsr(report.findings, index)?.msr;
  const names = namesFit(entry, report) ? functionNames(entry.frames, { synthetic: false }).slice(0, signatureFunctions) : [];
  return [
    exceptionName(entry.crash.fault),
    ...(msr === undefined ? [] : [msrAccess(msr)]),
    ...(names.length === 0 ? [] : [names.map(signatureName).join(' < ')]),
  ].join(' ');
}

/** Names enough to tell one crash from another: an exception and an MSR alone are shared by crashes that have nothing else in common. */
export function isSpecific(report: Pick<Report, 'crashes' | 'leading' | 'images'>): boolean {
  const entry = report.crashes[report.leading ?? 0];
  return entry !== undefined && namesFit(entry, report) && functionNames(entry.frames, { synthetic: false }).length >= 2;
}

/** XMHF names the same function after either CPU: `..._arch_x86_64vmx_entry` and `..._arch_x86vmx_entry`. */
function signatureName(name: string): string {
  return name.replaceAll('x86_64', 'x86').slice(0, signatureNameLength);
}

function namesFit(entry: ReportCrash, { images }: Pick<Report, 'images'>): boolean {
  const used = new Set(entry.frames.map(({ frame }) => frame.image));
  return images.every(({ verdict }, index) => verdict !== 'mismatch' || !used.has(index));
}

/** 16 hex digits for the marker of a comment. */
export function signatureHash(signature: string, { sha256 }: Pick<Platform, 'sha256'>): string {
  return sha256([new TextEncoder().encode(signature)]).slice(0, 16);
}

/**
 * First line of a comment of ours: names the question it answers and the crash. `question` is `issue=N`, `comment=N` or `review=N`;
 * anything else would let a stranger write into the marker and is refused.
 */
export function markerOf(question: string, report: Pick<Report, 'signature'> | undefined, platform: Pick<Platform, 'sha256'>): string {
  if (!/^(?:issue|comment|review)=\d{1,20}$/.test(question))
    throw new RangeError('a marker names an issue, a comment or a review by number');
  const signature = report?.signature === undefined ? '' : ` sig=${signatureHash(report.signature, platform)}`;
  return `<!-- symbolize-serial-crash:v1 ${question}${signature} -->`;
}

/** `0x491`: the MSR suspected in the leading crash, else in any; for outputs. */
export function suspectedMsrOf(report: Pick<Report, 'leading' | 'findings'>): string | undefined {
  const finding = suspectedMsr(report.findings, report.leading ?? 0) ?? report.findings.find(({ msr }) => msr !== undefined);
  return finding?.msr === undefined ? undefined : hex(finding.msr.address);
}
