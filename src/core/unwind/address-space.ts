/**
 * What a walk sees: the dumped stack, and the code of the images at the places where they ran.
 *
 * In: a crash and loaded images. Out: what lies at a runtime address. Refuses nothing; an address that no image covers is `undefined`.
 */
import { type LinkAddress, type RuntimeAddress, runtimeAddress, toLink, toRuntime } from '../addresses.js';
import type { LoadedImage } from '../image/loaded-image.js';
import type { CpuCrash, StackMemory } from '../log/crash-log.js';
import type { Decode } from '../platform.js';
import { registers as amd64 } from './amd64.js';
import { type CallSite, callSiteBefore, type Reach, reaches, reachesAnywhere } from './call-sites.js';
import { type CodeMap, codeMapOf } from './code-map.js';
import { registers as i386 } from './i386.js';
import type { RegisterSet } from './registers.js';
import { type StackDepths, type StateAt, stackDepths } from './stack-depth.js';

export interface CodePlace {
  /** Index in the images handed to the walk. */
  readonly image: number;
  readonly link: LinkAddress;
  readonly bias: bigint;
  readonly map: CodeMap;
  readonly depths: StackDepths;
}

/** A return address with the CALL before it. */
export interface ReturnSite {
  readonly place: CodePlace;
  readonly site: CallSite;
}

/** Entries of the functions that a frame may be in, as runtime addresses; `undefined` where its code is not known. */
export type InnerEntries = ReadonlySet<bigint> | undefined;

export interface AddressSpace {
  readonly set: RegisterSet;
  readonly stack: StackMemory;
  codeAt(address: bigint): CodePlace | undefined;
  /** The CALL that ends at this address. */
  returnSiteAt(address: bigint): ReturnSite | undefined;
  /** States before the instruction at which a frame stands: the CALL for a return address. */
  statesAt(address: bigint, isReturnAddress: boolean): readonly StateAt[];
  /** How the call reaches one of the entries. */
  reaches(from: ReturnSite, inner: InnerEntries): Reach | undefined;
  toRuntime(place: CodePlace, link: number): RuntimeAddress;
}

export function addressSpace(crash: CpuCrash, images: readonly LoadedImage[], decode: Decode): AddressSpace {
  const { arch } = crash;
  const set = arch === 'amd64' ? amd64 : i386;
  // an image of the other width cannot have run
  const usable = images.map((loaded, index) => ({ loaded, index })).filter(({ loaded }) => loaded.image.arch === arch);

  function codeAt(address: bigint): CodePlace | undefined {
    for (const { loaded, index } of usable) {
      const link = toLink(runtimeAddress(address), loaded.bias);
      if (link === undefined || !loaded.image.isCode(link)) continue;
      const map = codeMapOf(loaded.image, decode);
      return { image: index, link, bias: loaded.bias, map, depths: stackDepths(map) };
    }
    return undefined;
  }

  function returnSiteAt(address: bigint): ReturnSite | undefined {
    // a CALL may be the last instruction of the section
    const inside = codeAt(address - 1n);
    if (inside === undefined) return undefined;
    const place = { ...inside, link: (inside.link + 1) as LinkAddress }; // the address itself, one after its last byte
    const site = callSiteBefore(place.map, place.link);
    return site === undefined ? undefined : { place, site };
  }

  function statesAt(address: bigint, isReturnAddress: boolean): readonly StateAt[] {
    if (isReturnAddress) {
      const found = returnSiteAt(address);
      return found === undefined ? [] : found.place.depths.statesAt(found.site.at);
    }
    const place = codeAt(address);
    if (place === undefined) return [];
    const states = place.depths.statesAt(place.link);
    if (states.length > 0) return states;
    // Traps leave the PC behind the instruction, where there may be nothing more to run: INT3 moves no register.
    const before = place.map.isBoundary(place.link - 1) ? place.map.instructionAt(place.link - 1) : undefined;
    return before?.mnemonic === 'int3' ? place.depths.statesAt(before.at) : [];
  }

  function reach(from: ReturnSite, inner: InnerEntries): Reach | undefined {
    const { place, site } = from;
    if (inner === undefined) return reachesAnywhere(place.depths, site);
    const entries = new Set<number>();
    for (const entry of inner) {
      const link = toLink(runtimeAddress(entry), place.bias);
      if (link !== undefined) entries.add(link);
    }
    return reaches(place.depths, site, entries);
  }

  return {
    set,
    stack: crash.stack,
    codeAt,
    returnSiteAt,
    statesAt,
    reaches: reach,
    toRuntime: (place, link) => toRuntime(link as LinkAddress, place.bias, arch), // link addresses come from the same map
  };
}
