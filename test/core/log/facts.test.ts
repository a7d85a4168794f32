import { describe, expect, test } from '@jest/globals';
import { limits } from '../../../src/core/limits.js';
import { imagesWanted } from '../../../src/core/log/images-wanted.js';
import { readLog } from '../../../src/core/log/read-log.js';
import { bootLines, crashSpec, dumpLines, goldLines, newlineLast, revision, stackTop } from '../../build/log-builder.js';

const sha1 = '00112233445566778899aabbccddeeff01234567';
const boot = bootLines({ arch: 'amd64', cpus: ['00', '0a'], imageLength: 0x26_6014, sha1 });

function facts(...lines: readonly string[]) {
  return readLog(newlineLast([...boot, ...lines])).facts;
}

describe('the build', () => {
  test('length, hash and base of the image, with their lines', () => {
    const { imageLength, runtimeSha1, runtimeBase } = facts();
    const at = (part: string) => boot.findIndex((line) => line.includes(part)) + 1;
    expect(imageLength).toEqual({ value: 0x26_6014, line: at('un-aligned'), boot: 0 });
    expect(runtimeSha1).toEqual({ value: sha1, line: at('gold runtime'), boot: 0 });
    expect(runtimeBase).toEqual({ value: 0x1020_0000n, size: 0xd80_0000n, line: at('SL: runtime'), boot: 0 });
  });

  test('the hash that the machine computed stands in where the build wrote none down', () => {
    const plain = bootLines({ arch: 'i386' });
    const computed = `    INIT(early): *UNTRUSTED* comp runtime: : ${'ab '.repeat(20).trimEnd()}`;
    const sha1Of = (...more: readonly string[]) => readLog(newlineLast([...plain, ...more])).facts.runtimeSha1?.value;
    expect(sha1Of(...goldLines(sha1), computed)).toBe(sha1);
    expect(sha1Of(...goldLines('0'.repeat(40)), computed)).toBe('ab'.repeat(20));
    expect(sha1Of(...goldLines('0'.repeat(40)))).toBeUndefined();
    expect(sha1Of(goldLines(sha1)[0] ?? '')).toBeUndefined();
  });

  test('a hash that is not whole is none', () => {
    expect(
      readLog(newlineLast([...bootLines({ arch: 'i386' }), '    INIT(early): *UNTRUSTED* comp runtime: : 00 11 22 33'])).facts.runtimeSha1,
    ).toBeUndefined();
  });
});

describe('the machine', () => {
  test('CPUs, stacks and vendor', () => {
    const { apicIds, stackTops, vendor } = facts();
    expect(apicIds).toEqual(['00', '0a']);
    expect(stackTops.map(({ cpu, value }) => [cpu, value])).toEqual([
      ['00', stackTop('amd64', '00')],
      ['0a', stackTop('amd64', '0a')],
    ]);
    expect(vendor).toBe('intel');
    expect(readLog(newlineLast(boot.map((line) => line.replace('an Intel', 'an AMD')))).facts.vendor).toBe('amd');
  });

  test('a number padded with blanks', () => {
    expect(facts('AP(0x05): My RSP is 0x        19951ff8, proceeding...').stackTops.at(-1)?.value).toBe(0x1995_1ff8n);
  });

  test('half a number is none', () => {
    const { stackTops, vmcs } = facts(
      'AP(0x05): My RSP is 0x000000001d98',
      'AP(0x06): My RSP is 0x000000001d9 60 0',
      'AP(0x07): My ESP is 0x1d9 6000',
      'CPU(0x03): vcpu->vmcs.guest_RIP=0xffffffff8100',
    );
    expect(stackTops.map(({ cpu }) => cpu)).toEqual(['00', '0a']);
    expect(vmcs).toEqual([]);
  });

  test('MSR prints of every form', () => {
    const { msrs } = facts(
      'CPU(0x04): RDMSR(0x00000480) = 0x00da04000000000f',
      'CPU(0x04): RDMSR(0x00000491) = unavailable',
      'CPU(0x04): Reading MSR #0xb 0x0000048b',
      'CPU(0x05): MSR value for #0xb is 0x0000000000000009',
      'CPU(0x04): MSR value for #0xb is 0x000000ff00000000',
      'CPU(0x00): MSR_EFER=0x0000000000000500',
      'rdmsr64(MSR_EFCR) = 0x0000000000000005',
      'CPU(0x00): RDMSR(0x0000049',
    );
    expect(msrs.map(({ cpu, address, value }) => [cpu, address, value])).toEqual([
      ['04', 0x480, 0x00da_0400_0000_000fn],
      ['04', 0x491, 'unavailable'],
      ['04', 0x48b, 0xff_0000_0000n],
      ['00', 0xc000_0080, 0x500n],
      [undefined, 0x3a, 5n],
    ]);
    expect(msrs[0]?.line).toBe(boot.length + 1);
  });

  test('fields of the VCPU and of the VMCS', () => {
    const { vmcs } = facts(
      'CPU(0x03): vcpu->rsp=0x0000000019993ff8{0,i,32}',
      'CPU(0x03): vcpu->vmx_msrs[b]=0x000078ff00000000',
      'CPU(0x03): vcpu->vmcs.guest_RIP=0xffffffff81000000TV[0]: x',
      'CPU(0x03): vcpu->vmcs.info_vminstr_error=0x00000007',
      'CPU(0x00): (0x4000) :VMCS02:control_VMX_pin_based = 0x0000003f',
      'CPU(0x00): (0x2802) VMCS.guest_IA32_DEBUGCTL = 0x0000000000000001',
      'CPU(0x00): (0x2802) Nested VMEXIT: guest_IA32_DEBUGCTL = 0x0000000000000002',
      'CPU(0x00): (0x6c1a) Nested VMEXIT: host_SSP = unavailable',
      'Guest State follows:',
      'guest_CS_selector=0x0010',
      'gu',
    );
    expect(vmcs.map(({ cpu, name, value }) => [cpu, name, value])).toEqual([
      ['03', 'vcpu->rsp', 0x1999_3ff8n],
      ['03', 'vcpu->vmx_msrs[b]', 0x78ff_0000_0000n],
      ['03', 'guest_RIP', 0xffff_ffff_8100_0000n],
      ['03', 'info_vminstr_error', 7n],
      ['00', 'VMCS02:control_VMX_pin_based', 0x3fn],
      ['00', 'guest_IA32_DEBUGCTL', 1n],
      ['00', 'Nested VMEXIT:guest_IA32_DEBUGCTL', 2n],
      [undefined, 'guest_CS_selector', 0x10n],
    ]);
  });

  test('accesses of the guest to MSRs', () => {
    const { guestMsrAccesses } = facts(
      'CPU(0x00): WRMSR 0x00000079 0xffff88802d036cb4 @ 0xffffffff81040963',
      'CPU(0x01): RDMSR 0x0000064d @ 00000000c1040963',
      'CPU(0x01): RDMSR (0x0000064d)=0x0000000012345678',
      'CPU(0x02): WRMSR (MTRR) 0x00000200 0x0000000000000006 (old = 0x0000000000000000)',
    );
    expect(guestMsrAccesses.map(({ line, ...rest }) => rest)).toEqual([
      { cpu: '00', access: 'write', address: 0x79, value: 0xffff_8880_2d03_6cb4n, guestPc: 0xffff_ffff_8104_0963n },
      { cpu: '01', access: 'read', address: 0x64d, guestPc: 0xc104_0963n },
      { cpu: '01', access: 'read', address: 0x64d, value: 0x1234_5678n },
      { cpu: '02', access: 'write', address: 0x200, value: 6n },
    ]);
  });

  test('CPUID prints', () => {
    expect(
      facts('CPU(0x00): CPUID(0x00000007, 0x00000000): EBX=0x029c6fbf', 'CPU(0x00): CPUID(0x00000001).ECX = 0x80000000').cpuid.map(
        ({ line, ...rest }) => rest,
      ),
    ).toEqual([
      { cpu: '00', leaf: 7, subleaf: 0, register: 'EBX', value: 0x029c_6fbf },
      { cpu: '00', leaf: 1, subleaf: 0, register: 'ECX', value: 0x8000_0000 },
    ]);
  });

  test('milestones in order', () => {
    const names = facts('xmhf_runtime_main[03]: starting partition...', 'CPU(0x03): Entered VMX root operation').milestones;
    expect(names.map(({ name }) => name)).toEqual(['bootloader', 'runtime', 'partition', 'VMX operation']);
    expect(names.at(-2)?.cpu).toBe('03');
    expect(names.at(-1)?.cpu).toBe('03');
  });

  test('facts beyond the limit are counted', () => {
    const log = readLog(newlineLast([...boot, ...Array.from({ length: limits.facts + 5 }, () => 'CPU(0x03): vcpu->id=0x00000003')]));
    expect(log.facts.vmcs).toHaveLength(limits.facts);
    expect(log.damage.map((damage) => damage.kind)).toEqual(['too-many']);
  });
});

describe('the images wanted', () => {
  test('everything that the log says', () => {
    const log = readLog(newlineLast([...boot, ...dumpLines(crashSpec('amd64'))]));
    expect(imagesWanted(log)).toEqual({
      arch: 'amd64',
      revisions: [revision],
      branches: ['main'],
      imageLength: 0x26_6014,
      runtimeSha1: sha1,
      runtimeBase: 0x1020_0000n,
      names: ['runtime.exe', 'sl_syms.exe', 'init_syms.exe'],
    });
  });

  test('nothing that it does not say', () => {
    const query = imagesWanted(readLog(newlineLast(dumpLines(crashSpec('i386')))));
    expect(query).toEqual({ arch: 'i386', revisions: [], branches: [], names: ['runtime.exe', 'sl_syms.exe', 'init_syms.exe'] });
    expect(imagesWanted(readLog(''))).not.toHaveProperty('arch');
  });

  test('the boot that crashed leads, and its length counts alone', () => {
    const other = revision.replaceAll('0', 'f');
    const lines = [
      ...bootLines({ arch: 'i386', imageLength: 0x10_0000 }),
      ...dumpLines(crashSpec('i386')),
      ...bootLines({ arch: 'i386', revision: `new-${other}`, imageLength: 0x20_0000 }),
    ];
    const query = imagesWanted(readLog(newlineLast(lines)));
    expect(query.revisions).toEqual([revision, other]);
    expect(query.branches).toEqual(['main', 'new']);
    expect(query.imageLength).toBe(0x10_0000);
  });
});
