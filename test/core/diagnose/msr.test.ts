import { describe, expect, test } from '@jest/globals';
import { type DiagnosedImage, diagnose } from '../../../src/core/diagnose/diagnose.js';
import type { Finding } from '../../../src/core/diagnose/diagnosis.js';
import type { CpuCrash, LogFacts, MsrReading } from '../../../src/core/log/crash-log.js';
import type { ReportFrame } from '../../../src/core/report/report.js';
import { plain } from '../../../src/core/sentence.js';
import { createPlatform } from '../../../src/platform/node.js';
import { type CrashParts, crashOf, logOf, stackOf } from '../../build/crash-log.js';
import { flatImage } from '../../build/flat-image.js';

const platform = createPlatform();
const at = 0x10213ffa;
const rdmsr = [0x0f, 0x32, 0xc3];
const wrmsr = [0x0f, 0x30, 0xc3];

const code = (bytes: readonly number[]): readonly DiagnosedImage[] => [
  { image: flatImage('i386', [{ name: '.text', address: at, bytes, executable: true }]), bias: 0n },
];
const gp: CrashParts = {
  arch: 'i386',
  vector: 13,
  errorCode: 0n,
  pc: BigInt(at),
  cs: 8n,
  registers: { eax: 0x491n, ecx: 0x491n, edx: 0n },
};

interface Case {
  readonly crash?: CpuCrash;
  readonly images?: readonly DiagnosedImage[];
  readonly frames?: readonly ReportFrame[];
  readonly facts?: Partial<LogFacts>;
  readonly lines?: readonly string[];
}

function run(of: Case): { readonly msr: Finding | undefined; readonly text: string; readonly unknown: string } {
  const log = logOf({
    arch: 'i386',
    crashes: [of.crash ?? crashOf(gp)],
    ...(of.facts && { facts: of.facts }),
    ...(of.lines && { lines: of.lines }),
  });
  const { findings, unknown } = diagnose({ log, backtraces: [of.frames ?? []], images: of.images ?? [], platform });
  const msr = findings.find((finding) => finding.finding === 'msr');
  return {
    msr,
    text: msr === undefined ? '' : [msr.claim, ...msr.explanation].map(plain).join('\n'),
    unknown: unknown.map(plain).join('\n'),
  };
}

function frame(name: string, guest?: Readonly<Record<string, bigint>>): ReportFrame {
  return {
    frame: {
      kind: guest === undefined ? 'call' : 'vm-exit',
      trust: 'context',
      synthetic: false,
      registers: new Map(),
      notes: [],
      ...(guest && { guest: { registers: new Map(Object.entries(guest)), orderFrom: 'by hand' } }),
    },
    functions: [{ name, inlined: false, arguments: [] }],
    locals: [],
  };
}

const reading = (address: number, value: MsrReading['value'], line: number): MsrReading => ({ cpu: '00', address, value, line });
/** What an HP 2540p prints of itself, as far as the rules of 491H ask. */
const arrandale = [reading(0x480, 0x00da04000000000fn, 1), reading(0x482, 0xfff9fffe0401e172n, 2), reading(0x48b, 0x000000ff00000000n, 3)];

describe('grades', () => {
  test('confirmed by the bytes at the PC and ECX', () => {
    const { msr, text } = run({ images: code(rdmsr) });
    expect(msr?.grade).toBe('confirmed');
    expect(msr?.msr).toEqual({ address: 0x491, name: 'IA32_VMX_VMFUNC', access: 'read', origin: 'host' });
    expect(text).toContain('RDMSR 0x491 IA32_VMX_VMFUNC raised #GP(0)');
  });

  test('bytes that are another instruction: no MSR at all, whatever ECX and the names say', () => {
    expect(run({ images: code([0x8b, 0x01, 0xc3]), frames: [frame('rdmsr64')] }).msr).toBeUndefined();
  });

  test('likely by the function at the PC', () => {
    const { msr } = run({ frames: [frame('rdmsr64')] });
    expect([msr?.grade, msr?.msr?.access]).toEqual(['likely', 'read']);
    expect(run({ frames: [frame('native_write_msr')] }).msr?.msr?.access).toBe('write');
  });

  test('a handler that bears the word is no helper, nor is a caller', () => {
    expect(run({ frames: [frame('_vmx_handle_intercept_wrmsr')] }).msr?.grade).toBe('possible');
    expect(run({ frames: [frame('memcpy'), frame('rdmsr64')] }).msr?.grade).toBe('possible');
  });

  test("likely by a script's note at the fault's stack word", () => {
    const crash = crashOf({ ...gp, frameAt: 0x1000n, stack: stackOf('i386', 0x1000n, [BigInt(at), 8n, 2n]) });
    expect(run({ crash, lines: ['Stack(0x00001000) -> 0x10213ffa EIP #0\t<rdmsr64+11>'] }).msr?.grade).toBe('likely');
    expect(run({ crash, lines: ['Stack(0x00001000) -> 0x10213ffa EIP #0\t<start_hvm+344>'] }).msr?.grade).toBe('possible');
  });

  test('likely where the log prints that MSR as unavailable', () => {
    const { msr } = run({ facts: { msrs: [reading(0x491, 'unavailable', 9)] } });
    expect([msr?.grade, msr?.msr?.access]).toEqual(['likely', 'read']);
    expect(run({ facts: { msrs: [reading(0x492, 'unavailable', 9)] } }).msr?.grade).toBe('possible');
  });

  test('possible: #GP(0) and an ECX that names an MSR; what the access was stays open', () => {
    const { msr } = run({});
    expect(msr?.grade).toBe('possible');
    expect(msr?.msr).not.toHaveProperty('access');
  });

  test.each([
    ['another vector', { vector: 6 }],
    ['a selector in the error code', { errorCode: 0x93n }],
    ['no error code', { errorCode: undefined }],
    ['an ECX that no row covers', { registers: { ecx: 0x12345678n } }],
    ['a small number in ECX', { registers: { ecx: 1n } }],
    ['no ECX', { registers: {} }],
    ['a page fault', { vector: 14 }],
  ])('nothing: %s', (_, change) => {
    const { errorCode, ...rest } = { ...gp, ...change };
    expect(run({ crash: crashOf({ ...rest, ...(errorCode !== undefined && { errorCode }) }) }).msr).toBeUndefined();
  });

  test('a selector in the error code clears RDMSR even at its bytes: the event was another', () => {
    expect(run({ crash: crashOf({ ...gp, errorCode: 0x93n }), images: code(rdmsr) }).msr).toBeUndefined();
  });
});

describe('existence', () => {
  test('both manuals worked out: volume 4 says yes, volume 3 says no, the register is absent', () => {
    const { msr, text } = run({ facts: { msrs: [...arrandale, reading(0x491, 'unavailable', 4)] } });
    expect(msr?.exists?.map((e) => [e.source, e.worth])).toEqual([
      ['SDM vol 3', 'false'],
      ['SDM vol 4', 'true'],
    ]);
    expect(text).toContain('bit 45 of MSR 0x48b is 0');
    expect(text).toContain('The register is absent, as the log itself says: SDM vol 4 is wrong here.');
    expect(msr?.errata).toContain('Vol 3 app. A.11');
  });

  test('a name of some models is not given to the MSR of an unknown CPU', () => {
    const { msr, text } = run({ crash: crashOf({ ...gp, registers: { ecx: 0x3ffn } }), images: code(rdmsr) });
    expect(msr?.msr).toEqual({ address: 0x3ff, access: 'read', origin: 'host' });
    expect(text).toContain('RDMSR 0x3ff raised #GP(0)');
    expect(text).toContain('On some models MSR 0x3ff is MSR_C6_RESIDENCY');
    expect(run({ crash: crashOf({ ...gp, registers: { ecx: 0x491n } }), images: code(rdmsr) }).text).not.toContain('On some models');
  });

  test('without values the worth is unknown, and it says what would settle it', () => {
    const { msr, unknown } = run({ images: code(rdmsr) });
    expect(msr?.exists?.map((e) => e.worth)).toEqual(['unknown', 'unknown']);
    expect(unknown).toContain('bit 5 of CPUID.01H:ECX, bit 63 of MSR 0x482, bit 45 of MSR 0x48b');
  });

  test('a guard in C follows from the rule', () => {
    const { msr } = run({ images: code(rdmsr) });
    expect(msr?.suggestion?.code).toContain('((rdmsr64(0x48b) >> 45) & 1)');
  });

  test('no guard where the MSR exists, nor from a rule about CPU models', () => {
    const exists = run({ crash: crashOf({ ...gp, registers: { ecx: 0x480n } }), facts: { msrs: arrandale }, images: code(rdmsr) });
    expect(exists.msr?.suggestion).toBeUndefined();
    const models = run({ crash: crashOf({ ...gp, registers: { ecx: 0x2an } }), images: code(rdmsr) });
    expect(models.text).toContain('On some models MSR 0x2a is');
    expect(models.msr?.suggestion).toBeUndefined();
  });

  test('an MSR that should exist, and yet the read faulted', () => {
    const exists = run({ crash: crashOf({ ...gp, registers: { ecx: 0x48bn } }), facts: { msrs: arrandale }, images: code(rdmsr) });
    expect(exists.text).toContain('this CPU has IA32_VMX_PROCBASED_CTLS2, and yet it refused the read');
    expect(run({ images: code(rdmsr) }).text).not.toContain('and yet');
  });

  test('no row: nothing is known, and that is said', () => {
    const { msr, text } = run({ crash: crashOf({ ...gp, registers: { ecx: 0xc0001234n } }), images: code(rdmsr) });
    expect(msr?.grade).toBe('confirmed');
    expect(msr?.msr).not.toHaveProperty('name');
    expect(msr).not.toHaveProperty('exists');
    expect(text).toContain('That does not mean that it does not exist');
  });
});

describe('writes', () => {
  const write = (address: bigint, value: bigint, facts: Partial<LogFacts> = {}) =>
    run({
      crash: crashOf({ ...gp, registers: { ecx: address, eax: value & 0xffffffffn, edx: value >> 32n } }),
      images: code(wrmsr),
      facts: { vendor: 'intel', ...facts },
    });

  test.each([
    ['a read-only MSR', 0x480n, 1n, 'read-only'],
    ['reserved bits of EFER', 0xc0000080n, 0x1d01n, 'bit 12 of EFER is reserved on Intel CPUs'],
    ['a PAT entry', 0x277n, 0x0007040600070402n, 'PA0 = 0x2, and a PAT entry'],
    ['several PAT entries', 0x277n, 0x0007040200070402n, 'PA0 = 0x2, PA4 = 0x2, and a PAT entry'],
    ['a memory type', 0x2ffn, 0xc02n, 'its type byte is 0x2'],
    ['a fixed-range byte', 0x250n, 0x0606060606060306n, 'byte 1 is 0x3'],
    ['EXTD without EN', 0x1bn, 0xfee00400n, 'EXTD (bit 10) is 1 while EN (bit 11) is 0'],
    ['low reserved bits of APIC_BASE', 0x1bn, 0xfee00801n, 'bit 0 is reserved'],
    ['a non-canonical address', 0xc0000082n, 0x0200_0000_0000_0000n, 'is not canonical'],
    ['a machine-check address that is not zero', 0x402n, 0x2222222222222222n, 'only zero may be written'],
    ['x2APIC upper half', 0x80bn, 1n, 'only zero may be written'],
  ])('%s', (_, address, value, expected) => {
    const { msr, text } = write(address, value);
    expect(msr?.msr?.value).toBe(value);
    expect(text).toContain(expected);
  });

  test('no guard for an access that faults wherever the MSR exists', () => {
    expect(write(0x48fn, 1n).msr?.suggestion).toBeUndefined();
    expect(write(0x277n, 2n).msr?.suggestion).toBeUndefined();
    expect(write(0x277n, 6n).msr?.suggestion?.code).toContain('wrmsr64(0x277, value);');
    expect(run({ crash: crashOf({ ...gp, cs: 0x1bn }), images: code(rdmsr) }).msr?.suggestion).toBeUndefined();
  });

  test.each([
    ['EFER', 0xc0000080n, 0xd01n],
    ['PAT', 0x277n, 0x0007040600070406n],
    ['default type', 0x2ffn, 0xc06n],
    ['APIC_BASE', 0x1bn, 0xfee00900n],
    ['LSTAR', 0xc0000082n, 0xffffffff81a01550n],
  ])('a legal value of %s is not accused', (_, address, value) => {
    expect(write(address, value).text).not.toContain('The value is not legal');
  });

  test('FEATURE_CONTROL that was locked, and the names of its bits', () => {
    const locked = write(0x3an, 5n, { msrs: [reading(0x3a, 5n, 7)] });
    expect(locked.text).toContain('it was locked before (bit 0 of 0x5, line 7)');
    expect(locked.text).toContain('lock (bit 0), VMX outside SMX (bit 2)');
    expect(write(0x3an, 5n).text).not.toContain('locked before');
  });

  test.each([
    ['x2APIC to xAPIC', 0xfee00d00n, 0xfee00900n, 'x2APIC mode cannot go back to xAPIC mode (it was 0xfee00d00, line 7)'],
    ['disabled to x2APIC', 0xfee00100n, 0xfee00d00n, 'a disabled APIC cannot enter x2APIC mode at once'],
  ])('APIC_BASE from %s', (_, before, value, expected) => {
    expect(write(0x1bn, value, { msrs: [reading(0x1b, before, 7)] }).text).toContain(expected);
    expect(write(0x1bn, value).text).not.toContain(expected);
  });

  test('reads of a write-only MSR', () => {
    expect(run({ crash: crashOf({ ...gp, registers: { ecx: 0x49n } }), images: code(rdmsr) }).text).toContain('write-only');
  });

  test('privilege', () => {
    expect(run({ crash: crashOf({ ...gp, cs: 0x1bn }), images: code(rdmsr) }).text).toContain('privilege level 3');
    expect(run({ images: code(rdmsr) }).text).not.toContain('privilege level');
  });
});

describe('a guest whose access is forwarded', () => {
  const microcode: CrashParts = {
    arch: 'i386',
    vector: 14,
    errorCode: 0n,
    pc: BigInt(at),
    registers: { eax: 0x2d036cb4n, ecx: 0x79n, edx: 0xffff8880n },
  };
  const handler = frame('_vmx_handle_intercept_wrmsr');

  test('a WRMSR that page-faults', () => {
    const { msr, text } = run({
      crash: crashOf(microcode),
      images: code(wrmsr),
      frames: [handler, frame('entry', { ecx: 0x79n })],
      facts: { guestMsrAccesses: [{ cpu: '00', access: 'write', address: 0x79, guestPc: 0xffffffff8106n, line: 5 }] },
    });
    expect(msr?.grade).toBe('confirmed');
    expect(msr?.msr).toEqual({ address: 0x79, name: 'IA32_BIOS_UPDT_TRIG', access: 'write', value: 0xffff88802d036cb4n, origin: 'guest' });
    expect(text).toContain('loads a microcode update from the linear address 0xffff88802d036cb4');
    expect(msr?.evidence.map((e) => e.line)).toContain(5);
    expect(plain(msr?.suggestion?.text ?? [])).toContain('translate it first');
  });

  test('an RDMSR of the guest that the CPU refuses', () => {
    const { msr, text } = run({ images: code(rdmsr), frames: [frame('_vmx_handle_intercept_rdmsr'), frame('entry', { ecx: 0x491n })] });
    expect(msr?.msr?.origin).toBe('guest');
    expect(text).toContain('The guest asked for it');
    expect(plain(msr?.suggestion?.text ?? [])).toContain('give the guest the #GP(0)');
    expect(msr?.suggestion).not.toHaveProperty('code');
  });

  test('an instruction fetch that faults at a WRMSR is not its fault, and RDMSR cannot page-fault', () => {
    expect(run({ crash: crashOf({ ...microcode, errorCode: 0x10n }), images: code(wrmsr) }).msr).toBeUndefined();
    expect(run({ crash: crashOf(microcode), images: code(rdmsr) }).msr).toBeUndefined();
  });

  test("possible by the guest's ECX where no image shows the instruction", () => {
    const frames = [handler, frame('entry', { ecx: 0x79n, eax: 1n, edx: 2n })];
    const { msr } = run({ crash: crashOf(microcode), frames });
    expect(msr?.grade).toBe('possible');
    expect(msr?.msr).toMatchObject({ address: 0x79, access: 'write', value: 0x200000001n, origin: 'guest' });
    expect(run({ crash: crashOf({ ...microcode, vector: 6 }), frames }).msr).toBeUndefined();
    expect(run({ crash: crashOf(microcode), frames: [frame('memcpy'), frame('entry', { ecx: 0x79n })] }).msr).toBeUndefined();
    expect(run({ crash: crashOf(microcode), images: code([0x8b, 0x01, 0xc3]), frames }).msr).toBeUndefined();
  });

  test('possible by the log alone where the registers are those of a microcode update', () => {
    const { msr, unknown } = run({ crash: crashOf(microcode) });
    expect(msr?.grade).toBe('possible');
    expect(msr?.msr).toEqual({ address: 0x79, name: 'IA32_BIOS_UPDT_TRIG', access: 'write', value: 0xffff88802d036cb4n, origin: 'host' });
    expect(msr?.exists).toBeUndefined();
    expect(unknown).not.toContain('Whether this CPU has');
  });

  test.each([
    ['a write', { errorCode: 2n }],
    ['an instruction fetch', { errorCode: 0x10n }],
    ['no error code', { errorCode: undefined }],
    ['another number in ECX', { registers: { ...microcode.registers, ecx: 0x7an } }],
    ['no address in EDX:EAX', { registers: { ecx: 0x79n, eax: 5n, edx: 0n } }],
  ])('a page fault that is no microcode update: %s', (_, parts) => {
    const { errorCode, ...rest } = { ...microcode, ...parts };
    expect(run({ crash: crashOf({ ...rest, ...(errorCode !== undefined && { errorCode }) }) }).msr).toBeUndefined();
  });

  test("the handler's own access to another MSR is the host's", () => {
    const { msr } = run({ crash: crashOf(microcode), images: code(wrmsr), frames: [handler, frame('entry', { ecx: 0x10n })] });
    expect(msr?.msr?.origin).toBe('host');
  });
});
