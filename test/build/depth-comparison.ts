/**
 * Derived stack depth against what readelf said of call-frame information (`frame-table.ts`), at every instruction of every entry.
 *
 * In: a code map and the rows. Out: counts, and the instructions that differ. Two known faults of the compilers' own tables are not held
 * against the code, but counted (`explained`). Used by the tests and by the lab's run over the whole matrix.
 */
import type { LinkAddress } from '../../src/core/addresses.js';
import { Cursor } from '../../src/core/bytes/cursor.js';
import { dwarfRegisterName, type FrameRules } from '../../src/core/dwarf/frame.js';
import type { Image } from '../../src/core/image/image.js';
import type { Instruction } from '../../src/core/platform.js';
import { calleePop, savedAt } from '../../src/core/unwind/call-effects.js';
import type { CodeMap } from '../../src/core/unwind/code-map.js';
import { stackDepths } from '../../src/core/unwind/stack-depth.js';
import { type MachineState, sameValue, slotKey, unknown, type Value } from '../../src/core/unwind/values.js';
import { type FrameEntry, type FrameRow, rowAt } from './frame-table.js';

const { parseInt: toInteger } = Number;
const DW_OP_deref = 0x06;
const DW_OP_breg0 = 0x70;

export interface DepthCount {
  instructions: number;
  calls: number;
  /** CFA by an expression, which readelf does not print. */
  expressions: number;
  /** Those of them that were compared: `rulesAt`. */
  expressed: number;
  wrong: string[];
  unknown: string[];
  unreached: string[];
  wrongRegisters: string[];
  unknownRegisters: string[];
  /** Rows of the table that are known to be wrong: `popsUnseen`, `restoredEarly`. */
  explained: { poppedArguments: number; restoredEarly: number };
}

export type Verdict = 'equal' | 'wrong' | 'unknown' | 'expression';

export function emptyCount(): DepthCount {
  return {
    instructions: 0,
    calls: 0,
    expressions: 0,
    expressed: 0,
    wrong: [],
    unknown: [],
    unreached: [],
    wrongRegisters: [],
    unknownRegisters: [],
    explained: { poppedArguments: 0, restoredEarly: 0 },
  };
}

export function isPadding(instruction: Instruction): boolean {
  return /^(?:nop|int3|xchg ax, ax|data16 |lea (e?[sd]i), \[\1(?:\*1)?\]|lea esi, \[esi)/.test(instruction.text());
}

/** Clang's table mostly does not know that a callee popped: it is behind by as much until the next instruction makes up for it. */
function popsUnseen(map: CodeMap, before: Instruction | undefined): number {
  return before?.flow === 'call' && before.target !== undefined ? calleePop(map, before.target) : 0;
}

/** @param popped bytes by which the table is behind */
export function compareCfa(map: CodeMap, state: MachineState, row: FrameRow | undefined, popped: number): Verdict {
  const { set } = map;
  const rule = row?.cfa ?? `${set.stackPointer}+${set.wordSize}`;
  const [name = '', offset = ''] = rule.split('+');
  const index = set.names.indexOf(name);
  if (index < 0) return 'expression';
  const held = state.register(index);
  if (held.kind !== 'pointer' || held.base.id !== 0) return 'unknown';
  const wanted = toInteger(offset, 10) - (name === set.stackPointer ? popped : 0);
  return -held.offset === wanted ? 'equal' : 'wrong';
}

/** The slot that `DW_OP_bregN offset` names: all that compilers write for saved registers, and with `DW_OP_deref` behind it for CFAs. */
function slotNamed(map: CodeMap, state: MachineState, expression: Uint8Array): Value | undefined {
  const cursor = new Cursor(expression, 'expression', 0);
  const register = map.set.names.indexOf(dwarfRegisterName(map.set.arch, cursor.u8() - DW_OP_breg0) ?? '');
  const held = register < 0 ? unknown : state.register(register);
  const offset = cursor.sleb();
  if (cursor.left > 0) throw cursor.fail('unsupported', 'expression of a shape that no compiler of the fixtures writes');
  return held.kind === 'pointer' ? state.slots.get(slotKey(held.base, held.offset + offset)) : undefined;
}

/** @returns `expression` where the rules are none of the known shape */
export function compareCfaExpression(map: CodeMap, state: MachineState, rules: FrameRules | undefined): Verdict {
  if (rules?.cfa.kind !== 'expression' || rules.cfa.expression.at(-1) !== DW_OP_deref) return 'expression';
  const held = slotNamed(map, state, rules.cfa.expression.subarray(0, -1));
  if (held?.kind !== 'pointer' || held.base.id !== 0) return 'unknown';
  return held.offset === 0 ? 'equal' : 'wrong';
}

/** The entry value must lie where the expression says. */
function compareSlot(map: CodeMap, state: MachineState, rules: FrameRules, register: number): Verdict {
  for (const [number, rule] of rules.registers) {
    if (rule.kind !== 'expression' || dwarfRegisterName(map.set.arch, number) !== map.set.names[register]) continue;
    const held = slotNamed(map, state, rule.expression);
    if (held?.kind === 'entry' && held.register === register) return 'equal';
    // the register itself holds it, and the slot is free again
    if (held === undefined && sameValue(state.register(register), { kind: 'entry', register })) return 'equal';
    return held === undefined ? 'unknown' : 'wrong';
  }
  return 'equal';
}

function compareRegister(map: CodeMap, state: MachineState, row: FrameRow | undefined, register: number): 'equal' | 'wrong' | 'unknown' {
  const rule = row?.registers.get(map.set.names[register] ?? '') ?? 'u';
  const held = state.register(register);
  if (held.kind === 'entry' && held.register === register) return 'equal';
  const saved = savedAt(state, register);
  if (saved === undefined) return rule.startsWith('c') || rule === 'u' ? 'unknown' : 'equal';
  // `exp` and `vexp`: relative to an aligned frame, where the table has no plain offset
  if (!rule.startsWith('c')) return rule === 'u' ? 'wrong' : 'equal';
  return saved.baseId === 0 && saved.offset === toInteger(rule.slice(1), 10) ? 'equal' : 'wrong';
}

function hasExpressions(row: FrameRow | undefined): boolean {
  return row !== undefined && [...row.registers.values()].some((word) => word.endsWith('exp'));
}

/**
 * GCC 12 says of the register that holds the CFA of an aligned frame that it is restored one POP too early (i386 -Os, use_aligned): it
 * still points at the frame, and its entry value still lies on the stack.
 */
function restoredEarly(map: CodeMap, entry: FrameEntry, name: string): boolean {
  return name !== map.set.framePointer && entry.rows.some(({ cfa }) => cfa.startsWith(`${name}+`));
}

/**
 * @param byClang whether Clang compiled it: `popsUnseen`
 * @param rulesAt the rules of the same link with its table kept, whose expressions readelf does not print
 */
export function countDepths(
  image: Image,
  map: CodeMap,
  entries: readonly FrameEntry[],
  byClang: boolean,
  rulesAt: (at: LinkAddress) => FrameRules | undefined = () => undefined,
): DepthCount {
  const depths = stackDepths(map);
  const count = emptyCount();
  for (const entry of entries) {
    let before: Instruction | undefined;
    for (const instruction of map.sweep(entry)) {
      const where = `${instruction.at.toString(16)} ${image.symbolAt(instruction.at)?.symbol.name ?? ''} ${instruction.text()}`;
      const [found] = depths.statesAt(instruction.at);
      const popped = popsUnseen(map, byClang ? before : undefined);
      before = instruction;
      // a thunk exists to change its register
      if (where.includes('__x86.get_pc_thunk')) continue;
      if (found === undefined) {
        if (!isPadding(instruction)) count.unreached.push(where);
        continue;
      }
      count.instructions++;
      if (instruction.flow === 'call' || instruction.flow === 'indirect-call') count.calls++;
      const row = rowAt(entry, instruction.at);
      const plain = compareCfa(map, found.state, row, 0);
      const cfa = plain === 'wrong' && popped > 0 ? compareCfa(map, found.state, row, popped) : plain;
      if (cfa === 'wrong' || cfa === 'unknown') count[cfa].push(where);
      if (cfa === 'expression') count.expressions++;
      const rules = cfa === 'expression' || hasExpressions(row) ? rulesAt(instruction.at) : undefined;
      const expressed = cfa === 'expression' ? compareCfaExpression(map, found.state, rules) : 'equal';
      if (cfa === 'expression' && expressed !== 'expression') count.expressed++;
      if (expressed === 'wrong' || expressed === 'unknown') count[expressed].push(`${where}: expression`);
      if (cfa === 'equal' && plain === 'wrong') count.explained.poppedArguments++;
      for (const register of map.set.calleeSaved) {
        const plainly = compareRegister(map, found.state, row, register);
        const outcome = plainly === 'equal' && rules !== undefined ? compareSlot(map, found.state, rules, register) : plainly;
        const name = map.set.names[register] ?? '';
        if (outcome === 'wrong' && restoredEarly(map, entry, name)) count.explained.restoredEarly++;
        else if (outcome === 'wrong') count.wrongRegisters.push(`${where}: ${name}`);
        else if (outcome === 'unknown') count.unknownRegisters.push(`${where}: ${name}`);
      }
    }
  }
  return count;
}
