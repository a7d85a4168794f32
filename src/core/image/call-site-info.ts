/**
 * What the debug information says about the CALL before a return address.
 *
 * In: an image and a return address. Out: the function that the compiler meant, by name and entry, or that the call goes through a
 * pointer. `undefined` where there is no entry: at -O0, in assembly, without debug information.
 */
import { type LinkAddress, linkAddress } from '../addresses.js';
import {
  callSiteIndex,
  callSitesOf,
  describesAllTailCalls,
  tailCallsOf,
  type UnitCallSite,
  type UnitTailCall,
} from '../dwarf/call-sites.js';
import * as D from '../dwarf/constants.js';
import type { DebugInfo } from '../dwarf/debug-info.js';
import type { Image } from './image.js';
import { OpenedImage } from './open-image.js';

export interface CallSiteInfo {
  readonly returnAddress: LinkAddress;
  readonly isTailCall: boolean;
  /** Absent for a call through a pointer. `entries`: where that function begins; empty where it is not in this image. */
  readonly origin?: { readonly name: string; readonly entries: readonly LinkAddress[] };
  /** Offset of its entry in `.debug_info`. */
  readonly die: number;
}

/** The call site that returns to this address; one that is no tail call before others. */
export function callSiteAt(image: Image, returnAddress: LinkAddress): CallSiteInfo | undefined {
  if (!(image instanceof OpenedImage)) return undefined;
  return image.attempt('call site', () => {
    const debug = image.debugInfo;
    const open = debug?.unitAt(returnAddress - 1);
    if (debug === undefined || open === undefined) return undefined;
    const sites = callSitesOf(debug, open);
    let best: UnitCallSite | undefined;
    for (let index = callSiteIndex(sites, returnAddress); index >= 0 && sites[index]?.returnAddress === returnAddress; index++) {
      const site = sites[index];
      if (site !== undefined && (best === undefined || (best.isTailCall && !site.isTailCall))) best = site;
    }
    return best === undefined ? undefined : describe(image, debug, best);
  });
}

/** Call sites whose return address lies in (start, end]: those of the code from `start` to `end`. */
export function callSitesIn(image: Image, start: LinkAddress, end: LinkAddress): readonly CallSiteInfo[] {
  if (!(image instanceof OpenedImage)) return [];
  const found = image.attempt('call sites', () => {
    const debug = image.debugInfo;
    const open = debug?.unitAt(start);
    if (debug === undefined || open === undefined) return [];
    const sites = callSitesOf(debug, open).filter((site) => site.returnAddress > start && site.returnAddress <= end);
    return sites.map((site) => describe(image, debug, site));
  });
  return found ?? [];
}

function describe(image: OpenedImage, debug: DebugInfo, site: UnitCallSite): CallSiteInfo {
  const { origin, isTailCall, die } = site;
  const common = { returnAddress: linkAddress(site.returnAddress), isTailCall, die };
  if (origin === undefined) return common;
  const name = image.functionName(origin);
  if (name === undefined) return common;
  return { ...common, origin: { name, entries: entriesOf(image, debug, origin, name) } };
}

/** Every call that returns to this address, tail calls aside: copies of inlined code may give one CALL several entries. */
export function callsBefore(image: Image, returnAddress: LinkAddress): readonly CallSiteInfo[] {
  if (!(image instanceof OpenedImage)) return [];
  const found = image.attempt('call sites', () => {
    const debug = image.debugInfo;
    const open = debug?.unitAt(returnAddress - 1);
    if (debug === undefined || open === undefined) return [];
    const sites = callSitesOf(debug, open);
    const result: CallSiteInfo[] = [];
    for (let index = callSiteIndex(sites, returnAddress); index >= 0 && sites[index]?.returnAddress === returnAddress; index++) {
      const site = sites[index];
      if (site !== undefined && !site.isTailCall && result.length < MOST_CALLS) result.push(describe(image, debug, site));
    }
    return result;
  });
  return found ?? [];
}

/** Entries for one CALL that are looked at. */
const MOST_CALLS = 16;

/**
 * Whether the debug information denies that the function at `entry` is left for another by its instruction at `jump`: it describes every
 * tail call of this function, and none there.
 */
export function deniesTailCall(image: Image, entry: LinkAddress, jump: LinkAddress, length: number): boolean {
  if (!(image instanceof OpenedImage)) return false;
  const denied = image.attempt('tail calls', () => {
    const debug = image.debugInfo;
    const die = image.lookup(entry).functions.at(-1)?.die;
    const subprogram = debug === undefined || die === undefined ? undefined : debug.entry(die);
    if (debug === undefined || subprogram === undefined || !describesAllTailCalls(subprogram)) return false;
    const ranges = subprogram.ranges();
    if (ranges[0] !== entry || !ranges.some((start, place) => place % 2 === 0 && start <= jump && jump < (ranges[place + 1] ?? 0)))
      return false;
    const open = debug.unitOf(subprogram.offset);
    if (open === undefined) return false;
    const sites = tailCallsOf(debug, open);
    const isHere = (site: UnitTailCall) => site.at === jump || site.returnAddress === jump + length;
    const isNowhere = (site: UnitTailCall) => site.at === undefined && site.returnAddress === undefined;
    return !sites.some((site) => isHere(site) || isNowhere(site));
  });
  return denied ?? false;
}

/** Own code of the entry, of another entry that completes it in the same unit, else the symbols of its name. */
function entriesOf(image: OpenedImage, debug: DebugInfo, origin: number, name: string): LinkAddress[] {
  const own = debug.entry(origin)?.ranges()[0];
  if (own !== undefined) return [linkAddress(own)];
  const concrete = concreteOf(debug, origin);
  if (concrete !== undefined) return [linkAddress(concrete)];
  const entries = image.symbolsNamed(name).filter((symbol) => symbol.type === 'function' || symbol.type === 'notype');
  return [...new Set(entries.map((symbol) => symbol.address))];
}

const concretes = new WeakMap<DebugInfo, Map<number, ReadonlyMap<number, number>>>();

/** Start of the out-of-line code of an abstract subprogram, by the entries of its unit that refer to it. */
function concreteOf(debug: DebugInfo, origin: number): number | undefined {
  const open = debug.unitOf(origin);
  if (open === undefined) return undefined;
  let units = concretes.get(debug);
  if (units === undefined) {
    units = new Map();
    concretes.set(debug, units);
  }
  let starts = units.get(open.unit.offset);
  if (starts === undefined) {
    const found = new Map<number, number>();
    const subroutines = debug.subroutines(open);
    subroutines?.dies.forEach((die: number, index: number) => {
      if (subroutines.inlined[index] === 1) return;
      const entry = debug.entry(die);
      const start = entry?.ranges()[0];
      if (entry === undefined || start === undefined) return;
      for (const link of [D.DW_AT_abstract_origin, D.DW_AT_specification]) {
        const to = entry.has(link) ? entry.reference(link) : undefined;
        if (to !== undefined && !found.has(to)) found.set(to, start);
      }
    });
    starts = found;
    units.set(open.unit.offset, starts);
  }
  return starts.get(origin);
}
