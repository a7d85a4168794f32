/**
 * What a register or a stack slot holds, as far as the instructions tell, relative to the function's entry.
 *
 * In: values. Out: values, compared by content. Refuses nothing; what cannot be followed is `unknown`.
 */

/** What offsets of pointers count from. The CFA is one; each place that moves SP by an unknown amount makes another. */
export interface Base {
  /** 0 for the CFA, else unique within the function. */
  readonly id: number;
  /** `cfa`; `aligned`: `and sp, -N`; `moved`: `sub sp, reg` and the like; `loaded`: SP came from memory or from a register of unknown value. */
  readonly how: 'cfa' | 'aligned' | 'moved' | 'loaded';
  /** The instruction that made it; 0 for the CFA. */
  readonly at: number;
}

export type Value =
  | { readonly kind: 'unknown' }
  /** A number: as the program would compare it, signed like a link address. */
  | { readonly kind: 'constant'; readonly value: number }
  /** What the register held when the function was entered. */
  | { readonly kind: 'entry'; readonly register: number }
  /** The return address that the CALL pushed. */
  | { readonly kind: 'return-address' }
  | { readonly kind: 'pointer'; readonly base: Base; readonly offset: number }
  /**
   * A pointer in a register that the convention lets a callee change. Compilers know their own callees and may keep it there (GCC: -fipa-ra);
   * believed only where SP is set from it and the callee's code leaves the register alone.
   */
  | { readonly kind: 'survivor'; readonly base: Base; readonly offset: number; readonly callee: number; readonly register: number }
  /** A constant plus something unknown: into an array or a jump table. */
  | { readonly kind: 'indexed'; readonly array: number }
  /** A word of the table at `table`, of `size` bytes, sign-extended. */
  | { readonly kind: 'table-word'; readonly table: number; readonly size: number }
  /** A 4-byte word of the table plus a constant: position-independent jump tables. */
  | { readonly kind: 'table-target'; readonly table: number; readonly relativeTo: number };

export const cfaBase: Base = { id: 0, how: 'cfa', at: 0 };
export const unknown: Value = { kind: 'unknown' };
export const returnAddress: Value = { kind: 'return-address' };

export function constant(value: number): Value {
  return { kind: 'constant', value };
}

export function pointer(base: Base, offset: number): Value {
  return { kind: 'pointer', base, offset };
}

export function sameValue(a: Value, b: Value): boolean {
  if (a === b) return true;
  switch (a.kind) {
    case 'unknown':
      return b.kind === 'unknown';
    case 'constant':
      return b.kind === 'constant' && a.value === b.value;
    case 'entry':
      return b.kind === 'entry' && a.register === b.register;
    case 'return-address':
      return b.kind === 'return-address';
    case 'pointer':
      return b.kind === 'pointer' && a.base === b.base && a.offset === b.offset;
    case 'survivor':
      return b.kind === 'survivor' && a.base === b.base && a.offset === b.offset && a.callee === b.callee && a.register === b.register;
    case 'indexed':
      return b.kind === 'indexed' && a.array === b.array;
    case 'table-word':
      return b.kind === 'table-word' && a.table === b.table && a.size === b.size;
    case 'table-target':
      return b.kind === 'table-target' && a.table === b.table && a.relativeTo === b.relativeTo;
    default:
      return a satisfies never;
  }
}

function hangsOn(value: Value, base: Base): boolean {
  return (value.kind === 'pointer' || value.kind === 'survivor') && value.base === base;
}

/** Slots are keyed by one number: 2^32 offsets for each base. */
const SPAN = 2 ** 32;
const HALF = 2 ** 31;

export function slotKey(base: Base, offset: number): number {
  return base.id * SPAN + offset + HALF;
}

export function slotOf(key: number): { readonly baseId: number; readonly offset: number } {
  const baseId = Math.floor(key / SPAN);
  return { baseId, offset: key - baseId * SPAN - HALF };
}

/** Registers by their x86 encoding number, and the slots whose content is known. Worked on in place; `clone` before sharing. */
export class MachineState {
  constructor(
    readonly registers: Value[],
    readonly slots: Map<number, Value>,
  ) {}

  clone(): MachineState {
    return new MachineState(this.registers.slice(), new Map(this.slots));
  }

  get sp(): Value {
    return this.registers[SP] ?? unknown;
  }

  register(index: number): Value {
    return this.registers[index] ?? unknown;
  }

  /** Forgets every slot below the offset: what lies under the stack pointer belongs to interrupts. */
  forgetBelow(base: Base, offset: number): void {
    const from = slotKey(base, -HALF);
    const to = slotKey(base, offset);
    for (const key of this.slots.keys()) if (key >= from && key < to) this.slots.delete(key);
  }

  /** Forgets all that hangs on a base which is being made anew. */
  forgetBase(base: Base): void {
    const from = slotKey(base, -HALF);
    for (const [key, value] of this.slots) {
      if ((key >= from && key < from + SPAN) || hangsOn(value, base)) this.slots.delete(key);
    }
    this.registers.forEach((value, index) => {
      if (hangsOn(value, base)) this.registers[index] = unknown;
    });
  }
}

/** Encoding numbers of the stack and the frame pointer, the same on both CPUs. */
export const SP = 4;
export const FP = 5;

/** Equal stays, different becomes unknown; slots intersect. Changes `into`; true where it lost something. */
export function joinInto(into: MachineState, from: MachineState): boolean {
  let changed = false;
  const { registers } = into;
  for (let index = 0; index < registers.length; index++) {
    const mine = registers[index] ?? unknown;
    if (mine.kind === 'unknown' || sameValue(mine, from.register(index))) continue;
    registers[index] = unknown;
    changed = true;
  }
  for (const [key, value] of into.slots) {
    const other = from.slots.get(key);
    if (other !== undefined && sameValue(value, other)) continue;
    into.slots.delete(key);
    changed = true;
  }
  return changed;
}
