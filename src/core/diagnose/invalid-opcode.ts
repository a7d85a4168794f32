/**
 * `#UD`: which instruction, and why the CPU refused it.
 *
 * In: the instruction at the PC, the assertion printed just before. Out: one finding. Refuses: an instruction that the tables do not
 * know to raise `#UD` is named, and its reason left open.
 */
import { hex } from '../addresses.js';
import { functionName } from '../report/signature.js';
import { type Sentence, say } from '../sentence.js';
import { assertionBefore } from './assertion-site.js';
import { causesOf } from './certain-cause.js';
import {
  type CrashContext,
  innermostFunctions,
  instructionEvidence,
  printedEvidence,
  type Verdict,
  verdict,
  wouldShowInstruction,
} from './crash-context.js';
import { bytesText } from './instruction.js';

const invalidOpcodeVector = 6;

export function invalidOpcode(context: CrashContext): Verdict | undefined {
  const { crash, instruction } = context;
  if (crash.fault.vector !== invalidOpcodeVector) return undefined;
  const assertion = assertionBefore(context);
  const base = { finding: 'invalid-opcode', crash: context.index } as const;
  const assertionEvidence = assertion === undefined ? [] : printedEvidence(assertion.event);

  if (context.undecodable !== undefined) {
    const claim = say`${'#UD'}: the bytes ${bytesText(context.undecodable)} at the PC are no instruction`;
    const explanation = [say`The program went where it was never meant to, or its code was overwritten.`];
    return verdict({ ...base, grade: 'confirmed', claim, explanation, evidence: assertionEvidence });
  }
  if (instruction === undefined) {
    if (assertion !== undefined) {
      const claim = say`${'#UD'} is the trap that the failed assertion executes`;
      return verdict({ ...base, grade: 'likely', claim, explanation: [], evidence: assertionEvidence });
    }
    const at = crash.fault.pc === undefined ? say`` : say` at ${hex(crash.fault.pc)}`;
    return verdict(
      { ...base, grade: 'confirmed', claim: say`${'#UD'}: the CPU refused the instruction${at}`, explanation: [], evidence: [] },
      [say`Which instruction raised ${'#UD'}: ${wouldShowInstruction(context)}.`],
    );
  }

  const text = instruction.instruction.text();
  const evidence = [instructionEvidence(instruction), ...assertionEvidence];
  if (instruction.instruction.flow === 'stop') {
    const [innermost] = innermostFunctions(context.frames);
    const name = innermost === undefined ? undefined : functionName(innermost);
    const explanation: Sentence[] = [
      say`${text} is put there on purpose: by an assertion, a BUG macro or ${'abort()'}, or by the compiler where code can only be reached by an error, such as a division by zero or the use of a null pointer.`,
    ];
    if (assertion !== undefined) explanation.push(say`The log prints an assertion just before: most likely it is the cause.`);
    const where = name === undefined ? say`` : say` in ${name}`;
    return verdict({ ...base, grade: 'confirmed', claim: say`${text} was executed${where}: the code gave up`, explanation, evidence });
  }
  const claim = say`${text} raised ${'#UD'}`;
  const explanation = causesOf(context, invalidOpcodeVector);
  if (explanation.length > 0) {
    return verdict({ ...base, finding: 'privileged-instruction', grade: 'confirmed', claim, explanation, evidence });
  }
  if (/^v[a-z]/.test(instruction.instruction.mnemonic)) {
    const explanation = [say`A VEX or EVEX instruction: the CPU lacks it, or CR4.OSXSAVE (bit 18) or XCR0 does not allow it.`];
    return verdict({ ...base, grade: 'likely', claim, explanation, evidence });
  }
  return verdict({ ...base, grade: 'confirmed', claim, explanation: [], evidence }, [
    say`Why ${text} raised ${'#UD'}: the CPU may lack it, or the code in memory was overwritten.`,
  ]);
}
