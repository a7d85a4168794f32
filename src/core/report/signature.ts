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

/** XMHF names the same function after either CPU: `..._arch_x86_64vmx_entry` and `..._arch_x86vmx_entry`. */
function signatureName(name: string): string {
  return name.replaceAll('x86_64', 'x86').slice(0, signatureNameLength);
}

function namesFit(entry: ReportCrash, { images }: Pick<Report, 'images'>): boolean {
  const used = new Set(entry.frames.map(({ frame }) => frame.image));
  return images.every(({ verdict }, index) => verdict !== 'mismatch' || !used.has(index));
}

/** 16 hex digits for the marker of a comment. */
export function signatureHash(signature: string, sha256: Platform['sha256']): string {
  return sha256([new TextEncoder().encode(signature)]).slice(0, 16);
}
