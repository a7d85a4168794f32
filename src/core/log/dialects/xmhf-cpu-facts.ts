/**
 * Lines of XMHF that one CPU prints about itself: VCPU and VMCS fields, MSRs, CPUID, its guest's accesses.
 *
 * In: segments that hold `CPU(0x`. Out: facts. Refuses: values that are not whole.
 */
import { limits } from '../../limits.js';
import { type FactState, keep, milestone, number, ofCpu, small } from './fact-state.js';
import { type RowTable, rowTable } from './row.js';

/** Rows for lines that hold `CPU(0x`; the engine looks for that once. */
export const cpuFactRows: RowTable<FactState> = rowTable([
  {
    probe: 'vcpu->',
    pattern: /vcpu->(vmcs\.)?([A-Za-z][A-Za-z0-9_]{0,60}(?:\[[0-9a-f]{1,2}\])?)=0x([0-9a-f]{16}|[0-9a-f]{8}(?![0-9a-f]))/y,
    worth: 1,
    take: (state, match, { line, cpu }) => {
      const [, inVmcs, name = '', digits] = match;
      const value = number(digits);
      keep(state, state.vmcs, { ...ofCpu(cpu), name: inVmcs === undefined ? `vcpu->${name}` : name, value, line });
    },
  },
  {
    probe: '(0x',
    pattern:
      /\(0x([0-9a-f]{4})\) (:?VMCS(?:01|02|12)?[:.]|Nested VMEXIT: )([A-Za-z][A-Za-z0-9_]{0,60}) = 0x([0-9a-f]{16}|[0-9a-f]{8}(?![0-9a-f])|[0-9a-f]{4}(?![0-9a-f]))/y,
    worth: 1,
    take: (state, match, { line, cpu }) => {
      const space = (match[2] ?? '').replace(/[:. ]+/g, ' ').trim();
      const name = space === 'VMCS' ? (match[3] ?? '') : `${space}:${match[3] ?? ''}`;
      keep(state, state.vmcs, { ...ofCpu(cpu), name, value: number(match[4]), line });
    },
  },
  {
    probe: 'RDMSR(0x',
    pattern: /RDMSR\(0x([0-9a-f]{8})\) = (unavailable|0x([0-9a-f]{16}))/y,
    worth: 1,
    take: (state, match, { line, cpu }) => {
      const value = match[3] === undefined ? ('unavailable' as const) : number(match[3]);
      keep(state, state.msrs, { ...ofCpu(cpu), address: small(match[1]), value, line });
    },
  },
  {
    probe: 'Reading MSR #0x',
    pattern: /Reading MSR #0x([0-9a-f]{1,2}) 0x([0-9a-f]{8})/y,
    worth: 1,
    take: (state, match, { cpu }) => {
      if (state.asked.size < limits.facts) state.asked.set(`${cpu ?? ''} ${match[1] ?? ''}`, small(match[2]));
    },
  },
  {
    probe: 'MSR value for #0x',
    pattern: /MSR value for #0x([0-9a-f]{1,2}) is 0x([0-9a-f]{16})/y,
    worth: 1,
    take: (state, match, { line, cpu }) => {
      const address = state.asked.get(`${cpu ?? ''} ${match[1] ?? ''}`);
      if (address !== undefined) keep(state, state.msrs, { ...ofCpu(cpu), address, value: number(match[2]), line });
    },
  },
  {
    probe: 'MSR_EF',
    pattern: /MSR_(EFER|EFCR)=0x([0-9a-f]{16})/y,
    worth: 1,
    take: (state, match, { line, cpu }) => {
      const address = match[1] === 'EFER' ? 0xc000_0080 : 0x3a;
      keep(state, state.msrs, { ...ofCpu(cpu), address, value: number(match[2]), line });
    },
  },
  {
    probe: 'WRMSR',
    pattern: /WRMSR (?:\(MTRR\) )?0x([0-9a-f]{8}) 0x([0-9a-f]{16})(?: @ (?:0x)?([0-9a-f]{1,16}))?/y,
    worth: 1,
    take: (state, match, { line, cpu }) => {
      const guestPc = match[3] === undefined ? {} : { guestPc: number(match[3]) };
      keep(state, state.guestMsrAccesses, {
        ...ofCpu(cpu),
        access: 'write',
        address: small(match[1]),
        value: number(match[2]),
        ...guestPc,
        line,
      });
    },
  },
  {
    probe: 'RDMSR ',
    pattern: /RDMSR (?:0x([0-9a-f]{8})|\(0x([0-9a-f]{8})\)=0x([0-9a-f]{16}))(?: @ (?:0x)?([0-9a-f]{1,16}))?/y,
    worth: 1,
    take: (state, match, { line, cpu }) => {
      const value = match[3] === undefined ? {} : { value: number(match[3]) };
      const guestPc = match[4] === undefined ? {} : { guestPc: number(match[4]) };
      keep(state, state.guestMsrAccesses, {
        ...ofCpu(cpu),
        access: 'read',
        address: small(match[1] ?? match[2]),
        ...value,
        ...guestPc,
        line,
      });
    },
  },
  {
    probe: 'CPUID',
    pattern: /CPUID\(0x([0-9a-f]{8})(?:, ?0x([0-9a-f]{8}))?\)[.: ]{1,2}(E[ABCD]X) ?= ?0x([0-9a-f]{8})/y,
    worth: 1,
    take: (state, match, { line, cpu }) => {
      const register = match[3];
      if (register !== 'EAX' && register !== 'EBX' && register !== 'ECX' && register !== 'EDX') return;
      keep(state, state.cpuid, { ...ofCpu(cpu), leaf: small(match[1]), subleaf: small(match[2]), register, value: small(match[4]), line });
    },
  },
  milestone('VMX operation', 'Entered VMX root operation'),
  milestone('extended page tables', 'Activated VMX EPTs'),
  milestone('guest state written', 'VMWRITEs success'),
  milestone('guest starts', 'SIPI signal received'),
]);
