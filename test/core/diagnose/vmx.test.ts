/** Failed VM entries, exits nobody handles, and the other events. */
import { describe, expect, test } from '@jest/globals';
import { decodeExitReason, exitReasons, vmInstructionErrors } from '../../../src/core/diagnose/vmx-tables.js';
import type { LogEvent, VmcsField } from '../../../src/core/log/crash-log.js';
import { diagnoseCase, diagnoseEvents, kindsOf, saidBy, unknownOf } from '../../build/diagnosed.js';

type Fields = Readonly<Record<string, bigint>>;

/** A VCPU dump on the lines after a crash in line 1. */
const dump = (fields: Fields, cpu = '00'): VmcsField[] =>
  Object.entries(fields).map(([name, value], index) => ({ cpu, name, value, line: index + 2 }));

/** Capabilities of the machine in the dump, as XMHF keeps them. */
const capabilities: Fields = {
  'vcpu->vmx_msrs[0]': 0x00d8100011e57ed0n,
  'vcpu->vmx_msrs[1]': 0x0000007f00000016n,
  'vcpu->vmx_msrs[2]': 0xfff9fffe0401e172n,
  'vcpu->vmx_msrs[3]': 0x007fffff00036dffn,
  'vcpu->vmx_msrs[4]': 0x0000f3ff000011ffn,
  'vcpu->vmx_msrs[6]': 0x80000021n,
  'vcpu->vmx_msrs[7]': 0xffffffffn,
  'vcpu->vmx_msrs[8]': 0x2000n,
  'vcpu->vmx_msrs[9]': 0x1727ffn,
  'vcpu->vmx_msrs[b]': 0x000078ff00000000n,
};
/** Legal on that machine. */
const controls: Fields = {
  control_vpid: 1n,
  control_VMX_pin_based: 0x3en,
  control_VMX_cpu_based: 0x86006172n,
  control_VMX_seccpu_based: 0xaan,
  control_VM_exit_controls: 0x36fffn,
  control_VM_entry_controls: 0x13ffn,
  control_EPT_pointer: 0x1068401en,
  host_CR0: 0x80000031n,
  host_CR4: 0x42020n,
  host_CS_selector: 0x10n,
  host_TR_selector: 0x20n,
};

const failed = (error: bigint, fields: Fields = {}) =>
  diagnoseCase({ vector: 3, facts: { vmcs: dump({ ...capabilities, ...controls, ...fields, info_vminstr_error: error }) } });

describe('tables', () => {
  test('numbers that the manual names', () => {
    expect(vmInstructionErrors.get(7)?.name).toBe('VM entry with invalid control fields');
    expect([14, 21, 27, 29].map((number) => vmInstructionErrors.has(number))).toEqual([false, false, false, false]);
    expect([2, 31, 32, 48, 52, 75, 85].map((number) => exitReasons.get(number))).toEqual([
      'triple fault',
      'RDMSR',
      'WRMSR',
      'EPT violation',
      'preemption timer expired',
      'instruction timeout',
      'WRMSRNS',
    ]);
    expect([35, 38, 42, 71, 82, 83].some((number) => exitReasons.has(number))).toBe(false);
  });

  test('bit 31 is a failed entry', () => {
    expect(decodeExitReason(0x80000021)).toEqual({ basic: 33, name: 'entry failure: guest state', isEntryFailure: true });
    expect(decodeExitReason(0x30)).toEqual({ basic: 48, name: 'EPT violation', isEntryFailure: false });
    expect(decodeExitReason(0x2a)).toEqual({ basic: 42, isEntryFailure: false });
  });
});

describe('a breakpoint that is a failed VM entry', () => {
  test('error 7 with a secondary control that the CPU does not allow, and the field it came from', () => {
    const diagnosis = failed(7n, { control_VMX_seccpu_based: 0x86006172n });
    expect(kindsOf(diagnosis)).toEqual(['confirmed vm-instruction-error']);
    const said = saidBy(diagnosis);
    expect(said).toContain('VM-instruction error 7: VM entry with invalid control fields');
    expect(said).toContain('control_VMX_seccpu_based is 0x86006172');
    expect(said).toContain('APIC-register virtualization (bit 8)');
    expect(said).toContain('It holds the same value as control_VMX_cpu_based');
  });

  test('legal controls are not accused', () => {
    const said = saidBy(failed(7n));
    expect(said).not.toContain('does not allow');
    expect(said).not.toContain('must be 1');
    expect(said).toContain('Where to look');
  });

  test.each([
    ['a reserved pin-based control', { control_VMX_pin_based: 0x13en }, 'bit 8, which this CPU does not allow'],
    [
      'a control that must be 1',
      { control_VM_entry_controls: 0x1200n, 'vcpu->vmx_msrs[0]': 0x0058100011e57ed0n },
      'and clears bit 0, bit 1, load debug controls (bit 2)',
    ],
    ['unrestricted guest without EPT', { control_VMX_seccpu_based: 0xa8n }, 'Unrestricted guest is on without EPT'],
    ['VPID 0', { control_vpid: 0n }, 'control_vpid is 0'],
    ['EPT memory type', { control_EPT_pointer: 0x1068401dn }, 'has memory type 5'],
    ['EPT walk length', { control_EPT_pointer: 0x10684006n }, 'has walk length 1'],
    ['virtual NMIs', { control_VMX_pin_based: 0x36n }, 'Virtual NMIs are on without NMI exiting'],
    ['a bitmap that is not aligned', { control_IO_BitmapA_address: 0x18ff9010n }, 'control_IO_BitmapA_address is 0x18ff9010'],
  ])('%s', (_, fields, words) => {
    expect(saidBy(failed(7n, fields))).toContain(words);
  });

  test('controls that are 1 by default are judged only where the TRUE MSRs are known, or do not exist', () => {
    const clears16 = { control_VMX_cpu_based: 0x86006172n };
    expect(saidBy(failed(7n, clears16))).not.toContain('CR3-store');
    expect(saidBy(failed(7n, { ...clears16, 'vcpu->vmx_msrs[0]': 0x0058100011e57ed0n }))).toContain(
      'CR3-load exiting (bit 15), CR3-store exiting (bit 16), which must be 1',
    );
    expect(saidBy(failed(7n, { ...clears16, 'vcpu->vmx_msrs[e]': 0xfff9fffe04006172n }))).not.toContain('must be 1');
  });

  test('secondary controls count only where they are on', () => {
    expect(saidBy(failed(7n, { control_VMX_cpu_based: 0x06006172n, control_VMX_seccpu_based: 0x86006172n }))).not.toContain(
      'does not allow',
    );
  });

  test('a print that lost the upper half accuses nothing', () => {
    const narrow = Object.fromEntries(Object.entries(capabilities).map(([name, value]) => [name, value & 0xffffffffn]));
    const fields = { ...narrow, ...controls, control_VMX_seccpu_based: 0x86006172n, info_vminstr_error: 7n };
    expect(saidBy(diagnoseCase({ arch: 'i386', vector: 3, facts: { vmcs: dump(fields) } }))).not.toContain('does not allow');
  });

  test('error 8: a 64-bit guest under a 32-bit hypervisor', () => {
    const fields = { ...capabilities, ...controls, control_VM_exit_controls: 0x36dffn, info_vminstr_error: 8n };
    const said = saidBy(diagnoseCase({ arch: 'i386', vector: 3, facts: { vmcs: dump(fields) } }));
    expect(said).toContain('a 32-bit hypervisor cannot enter a 64-bit guest');
    expect(said).not.toContain('but the hypervisor is');
  });

  test.each([
    ['CR4 without VMXE', { host_CR4: 0x40020n }, 'host_CR4 is 0x40020'],
    ['a selector with an RPL', { host_CS_selector: 0x13n }, 'RPL and TI must be 0'],
    ['no TR', { host_TR_selector: 0n }, 'host_TR_selector is 0'],
    ['the wrong width', { control_VM_exit_controls: 0x36dffn, control_VM_entry_controls: 0x11ffn }, 'but the hypervisor is 64-bit code'],
    ['a base', { host_GDTR_base: 0x4141414141414141n }, 'host_GDTR_base is 0x4141414141414141'],
  ])('error 8: %s', (_, fields, words) => {
    expect(saidBy(failed(8n, fields))).toContain(words);
  });

  test('legal host state is not accused', () => {
    expect(saidBy(failed(8n))).toContain('Where to look: host CR0');
  });

  test('fields of another CPU, or from before the crash, do not count', () => {
    const other = diagnoseCase({ vector: 3, facts: { vmcs: dump({ info_vminstr_error: 7n }, '01') } });
    expect(kindsOf(other)).toEqual(['confirmed breakpoint']);
    const before = diagnoseCase({ vector: 3, line: 50, facts: { vmcs: dump({ info_vminstr_error: 7n }) } });
    expect(kindsOf(before)).toEqual(['confirmed breakpoint']);
  });

  test('by the image alone: VMRESUME before the INT3', () => {
    const vmresume = [0x0f, 0x01, 0xc3, 0x90, 0xcc];
    const diagnosis = diagnoseCase({ vector: 3, codeBefore: vmresume, code: [0xf4] });
    expect(kindsOf(diagnosis)).toEqual(['likely vm-instruction-error']);
    expect(unknownOf(diagnosis)).toContain('does not print the VM-instruction error');
  });

  test('an INT3 elsewhere is a breakpoint', () => {
    expect(kindsOf(diagnoseCase({ vector: 3, codeBefore: [0x90, 0xcc], code: [0xf4] }))).toEqual(['confirmed breakpoint']);
    expect(kindsOf(diagnoseCase({ vector: 3, codeBefore: [0x0f, 0x01, 0xc3, 0x90], code: [0xf4] }))).toEqual(['confirmed breakpoint']);
  });
});

describe('events', () => {
  const event = (kind: LogEvent['kind'], more: Partial<LogEvent> = {}): LogEvent => ({
    kind,
    line: 1,
    cpu: '00',
    text: 'as printed',
    fatal: true,
    ...more,
  });
  const entryFailure = (fields: Fields) =>
    diagnoseEvents([event('vm-entry-failure', { code: 0x80000021 })], { vmcs: dump({ ...capabilities, ...controls, ...fields }) });

  test.each([
    [
      'a clobbered RFLAGS',
      { guest_RFLAGS: 0xffffffff8106b3e6n },
      'guest_RFLAGS is 0xffffffff8106b3e6 (line 23): reserved bits 63:31, 24, 15, 5 must be 0',
    ],
    ['bit 1 of RFLAGS', { guest_RFLAGS: 0x40n }, 'bit 1 must be 1'],
    ['paging without protection', { guest_CR0: 0x80000030n }, 'PG without PE'],
    ['CR4 without VMXE', { guest_CR4: 0x20n }, 'guest_CR4 is 0x20 (line 23): bit 13 must be 1'],
    ['NE clear', { guest_CR0: 0x80050011n }, 'guest_CR0 is 0x80050011 (line 23): bit 5 must be 1'],
    ['IA-32e mode without paging', { guest_CR0: 0x21n }, 'paging is off'],
    ['the link pointer', { guest_VMCS_link_pointer: 0x1234n }, 'guest_VMCS_link_pointer is 0x1234'],
    ['the activity state', { guest_activity_state: 9n }, 'only 0 to 3 exist'],
    ['a base', { guest_TR_base: 0x4141414141414141n }, 'not canonical'],
  ])('guest state: %s', (_, fields, words) => {
    const diagnosis = entryFailure(fields);
    expect(saidBy(diagnosis)).toContain('The VM entry failed with exit reason 33 (entry failure: guest state)');
    expect(saidBy(diagnosis)).toContain(words);
  });

  test('a legal guest is not accused, and the question stays open', () => {
    const legal = {
      guest_RFLAGS: 2n,
      guest_CR0: 0x80050033n,
      guest_CR4: 0x20f0n,
      guest_VMCS_link_pointer: 0xffffffffffffffffn,
      guest_activity_state: 0n,
    };
    const diagnosis = entryFailure(legal);
    expect(saidBy(diagnosis).split('\n')).toHaveLength(2);
    expect(unknownOf(diagnosis)).toContain('Which part of the guest state was refused');
  });

  test('real mode is legal for an unrestricted guest only', () => {
    const realMode = { guest_CR0: 0x20n, guest_CR4: 0x2000n, guest_RFLAGS: 2n, control_VM_entry_controls: 0x11ffn };
    expect(saidBy(entryFailure(realMode))).not.toContain('guest_CR0');
    expect(saidBy(entryFailure({ ...realMode, control_VMX_seccpu_based: 0x2an }))).toContain('bits 31, 0 must be 1');
  });

  test('an MSR that could not be loaded', () => {
    const diagnosis = diagnoseEvents([event('vm-entry-failure', { code: 0x80000022, qualification: 1n })]);
    expect(saidBy(diagnosis)).toContain('Item 1 of the VM-entry MSR-load area');
  });

  test('a VM-instruction error in the words of newer builds', () => {
    const diagnosis = diagnoseEvents([event('vm-instruction-error', { code: 5 })]);
    expect(saidBy(diagnosis)).toContain('VM-instruction error 5: VMRESUME with a VMCS that was not launched');
  });

  test.each([
    [
      0,
      { info_vmexit_interrupt_information: 0x80000b0en, info_vmexit_interrupt_error_code: 2n },
      'The guest raised #PF with error code 0x2',
    ],
    [28, { info_exit_qualification: 0x4n }, 'The guest moved a value to CR4'],
    [28, { info_exit_qualification: 0x13n }, 'The guest moved from CR3'],
    [29, { info_exit_qualification: 0x7n }, 'The guest moved to DR7'],
    [30, { info_exit_qualification: 0x3f80008n }, 'The guest read 1 byte at port 0x3f8'],
    [
      48,
      { info_exit_qualification: 0x2n, guest_paddr: 0xfee00000n },
      'a write; the page is not present in the EPT.\nThe guest-physical address is 0xfee00000',
    ],
    [48, { info_exit_qualification: 0x2an, guest_paddr: 0x1000n }, 'a write; the EPT allows read, execute.'],
    [49, { guest_paddr: 0x1000n }, 'The guest-physical address is 0x1000'],
  ])('exit %i by its qualification', (code, fields, words) => {
    expect(saidBy(diagnoseEvents([event('unhandled-intercept', { code })], { vmcs: dump(fields) }))).toContain(words);
    expect(saidBy(diagnoseEvents([event('unhandled-intercept', { code })])).split('\n')).toHaveLength(1);
  });

  test('the qualification of a failed entry', () => {
    expect(saidBy(diagnoseEvents([event('vm-entry-failure', { code: 0x80000021, qualification: 4n })]))).toContain(
      'the VMCS link pointer is bad',
    );
    expect(saidBy(diagnoseEvents([event('vm-entry-failure', { code: 0x80000021, qualification: 0n })]))).not.toContain(
      'exit qualification',
    );
  });

  test("the guest's triple fault", () => {
    const diagnosis = diagnoseEvents([event('unhandled-intercept', { code: 2 })]);
    expect(kindsOf(diagnosis)).toEqual(['confirmed unhandled-intercept']);
    expect(saidBy(diagnosis)).toContain('VM exit 2 (triple fault)');
    expect(saidBy(diagnosis)).toContain('The guest, not the hypervisor');
  });

  test('an MSR exit names the last such access in the log', () => {
    const facts = { guestMsrAccesses: [{ cpu: '00', access: 'read' as const, address: 0xce, line: 1 }] };
    const at5 = { ...event('unhandled-intercept', { code: 31 }), line: 5 };
    expect(diagnoseEvents([at5], facts).findings[0]?.evidence.map((e) => e.line)).toEqual([5, 1]);
    expect(diagnoseEvents([{ ...at5, code: 32 }], facts).findings[0]?.evidence).toHaveLength(1);
  });

  test('what the guest does to itself is not the hypervisor', () => {
    const diagnosis = diagnoseEvents([event('guest-panic', { fatal: false }), event('guest-exception', { fatal: false, code: 13 })]);
    expect(kindsOf(diagnosis)).toEqual(['confirmed guest-fault', 'confirmed guest-fault']);
    expect(saidBy(diagnosis)).toContain("The guest raised an exception (#GP): this is the guest's fault");
  });

  test("an assertion's own words", () => {
    const diagnosis = diagnoseEvents([event('assertion', { condition: '0 && "no such thing\\n"', file: 'x.c', sourceLine: 3 })]);
    expect(saidBy(diagnosis)).toContain('the code says why it stops: no such thing.');
    expect(saidBy(diagnoseEvents([event('assertion', { condition: 'p != 0' })]))).not.toContain('why it stops');
  });

  test('halts: a fatal one is told, one the hypervisor survives is not', () => {
    expect(saidBy(diagnoseEvents([event('halt', { text: 'CPU(0x00): HALT; no memory' })]))).toContain(
      'The hypervisor stopped itself: CPU(0x00): HALT; no memory',
    );
    expect(diagnoseEvents([event('halt', { fatal: false })]).findings).toEqual([]);
  });

  test('a triple fault that the log names', () => {
    expect(saidBy(diagnoseEvents([event('triple-fault')]))).toContain('The log names a triple fault');
  });

  test('a flood of events does not become a flood of findings', () => {
    const same = Array.from({ length: 1000 }, (_, index) => event('guest-exception', { line: index, code: 14, fatal: false }));
    expect(diagnoseEvents(same).findings).toHaveLength(1);
    const different = Array.from({ length: 1000 }, (_, index) => event('assertion', { line: index, condition: `x == ${index}` }));
    expect(diagnoseEvents(different).findings).toHaveLength(12);
  });

  test('a log that just ends says how far the boot came; one that crashed does not', () => {
    const milestones = [
      { name: 'secure loader', line: 10 },
      { name: 'runtime', line: 20 },
    ];
    expect(unknownOf(diagnoseEvents([], { milestones }))).toContain('The last stage that the boot reached is runtime (line 20)');
    expect(unknownOf(diagnoseEvents([event('assertion')], { milestones }))).toBe('');
    expect(unknownOf(diagnoseCase({ vector: 2, facts: { milestones } }))).toBe('');
  });
});
