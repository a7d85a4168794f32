/**
 * Where the chain goes on after it broke: a word further up from which everything fits, down to a known bottom.
 *
 * In: the place above which to look. Out: the call site found and how much stands behind it. Refuses to guess: a single word that looks
 * right proves nothing, for stale frames were real calls once; the whole chain behind it must pass.
 */
import { runtimeAddress } from '../addresses.js';
import type { AddressSpace, InnerEntries, ReturnSite } from './address-space.js';
import type { Reach } from './call-sites.js';
import { type Standing, stepOutward } from './outward.js';
import { FP, SP } from './values.js';

/** Words looked at; a frame larger than this holds an array that ran over anyway. */
const WORDS = 8192;
/** Frames that prove a candidate, whatever comes behind them: recursion that overflowed has no bottom within reach. */
const CHAIN = 256;
/** Frames followed for one crash, over all searches. */
const STEPS = 20_000;
/** Frames that must pass where the dump ends before a bottom is seen. */
const ENOUGH = 3;

export interface Recovered {
  readonly next: Standing;
  readonly from: ReturnSite;
  /** How the call reaches the frame inside, where it does: then no frame is missing between. */
  readonly reach?: Reach;
}

const toBigInt = BigInt;

function* candidates(space: AddressSpace, above: bigint): Generator<{ readonly slot: bigint; readonly from: ReturnSite }> {
  const { range } = space.stack;
  if (range === undefined) return;
  const word = toBigInt(space.set.wordSize);
  let slot = above < range.start ? range.start : above;
  for (let count = 0; count < WORDS && slot < range.end; count++, slot += word) {
    const value = space.stack.wordAt(slot);
    const from = value === undefined ? undefined : space.returnSiteAt(value);
    if (from !== undefined) yield { slot, from };
  }
}

/**
 * SP at a candidate follows from its slot. The frame pointer of the lost frame may be known, for the frame inside saved it: it is the caller's where
 * the lost frame left it alone, and points at the caller's where the lost frame made it its own.
 */
function standingAt(space: AddressSpace, slot: bigint, framePointer: bigint | undefined): Standing {
  const word = toBigInt(space.set.wordSize);
  const value = space.stack.wordAt(slot) ?? 0n; // candidates are words of the dump
  const registers = new Map([[SP, slot + word]]);
  const above = framePointer === slot - word ? space.stack.wordAt(framePointer) : framePointer;
  if (above !== undefined && above > slot) registers.set(FP, above);
  return {
    address: { kind: 'return-address', at: runtimeAddress(value) },
    registers,
    trust: 'scan',
    slot: runtimeAddress(slot),
  };
}

/** What the searches of one walk have learned. */
export interface Search {
  steps: number;
  /** Slots of frames from which no chain leads on. */
  readonly barren: Set<bigint>;
}

/** Whether every frame from here on passes, down to a bottom or to the end of a dump after enough of them. */
function holds(space: AddressSpace, start: Standing, search: Search): boolean {
  const passed: bigint[] = [];
  let standing = start;
  while (passed.length < CHAIN) {
    if (standing.slot !== undefined) {
      if (search.barren.has(standing.slot)) break;
      passed.push(standing.slot);
    }
    if (++search.steps > STEPS) return false;
    const outcome = stepOutward(space, standing);
    if (outcome.kind === 'bottom' || outcome.kind === 'vm-exit') return true;
    if (outcome.kind === 'caller') standing = outcome.next;
    else if (outcome.kind === 'hardware') {
      const { pc, registers, at } = outcome.frame;
      standing = { address: { kind: 'instruction-pointer', at: pc }, registers, trust: 'context', slot: at };
    } else {
      // Two frames that fit and end exactly where the dump ends have arrived at the top of the stack.
      const isTop = outcome.notInDump === space.stack.range?.end && passed.length > 1;
      if (outcome.notInDump !== undefined && (isTop || passed.length > ENOUGH)) return true;
      break;
    }
  }
  if (passed.length >= CHAIN) return true;
  for (const slot of passed) search.barren.add(slot);
  return false;
}

/** One frame alone at the very top of the dump: enough where the function that it called in turn calls the frame inside. */
function isLastLink(space: AddressSpace, next: Standing, { place, site }: ReturnSite, inner: InnerEntries): boolean {
  const called = site.target === undefined ? undefined : place.map.entryAt(site.target);
  if (inner === undefined || called === undefined) return false;
  const outcome = stepOutward(space, next);
  if (outcome.kind !== 'lost' || outcome.notInDump === undefined || outcome.notInDump !== space.stack.range?.end) return false;
  return place.map.sweep(called.body).some((instruction) => {
    const { at, flow, target } = instruction;
    return flow === 'call' && target !== undefined && space.reaches({ place, site: { at, target } }, inner) !== undefined;
  });
}

/** The lowest word at or above `above` that is a call site with a whole chain behind it. `framePointer`: of the lost frame, where known. */
export function searchChain(
  space: AddressSpace,
  search: Search,
  above: bigint,
  inner: InnerEntries,
  framePointer?: bigint,
): Recovered | undefined {
  for (const { slot, from } of candidates(space, above)) {
    if (search.steps > STEPS) return undefined;
    const next = standingAt(space, slot, framePointer);
    if (!holds(space, next, search) && !isLastLink(space, next, from, inner)) continue;
    const reach = inner === undefined ? undefined : space.reaches(from, inner);
    return { next, from, ...(reach === undefined || reach.how === 'indirect' ? {} : { reach }) };
  }
  return undefined;
}

/** The lowest word whose CALL reaches the inner function directly or by tail jumps: calls through pointers would lead anywhere. */
export function scanForCaller(space: AddressSpace, above: bigint, inner: InnerEntries): Recovered | undefined {
  if (inner === undefined) return undefined;
  for (const { slot, from } of candidates(space, above)) {
    const reach = space.reaches(from, inner);
    if (reach !== undefined && reach.how !== 'indirect') return { next: standingAt(space, slot, undefined), from, reach };
  }
  return undefined;
}
