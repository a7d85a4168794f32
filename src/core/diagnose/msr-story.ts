/**
 * What is to be said of a suspected MSR: whether the CPU has it, why it may have refused the access, what stays unknown.
 *
 * In: the access and the rows of the table, worked out. Out: sentences and evidence. Refuses: a manual is called wrong only where the
 * condition that holds and the manual's own are both known, and differ.
 */
import { hex } from '../addresses.js';
import { type Sentence, say } from '../sentence.js';
import type { CrashContext } from './crash-context.js';
import type { Evidence, Grade } from './diagnosis.js';
import { inputName, type RowExistence } from './existence.js';
import { placeOf } from './memory-access.js';
import { illegalValue, valueByBitNames } from './msr-value.js';

const pageFault = 14;
/** Numbers between are no CPU's MSRs; an address may be among them. */
const lowestPointer = 0x10_0000;
const hypervisorMsrs = 0x4000_0000;
/** Rows of other CPUs for the same number: more would hide the ones that matter. */
export const shownRows = 6;

/** The row to name: the architectural one, else one that holds, else the first. */
export function bestRow(rows: readonly RowExistence[]): RowExistence | undefined {
  return (
    rows.find((row) => row.row.name.startsWith('IA32_') && row.rule.worth !== 'false') ??
    rows.find((row) => row.rule.worth === 'true') ??
    rows.find((row) => row.row.name.startsWith('IA32_')) ??
    rows[0]
  );
}

/** A name that only some models know is no name of the MSR on an unknown CPU. */
export function isNamed({ row, rule }: RowExistence): boolean {
  return rule.worth === 'true' || row.name.startsWith('IA32_') || !/\bmodel:/.test(rule.when);
}

export interface Story {
  readonly address: number;
  readonly rows: readonly RowExistence[];
  readonly row: RowExistence | undefined;
  readonly access: 'read' | 'write' | undefined;
  readonly value: bigint | undefined;
  readonly isGuest: boolean;
  readonly grade: Grade;
}

export interface Told {
  readonly explanation: readonly Sentence[];
  readonly evidence: readonly Evidence[];
  readonly unknown: readonly Sentence[];
  /** The access would fault also where the MSR exists: asking for its existence would not help. */
  readonly refusedAnyway: boolean;
}

export function tell(context: CrashContext, story: Story): Told {
  const explanation: Sentence[] = [];
  const evidence: Evidence[] = [];
  const unknown: Sentence[] = [];
  const { address, row, rows, value, access } = story;
  const number = hex(address);
  if (story.isGuest) explanation.push(say`The guest asked for it: the hypervisor was handling the guest's access.`);

  const printed = context.facts.msr(address);
  if (printed?.unavailable === true) evidence.push({ text: printed.from, line: printed.line });

  if (row === undefined) {
    const place = address < lowestPointer || address >= hypervisorMsrs ? undefined : placeOf(context, BigInt(address));
    explanation.push(
      place === undefined
        ? say`Nothing is known of MSR ${number}: the table has no row for it. That does not mean that it does not exist.`
        : say`${number} is no MSR that the table knows, but the address of ${place}: most likely ECX was never set to the number of one.`,
    );
  } else {
    const other = row.alsoStated;
    if (!isNamed(row)) explanation.push(say`On some models MSR ${number} is ${row.row.name}: nothing shows that this CPU is one of them.`);
    const absent = rows.every((r) => r.rule.worth === 'false');
    if (absent) explanation.push(absence(row));
    if (other !== undefined && other.worth !== 'unknown' && row.rule.worth !== 'unknown' && other.worth !== row.rule.worth) {
      explanation.push(disagreement(row, printed?.unavailable === true));
    }
    if (row.rule.worth === 'unknown') {
      // an access that faults in any case has its reason already
      if (context.crash.fault.vector !== pageFault && !refusedAnyway(context, story, row)) unknown.push(wouldSettle(row));
      if (access === 'read' && !story.isGuest && row.row.access !== 'wo') {
        explanation.push(say`RDMSR in the hypervisor faults where the CPU, or a hypervisor around it, does not offer the MSR.`);
      }
      if (other !== undefined) {
        explanation.push(say`The manuals disagree on when ${row.row.name} exists, and the log does not settle which of them holds here.`);
      }
    }
    if (!absent) explanation.push(...refusals(context, story, row));
    const names = [...new Set(rows.map((r) => r.row.name))].filter((name) => name !== row.row.name);
    if (names.length > 0 && !row.row.name.startsWith('IA32_')) {
      explanation.push(say`On other CPUs ${number} is ${names.slice(0, shownRows).join(', ')}.`);
    }
  }
  // of an access that may not be one, the evidence holds the registers
  if (value !== undefined && story.grade !== 'possible') {
    explanation.push(say`The value written is ${hex(value, 16)} (EDX:EAX).`);
    const bits = valueByBitNames(address, value);
    if (bits !== undefined) explanation.push(say`${bits}.`);
  }
  const virtual = context.facts.inVirtualMachine();
  if (virtual?.value === true) {
    explanation.push(say`The code ran in a virtual machine: there the outer hypervisor may refuse an MSR that the CPU itself has.`);
  }
  return { explanation, evidence, unknown, refusedAnyway: row !== undefined && refusedAnyway(context, story, row) };
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
  if (other === undefined) return [];
  const verdict =
    row.rule.worth === 'false'
      ? [` The register is absent${isUnavailable ? ', as the log itself says' : ''}: ${other.source} is wrong here.`]
      : [];
  return say`The manuals disagree on whether it exists. ${[other.source]} says ${other.when}, which is ${[other.worth]} here; ${[row.rule.source]} says ${row.rule.when}, which is ${[`${row.rule.worth}.`]}${verdict}`;
}

function wouldSettle(row: RowExistence): Sentence {
  const { name } = row.row;
  if (row.missing.length === 0) return say`Whether this CPU has ${name}: the condition is not known (${row.rule.when}).`;
  const inputs = row.missing.map(inputName).reduce((all, one) => say`${all}, ${one}`);
  const settle = [row.missing.length === 1 ? 'This value would settle it.' : 'These values would settle it.'];
  return say`Whether this CPU has ${name} (${row.rule.when}): the log does not print ${inputs}. ${settle}`;
}

function privilege(context: CrashContext): bigint {
  return (context.crash.fault.cs ?? 0n) & 3n;
}

function refusedAnyway(context: CrashContext, { access, value, address }: Story, { row }: RowExistence): boolean {
  if (privilege(context) !== 0n) return true;
  if (access === 'read') return row.access === 'wo';
  return (
    access === 'write' && (row.access === 'ro' || (value !== undefined && illegalValue(address, value, row, context.facts).length > 0))
  );
}

/** Why an MSR that may exist refuses this access. */
function refusals(context: CrashContext, story: Story, row: RowExistence): readonly Sentence[] {
  const { access, value, address } = story;
  const { name } = row.row;
  const sentences: Sentence[] = [];
  const rpl = privilege(context);
  if (rpl !== 0n) sentences.push(say`The code ran at privilege level ${rpl}: RDMSR and WRMSR need level 0.`);
  if (access === 'write' && row.row.access === 'ro') sentences.push(say`${name} is read-only: any write faults.`);
  if (access === 'read' && row.row.access !== 'wo' && row.rule.worth === 'true') {
    const note = /\bRDMSR\b|\breads? /.test(row.row.reservedBitsNote) ? say` Known reasons: ${row.row.reservedBitsNote}.` : [];
    sentences.push(say`By ${[row.rule.source]} this CPU has ${name}, and yet it refused the read.${note}`);
  }
  if (access === 'read' && row.row.access === 'wo') sentences.push(say`${name} is write-only: any read faults.`);
  if (address >= 0x800 && address <= 0x8ff) {
    const extd = context.facts.bits({ kind: 'msr', address: 0x1b, high: 10, low: 10 });
    if (extd?.value === 0n) sentences.push(say`x2APIC mode is off (${extd.from}): bit 10 of MSR ${'0x1b'} must be 1 first.`);
  }
  if (value === undefined) return sentences;
  const broken = illegalValue(address, value, row.row, context.facts);
  for (const rule of broken) sentences.push(say`The value is not legal: ${rule}.`);
  if (context.crash.fault.vector === pageFault && (address === 0x79 || address === 0xc0010020)) {
    const whose: Sentence = story.isGuest ? [' It is most likely an address of the guest.'] : [];
    sentences.push(
      say`It loads a microcode update from the linear address ${hex(value, 16)} in EDX:EAX: ${[story.grade === 'possible' ? 'a page that cannot be read there faults like this.' : 'the CPU could not read there.']}${whose}`,
    );
  } else if (broken.length === 0 && row.row.reservedBitsNote !== '' && row.row.access !== 'ro') {
    sentences.push(say`Known reasons why a write faults: ${row.row.reservedBitsNote}.`);
  }
  return sentences;
}
