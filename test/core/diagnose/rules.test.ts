/** Rules that no other test fires: each with what makes it speak, and beside it what must leave it silent. */
import { describe, expect, test } from '@jest/globals';
import type { CpuidReading, LogEvent } from '../../../src/core/log/crash-log.js';
import { diagnoseCase, diagnoseEvents, saidBy } from '../../build/diagnosed.js';

const event = (kind: LogEvent['kind'], parts: Partial<LogEvent> = {}): LogEvent => ({
  kind,
  line: 1,
  text: 'as printed',
  fatal: true,
  ...parts,
});
const cpuid = (leaf: number, register: CpuidReading['register'], value: number): CpuidReading => ({
  leaf,
  subleaf: 0,
  register,
  value,
  line: 3,
});
const wrmsr = (address: bigint, value: bigint, of: Parameters<typeof diagnoseCase>[0] = {}) =>
  saidBy(
    diagnoseCase({
      vector: 13,
      errorCode: 0n,
      code: [0x0f, 0x30],
      registers: { rcx: address, rax: value & 0xffff_ffffn, rdx: value >> 32n },
      ...of,
    }),
  );
const rdmsr = (of: Parameters<typeof diagnoseCase>[0]) =>
  saidBy(diagnoseCase({ vector: 13, errorCode: 0n, code: [0x0f, 0x32], registers: { rcx: 0x491n }, ...of }));

describe('values of EFER', () => {
  test('bits 63:32 on a CPU of an unknown vendor', () => {
    expect(wrmsr(0xc000_0080n, 0x1_0000_0500n)).toContain('bits 63:32 of EFER are reserved');
    expect(wrmsr(0xc000_0080n, 0x500n)).not.toContain('63:32');
  });

  test('NXE on a CPU without execute disable', () => {
    const without = { facts: { cpuid: [cpuid(0x8000_0001, 'EDX', 1 << 29)] } };
    const having = { facts: { cpuid: [cpuid(0x8000_0001, 'EDX', 1 << 20)] } };
    expect(wrmsr(0xc000_0080n, 0xd00n, without)).toContain('NXE (bit 11) is 1 on a CPU without execute disable');
    expect(wrmsr(0xc000_0080n, 0xd00n, having)).not.toContain('NXE (bit 11) is 1 on');
    expect(wrmsr(0xc000_0080n, 0xd00n)).not.toContain('NXE (bit 11) is 1 on');
  });
});

test('a number that is the address of a variable is no MSR', () => {
  const read = (rcx: bigint, address: number) => {
    const sections = [{ name: '.data', address, bytes: Array.from({ length: 32 }, () => 0) }];
    const symbols = [{ name: 'g_table', address, size: 32, type: 'object' }] as const;
    return rdmsr({ registers: { rcx }, sections, symbols });
  };
  expect(read(0x1030_0018n, 0x1030_0010)).toContain('the address of g_table+0x8 in .data: most likely ECX was never set');
  expect(read(0x1030_0018n, 0x1040_0000)).toContain('Nothing is known of MSR 0x10300018');
  // an image linked at 0 covers the numbers of real MSRs
  expect(read(0x4f4n, 0x4f0)).not.toContain('address of');
});

test('a virtual machine may refuse what the CPU has', () => {
  const words = 'The code ran in a virtual machine';
  expect(rdmsr({ facts: { cpuid: [cpuid(1, 'ECX', 2 ** 31)] } })).toContain(words);
  expect(rdmsr({ facts: { cpuid: [cpuid(1, 'ECX', 0)] } })).not.toContain(words);
  expect(rdmsr({})).not.toContain(words);
});

describe('the error code of a #GP', () => {
  test('an IDT gate whose exception another CPU printed', () => {
    const refused = { vector: 13, errorCode: 0x93n, line: 5 };
    const both = saidBy(diagnoseCase({ ...refused, more: [{ vector: 18, cpu: '07', line: 8 }] }));
    expect(both).toContain('IDT gate 18 (#MC), while an event from outside');
    expect(both).toContain('CPU 07 printed #MC itself (line 8)');
    expect(saidBy(diagnoseCase({ ...refused, more: [{ vector: 17, cpu: '07', line: 8 }] }))).not.toContain('itself');
  });

  test('a selector of a descriptor table', () => {
    const load = saidBy(diagnoseCase({ vector: 13, errorCode: 0x7778n, code: [0x8e, 0xd8] }));
    expect(load).toContain('GDT entry 3823 (selector 0x7778)');
    expect(load).not.toContain('IDT');
  });
});

test('debug registers that do not exist', () => {
  const ud = (code: readonly number[]) => saidBy(diagnoseCase({ vector: 6, code }));
  expect(ud([0x0f, 0x23, 0xe0])).toContain('DR4 and DR5 do not exist while CR4.DE');
  expect(ud([0x0f, 0x23, 0xf8])).not.toContain('DR4 and DR5');
});

describe('assertions that always fail', () => {
  const says = (condition: string) => saidBy(diagnoseEvents([event('assertion', { condition, file: 'a.c', sourceLine: 3 })]));
  test('without words', () => {
    expect(says('0')).toContain('this place is never to be reached');
    expect(says('x == 0')).not.toContain('always false');
  });
  test('with words', () => {
    expect(says('0 && "TODO: later\\n"')).toContain('the code says why it stops: TODO: later.');
    expect(says('"text" && x')).not.toContain('always false');
  });
});

describe('VM exits and entries', () => {
  test.each([
    [0x20n, 'The guest executed CLTS'],
    [0x30n, 'The guest executed LMSW'],
  ])('control-register access %i', (value, words) => {
    const vmcs = [{ line: 2, cpu: '00', name: 'info_exit_qualification', value }];
    expect(saidBy(diagnoseEvents([event('unhandled-intercept', { code: 28, cpu: '00' })], { vmcs }))).toContain(words);
    expect(saidBy(diagnoseEvents([event('unhandled-intercept', { code: 48, cpu: '00' })], { vmcs }))).not.toContain(words);
  });

  test.each([
    [2n, 'the PDPTEs could not be loaded'],
    [3n, 'an NMI was to be injected while STI or MOV SS blocks events'],
  ])('the qualification %i of a failed entry', (qualification, words) => {
    expect(saidBy(diagnoseEvents([event('vm-entry-failure', { code: 0x8000_0021, qualification })]))).toContain(words);
    expect(saidBy(diagnoseEvents([event('vm-entry-failure', { code: 0x8000_0021, qualification: 4n })]))).not.toContain(words);
  });

  test('a machine check during the entry', () => {
    const words = 'A machine check came during the VM entry';
    expect(saidBy(diagnoseEvents([event('vm-entry-failure', { code: 0x8000_0029 })]))).toContain(words);
    expect(saidBy(diagnoseEvents([event('vm-entry-failure', { code: 0x8000_0021 })]))).not.toContain(words);
  });

  test("the guest's own panic is not the hypervisor's", () => {
    expect(saidBy(diagnoseEvents([event('guest-panic', { fatal: false })]))).toContain('The hypervisor ran on');
    expect(saidBy(diagnoseEvents([event('halt', { text: 'HALT: no memory' })]))).not.toContain('ran on');
  });
});
