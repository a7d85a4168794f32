/**
 * The call stack of one crash: every frame with how it was found, and the reason why the walk ended.
 *
 * In: a crash and the images that may have run. Out: frames, innermost first, and exactly one stop reason. Refuses to invent: every return
 * address is proved by the CALL before it, or marked; what stale words suggest is never a frame.
 *
 * Order (docs/UNWINDING.md): the registers at the fault; then for each frame call-frame information, the code, the frame pointer,
 * hardware frames by the shape of the code; where the chain breaks, a search for the rest of it; then a scan with direct calls only.
 */
import { type FrameAddress, linkAddress, lookupAddress, type RuntimeAddress, runtimeAddress } from '../addresses.js';
import type { LoadedImage } from '../image/loaded-image.js';
import { limits } from '../limits.js';
import type { CpuCrash, Registers } from '../log/crash-log.js';
import type { Platform } from '../platform.js';
import { type Sentence, say } from '../sentence.js';
import { type AddressSpace, addressSpace, type CodePlace, type ReturnSite } from './address-space.js';
import { callEvidence } from './call-evidence.js';
import { describedTail, type Reach } from './call-sites.js';
import type { RegisterValues } from './caller.js';
import { type Recovered, type Search, scanForCaller, searchChain } from './chain-search.js';
import type { CodeFunction } from './code-map.js';
import type { Backtrace, Frame, FrameTrust, StopReason } from './frame.js';
import { nameOf, type Outcome, type Standing, stepOutward } from './outward.js';
import { SP } from './values.js';

/** A frame while the walk still adds to it. */
type Draft = { -readonly [Key in keyof Frame]: Frame[Key] } & { notes: Sentence[] };

export function walk(crash: CpuCrash, images: readonly LoadedImage[], platform: Pick<Platform, 'decode'>): Backtrace {
  const space = addressSpace(crash, images, platform.decode);
  const start = startOf(space, crash);
  const first = draftOf(space, start.standing, crash.registers);
  if (start.standing === undefined) return { frames: [first], stop: { kind: 'no-registers', missing: start.missing } };
  if (images.length === 0) return { frames: [first], stop: { kind: 'no-image' } };
  const frames: Draft[] = [first];
  const stop = follow(space, start.standing, frames);
  return { frames, stop };
}

/** Frame 0: the registers as printed, but the stack pointer that was interrupted. */
function startOf(space: AddressSpace, crash: CpuCrash): { readonly standing: Standing | undefined; readonly missing: readonly string[] } {
  const { set } = space;
  const { pc, interrupted, frameAt } = crash.fault;
  if (pc === undefined) return { standing: undefined, missing: [set.programCounter] };
  const registers = new Map<number, bigint>();
  set.names.forEach((name, index) => {
    const value = index === SP ? interrupted.sp : crash.registers.get(name);
    if (value !== undefined) registers.set(index, value);
  });
  return {
    standing: {
      address: { kind: 'instruction-pointer', at: pc },
      registers,
      trust: 'context',
      ...(frameAt === undefined ? {} : { slot: frameAt }),
    },
    missing: [],
  };
}

function namedRegisters(space: AddressSpace, registers: RegisterValues): Registers {
  const named = new Map<string, bigint>();
  for (const [index, value] of registers) {
    const name = space.set.names[index];
    if (name !== undefined) named.set(name, value);
  }
  return named;
}

function draftOf(space: AddressSpace, standing: Standing | undefined, printed?: Registers): Draft {
  const draft: Draft = {
    kind: 'call',
    trust: standing?.trust ?? 'context',
    synthetic: false,
    registers: standing === undefined ? (printed ?? new Map()) : namedRegisters(space, standing.registers),
    notes: [],
  };
  if (standing === undefined) return draft;
  draft.address = standing.address;
  if (standing.slot !== undefined) draft.slot = standing.slot;
  place(space, draft, standing.address);
  return draft;
}

function place(space: AddressSpace, draft: Draft, address: FrameAddress): void {
  const found = space.codeAt(lookupAddress(address));
  if (found === undefined) return;
  draft.image = found.image;
  draft.lookup = found.link;
}

function follow(space: AddressSpace, start: Standing, frames: Draft[]): StopReason {
  let standing = start;
  const search: Search = { steps: 0, barren: new Set() };
  /** Frames when the last break was bridged: a second break right behind it ends the walk, for nothing stands behind what was found. */
  let bridgedAt = -1;
  while (frames.length < limits.frames) {
    const current = frames[frames.length - 1];
    if (current === undefined) break;
    const outcome = stepOutward(space, standing);
    if (outcome.cfa !== undefined) current.cfa = outcome.cfa;
    switch (outcome.kind) {
      case 'bottom':
        return { kind: 'end-of-stack', detail: outcome.detail };
      case 'vm-exit':
        current.kind = 'vm-exit';
        current.guest = { registers: outcome.guest.registers, orderFrom: outcome.guest.orderFrom };
        current.notes.push(...outcome.guest.notes);
        return { kind: 'end-of-stack', detail: say`${outcome.name} is entered when a guest exits: below it lies the guest` };
      case 'hardware': {
        const { frame } = outcome;
        current.kind = 'exception';
        current.interrupted = {
          cs: frame.cs,
          flags: frame.flags,
          ...(frame.sp === undefined ? {} : { sp: frame.sp }),
          ...(frame.ss === undefined ? {} : { ss: frame.ss }),
          ...(frame.vector === undefined ? {} : { vector: frame.vector }),
        };
        standing = { address: { kind: 'instruction-pointer', at: frame.pc }, registers: frame.registers, trust: 'context', slot: frame.at };
        frames.push(draftOf(space, standing));
        if ((frame.cs & 3n) !== 0n)
          return { kind: 'end-of-stack', detail: say`the interrupted code ran in user mode, on a stack of its own` };
        break;
      }
      case 'caller':
        current.notes.push(...outcome.notes);
        standing = outcome.next;
        pushCaller(space, frames, current, standing, outcome.from, outcome.reach);
        break;
      case 'lost': {
        const above = searchStart(space, standing, outcome);
        const isHopeless = outcome.notInDump !== undefined || above === undefined || bridgedAt === frames.length;
        const recovered = isHopeless ? undefined : recover(space, search, above, outcome);
        if (recovered === undefined) return lostStop(space, frames, current, standing, outcome);
        current.notes.push(outcome.why);
        standing = recovered.next;
        pushRecovered(space, frames, current, recovered);
        bridgedAt = frames.length;
        break;
      }
      default:
        return outcome satisfies never;
    }
  }
  return { kind: 'frame-limit', limit: limits.frames };
}

type Lost = Extract<Outcome, { kind: 'lost' }>;

/** Words below SP are stale; a slot that was read and refused is passed over. */
function searchStart(space: AddressSpace, standing: Standing, lost: Lost): bigint | undefined {
  if (lost.refused !== undefined) return lost.refused.slot + BigInt(space.set.wordSize);
  return standing.registers.get(SP);
}

function recover(space: AddressSpace, search: Search, above: bigint, lost: Lost): Recovered | undefined {
  return searchChain(space, search, above, lost.inner, lost.framePointer) ?? scanForCaller(space, above, lost.inner);
}

function pushCaller(space: AddressSpace, frames: Draft[], inner: Draft, standing: Standing, from: ReturnSite, byCode: Reach): void {
  const trust = standing.trust;
  const described = byCode.how === 'tails' ? describedTail(from.place.depths, byCode) : undefined;
  const reach = described ?? byCode;
  if (reach.how === 'tail') pushTailFrames(frames, inner, trust, from, reach);
  const draft = draftOf(space, standing);
  draft.callVerified = true;
  const { evidence, notes } = callEvidence(from, reach);
  draft.callEvidence = evidence;
  draft.notes.push(...notes);
  if (described !== undefined)
    draft.notes.push(say`several chains of jumps lead from the called function to the frame inside: DWARF's call sites leave one`);
  if (reach.how === 'tails')
    draft.notes.push(say`several chains of jumps lead from the called function to the frame inside: one of them ran`);
  frames.push(draft);
}

/** Functions that ended in a jump left no frame; innermost first, as frames are. */
function pushTailFrames(
  frames: Draft[],
  inner: Draft,
  trust: FrameTrust,
  from: ReturnSite,
  { path, jumps }: Extract<Reach, { how: 'tail' }>,
): void {
  for (const [index, fn] of [...path.entries()].reverse()) {
    const jump = jumps[index];
    frames.push({
      kind: 'call',
      trust,
      synthetic: true,
      image: from.place.image,
      lookup: linkAddress(fn.entry),
      ...(jump === undefined ? {} : { jump }),
      registers: new Map(),
      ...(inner.cfa === undefined ? {} : { cfa: inner.cfa }),
      notes: [],
    });
  }
}

function pushRecovered(space: AddressSpace, frames: Draft[], inner: Draft, recovered: Recovered): void {
  const { next, from, reach } = recovered;
  if (reach !== undefined) {
    pushCaller(space, frames, inner, next, from, reach);
    frames[frames.length - 1]?.notes.push(say`found by searching the stack: its place does not follow from the frame inside`);
    return;
  }
  const { site, place: where } = from;
  const lost = site.target === undefined ? undefined : (where.map.entryAt(site.target) ?? where.map.functionAt(site.target));
  if (lost !== undefined) {
    frames.push({
      kind: 'call',
      trust: 'scan',
      synthetic: false,
      image: where.image,
      lookup: lost.entry,
      registers: new Map(),
      notes: [say`in ${nameOf(lost, { ...where, link: lost.entry })}: where in it is lost, its return address was overwritten`],
    });
  }
  const draft = draftOf(space, next);
  draft.callVerified = true;
  draft.callEvidence = say`every frame from here on fits, down to the bottom of the stack`;
  if (lost === undefined || !callsInner(from.place, lost, innerOf(space, inner))) {
    draft.notes.push(say`frames between this one and the frames inside may be missing`);
  }
  frames.push(draft);
}

/** The function of a frame, as far as a symbol or a call tells. */
function innerOf(space: AddressSpace, inner: Draft): number | undefined {
  const found = inner.address === undefined ? undefined : space.codeAt(lookupAddress(inner.address));
  return found?.map.functionAt(found.link)?.entry;
}

function callsInner({ map }: CodePlace, lost: CodeFunction, inner: number | undefined): boolean {
  if (inner === undefined) return false;
  return [lost.body, ...lost.cold].some((range) => map.sweep(range).some(({ flow, target }) => flow === 'call' && target === inner));
}

function lostStop(space: AddressSpace, frames: Draft[], current: Draft, standing: Standing, lost: Lost): StopReason {
  if (lost.zeroAtTop !== undefined) return { kind: 'end-of-stack', detail: lost.zeroAtTop };
  if (lost.notInDump !== undefined) return { kind: 'stack-not-in-dump', at: lost.notInDump };
  if (lost.noProgress !== undefined) return { kind: 'no-progress', at: lost.noProgress };
  if (!standing.registers.has(SP) && lost.cfa === undefined) return { kind: 'no-registers', missing: [space.set.stackPointer] };
  if (lost.inner === undefined && frames.length === 1) return { kind: 'no-image', at: standing.address.at };
  // Where control would have gone is a fact, though nothing proves that it came from there.
  if (lost.refused !== undefined && standing.trust !== 'scan' && space.codeAt(lost.refused.value) !== undefined) {
    const { slot, value } = lost.refused;
    current.notes.push(lost.why);
    frames.push(refusedFrame(space, slot, value));
  }
  return { kind: 'no-plausible-caller', tried: [...lost.tried, 'scan'], detail: lost.why };
}

function refusedFrame(space: AddressSpace, slot: RuntimeAddress, value: bigint): Draft {
  const address: FrameAddress = { kind: 'return-address', at: runtimeAddress(value) };
  const draft: Draft = {
    kind: 'call',
    trust: 'code',
    synthetic: false,
    address,
    slot,
    registers: new Map(),
    callVerified: false,
    notes: [],
  };
  place(space, draft, address);
  return draft;
}
