/**
 * A fault inside the handler of another exception or interrupt: what was interrupted.
 *
 * In: the frames. Out: one finding. Refuses: a stack without a hardware frame below the fault says nothing.
 */
import { hex } from '../addresses.js';
import type { ReportFrame } from '../report/report.js';
import { type Sentence, say } from '../sentence.js';
import { type CrashContext, type Verdict, verdict } from './crash-context.js';
import { vectorName } from './fault.js';

const nmi = 2;

export function nestedException(context: CrashContext): Verdict | undefined {
  const { frames } = context;
  const at = frames.findIndex(({ frame }) => frame.kind === 'exception');
  const handler = frames[at];
  const interrupted = frames[at + 1];
  if (handler === undefined || interrupted === undefined) return undefined;
  const vector = handler.frame.interrupted?.vector;
  const what = vector === undefined ? say`an exception or interrupt` : vector === nmi ? say`an NMI` : say`${vectorName(vector)}`;
  return verdict({
    finding: vector === nmi ? 'nmi' : 'other-fault',
    grade: 'confirmed',
    crash: context.index,
    claim: say`This came inside the handler of ${what}, which had interrupted ${nameOf(interrupted)}`,
    explanation: vector === nmi ? [say`An NMI may come at any instruction: look for state that the interrupted code was changing.`] : [],
    evidence: [
      {
        text: say`a hardware frame on the stack, below ${nameOf(handler)}${handler.frame.interrupted?.sp === undefined ? [] : say`, with stack pointer ${hex(handler.frame.interrupted.sp)}`}`,
      },
    ],
  });
}

function nameOf({ functions, symbol, frame }: ReportFrame): Sentence {
  const name = functions[0]?.name ?? symbol;
  if (name !== undefined) return say`${name}`;
  return frame.address === undefined ? say`unknown code` : say`${hex(frame.address.at)}`;
}
