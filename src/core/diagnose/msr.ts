/**
 * The suspected MSR of a crash, graded.
 *
 * In: one crash with its instruction, frames and facts. Out: at most one finding. Refuses: where the image shows that the faulting
 * instruction is no RDMSR or WRMSR, no MSR is suspected at all; where ECX was not printed, neither.
 *
 * - *confirmed*: the image's bytes at the PC are RDMSR or WRMSR, and ECX.
 * - *likely*: the function at the PC, or a script's note in the log, names a helper for RDMSR or WRMSR; or the log itself prints
 *   that MSR as unavailable.
 * - *possible*: `#GP(0)` and ECX names an MSR; or a read page-faulted, and ECX and EDX:EAX are those of a microcode update.
 */
import { hex } from '../addresses.js';
import type { Registers } from '../log/crash-log.js';
import { plain, type Sentence, say } from '../sentence.js';
import {
  type CrashContext,
  functionNames,
  innermostFunctions,
  instructionEvidence,
  recordLine,
  wouldShowInstruction,
} from './crash-context.js';
import type { Evidence, Finding, Grade } from './diagnosis.js';
import { rowExistence, rowsOfVendor } from './existence.js';
import { isCanonical, vectorName } from './fault.js';
import { guardFor } from './guard.js';
import { msrAccessOf, registerValue } from './instruction.js';
import { bestRow, isNamed, shownRows, tell } from './msr-story.js';
import { type MsrRow, msrRows } from './msr-table.js';

export interface MsrVerdict {
  readonly finding: Finding;
  readonly unknown: readonly Sentence[];
}

const generalProtection = 13;
const pageFault = 14;
/** Below lie the Pentium's machine-check MSRs (0, 1) and the size of a MONITOR line (6). */
const firstPlausible = 0x10;

/** What points at an RDMSR or WRMSR, before the MSR is looked up. */
interface Access {
  readonly grade: Grade;
  readonly access?: 'read' | 'write';
  readonly evidence: readonly Evidence[];
}

/** One way in which an MSR may be meant. */
interface Suspicion extends Access {
  readonly address: number;
  readonly value?: bigint;
  /** Evidence that a guest asked for it; absent for an access of the hypervisor's own. */
  readonly guest?: readonly Evidence[];
}

export function msrSuspect(context: CrashContext): MsrVerdict | undefined {
  const host = hostSuspicion(context);
  const isWeak = host?.grade === 'possible' && context.crash.fault.vector === pageFault;
  // the handler of a guest's WRMSR says more than what the registers happen to hold
  const found = isWeak ? (guestSuspicion(context) ?? host) : (host ?? guestSuspicion(context));
  if (found === undefined) return undefined;
  const { address, access, value, guest, grade } = found;
  const { fault } = context.crash;
  const existence = rowsOf(context, address).map((row) => rowExistence(row, context.facts));
  const row = bestRow(existence);
  const name = row === undefined || !isNamed(row) ? undefined : row.row.name;
  const instruction = access === undefined ? 'RDMSR or WRMSR' : access === 'read' ? 'RDMSR' : 'WRMSR';
  const suspect = `${instruction} ${hex(address)}${name === undefined ? '' : ` ${name}`}`;
  const code = fault.errorCode === undefined || fault.vector === pageFault ? '' : `(${fault.errorCode.toString(16)})`;
  const raised = `${vectorName(fault.vector ?? generalProtection)}${code}`;
  const told = tell(context, { address, rows: existence, row, access, value, isGuest: guest !== undefined, grade });
  // Only for the hypervisor's own access, and only where the CPU may lack the MSR.
  const guarded =
    row !== undefined && guest === undefined && grade !== 'possible' && row.rule.worth !== 'true' && !told.refusedAnyway
      ? row.row
      : undefined;
  const guard = guarded === undefined ? undefined : guardFor(guarded, address, access ?? 'read');
  const suggestion =
    guard === undefined ? guestSuggestion(found, fault.vector) : { text: say`Ask first whether the CPU has it:`, code: guard };
  // an access that page-faulted got past the question whether the MSR exists; where it is refused in any case, only what is known counts
  const exists = (
    fault.vector === pageFault
      ? []
      : [
          ...(row === undefined ? [] : [row.rule, ...(row.alsoStated === undefined ? [] : [row.alsoStated])]),
          ...existence.filter((other) => other !== row).map((other) => other.rule),
        ]
  )
    .filter(({ worth }) => worth !== 'unknown' || !told.refusedAnyway)
    .slice(0, shownRows);

  const finding: Finding = {
    finding: 'msr',
    grade,
    crash: context.index,
    claim: claim(found, suspect, raised),
    explanation: told.explanation,
    evidence: eachOnce([...found.evidence, ...told.evidence, ...(guest ?? [])]),
    ...(suggestion && { suggestion }),
    msr: {
      address,
      ...(name !== undefined && { name }),
      ...(access && { access }),
      ...(value !== undefined && { value }),
      origin: guest === undefined ? 'host' : 'guest',
    },
    ...(exists.length > 0 && { exists }),
    ...(row !== undefined && row.row.errata !== '' && { errata: row.row.errata }),
  };
  const open = grade === 'possible' ? [say`Which instruction raised ${raised}: ${wouldShowInstruction(context)}.`] : [];
  return { finding, unknown: [...told.unknown, ...open] };
}

/** What a hypervisor does with an access of its guest that the CPU refuses. */
function guestSuggestion({ guest, grade, access }: Suspicion, vector: number | undefined): { readonly text: Sentence } | undefined {
  if (guest === undefined || grade === 'possible') return undefined;
  if (vector === pageFault) {
    return { text: say`The value is an address: translate it first, or do not let the guest write this MSR.` };
  }
  const instruction = access === 'write' ? 'WRMSR' : 'RDMSR';
  return { text: say`Execute ${instruction} so that a fault is caught, and give the guest the ${'#GP(0)'} that it would get on the CPU.` };
}

function rowsOf(context: CrashContext, address: number): readonly MsrRow[] {
  return rowsOfVendor(msrRows(context.platform.msrTable(), address), context.facts);
}

/** By ECX at the fault. */
function hostSuspicion(context: CrashContext): Suspicion | undefined {
  const { crash, registers } = context;
  const ecx = registerValue(registers, 'ecx');
  if (ecx === undefined) return undefined;
  const address = Number(ecx);
  const found = accessAt(context, address);
  if (found === undefined) return undefined;
  const value = found.access === 'write' ? edxEax(registers) : undefined;
  const guest = guestOrigin(context, address);
  const ecxEvidence: Evidence = { text: say`ECX is ${hex(ecx)}`, ...recordLine(crash, crash.arch === 'i386' ? 'ecx' : 'rcx') };
  return {
    ...found,
    address,
    evidence: [...found.evidence, ecxEvidence],
    ...(value !== undefined && { value }),
    ...(guest && { guest }),
  };
}

/** By the guest's ECX, where the hypervisor died in the handler of a guest's RDMSR or WRMSR and no image shows the instruction. */
function guestSuspicion(context: CrashContext): Suspicion | undefined {
  const { vector } = context.crash.fault;
  if (context.instruction !== undefined || context.misfit !== undefined || context.undecodable !== undefined) return undefined;
  if (vector !== generalProtection && vector !== pageFault) return undefined;
  const name = interceptHandler(context);
  const guest = context.frames.find((frame) => frame.frame.guest !== undefined)?.frame.guest;
  const ecx = guest && registerValue(guest.registers, 'ecx');
  if (name === undefined || guest === undefined || ecx === undefined) return undefined;
  const access = /wrmsr/i.test(name) ? 'write' : 'read';
  const value = access === 'write' ? edxEax(guest.registers) : undefined;
  return {
    grade: 'possible',
    address: Number(ecx),
    access,
    evidence: [{ text: say`the guest's ECX is ${hex(ecx)}` }],
    ...(value !== undefined && { value }),
    guest: [{ text: say`the fault lies below ${name}, which handles a guest's access` }],
  };
}

function edxEax(registers: Registers): bigint | undefined {
  const low = registerValue(registers, 'eax');
  const high = registerValue(registers, 'edx');
  return low === undefined || high === undefined ? undefined : (high << 32n) | low;
}

/** What made the grade may be told again by the MSR's own story. */
function eachOnce(evidence: readonly Evidence[]): readonly Evidence[] {
  return evidence.filter((one, index) => evidence.findIndex((other) => plain(other.text) === plain(one.text)) === index);
}

function claim({ grade, guest }: Suspicion, suspect: string, raised: string): Sentence {
  switch (grade) {
    case 'confirmed':
      return say`${suspect} raised ${raised}`;
    case 'likely':
      return say`${raised}, most likely at ${suspect}`;
    case 'possible':
      if (guest !== undefined) return say`${raised} while the hypervisor handled ${suspect} of its guest: that MSR may be the cause`;
      return say`${raised}, and ECX holds the number of an MSR: it may be ${suspect}, but nothing shows the instruction`;
    default:
      return grade satisfies never;
  }
}

function accessAt(context: CrashContext, address: number): Access | undefined {
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
  if (context.undecodable !== undefined || context.misfit !== undefined) return undefined;
  if (vector !== generalProtection) return microcodeUpdate(context, address, errorEvidence);

  const helper = helperNamed(context);
  if (helper !== undefined) return { grade: 'likely', access: helper.access, evidence: [helper.evidence, ...errorEvidence] };
  const printed = context.facts.msr(address);
  if (printed?.unavailable === true) {
    return { grade: 'likely', access: 'read', evidence: [{ text: printed.from, line: printed.line }, ...errorEvidence] };
  }
  // Numbers as small as these are in ECX for any other reason.
  if (address < firstPlausible) return undefined;
  if (errorCode !== 0n || (rowsOf(context, address).length === 0 && !isMsrRange(address))) return undefined;
  return { grade: 'possible', evidence: errorEvidence };
}

const microcodeTrigger = 0x79;
const lowestPointer = 0x1000n;

/** WRMSR to IA32_BIOS_UPDT_TRIG reads the update at the address in EDX:EAX (SDM vol 3, 9.11.6): it can fault as any read. */
function microcodeUpdate({ crash, registers, frames }: CrashContext, address: number, evidence: readonly Evidence[]): Access | undefined {
  // a name at the fault that is no helper's: the registers are chance
  if (innermostFunctions(frames).length > 0) return undefined;
  const { errorCode } = crash.fault;
  const value = edxEax(registers);
  if (address !== microcodeTrigger || errorCode === undefined || isFetch(errorCode) || (errorCode & 2n) !== 0n) return undefined;
  if (value === undefined || value < lowestPointer || (crash.arch === 'amd64' && !isCanonical(value, 4))) return undefined;
  return {
    grade: 'possible',
    access: 'write',
    evidence: [...evidence, { text: say`EDX:EAX is ${hex(value)}: WRMSR ${hex(microcodeTrigger)} reads memory at that address` }],
  };
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

function interceptHandler(context: CrashContext): string | undefined {
  return functionNames(context.frames).find((name) => msrIntercept.test(name));
}

/** Evidence that a guest asked for this MSR and the hypervisor forwarded it; `undefined` where nothing says so. */
function guestOrigin(context: CrashContext, address: number): readonly Evidence[] | undefined {
  const name = interceptHandler(context);
  if (name === undefined) return undefined;
  const guest = context.frames.find((frame) => frame.frame.guest !== undefined)?.frame.guest;
  const guestEcx = guest === undefined ? undefined : registerValue(guest.registers, 'ecx');
  // The handler then reads or writes an MSR of its own.
  if (guestEcx !== undefined && Number(guestEcx) !== address) return undefined;
  const evidence: Evidence[] = [{ text: say`the fault came under ${name}, which handles a guest's access` }];
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
