/**
 * One step outward by call-frame information.
 *
 * In: registers at an address and the image that holds it. Out: the CFA, the slot of the return address, the caller's registers.
 * Refuses nothing loudly: a damaged table or an expression that asks for what is not known answers `undefined`.
 */
import { linkAddress, type RuntimeAddress, runtimeAddress } from '../addresses.js';
import { FormatError } from '../bytes/format-error.js';
import { type ExpressionFrame, evaluateValue } from '../dwarf/expression.js';
import { dwarfRegisterName, type FrameRules, type RegisterRule } from '../dwarf/frame.js';
import { frameRuleAt } from '../image/frame-rules.js';
import type { AddressSpace, CodePlace } from './address-space.js';
import type { RegisterValues } from './caller.js';
import type { RegisterSet } from './registers.js';

export interface TableStep {
  readonly cfa: RuntimeAddress;
  /** Absent where the table says that nothing called this function. */
  readonly slot?: RuntimeAddress;
  /** Callee-saved registers as the caller has them. */
  readonly registers: RegisterValues;
}

const toBigInt = BigInt;
const { asUintN } = BigInt;

function indexOf(set: RegisterSet, register: number): number {
  const name = dwarfRegisterName(set.arch, register);
  return name === undefined ? -1 : set.names.indexOf(name);
}

function expressionFrame(space: AddressSpace, registers: RegisterValues): ExpressionFrame {
  const { set, stack } = space;
  return {
    addressSize: set.wordSize,
    register: (register) => registers.get(indexOf(set, register)),
    memory: (address, size) => stack.read(address, size),
    cfa: () => undefined,
    frameBase: () => undefined,
    entryValue: () => undefined,
    parameterValue: () => undefined,
    relocate: (link) => link,
    indexedAddress: () => undefined,
    baseType: () => undefined,
  };
}

export function stepByTable(space: AddressSpace, place: CodePlace, registers: RegisterValues): TableStep | undefined {
  try {
    const rules = frameRuleAt(place.map.image, linkAddress(place.link));
    return rules === undefined ? undefined : applyRules(space, rules, registers);
  } catch (error) {
    // an expression that is damaged or too long: the other methods go on, and the frame's trust shows that no table was used
    if (error instanceof FormatError) return undefined;
    throw error;
  }
}

function applyRules(space: AddressSpace, rules: FrameRules, registers: RegisterValues): TableStep | undefined {
  const { set } = space;
  const wrap = (value: bigint): bigint => asUintN(set.wordSize * 8, value);
  const frame = expressionFrame(space, registers);
  const base = rules.cfa.kind === 'register' ? registers.get(indexOf(set, rules.cfa.register)) : evaluateValue(rules.cfa.expression, frame);
  if (base === undefined) return undefined;
  const cfa = wrap(rules.cfa.kind === 'register' ? base + toBigInt(rules.cfa.offset) : base);
  const saved = new Map<number, bigint>();
  for (const index of set.calleeSaved) {
    const number = dwarfNumberOf(set, index);
    const value = number === undefined ? undefined : valueBy(space, rules.registers.get(number), index, cfa, registers, frame);
    if (value !== undefined) saved.set(index, wrap(value));
  }
  const back = rules.registers.get(rules.returnAddressRegister);
  if (back === undefined || back.kind === 'undefined') return { cfa: runtimeAddress(cfa), registers: saved };
  if (back.kind !== 'offset') return undefined;
  return { cfa: runtimeAddress(cfa), slot: runtimeAddress(wrap(cfa + toBigInt(back.offset))), registers: saved };
}

function dwarfNumberOf(set: RegisterSet, index: number): number | undefined {
  for (let number = 0; number < set.names.length; number++) if (indexOf(set, number) === index) return number;
  return undefined;
}

/** DWARF 5 §6.4.1; a register without a rule keeps its value where the psABI has the callee save it. */
function valueBy(
  space: AddressSpace,
  rule: RegisterRule | undefined,
  index: number,
  cfa: bigint,
  registers: RegisterValues,
  frame: ExpressionFrame,
): bigint | undefined {
  const { set, stack } = space;
  if (rule === undefined) return registers.get(index);
  switch (rule.kind) {
    case 'undefined':
      return undefined;
    case 'same-value':
      return registers.get(index);
    case 'offset':
      return stack.wordAt(asUintN(set.wordSize * 8, cfa + toBigInt(rule.offset)));
    case 'value-offset':
      return cfa + toBigInt(rule.offset);
    case 'register':
      return registers.get(indexOf(set, rule.register));
    case 'expression': {
      const address = evaluateValue(rule.expression, frame, cfa);
      return address === undefined ? undefined : stack.wordAt(address);
    }
    case 'value-expression':
      return evaluateValue(rule.expression, frame, cfa);
    default:
      return rule satisfies never;
  }
}
