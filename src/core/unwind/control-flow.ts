/**
 * States along every path of one function.
 *
 * In: a function and which of its calls are taken not to return. Out: the state before each block, the tail jumps, and where states
 * that ought to agree do not. Refuses to guess: an indirect jump that no table explains has no successors.
 *
 * The states at a join are kept edge by edge, so that a disagreement can be laid at the door of the edge that made it.
 */
import { limits } from '../limits.js';
import type { Instruction } from '../platform.js';
import { applyCall, calleePop, keepsRegister } from './call-effects.js';
import { type CodeFunction, type CodeMap, isPushOfNext } from './code-map.js';
import { isAtEntryDepth, jumpValue, refineByComparison, returnTarget } from './endings.js';
import type { FailedCheck, Flow, FlowOptions, TailJump } from './flow.js';
import { admit, type Edge } from './joins.js';
import { boundOf, type JumpTable, readTable, tableOf } from './jump-tables.js';
import type { TransferContext } from './operands.js';
import { createRegions } from './regions.js';
import { apply, entryRegisters, entrySlots, push } from './transfer.js';
import { type Base, constant, joinInto, MachineState, sameValue } from './values.js';

/** Instructions stepped over for one function, repeated visits included. */
const STEPS = limits.functionInstructions * 4;
/** Passes over one function: each ends with a table, a jump into the middle of a block, or a call that never returns, found anew. */
const ROUNDS = 200;

const paddings = new Set(['nop', 'int3', 'endbr64', 'endbr32', '(bad)']);

export function followFlow(map: CodeMap, fn: CodeFunction, options: FlowOptions): Flow {
  const leaders = new Set<number>();
  const tables = new Map<number, JumpTable>();
  const deadCalls = new Set<number>();
  for (let round = 0; ; round++) {
    const flow = onePass(map, fn, options, leaders, tables, deadCalls);
    if (!flow.again) return flow;
    if (round >= ROUNDS) return { ...flow, exhausted: true };
  }
}

function onePass(
  map: CodeMap,
  fn: CodeFunction,
  options: FlowOptions,
  leaders: Set<number>,
  tables: Map<number, JumpTable>,
  deadCalls: Set<number>,
): Flow & { readonly again: boolean } {
  const { set, image } = map;
  const { wordSize } = set;
  const bases = new Map<number, Base>();
  const context: TransferContext = {
    set,
    frames: new Set(),
    keeps: (callee, register) => keepsRegister(map, callee, register),
    baseAt: (at, how) => {
      const known = bases.get(at);
      if (known !== undefined) return known;
      const base: Base = { id: bases.size + 1, how, at };
      bases.set(at, base);
      return base;
    },
  };
  const regions = createRegions(map, fn, (address) => {
    if (leaders.has(address)) return;
    leaders.add(address);
    if (reached.has(address)) again = true;
  });
  const edges = new Map<number, Map<number, Edge>>();
  const blocks = new Map<number, MachineState>();
  const weakBlocks = new Set<number>();
  const reached = new Set<number>();
  const queue: number[] = [];
  const queued = new Set<number>();
  const tailJumps = new Map<string, TailJump>();
  const indirectTails = new Set<number>();
  const unresolved = new Set<number>();
  const returns = new Set<number>();
  const interruptReturns = new Set<number>();
  const failed = new Map<string, FailedCheck>();
  const indirectCalls = new Set<number>();
  const delayed = new Map<number, { readonly from: number; readonly to: number; readonly state: MachineState; readonly call: number }>();
  const afterDead = new Map<number, MachineState>();
  const barriers = new Map<number, MachineState>();
  const entryState = (): MachineState => new MachineState(entryRegisters(set), entrySlots(set));
  let steps = 0;
  let exhausted = false;
  let again = false;
  /** Everything that followed from a way back which never is: the pass begins anew. */
  let restart = false;
  let weak = false;

  function isTailTarget(target: number, state: MachineState): boolean {
    return target !== fn.entry && map.entryAt(target) !== undefined && isAtEntryDepth(set, state);
  }

  /**
   * Ways back from calls wait until everything else is known: where the code behind a call is reached by a jump with another depth, the call
   * does not come back.
   */
  function fallInto(from: number, to: number, state: MachineState, call: number | undefined): void {
    if (call === undefined || weak) addEdge(from, to, state, call);
    else delayed.set(from, { from, to, state: state.clone(), call });
  }

  function addEdge(from: number, to: number, state: MachineState, call: number | undefined): void {
    if (weak && reached.has(to)) return;
    if (regions.at(to) === undefined) return;
    if (!leaders.has(to)) {
      leaders.add(to);
      // Some block may already run through the place.
      if (!weak && reached.has(to)) again = true;
    }
    let incoming = edges.get(to);
    if (incoming === undefined) {
      incoming = new Map();
      edges.set(to, incoming);
    }
    if (!weak) {
      const { admitted, dead } = admit(set.calleeSaved, incoming, from, { state, call }, isDead);
      for (const one of dead) deadCalls.add(one);
      if (!admitted) return;
      if (dead.length > 0) restart = true;
    }
    incoming.set(from, { state: state.clone(), call });
    const known = blocks.get(to);
    if (known === undefined) blocks.set(to, state.clone());
    else {
      const merged = known.clone();
      if (!joinInto(merged, state)) return;
      blocks.set(to, merged);
    }
    if (weak) weakBlocks.add(to);
    if (!queued.has(to)) {
      queued.add(to);
      queue.push(to);
    }
  }

  function isDead(call: number): boolean {
    const target = map.instructionAt(call)?.target;
    return target !== undefined && options.neverReturns(target);
  }

  function check(state: MachineState, at: number): void {
    if (!isAtEntryDepth(set, state)) {
      failed.set(`${at}`, { at, what: 'stack-pointer' });
      return;
    }
    for (const index of set.calleeSaved) {
      if (sameValue(state.register(index), { kind: 'entry', register: index })) continue;
      failed.set(`${at}:${index}`, { at, what: 'saved-register', register: set.names[index] ?? '' });
    }
  }

  function tail(at: number, target: number, how: TailJump['how'], state: MachineState): void {
    if (!weak) check(state, at);
    tailJumps.set(`${at}:${target}`, { at, target, how });
  }

  function transferTo(at: number, target: number, how: 'jump' | 'branch', state: MachineState): void {
    if (isTailTarget(target, state)) tail(at, target, how, state);
    else addEdge(at, target, state, undefined);
  }

  function tableTargets(at: number, table: JumpTable): readonly number[] {
    if (!tables.has(table.address)) {
      tables.set(table.address, table);
      again = true;
    }
    const lands = (target: number): boolean => (regions.ownAt(target) !== undefined || regions.isOpen(target)) && map.isBoundary(target);
    const range = regions.at(at);
    const before = range === undefined ? [] : map.sweep({ start: range.start, end: at });
    return readTable(image, table, lands, new Set(tables.keys()), boundOf(before));
  }

  function indirectJump(instruction: Instruction, state: MachineState): void {
    const value = jumpValue(context, state, instruction);
    if (value.kind === 'constant' && map.instructionAt(value.value) !== undefined) {
      transferTo(instruction.at, value.value, 'jump', state);
      return;
    }
    const table = tableOf(value);
    const targets = table === undefined ? [] : tableTargets(instruction.at, table);
    if (targets.length > 0) for (const target of targets) addEdge(instruction.at, target, state, undefined);
    else if (isAtEntryDepth(set, state)) indirectTails.add(instruction.at);
    else unresolved.add(instruction.at);
  }

  function endOfPath(instruction: Instruction, state: MachineState): void {
    const target = returnTarget(map, state, instruction);
    if (target !== undefined) {
      transferTo(instruction.at, target, 'jump', state);
      return;
    }
    if (instruction.flow === 'interrupt-return') {
      interruptReturns.add(instruction.at);
      return;
    }
    if (!weak) check(state, instruction.at);
    returns.add(instruction.at);
  }

  function isPaddingAt(address: number, end: number): boolean {
    if (address >= end) return true;
    const next = map.instructionAt(address);
    return next === undefined || next.mnemonic === 'int3' || next.mnemonic === 'nop' || next.mnemonic === '(bad)';
  }

  function fallOut(instruction: Instruction, next: number, state: MachineState, call: number | undefined): void {
    // A compiled function's end is reached only behind a call that does not come back.
    const piece = regions.ownAt(instruction.at);
    if (piece !== undefined ? fn.compiled : (map.functionAt(instruction.at)?.compiled ?? true)) return;
    if (isTailTarget(next, state)) tail(instruction.at, next, 'fall', state);
    else if (map.entryAt(next) !== undefined) addEdge(instruction.at, next, state, call);
  }

  function runBlock(start: number, see?: (instruction: Instruction, state: MachineState) => void): void {
    const region = regions.at(start);
    const first = blocks.get(start);
    if (region === undefined || first === undefined) return;
    const isWeak = weakBlocks.has(start);
    const state = first.clone();
    let at = start;
    let call: number | undefined;
    let compare: Instruction | undefined;
    let before: Instruction | undefined;
    while (!exhausted && !regions.exhausted) {
      if (at >= region.end) {
        if (before !== undefined && see === undefined) fallOut(before, at, state, call);
        return;
      }
      if (at !== start && leaders.has(at)) {
        if (before !== undefined && see === undefined) fallInto(before.at, at, state, call);
        return;
      }
      if (isWeak && reached.has(at)) return;
      const instruction = map.instructionAt(at);
      if (instruction === undefined) return;
      if (see !== undefined) see(instruction, state);
      else if (weak) ownWeak.add(at);
      else reached.add(at);
      if (see === undefined && ++steps > STEPS) {
        exhausted = true;
        return;
      }
      const next = at + instruction.length;
      const { target } = instruction;
      before = instruction;
      switch (instruction.flow) {
        case 'next':
          apply(context, state, instruction);
          if (instruction.mnemonic !== 'nop') call = undefined;
          break;
        case 'interrupt':
          if (instruction.mnemonic === 'int3' && isPaddingAt(next, region.end)) return;
          apply(context, state, instruction);
          call = undefined;
          break;
        case 'call':
          if (isPushOfNext(map.image, next, target)) {
            push(context, state, constant(next), wordSize);
            call = undefined;
            break;
          }
          if (deadCalls.has(at)) {
            applyCall(map, state, target, target === undefined ? 0 : calleePop(map, target), next);
            if (see === undefined && !afterDead.has(next)) afterDead.set(next, state.clone());
            return;
          }
          applyCall(map, state, target, target === undefined ? 0 : calleePop(map, target), next);
          call = at;
          break;
        case 'indirect-call':
          indirectCalls.add(at);
          applyCall(map, state, undefined, options.popsWord.has(at) ? wordSize : 0, next);
          call = undefined;
          break;
        case 'jump':
          if (see !== undefined || target === undefined) return;
          if (!isTailTarget(target, state)) barriers.set(next, state.clone());
          transferTo(at, target, 'jump', state);
          return;
        case 'branch': {
          apply(context, state, instruction);
          const taken = state.clone();
          if (instruction.mnemonic === 'je') refineByComparison(set, compare, taken);
          if (see === undefined && target !== undefined) transferTo(at, target, 'branch', taken);
          if (instruction.mnemonic === 'jne') refineByComparison(set, compare, state);
          call = undefined;
          break;
        }
        case 'indirect-jump':
          if (see === undefined) indirectJump(instruction, state);
          return;
        case 'return':
        case 'interrupt-return':
          if (see === undefined) endOfPath(instruction, state);
          return;
        case 'stop':
          if (see === undefined && instruction.mnemonic !== '(bad)') barriers.set(next, state.clone());
          return;
        default:
          instruction.flow satisfies never;
      }
      compare = instruction;
      at = next;
    }
  }

  function drain(): void {
    while (!exhausted && !regions.exhausted && !restart) {
      const next = queue.shift();
      if (next !== undefined) {
        queued.delete(next);
        runBlock(next);
        continue;
      }
      const [late] = delayed.values();
      if (late === undefined) return;
      delayed.delete(late.from);
      addEdge(late.from, late.to, late.state, late.call);
    }
  }

  const ownWeak = new Set<number>();
  /** The first instruction from here on that does something, where no path leads to it. */
  function behindPadding(from: number): number | undefined {
    let address = from;
    while (regions.ownAt(address) !== undefined && !reached.has(address)) {
      const instruction = map.instructionAt(address);
      if (instruction === undefined) return undefined;
      if (!paddings.has(instruction.mnemonic)) return address;
      address += instruction.length;
    }
    return undefined;
  }

  /** Code that only the way back from calls taken for dead leads to, and code behind jumps that nothing leads to. */
  function weakPass(seeds: ReadonlyMap<number, MachineState>): void {
    for (const [seed, state] of seeds) {
      const address = behindPadding(seed);
      if (address === undefined || ownWeak.has(address) || map.entryAt(address) !== undefined) continue;
      addEdge(-1, address, state, undefined);
      drain();
    }
  }

  addEdge(-1, fn.entry, entryState(), undefined);
  drain();
  if (!again && !restart && !exhausted) {
    weak = true;
    weakPass(afterDead);
    weakPass(barriers);
  }
  // Analyses are kept; what only this pass needed is not.
  for (const scratch of [edges, delayed, afterDead, barriers]) scratch.clear();
  exhausted ||= regions.exhausted;
  return {
    blocks,
    tailJumps: [...tailJumps.values()],
    indirectTails: [...indirectTails],
    unresolved: [...unresolved],
    tables: [...tables.values()],
    returns: [...returns],
    interruptReturns: [...interruptReturns],
    failed: [...failed.values()],
    indirectCalls: [...indirectCalls],
    deadCalls,
    visit: (see) => {
      for (const start of blocks.keys()) runBlock(start, (instruction, state) => see(instruction, state, weakBlocks.has(start)));
    },
    exhausted,
    again: (again || restart) && !exhausted,
  };
}
