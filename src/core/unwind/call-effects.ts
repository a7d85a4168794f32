/**
 * What a CALL does besides coming back: how much its callee pops, and the position-independent thunks.
 *
 * In: the callee's code. Out: bytes popped beyond the return address; the register a thunk sets. Refuses to guess: an unknown callee pops nothing.
 */
import type { CodeFunction, CodeMap } from './code-map.js';
import { registerPart } from './registers.js';
import { constant, type MachineState, SP, slotOf, unknown, type Value } from './values.js';

const pops = new WeakMap<CodeMap, Map<number, number>>();
/** Tail jumps followed from the callee on. */
const DEPTH = 8;

/** Bytes that the callee at `target` removes with `ret N`: i386 functions that return a struct (ABI supplement, 3-16) and stdcall. */
export function calleePop(map: CodeMap, target: number, depth = DEPTH): number {
  // No 64-bit convention in use has the callee pop.
  if (map.set.wordSize === 8 || depth === 0) return 0;
  let known = pops.get(map);
  if (known === undefined) {
    known = new Map();
    pops.set(map, known);
  }
  const before = known.get(target);
  if (before !== undefined) return before;
  known.set(target, 0);
  const popped = findPop(map, target, depth);
  known.set(target, popped);
  return popped;
}

function findPop(map: CodeMap, target: number, depth: number): number {
  const callee = map.entryAt(target) ?? map.functionAt(target);
  if (callee === undefined) return 0;
  const leaves: number[] = [];
  for (const instruction of map.sweep({ start: target, end: callee.body.end })) {
    if (instruction.mnemonic === 'ret') {
      const [amount] = instruction.operands;
      return amount?.kind === 'immediate' ? Number(amount.value) & 0xffff : 0;
    }
    if (instruction.flow === 'jump' && instruction.target !== undefined && map.entryAt(instruction.target) !== undefined) {
      if (instruction.target < callee.body.start || instruction.target >= callee.body.end) leaves.push(instruction.target);
    }
  }
  for (const leaf of leaves) {
    const popped = calleePop(map, leaf, depth - 1);
    if (popped !== 0) return popped;
  }
  return 0;
}

/** The register that `mov (%esp), %reg; ret` at `target` sets to the return address. */
export function thunkRegister(map: CodeMap, target: number): number | undefined {
  if (map.set.wordSize === 8) return undefined;
  const load = map.instructionAt(target);
  if (load?.mnemonic !== 'mov' || load.length !== 3) return undefined;
  const [to, from] = load.operands;
  if (to?.kind !== 'register' || from?.kind !== 'memory') return undefined;
  if (from.base !== 'esp' || from.index !== undefined || from.displacement !== 0n) return undefined;
  if (map.instructionAt(target + load.length)?.mnemonic !== 'ret') return undefined;
  return registerPart(to.register)?.index;
}

function afterCall(value: Value, register: number, callee: number | undefined): Value {
  if (callee === undefined) return unknown;
  if (value.kind === 'pointer') return { kind: 'survivor', base: value.base, offset: value.offset, callee, register };
  return value.kind === 'survivor' && value.callee === callee && value.register === register ? value : unknown;
}

/** Callees below callees that are looked into. */
const KEEP_DEPTH = 4;

/** Whether no instruction of the function, nor of those it calls or jumps to, writes the register. */
export function keepsRegister(map: CodeMap, callee: number, register: number, depth = KEEP_DEPTH): boolean {
  const fn = map.entryAt(callee);
  const name = map.set.names[register];
  if (fn === undefined || name === undefined || depth === 0) return false;
  for (const range of [fn.body, ...fn.cold]) {
    for (const instruction of map.sweep(range)) {
      if (instruction.writes.includes(name)) return false;
      const { flow, target } = instruction;
      if (flow === 'indirect-call' || flow === 'indirect-jump' || flow === 'interrupt') return false;
      const leaves = flow === 'call' || ((flow === 'jump' || flow === 'branch') && target !== undefined && !isInside(fn, target));
      if (leaves && (target === undefined || !keepsRegister(map, target, register, depth - 1))) return false;
    }
  }
  return true;
}

function isInside(fn: CodeFunction, address: number): boolean {
  return [fn.body, ...fn.cold].some((range) => address >= range.start && address < range.end);
}

/** After a call that came back: the convention's scratch registers are gone, and so is everything under SP. */
export function applyCall(map: CodeMap, state: MachineState, target: number | undefined, popped: number, next: number): void {
  const thunk = target === undefined ? undefined : thunkRegister(map, target);
  if (thunk !== undefined) {
    state.registers[thunk] = constant(next);
    return;
  }
  for (const index of map.set.callerSaved) state.registers[index] = afterCall(state.register(index), index, target);
  const { sp } = state;
  // Numbers in memory may have been changed through their address; saved registers and stack pointers are nobody else's.
  for (const [key, value] of state.slots) if (value.kind === 'constant') state.slots.delete(key);
  if (sp.kind !== 'pointer') return;
  state.forgetBelow(sp.base, sp.offset + popped);
  if (popped !== 0) state.registers[SP] = { kind: 'pointer', base: sp.base, offset: sp.offset + popped };
}

/** Where the entry value of a callee-saved register lies: nearest to the CFA, for later copies are arguments. */
export function savedAt(state: MachineState, register: number): { readonly baseId: number; readonly offset: number } | undefined {
  let best: number | undefined;
  for (const [key, value] of state.slots) {
    if (value.kind !== 'entry' || value.register !== register) continue;
    if (best === undefined || isNearer(key, best)) best = key;
  }
  return best === undefined ? undefined : slotOf(best);
}

function isNearer(a: number, b: number): boolean {
  const one = slotOf(a);
  const other = slotOf(b);
  if (one.baseId !== other.baseId) return one.baseId < other.baseId;
  return one.offset > other.offset;
}
