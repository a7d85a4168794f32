/**
 * The effect of one instruction on registers and stack slots.
 *
 * In: a state before an instruction. Out: the same object, after it. Refuses to guess: whatever is not followed exactly makes the
 * registers it writes unknown. Control flow is `control-flow.ts`'s; CALL and RET change nothing here.
 */
import type { Instruction, Operand } from '../platform.js';
import { addressOf, loaded, type Memory, operandValue, plus, sum, type TransferContext } from './operands.js';
import { type RegisterSet, registerPart } from './registers.js';
import { type Base, cfaBase, constant, FP, type MachineState, pointer, returnAddress, SP, slotKey, unknown, type Value } from './values.js';

const toNumber = Number;

/** Registers as a function finds them: SP one word under the CFA, where the return address lies. */
export function entryRegisters(set: RegisterSet): Value[] {
  return set.names.map((_, index): Value => (index === SP ? pointer(cfaBase, -set.wordSize) : { kind: 'entry', register: index }));
}

export function entrySlots(set: RegisterSet): Map<number, Value> {
  return new Map([[slotKey(cfaBase, -set.wordSize), returnAddress]]);
}

/** Whether a store through this operand is followed: through SP, or through the frame pointer where it is one. */
function isFollowed(context: TransferContext, operand: Memory, address: Value): boolean {
  if (operand.index !== undefined || operand.base === undefined || address.kind !== 'pointer') return false;
  const index = registerPart(operand.base)?.index;
  if (index === SP) return true;
  return index === FP && context.frames.has(slotKey(address.base, address.offset - toNumber(operand.displacement)));
}

function forget(context: TransferContext, state: MachineState, base: Base, offset: number, size: number): void {
  const key = slotKey(base, offset);
  for (let near = key - context.set.wordSize + 1; near < key + size; near++) state.slots.delete(near);
}

function keepsValue(value: Value): boolean {
  return value.kind === 'entry' || value.kind === 'pointer' || value.kind === 'constant' || value.kind === 'return-address';
}

export function storeAt(context: TransferContext, state: MachineState, base: Base, offset: number, size: number, value: Value): void {
  forget(context, state, base, offset, size);
  if (size === context.set.wordSize && keepsValue(value)) state.slots.set(slotKey(base, offset), value);
}

function store(context: TransferContext, state: MachineState, operand: Memory, value: Value): void {
  const address = addressOf(context, state, operand);
  if (address.kind !== 'pointer' || !isFollowed(context, operand, address)) return;
  storeAt(context, state, address.base, address.offset, operand.size === 0 ? context.set.wordSize : operand.size, value);
}

export function setStackPointer(state: MachineState, value: Value): void {
  const before = state.sp;
  state.registers[SP] = value;
  if (value.kind !== 'pointer') return;
  if (before.kind === 'pointer' && before.base === value.base && value.offset <= before.offset) return;
  state.forgetBelow(value.base, value.offset);
  if (value.base !== cfaBase) return;
  // Back at the CFA's own count: every other base lay below it.
  for (const key of state.slots.keys()) if (key >= slotKey({ id: 1, how: 'moved', at: 0 }, -(2 ** 31))) state.slots.delete(key);
}

/** SP becomes something that cannot be counted from where it was. */
export function rebase(context: TransferContext, state: MachineState, at: number, how: Base['how']): void {
  const base = context.baseAt(at, how);
  state.forgetBase(base);
  state.registers[SP] = pointer(base, 0);
}

export function push(context: TransferContext, state: MachineState, value: Value, size: number): void {
  const { sp } = state;
  if (sp.kind !== 'pointer') return;
  state.registers[SP] = pointer(sp.base, sp.offset - size);
  storeAt(context, state, sp.base, sp.offset - size, size, value);
}

export function pop(context: TransferContext, state: MachineState, size: number): Value {
  const { sp } = state;
  if (sp.kind !== 'pointer') return unknown;
  const value = size === context.set.wordSize ? (state.slots.get(slotKey(sp.base, sp.offset)) ?? unknown) : unknown;
  setStackPointer(state, pointer(sp.base, sp.offset + size));
  return value;
}

/** Bytes that PUSH and POP move: a word, or 2 with the operand-size prefix, which for segments and immediates shows in the length alone. */
function pushSize(context: TransferContext, instruction: Instruction, operand: Operand): number {
  const { wordSize } = context.set;
  switch (operand.kind) {
    case 'register':
      if (registerPart(operand.register) !== undefined) return operand.size === 2 ? 2 : wordSize;
      return instruction.length === (operand.register === 'fs' || operand.register === 'gs' ? 3 : 2) ? 2 : wordSize;
    case 'immediate':
      return instruction.length === 3 || instruction.length === 4 ? 2 : wordSize;
    case 'memory':
      return operand.size === 2 ? 2 : wordSize;
    case 'target':
      return wordSize;
    default:
      return operand satisfies never;
  }
}

function setRegister(context: TransferContext, state: MachineState, operand: Operand, value: Value, at: number): void {
  if (operand.kind !== 'register') return;
  const part = registerPart(operand.register);
  if (part === undefined) return;
  if (part.index === SP) {
    if (part.size === context.set.wordSize && value.kind === 'pointer') setStackPointer(state, value);
    else if (value.kind === 'survivor' && context.keeps(value.callee, value.register))
      setStackPointer(state, pointer(value.base, value.offset));
    else rebase(context, state, at, 'loaded');
    return;
  }
  if (part.size === context.set.wordSize) state.registers[part.index] = value;
  // A 32-bit write clears the upper half: constants and table words survive it, nothing else that is followed here does.
  else if (part.size === 4 && (value.kind === 'constant' ? value.value >= 0 : value.kind === 'table-word')) {
    state.registers[part.index] = value;
  } else state.registers[part.index] = unknown;
}

function addSub(context: TransferContext, state: MachineState, instruction: Instruction, sign: 1 | -1): void {
  const [target, amount] = instruction.operands;
  if (target === undefined || amount === undefined) return;
  if (target.kind === 'memory') {
    store(context, state, target, unknown);
    return;
  }
  if (target.kind !== 'register' || target.size !== context.set.wordSize) {
    forgetWrites(context, state, instruction);
    return;
  }
  const old = operandValue(context, state, target);
  const change = operandValue(context, state, amount);
  const isStackPointer = registerPart(target.register)?.index === SP;
  if (isStackPointer && !(old.kind === 'pointer' && change.kind === 'constant')) {
    rebase(context, state, instruction.at, 'moved');
    return;
  }
  const value = sign === 1 ? sum(context, old, change) : change.kind === 'constant' ? plus(context, old, -change.value) : unknown;
  setRegister(context, state, target, value, instruction.at);
}

/** Every general register that the instruction writes becomes unknown. */
export function forgetWrites(context: TransferContext, state: MachineState, instruction: Instruction): void {
  for (const name of instruction.writes) {
    const part = registerPart(name);
    if (part === undefined) continue;
    if (part.index === SP) rebase(context, state, instruction.at, 'moved');
    else state.registers[part.index] = unknown;
  }
}

function isZero(operand: Operand | undefined): boolean {
  return operand?.kind === 'immediate' && operand.value === 0n;
}

/** Applies one instruction; of CALL, RET, jumps and branches only what they write besides SP and the return address. */
export function apply(context: TransferContext, state: MachineState, instruction: Instruction): void {
  const { operands, at } = instruction;
  const { wordSize } = context.set;
  const [first, second] = operands;
  switch (instruction.mnemonic) {
    case 'push':
      if (first !== undefined) {
        const size = pushSize(context, instruction, first);
        push(context, state, size === wordSize ? operandValue(context, state, first) : unknown, size);
      }
      return;
    case 'pop':
      if (first !== undefined) {
        const value = pop(context, state, pushSize(context, instruction, first));
        if (first.kind === 'memory') store(context, state, first, value);
        else setRegister(context, state, first, value, at);
      }
      return;
    case 'pushfq':
    case 'pushfd':
      push(context, state, unknown, wordSize);
      return;
    case 'popfq':
    case 'popfd':
      pop(context, state, wordSize);
      return;
    case 'pushf':
      push(context, state, unknown, 2);
      return;
    case 'popf':
      pop(context, state, 2);
      return;
    case 'pushad': {
      const before = state.registers.slice();
      for (const index of context.set.pushAll) push(context, state, before[index] ?? unknown, wordSize);
      return;
    }
    case 'popad':
      for (const index of [...context.set.pushAll].reverse()) {
        const value = pop(context, state, wordSize);
        if (index !== SP) state.registers[index] = value;
      }
      return;
    case 'mov':
      if (first === undefined || second === undefined) return;
      if (first.kind === 'memory') {
        store(context, state, first, operandValue(context, state, second));
        return;
      }
      {
        const value = operandValue(context, state, second);
        setRegister(context, state, first, value, at);
        if (isRegister(first, FP) && isRegister(second, SP) && value.kind === 'pointer')
          context.frames.add(slotKey(value.base, value.offset));
      }
      return;
    case 'lea':
      if (first === undefined || second?.kind !== 'memory') return;
      setRegister(context, state, first, addressOf(context, state, second), at);
      return;
    case 'add':
      addSub(context, state, instruction, 1);
      return;
    case 'sub':
      if (first?.kind === 'register' && second?.kind === 'register' && first.register === second.register) {
        setRegister(context, state, first, constant(0), at);
        return;
      }
      addSub(context, state, instruction, -1);
      return;
    case 'inc':
    case 'dec':
      if (first?.kind === 'register' && first.size === wordSize) {
        const amount = instruction.mnemonic === 'inc' ? 1 : -1;
        setRegister(context, state, first, plus(context, operandValue(context, state, first), amount), at);
        return;
      }
      break;
    case 'xor':
      if (first?.kind === 'register' && second?.kind === 'register' && first.register === second.register && first.size >= 4) {
        setRegister(context, state, first, constant(0), at);
        return;
      }
      if (first?.kind === 'memory' && isZero(second)) return;
      break;
    case 'and':
      if (isRegister(first, SP)) {
        rebase(context, state, at, 'aligned');
        return;
      }
      break;
    case 'or':
      // Probes and barriers (`orq $0, (%rsp)`, `lock orl $0, (%rsp)`, Clang's `xorq $0, (%rsp)`): the slot stays, often a saved register.
      if (first?.kind === 'memory' && isZero(second)) return;
      break;
    case 'leave': {
      const frame = state.register(FP);
      if (frame.kind === 'pointer') setStackPointer(state, frame);
      else rebase(context, state, at, 'loaded');
      state.registers[FP] = pop(context, state, wordSize);
      return;
    }
    case 'enter':
      push(context, state, state.register(FP), wordSize);
      if (state.sp.kind === 'pointer') {
        state.registers[FP] = state.sp;
        context.frames.add(slotKey(state.sp.base, state.sp.offset));
        const space = first?.kind === 'immediate' && isZero(second) ? toNumber(first.value) & 0xffff : undefined;
        if (space === undefined) rebase(context, state, at, 'moved');
        else state.registers[SP] = plus(context, state.sp, -space);
      }
      return;
    case 'xchg':
      if (first?.kind === 'register' && second?.kind === 'register') {
        const a = operandValue(context, state, first);
        const b = operandValue(context, state, second);
        setRegister(context, state, first, b, at);
        setRegister(context, state, second, a, at);
        return;
      }
      if (first?.kind === 'memory' && second !== undefined) {
        const value = loaded(context, state, first);
        store(context, state, first, operandValue(context, state, second));
        setRegister(context, state, second, value, at);
        return;
      }
      break;
    case 'movsxd':
      if (first?.kind === 'register' && second !== undefined) {
        const value = operandValue(context, state, second);
        setRegister(context, state, first, value.kind === 'table-word' && value.size === 4 ? value : unknown, at);
        return;
      }
      break;
    case 'cdqe': {
      const value = state.register(0);
      state.registers[0] = value.kind === 'table-word' && value.size === 4 ? value : unknown;
      return;
    }
    case 'call':
    case 'ret':
    case 'nop':
      return;
    default:
      break;
  }
  for (const operand of operands) {
    if (operand.kind === 'memory' && (operand.access === 'write' || operand.access === 'read-write'))
      store(context, state, operand, unknown);
  }
  forgetWrites(context, state, instruction);
}

function isRegister(operand: Operand | undefined, index: number): boolean {
  return operand?.kind === 'register' && registerPart(operand.register)?.index === index;
}
