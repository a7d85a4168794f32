/**
 * Why privileged instructions fault: causes to suggest, by instruction and exception.
 *
 * In: mnemonic and operands. Out: causes in plain words, likeliest first. Refuses: an instruction without an entry has no causes;
 * a pair of instruction and exception that the CPU cannot raise has none either.
 * Source: Intel SDM vol 2 and 3, AMD APM vol 2 and 3 (exception lists of each instruction). At ring 0: privilege causes are left out.
 */
import type { Instruction, Operand } from '../platform.js';

export interface PrivilegedCause {
  readonly vector: number;
  /** Each is one thing to look at. */
  readonly causes: readonly string[];
}

const invalidOpcode = 6;
const notPresent = 11;
const stackFault = 12;
const generalProtection = 13;

const ud = (...causes: string[]): PrivilegedCause => ({ vector: invalidOpcode, causes });
const gp = (...causes: string[]): PrivilegedCause => ({ vector: generalProtection, causes });
const np = (...causes: string[]): PrivilegedCause => ({ vector: notPresent, causes });
const ss = (...causes: string[]): PrivilegedCause => ({ vector: stackFault, causes });

const notInVmx = ud('the CPU is not in VMX operation: VMXON was not executed, or VMXOFF was');
const noSvm = ud('EFER.SVME (bit 12 of MSR 0xc0000080) is 0');
const vmcbAddress = gp('RAX is not 4-KByte aligned, or lies beyond the physical-address width', 'MSR 0xc0010117 (VM_HSAVE_PA) is 0');
const loadSegment = [
  gp('the selector lies beyond the descriptor table', 'the descriptor has the wrong type or privilege'),
  np('the descriptor is not present'),
  ss('the stack segment is not present'),
];
const loadFar = [
  gp('the code selector is null or bad', 'the gate has the wrong type', 'L and D are both set', 'the target is not canonical'),
  np('the descriptor is not present'),
];

const table: Readonly<Record<string, readonly PrivilegedCause[]>> = {
  vmxon: [
    ud('CR4.VMXE (bit 13) is 0', 'the CPU has no VMX (bit 5 of CPUID.01H:ECX is 0)'),
    gp(
      'MSR 0x3a (FEATURE_CONTROL): the lock (bit 0) or VMX outside SMX (bit 2) is 0',
      'CR0 or CR4 break the fixed bits of MSRs 0x486 to 0x489',
      'A20 is masked',
    ),
  ],
  vmclear: [notInVmx],
  vmptrld: [notInVmx],
  vmptrst: [notInVmx],
  vmlaunch: [notInVmx],
  vmresume: [notInVmx],
  vmread: [notInVmx],
  vmwrite: [notInVmx],
  vmxoff: [notInVmx],
  vmcall: [ud('the CPU is not in VMX operation', 'this is an AMD CPU, which has VMMCALL')],
  invept: [ud('the CPU is not in VMX operation', 'the CPU has no EPT (bit 33 of MSR 0x48b) or no INVEPT (bit 20 of MSR 0x48c)')],
  invvpid: [ud('the CPU is not in VMX operation', 'the CPU has no VPID (bit 37 of MSR 0x48b) or no INVVPID (bit 32 of MSR 0x48c)')],
  vmfunc: [
    ud('the control "enable VM functions" is off (allowed by bit 45 of MSR 0x48b)', 'EAX is over 63', 'this is not VMX non-root operation'),
  ],
  getsec: [
    ud('CR4.SMXE (bit 14) is 0', 'the CPU does not offer the leaf in EAX'),
    gp(
      'SENTER or ENTERACCS: not the boot CPU, CR0.NE = 0, a machine check pending, EBX not aligned, or in VMX operation',
      'the SENTER bits (15:8) of MSR 0x3a are off',
    ),
  ],
  xsetbv: [
    ud('CR4.OSXSAVE (bit 18) is 0', 'the CPU has no XSAVE'),
    gp(
      'ECX names no XCR',
      'EDX:EAX sets a bit that CPUID.0DH does not list',
      'bit 0 is clear',
      'AVX without SSE, or only part of AVX-512 or AMX',
    ),
  ],
  xgetbv: [ud('CR4.OSXSAVE (bit 18) is 0', 'the CPU has no XSAVE'), gp('ECX names no XCR')],
  lmsw: [gp('the value would clear a bit of CR0 that VMX fixes')],
  invd: [gp('protected memory ranges are active')],
  wbnoinvd: [ud('the CPU lacks it')],
  invpcid: [
    ud('the CPU lacks it'),
    gp('the type is over 3', 'reserved bits in the descriptor', 'a PCID while CR4.PCIDE = 0', 'the address is not canonical'),
  ],
  lgdt: [gp('the base in the operand is not canonical')],
  lidt: [gp('the base in the operand is not canonical')],
  lldt: [gp('the selector lies outside the GDT, has TI set, or names no LDT'), np('the LDT descriptor is not present')],
  ltr: [
    gp(
      'the TSS descriptor is busy: LTR was executed twice, or the GDT was copied',
      'the descriptor is no TSS, lies beyond the GDT, or the selector is null',
    ),
    np('the TSS descriptor is not present'),
  ],
  monitor: [ud('the CPU has no MONITOR (bit 3 of CPUID.01H:ECX), or bit 18 of MSR 0x1a0 is 0'), gp('ECX is not 0')],
  mwait: [
    ud('the CPU has no MWAIT (bit 3 of CPUID.01H:ECX), or bit 18 of MSR 0x1a0 is 0'),
    gp('ECX asks for an extension that CPUID leaf 05H does not list'),
  ],
  rdpmc: [gp('ECX names no performance counter')],
  rdtscp: [ud('the CPU has no RDTSCP; in a guest: its secondary control is off (allowed by bit 35 of MSR 0x48b)')],
  rdpid: [ud('the CPU lacks it; in a guest: RDTSCP is off in the secondary controls')],
  rdrand: [ud('the CPU lacks it')],
  rdseed: [ud('the CPU lacks it')],
  swapgs: [ud('the code is not 64-bit')],
  sysenter: [gp('MSR 0x174 (SYSENTER_CS) is null')],
  sysexit: [gp('MSR 0x174 (SYSENTER_CS) is null', 'RCX or RDX is not canonical')],
  syscall: [ud('EFER.SCE (bit 0 of MSR 0xc0000080) is 0')],
  sysret: [ud('EFER.SCE (bit 0 of MSR 0xc0000080) is 0'), gp('RCX is not canonical')],
  rsm: [ud('the CPU is not in SMM')],
  vmrun: [noSvm, vmcbAddress],
  vmload: [noSvm, vmcbAddress],
  vmsave: [noSvm, vmcbAddress],
  clgi: [noSvm],
  stgi: [noSvm],
  skinit: [noSvm],
  invlpga: [noSvm],
  vmmcall: [ud('no hypervisor takes it, or this is an Intel CPU')],
  iret: [
    gp('the frame on the stack is bad: null or wrong CS, PC not canonical, or NT set in 64-bit mode'),
    np('the CS in the frame is not present'),
    ss('the SS in the frame is not present'),
  ],
  retf: loadFar,
  lss: loadSegment,
  lds: loadSegment,
  les: loadSegment,
  lfs: loadSegment,
  lgs: loadSegment,
  xrstor: [gp('the area is not 64-byte aligned', 'its header has reserved bits set'), ud('CR4.OSXSAVE (bit 18) is 0')],
  xrstors: [gp('the area is not 64-byte aligned', 'it holds a component that MSR 0xda0 (XSS) does not'), ud('CR4.OSXSAVE (bit 18) is 0')],
  xsave: [gp('the area is not 64-byte aligned'), ud('CR4.OSXSAVE (bit 18) is 0')],
  xsaveopt: [gp('the area is not 64-byte aligned'), ud('CR4.OSXSAVE (bit 18) is 0', 'the CPU lacks it')],
  xsavec: [gp('the area is not 64-byte aligned'), ud('CR4.OSXSAVE (bit 18) is 0', 'the CPU lacks it')],
  xsaves: [gp('the area is not 64-byte aligned'), ud('CR4.OSXSAVE (bit 18) is 0', 'in a guest: its secondary control is off')],
  ldmxcsr: [gp('reserved bits of MXCSR are set in the operand')],
  fxrstor: [gp('the area is not 16-byte aligned', 'reserved bits of MXCSR are set in it')],
};

const controlRegisters: Readonly<Record<string, readonly PrivilegedCause[]>> = {
  cr0: [
    gp(
      'PG (bit 31) without PE (bit 0)',
      'NW (bit 29) without CD (bit 30)',
      'a bit that VMX fixes (MSRs 0x486, 0x487) changes in VMX operation',
      'PG changes where long mode, PAE or PCIDE forbid it',
    ),
  ],
  cr3: [gp('bits above the physical-address width are set', 'reserved bits in the PDPTEs (PAE paging)')],
  cr4: [
    gp(
      'a bit that this CPU lacks',
      'VMXE (bit 13) is cleared in VMX operation, or another bit that MSRs 0x488 and 0x489 fix changes',
      'PAE (bit 5) is cleared in long mode',
      'PCIDE (bit 17) outside long mode or with CR3 bits 11:0 not 0',
    ),
  ],
  cr8: [gp('bits 63:4 are set')],
};

/** Registers whose number the CPU lacks. */
const missingControlRegister = /^cr(?:1|5|6|7|9|1\d)$/;
const segmentRegister = /^(?:ds|es|ss|fs|gs)$/;

/** Causes for this instruction raising this exception, likeliest first; empty where there is nothing to suggest. */
export function privilegedCauses(instruction: Instruction, vector: number): readonly string[] {
  const entry = entryOf(instruction).find((cause) => cause.vector === vector);
  return entry?.causes ?? [];
}

function entryOf(instruction: Instruction): readonly PrivilegedCause[] {
  const { mnemonic, operands } = instruction;
  if (mnemonic === 'mov' || mnemonic === 'pop') {
    const names = operands.filter((o): o is Extract<Operand, { kind: 'register' }> => o.kind === 'register').map((o) => o.register);
    const [target] = names;
    if (names.some((name) => missingControlRegister.test(name))) return [ud('the control register does not exist')];
    if (target !== undefined && operands[0]?.kind === 'register') {
      const control = controlRegisters[target];
      if (control !== undefined) return control;
      if (segmentRegister.test(target)) return loadSegment;
      if (/^dr[45]$/.test(target)) return [ud('DR4 and DR5 do not exist while CR4.DE (bit 3) is 1')];
      if (/^dr[67]$/.test(target)) return [gp('bits 63:32 are set')];
    }
    return [];
  }
  return table[family(mnemonic)] ?? [];
}

/** `iretq` and `iretd` are `iret`, `fxrstor64` is `fxrstor`. */
function family(mnemonic: string): string {
  const known = table[mnemonic];
  if (known !== undefined) return mnemonic;
  const short = /^(iret|sysret|sysexit|getsec)[dq]$|^(xsave|xsaveopt|xsavec|xsaves|xrstor|xrstors|fxrstor)64$/.exec(mnemonic);
  return short?.[1] ?? short?.[2] ?? mnemonic;
}

/** 16 bytes: the forms that fault on a misaligned memory operand. The unaligned forms (MOVUPS and the like) are not in it. */
const alignedTo: ReadonlyMap<string, number> = new Map([
  ...[
    'movaps',
    'movapd',
    'movdqa',
    'movntps',
    'movntpd',
    'movntdq',
    'movntdqa',
    'fxsave',
    'fxsave64',
    'fxrstor',
    'fxrstor64',
    'cmpxchg16b',
  ].map((name): [string, number] => [name, 16]),
  ...[
    'xsave',
    'xsave64',
    'xsaveopt',
    'xsaveopt64',
    'xsavec',
    'xsavec64',
    'xsaves',
    'xsaves64',
    'xrstor',
    'xrstor64',
    'xrstors',
    'xrstors64',
  ].map((name): [string, number] => [name, 64]),
]);

/** Alignment in bytes that the instruction's memory operand must have; `undefined` where it need not. */
export function requiredAlignment(mnemonic: string): number | undefined {
  return alignedTo.get(mnemonic);
}
