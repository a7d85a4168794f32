/**
 * The pieces of code that one function runs through, and where its blocks begin.
 *
 * In: a function. Out: the piece around an address, opened at its first use: every direct target inside the open pieces begins a block.
 * Refuses to run on: too many or too large pieces exhaust the analysis.
 */
import { limits } from '../limits.js';
import type { CodeFunction, CodeMap, CodeRange } from './code-map.js';

export interface Regions {
  /** The piece around an address; `undefined` where there is no code. */
  at(address: number): CodeRange | undefined;
  /** The function's own piece around an address: its body or a cold part. */
  ownAt(address: number): CodeRange | undefined;
  isOpen(address: number): boolean;
  readonly exhausted: boolean;
}

/** Pieces of other functions that one may run into; assembly that shares code runs into two or three. */
const PIECES = 64;
/** The longest instruction. */
const LONGEST = 15;

export function inRanges(ranges: readonly CodeRange[], address: number): CodeRange | undefined {
  for (const range of ranges) if (address >= range.start && address < range.end) return range;
  return undefined;
}

/** `begin` is told of every address at which a block begins. */
export function createRegions(map: CodeMap, fn: CodeFunction, begin: (address: number) => void): Regions {
  const own: readonly CodeRange[] = [fn.body, ...fn.cold];
  const open: CodeRange[] = [];
  let exhausted = false;

  function openPiece(range: CodeRange): void {
    open.push(range);
    if (open.length > PIECES || range.end - range.start > limits.functionInstructions * LONGEST) {
      exhausted = true;
      return;
    }
    // Across pieces too: the one opened last may jump into those opened before it.
    for (const other of open) {
      for (const { flow, target } of map.sweep(other)) {
        if ((flow !== 'jump' && flow !== 'branch') || target === undefined) continue;
        if (other !== range && (target < range.start || target >= range.end)) continue;
        if (inRanges(open, target) !== undefined) begin(target);
      }
    }
  }

  function foreign(address: number): CodeRange | undefined {
    const other = map.functionAt(address);
    return other === undefined ? undefined : inRanges([other.body, ...other.cold], address);
  }

  return {
    at: (address) => {
      const known = inRanges(open, address);
      if (known !== undefined) return known;
      const range = inRanges(own, address) ?? foreign(address);
      if (range !== undefined) openPiece(range);
      return range;
    },
    ownAt: (address) => inRanges(own, address),
    isOpen: (address) => inRanges(open, address) !== undefined,
    get exhausted() {
      return exhausted;
    },
  };
}
