/**
 * The suspected MSR of a crash, graded.
 *
 * In: one crash with its instruction, frames and facts. Out: at most one finding. Refuses: where the image shows that the faulting
 * instruction is no RDMSR or WRMSR, no MSR is suspected at all; where ECX was not printed, neither.
 *
 * - *confirmed*: the image's bytes at the PC are RDMSR or WRMSR, and ECX.
 * - *likely*: the function at the PC, or a script's note in the log, names a helper for RDMSR or WRMSR; or the log itself prints
 *   that MSR as unavailable.
 * - *possible*: `#GP(0)` and ECX names an MSR.
 */
import { hex } from '../addresses.js';
import { plain, type Sentence, say } from '../sentence.js';
import { type CrashContext, innermostFunctions, instructionEvidence, recordLine, wouldShowInstruction } from './crash-context.js';
import type { Evidence, Finding, Grade } from './diagnosis.js';
import { inputName, type RowExistence, rowExistence, rowsOfVendor } from './existence.js';
import { vectorName } from './fault.js';
import { guardFor } from './guard.js';
import { msrAccessOf, registerValue } from './instruction.js';
import { type MsrRow, msrRows } from './msr-table.js';
import { illegalValue, valueByBitNames } from './msr-value.js';

export interface MsrVerdict {
  readonly finding: Finding;
  readonly unknown: readonly Sentence[];
}

const generalProtection = 13;
const pageFault = 14;
/** Rows of other CPUs for the same number: more would hide the ones that matter. */
const shownRows = 6;

/** What points at an RDMSR or WRMSR, before the MSR is looked up. */
interface Access {
  readonly grade: Grade;
  readonly access?: 'read' | 'write';
  readonly evidence: readonly Evidence[];
}

export function msrSuspect(context: CrashContext): MsrVerdict | undefined {
  const { crash } = context;
  const ecx = registerValue(context.crash.registers, 'ecx');
  if (ecx === undefined) return undefined;
  const address = Number(ecx);
  const rows = rowsOfVendor(msrRows(context.platform.msrTable(), address), context.facts);
  const found = accessAt(context, address, rows);
  if (found === undefined) return undefined;

  const low = registerValue(crash.registers, 'eax');
  const high = registerValue(crash.registers, 'edx');
  const value = found.access === 'write' && low !== undefined && high !== undefined ? (high << 32n) | low : undefined;
  const origin = guestOrigin(context, address);
  const existence = rows.map((row) => rowExistence(row, context.facts));
  const row = bestRow(existence);
  const instruction = found.access === undefined ? 'RDMSR or WRMSR' : found.access === 'read' ? 'RDMSR' : 'WRMSR';
  const suspect = `${instruction} ${hex(address)}${row === undefined ? '' : ` ${row.row.name}`}`;
  const raised = `${vectorName(crash.fault.vector ?? generalProtection)}${crash.fault.errorCode === undefined ? '' : `(${crash.fault.errorCode.toString(16)})`}`;

  const told = tell(context, { address, rows: existence, row, access: found.access, value, isGuest: origin !== undefined, suspect });
  const ecxEvidence: Evidence = {
    text: say`ECX is ${hex(ecx)}`,
    ...recordLine(crash, crash.arch === 'i386' ? 'ecx' : 'rcx'),
  };
  const guard =
    row === undefined || origin !== undefined || found.grade === 'possible' || row.rule.worth === 'true'
      ? undefined
      : guardFor(row.row, address, found.access ?? 'read');
  const alsoStated = row?.alsoStated;
  const exists = [
    ...(row === undefined ? [] : [row.rule, ...(alsoStated === undefined ? [] : [alsoStated])]),
    ...existence.filter((other) => other !== row).map((other) => other.rule),
  ].slice(0, shownRows);

  const finding: Finding = {
    finding: 'msr',
    grade: found.grade,
    crash: context.index,
    claim: claim(found.grade, suspect, raised),
    explanation: told.explanation,
    evidence: eachOnce([...found.evidence, ecxEvidence, ...told.evidence, ...(origin ?? [])]),
    ...(guard !== undefined && { suggestion: { text: say`Ask first whether the CPU has it:`, code: guard } }),
    msr: {
      address,
      ...(row && { name: row.row.name }),
      ...(found.access && { access: found.access }),
      ...(value !== undefined && { value }),
      origin: origin === undefined ? 'host' : 'guest',
    },
    ...(exists.length > 0 && { exists }),
    ...(row !== undefined && row.row.errata !== '' && { errata: row.row.errata }),
  };
  const open = found.grade === 'possible' ? [say`Which instruction raised ${raised}: ${wouldShowInstruction(context)}.`] : [];
  return { finding, unknown: [...told.unknown, ...open] };
}

/** What made the grade may be told again by the MSR's own story. */
function eachOnce(evidence: readonly Evidence[]): readonly Evidence[] {
  return evidence.filter((one, index) => evidence.findIndex((other) => plain(other.text) === plain(one.text)) === index);
}

function claim(grade: Grade, suspect: string, raised: string): Sentence {
  switch (grade) {
    case 'confirmed':
      return say`${suspect} raised ${raised}`;
    case 'likely':
      return say`${raised}, most likely at ${suspect}`;
    case 'possible':
      return say`${raised}, and ECX holds the number of an MSR: it may be ${suspect}, but nothing shows the instruction`;
    default:
      return grade satisfies never;
  }
}

function accessAt(context: CrashContext, address: number, rows: readonly MsrRow[]): Access | undefined {
  const { crash, instruction } = context;
  const { vector, errorCode } = crash.fault;
  // A selector in the error code, or an event being delivered: not what RDMSR and WRMSR raise.
  const fits = (vector === generalProtection && (errorCode === undefined || errorCode === 0n)) || vector === pageFault;
  if (!fits) return undefined;
  const errorEvidence: readonly Evidence[] =
    errorCode === undefined
      ? []
      : [{ text: say`${vectorName(vector)} with error code ${hex(errorCode)}`, ...recordLine(crash, 'error-code') }];

  if (instruction !== undefined) {
    const access = msrAccessOf(instruction.instruction.mnemonic);
    if (access === undefined) return undefined;
    // RDMSR touches no memory; an instruction fetch is not the MSR's fault.
    if (vector === pageFault && (access === 'read' || isFetch(errorCode))) return undefined;
    return { grade: 'confirmed', access, evidence: [instructionEvidence(instruction), ...errorEvidence] };
  }
  if (context.undecodable !== undefined) return undefined;
  if (vector !== generalProtection) return undefined;

  const helper = helperNamed(context);
  if (helper !== undefined) return { grade: 'likely', access: helper.access, evidence: [helper.evidence, ...errorEvidence] };
  const printed = context.facts.msr(address);
  if (printed?.unavailable === true) {
    return { grade: 'likely', access: 'read', evidence: [{ text: printed.from, line: printed.line }, ...errorEvidence] };
  }
  if (errorCode !== 0n || (rows.length === 0 && !isMsrRange(address))) return undefined;
  return { grade: 'possible', evidence: errorEvidence };
}

function isFetch(errorCode: bigint | undefined): boolean {
  return errorCode !== undefined && (errorCode & 0x10n) !== 0n;
}

/** Ranges that only MSRs use: a number in them without a row is still one. */
function isMsrRange(address: number): boolean {
  return (address >= 0xc0000000 && address <= 0xc0001fff) || (address >= 0xc0010000 && address <= 0xc0011fff);
}

const readHelper = /rdmsr|read_?msr|msr_?read/i;
const writeHelper = /wrmsr|write_?msr|msr_?write/i;
/** Handlers of a guest's RDMSR bear the same words, and do much else. */
const notHelper = /intercept|handle|emulat|guest|exit|vmx_|svm_|trap/i;

function helperAccess(name: string): 'read' | 'write' | undefined {
  if (notHelper.test(name)) return undefined;
  return readHelper.test(name) ? 'read' : writeHelper.test(name) ? 'write' : undefined;
}

function helperNamed(context: CrashContext): { readonly access: 'read' | 'write'; readonly evidence: Evidence } | undefined {
  for (const name of innermostFunctions(context.frames)) {
    const access = helperAccess(name);
    if (access !== undefined) return { access, evidence: { text: say`the function at the fault is ${name}` } };
  }
  return annotatedHelper(context);
}

/** A log that went through a script bears function names after its stack words: `EIP #0 <rdmsr64+11>`. */
function annotatedHelper(context: CrashContext): { readonly access: 'read' | 'write'; readonly evidence: Evidence } | undefined {
  const { crash, log } = context;
  const { pc, frameAt } = crash.fault;
  const word = crash.stack.words.find((w) => w.address === frameAt && w.value === pc);
  for (const line of [word?.line, crash.recordLines.get('pc')]) {
    if (line === undefined) continue;
    const name = /<([A-Za-z_][\w.$]*)\+(?:0x[0-9a-f]+|\d+)>\s*$/i.exec(log.source.line(line).slice(0, 400))?.[1];
    const access = name === undefined ? undefined : helperAccess(name);
    if (name !== undefined && access !== undefined) {
      return { access, evidence: { text: say`the log was annotated: ${name} at the fault`, line } };
    }
  }
  return undefined;
}

const msrIntercept = /intercept.*(?:rd|wr)msr|handle.*(?:rd|wr)msr|emulate.*(?:rd|wr)msr|(?:rd|wr)msr.*(?:intercept|handler|exit)/i;

/** Evidence that a guest asked for this MSR and the hypervisor forwarded it; `undefined` where nothing says so. */
function guestOrigin(context: CrashContext, address: number): readonly Evidence[] | undefined {
  const handler = context.frames.find((frame) => frame.functions.some((f) => msrIntercept.test(f.name)));
  const name = handler?.functions.find((f) => msrIntercept.test(f.name))?.name;
  if (name === undefined) return undefined;
  const guest = context.frames.find((frame) => frame.frame.guest !== undefined)?.frame.guest;
  const guestEcx = guest === undefined ? undefined : registerValue(guest.registers, 'ecx');
  // The handler then reads or writes an MSR of its own.
  if (guestEcx !== undefined && Number(guestEcx) !== address) return undefined;
  const evidence: Evidence[] = [{ text: say`the fault lies in ${name}, which handles a guest's access` }];
  if (guestEcx !== undefined) evidence.push({ text: say`the guest's ECX is ${hex(guestEcx)} too` });
  const printed = context.log.facts.guestMsrAccesses
    .filter((a) => a.address === address && (a.cpu === undefined || a.cpu === context.crash.cpu))
    .at(-1);
  if (printed !== undefined) {
    const at = printed.guestPc === undefined ? say`` : say` at guest PC ${hex(printed.guestPc)}`;
    evidence.push({ text: say`the log names the guest's access to ${hex(address)}${at}`, line: printed.line });
  }
  return evidence;
}

/** The row to name: the architectural one, else one that holds, else the first. */
function bestRow(rows: readonly RowExistence[]): RowExistence | undefined {
  return (
    rows.find((row) => row.row.name.startsWith('IA32_') && row.rule.worth !== 'false') ??
    rows.find((row) => row.rule.worth === 'true') ??
    rows.find((row) => row.row.name.startsWith('IA32_')) ??
    rows[0]
  );
}

interface Story {
  readonly address: number;
  readonly rows: readonly RowExistence[];
  readonly row: RowExistence | undefined;
  readonly access: 'read' | 'write' | undefined;
  readonly value: bigint | undefined;
  readonly isGuest: boolean;
  readonly suspect: string;
}

interface Told {
  readonly explanation: readonly Sentence[];
  readonly evidence: readonly Evidence[];
  readonly unknown: readonly Sentence[];
}

function tell(context: CrashContext, story: Story): Told {
  const explanation: Sentence[] = [];
  const evidence: Evidence[] = [];
  const unknown: Sentence[] = [];
  const { address, row, rows, value, access } = story;
  const number = hex(address);
  if (story.isGuest)
    explanation.push([
      `The guest asked for it: the hypervisor forwarded the guest's MSR number${access === 'write' ? ' and value' : ''} to the CPU.`,
    ]);

  const printed = context.facts.msr(address);
  if (printed?.unavailable === true) evidence.push({ text: printed.from, line: printed.line });

  if (row === undefined) {
    explanation.push(say`No table of ours has a row for MSR ${number}: nothing is known about it.`);
  } else {
    const other = row.alsoStated;
    const absent = rows.every((r) => r.rule.worth === 'false');
    if (absent) explanation.push(absence(row));
    if (other !== undefined && other.worth !== 'unknown' && row.rule.worth !== 'unknown' && other.worth !== row.rule.worth) {
      explanation.push(disagreement(row, printed?.unavailable === true));
    }
    if (row.rule.worth === 'unknown') {
      unknown.push(wouldSettle(row));
      if (other !== undefined) {
        explanation.push(
          say`The manuals disagree on when ${row.row.name} exists: ${[row.rule.source]} says ${row.rule.when}, ${[other.source]} says ${other.when}.`,
        );
      }
    }
    if (!absent) explanation.push(...refusals(context, story, row));
    const names = [...new Set(rows.map((r) => r.row.name))].filter((name) => name !== row.row.name);
    if (names.length > 0 && !row.row.name.startsWith('IA32_')) {
      explanation.push(say`On other CPUs ${number} is ${names.slice(0, shownRows).join(', ')}.`);
    }
  }
  if (value !== undefined) {
    explanation.push(say`The value written is ${hex(value, 16)} (EDX:EAX).`);
    const bits = valueByBitNames(address, value);
    if (bits !== undefined) explanation.push(say`${bits}.`);
  }
  const virtual = context.facts.inVirtualMachine();
  if (virtual?.value === true) {
    explanation.push(say`The code ran in a virtual machine: there the outer hypervisor may refuse an MSR that the CPU itself has.`);
  }
  return { explanation, evidence, unknown };
}

function absence(row: RowExistence): Sentence {
  const [zero] = row.zero;
  const { name } = row.row;
  if (row.rule.when === 'never') return say`No CPU has ${name}: any access faults.`;
  if (zero?.known === undefined) return say`This CPU has no ${name}: ${row.rule.when} is false.`;
  return say`This CPU has no ${name}: it exists only when ${row.rule.when}, and ${inputName(zero)} is 0 (${zero.known.from}).`;
}

/** Both conditions are known, and differ. */
function disagreement(row: RowExistence, isUnavailable: boolean): Sentence {
  const other = row.alsoStated;
  if (other === undefined) return say``;
  const verdict =
    row.rule.worth === 'false'
      ? [`The register is absent${isUnavailable ? ', as the log itself says' : ''}: ${other.source} is wrong here.`]
      : [`${row.rule.source} is right.`];
  return say`The manuals disagree on whether it exists. ${[other.source]} says ${other.when}, which is ${[other.worth]} here; ${[row.rule.source]} says ${row.rule.when}, which is ${[row.rule.worth]}. ${verdict}`;
}

function wouldSettle(row: RowExistence): Sentence {
  const { name } = row.row;
  if (row.missing.length === 0) return say`Whether this CPU has ${name}: the condition is not known (${row.rule.when}).`;
  const inputs = row.missing.map(inputName).reduce((all, one) => say`${all}, ${one}`);
  return say`Whether this CPU has ${name} (${row.rule.when}): the log does not print ${inputs}. These values would settle it.`;
}

/** Why an MSR that may exist refuses this access. */
function refusals(context: CrashContext, story: Story, row: RowExistence): readonly Sentence[] {
  const { access, value, address } = story;
  const { name } = row.row;
  const sentences: Sentence[] = [];
  const rpl = context.crash.fault.cs === undefined ? undefined : context.crash.fault.cs & 3n;
  if (rpl !== undefined && rpl !== 0n) sentences.push(say`The code ran at privilege level ${rpl}: RDMSR and WRMSR need level 0.`);
  if (access === 'write' && row.row.access === 'ro') sentences.push(say`${name} is read-only: any write faults.`);
  if (access === 'read' && row.row.access === 'wo') sentences.push(say`${name} is write-only: any read faults.`);
  if (address >= 0x800 && address <= 0x8ff) {
    const extd = context.facts.bits({ kind: 'msr', address: 0x1b, high: 10, low: 10 });
    if (extd?.value === 0n) sentences.push(say`x2APIC mode is off (${extd.from}): bit 10 of MSR ${'0x1b'} must be 1 first.`);
  }
  if (value === undefined) return sentences;
  const broken = illegalValue(address, value, row.row, context.facts);
  for (const rule of broken) sentences.push(say`The value is not legal: ${rule}.`);
  if (context.crash.fault.vector === pageFault && (address === 0x79 || address === 0xc0010020)) {
    const by = story.isGuest ? ', and the guest chose it' : '';
    sentences.push(
      say`It loads a microcode update from the linear address ${hex(value, 16)} in EDX:EAX. That address is not mapped in the hypervisor${by}.`,
    );
  } else if (broken.length === 0 && row.row.reservedBitsNote !== '' && row.row.access !== 'ro') {
    sentences.push(say`Known reasons why a write faults: ${row.row.reservedBitsNote}.`);
  }
  return sentences;
}
