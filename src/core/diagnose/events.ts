/**
 * Findings from events that are no register dump: assertions, halts, the guest's own faults.
 *
 * In: the log's events. Out: at most one finding each. Refuses: what a guest does to itself is never called a fault of the hypervisor;
 * a bare halt that says nothing gives no finding.
 */
import type { CrashLog, LogEvent } from '../log/crash-log.js';
import { type Sentence, say } from '../sentence.js';
import { printedEvidence, type Verdict, verdict } from './crash-context.js';
import { vectorName } from './fault.js';
import { vmxEvent } from './vmx.js';

/** Equal events, of a guest that faults in a loop, are told once; of the others no more than these. */
export const maxEventFindings = 12;
const longestText = 200;

export function eventFinding(log: CrashLog, event: LogEvent, index: number): Verdict | undefined {
  const text = event.text.trim().slice(0, longestText);
  const base = { event: index, grade: 'confirmed', evidence: printedEvidence(event) } as const;
  switch (event.kind) {
    case 'assertion': {
      const what =
        event.condition === undefined || event.condition.trim() === ''
          ? say`An assertion failed`
          : say`An assertion failed: ${event.condition.slice(0, longestText)}`;
      const line = event.sourceLine === undefined ? '' : `:${event.sourceLine}`;
      const place = event.file === undefined || event.file === '' ? say`` : say`, at ${`${event.file}${line}`}`;
      return verdict({ ...base, finding: 'assertion', claim: say`${what}${place}`, explanation: assertionSays(event.condition) });
    }
    case 'guest-exception': {
      const what = event.code === undefined ? say`` : say` (${vectorName(event.code)})`;
      const claim = say`The guest raised an exception${what}: this is the guest's fault, not the hypervisor's`;
      return verdict({ ...base, finding: 'guest-fault', claim, explanation: [] });
    }
    case 'guest-panic':
      return verdict({
        ...base,
        finding: 'guest-fault',
        claim: say`The guest's kernel died: the log holds its own report`,
        explanation: [say`These lines come from the operating system in the guest. The hypervisor ran on.`],
      });
    case 'halt':
      return event.fatal && text !== ''
        ? verdict({ ...base, finding: 'other-fault', claim: say`The hypervisor stopped itself: ${text}`, explanation: [] })
        : undefined;
    case 'vm-entry-failure':
    case 'vm-instruction-error':
    case 'unhandled-intercept':
    case 'triple-fault':
      return vmxEvent(log, event, index);
    default:
      return event.kind satisfies never;
  }
}

/** `0 && "text"`: the author's own words stand in the condition. */
function assertionSays(condition: string | undefined): readonly Sentence[] {
  if (condition?.trim() === '0') return [say`The condition is always false: the code says that this place is never to be reached.`];
  const words = condition === undefined ? undefined : /^\s*0\s*&&\s*"(.{1,200}?)(?:\\n)?"\s*$/.exec(condition)?.[1];
  return words === undefined ? [] : [say`The condition is always false; the code says why it stops: ${words}.`];
}

/** For a log that ends without a crash or a fatal event: how far the boot came. */
export function silentEnd(log: CrashLog): Sentence | undefined {
  const last = log.facts.milestones.at(-1);
  if (last === undefined || log.crashes.length > 0 || log.events.some((event) => event.fatal)) return undefined;
  return say`Why the log ends: it holds no crash and no fatal event. The last stage that the boot reached is ${[last.name]} (${[`line ${last.line}`]}).`;
}
