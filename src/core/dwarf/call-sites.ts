/**
 * Call sites (DWARF 5 §3.4, and the older DW_TAG_GNU_call_site): which function a CALL was compiled to reach.
 *
 * In: debug information of one unit. Out: call sites sorted by return address, each with its function where the compiler named one.
 * Compilers write them at -O1 and above.
 */
import * as D from './constants.js';
import type { DebugInfo, OpenUnit } from './debug-info.js';
import type { Entry } from './entry.js';

export interface UnitCallSite {
  /** Address behind the CALL; of a tail call, behind the jump. */
  readonly returnAddress: number;
  readonly isTailCall: boolean;
  /** Offset of the called function's entry in `.debug_info`; absent where the call goes through a pointer. */
  readonly origin?: number;
  /** Offset of the call site's own entry, for its parameters. */
  readonly die: number;
}

const CALL_SITES: ReadonlySet<number> = new Set([D.DW_TAG_call_site, D.DW_TAG_GNU_call_site]);
const known = new WeakMap<OpenUnit, readonly UnitCallSite[]>();

export function callSitesOf(debug: DebugInfo, open: OpenUnit): readonly UnitCallSite[] {
  let sites = known.get(open);
  if (sites === undefined) {
    const found: UnitCallSite[] = [];
    debug.walk(open, CALL_SITES, (entry) => {
      const site = readCallSite(entry);
      if (site !== undefined) found.push(site);
    });
    sites = found.sort((one, other) => one.returnAddress - other.returnAddress);
    known.set(open, sites);
  }
  return sites;
}

function readCallSite(entry: Entry): UnitCallSite | undefined {
  const isGnu = entry.tag === D.DW_TAG_GNU_call_site;
  const returnAddress = entry.address(isGnu ? D.DW_AT_low_pc : D.DW_AT_call_return_pc);
  // Clang gives a tail call only the address of its jump, which tells nothing about who returns where.
  if (returnAddress === undefined) return undefined;
  const link = isGnu ? D.DW_AT_abstract_origin : D.DW_AT_call_origin;
  const origin = entry.has(link) ? entry.reference(link) : undefined;
  const isTailCall = entry.flag(isGnu ? D.DW_AT_GNU_tail_call : D.DW_AT_call_tail_call);
  return { returnAddress, isTailCall, die: entry.offset, ...(origin === undefined ? {} : { origin }) };
}

/** The first of the call sites that return to this address; -1 for none. */
export function callSiteIndex(sites: readonly UnitCallSite[], returnAddress: number): number {
  let low = 0;
  let high = sites.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((sites[middle]?.returnAddress ?? 0) < returnAddress) low = middle + 1;
    else high = middle;
  }
  return low < sites.length && sites[low]?.returnAddress === returnAddress ? low : -1;
}

/** What the caller passed: the callee's location at its entry, and an expression in the caller's frame (DWARF 5 §3.4.2). */
export interface CallSiteParameter {
  /** Absent for a parameter that the callee's copy no longer takes. */
  readonly location?: Uint8Array;
  /** Offset of the parameter's entry in `.debug_info`; absent where the location tells which it is. */
  readonly parameter?: number;
  readonly value: Uint8Array;
}

export function callSiteParameters(debug: DebugInfo, site: number): CallSiteParameter[] {
  const parameters: CallSiteParameter[] = [];
  for (const child of debug.children(site)) {
    const isGnu = child.tag === D.DW_TAG_GNU_call_site_parameter;
    if (!isGnu && child.tag !== D.DW_TAG_call_site_parameter) continue;
    const location = child.block(D.DW_AT_location);
    const value = child.block(isGnu ? D.DW_AT_GNU_call_site_value : D.DW_AT_call_value);
    if (value === undefined) continue;
    const link = isGnu ? D.DW_AT_abstract_origin : D.DW_AT_call_parameter;
    const parameter = child.has(link) ? child.reference(link) : undefined;
    parameters.push({ value, ...(location === undefined ? {} : { location }), ...(parameter === undefined ? {} : { parameter }) });
  }
  return parameters;
}

/** A jump by which a function is left for another (DW_AT_call_tail_call), by whichever of the two addresses the compiler gives. */
export interface UnitTailCall {
  /** The jump itself: Clang with DWARF 5. */
  readonly at?: number;
  /** Behind it: GCC, and both with DWARF 4. */
  readonly returnAddress?: number;
}

const knownTails = new WeakMap<OpenUnit, readonly UnitTailCall[]>();

export function tailCallsOf(debug: DebugInfo, open: OpenUnit): readonly UnitTailCall[] {
  const before = knownTails.get(open);
  if (before !== undefined) return before;
  const found: UnitTailCall[] = [];
  debug.walk(open, CALL_SITES, (entry) => {
    const isGnu = entry.tag === D.DW_TAG_GNU_call_site;
    if (!entry.flag(isGnu ? D.DW_AT_GNU_tail_call : D.DW_AT_call_tail_call)) return;
    const at = isGnu ? undefined : entry.address(D.DW_AT_call_pc);
    const returnAddress = entry.address(isGnu ? D.DW_AT_low_pc : D.DW_AT_call_return_pc);
    found.push({ ...(at === undefined ? {} : { at }), ...(returnAddress === undefined ? {} : { returnAddress }) });
  });
  knownTails.set(open, found);
  return found;
}

/** DWARF 5 §3.3.1.3: every tail call of the function has an entry. */
const ALL_TAIL_CALLS = [
  D.DW_AT_call_all_calls,
  D.DW_AT_call_all_source_calls,
  D.DW_AT_call_all_tail_calls,
  D.DW_AT_GNU_all_tail_call_sites,
  D.DW_AT_GNU_all_call_sites,
  D.DW_AT_GNU_all_source_call_sites,
];

export function describesAllTailCalls(subprogram: Entry): boolean {
  return ALL_TAIL_CALLS.some((attribute) => subprogram.flag(attribute));
}
