/**
 * VMX controls by bit, and the capability MSRs that allow them.
 *
 * In: nothing. Out: tables. Source: Intel SDM vol 3 §25.6 to §25.8 (controls), appendix A (capability MSRs), appendix A.2 (default-1).
 */

export interface ControlField {
  /** As XMHF prints it. */
  readonly field: string;
  /** For people. */
  readonly name: string;
  readonly capability: number;
  /** Where IA32_VMX_BASIC[55] is 1, this MSR holds instead. Absent for the secondary controls. */
  readonly trueCapability?: number;
  /** Controls that are 1 by default: only the TRUE MSR tells whether they may be 0. */
  readonly defaultOne: bigint;
  readonly bits: ReadonlyMap<number, string>;
}

const bitsOf = (...numbers: readonly number[]): bigint => numbers.reduce((mask, n) => mask | (1n << BigInt(n)), 0n);

export const pinBased: ControlField = {
  field: 'control_VMX_pin_based',
  name: 'pin-based controls',
  capability: 0x481,
  trueCapability: 0x48d,
  defaultOne: bitsOf(1, 2, 4),
  bits: new Map([
    [0, 'external-interrupt exiting'],
    [3, 'NMI exiting'],
    [5, 'virtual NMIs'],
    [6, 'activate preemption timer'],
    [7, 'process posted interrupts'],
  ]),
};

export const processorBased: ControlField = {
  field: 'control_VMX_cpu_based',
  name: 'primary processor-based controls',
  capability: 0x482,
  trueCapability: 0x48e,
  defaultOne: bitsOf(1, 4, 5, 6, 8, 13, 14, 15, 16, 26),
  bits: new Map([
    [2, 'interrupt-window exiting'],
    [3, 'use TSC offsetting'],
    [7, 'HLT exiting'],
    [9, 'INVLPG exiting'],
    [10, 'MWAIT exiting'],
    [11, 'RDPMC exiting'],
    [12, 'RDTSC exiting'],
    [15, 'CR3-load exiting'],
    [16, 'CR3-store exiting'],
    [17, 'activate tertiary controls'],
    [19, 'CR8-load exiting'],
    [20, 'CR8-store exiting'],
    [21, 'use TPR shadow'],
    [22, 'NMI-window exiting'],
    [23, 'MOV-DR exiting'],
    [24, 'unconditional I/O exiting'],
    [25, 'use I/O bitmaps'],
    [27, 'monitor trap flag'],
    [28, 'use MSR bitmaps'],
    [29, 'MONITOR exiting'],
    [30, 'PAUSE exiting'],
    [31, 'activate secondary controls'],
  ]),
};

export const secondary: ControlField = {
  field: 'control_VMX_seccpu_based',
  name: 'secondary processor-based controls',
  capability: 0x48b,
  defaultOne: 0n,
  bits: new Map([
    [0, 'virtualize APIC accesses'],
    [1, 'enable EPT'],
    [2, 'descriptor-table exiting'],
    [3, 'enable RDTSCP'],
    [4, 'virtualize x2APIC mode'],
    [5, 'enable VPID'],
    [6, 'WBINVD exiting'],
    [7, 'unrestricted guest'],
    [8, 'APIC-register virtualization'],
    [9, 'virtual-interrupt delivery'],
    [10, 'PAUSE-loop exiting'],
    [11, 'RDRAND exiting'],
    [12, 'enable INVPCID'],
    [13, 'enable VM functions'],
    [14, 'VMCS shadowing'],
    [15, 'ENCLS exiting'],
    [16, 'RDSEED exiting'],
    [17, 'enable PML'],
    [18, 'EPT-violation #VE'],
    [19, 'conceal VMX from PT'],
    [20, 'enable XSAVES/XRSTORS'],
    [21, 'PASID translation'],
    [22, 'mode-based execute control for EPT'],
    [23, 'sub-page write permissions for EPT'],
    [24, 'PT uses guest-physical addresses'],
    [25, 'use TSC scaling'],
    [26, 'enable user wait and pause'],
    [27, 'enable PCONFIG'],
    [28, 'ENCLV exiting'],
    [30, 'VMM bus-lock detection'],
    [31, 'instruction timeout'],
  ]),
};

export const exitControls: ControlField = {
  field: 'control_VM_exit_controls',
  name: 'VM-exit controls',
  capability: 0x483,
  trueCapability: 0x48f,
  defaultOne: bitsOf(0, 1, 2, 3, 4, 5, 6, 7, 8, 10, 11, 13, 14, 16, 17),
  bits: new Map([
    [2, 'save debug controls'],
    [9, 'host address-space size'],
    [12, 'load PERF_GLOBAL_CTRL'],
    [15, 'acknowledge interrupt on exit'],
    [18, 'save PAT'],
    [19, 'load PAT'],
    [20, 'save EFER'],
    [21, 'load EFER'],
    [22, 'save preemption timer'],
    [23, 'clear BNDCFGS'],
    [24, 'conceal VMX from PT'],
    [25, 'clear RTIT_CTL'],
    [26, 'clear LBR_CTL'],
    [27, 'clear UINV'],
    [28, 'load CET state'],
    [29, 'load PKRS'],
    [30, 'save PERF_GLOBAL_CTRL'],
    [31, 'activate secondary exit controls'],
  ]),
};

export const entryControls: ControlField = {
  field: 'control_VM_entry_controls',
  name: 'VM-entry controls',
  capability: 0x484,
  trueCapability: 0x490,
  defaultOne: bitsOf(0, 1, 2, 3, 4, 5, 6, 7, 8, 12),
  bits: new Map([
    [2, 'load debug controls'],
    [9, 'IA-32e mode guest'],
    [10, 'entry to SMM'],
    [11, 'deactivate dual-monitor treatment'],
    [13, 'load PERF_GLOBAL_CTRL'],
    [14, 'load PAT'],
    [15, 'load EFER'],
    [16, 'load BNDCFGS'],
    [17, 'conceal VMX from PT'],
    [18, 'load RTIT_CTL'],
    [19, 'load UINV'],
    [20, 'load CET state'],
    [21, 'load LBR_CTL'],
    [22, 'load PKRS'],
    [23, 'load FRED'],
    [24, 'load SPEC_CTRL'],
  ]),
};

export const controlFields: readonly ControlField[] = [pinBased, processorBased, secondary, exitControls, entryControls];

/** `enable EPT (bit 1), bit 29`. */
export function controlNames(field: ControlField, mask: bigint): string {
  const names: string[] = [];
  for (let bit = 0; bit < 32; bit += 1) {
    if (((mask >> BigInt(bit)) & 1n) === 0n) continue;
    const name = field.bits.get(bit);
    names.push(name === undefined ? `bit ${bit}` : `${name} (bit ${bit})`);
  }
  return names.join(', ');
}
