/**
 * The checks that a VM entry makes, run over the VMCS fields that the log prints.
 *
 * In: field values and the CPU's facts. Out: one sentence for each check that certainly fails. Refuses: a check whose fields were not
 * printed, or were printed without their upper half, says nothing; so silence does not mean that the state is legal.
 * Source: Intel SDM vol 3 §27.2 (controls, host state), §27.3 (guest state).
 */
import { hex } from '../addresses.js';
import { type Sentence, say } from '../sentence.js';
import {
  type ControlField,
  controlFields,
  controlNames,
  entryControls,
  exitControls,
  pinBased,
  processorBased,
  secondary,
} from './control-bits.js';
import type { CpuFacts } from './cpu-facts.js';
import { isCanonical } from './fault.js';
import { bitList } from './msr-value.js';

export interface VmcsValue {
  readonly value: bigint;
  readonly line: number;
}

/** Fields by the name that XMHF prints. */
export interface VmcsDump {
  field(name: string): VmcsValue | undefined;
  /** A 64-bit field: one print, or two halves. `undefined` where the upper half may be lost. */
  wide(name: string): VmcsValue | undefined;
  /** The hypervisor that printed is 64-bit code. */
  readonly is64: boolean;
}

const low32 = 0xffff_ffffn;
const vmxBasic = 0x480;

function bit(value: bigint, n: number): boolean {
  return ((value >> BigInt(n)) & 1n) === 1n;
}

/** VM-instruction error 7. SDM vol 3 §27.2.1. */
export function controlProblems(dump: VmcsDump, facts: CpuFacts): readonly Sentence[] {
  const problems: Sentence[] = [];
  for (const field of controlFields) {
    const found = dump.field(field.field);
    if (found === undefined || (field === secondary && !usesSecondary(dump))) continue;
    problems.push(...againstCapability(field, found, facts, dump));
  }
  problems.push(...dependencies(dump));
  return problems;
}

function usesSecondary(dump: VmcsDump): boolean {
  const primary = dump.field(processorBased.field);
  return primary !== undefined && bit(primary.value, 31);
}

function againstCapability(field: ControlField, found: VmcsValue, facts: CpuFacts, dump: VmcsDump): readonly Sentence[] {
  const ordinary = facts.msr(field.capability);
  const basic = facts.bits({ kind: 'msr', address: vmxBasic, high: 55, low: 55 })?.value;
  const trueMsr = field.trueCapability !== undefined && basic === 1n ? facts.msr(field.trueCapability) : undefined;
  const capability = trueMsr ?? ordinary;
  if (capability === undefined || capability.unavailable) return [];
  const value = found.value & low32;
  const problems: Sentence[] = [];
  const upperKnown = capability.known >> 32n === low32;
  const refused = upperKnown ? value & ~(capability.value >> 32n) & low32 : 0n;
  if (refused !== 0n) {
    problems.push(
      say`${field.field} is ${hex(value, 8)} (${[`line ${found.line}`]}) and sets ${[controlNames(field, refused)]}, which this CPU does not allow (${capability.from}).`,
    );
    const twin = controlFields.find((other) => other !== field && (dump.field(other.field)?.value ?? -1n) === found.value);
    if (twin !== undefined)
      problems.push(say`It holds the same value as ${twin.field}: the field was probably written with the wrong value.`);
  }
  // Where TRUE MSRs exist and are not known, controls that are 1 by default may be 0.
  const decided = trueMsr !== undefined || field.trueCapability === undefined || basic === 0n ? low32 : low32 & ~field.defaultOne;
  const needed = capability.value & low32 & ~value & decided;
  if (needed !== 0n) {
    problems.push(
      say`${field.field} is ${hex(value, 8)} (${[`line ${found.line}`]}) and clears ${[controlNames(field, needed)]}, which must be 1 on this CPU (${capability.from}).`,
    );
  }
  return problems;
}

function dependencies(dump: VmcsDump): readonly Sentence[] {
  const problems: Sentence[] = [];
  const pins = dump.field(pinBased.field)?.value;
  const primary = dump.field(processorBased.field)?.value;
  const second = usesSecondary(dump) ? dump.field(secondary.field)?.value : undefined;
  if (pins !== undefined && bit(pins, 5) && !bit(pins, 3)) problems.push(say`virtual NMIs are on without NMI exiting.`);
  if (pins !== undefined && primary !== undefined && bit(primary, 22) && !bit(pins, 5)) {
    problems.push(say`NMI-window exiting is on without virtual NMIs.`);
  }
  if (second !== undefined && bit(second, 7) && !bit(second, 1)) problems.push(say`unrestricted guest is on without EPT.`);
  const vpid = dump.field('control_vpid');
  if (second !== undefined && bit(second, 5) && vpid?.value === 0n)
    problems.push(say`VPID is enabled, and ${'control_vpid'} is 0 (${[`line ${vpid.line}`]}).`);
  const eptp = dump.wide('control_EPT_pointer');
  if (second !== undefined && bit(second, 1) && eptp !== undefined) {
    const type = eptp.value & 7n;
    const walk = (eptp.value >> 3n) & 7n;
    if (type !== 0n && type !== 6n)
      problems.push(say`the EPT pointer ${hex(eptp.value)} (${[`line ${eptp.line}`]}) has memory type ${type}.`);
    if (walk !== 3n && walk !== 4n)
      problems.push(say`the EPT pointer ${hex(eptp.value)} (${[`line ${eptp.line}`]}) has walk length ${walk + 1n}.`);
  }
  for (const [on, name, align] of [
    [primary !== undefined && bit(primary, 25), 'control_IO_BitmapA_address', 4096n],
    [primary !== undefined && bit(primary, 25), 'control_IO_BitmapB_address', 4096n],
    [primary !== undefined && bit(primary, 28), 'control_MSR_Bitmaps_address', 4096n],
    [(dump.field('control_VM_exit_MSR_store_count')?.value ?? 0n) > 0n, 'control_VM_exit_MSR_store_address', 16n],
    [(dump.field('control_VM_exit_MSR_load_count')?.value ?? 0n) > 0n, 'control_VM_exit_MSR_load_address', 16n],
    [(dump.field('control_VM_entry_MSR_load_count')?.value ?? 0n) > 0n, 'control_VM_entry_MSR_load_address', 16n],
  ] as const) {
    // The low half decides.
    const found = dump.field(name) ?? dump.field(`${name}_full`);
    if (on && found !== undefined && found.value % align !== 0n) {
      problems.push(say`${name} is ${hex(found.value)} (${[`line ${found.line}`]}), not aligned to ${align} bytes.`);
    }
  }
  return problems;
}

/** VM-instruction error 8. SDM vol 3 §27.2.2 to §27.2.4. */
export function hostProblems(dump: VmcsDump, facts: CpuFacts): readonly Sentence[] {
  const problems: Sentence[] = [...fixedBits('host_CR0', dump, facts, 0x486, 0n), ...fixedBits('host_CR4', dump, facts, 0x488, 0n)];
  const exits = dump.field(exitControls.field);
  const entries = dump.field(entryControls.field);
  const host64 = exits && bit(exits.value, 9);
  if (host64 === false && exits !== undefined && entries !== undefined && bit(entries.value, 9)) {
    problems.push(
      say`the guest is to run in IA-32e mode (bit 9 of ${entryControls.field} is 1, ${[`line ${entries.line}`]}), but the host is 32-bit (bit 9 of ${exitControls.field} is 0, ${[`line ${exits.line}`]}): a 32-bit hypervisor cannot enter a 64-bit guest.`,
    );
  }
  if (host64 !== undefined && host64 !== dump.is64) {
    problems.push(
      say`host address-space size (bit 9 of ${exitControls.field}) is ${host64 ? 1 : 0}, but the hypervisor is ${[dump.is64 ? '64' : '32']}-bit code.`,
    );
  }
  for (const name of ['ES', 'CS', 'SS', 'DS', 'FS', 'GS', 'TR']) {
    const selector = dump.field(`host_${name}_selector`);
    if (selector === undefined) continue;
    if ((selector.value & 7n) !== 0n)
      problems.push(say`${`host_${name}_selector`} is ${hex(selector.value)} (${[`line ${selector.line}`]}): RPL and TI must be 0.`);
    const mustBeSet = name === 'CS' || name === 'TR' || (name === 'SS' && host64 === false);
    if (mustBeSet && selector.value === 0n) problems.push(say`${`host_${name}_selector`} is 0 (${[`line ${selector.line}`]}).`);
  }
  for (const name of [
    'FS_base',
    'GS_base',
    'TR_base',
    'GDTR_base',
    'IDTR_base',
    'SYSENTER_ESP',
    'SYSENTER_EIP',
    ...(host64 ? ['RIP'] : []),
  ]) {
    problems.push(...nonCanonical(`host_${name}`, dump));
  }
  return problems;
}

/** Exit reason 33. SDM vol 3 §27.3.1. */
export function guestProblems(dump: VmcsDump, facts: CpuFacts): readonly Sentence[] {
  const problems: Sentence[] = [];
  const second = usesSecondary(dump) ? dump.field(secondary.field)?.value : undefined;
  const unrestricted = second !== undefined && bit(second, 7);
  // PE and PG are free for an unrestricted guest; where that is not known, they are not judged.
  const freeInCr0 = unrestricted || second === undefined ? 0x8000_0001n : 0n;
  problems.push(...fixedBits('guest_CR0', dump, facts, 0x486, freeInCr0), ...fixedBits('guest_CR4', dump, facts, 0x488, 0n));
  const cr0 = dump.field('guest_CR0');
  const entries = dump.field(entryControls.field);
  const cr4 = dump.field('guest_CR4');
  if (cr0 !== undefined && bit(cr0.value, 31) && !bit(cr0.value, 0))
    problems.push(say`${'guest_CR0'} is ${hex(cr0.value)} (${[`line ${cr0.line}`]}): PG without PE.`);
  if (entries !== undefined && bit(entries.value, 9)) {
    if (cr0 !== undefined && !bit(cr0.value, 31))
      problems.push(
        say`the guest is to run in IA-32e mode, but paging is off in ${'guest_CR0'} ${hex(cr0.value)} (${[`line ${cr0.line}`]}).`,
      );
    if (cr4 !== undefined && !bit(cr4.value, 5))
      problems.push(say`the guest is to run in IA-32e mode, but PAE is off in ${'guest_CR4'} ${hex(cr4.value)} (${[`line ${cr4.line}`]}).`);
  }
  problems.push(...flagsProblems(dump, cr0, entries?.value));
  const activity = dump.field('guest_activity_state');
  if (activity !== undefined && activity.value > 3n)
    problems.push(say`${'guest_activity_state'} is ${activity.value} (${[`line ${activity.line}`]}): only 0 to 3 exist.`);
  const link = dump.wide('guest_VMCS_link_pointer');
  if (link !== undefined && link.value !== 0xffff_ffff_ffff_ffffn && link.value % 4096n !== 0n) {
    problems.push(
      say`${'guest_VMCS_link_pointer'} is ${hex(link.value)} (${[`line ${link.line}`]}): neither all ones nor an aligned address.`,
    );
  }
  for (const name of ['TR_base', 'FS_base', 'GS_base', 'GDTR_base', 'IDTR_base', 'SYSENTER_ESP', 'SYSENTER_EIP']) {
    problems.push(...nonCanonical(`guest_${name}`, dump));
  }
  return problems;
}

function flagsProblems(dump: VmcsDump, cr0: VmcsValue | undefined, entries: bigint | undefined): readonly Sentence[] {
  const flags = dump.field('guest_RFLAGS');
  if (flags === undefined) return [];
  const problems: Sentence[] = [];
  const reserved = flags.value & ~0x3f7fd7n;
  if (reserved !== 0n)
    problems.push(say`${'guest_RFLAGS'} is ${hex(flags.value)} (${[`line ${flags.line}`]}): reserved ${[bitList(reserved)]} must be 0.`);
  if (!bit(flags.value, 1)) problems.push(say`${'guest_RFLAGS'} is ${hex(flags.value)} (${[`line ${flags.line}`]}): bit 1 must be 1.`);
  const realMode = cr0 !== undefined && !bit(cr0.value, 0);
  const longMode = entries !== undefined && bit(entries, 9);
  if (bit(flags.value, 17) && (realMode || longMode)) {
    problems.push(
      say`${'guest_RFLAGS'} is ${hex(flags.value)} (${[`line ${flags.line}`]}): virtual-8086 mode does not exist in ${[longMode ? 'IA-32e' : 'real']} mode.`,
    );
  }
  return problems;
}

/** `fixed0` is the MSR of bits that must be 1, `fixed0 + 1` that of bits that may be 1. SDM vol 3 appendix A.7, A.8. */
function fixedBits(name: string, dump: VmcsDump, facts: CpuFacts, fixed0: number, free: bigint): readonly Sentence[] {
  const found = dump.field(name);
  if (found === undefined) return [];
  const problems: Sentence[] = [];
  const mustBeOne = facts.msr(fixed0);
  const mayBeOne = facts.msr(fixed0 + 1);
  if (mustBeOne !== undefined && !mustBeOne.unavailable) {
    const missing = mustBeOne.value & ~found.value & ~free;
    if (missing !== 0n)
      problems.push(say`${name} is ${hex(found.value)} (${[`line ${found.line}`]}): ${[bitList(missing)]} must be 1 (${mustBeOne.from}).`);
  }
  if (mayBeOne !== undefined && !mayBeOne.unavailable) {
    const extra = found.value & mayBeOne.known & ~mayBeOne.value;
    if (extra !== 0n)
      problems.push(say`${name} is ${hex(found.value)} (${[`line ${found.line}`]}): ${[bitList(extra)]} must be 0 (${mayBeOne.from}).`);
  }
  return problems;
}

function nonCanonical(name: string, dump: VmcsDump): readonly Sentence[] {
  const found = dump.field(name);
  return found === undefined || isCanonical(found.value)
    ? []
    : [say`${name} is ${hex(found.value)} (${[`line ${found.line}`]}), not canonical.`];
}
