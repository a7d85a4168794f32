/**
 * Where the CPU's own exception frame lies in a dump.
 *
 * In: what the handler printed and the words it dumped. Out: the frame found by its values, never by an offset alone.
 * Refuses: to choose between two readings without a reason; the printed values then stand.
 *
 * Long mode pushes SS, RSP, RFLAGS, CS, RIP and maybe an error code, with RSP aligned to 16 first (SDM vol. 3, 6.14.2);
 * i386 at the same privilege pushes EFLAGS, CS, EIP and maybe an error code (6.12.1). XMHF's amd64 stub saved RSP too low
 * until e836829f2 (2021-12-20), so those builds print saved registers in place of CS:RIP and RFLAGS.
 */
import { type Arch, wordSize } from '../addresses.js';
import type { StackMemory } from './crash-log.js';

export interface PrintedFrame {
  readonly cs?: bigint;
  readonly pc?: bigint;
  readonly flags?: bigint;
}

export interface HardwareFrame {
  readonly at: bigint;
  readonly cs: bigint;
  readonly pc: bigint;
  readonly flags: bigint;
  /** amd64 only. */
  readonly sp?: bigint;
  readonly ss?: bigint;
  /** The word below, where the dump holds it and the vector pushes one. */
  readonly errorCode?: bigint;
}

export interface FrameClues {
  readonly arch: Arch;
  readonly printed: PrintedFrame;
  /** The handler's own selectors, as printed. */
  readonly segments: ReadonlyMap<string, bigint>;
  readonly stackPointer?: bigint;
  readonly vector?: number;
  /** Where the runtime lies, from the log's lines. */
  readonly runtime?: { readonly start: bigint; readonly end: bigint };
}

/** Vectors that push an error code (SDM vol. 3, 6.13; #VC and #SX by AMD). */
const withErrorCode: ReadonlySet<number> = new Set([8, 10, 11, 12, 13, 14, 17, 21, 29, 30]);

export function pushesErrorCode(vector: number): boolean {
  return withErrorCode.has(vector);
}

/** RFLAGS: bit 1 is always set; 3, 5, 15 and 22 to 63 are always clear (SDM vol. 1, 3.4.3). */
export function plausibleFlags(flags: bigint): boolean {
  return (flags & 2n) !== 0n && (flags & ~0x3f7fd7n) === 0n;
}

/** XMHF has one code selector; where a dump does not show it, any but the null one may be it. */
function plausibleCode(cs: bigint, clues: FrameClues): boolean {
  const own = clues.segments.get('cs');
  return own === undefined ? cs > 3n && cs <= 0xffffn : cs === own;
}

/** False when the printed values cannot be those of any fault: a null CS, or flags that no CPU holds. What is missing is no reason. */
export function plausiblePrint({ cs, flags }: PrintedFrame): boolean {
  return (flags === undefined || plausibleFlags(flags)) && (cs === undefined || cs > 3n);
}

/** The frame at the printed stack pointer, when the words there can be one. */
export function frameAt(stack: StackMemory, at: bigint, clues: FrameClues): HardwareFrame | undefined {
  const step = BigInt(wordSize(clues.arch));
  const pc = stack.wordAt(at);
  const cs = stack.wordAt(at + step);
  const flags = stack.wordAt(at + 2n * step);
  if (pc === undefined || cs === undefined || flags === undefined) return undefined;
  const asPrinted = cs === clues.printed.cs && cs > 3n && pc === clues.printed.pc;
  if (!plausibleFlags(flags) || !(plausibleCode(cs, clues) || asPrinted)) return undefined;
  const below = clues.vector !== undefined && pushesErrorCode(clues.vector) ? stack.wordAt(at - step) : undefined;
  const code = below !== undefined && below <= 0xffff_ffffn ? { errorCode: below } : {};
  if (clues.arch === 'i386') return { at, pc, cs, flags, ...code };
  const sp = stack.wordAt(at + 3n * step);
  const ss = stack.wordAt(at + 4n * step);
  return { at, pc, cs, flags, ...code, ...(sp === undefined ? {} : { sp }), ...(ss === undefined ? {} : { ss }) };
}

/** True when the dump holds CS and flags there, and they cannot be those of a frame. A missing word is no reason. */
export function isNoFrame(stack: StackMemory, at: bigint, clues: FrameClues): boolean {
  const step = BigInt(wordSize(clues.arch));
  const cs = stack.wordAt(at + step);
  const flags = stack.wordAt(at + 2n * step);
  return cs !== undefined && flags !== undefined && !(plausibleFlags(flags) && plausibleCode(cs, clues));
}

/** Searches the dump upwards for a frame that is right in every part. amd64 only: i386 frames hold no stack pointer to check. */
export function searchFrame(stack: StackMemory, clues: FrameClues): HardwareFrame | undefined {
  if (clues.arch !== 'amd64' || stack.range === undefined) return undefined;
  const data = clues.segments.get('ss') ?? clues.segments.get('ds');
  for (const word of stack.words) {
    const frame = frameAt(stack, word.address, clues);
    if (frame?.sp === undefined || frame.ss === undefined) continue;
    const after = frame.at + 40n;
    const aligned = frame.sp >= after && frame.sp < after + 16n && frame.sp <= stack.range.end + 16n;
    if (!aligned || (data === undefined ? frame.ss === 0n || frame.ss > 0xffffn : frame.ss !== data)) continue;
    if (clues.runtime !== undefined && (frame.pc < clues.runtime.start || frame.pc >= clues.runtime.end)) continue;
    if (clues.runtime === undefined && (frame.pc < 0x1000n || (frame.pc >> 47n !== 0n && frame.pc >> 47n !== 0x1ffffn))) continue;
    return frame;
  }
  return undefined;
}
