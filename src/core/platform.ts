/**
 * What core needs of the platform, handed in as plain functions, so that core imports nothing.
 * `src/platform/node.ts` is the one implementation.
 */
import type { Arch, LinkAddress } from './addresses.js';

export interface Platform {
  /** zlib format (RFC 1950). Throws `FormatError` where damaged or where more than `limit` bytes would come out. */
  inflate(bytes: Uint8Array, limit: number): Uint8Array;
  /** Lower-case hex. Takes several pieces, hashed as one. */
  sha1(pieces: Iterable<Uint8Array>): string;
  sha256(pieces: Iterable<Uint8Array>): string;
  /** Decodes up to `limit` instructions from the start of `code`, which lies at `at`. */
  decode: Decode;
  /** Text of `msr.csv`. */
  msrTable(): string;
}

export type Decode = (code: Uint8Array, at: LinkAddress, arch: Arch, limit?: number) => Instruction[];

/**
 * One decoded instruction. Registers are lower-case SDM names (`eax`, `r8d`, `al`, `cr4`, `ss`).
 */
export interface Instruction {
  readonly at: LinkAddress;
  readonly length: number;
  /** Lower-case mnemonic, prefixes left out (`rdmsr`, `mov`, `movzx`, `call`, `ret`); `(bad)` where the bytes decode to nothing. */
  readonly mnemonic: string;
  /**
   * `next`: falls through. `call`/`indirect-call`: comes back. `jump`: unconditional, `branch`: conditional, both with `target`.
   * `interrupt`: INT n, INT3, INTO. `stop`: UD0/UD1/UD2 (HLT is `next`).
   */
  readonly flow:
    | 'next'
    | 'call'
    | 'indirect-call'
    | 'jump'
    | 'indirect-jump'
    | 'branch'
    | 'return'
    | 'interrupt-return'
    | 'interrupt'
    | 'stop';
  /** Of direct calls, jumps and branches. */
  readonly target?: LinkAddress;
  readonly operands: readonly Operand[];
  /** Full-width names of general registers written in whole or part, implicit ones included (`rax` for a write to `al`). */
  readonly writes: readonly string[];
  /** Full-width names of general registers read, implicit ones and address registers included. */
  readonly reads: readonly string[];
  readonly privileged: boolean;
  readonly hasLock: boolean;
  readonly hasRep: boolean;
  /** Intel syntax, lower case, `0x` numbers. */
  text(): string;
}

export type Operand =
  | { readonly kind: 'register'; readonly register: string; readonly size: number }
  | { readonly kind: 'immediate'; readonly value: bigint }
  | { readonly kind: 'target'; readonly target: LinkAddress }
  | {
      readonly kind: 'memory';
      readonly base?: string;
      readonly index?: string;
      readonly scale: 1 | 2 | 4 | 8;
      /** Signed; for RIP-relative operands the absolute address, and `base` is `rip`. */
      readonly displacement: bigint;
      readonly segment: string;
      /** Bytes accessed; 0 where the instruction touches no memory (LEA, multi-byte NOP) or the size is not known. */
      readonly size: number;
      readonly access: 'none' | 'read' | 'write' | 'read-write';
    };
