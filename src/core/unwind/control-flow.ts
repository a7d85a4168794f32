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
import { applyCall, calleePop, keepsRegister, savedAt } from './call-effects.js';
import type { CodeFunction, CodeMap, CodeRange } from './code-map.js';
import { boundOf, type JumpTable, readTable, tableOf } from './jump-tables.js';
import { registerPart } from './registers.js';
import { addressOf, apply, entryRegisters, entrySlots, push, setStackPointer, type TransferContext } from './transfer.js';
import { type Base, cfaBase, constant, joinInto, MachineState, pointer, SP, sameValue, slotKey, unknown, type Value } from './values.js';

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

interface Edge {
  state: MachineState;
  /** The call that comes back right before the join. */
  readonly call: number | undefined;
}

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
  const own: CodeRange[] = [fn.body, ...fn.cold];
  const regions: CodeRange[] = [];
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

  function inRanges(ranges: readonly CodeRange[], address: number): CodeRange | undefined {
    for (const range of ranges) if (address >= range.start && address < range.end) return range;
    return undefined;
  }

  /** Opens a piece of code: all its direct targets begin blocks. */
  function openRegion(range: CodeRange): void {
    if (regions.includes(range)) return;
    regions.push(range);
    if (range.end - range.start > limits.functionInstructions * 15) {
      exhausted = true;
      return;
    }
    // Across pieces too: the one opened last may jump into those opened before it.
    for (const other of regions) {
      for (const { flow, target } of map.sweep(other)) {
        if ((flow !== 'jump' && flow !== 'branch') || target === undefined || leaders.has(target)) continue;
        if (other !== range && (target < range.start || target >= range.end)) continue;
        if (inRanges(regions, target) === undefined) continue;
        leaders.add(target);
        if (reached.has(target)) again = true;
      }
    }
  }

  function regionAt(address: number): CodeRange | undefined {
    const open = inRanges(regions, address);
    if (open !== undefined) return open;
    const range = inRanges(own, address) ?? foreignRange(address);
    if (range !== undefined) openRegion(range);
    return range;
  }

  function foreignRange(address: number): CodeRange | undefined {
    const other = map.functionAt(address);
    if (other === undefined) return undefined;
    return inRanges([other.body, ...other.cold], address);
  }

  function isAtEntryDepth(state: MachineState): boolean {
    return state.sp.kind === 'pointer' && state.sp.base === cfaBase && state.sp.offset === -wordSize;
  }

  function isTailTarget(target: number, state: MachineState): boolean {
    return target !== fn.entry && map.entryAt(target) !== undefined && isAtEntryDepth(state);
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
    if (regionAt(to) === undefined) return;
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
    if (!weak && !admits(incoming, from, state, call)) return;
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

  /** False where the edge is a way back from a call that, as the others tell, never comes back. */
  function admits(incoming: ReadonlyMap<number, Edge>, from: number, state: MachineState, call: number | undefined): boolean {
    for (const [other, edge] of incoming) {
      if (other === from || (call === undefined && edge.call === undefined)) continue;
      if (!disagree(set.calleeSaved, edge.state, state)) continue;
      if (call !== undefined && (edge.call === undefined || isDead(call))) {
        deadCalls.add(call);
        return false;
      }
      if (edge.call !== undefined && (call === undefined || isDead(edge.call))) {
        deadCalls.add(edge.call);
        restart = true;
      }
    }
    return true;
  }

  function isDead(call: number): boolean {
    const target = map.instructionAt(call)?.target;
    return target !== undefined && options.neverReturns(target);
  }

  function check(state: MachineState, at: number): void {
    if (!isAtEntryDepth(state)) {
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

  function transferTo(at: number, target: number, how: 'jump' | 'branch', state: MachineState, call: number | undefined): void {
    if (isTailTarget(target, state)) tail(at, target, how, state);
    else addEdge(at, target, state, call);
  }

  function tableTargets(at: number, table: JumpTable): readonly number[] {
    if (!tables.has(table.address)) {
      tables.set(table.address, table);
      again = true;
    }
    const lands = (target: number): boolean => (inRanges(own, target) ?? inRanges(regions, target)) !== undefined && map.isBoundary(target);
    const range = regionAt(at);
    const before = range === undefined ? [] : map.sweep({ start: range.start, end: at });
    return readTable(image, table, lands, new Set(tables.keys()), boundOf(before));
  }

  function indirectJump(instruction: Instruction, state: MachineState): void {
    const [operand] = instruction.operands;
    let value: Value = unknown;
    if (operand?.kind === 'register') value = state.register(registerPart(operand.register)?.index ?? -1);
    else if (operand?.kind === 'memory') {
      const address = addressOf(context, state, operand);
      if (address.kind === 'indexed')
        value = { kind: 'table-word', table: wordSize === 4 ? address.array >>> 0 : address.array, size: wordSize };
    }
    if (value.kind === 'constant' && map.instructionAt(value.value) !== undefined) {
      transferTo(instruction.at, value.value, 'jump', state, undefined);
      return;
    }
    const table = tableOf(value);
    const targets = table === undefined ? [] : tableTargets(instruction.at, table);
    if (targets.length > 0) for (const target of targets) addEdge(instruction.at, target, state, undefined);
    else if (isAtEntryDepth(state)) indirectTails.add(instruction.at);
    else unresolved.add(instruction.at);
  }

  function slotAtSp(state: MachineState, words: number): Value {
    const { sp } = state;
    return sp.kind === 'pointer' ? (state.slots.get(slotKey(sp.base, sp.offset + words * wordSize)) ?? unknown) : unknown;
  }

  /** `ret`, `lret` and `iret` to an address that the function itself pushed go on there. */
  function returnTo(instruction: Instruction, state: MachineState): boolean {
    const target = slotAtSp(state, 0);
    if (target.kind !== 'constant' || map.instructionAt(target.value) === undefined) return false;
    const { sp } = state;
    if (sp.kind !== 'pointer') return false;
    if (instruction.flow === 'interrupt-return') {
      const pushed = wordSize === 8 ? slotAtSp(state, 3) : pointer(sp.base, sp.offset + 3 * wordSize);
      if (pushed.kind !== 'pointer') return false;
      setStackPointer(state, pushed);
    } else setStackPointer(state, pointer(sp.base, sp.offset + (instruction.mnemonic === 'retf' ? 2 : 1) * wordSize));
    transferTo(instruction.at, target.value, 'jump', state, undefined);
    return true;
  }

  function endOfPath(instruction: Instruction, state: MachineState): void {
    if (returnTo(instruction, state)) return;
    if (instruction.flow === 'interrupt-return') {
      interruptReturns.add(instruction.at);
      return;
    }
    if (!weak) check(state, instruction.at);
    returns.add(instruction.at);
  }

  /** `cmp sp, reg; jne loop`: where the loop ends both are equal. */
  function refine(compare: Instruction | undefined, state: MachineState): void {
    if (compare?.mnemonic !== 'cmp') return;
    const [a, b] = compare.operands;
    if (a?.kind !== 'register' || b?.kind !== 'register') return;
    const one = registerPart(a.register);
    const two = registerPart(b.register);
    if (one === undefined || two === undefined || one.size !== wordSize || two.size !== wordSize) return;
    if (one.index !== SP && two.index !== SP) return;
    const other = state.register(one.index === SP ? two.index : one.index);
    if (other.kind === 'pointer') setStackPointer(state, other);
  }

  function isPaddingAt(address: number, end: number): boolean {
    if (address >= end) return true;
    const next = map.instructionAt(address);
    return next === undefined || next.mnemonic === 'int3' || next.mnemonic === 'nop' || next.mnemonic === '(bad)';
  }

  function fallOut(instruction: Instruction, next: number, state: MachineState, call: number | undefined): void {
    // A compiled function's end is reached only behind a call that does not come back.
    const piece = inRanges(own, instruction.at);
    if (piece !== undefined ? fn.compiled : (map.functionAt(instruction.at)?.compiled ?? true)) return;
    if (isTailTarget(next, state)) tail(instruction.at, next, 'fall', state);
    else if (map.entryAt(next) !== undefined) addEdge(instruction.at, next, state, call);
  }

  function runBlock(start: number, see?: (instruction: Instruction, state: MachineState) => void): void {
    const region = regionAt(start);
    const first = blocks.get(start);
    if (region === undefined || first === undefined) return;
    const isWeak = weakBlocks.has(start);
    const state = first.clone();
    let at = start;
    let call: number | undefined;
    let compare: Instruction | undefined;
    let before: Instruction | undefined;
    while (!exhausted) {
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
          if (target === next) {
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
          transferTo(at, target, 'jump', state, undefined);
          return;
        case 'branch': {
          apply(context, state, instruction);
          const taken = state.clone();
          const equal = instruction.mnemonic === 'je';
          if (equal) refine(compare, taken);
          if (see === undefined && target !== undefined) transferTo(at, target, 'branch', taken, undefined);
          if (instruction.mnemonic === 'jne') refine(compare, state);
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
    while (!exhausted && !restart) {
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
  /** Code that only the way back from calls taken for dead leads to, and code behind jumps that nothing leads to. */
  function weakPass(seeds: ReadonlyMap<number, MachineState>): void {
    for (const [address, state] of seeds) {
      const region = inRanges(own, address);
      if (region === undefined || reached.has(address) || ownWeak.has(address) || map.entryAt(address) !== undefined) continue;
      const instruction = map.instructionAt(address);
      if (instruction === undefined || paddings.has(instruction.mnemonic)) continue;
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
