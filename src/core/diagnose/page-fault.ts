/**
 * `#PF`: what was touched, how, and through which register.
 *
 * In: the error code; the instruction and the registers where the image is at hand. Out: one finding. Refuses: CR2 is not printed, so
 * without the image there is no address; an operand that cannot make this error code is not blamed.
 */
import { hex } from '../addresses.js';
import { type Sentence, say } from '../sentence.js';
import { type CrashContext, instructionEvidence, recordLine, type Verdict, verdict, wouldShowInstruction } from './crash-context.js';
import type { Evidence } from './diagnosis.js';
import { type PageFaultError, pageFaultError, pageFaultSentence } from './fault.js';
import { msrAccessOf } from './instruction.js';
import { accessText, type MemoryAccess, memoryAccesses, placeOf } from './memory-access.js';

const pageFaultVector = 14;
/** A null pointer with the offset of a member. */
const nullPage = 0x1000n;

export function pageFault(context: CrashContext): Verdict | undefined {
  const { crash, instruction } = context;
  const { vector, errorCode } = crash.fault;
  if (vector !== pageFaultVector) return undefined;
  const error = errorCode === undefined ? undefined : pageFaultError(errorCode);
  const evidence: Evidence[] = [];
  if (errorCode !== undefined) evidence.push({ text: say`error code ${hex(errorCode)}`, ...recordLine(crash, 'error-code') });
  if (instruction !== undefined) evidence.push(instructionEvidence(instruction));
  const what = error === undefined ? undefined : pageFaultSentence(error);
  const base = { finding: 'page-fault', grade: 'confirmed', crash: context.index, evidence } as const;

  const able = error?.fetch === true ? [] : memoryAccesses(context).filter((access) => canCause(access, error));
  // CMPS reads two places: either may be the one.
  const [blamed] = able.length === 1 ? able : [];
  if (blamed?.address !== undefined) {
    const place = placeOf(context, blamed.address);
    const where = place === undefined ? say`` : say` (${place})`;
    const explanation: Sentence[] = [];
    if (what !== undefined) explanation.push([`The CPU reports ${what}.`]);
    if (blamed.address < nullPage) explanation.push(nullSentence(blamed, blamed.address));
    if (error?.reservedBit) explanation.push(reservedBitSentence);
    for (const register of registerEvidence(context, blamed)) evidence.push(register);
    return verdict({ ...base, claim: say`A page fault: ${accessText(blamed)}${where}`, explanation });
  }
  if (instruction !== undefined && msrAccessOf(instruction.instruction.mnemonic) === 'write' && error?.fetch !== true) {
    // The MSR finding tells the rest: the CPU read memory at the address that was written.
    return verdict({ ...base, claim: [what === undefined ? 'A page fault at WRMSR' : `A page fault at WRMSR: ${what}`], explanation: [] });
  }
  const explanation: Sentence[] = error?.reservedBit ? [reservedBitSentence] : [];
  const claim = what === undefined ? say`A page fault` : [`A page fault: ${what}`];
  const unknown =
    error?.fetch === true
      ? []
      : instruction === undefined
        ? [
            say`Which address was touched: the handler does not print CR2. The instruction and its operand would tell; ${wouldShowInstruction(context)}.`,
          ]
        : [say`Which address was touched: ${instruction.instruction.text()} and the printed registers do not tell it.`];
  return verdict({ ...base, claim, explanation }, unknown);
}

const reservedBitSentence: Sentence = [
  'A reserved bit in a paging entry: the page tables hold garbage, or the no-execute bit (63) is set while EFER.NXE is 0.',
];

function canCause(access: MemoryAccess, error: PageFaultError | undefined): boolean {
  if (error === undefined) return true;
  // A read-modify-write asks for the page as a write.
  return error.write ? access.kind !== 'read' : access.kind === 'read';
}

function nullSentence(access: MemoryAccess, address: bigint): Sentence {
  const base = /^[a-z0-9]+/.exec(access.through)?.[0] ?? access.through;
  if (address === 0n) return say`${base} holds a null pointer.`;
  return say`A null pointer, most likely: ${hex(address)} is the offset of a member or an element.`;
}

function registerEvidence(context: CrashContext, access: MemoryAccess): readonly Evidence[] {
  const names = [...new Set([...access.through.matchAll(/\br\d+|\b[re][a-ds][xpi]|\b[re][bs]p/g)].map((match) => match[0]))];
  return names.flatMap((name): Evidence[] => {
    const value = context.registers.get(name);
    return value === undefined ? [] : [{ text: say`${name} is ${hex(value)}`, ...recordLine(context.crash, name) }];
  });
}
