/**
 * Registers by number and name, and what the C calling convention promises about them.
 *
 * Numbers are those of the instruction encoding (SDM vol. 2, 3.1.1.1), the same on both CPUs: 4 is the stack pointer, 5 the frame pointer.
 */
import type { Arch, WordSize } from '../addresses.js';

export interface RegisterSet {
  readonly arch: Arch;
  readonly wordSize: WordSize;
  /** Full-width names by number. */
  readonly names: readonly string[];
  readonly calleeSaved: readonly number[];
  readonly callerSaved: readonly number[];
  /** Integers and pointers are passed in these, in order; empty where they are passed on the stack. */
  readonly argumentRegisters: readonly number[];
  readonly stackPointer: string;
  readonly framePointer: string;
  readonly programCounter: string;
  readonly flags: string;
  /** Order in which PUSHA pushes; empty where the CPU has none. */
  readonly pushAll: readonly number[];
}

interface Part {
  readonly index: number;
  readonly size: number;
}

/** Every name of a general register, whole or part, with its number and size in bytes. */
const parts = new Map<string, Part>();
['ax', 'cx', 'dx', 'bx', 'sp', 'bp', 'si', 'di'].forEach((name, index) => {
  parts.set(`r${name}`, { index, size: 8 });
  parts.set(`e${name}`, { index, size: 4 });
  parts.set(name, { index, size: 2 });
});
['al', 'cl', 'dl', 'bl', 'spl', 'bpl', 'sil', 'dil'].forEach((name, index) => {
  parts.set(name, { index, size: 1 });
});
['ah', 'ch', 'dh', 'bh'].forEach((name, index) => {
  parts.set(name, { index, size: 1 });
});
for (let index = 8; index < 16; index++) {
  // the manual says R8L, assemblers r8b
  parts.set(`r${index}l`, { index, size: 1 });
  parts.set(`r${index}b`, { index, size: 1 });
  parts.set(`r${index}`, { index, size: 8 });
  parts.set(`r${index}d`, { index, size: 4 });
  parts.set(`r${index}w`, { index, size: 2 });
}

/** Number and size of a general register or a part of one; `undefined` for every other name. */
export function registerPart(name: string): Part | undefined {
  return parts.get(name);
}
