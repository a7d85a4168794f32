/**
 * One step outward by what the code says: the CFA, the return address, and the registers of the caller.
 *
 * In: registers at an address and the states that may hold there. Out: where the caller is, as each state has it. Refuses to guess: a register
 * that neither stayed nor was saved is unknown, and so is a CFA that hangs on one.
 */
import { type RuntimeAddress, runtimeAddress } from '../addresses.js';
import type { StackMemory } from '../log/crash-log.js';
import { savedAt } from './call-effects.js';
import type { RegisterSet } from './registers.js';
import type { StateAt } from './stack-depth.js';
import { type Base, FP, type MachineState, SP, slotOf, type Value } from './values.js';

/** Registers by encoding number; absent is unknown. */
export type RegisterValues = ReadonlyMap<number, bigint>;

export interface CodeStep {
  readonly from: StateAt;
  readonly cfa: RuntimeAddress;
  /** What the CFA was counted from. */
  readonly by: 'stack-pointer' | 'frame-pointer' | 'register' | 'saved-pointer';
  /** The CFA that the frame pointer gives, where it gives one and it is another. */
  readonly otherCfa?: RuntimeAddress;
  /** Callee-saved registers as the caller has them. */
  readonly registers: RegisterValues;
}

const toBigInt = BigInt;
const { asUintN } = BigInt;

function wrap(set: RegisterSet, value: bigint): bigint {
  return asUintN(set.wordSize * 8, value);
}

/** Where a base lies: any register that points into it tells. */
export function baseAddress(set: RegisterSet, state: MachineState, registers: RegisterValues, baseId: number): bigint | undefined {
  for (const index of [SP, FP, ...set.calleeSaved, ...set.callerSaved]) {
    const held = state.register(index);
    const value = registers.get(index);
    if (value !== undefined && held.kind === 'pointer' && held.base.id === baseId) return wrap(set, value - toBigInt(held.offset));
  }
  return undefined;
}

function pointsAtCfa(value: Value): value is Extract<Value, { kind: 'pointer' }> {
  return value.kind === 'pointer' && value.base.id === 0;
}

/** The CFA by one register. */
function cfaBy(set: RegisterSet, state: MachineState, registers: RegisterValues, index: number): bigint | undefined {
  const held = state.register(index);
  const value = registers.get(index);
  return value !== undefined && pointsAtCfa(held) ? wrap(set, value - toBigInt(held.offset)) : undefined;
}

/** The CFA by a pointer that the function stored: realigned stacks keep it in a slot and nowhere else. */
function cfaBySlot(set: RegisterSet, state: MachineState, registers: RegisterValues, stack: StackMemory): bigint | undefined {
  for (const [key, held] of state.slots) {
    if (!pointsAtCfa(held)) continue;
    const { baseId, offset } = slotOf(key);
    if (baseId === 0) continue;
    const base = baseAddress(set, state, registers, baseId);
    const word = base === undefined ? undefined : stack.wordAt(wrap(set, base + toBigInt(offset)));
    if (word !== undefined) return wrap(set, word - toBigInt(held.offset));
  }
  return undefined;
}

export function stepByCode(set: RegisterSet, from: StateAt, registers: RegisterValues, stack: StackMemory): CodeStep | undefined {
  const { state } = from;
  const bySp = cfaBy(set, state, registers, SP);
  const byFp = cfaBy(set, state, registers, FP);
  let by: CodeStep['by'] = 'stack-pointer';
  let cfa = bySp;
  if (cfa === undefined) {
    by = 'frame-pointer';
    cfa = byFp;
  }
  if (cfa === undefined) {
    by = 'register';
    for (const index of [...set.calleeSaved, ...set.callerSaved]) cfa ??= cfaBy(set, state, registers, index);
  }
  if (cfa === undefined) {
    by = 'saved-pointer';
    cfa = cfaBySlot(set, state, registers, stack);
  }
  if (cfa === undefined) return undefined;
  return {
    from,
    cfa: runtimeAddress(cfa),
    by,
    ...(bySp !== undefined && byFp !== undefined && bySp !== byFp ? { otherCfa: runtimeAddress(byFp) } : {}),
    registers: callerRegisters(set, state, registers, cfa, stack, set.calleeSaved),
  };
}

/** Registers as they were at the function's entry: unchanged, or in the slot that holds them. */
export function callerRegisters(
  set: RegisterSet,
  state: MachineState,
  registers: RegisterValues,
  cfa: bigint,
  stack: StackMemory,
  wanted: readonly number[],
): Map<number, bigint> {
  const result = new Map<number, bigint>();
  for (const index of wanted) {
    const held = state.register(index);
    if (held.kind === 'entry' && held.register === index) {
      const value = registers.get(index);
      if (value !== undefined) {
        result.set(index, value);
        continue;
      }
      // not known any more, for the function inside may change it; but stubs push it before they call
    }
    const slot = savedAt(state, index);
    if (slot === undefined) continue;
    const base = slot.baseId === 0 ? cfa : baseAddress(set, state, registers, slot.baseId);
    const value = base === undefined ? undefined : stack.wordAt(wrap(set, base + toBigInt(slot.offset)));
    if (value !== undefined) result.set(index, value);
  }
  return result;
}

/** SP came from memory: here a stack begins. */
export function beginsStack(state: MachineState): Base | undefined {
  const { sp } = state;
  return sp.kind === 'pointer' && sp.base.how === 'loaded' ? sp.base : undefined;
}
