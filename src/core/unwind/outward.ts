/**
 * One step from a frame to the one that called, was interrupted, or exited into it.
 *
 * In: where the walk stands. Out: the next frame with the proof for it, a boundary, the bottom of the stack, or what was tried in vain.
 * Refuses to guess: a return address that no CALL of the right target precedes is not taken here.
 */
import { type FrameAddress, hex, linkAddress, type RuntimeAddress, runtimeAddress } from '../addresses.js';
import { type Sentence, say } from '../sentence.js';
import type { AddressSpace, CodePlace, InnerEntries, ReturnSite } from './address-space.js';
import { stepByTable, type TableStep } from './call-frame.js';
import type { Reach } from './call-sites.js';
import { beginsStack, type CodeStep, type RegisterValues, stepByCode } from './caller.js';
import type { CodeFunction } from './code-map.js';
import type { FrameTrust } from './frame.js';
import { type GuestRegisters, guestRegistersOf } from './guest-exit.js';
import { type HardwareFrame, hardwareFrameOf, interruptStubOffsets, neverLeaves } from './hardware-frame.js';
import type { StateAt } from './stack-depth.js';
import { FP, SP } from './values.js';

/** A frame as the walk sees it while it stands on it. */
export interface Standing {
  readonly address: FrameAddress;
  readonly registers: RegisterValues;
  readonly trust: FrameTrust;
  readonly slot?: RuntimeAddress;
}

export type Outcome =
  | {
      readonly kind: 'caller';
      readonly cfa?: RuntimeAddress;
      readonly next: Standing;
      readonly reach: Reach;
      readonly from: ReturnSite;
      readonly notes: readonly Sentence[];
    }
  | { readonly kind: 'hardware'; readonly cfa: RuntimeAddress; readonly frame: HardwareFrame }
  /** `name`: of the entry. */
  | { readonly kind: 'vm-exit'; readonly cfa: RuntimeAddress; readonly guest: GuestRegisters; readonly name: string }
  | { readonly kind: 'bottom'; readonly cfa?: RuntimeAddress; readonly detail: Sentence }
  | {
      readonly kind: 'lost';
      readonly cfa?: RuntimeAddress;
      /** Functions that this frame may be in. */
      readonly inner: InnerEntries;
      readonly tried: readonly FrameTrust[];
      readonly why: Sentence;
      /** The return address lies here, and the dump does not hold it. */
      readonly notInDump?: RuntimeAddress;
      /** CFA does not lie above SP. */
      readonly noProgress?: RuntimeAddress;
      /** Where the return address was read, and what was there. */
      readonly refused?: { readonly slot: RuntimeAddress; readonly value: bigint };
      /** Of the caller that is lost: what the frame inside saved. */
      readonly framePointer?: bigint;
      /** A return address of 0 in the last words: kernels mark the bottom so, but an overwritten stack may look alike. */
      readonly zeroAtTop?: Sentence;
    };

const toBigInt = BigInt;

export function nameOf(fn: CodeFunction | undefined, place: CodePlace | undefined): string {
  if (fn?.name !== undefined) return fn.name;
  const found = place?.map.image.symbolAt(place.link);
  if (found !== undefined) return found.symbol.name;
  return fn === undefined ? 'unknown code' : hex(fn.entry);
}

/** Entries of the functions that a frame may be in: those of its states, and of the symbol around it. */
export function innerEntries(space: AddressSpace, standing: Standing, states: readonly StateAt[]): InnerEntries {
  const { address } = standing;
  const place = space.codeAt(address.kind === 'return-address' ? address.at - 1n : address.at);
  if (place === undefined) return undefined;
  const entries = new Set<bigint>(states.map((state) => space.toRuntime(place, state.analysis.fn.entry)));
  const link = address.kind === 'return-address' ? linkAddress(place.link) : place.link;
  const owners = place.map.ownersOfCold(link);
  const around = owners.length > 0 ? owners : [place.map.functionAt(link)];
  if (entries.size === 0) for (const fn of around) if (fn !== undefined) entries.add(space.toRuntime(place, fn.entry));
  return entries;
}

function callerAt(
  space: AddressSpace,
  slot: bigint,
  trust: FrameTrust,
  registers: Map<number, bigint>,
  inner: InnerEntries,
): { readonly next: Standing; readonly reach: Reach; readonly from: ReturnSite } | undefined {
  const value = space.stack.wordAt(slot);
  const from = value === undefined ? undefined : space.returnSiteAt(value);
  const reach = from === undefined ? undefined : space.reaches(from, inner);
  if (value === undefined || from === undefined || reach === undefined) return undefined;
  registers.set(SP, slot + toBigInt(space.set.wordSize));
  const next: Standing = { address: { kind: 'return-address', at: runtimeAddress(value) }, registers, trust, slot: runtimeAddress(slot) };
  return { next, reach, from };
}

export function stepOutward(space: AddressSpace, standing: Standing): Outcome {
  const { address } = standing;
  const place = space.codeAt(address.kind === 'return-address' ? address.at - 1n : address.at);
  if (place === undefined) return outOfCode(space, standing);
  const states = space.statesAt(address.at, address.kind === 'return-address');
  const inner = innerEntries(space, standing, states);
  const table = stepByTable(space, place, standing.registers);
  const outcomes = states.map((from) => outwardByCode(space, standing, from, table, inner, place));
  // Stubs of different depth may share this code: the one whose caller passes is the one that ran.
  const proved = outcomes.find(({ kind }) => kind === 'caller' || kind === 'hardware');
  if (proved !== undefined) return proved;
  const byTable = table === undefined ? undefined : outwardByTable(space, standing, table, inner, place);
  if (byTable !== undefined) return byTable;
  const ended = outcomes.find(({ kind }) => kind !== 'lost');
  if (ended !== undefined) return ended;
  const failures = outcomes.flatMap((outcome) => (outcome.kind === 'lost' ? [outcome] : []));
  const tried: FrameTrust[] = failures.some(({ cfa }) => cfa !== undefined) ? ['code'] : [];
  if (table !== undefined) tried.unshift('cfi');
  const byFrame = outwardByFramePointer(space, standing, inner, states);
  if (byFrame !== undefined) return byFrame;
  if (standing.registers.has(FP)) tried.push('frame-pointer');
  if (states.length === 0 && address.kind === 'instruction-pointer') {
    // Data that is executed, or the middle of an instruction: the jump there may have left its return address at SP.
    const jumped = outOfCode(space, standing);
    if (jumped.kind !== 'lost') return jumped;
  }
  const [failure] = failures;
  if (failure !== undefined) return { ...failure, tried };
  const why = say`no path through ${nameOf(place.map.functionAt(place.link), place)} leads to this address`;
  return { kind: 'lost', inner, tried, why };
}

/** SP lies above the word that was pushed last: a frame address must lie above it. */
function isProgress(standing: Standing, cfa: bigint): boolean {
  const sp = standing.registers.get(SP);
  return sp === undefined || cfa > sp;
}

/** Call-frame information alone: no path leads here, or the code's own answer did not pass. */
function outwardByTable(
  space: AddressSpace,
  standing: Standing,
  table: TableStep,
  inner: InnerEntries,
  place: CodePlace,
): Outcome | undefined {
  const { cfa, slot } = table;
  if (slot === undefined) {
    const name = nameOf(place.map.functionAt(place.link), place);
    return { kind: 'bottom', cfa, detail: say`the call-frame information of ${name} says that nothing called it` };
  }
  if (!isProgress(standing, cfa)) return undefined;
  const found = callerAt(space, slot, 'cfi', new Map(table.registers), inner);
  return found === undefined ? undefined : { kind: 'caller', cfa, ...found, notes: [] };
}

function outwardByCode(
  space: AddressSpace,
  standing: Standing,
  from: StateAt,
  table: TableStep | undefined,
  inner: InnerEntries,
  place: CodePlace,
): Outcome {
  const { set, stack } = space;
  const word = toBigInt(set.wordSize);
  const step = stepByCode(set, from, standing.registers, stack);
  const name = nameOf(place.map.functionAt(place.link) ?? from.analysis.fn, place);
  if (step === undefined) {
    const base = beginsStack(from.state);
    if (base !== undefined) return { kind: 'bottom', detail: say`${name} loads the stack pointer: the stack begins here` };
    return { kind: 'lost', inner, tried: [], why: say`the depth of the stack in ${name} is not known here` };
  }
  const { cfa } = step;
  if (!isProgress(standing, cfa)) {
    return { kind: 'lost', cfa, inner, tried: [], why: say`the frame of ${name} does not lie above the one inside it`, noProgress: cfa };
  }
  if (interruptStubOffsets(from).length > 0) {
    const frame = hardwareFrameOf(space, step, standing.registers);
    if (frame !== undefined) return { kind: 'hardware', cfa, frame };
  }
  // Where both know a register, the code is right: tables place popped registers in memory that an exception has overwritten.
  const registers = new Map([...(table?.cfa === cfa ? table.registers : []), ...step.registers]);
  const found = callerAt(space, cfa - word, table?.cfa === cfa ? 'cfi' : 'code', registers, inner);
  if (found !== undefined) return { kind: 'caller', cfa, ...found, notes: [...notesOf(step, name), ...disagreement(step, table, name)] };
  if (step.otherCfa !== undefined && isProgress(standing, step.otherCfa)) {
    const other = callerAt(space, step.otherCfa - word, 'frame-pointer', new Map(step.registers), inner);
    if (other !== undefined) return { kind: 'caller', cfa: step.otherCfa, ...other, notes: notesOf(step, name) };
  }
  return withoutCaller(space, standing, step, inner, name);
}

/** Inline assembly that pushes without telling the compiler makes the table wrong; the code is not. */
function disagreement(step: CodeStep, table: TableStep | undefined, name: string): Sentence[] {
  if (table === undefined || table.cfa === step.cfa) return [];
  return [say`the code of ${name} puts its frame at ${hex(step.cfa)}, its call-frame information at ${hex(table.cfa)}`];
}

function notesOf(step: CodeStep, name: string): Sentence[] {
  const notes: Sentence[] = [];
  if (step.otherCfa !== undefined) {
    notes.push(say`the code of ${name} puts its frame at ${hex(step.cfa)}, the frame pointer at ${hex(step.otherCfa)}`);
  }
  if (step.from.analysis.failed.some((check) => check.what === 'stack-pointer')) {
    notes.push(say`the stack depth worked out for ${name} does not fit its own returns`);
  }
  if (step.from.analysis.popsWord.size > 0) {
    notes.push(say`in ${name} a call through a pointer was taken to pop its argument, since only so its returns fit`);
  }
  return notes;
}

/** Nothing that called it: entered by hardware, by a guest's exit, the first of all, or its return address is gone. */
function withoutCaller(space: AddressSpace, standing: Standing, step: CodeStep, inner: InnerEntries, name: string): Outcome {
  const { cfa, from } = step;
  const slot = runtimeAddress(cfa - toBigInt(space.set.wordSize));
  const value = space.stack.wordAt(slot);
  if (neverLeaves(from)) {
    const guest = guestRegistersOf(space, step, standing.registers, standing.address, name);
    if (guest !== undefined) return { kind: 'vm-exit', cfa, guest, name };
    const { map } = space.codeAt(standing.address.kind === 'return-address' ? standing.address.at - 1n : standing.address.at) ?? {};
    if (map !== undefined && !map.isEntered(from.analysis.fn.entry)) {
      const frame = hardwareFrameOf(space, step, standing.registers);
      if (frame !== undefined) return { kind: 'hardware', cfa, frame };
      return { kind: 'bottom', cfa, detail: say`${name} never returns and nothing calls it: the stack begins here` };
    }
  }
  if (value === undefined) {
    return { kind: 'lost', cfa, inner, tried: [], why: say`the return address of ${name} is not in the dump`, notInDump: slot };
  }
  const { range } = space.stack;
  const isTop = value === 0n && range !== undefined && slot + 8n * toBigInt(space.set.wordSize) >= range.end;
  const why = space.returnSiteAt(value) === undefined ? 'no CALL ends there' : 'the CALL before it goes elsewhere';
  return {
    kind: 'lost',
    cfa,
    inner,
    tried: [],
    why: say`the return address of ${name} would be ${hex(value)}, but ${[why]}`,
    refused: { slot, value },
    ...framePointerOf(step),
    ...(isTop ? { zeroAtTop: say`the return address of ${name} is 0, at the top of the stack` } : {}),
  };
}

function framePointerOf(step: CodeStep): { readonly framePointer?: bigint } {
  const framePointer = step.registers.get(FP);
  return framePointer === undefined ? {} : { framePointer };
}

function outwardByFramePointer(
  space: AddressSpace,
  standing: Standing,
  inner: InnerEntries,
  states: readonly StateAt[],
): Outcome | undefined {
  const fp = standing.registers.get(FP);
  if (fp === undefined || !isProgress(standing, fp)) return undefined;
  // Where the code is known and says that the register is no frame pointer, it is none.
  if (states.length > 0 && states.every(({ state }) => state.register(FP).kind === 'entry')) return undefined;
  const word = toBigInt(space.set.wordSize);
  const saved = space.stack.wordAt(fp);
  const registers = new Map<number, bigint>();
  if (saved !== undefined) registers.set(FP, saved);
  const found = callerAt(space, fp + word, 'frame-pointer', registers, inner);
  return found === undefined ? undefined : { kind: 'caller', cfa: runtimeAddress(fp + 2n * word), ...found, notes: [] };
}

/** PC in no image: a call through a bad pointer left its return address at SP, and no register was touched since. */
function outOfCode(space: AddressSpace, standing: Standing): Outcome {
  const sp = standing.registers.get(SP);
  const { at } = standing.address;
  const why = say`no image holds ${hex(at)}`;
  if (sp === undefined) return { kind: 'lost', inner: undefined, tried: [], why };
  const registers = new Map<number, bigint>();
  for (const index of space.set.calleeSaved) {
    const value = standing.registers.get(index);
    if (value !== undefined) registers.set(index, value);
  }
  const found = callerAt(space, sp, 'code', registers, undefined);
  if (found === undefined) {
    const framePointer = standing.registers.get(FP);
    return { kind: 'lost', inner: undefined, tried: ['code'], why, ...(framePointer === undefined ? {} : { framePointer }) };
  }
  return { kind: 'caller', cfa: runtimeAddress(sp + toBigInt(space.set.wordSize)), ...found, notes: [] };
}
