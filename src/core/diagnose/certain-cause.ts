/**
 * What certainly makes a privileged instruction fault, from the registers at the fault and the MSRs that the log prints.
 *
 * In: one crash with its instruction. Out: one sentence for each rule that is broken. Refuses: a register or MSR that is not known
 * breaks no rule, so an empty answer clears nothing.
 * Source: Intel SDM vol 2 and 3, AMD APM vol 3 (each instruction's exceptions).
 */
import { hex } from '../addresses.js';
import type { Instruction } from '../platform.js';
import { type Sentence, say } from '../sentence.js';
import type { CpuFacts } from './cpu-facts.js';
import type { CrashContext } from './crash-context.js';
import { registerValue } from './instruction.js';
import { bitList } from './msr-value.js';
import { privilegedCauses } from './privileged.js';

const invalidOpcode = 6;
const generalProtection = 13;

function certainCauses(context: CrashContext, vector: number): readonly Sentence[] {
  const { instruction, registers, facts } = context;
  if (instruction === undefined) return [];
  const register = (name: string): bigint | undefined => registerValue(registers, name);
  const { mnemonic } = instruction.instruction;
  if (mnemonic === 'mov' && vector === generalProtection) return controlRegister(instruction.instruction, register, facts);
  if (mnemonic === 'xsetbv' && vector === generalProtection) return extendedControl(register);
  if (mnemonic === 'vmxon') return vmxon(vector, facts);
  if (/^vm(?:run|load|save)$/.test(mnemonic) && vector === generalProtection) {
    const block = register('rax');
    return block !== undefined && block % 4096n !== 0n ? [say`RAX is ${hex(block)}, not 4-KByte aligned.`] : [];
  }
  if (mnemonic === 'invpcid' && vector === generalProtection) {
    const [operand] = instruction.instruction.operands;
    const type = operand?.kind === 'register' ? register(operand.register) : undefined;
    return type !== undefined && type > 3n ? [say`The type is ${type}: only 0 to 3 exist.`] : [];
  }
  return [];
}

/** What is certain; where nothing is, the known causes, likeliest first. Empty for an instruction without an entry. */
export function causesOf(context: CrashContext, vector: number): readonly Sentence[] {
  const certain = certainCauses(context, vector);
  if (certain.length > 0 || context.instruction === undefined) return certain;
  const causes = privilegedCauses(context.instruction.instruction, vector);
  return causes.map((cause, index): Sentence => [`${index === 0 ? 'Likeliest cause' : 'Or'}: ${cause}.`]);
}

type ReadRegister = (name: string) => bigint | undefined;

function bit(value: bigint, n: number): boolean {
  return ((value >> BigInt(n)) & 1n) === 1n;
}

function controlRegister(instruction: Instruction, register: ReadRegister, facts: CpuFacts): readonly Sentence[] {
  const [target, source] = instruction.operands;
  if (target?.kind !== 'register' || source?.kind !== 'register' || !/^cr[048]$/.test(target.register)) return [];
  const value = register(source.register);
  if (value === undefined) return [];
  const told = say`${source.register} is ${hex(value)}`;
  const broken: Sentence[] = [];
  switch (target.register) {
    case 'cr0':
      if (value >> 32n !== 0n) broken.push(say`${told}: bits 63:32 of CR0 must be 0.`);
      if (bit(value, 31) && !bit(value, 0)) broken.push(say`${told}: PG (bit 31) without PE (bit 0).`);
      if (bit(value, 29) && !bit(value, 30)) broken.push(say`${told}: NW (bit 29) without CD (bit 30).`);
      break;
    case 'cr4': {
      // A 0 in CR4_FIXED1 is a bit that the CPU lacks. SDM vol 3 appendix A.8.
      const fixed1 = facts.msr(0x489);
      const extra = fixed1 === undefined || fixed1.unavailable ? 0n : value & fixed1.known & ~fixed1.value;
      if (fixed1 !== undefined && extra !== 0n) broken.push(say`${told}: this CPU lacks ${[bitList(extra)]} (${fixed1.from}).`);
      break;
    }
    case 'cr8':
      if (value > 15n) broken.push(say`${told}: CR8 holds 0 to 15.`);
      break;
    default:
  }
  return broken;
}

/** XCR0: SDM vol 1 §13.3. */
function extendedControl(register: ReadRegister): readonly Sentence[] {
  const index = register('ecx');
  const low = register('eax');
  const high = register('edx');
  if (index === undefined) return [];
  if (index !== 0n) return [say`ECX is ${hex(index)}: only XCR0 can be written.`];
  if (low === undefined || high === undefined) return [];
  const value = (high << 32n) | low;
  const broken: Sentence[] = [];
  if (!bit(value, 0)) broken.push(say`EDX:EAX is ${hex(value)}: bit 0 (x87) must be 1.`);
  if (bit(value, 2) && !bit(value, 1)) broken.push(say`EDX:EAX is ${hex(value)}: AVX (bit 2) without SSE (bit 1).`);
  return broken;
}

/** SDM vol 3 §24.7. */
function vmxon(vector: number, facts: CpuFacts): readonly Sentence[] {
  if (vector === invalidOpcode) {
    const vmx = facts.bits({ kind: 'cpuid', leaf: 1, subleaf: 0, register: 'ECX', high: 5, low: 5 });
    return vmx?.value === 0n ? [say`The CPU has no VMX (${vmx.from}).`] : [];
  }
  const control = facts.msr(0x3a);
  if (vector !== generalProtection || control === undefined || control.unavailable) return [];
  const broken: Sentence[] = [];
  if (!bit(control.value, 0)) broken.push(say`The lock (bit 0) of FEATURE_CONTROL is 0 (${control.from}).`);
  if (!bit(control.value, 2) && !bit(control.value, 1)) broken.push(say`VMX is off in FEATURE_CONTROL, bits 2 and 1 (${control.from}).`);
  return broken;
}
