/**
 * Boundaries that no CALL made: frames that the CPU pushed.
 *
 * In: the state of an assembly stub. Out: what lies beyond it. Refuses to guess: the shape of the code says where a hardware frame lies, and its
 * values (PC in code, a selector, possible flags) must agree.
 */
import { type RuntimeAddress, runtimeAddress } from '../addresses.js';
import type { AddressSpace } from './address-space.js';
import { interruptedStackPointer as amd64StackPointer } from './amd64.js';
import { type CodeStep, callerRegisters, type RegisterValues } from './caller.js';
import { interruptedStackPointer as i386StackPointer } from './i386.js';
import type { RegisterSet } from './registers.js';
import type { StateAt } from './stack-depth.js';
import { cfaBase, SP, slotKey } from './values.js';

export interface HardwareFrame {
  /** Stack address of the word that holds the PC. */
  readonly at: RuntimeAddress;
  readonly pc: RuntimeAddress;
  readonly cs: bigint;
  readonly flags: bigint;
  readonly sp?: RuntimeAddress;
  readonly ss?: bigint;
  readonly vector?: number;
  /** General registers as the interrupted code had them, SP included. */
  readonly registers: RegisterValues;
}

const toBigInt = BigInt;
const { asUintN } = BigInt;

/** EFLAGS bit 1 is always 1; bits 3, 5, 15 and 22 to 31 always 0 (SDM vol. 1, 3.4.3). */
const FLAGS_ONE = 0x2n;
const FLAGS_ZERO = ~0x3f_7fd7n & 0xffff_ffff_ffff_ffffn;

function isSelector(value: bigint): boolean {
  return value > 3n && value <= 0xffffn;
}

function areFlags(value: bigint): boolean {
  return (value & FLAGS_ONE) !== 0n && (value & FLAGS_ZERO) === 0n;
}

/** Reads a hardware frame whose PC word lies at `at`; `undefined` where the values are none. */
export function hardwareFrameAt(
  space: AddressSpace,
  at: bigint,
): Pick<HardwareFrame, 'at' | 'pc' | 'cs' | 'flags' | 'sp' | 'ss'> | undefined {
  const { set, stack } = space;
  const word = toBigInt(set.wordSize);
  const pc = stack.wordAt(at);
  const cs = stack.wordAt(at + word);
  const flags = stack.wordAt(at + 2n * word);
  if (pc === undefined || cs === undefined || flags === undefined) return undefined;
  // the upper half of a pushed selector is undefined on i386
  if (!isSelector(set.arch === 'i386' ? cs & 0xffffn : cs) || !areFlags(flags)) return undefined;
  // A kernel that interrupts user code holds its stack in the frame on both CPUs; there is no image of user code.
  const fromUser = (cs & 3n) !== 0n;
  if (!fromUser && space.codeAt(pc) === undefined) return undefined;
  const inFrame = set.arch === 'amd64' || fromUser;
  const sp = inFrame && set.arch === 'i386' ? stack.wordAt(at + 3n * word) : stackPointer(set, at, (address) => stack.wordAt(address));
  const ss = inFrame ? stack.wordAt(at + 4n * word) : undefined;
  return {
    at: runtimeAddress(at),
    pc: runtimeAddress(pc),
    cs,
    flags,
    ...(sp === undefined ? {} : { sp: runtimeAddress(sp) }),
    ...(ss === undefined ? {} : { ss }),
  };
}

function stackPointer(set: RegisterSet, at: bigint, wordAt: (address: bigint) => bigint | undefined): bigint | undefined {
  return set.arch === 'amd64' ? amd64StackPointer(at, wordAt) : i386StackPointer(at, wordAt);
}

/** All general registers but SP. */
export const allRegisters = (set: RegisterSet): number[] => set.names.map((_, index) => index).filter((index) => index !== SP);

/** A stub that ends in IRET and never in RET: where its IRET finds the frame, counted from the CFA. */
export function interruptStubOffsets(from: StateAt): readonly number[] {
  const { analysis } = from;
  if (analysis.returns.length > 0 || analysis.interruptReturns.length === 0) return [];
  const offsets = new Set<number>();
  for (const at of analysis.interruptReturns) {
    const sp = analysis.stateBefore(at)?.state.sp;
    if (sp?.kind === 'pointer' && sp.base === cfaBase) offsets.add(sp.offset);
  }
  return [...offsets];
}

/** A function that neither returns nor jumps away: entered by hardware, or the first of all. */
export function neverLeaves(from: StateAt): boolean {
  const { returns, interruptReturns, tailJumps, indirectTails, unresolved, exhausted } = from.analysis;
  return (
    !exhausted &&
    returns.length === 0 &&
    interruptReturns.length === 0 &&
    indirectTails.length === 0 &&
    unresolved.length === 0 &&
    tailJumps.every((jump) => jump.target === from.analysis.fn.entry)
  );
}

export function hardwareFrameOf(space: AddressSpace, step: CodeStep, registers: RegisterValues): HardwareFrame | undefined {
  const { from, cfa } = step;
  const { set } = space;
  let offsets = interruptStubOffsets(from);
  // A stub that never goes back: the frame lies where the return address would, or one word on, behind an error code.
  if (offsets.length === 0 && neverLeaves(from)) offsets = [-set.wordSize, 0];
  for (const offset of offsets) {
    const frame = hardwareFrameAt(space, asUintN(64, cfa + toBigInt(offset)));
    if (frame === undefined) continue;
    const saved = callerRegisters(set, from.state, registers, cfa, space.stack, allRegisters(set));
    if (frame.sp !== undefined) saved.set(SP, frame.sp);
    const vector = vectorOf(set, from);
    return { ...frame, ...(vector === undefined ? {} : { vector }), registers: saved };
  }
  return undefined;
}

/** The number that the stub hands to its handler: the first argument, where it is a constant that can be a vector. */
function vectorOf(set: RegisterSet, from: StateAt): number | undefined {
  const { state } = from;
  const { sp } = state;
  const first = set.arch === 'amd64' ? state.register(7) : sp.kind === 'pointer' ? state.slots.get(slotKey(sp.base, sp.offset)) : undefined;
  return first?.kind === 'constant' && first.value >= 0 && first.value < 256 ? first.value : undefined;
}
