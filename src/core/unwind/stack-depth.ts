/**
 * How deep the stack is, and where saved registers lie, before every instruction of a function: from the machine code alone.
 *
 * In: a code map. Out, for each function: states counted from the CFA, tail jumps, and the outcome of the self-check. Refuses to guess: where
 * paths disagree an item is unknown, and a function whose own returns do not fit its states says so (`failed`).
 *
 * No-return calls matter only where the code behind them would be joined with code of another depth: every call is taken to come
 * back until a join disagrees, then the call that leads there is taken not to. What lies behind it is still followed, in a weak pass.
 */
import type { CodeFunction, CodeMap } from './code-map.js';
import { followFlow } from './control-flow.js';
import type { Flow } from './flow.js';
import type { MachineState } from './values.js';

export interface FunctionAnalysis extends Flow {
  readonly fn: CodeFunction;
  /** Indirect calls whose callee was taken to pop a word, because only then the self-check holds. */
  readonly popsWord: ReadonlySet<number>;
  /** State before the instruction at exactly this address; `undefined` where no path leads. */
  stateBefore(address: number): { readonly state: MachineState; readonly weak: boolean } | undefined;
}

/** A state that may hold at an address, and the function whose entry it counts from. */
export interface StateAt {
  readonly analysis: FunctionAnalysis;
  readonly state: MachineState;
  readonly weak: boolean;
}

export interface StackDepths {
  readonly map: CodeMap;
  analyze(fn: CodeFunction): FunctionAnalysis;
  /**
   * Every state that may hold before the instruction at this address; several where assembly stubs of different depth share code.
   * A label that other code runs into with something pushed begins no function: then the states are those of that code.
   */
  statesAt(address: number): readonly StateAt[];
}

/** Labels asked on either side of one, for code that runs into it. */
const ISLAND = 64;

/** Callees asked whether they return, one below the other. */
const RETURN_DEPTH = 8;
/** Combinations of indirect calls tried for a callee that pops: 2^12 took seconds on one function of a libc. */
const POP_TRIALS = 256;

const depths = new WeakMap<CodeMap, StackDepths>();

export function stackDepths(map: CodeMap): StackDepths {
  const known = depths.get(map);
  if (known !== undefined) return known;
  const created = createStackDepths(map);
  depths.set(map, created);
  return created;
}

function createStackDepths(map: CodeMap): StackDepths {
  const analyses = new Map<number, FunctionAnalysis>();
  const inProgress = new Set<number>();

  function analyze(fn: CodeFunction): FunctionAnalysis {
    const known = analyses.get(fn.entry);
    if (known !== undefined) return known;
    inProgress.add(fn.entry);
    const analysis = analyzeFresh(fn);
    inProgress.delete(fn.entry);
    analyses.set(fn.entry, analysis);
    return analysis;
  }

  function stateIn(fn: CodeFunction, address: number): StateAt[] {
    const analysis = analyze(fn);
    const found = analysis.stateBefore(address);
    return found === undefined ? [] : [{ analysis, ...found }];
  }

  /** Neighbouring labels: assembly that jumps and falls into each other's middle. */
  function island(fn: CodeFunction): readonly CodeFunction[] {
    const all = map.functions();
    const index = all.findIndex((one) => one.entry === fn.entry);
    const found: CodeFunction[] = [];
    for (const step of [-1, 1]) {
      for (let at = index + step, count = 0; count < ISLAND; at += step, count++) {
        const one = all[at];
        if (one === undefined || one.compiled || one.name === undefined) break;
        found.push(one);
      }
    }
    return found;
  }

  function statesAt(address: number): readonly StateAt[] {
    const fn = map.functionAt(address);
    if (fn === undefined) return [];
    const owners = map.ownersOfCold(address);
    const own = (owners.length > 0 ? owners : [fn]).flatMap((one) => stateIn(one, address));
    if (fn.compiled || fn.name === undefined) return own;
    const others = island(fn).flatMap((one) => stateIn(one, address));
    return others.length > 0 ? others : own;
  }

  function neverReturns(target: number, depth: number): boolean {
    const callee = map.entryAt(target);
    if (callee === undefined || depth === 0 || inProgress.has(target)) return false;
    const { returns, interruptReturns, indirectTails, unresolved, tailJumps, exhausted } = analyze(callee);
    if (exhausted || returns.length > 0 || interruptReturns.length > 0 || indirectTails.length > 0 || unresolved.length > 0) return false;
    return tailJumps.every((jump) => neverReturns(jump.target, depth - 1));
  }

  function analyzeFresh(fn: CodeFunction): FunctionAnalysis {
    const asked = (target: number): boolean => neverReturns(target, RETURN_DEPTH);
    let popsWord: ReadonlySet<number> = new Set();
    let flow = followFlow(map, fn, { popsWord, neverReturns: asked });
    if (map.set.wordSize === 4 && hasWrongDepth(flow)) {
      const cure = popsThatCure(fn, flow, asked);
      if (cure !== undefined) ({ popsWord, flow } = cure);
    }
    return { ...flow, fn, popsWord, stateBefore: statesOf(flow) };
  }

  /** i386 callees that return a struct pop its address: of an indirect call only the self-check can tell. Fewest first. */
  function popsThatCure(
    fn: CodeFunction,
    flow: Flow,
    asked: (target: number) => boolean,
  ): { readonly popsWord: ReadonlySet<number>; readonly flow: Flow } | undefined {
    const calls = flow.indirectCalls;
    let trials = 0;
    for (let count = 1; count <= calls.length; count++) {
      for (const pops of combinations(calls, count)) {
        if (++trials > POP_TRIALS) return undefined;
        const popsWord = new Set(pops);
        const tried = followFlow(map, fn, { popsWord, neverReturns: asked });
        if (!hasWrongDepth(tried)) return { popsWord, flow: tried };
      }
    }
    return undefined;
  }

  return { map, analyze, statesAt };
}

function hasWrongDepth(flow: Flow): boolean {
  return flow.failed.some((check) => check.what === 'stack-pointer');
}

function* combinations(items: readonly number[], count: number, from = 0): Generator<readonly number[]> {
  if (count === 0) {
    yield [];
    return;
  }
  for (let index = from; index <= items.length - count; index++) {
    const item = items[index];
    if (item === undefined) return;
    for (const rest of combinations(items, count - 1, index + 1)) yield [item, ...rest];
  }
}

/** All states of the function, worked out at the first question. */
function statesOf(flow: Flow): FunctionAnalysis['stateBefore'] {
  let states: Map<number, { state: MachineState; weak: boolean }> | undefined;
  return (address) => {
    if (flow.exhausted) return undefined;
    if (states === undefined) {
      const all = new Map<number, { state: MachineState; weak: boolean }>();
      flow.visit((instruction, state, weak) => all.set(instruction.at, { state: state.clone(), weak }));
      states = all;
    }
    return states.get(address);
  };
}
