/**
 * What operands are worth: arithmetic on followed values, addresses, loads.
 *
 * In: a state and an operand. Out: its value. Refuses to guess: whatever is not followed exactly is unknown.
 */
import type { Operand } from '../platform.js';
import { type RegisterSet, registerPart } from './registers.js';
import { type Base, constant, type MachineState, pointer, slotKey, unknown, type Value } from './values.js';

/** What lasts over one function. */
export interface TransferContext {
  readonly set: RegisterSet;
  /** The base that this instruction makes, always the same object for the same place. */
  baseAt(at: number, how: Base['how']): Base;
  /**
   * Places that `mov fp, sp` made the frame pointer point to. Only through these (and through SP) do stores count: a pointer into an
   * array that a loop steps seems to hit saved registers on a path which is never taken.
   */
  readonly frames: Set<number>;
  /** Whether the function at this entry, and all that it calls, leaves the register alone. */
  keeps(callee: number, register: number): boolean;
}

const toNumber = Number;
const { isSafeInteger } = Number;

/** Constants below this are counts and offsets, not addresses of tables. */
const LOWEST_TABLE = 0x1000;

function fits(context: TransferContext, value: number): number {
  return context.set.wordSize === 4 ? value | 0 : value;
}

/** i386 arithmetic on constants is kept as unsigned addresses, like link addresses. */
function number(context: TransferContext, value: number): Value {
  if (!isSafeInteger(value)) return unknown;
  return constant(context.set.wordSize === 4 ? value >>> 0 : value);
}

/** `value + amount`. */
export function plus(context: TransferContext, value: Value, amount: number): Value {
  switch (value.kind) {
    case 'pointer':
      return pointer(value.base, value.offset + fits(context, amount));
    case 'constant':
      return number(context, value.value + amount);
    case 'indexed':
      return { kind: 'indexed', array: value.array + amount };
    case 'table-word':
      return value.size === 4 ? { kind: 'table-target', table: value.table, relativeTo: amount } : unknown;
    case 'unknown':
      return Math.abs(fits(context, amount)) >= LOWEST_TABLE ? { kind: 'indexed', array: amount } : unknown;
    case 'entry':
    case 'return-address':
    case 'survivor':
    case 'table-target':
      return amount === 0 ? value : unknown;
    default:
      return value satisfies never;
  }
}

export function sum(context: TransferContext, a: Value, b: Value): Value {
  if (b.kind === 'constant') return plus(context, a, b.value);
  if (a.kind === 'constant') return plus(context, b, a.value);
  return unknown;
}

export type Memory = Extract<Operand, { kind: 'memory' }>;

function registerValue(context: TransferContext, state: MachineState, name: string): Value {
  const part = registerPart(name);
  return part !== undefined && part.size === context.set.wordSize ? state.register(part.index) : unknown;
}

/** The address that a memory operand names. */
export function addressOf(context: TransferContext, state: MachineState, operand: Memory): Value {
  const displacement = toNumber(operand.displacement);
  if (operand.segment === 'fs' || operand.segment === 'gs') return unknown;
  if (operand.base === 'rip') return number(context, displacement);
  if (operand.base === undefined && operand.index === undefined) return number(context, displacement);
  const base = operand.base === undefined ? undefined : registerValue(context, state, operand.base);
  if (operand.index === undefined) return base === undefined ? unknown : plus(context, base, displacement);
  const index = operand.scale === 1 ? registerValue(context, state, operand.index) : unknown;
  if (base === undefined) return plus(context, index, displacement);
  // [base + index]: whichever of the two is the table's address, and in `lea` the sum of a constant and a table's word
  return plus(context, sum(context, base, index), displacement);
}

export function loaded(context: TransferContext, state: MachineState, operand: Memory): Value {
  const address = addressOf(context, state, operand);
  if (address.kind === 'pointer') {
    return operand.size === context.set.wordSize ? (state.slots.get(slotKey(address.base, address.offset)) ?? unknown) : unknown;
  }
  if (address.kind === 'indexed' && (operand.size === 4 || operand.size === 8)) {
    return { kind: 'table-word', table: fits32(context, address.array), size: operand.size };
  }
  return unknown;
}

function fits32(context: TransferContext, address: number): number {
  return context.set.wordSize === 4 ? address >>> 0 : address;
}

export function operandValue(context: TransferContext, state: MachineState, operand: Operand): Value {
  switch (operand.kind) {
    case 'register': {
      const part = registerPart(operand.register);
      if (part === undefined || part.size < 4) return unknown;
      const value = state.register(part.index);
      return part.size === context.set.wordSize || value.kind === 'table-word' || value.kind === 'constant' ? value : unknown;
    }
    case 'immediate':
      return number(context, toNumber(operand.value));
    case 'target':
      return constant(operand.target);
    case 'memory':
      return loaded(context, state, operand);
    default:
      return operand satisfies never;
  }
}
