/**
 * Joins of paths, and who is to blame where paths disagree.
 *
 * In: the edges into a block, each with the state that it brings. Out: whether an edge may join, and which calls cannot come back. Refuses to guess:
 * only states that both know better, and differ, are a disagreement.
 */
import { savedAt } from './call-effects.js';
import { joinInto, type MachineState, sameValue } from './values.js';

export interface Edge {
  readonly state: MachineState;
  /** The call that comes back right before the join; absent where something else leads there. */
  readonly call: number | undefined;
}

export interface Admission {
  /** False where the edge is a way back from a call that, as the others tell, never comes back. */
  readonly admitted: boolean;
  /** Calls that never come back: of this edge where it is refused, else of edges admitted before. */
  readonly dead: readonly number[];
}

/** Whether an edge from `from` may join those that came before. */
export function admit(
  calleeSaved: readonly number[],
  incoming: ReadonlyMap<number, Edge>,
  from: number,
  { state, call }: Edge,
  isDead: (call: number) => boolean,
): Admission {
  const dead: number[] = [];
  for (const [other, edge] of incoming) {
    if (other === from || (call === undefined && edge.call === undefined)) continue;
    if (!disagree(calleeSaved, edge.state, state)) continue;
    if (call !== undefined && (edge.call === undefined || isDead(call))) return { admitted: false, dead: [call] };
    if (edge.call !== undefined && (call === undefined || isDead(edge.call))) dead.push(edge.call);
  }
  return { admitted: true, dead };
}

/** Where a register's entry value can be had from: itself, a slot, or nowhere. */
function placeOf(state: MachineState, register: number): string | undefined {
  if (sameValue(state.register(register), { kind: 'entry', register })) return 'register';
  const saved = savedAt(state, register);
  return saved === undefined ? undefined : `${saved.baseId}:${saved.offset}`;
}

/** Both know better, and differ. */
function disagree(calleeSaved: readonly number[], a: MachineState, b: MachineState): boolean {
  if (a.sp.kind === 'pointer' && b.sp.kind === 'pointer' && !sameValue(a.sp, b.sp)) return true;
  return calleeSaved.some((register) => {
    const one = placeOf(a, register);
    const other = placeOf(b, register);
    return one !== undefined && other !== undefined && one !== other && placeOf(joinOf(a, b), register) === undefined;
  });
}

function joinOf(a: MachineState, b: MachineState): MachineState {
  const result = a.clone();
  joinInto(result, b);
  return result;
}
