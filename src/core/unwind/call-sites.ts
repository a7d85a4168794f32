/**
 * Is this word a return address, and can the CALL before it reach the function of the frame below?
 *
 * In: a link address and the function it would have to have called. Out: the call, and how it reaches. Refuses to guess: bytes that only look
 * like a CALL in the middle of an instruction are none, and a direct call reaches its target and what that jumps to, nothing else.
 */
import type { LinkAddress } from '../addresses.js';
import { linkAddress } from '../addresses.js';
import { deniesTailCall } from '../image/call-site-info.js';
import type { Image } from '../image/image.js';
import type { Decode } from '../platform.js';
import { type CodeFunction, type CodeMap, codeMapOf, isPushOfNext } from './code-map.js';
import type { TailJump } from './flow.js';
import type { StackDepths } from './stack-depth.js';

export interface CallSite {
  /** The CALL itself. */
  readonly at: LinkAddress;
  /** Of a direct call. */
  readonly target?: LinkAddress;
}

/** The shortest CALL is `ff /2` of 2 bytes, the longest carries prefixes, SIB and a 32-bit displacement. */
const SHORTEST = 2;
const LONGEST = 9;
/** Functions in a row that each end in a jump to the next; 3 were seen. */
const TAIL_DEPTH = 8;
/** Functions asked for their tail jumps in one search. */
const TAIL_SEARCH = 400;
/** Ways kept of one search. */
const MOST_PATHS = 8;

/** The CALL that ends exactly at `returnAddress`, where decoding from the beginning of its function meets one. */
export function callBefore(image: Image, returnAddress: LinkAddress, decode: Decode): CallSite | undefined {
  return callSiteBefore(codeMapOf(image, decode), returnAddress);
}

export function callSiteBefore(map: CodeMap, returnAddress: number): CallSite | undefined {
  if (!map.image.isCode(linkAddress(returnAddress - 1))) return undefined;
  for (const length of callLengths(map.image, returnAddress)) {
    const at = returnAddress - length;
    if (!map.isBoundary(at)) continue;
    const instruction = map.instructionAt(at);
    if (instruction?.length !== length) continue;
    if (instruction.flow !== 'call' && instruction.flow !== 'indirect-call') continue;
    const { target } = instruction;
    if (isPushOfNext(map.image, returnAddress, target)) return undefined;
    return { at: instruction.at, ...(target === undefined ? {} : { target }) };
  }
  return undefined;
}

/** Lengths at which the bytes before the address may be a CALL: a look that spares decoding whole functions for most words. */
function callLengths(image: Image, returnAddress: number): readonly number[] {
  let length = LONGEST;
  let bytes: Uint8Array | undefined;
  // at the very start of a section fewer bytes lie before
  for (; length >= SHORTEST && bytes === undefined; length--) bytes = image.bytesAt(linkAddress(returnAddress - length), length);
  if (bytes === undefined) return [];
  const found: number[] = [];
  for (let back = SHORTEST; back <= bytes.length; back++) {
    const opcode = bytes[bytes.length - back] ?? 0;
    const modrm = bytes[bytes.length - back + 1] ?? 0;
    const field = (modrm >> 3) & 7;
    const isCall = (opcode === 0xe8 && back === 5) || (opcode === 0x9a && back === 7) || (opcode === 0xff && (field === 2 || field === 3));
    // the opcode itself, and with one or two prefixes before it (REX, segment, NOTRACK)
    if (isCall) found.push(back, back + 1, back + 2);
  }
  return found.filter((back) => back <= LONGEST);
}

export type Reach =
  | { readonly how: 'direct' }
  /** Through functions that each end in a jump to the next; first the called one. Of each the jump that it left by, where it has only one there. */
  | { readonly how: 'tail'; readonly path: readonly CodeFunction[]; readonly jumps: readonly (LinkAddress | undefined)[] }
  /** Through tail jumps, by more than one way: some of them, or `areAll`. `inner`: where they lead. */
  | {
      readonly how: 'tails';
      readonly paths: readonly (readonly CodeFunction[])[];
      readonly areAll: boolean;
      readonly inner: ReadonlySet<number>;
    }
  /** The called function ends in a jump through a pointer, which can lead anywhere. */
  | { readonly how: 'indirect-tail'; readonly path: readonly CodeFunction[] }
  | { readonly how: 'indirect' };

/** How the call reaches a function that begins at one of `inner`; `undefined` where it cannot. */
export function reaches(depths: StackDepths, site: CallSite, inner: ReadonlySet<number>): Reach | undefined {
  const { target } = site;
  if (target === undefined) return { how: 'indirect' };
  if (inner.has(target)) return { how: 'direct' };
  const start = depths.map.entryAt(target) ?? depths.map.functionAt(target);
  if (start === undefined) return undefined;
  // a call into the middle of a function
  if (inner.has(start.entry) && start.entry !== target) return { how: 'direct' };
  const { paths, areAll } = tailPaths(depths, start, inner);
  const [first, second] = paths;
  if (first === undefined) return undefined;
  return second === undefined ? tailReach(depths, first, inner) : { how: 'tails', paths, areAll, inner };
}

function tailReach(depths: StackDepths, path: readonly CodeFunction[], inner: ReadonlySet<number>): Extract<Reach, { how: 'tail' }> {
  const jumps = path.map((_, index) => {
    const [only, other] = jumpsFrom(depths, path, index, inner);
    return only === undefined || other !== undefined ? undefined : linkAddress(only.at);
  });
  return { how: 'tail', path, jumps };
}

/** The jumps by which a function of the path leaves for the next. */
function jumpsFrom(depths: StackDepths, path: readonly CodeFunction[], index: number, inner: ReadonlySet<number>): readonly TailJump[] {
  const fn = path[index];
  const next = path[index + 1];
  if (fn === undefined) return [];
  return depths.analyze(fn).tailJumps.filter(({ target }) => (next === undefined ? inner.has(target) : target === next.entry));
}

/** The one way that the debug information does not deny; `undefined` where it leaves none or several. */
export function describedTail(depths: StackDepths, reach: Extract<Reach, { how: 'tails' }>): Extract<Reach, { how: 'tail' }> | undefined {
  const { paths, areAll, inner } = reach;
  // ways that were not found cannot be denied
  if (!areAll) return undefined;
  const { map } = depths;
  const isDenied = (fn: CodeFunction, { at, how }: TailJump): boolean => {
    // Compilers make conditional jumps of tail calls late, when their call sites are written down already.
    if (how === 'branch') return false;
    return deniesTailCall(map.image, fn.entry, linkAddress(at), map.instructionAt(at)?.length ?? 0);
  };
  const left = paths.filter((path) => path.every((fn, index) => jumpsFrom(depths, path, index, inner).some((jump) => !isDenied(fn, jump))));
  const [only, other] = left;
  return only === undefined || other !== undefined ? undefined : tailReach(depths, only, inner);
}

/** Of a jump to nowhere: whether the call can have led there, by itself or through a function that ends in a jump through a pointer. */
export function reachesAnywhere(depths: StackDepths, site: CallSite): Reach | undefined {
  if (site.target === undefined) return { how: 'indirect' };
  const start = depths.map.entryAt(site.target);
  if (start === undefined) return undefined;
  const seen = new Set<number>();
  const queue: (readonly CodeFunction[])[] = [[start]];
  for (let path = queue.shift(); path !== undefined && seen.size < TAIL_SEARCH; path = queue.shift()) {
    const last = path[path.length - 1];
    if (last === undefined || seen.has(last.entry) || path.length > TAIL_DEPTH) continue;
    seen.add(last.entry);
    const { indirectTails, tailJumps } = depths.analyze(last);
    if (indirectTails.length > 0) return { how: 'indirect-tail', path };
    for (const { target } of tailJumps) {
      const next = depths.map.entryAt(target);
      if (next !== undefined) queue.push([...path, next]);
    }
  }
  return undefined;
}

/** Ways without a loop from `start` to one of `inner`, over tail jumps; two are enough to know that it is not the only one. */
function tailPaths(
  depths: StackDepths,
  start: CodeFunction,
  inner: ReadonlySet<number>,
): { readonly paths: readonly (readonly CodeFunction[])[]; readonly areAll: boolean } {
  const found: (readonly CodeFunction[])[] = [];
  const barren = new Set<number>();
  let asked = 0;
  let areAll = true;
  const follow = (path: readonly CodeFunction[]): boolean => {
    const last = path[path.length - 1];
    if (last === undefined || barren.has(last.entry)) return false;
    if (path.length > TAIL_DEPTH || ++asked > TAIL_SEARCH) {
      areAll = false;
      return false;
    }
    let leads = false;
    for (const target of new Set(depths.analyze(last).tailJumps.map((jump) => jump.target))) {
      if (inner.has(target)) {
        found.push(path);
        leads = true;
        continue;
      }
      const next = depths.map.entryAt(target);
      if (next === undefined || path.some((one) => one.entry === next.entry)) continue;
      if (follow([...path, next])) leads = true;
      if (found.length > MOST_PATHS) {
        areAll = false;
        return true;
      }
    }
    if (!leads) barren.add(last.entry);
    return leads;
  };
  follow([start]);
  return { paths: found, areAll };
}
