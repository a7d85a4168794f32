/**
 * Where paths end or go on in ways that the instruction alone does not tell.
 *
 * In: an instruction and the state before it. Out: what it jumps or returns to, and what a comparison with SP teaches. Refuses to guess: a value
 * that is not followed leads nowhere.
 */
import type { Instruction } from '../platform.js';
import type { CodeMap } from './code-map.js';
import { addressOf, type TransferContext } from './operands.js';
import { type RegisterSet, registerPart } from './registers.js';
import { setStackPointer } from './transfer.js';
import { cfaBase, type MachineState, pointer, SP, slotKey, unknown, type Value } from './values.js';

/** Nothing is on the stack but the return address. */
export function isAtEntryDepth(set: RegisterSet, state: MachineState): boolean {
  return state.sp.kind === 'pointer' && state.sp.base === cfaBase && state.sp.offset === -set.wordSize;
}

/** What `jmp reg` or `jmp [mem]` jumps to: a number, or a word of a table. */
export function jumpValue(context: TransferContext, state: MachineState, instruction: Instruction): Value {
  const { wordSize } = context.set;
  const [operand] = instruction.operands;
  if (operand?.kind === 'register') return state.register(registerPart(operand.register)?.index ?? -1);
  if (operand?.kind !== 'memory') return unknown;
  const address = addressOf(context, state, operand);
  if (address.kind !== 'indexed') return unknown;
  return { kind: 'table-word', table: wordSize === 4 ? address.array >>> 0 : address.array, size: wordSize };
}

function slotAtSp(set: RegisterSet, state: MachineState, words: number): Value {
  const { sp } = state;
  return sp.kind === 'pointer' ? (state.slots.get(slotKey(sp.base, sp.offset + words * set.wordSize)) ?? unknown) : unknown;
}

/** `ret`, `lret` and `iret` to an address that the function itself pushed: where they go on, with SP set as there; else `undefined`. */
export function returnTarget(map: CodeMap, state: MachineState, instruction: Instruction): number | undefined {
  const { set } = map;
  const { sp } = state;
  const target = slotAtSp(set, state, 0);
  if (sp.kind !== 'pointer' || target.kind !== 'constant' || map.instructionAt(target.value) === undefined) return undefined;
  if (instruction.flow === 'interrupt-return') {
    const pushed = set.wordSize === 8 ? slotAtSp(set, state, 3) : pointer(sp.base, sp.offset + 3 * set.wordSize);
    if (pushed.kind !== 'pointer') return undefined;
    setStackPointer(state, pushed);
  } else setStackPointer(state, pointer(sp.base, sp.offset + (instruction.mnemonic === 'retf' ? 2 : 1) * set.wordSize));
  return target.value;
}

/** `cmp sp, reg; jne loop`: where the loop ends both are equal, and the register knows better. */
export function refineByComparison(set: RegisterSet, compare: Instruction | undefined, state: MachineState): void {
  if (compare?.mnemonic !== 'cmp') return;
  const [a, b] = compare.operands;
  if (a?.kind !== 'register' || b?.kind !== 'register') return;
  const one = registerPart(a.register);
  const two = registerPart(b.register);
  if (one === undefined || two === undefined || one.size !== set.wordSize || two.size !== set.wordSize) return;
  if (one.index !== SP && two.index !== SP) return;
  const other = state.register(one.index === SP ? two.index : one.index);
  if (other.kind === 'pointer') setStackPointer(state, other);
}
