/**
 * The code of one image: where its functions begin and end, and its instructions, decoded as they are asked for.
 *
 * In: an image and a decoder. Out: functions by address, instructions by address. Refuses nothing: an address that is no code answers
 * `undefined`. Symbols are trusted for where functions begin; where they are missing, targets of direct calls are.
 */
import { type LinkAddress, linkAddress } from '../addresses.js';
import type { ElfSymbol, Image } from '../image/image.js';
import { limits } from '../limits.js';
import type { Decode, Instruction } from '../platform.js';
import { registers as amd64 } from './amd64.js';
import { registers as i386 } from './i386.js';
import type { RegisterSet } from './registers.js';

export interface CodeRange {
  readonly start: number;
  readonly end: number;
}

export interface CodeFunction {
  readonly entry: LinkAddress;
  /** Of the first symbol at the entry; absent where only a call points there. */
  readonly name?: string;
  /** From the entry to the end of the piece that the entry begins. */
  readonly body: CodeRange;
  /** Pieces elsewhere: `NAME.cold`. */
  readonly cold: readonly CodeRange[];
  /** A compiler wrote it, or an assembler who gave type and size: control does not fall out of its end. */
  readonly compiled: boolean;
}

export interface CodeMap {
  readonly image: Image;
  readonly set: RegisterSet;
  /** All functions by entry; without symbols those that a direct call names. */
  functions(): readonly CodeFunction[];
  /** The function that begins at exactly this address. */
  entryAt(address: number): CodeFunction | undefined;
  /** The function in whose body or cold part the address lies. */
  functionAt(address: number): CodeFunction | undefined;
  /** Functions to which a cold part at this address may belong; empty where the address is in no cold part. */
  ownersOfCold(address: number): readonly CodeFunction[];
  instructionAt(address: number): Instruction | undefined;
  /** The instructions of a range in order, as a linear sweep finds them. */
  sweep(range: CodeRange): readonly Instruction[];
  /** Whether a linear sweep from the beginning of the function around it meets an instruction here. */
  isBoundary(address: number): boolean;
  /** Targets of direct calls in the whole image. Decodes all of it at the first question, as does `isEntered`. */
  callTargets(): ReadonlySet<number>;
  /** Whether any code calls this address, or jumps there from another function. */
  isEntered(address: number): boolean;
}

/**
 * `call next`: how position-independent code learns where it is; it is not come back to. Where a function begins right there it is a
 * real call: clang puts one that never returns before its callee (fixtures/cases/traps-amd64-clang-Os-dw4).
 */
export function isPushOfNext(image: Image, next: number, target: number | undefined): boolean {
  if (target !== next) return false;
  const found = image.symbolAt(linkAddress(next));
  return found === undefined || found.offset !== 0 || found.symbol.type !== 'function';
}

const coldName = /\.cold(?:\.\d+)?$/;
/** Labels that assemblers and linkers make and that begin nothing: `.L3`, mapping symbols. */
const noEntryName = /^(?:\.L|\$|\.Ltmp)/;
/** Bytes decoded at a time where nothing says how long the code is. */
const WINDOW = 4096;
/** Bytes decoded at most for one question. */
const AHEAD = 16 * WINDOW;
/** Bytes of one function that are swept whole. */
const LARGEST = limits.functionInstructions * 15;
/** The longest instruction is 15 bytes (SDM vol. 2, 2.3.11). */
const LONGEST = 15;

const { floor } = Math;

/** Index of the last element whose key is at most `key`; -1 where there is none. */
function lastAtMost<T>(sorted: readonly T[], keyOf: (element: T) => number, key: number): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = floor((low + high) / 2);
    const element = sorted[middle];
    if (element !== undefined && keyOf(element) <= key) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

interface Extents {
  readonly functions: readonly CodeFunction[];
  readonly cold: readonly { readonly range: CodeRange; readonly parent: string }[];
}

function codeRanges(image: Image): CodeRange[] {
  return image.sections
    .filter((section) => section.executable && section.hasBytes && section.size > 0)
    .map((section) => ({ start: section.address, end: section.address + section.size }))
    .sort((a, b) => a.start - b.start);
}

/** Begins of functions by the symbol table: every typed one but cold parts, and labels outside them. */
function extentsOf(image: Image, ranges: readonly CodeRange[], extraEntries: Iterable<number>): Extents {
  const rangeAt = (address: number): CodeRange | undefined => {
    const range = ranges[lastAtMost(ranges, (one) => one.start, address)];
    return range !== undefined && address < range.end ? range : undefined;
  };
  const typed: ElfSymbol[] = [];
  const labels: ElfSymbol[] = [];
  const cold: { range: CodeRange; parent: string }[] = [];
  for (const symbol of image.symbols) {
    if (symbol.name === '' || noEntryName.test(symbol.name) || rangeAt(symbol.address) === undefined) continue;
    if (symbol.type === 'function' && coldName.test(symbol.name)) {
      if (symbol.size > 0) {
        cold.push({ range: { start: symbol.address, end: symbol.address + symbol.size }, parent: symbol.name.replace(coldName, '') });
      }
    } else if (symbol.type === 'function') (symbol.size > 0 ? typed : labels).push(symbol);
    else if (symbol.type === 'notype') labels.push(symbol);
  }
  const covered: CodeRange[] = [
    ...typed.map((symbol) => ({ start: symbol.address, end: symbol.address + symbol.size })),
    ...cold.map((part) => part.range),
  ];
  covered.sort((a, b) => a.start - b.start);
  /** The highest end of all ranges up to here: nested symbols are common in libraries. */
  const reach: number[] = [];
  for (const range of covered) reach.push(Math.max(range.end, reach[reach.length - 1] ?? -Infinity));
  const isCovered = (address: number): boolean => {
    const index = lastAtMost(covered, (one) => one.start, address);
    return index >= 0 && address < (reach[index] ?? -Infinity);
  };
  const begins = new Map<number, { name?: string; size: number }>();
  for (const symbol of typed) {
    const known = begins.get(symbol.address);
    if (known === undefined || symbol.size > known.size)
      begins.set(symbol.address, { name: known?.name ?? symbol.name, size: symbol.size });
  }
  for (const symbol of labels)
    if (!isCovered(symbol.address) && !begins.has(symbol.address)) begins.set(symbol.address, { name: symbol.name, size: 0 });
  for (const address of extraEntries)
    if (!isCovered(address) && !begins.has(address) && rangeAt(address) !== undefined) begins.set(address, { size: 0 });

  const coldByParent = new Map<string, CodeRange[]>();
  for (const part of cold) coldByParent.set(part.parent, [...(coldByParent.get(part.parent) ?? []), part.range]);
  const namesAt = new Map<number, string[]>();
  if (cold.length > 0) for (const symbol of typed) namesAt.set(symbol.address, [...(namesAt.get(symbol.address) ?? []), symbol.name]);

  const addresses = [...begins.keys()].sort((a, b) => a - b);
  const stops = [...addresses, ...cold.map((part) => part.range.start)].sort((a, b) => a - b);
  const functions = addresses.map((address): CodeFunction => {
    const begin = begins.get(address) ?? { size: 0 };
    const section = rangeAt(address)?.end ?? address;
    const next = stops[lastAtMost(stops, (one) => one, address) + 1] ?? section;
    const end = Math.min(section, begin.size > 0 ? address + begin.size : next);
    const parts = (namesAt.get(address) ?? []).flatMap((name) => coldByParent.get(name) ?? []);
    return {
      entry: linkAddress(address),
      ...(begin.name === undefined ? {} : { name: begin.name }),
      body: { start: address, end },
      cold: parts,
      compiled: begin.size > 0,
    };
  });
  return { functions, cold: cold.sort((a, b) => a.range.start - b.range.start) };
}

const maps = new WeakMap<Image, CodeMap>();

/** The code map of an image: one for each image, built at the first question. */
export function codeMapOf(image: Image, decode: Decode): CodeMap {
  const known = maps.get(image);
  if (known !== undefined) return known;
  const map = createCodeMap(image, decode);
  maps.set(image, map);
  return map;
}

function createCodeMap(image: Image, decode: Decode): CodeMap {
  const ranges = codeRanges(image);
  const instructions = new Map<number, Instruction>();
  let targets: ReadonlySet<number> | undefined;
  let hasCallTargets = false;
  const jumpedTo = new Set<number>();
  let extents = extentsOf(image, ranges, []);
  let entries = new Map(extents.functions.map((one) => [one.entry as number, one]));

  function rangeEnd(address: number): number | undefined {
    const range = ranges[lastAtMost(ranges, (one) => one.start, address)];
    return range !== undefined && address < range.end ? range.end : undefined;
  }

  /** Decodes from `from` until `to` or until what is already decoded, whichever comes first. */
  function decodeWindow(from: number, to: number): void {
    let at = from;
    while (at < to && !instructions.has(at)) {
      const end = rangeEnd(at);
      if (end === undefined) return;
      const stop = Math.min(to, end, at + WINDOW);
      const bytes = image.bytesAt(linkAddress(at), Math.min(end, stop + LONGEST) - at);
      if (bytes === undefined) return;
      const started = at;
      for (const instruction of decode(bytes, linkAddress(at), image.arch)) {
        if (instruction.at >= stop) break;
        if (instructions.has(instruction.at)) return;
        instructions.set(instruction.at, instruction);
        at = instruction.at + instruction.length;
      }
      if (at === started) return;
    }
  }

  function bodyAround(address: number): CodeRange | undefined {
    const index = lastAtMost(extents.functions, (one) => one.entry, address);
    // Nested symbols: the innermost that covers the address is the nearest one before it, or one of its neighbours.
    for (let back = index; back >= 0 && back > index - 4; back--) {
      const body = extents.functions[back]?.body;
      if (body !== undefined && address < body.end) return body;
    }
    const part = extents.cold[lastAtMost(extents.cold, (one) => one.range.start, address)];
    return part !== undefined && address < part.range.end ? part.range : undefined;
  }

  function instructionAt(address: number): Instruction | undefined {
    const known = instructions.get(address);
    if (known !== undefined) return known;
    decodeWindow(address, Math.min(bodyAround(address)?.end ?? address + WINDOW, address + AHEAD));
    return instructions.get(address);
  }

  function sweep(range: CodeRange): readonly Instruction[] {
    const found: Instruction[] = [];
    let at = range.start;
    while (at < range.end) {
      const instruction = instructionAt(at);
      if (instruction === undefined) break;
      found.push(instruction);
      at += instruction.length;
    }
    return found;
  }

  const boundaries = new Map<number, ReadonlySet<number>>();
  function isBoundary(address: number): boolean {
    const range = bodyAround(address) ?? gapAround(address);
    if (range === undefined) return false;
    if (range.end - range.start > LARGEST) {
      // Decoding x86 falls into step within a few instructions; a page is far more than enough.
      const from = Math.max(range.start, address - WINDOW);
      return sweep({ start: from, end: Math.min(range.end, address + 1) }).some((instruction) => instruction.at === address);
    }
    let known = boundaries.get(range.start);
    if (known === undefined) {
      known = new Set(sweep(range).map((instruction) => instruction.at));
      boundaries.set(range.start, known);
    }
    return known.has(address);
  }

  /** Code that no symbol covers begins where a call says, or behind the function before it. */
  function gapAround(address: number): CodeRange | undefined {
    if (rangeEnd(address) === undefined) return undefined;
    withCallTargets();
    return bodyAround(address);
  }

  function callTargets(): ReadonlySet<number> {
    if (targets !== undefined) return targets;
    const found = new Set<number>();
    const add = (range: CodeRange): void => {
      for (const instruction of sweep(range)) {
        const { flow, target } = instruction;
        if (target === undefined || (flow === 'call' && isPushOfNext(image, instruction.at + instruction.length, target))) continue;
        if (flow === 'call') found.add(target);
        else if (target < range.start || target >= range.end) jumpedTo.add(target);
      }
    };
    for (const range of ranges) {
      let at = range.start;
      for (const one of [...extents.functions.map((each) => each.body), ...extents.cold.map((each) => each.range)].sort(
        (a, b) => a.start - b.start,
      )) {
        if (one.start < range.start || one.start >= range.end) continue;
        if (one.start > at) add({ start: at, end: one.start });
        add(one);
        at = Math.max(at, one.end);
      }
      if (at < range.end) add({ start: at, end: range.end });
    }
    targets = found;
    return found;
  }

  /** Code that no symbol covers: begins where calls say. */
  function withCallTargets(): void {
    if (hasCallTargets) return;
    hasCallTargets = true;
    extents = extentsOf(image, ranges, callTargets());
    boundaries.clear();
    entries = new Map(extents.functions.map((one) => [one.entry as number, one]));
  }

  function covering(address: number): CodeFunction | undefined {
    const index = lastAtMost(extents.functions, (one) => one.entry, address);
    for (let back = index; back >= 0 && back > index - 4; back--) {
      const one = extents.functions[back];
      if (one !== undefined && address < one.body.end) return one;
    }
    return undefined;
  }

  function ownersOfCold(address: number): readonly CodeFunction[] {
    const part = extents.cold[lastAtMost(extents.cold, (one) => one.range.start, address)];
    if (part === undefined || address >= part.range.end) return [];
    return extents.functions.filter((one) => one.cold.includes(part.range));
  }

  return {
    image,
    set: image.arch === 'amd64' ? amd64 : i386,
    functions: () => {
      if (extents.functions.length === 0) withCallTargets();
      return extents.functions;
    },
    entryAt: (address) => entries.get(address),
    functionAt: (address) => {
      if (rangeEnd(address) === undefined) return undefined;
      const found = covering(address) ?? ownersOfCold(address)[0];
      if (found !== undefined) return found;
      withCallTargets();
      return covering(address);
    },
    ownersOfCold,
    instructionAt,
    sweep,
    isBoundary,
    callTargets,
    isEntered: (address) => callTargets().has(address) || jumpedTo.has(address),
  };
}
