/**
 * `#GP`, `#SS`, `#NP`, `#TS`: a selector, an address, or an instruction that refused its operands.
 *
 * In: one crash that is no MSR's fault. Out: one finding with what the error code and the instruction show. Refuses: without the
 * image, an error code of 0 says only that no selector is involved.
 */
import { hex } from '../addresses.js';
import { type Sentence, say } from '../sentence.js';
import { causesOf } from './certain-cause.js';
import { type CrashContext, instructionEvidence, recordLine, type Verdict, verdict, wouldShowInstruction } from './crash-context.js';
import type { Evidence, Finding, FindingKind } from './diagnosis.js';
import { isCanonical, selectorError, selectorSentence, vectorName, vectors } from './fault.js';
import { registerValue } from './instruction.js';
import { accessText, asText, memoryAccesses } from './memory-access.js';
import { requiredAlignment } from './privileged.js';

const stackSegment = 12;
const generalProtection = 13;

export function protectionFault(context: CrashContext): Verdict | undefined {
  const { crash, instruction } = context;
  const { vector, errorCode } = crash.fault;
  if (vector === undefined || vectors.get(vector)?.errorCode !== 'selector') return undefined;
  const kind: FindingKind = vector === stackSegment ? 'stack-fault' : vector === generalProtection ? 'general-protection' : 'other-fault';
  const name = vectorName(vector);
  const evidence: Evidence[] = [];
  if (errorCode !== undefined) evidence.push({ text: say`error code ${hex(errorCode)}`, ...recordLine(crash, 'error-code') });
  if (instruction !== undefined) evidence.push(instructionEvidence(instruction));
  const make = (claim: Sentence, explanation: readonly Sentence[], more: Partial<Finding> = {}): Finding => ({
    finding: kind,
    grade: 'confirmed',
    crash: context.index,
    claim,
    explanation,
    evidence,
    ...more,
  });

  const selector = errorCode === undefined ? undefined : selectorError(errorCode);
  if (errorCode !== undefined && selector !== undefined) {
    const explanation: Sentence[] = [];
    if (selector.table === 'idt') {
      explanation.push(
        say`The CPU refused that gate. It does so for one beyond the IDT limit or of the wrong type; the log does not show which.`,
      );
      explanation.push(...elsewhere(context, selector.index));
    } else if (instruction !== undefined) {
      explanation.push(...causeSentences(context, vector));
    }
    return verdict(make(say`${`${name}(${hex(errorCode)})`}: ${selectorSentence(selector)}`, explanation));
  }

  if (instruction === undefined) {
    const claim = errorCode === 0n ? say`${`${name}(0)`}: no selector is involved` : say`${name}, ${[vectors.get(vector)?.meaning ?? '']}`;
    const explanation =
      vector === generalProtection && errorCode === 0n
        ? [say`That leaves a privileged instruction, a bad register value, an MSR, or an address that is not canonical.`]
        : [];
    return verdict(make(claim, explanation), [
      say`Which instruction raised ${name} at ${pcText(context)}: ${wouldShowInstruction(context)}.`,
    ]);
  }

  const text = instruction.instruction.text();
  const raised = say`${text} raised ${errorCode === 0n ? `${name}(0)` : name}`;
  const bad = badAddress(context, vector, 5);
  if (bad !== undefined) return verdict(make(say`${raised}: ${bad}`, []));
  const badInFour = badAddress(context, vector, 4);
  if (badInFour !== undefined) return verdict(make(say`${raised}: with 4-level paging, ${badInFour}`, [], { grade: 'likely' }));
  const causes = causeSentences(context, vector);
  if (causes.length > 0) return verdict({ ...make(raised, causes), finding: 'privileged-instruction' });
  return verdict(make(raised, []), [say`Why ${text} raised ${name}: nothing in the log or the image shows it.`]);
}

function pcText(context: CrashContext): string {
  return context.crash.fault.pc === undefined ? 'the fault' : hex(context.crash.fault.pc);
}

function causeSentences(context: CrashContext, vector: number): readonly Sentence[] {
  const { instruction } = context;
  if (instruction === undefined) return [];
  return causesOf(context, vector);
}

/** Another CPU that printed the very exception whose gate could not be used. */
function elsewhere(context: CrashContext, vector: number): readonly Sentence[] {
  const other = context.log.crashes.find((crash) => crash.fault.vector === vector && crash.cpu !== context.crash.cpu);
  return other === undefined ? [] : [say`CPU ${other.cpu} printed ${vectorName(vector)} itself (${[`line ${other.line}`]}).`];
}

/** Where RET, or an indirect JMP or CALL, was to go: a target that is not canonical faults at the instruction. */
function badTarget(context: CrashContext, levels: 4 | 5): Sentence | undefined {
  const { crash, instruction, registers } = context;
  if (instruction === undefined || crash.arch !== 'amd64') return undefined;
  const { flow, operands } = instruction.instruction;
  if (flow === 'return') {
    const { sp } = crash.fault.interrupted;
    const target = sp === undefined ? undefined : crash.stack.wordAt(sp);
    if (target === undefined || isCanonical(target, levels)) return undefined;
    return say`the return address on the stack, ${hex(target)}${asText(target)}, is not canonical: the stack was overwritten`;
  }
  const [operand] = operands;
  if ((flow !== 'indirect-call' && flow !== 'indirect-jump') || operand?.kind !== 'register') return undefined;
  const target = registerValue(registers, operand.register);
  if (target === undefined || isCanonical(target, levels)) return undefined;
  return say`the target in ${operand.register}, ${hex(target)}${asText(target)}, is not canonical`;
}

/** What is certainly wrong with the address of a memory operand. */
function badAddress(context: CrashContext, vector: number, levels: 4 | 5): Sentence | undefined {
  const { crash, instruction } = context;
  if (instruction === undefined) return undefined;
  if (vector === generalProtection) {
    const target = badTarget(context, levels);
    if (target !== undefined) return target;
  }
  for (const access of memoryAccesses(context)) {
    if (access.address === undefined) continue;
    if (crash.arch === 'amd64' && !isCanonical(access.address, levels)) {
      const throughStack = /\b[re](?:sp|bp)\b/.test(access.through);
      // A bad address through RSP or RBP is a stack fault, any other a general protection fault.
      if (throughStack === (vector === stackSegment)) return say`${accessText(access)} is not canonical`;
    }
    const alignment = requiredAlignment(instruction.instruction.mnemonic);
    if (vector === generalProtection && alignment !== undefined && access.address % BigInt(alignment) !== 0n) {
      return say`${accessText(access)} is not aligned to ${alignment} bytes`;
    }
  }
  return undefined;
}
