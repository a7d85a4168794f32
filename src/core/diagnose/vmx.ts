/**
 * VMX failures: a VMLAUNCH or VMRESUME that did not enter the guest, and exits that the hypervisor did not handle.
 *
 * In: a `#BP` crash with the VMCS fields printed after it, or an event. Out: what the number says, and which check fails.
 * Refuses: a `#BP` without a VM-instruction error in the log is not called a failed VM entry, unless the image shows VMLAUNCH or
 * VMRESUME before the INT3.
 *
 * Folklore: XMHF before 856fea7f8 (2022-05-30) executes INT3 when VMLAUNCH or VMRESUME fails, so that a failed entry prints
 * as exception 3, with a stack dump of 3 (i386) or 6 (amd64) words and, from late 2021 on, a dump of the VMCS after it.
 */
import { type Arch, toLink } from '../addresses.js';
import type { CrashLog, LogEvent, VmcsField } from '../log/crash-log.js';
import { type Sentence, say } from '../sentence.js';
import { type CpuFacts, cpuFacts } from './cpu-facts.js';
import { type CrashContext, printedEvidence, type Verdict, verdict } from './crash-context.js';
import type { Evidence, Finding } from './diagnosis.js';
import { exitDetails } from './exit-qualification.js';
import { imageOfCode } from './instruction.js';
import { controlProblems, guestProblems, hostProblems, type VmcsDump, type VmcsValue } from './vmcs-checks.js';
import { decodeExitReason, type ExitReason, vmInstructionErrors } from './vmx-tables.js';

const breakpoint = 3;
/** The VCPU dump is about 240 lines; other CPUs may print between them. */
const dumpLines = 2000;
const rdmsrExit = 31;
const wrmsrExit = 32;
const tripleFaultExit = 2;
const guestStateFailure = 33;
const msrLoadFailure = 34;
const machineCheckFailure = 41;

/** A `#BP` that stands for a failed VM entry. */
export function failedEntry(context: CrashContext): Verdict | undefined {
  const { crash, log } = context;
  if (crash.fault.vector !== breakpoint) return undefined;
  const dump = vmcsDump(log, crash.cpu, crash.line, crash.arch);
  const error = dump.field('info_vminstr_error');
  const shown = entryInstructionBefore(context);
  if ((error === undefined || error.value === 0n) && shown === undefined) return undefined;
  const evidence: Evidence[] = shown === undefined ? [] : [shown];
  if (error === undefined || error.value === 0n) {
    return verdict(
      {
        finding: 'vm-instruction-error',
        grade: 'likely',
        crash: context.index,
        claim: say`VMLAUNCH or VMRESUME failed: the ${'int3'} after it was executed`,
        explanation: [],
        evidence,
      },
      [say`Why the VM entry failed: the log does not print the VM-instruction error (VMCS field ${'0x4400'}).`],
    );
  }
  evidence.push({ text: say`info_vminstr_error is ${error.value}`, line: error.line });
  const told = explainError(Number(error.value), dump, context.facts);
  return verdict({
    finding: 'vm-instruction-error',
    grade: 'confirmed',
    crash: context.index,
    claim: [`VMLAUNCH or VMRESUME failed with VM-instruction error ${errorName(Number(error.value))}`],
    explanation: [say`The hypervisor executes ${'int3'} when a VM entry fails: the breakpoint itself is not the fault.`, ...told],
    evidence,
  });
}

function errorName(number: number): string {
  const known = vmInstructionErrors.get(number);
  return known === undefined ? String(number) : `${number}: ${known.name}`;
}

function explainError(number: number, dump: VmcsDump, facts: CpuFacts): readonly Sentence[] {
  const problems = number === 7 ? controlProblems(dump, facts) : number === 8 ? hostProblems(dump, facts) : [];
  if (problems.length > 0) return problems.map(capital);
  const look = vmInstructionErrors.get(number)?.look;
  return look === undefined ? [] : [say`Where to look: ${[look]}.`];
}

/** Sentences of checks start with a field's name, or with a word of ours. */
function capital(sentence: Sentence): Sentence {
  const [first, ...rest] = sentence;
  return typeof first === 'string' ? [first.charAt(0).toUpperCase() + first.slice(1), ...rest] : sentence;
}

/** VMLAUNCH or VMRESUME in the bytes before the INT3. */
function entryInstructionBefore(context: CrashContext): Evidence | undefined {
  const { crash, images } = context;
  const { pc } = crash.fault;
  if (pc === undefined) return undefined;
  const found = imageOfCode(pc, images, crash.arch);
  const link = found && toLink(pc, found.loaded.bias);
  if (found === undefined || link === undefined) return undefined;
  const reach = 64;
  for (let back = reach; back > 0; back -= 1) {
    const start = toLink(pc, found.loaded.bias + BigInt(back));
    const bytes = start === undefined ? undefined : found.loaded.image.bytesAt(start, back);
    if (bytes === undefined) continue;
    if (bytes[back - 1] !== 0xcc) return undefined;
    for (let at = back - 4; at >= 0; at -= 1) {
      if (bytes[at] !== 0x0f || bytes[at + 1] !== 0x01) continue;
      if (bytes[at + 2] === 0xc2) return { text: say`the code before the ${'int3'} executes ${'vmlaunch'}` };
      if (bytes[at + 2] === 0xc3) return { text: say`the code before the ${'int3'} executes ${'vmresume'}` };
    }
    return undefined;
  }
  return undefined;
}

/** Every failed entry of a log asks. */
const sorted = new WeakMap<CrashLog, readonly VmcsField[]>();

function fieldsByLine(log: CrashLog): readonly VmcsField[] {
  const known = sorted.get(log);
  if (known !== undefined) return known;
  const fields = [...log.facts.vmcs].sort((a, b) => a.line - b.line);
  sorted.set(log, fields);
  return fields;
}

function firstFrom(fields: readonly VmcsField[], line: number): number {
  let low = 0;
  let high = fields.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((fields[middle]?.line ?? 0) < line) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** The first value of each field that the CPU prints from a line on. */
export function vmcsDump(log: CrashLog, cpu: string | undefined, from: number, arch: Arch | undefined): VmcsDump {
  const values = new Map<string, VmcsValue>();
  const fields = fieldsByLine(log);
  for (let next = firstFrom(fields, from); next < fields.length; next += 1) {
    const field = fields[next];
    if (field === undefined || field.line > from + dumpLines) break;
    const { cpu: printer, name, value, line } = field;
    if (values.has(name)) continue;
    if (printer === undefined || cpu === undefined || cpu === '' || printer === cpu) values.set(name, { value, line });
  }
  const is64 = arch === 'amd64';
  return {
    is64,
    field: (name) => values.get(name),
    wide: (name) => {
      const low = values.get(`${name}_full`);
      const high = values.get(`${name}_high`);
      if (low !== undefined && high !== undefined) return { value: (high.value << 32n) | low.value, line: low.line };
      // 32-bit builds print the low half only.
      const whole = values.get(name);
      return whole !== undefined && (is64 || whole.value > 0xffff_ffffn) ? whole : undefined;
    },
  };
}

/** `vm-instruction-error`, `vm-entry-failure`, `unhandled-intercept`, `triple-fault`. */
export function vmxEvent(log: CrashLog, event: LogEvent, index: number): Verdict | undefined {
  const facts = cpuFacts(log, { cpu: event.cpu ?? '', boot: event.boot, arch: log.arch });
  const base = { event: index, grade: 'confirmed', evidence: printedEvidence(event) } as const;
  switch (event.kind) {
    case 'vm-instruction-error': {
      if (event.code === undefined) return undefined;
      const dump = vmcsDump(log, event.cpu, event.line, log.arch);
      const claim = [`VMLAUNCH or VMRESUME failed with VM-instruction error ${errorName(event.code)}`];
      return verdict({ ...base, finding: 'vm-instruction-error', claim, explanation: explainError(event.code, dump, facts) });
    }
    case 'vm-entry-failure':
      return entryFailure(log, event, facts, base);
    case 'unhandled-intercept':
      return unhandledExit(log, event, base);
    case 'triple-fault':
      return verdict({
        ...base,
        finding: 'triple-fault',
        claim: say`The log names a triple fault`,
        explanation: [say`That is a fault while a double fault was being delivered: there was no usable handler or stack.`],
      });
    default:
      return undefined;
  }
}

function reasonText(reason: ExitReason): string {
  return reason.name === undefined ? String(reason.basic) : `${reason.basic} (${reason.name})`;
}

type EventBase = Pick<Finding, 'event' | 'grade' | 'evidence'>;

function entryFailure(log: CrashLog, event: LogEvent, facts: CpuFacts, base: EventBase): Verdict | undefined {
  if (event.code === undefined) return undefined;
  const reason = decodeExitReason(event.code);
  const explanation: Sentence[] = [];
  const unknown: Sentence[] = [];
  if (reason.basic === guestStateFailure) {
    explanation.push(say`The guest state in the VMCS failed the CPU's checks: the guest did not run.`);
    const dump = vmcsDump(log, event.cpu, event.line, log.arch);
    const problems = [...exitDetails(reason.basic, dump, event.qualification), ...guestProblems(dump, facts).map(capital)];
    explanation.push(...problems);
    if (problems.length === 0) unknown.push(say`Which part of the guest state was refused: the printed fields do not show it.`);
  } else if (reason.basic === msrLoadFailure && event.qualification !== undefined) {
    explanation.push(say`Item ${event.qualification} of the VM-entry MSR-load area could not be loaded: the items count from 1.`);
  } else if (reason.basic === machineCheckFailure) {
    explanation.push(say`A machine check came during the VM entry.`);
  }
  const claim = [`The VM entry failed with exit reason ${reasonText(reason)}`];
  return verdict({ ...base, finding: 'vm-entry-failure', claim, explanation }, unknown);
}

function unhandledExit(log: CrashLog, event: LogEvent, base: EventBase): Verdict | undefined {
  if (event.code === undefined) return undefined;
  const reason = decodeExitReason(event.code);
  const explanation: Sentence[] = [];
  if (reason.basic === tripleFaultExit) {
    explanation.push(say`The guest, not the hypervisor, faulted while a double fault was being delivered.`);
  }
  explanation.push(...exitDetails(reason.basic, vmcsDump(log, event.cpu, event.line, log.arch), event.qualification));
  const evidence = [...base.evidence];
  if (reason.basic === rdmsrExit || reason.basic === wrmsrExit) {
    const wanted = reason.basic === rdmsrExit ? 'read' : 'write';
    const access = log.facts.guestMsrAccesses.filter((a) => a.line < event.line && a.cpu === event.cpu && a.access === wanted).at(-1);
    if (access !== undefined) {
      evidence.push({
        text: say`the last such access of this CPU's guest in the log: MSR ${`0x${access.address.toString(16)}`}`,
        line: access.line,
      });
    }
  }
  const claim = [`The hypervisor has no handler for VM exit ${reasonText(reason)}`];
  return verdict({ ...base, evidence, finding: 'unhandled-intercept', claim, explanation });
}
