/**
 * The exceptions that need no file of their own: what each means, and what the registers add.
 *
 * In: one crash. Out: one finding. Refuses: a vector of 32 or more is an interrupt that nobody handled, never an exception.
 */
import { hex } from '../addresses.js';
import { type Sentence, say } from '../sentence.js';
import { type CrashContext, instructionEvidence, recordLine, type Verdict, verdict } from './crash-context.js';
import type { Evidence, Finding, FindingKind } from './diagnosis.js';
import { controlProtection, isCanonical, vectorName, vectors } from './fault.js';
import { operandAddress, registerValue } from './instruction.js';

const divideError = 0;
const nmi = 2;
const breakpoint = 3;
const noFpu = 7;
const doubleFault = 8;
const controlProtectionVector = 21;
const vmmCommunication = 29;
const firstInterrupt = 32;

export function otherFault(context: CrashContext): Verdict | undefined {
  const { crash, instruction } = context;
  const { vector, errorCode } = crash.fault;
  if (vector === undefined) return undefined;
  const evidence: Evidence[] = [];
  if (errorCode !== undefined) evidence.push({ text: say`error code ${hex(errorCode)}`, ...recordLine(crash, 'error-code') });
  const known = vectors.get(vector);
  const make = (
    finding: FindingKind,
    claim: Sentence,
    explanation: readonly Sentence[] = [],
    grade: Finding['grade'] = 'confirmed',
  ): Finding => ({
    finding,
    grade,
    crash: context.index,
    claim,
    explanation,
    evidence,
  });
  if (instruction !== undefined && known?.saves === 'fault') evidence.push(instructionEvidence(instruction));
  switch (vector) {
    case divideError:
      return divide(context, make);
    case nmi:
      return verdict(make('nmi', say`A non-maskable interrupt: the PC is what it interrupted, not what is wrong`));
    case breakpoint:
      return verdict(make('breakpoint', say`A breakpoint (${'int3'}) was executed: the PC is the instruction after it`));
    case noFpu:
      return verdict(make('other-fault', say`${'#NM'}: an FPU or SSE instruction while CR0.TS or CR0.EM forbids it`));
    case doubleFault:
      return verdict(
        make('double-fault', say`A double fault: a second exception came while the first was being delivered`, doubleFaultLooks(context)),
        [say`Which exception came first: a double fault does not tell. Likely reasons: a bad stack pointer, or a bad IDT or TSS.`],
      );
    case controlProtectionVector: {
      const what = errorCode === undefined ? undefined : controlProtection.get(Number(errorCode & 0x7fffn));
      const claim = what === undefined ? say`${'#CP'}, control protection` : say`${'#CP'}: ${[what]}`;
      return verdict(make('other-fault', claim));
    }
    case vmmCommunication: {
      const claim = errorCode === undefined ? say`${'#VC'}` : say`${'#VC'}: SVM exit code ${hex(errorCode)}`;
      return verdict(make('other-fault', claim, [say`Only guests of AMD SEV-ES get it: an instruction needs the hypervisor's help.`]));
    }
    default:
  }
  if (vector >= firstInterrupt) return verdict(make('other-fault', say`Interrupt vector ${hex(vector)} arrived, and nothing handles it`));
  if (known === undefined) return verdict(make('other-fault', say`Vector ${vector} is reserved: no CPU raises it`));
  return verdict(make('other-fault', say`${vectorName(vector)}: ${[known.meaning]}`));
}

type Make = (finding: FindingKind, claim: Sentence, explanation?: readonly Sentence[], grade?: Finding['grade']) => Finding;

function divide(context: CrashContext, make: Make): Verdict {
  const { instruction, registers, crash } = context;
  const mnemonic = instruction?.instruction.mnemonic;
  const [operand] = instruction?.instruction.operands ?? [];
  if (instruction === undefined || operand === undefined || (mnemonic !== 'div' && mnemonic !== 'idiv')) {
    return verdict(make('other-fault', say`${'#DE'}: a division by zero, or a quotient that does not fit`));
  }
  const text = instruction.instruction.text();
  if (operand.kind === 'register') {
    const value = registerValue(registers, operand.register);
    if (value === 0n) return verdict(make('other-fault', say`${text} divides by zero: ${operand.register} is 0`));
    if (value !== undefined) {
      return verdict(make('other-fault', say`The quotient of ${text} does not fit: ${operand.register} is ${hex(value)}, not zero`));
    }
  }
  if (operand.kind === 'memory') {
    const address = operandAddress(operand, registers, crash.arch, instruction.loaded.bias);
    const { sp } = crash.fault.interrupted;
    // What lies below the stack pointer was overwritten by the handler.
    const value = address === undefined || sp === undefined || address < sp ? undefined : crash.stack.read(address, operand.size);
    if (address !== undefined && value === 0n) {
      return verdict(make('other-fault', say`${text} divides by zero: the divisor at ${hex(address)}, on the stack, is 0`));
    }
  }
  return verdict(make('other-fault', say`${text} divides by zero, or its quotient does not fit`));
}

function doubleFaultLooks(context: CrashContext): readonly Sentence[] {
  const { sp } = context.crash.fault.interrupted;
  if (sp === undefined || context.crash.arch !== 'amd64' || isCanonical(sp)) return [];
  return [say`The stack pointer ${hex(sp)} is not canonical: no exception can be delivered on it.`];
}
