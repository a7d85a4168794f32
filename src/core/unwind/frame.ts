/** Frames, how each was found, and why a walk ended. */
import type { FrameAddress, LinkAddress, RuntimeAddress } from '../addresses.js';
import type { Registers } from '../log/crash-log.js';
import type { Sentence } from '../sentence.js';

/**
 * How a frame was found, best first.
 * `context`: registers of the CPU or of a hardware frame. `cfi`: call-frame information. `code`: stack depth worked out from the
 * instructions. `frame-pointer`: the chain of saved frame pointers. `scan`: a stack word that passes the call test.
 */
export type FrameTrust = 'context' | 'cfi' | 'code' | 'frame-pointer' | 'scan';

export type StopReason =
  | { readonly kind: 'end-of-stack'; readonly detail: Sentence }
  | { readonly kind: 'stack-not-in-dump'; readonly at: RuntimeAddress }
  | { readonly kind: 'no-progress'; readonly at: RuntimeAddress }
  | { readonly kind: 'no-plausible-caller'; readonly tried: readonly FrameTrust[]; readonly detail: Sentence }
  | { readonly kind: 'no-image'; readonly at?: RuntimeAddress }
  | { readonly kind: 'no-registers'; readonly missing: readonly string[] }
  | { readonly kind: 'frame-limit'; readonly limit: number };

/** `call`: entered by CALL (or tail jump). `exception`: below it lies a hardware frame. `vm-exit`: below it lies the guest. */
export type FrameKind = 'call' | 'exception' | 'vm-exit';

export interface Frame {
  readonly kind: FrameKind;
  readonly trust: FrameTrust;
  /** Inferred from a tail call: no address of its own; trust is that of the frame which implies it. */
  readonly synthetic: boolean;
  /** Absent for synthetic frames and for a frame whose slot was overwritten. */
  readonly address?: FrameAddress;
  /** Index in the images handed to the walk; absent where no image covers the address. */
  readonly image?: number;
  /** Link address to look up (already minus one for a return address); for a synthetic frame the entry of the function. */
  readonly lookup?: LinkAddress;
  /** Of a synthetic frame: the jump by which the function left, where it is the only one that leads on. */
  readonly jump?: LinkAddress;
  /** The word is preceded by a CALL that can reach the inner frame; `undefined` where the test does not apply. */
  readonly callVerified?: boolean;
  /** How it was verified: direct target, through a tail path, indirect call. One plain phrase. */
  readonly callEvidence?: Sentence;
  /** Known register values *in this frame* at its address. */
  readonly registers: Registers;
  /** Canonical frame address (DWARF 5 §6.4.1); absent where unknown. */
  readonly cfa?: RuntimeAddress;
  /** Stack address of the word that holds this frame's return address or saved PC. */
  readonly slot?: RuntimeAddress;
  /** Of an `exception` frame: what the hardware frame held. */
  readonly interrupted?: {
    readonly cs?: bigint;
    readonly flags?: bigint;
    readonly sp?: RuntimeAddress;
    readonly ss?: bigint;
    readonly vector?: number;
  };
  /** Of a `vm-exit` frame: the guest's saved registers, and where their order comes from. */
  readonly guest?: { readonly registers: Registers; readonly orderFrom: string };
  /** Anything a reader should know: methods that disagreed, several tail paths. One plain sentence each. */
  readonly notes: readonly Sentence[];
}

export interface Backtrace {
  /** Innermost first. Frame 0 is the fault, of trust `context`. */
  readonly frames: readonly Frame[];
  readonly stop: StopReason;
}
