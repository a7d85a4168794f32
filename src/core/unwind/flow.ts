/** What following the paths of one function yields. */
import type { Instruction } from '../platform.js';
import type { JumpTable } from './jump-tables.js';
import type { MachineState } from './values.js';

export interface TailJump {
  readonly at: number;
  readonly target: number;
  /** `fall`: the function runs into the next one. */
  readonly how: 'jump' | 'branch' | 'fall';
}

export interface FailedCheck {
  readonly at: number;
  readonly what: 'stack-pointer' | 'saved-register';
  readonly register?: string;
}

export interface FlowOptions {
  /** Indirect calls whose callee is taken to pop one word. */
  readonly popsWord: ReadonlySet<number>;
  /** Whether the function at this entry never comes back; asked only where two calls disagree. */
  neverReturns(target: number): boolean;
}

export interface Flow {
  /** State before each block that is reached, by its first address. */
  readonly blocks: ReadonlyMap<number, MachineState>;
  readonly tailJumps: readonly TailJump[];
  readonly indirectTails: readonly number[];
  readonly unresolved: readonly number[];
  readonly tables: readonly JumpTable[];
  readonly returns: readonly number[];
  readonly interruptReturns: readonly number[];
  readonly failed: readonly FailedCheck[];
  readonly indirectCalls: readonly number[];
  /** Calls taken not to return: what lies behind them is reached otherwise, with another depth. */
  readonly deadCalls: ReadonlySet<number>;
  /** Visits every instruction reached, with the state before it; the state is only lent. */
  visit(see: (instruction: Instruction, state: MachineState, weak: boolean) => void): void;
  /** Over budget: nothing else here is complete. */
  readonly exhausted: boolean;
}
