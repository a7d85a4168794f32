/** VM-instruction errors and exit reasons. Source: Intel SDM vol 3 §31.4 (errors), appendix C (exit reasons). */

export interface VmInstructionError {
  readonly name: string;
  /** Where to look first. */
  readonly look: string;
}

export const vmInstructionErrors: ReadonlyMap<number, VmInstructionError> = new Map<number, VmInstructionError>([
  [1, { name: 'VMCALL in VMX root operation', look: 'the hypervisor itself executed VMCALL' }],
  [2, { name: 'VMCLEAR with a bad physical address', look: 'the region must be 4-KByte aligned and within the address width' }],
  [3, { name: 'VMCLEAR with the VMXON pointer', look: 'the operand is the VMXON region' }],
  [4, { name: 'VMLAUNCH with a VMCS that is not clear', look: 'it was launched before: use VMRESUME, or VMCLEAR first' }],
  [5, { name: 'VMRESUME with a VMCS that was not launched', look: 'no VMLAUNCH came before' }],
  [6, { name: 'VMRESUME after VMXOFF', look: 'VMXOFF and VMXON came between VMLAUNCH and VMRESUME' }],
  [7, { name: 'VM entry with invalid control fields', look: 'compare the controls with MSRs 0x481 to 0x484, 0x48b and 0x48d to 0x490' }],
  [8, { name: 'VM entry with invalid host-state fields', look: 'host CR0, CR3, CR4, selectors, bases, EFER and the address-space size' }],
  [9, { name: 'VMPTRLD with a bad physical address', look: 'the region must be 4-KByte aligned and within the address width' }],
  [10, { name: 'VMPTRLD with the VMXON pointer', look: 'the operand is the VMXON region' }],
  [11, { name: 'VMPTRLD with a wrong VMCS revision identifier', look: 'the first 4 bytes must hold bits 30:0 of MSR 0x480' }],
  [12, { name: 'VMREAD or VMWRITE of an unsupported field', look: 'the field depends on a control that this CPU lacks' }],
  [13, { name: 'VMWRITE to a read-only field', look: 'bit 29 of MSR 0x485 is 0' }],
  [15, { name: 'VMXON in VMX root operation', look: 'VMXON was executed twice' }],
  [16, { name: 'VM entry with an invalid executive-VMCS pointer', look: 'dual-monitor treatment of SMM' }],
  [17, { name: 'VM entry with an executive VMCS that was not launched', look: 'dual-monitor treatment of SMM' }],
  [18, { name: 'VM entry with an executive-VMCS pointer that is not the VMXON pointer', look: 'dual-monitor treatment of SMM' }],
  [19, { name: 'VMCALL with a VMCS that is not clear', look: 'activation of the SMM monitor' }],
  [20, { name: 'VMCALL with invalid VM-exit control fields', look: 'activation of the SMM monitor' }],
  [22, { name: 'VMCALL with a wrong MSEG revision identifier', look: 'activation of the SMM monitor' }],
  [23, { name: 'VMXOFF under dual-monitor treatment', look: 'the SMM monitor is active' }],
  [24, { name: 'VMCALL with invalid SMM-monitor features', look: 'activation of the SMM monitor' }],
  [25, { name: 'VM entry with invalid controls in the executive VMCS', look: 'return from SMM' }],
  [26, { name: 'VM entry with events blocked by MOV SS', look: 'VMLAUNCH or VMRESUME came right after MOV SS or POP SS' }],
  [28, { name: 'INVEPT or INVVPID with an invalid operand', look: 'a type that MSR 0x48c does not offer, reserved bits, or VPID 0' }],
]);

export const exitReasons: ReadonlyMap<number, string> = new Map(
  [
    'exception or NMI',
    'external interrupt',
    'triple fault',
    'INIT',
    'SIPI',
    'I/O SMI',
    'other SMI',
    'interrupt window',
    'NMI window',
    'task switch',
    'CPUID',
    'GETSEC',
    'HLT',
    'INVD',
    'INVLPG',
    'RDPMC',
    'RDTSC',
    'RSM',
    'VMCALL',
    'VMCLEAR',
    'VMLAUNCH',
    'VMPTRLD',
    'VMPTRST',
    'VMREAD',
    'VMRESUME',
    'VMWRITE',
    'VMXOFF',
    'VMXON',
    'CR access',
    'MOV DR',
    'I/O instruction',
    'RDMSR',
    'WRMSR',
    'entry failure: guest state',
    'entry failure: MSR loading',
    '',
    'MWAIT',
    'monitor trap flag',
    '',
    'MONITOR',
    'PAUSE',
    'entry failure: machine check',
    '',
    'TPR below threshold',
    'APIC access',
    'virtualized EOI',
    'GDTR or IDTR access',
    'LDTR or TR access',
    'EPT violation',
    'EPT misconfiguration',
    'INVEPT',
    'RDTSCP',
    'preemption timer expired',
    'INVVPID',
    'WBINVD or WBNOINVD',
    'XSETBV',
    'APIC write',
    'RDRAND',
    'INVPCID',
    'VMFUNC',
    'ENCLS',
    'RDSEED',
    'page-modification log full',
    'XSAVES',
    'XRSTORS',
    'PCONFIG',
    'SPP event',
    'UMWAIT',
    'TPAUSE',
    'LOADIWKEY',
    'ENCLV',
    '',
    'ENQCMD PASID failure',
    'ENQCMDS PASID failure',
    'bus lock',
    'instruction timeout',
    'SEAMCALL',
    'TDCALL',
    'RDMSRLIST',
    'WRMSRLIST',
    'URDMSR',
    'UWRMSR',
    '',
    '',
    'RDMSR, immediate form',
    'WRMSRNS',
  ]
    .map((name, reason): readonly [number, string] => [reason, name])
    .filter(([, name]) => name !== ''),
);

export interface ExitReason {
  readonly basic: number;
  readonly name?: string;
  /** Bit 31: the VM entry failed, the guest did not run. */
  readonly isEntryFailure: boolean;
}

export function decodeExitReason(code: number): ExitReason {
  const basic = code & 0xffff;
  const name = exitReasons.get(basic);
  return { basic, ...(name !== undefined && { name }), isEntryFailure: code >>> 31 === 1 };
}
