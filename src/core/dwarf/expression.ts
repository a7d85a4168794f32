/**
 * DWARF expressions and location descriptions (DWARF 5 §2.5, §2.6; GNU extensions under their DWARF 5 meaning).
 *
 * In: an expression and what it may ask of its frame. Out: where a value is, or why nobody can tell. Refuses: damaged expressions,
 * more than `limits.expressionSteps` operations, a stack deeper than `limits.expressionStack`. Arithmetic is that of the address size.
 */
import { Cursor } from '../bytes/cursor.js';
import { limits } from '../limits.js';

/** `optimized out`: the compiler kept nothing. `not saved`: a register that calls overwrite. `not in the dump`: memory that the log does not show. */
export type Absence = 'optimized out' | 'not saved' | 'not in the dump' | 'unsupported';

export type Location =
  | { readonly kind: 'memory'; readonly address: bigint }
  | { readonly kind: 'register'; readonly register: number }
  /** The value itself: no memory holds it. */
  | { readonly kind: 'value'; readonly value: bigint }
  | { readonly kind: 'bytes'; readonly bytes: Uint8Array }
  | { readonly kind: 'pieces'; readonly pieces: readonly Piece[] }
  | { readonly kind: 'absent'; readonly why: Absence };

export interface Piece {
  readonly bits: number;
  /** First bit of the location that counts: DW_OP_bit_piece. */
  readonly from: number;
  readonly location: Location;
}

/** What an expression may ask. Addresses are runtime addresses; `undefined` for what is not known. */
export interface ExpressionFrame {
  readonly addressSize: 4 | 8;
  /** DWARF register number. */
  register(register: number): bigint | undefined;
  /** Little endian, 1 to 8 bytes. */
  memory(address: bigint, size: number): bigint | undefined;
  /** Canonical frame address. */
  cfa(): bigint | undefined;
  /** DW_AT_frame_base of the function. */
  frameBase(): bigint | undefined;
  /** The value that an expression had when the function was entered (DWARF 5 §2.5.1.7). */
  entryValue(expression: Uint8Array): bigint | undefined;
  /** What the caller passed for a parameter that this copy of the function no longer takes: offset of its entry in the unit. */
  parameterValue(offset: number): bigint | undefined;
  /** Runtime address of a link address. */
  relocate(link: bigint): bigint;
  /** Entry of `.debug_addr`, not relocated. */
  indexedAddress(index: number): bigint | undefined;
  /** The base type at an offset in the unit. */
  baseType(offset: number): BaseType | undefined;
}

export interface BaseType {
  /** Bytes. */
  readonly size: number;
  readonly isSigned: boolean;
  readonly isFloat: boolean;
}

const { asIntN, asUintN } = BigInt;
const toBigInt = BigInt;
const toNumber = Number;

const absent = (why: Absence): Location => ({ kind: 'absent', why });

/** @param initial pushed first: the CFA, for expressions of call-frame information */
export function evaluate(expression: Uint8Array, frame: ExpressionFrame, initial?: bigint): Location {
  if (expression.length === 0) return absent('optimized out');
  const cursor = new Cursor(expression, 'expression');
  const bits = frame.addressSize * 8;
  const mask = (value: bigint) => asUintN(bits, value);
  const stack: bigint[] = initial === undefined ? [] : [mask(initial)];
  /** Type of each entry; the generic one of addresses is `undefined` (DWARF 5 §2.5.1). Wider than an address on i386: u64. */
  const types: (BaseType | undefined)[] = initial === undefined ? [] : [undefined];
  /** Of the entry that was popped last: an operation's result has its operands' type. */
  let type: BaseType | undefined;
  const pieces: Piece[] = [];
  /** Location that the last operation named other than by the stack. */
  let named: Location | undefined;
  const push = (value: bigint, as = type) => {
    if (stack.length >= limits.expressionStack) throw cursor.fail('limit', `stack deeper than ${limits.expressionStack}`);
    stack.push(as === undefined ? mask(value) : asUintN(as.size * 8, value));
    types.push(as);
  };
  const generic = (value: bigint) => push(value, undefined);
  const signed = (value: bigint) => asIntN(type === undefined ? bits : type.size * 8, value);
  const width = () => toBigInt(type === undefined ? bits : type.size * 8);
  const pop = () => {
    const value = stack.pop();
    type = types.pop();
    if (value === undefined) throw cursor.fail('malformed', 'operation on an empty stack');
    return value;
  };
  const pick = (depth: number) => {
    const value = stack[stack.length - 1 - depth];
    if (value === undefined) throw cursor.fail('malformed', `pick of entry ${depth} of ${stack.length}`);
    type = types[stack.length - 1 - depth];
    return value;
  };
  const jump = (distance: number) => {
    const to = cursor.at + distance;
    if (to < 0 || to > expression.length) throw cursor.fail('malformed', `branch to ${to} of ${expression.length}`);
    cursor.at = to;
  };
  const compare = (test: (one: bigint, other: bigint) => boolean) => {
    const last = pop();
    // Unsigned types compare as such; the generic one as signed (§2.5.1.5).
    const order = (value: bigint) => (type === undefined || type.isSigned ? signed(value) : value);
    const other = order(last);
    const isTrue = test(order(pop()), other);
    generic(isTrue ? 1n : 0n);
  };

  for (let steps = 0; cursor.left > 0; steps++) {
    if (steps >= limits.expressionSteps) throw cursor.fail('limit', `more than ${limits.expressionSteps} operations`);
    const op = cursor.u8();
    if (op >= 0x30 && op <= 0x4f) {
      generic(toBigInt(op - 0x30)); // DW_OP_lit
      continue;
    }
    if (op >= 0x50 && op <= 0x6f) {
      named = { kind: 'register', register: op - 0x50 }; // DW_OP_reg
      continue;
    }
    if (op >= 0x70 && op <= 0x8f) {
      const value = frame.register(op - 0x70); // DW_OP_breg
      const offset = cursor.bigSleb();
      if (value === undefined) return absent('not saved');
      generic(value + offset);
      continue;
    }
    switch (op) {
      case 0x03: // DW_OP_addr
        generic(frame.relocate(frame.addressSize === 8 ? cursor.bigU64() : toBigInt(cursor.u32())));
        break;
      case 0x06: // DW_OP_deref
      case 0x94: // DW_OP_deref_size
      case 0xa6: // DW_OP_deref_type
      case 0xf6: {
        const size = op === 0x06 ? frame.addressSize : cursor.u8();
        const isTyped = op === 0xa6 || op === 0xf6;
        const of = isTyped ? frame.baseType(cursor.uleb()) : undefined;
        if (size < 1 || size > 8 || (isTyped && !isIntegral(of))) return absent('unsupported');
        const value = frame.memory(pop(), size);
        if (value === undefined) return absent('not in the dump');
        push(value, of);
        break;
      }
      case 0x08:
        generic(toBigInt(cursor.u8()));
        break;
      case 0x09:
        generic(toBigInt(cursor.s8()));
        break;
      case 0x0a:
        generic(toBigInt(cursor.u16()));
        break;
      case 0x0b:
        generic(toBigInt(cursor.s16()));
        break;
      case 0x0c:
        generic(toBigInt(cursor.u32()));
        break;
      case 0x0d:
        generic(toBigInt(cursor.s32()));
        break;
      case 0x0e:
      case 0x0f:
        generic(cursor.bigU64());
        break;
      case 0x10: // DW_OP_constu
        generic(cursor.bigUleb());
        break;
      case 0x11: // DW_OP_consts
        generic(cursor.bigSleb());
        break;
      case 0x12: // DW_OP_dup
        push(pick(0));
        break;
      case 0x13: // DW_OP_drop
        pop();
        break;
      case 0x14: // DW_OP_over
        push(pick(1));
        break;
      case 0x15: // DW_OP_pick
        push(pick(cursor.u8()));
        break;
      case 0x16: {
        // DW_OP_swap
        const top = pop();
        const topType = type;
        const below = pop();
        const belowType = type;
        push(top, topType);
        push(below, belowType);
        break;
      }
      case 0x17: {
        // DW_OP_rot
        const first = pop();
        const firstType = type;
        const second = pop();
        const secondType = type;
        const third = pop();
        push(third);
        stack.splice(-1, 0, first);
        types.splice(-1, 0, firstType);
        push(second, secondType);
        break;
      }
      case 0x19: {
        // DW_OP_abs
        const value = signed(pop());
        push(value < 0n ? -value : value);
        break;
      }
      case 0x1a:
        push(pop() & pop());
        break;
      case 0x1b: {
        // DW_OP_div, signed
        const last = pop();
        const divisor = type === undefined || type.isSigned ? signed(last) : last;
        const first = pop();
        const value = type === undefined || type.isSigned ? signed(first) : first;
        if (divisor === 0n) return absent('unsupported');
        push(value / divisor);
        break;
      }
      case 0x1c: {
        const value = pop();
        push(pop() - value);
        break;
      }
      case 0x1d: {
        // DW_OP_mod, unsigned
        const divisor = pop();
        const value = pop();
        if (divisor === 0n) return absent('unsupported');
        push(value % divisor);
        break;
      }
      case 0x1e:
        push(pop() * pop());
        break;
      case 0x1f:
        push(-pop());
        break;
      case 0x20:
        push(~pop());
        break;
      case 0x21:
        push(pop() | pop());
        break;
      case 0x22:
        push(pop() + pop());
        break;
      case 0x23: // DW_OP_plus_uconst
        push(pop() + cursor.bigUleb());
        break;
      case 0x24: {
        const count = pop();
        const value = pop();
        push(count >= width() ? 0n : value << count);
        break;
      }
      case 0x25: {
        const count = pop();
        const value = pop();
        push(count >= width() ? 0n : value >> count);
        break;
      }
      case 0x26: {
        // DW_OP_shra
        const count = pop();
        const value = signed(pop());
        if (count >= width()) push(value < 0n ? -1n : 0n);
        else push(value >> count);
        break;
      }
      case 0x27:
        push(pop() ^ pop());
        break;
      case 0x28: {
        // DW_OP_bra
        const distance = cursor.s16();
        if (pop() !== 0n) jump(distance);
        break;
      }
      case 0x29:
        compare((one, other) => one === other);
        break;
      case 0x2a:
        compare((one, other) => one >= other);
        break;
      case 0x2b:
        compare((one, other) => one > other);
        break;
      case 0x2c:
        compare((one, other) => one <= other);
        break;
      case 0x2d:
        compare((one, other) => one < other);
        break;
      case 0x2e:
        compare((one, other) => one !== other);
        break;
      case 0x2f: // DW_OP_skip
        jump(cursor.s16());
        break;
      case 0x90: // DW_OP_regx
        named = { kind: 'register', register: cursor.uleb() };
        break;
      case 0x91: {
        // DW_OP_fbreg
        const offset = cursor.bigSleb();
        const base = frame.frameBase();
        if (base === undefined) return absent('not saved');
        generic(base + offset);
        break;
      }
      case 0x92: {
        // DW_OP_bregx
        const value = frame.register(cursor.uleb());
        const offset = cursor.bigSleb();
        if (value === undefined) return absent('not saved');
        generic(value + offset);
        break;
      }
      case 0x93: // DW_OP_piece
      case 0x9d: {
        // DW_OP_bit_piece
        const count = cursor.uleb();
        const from = op === 0x9d ? cursor.uleb() : 0;
        const top = stack.pop();
        const location = named ?? (top === undefined ? absent('optimized out') : { kind: 'memory', address: top });
        pieces.push({ bits: op === 0x9d ? count : count * 8, from, location });
        named = undefined;
        stack.length = 0;
        types.length = 0;
        break;
      }
      case 0x96: // DW_OP_nop
      case 0xf0: // DW_OP_GNU_uninit
        break;
      case 0x9c: {
        // DW_OP_call_frame_cfa
        const cfa = frame.cfa();
        if (cfa === undefined) return absent('not saved');
        generic(cfa);
        break;
      }
      case 0x9e: // DW_OP_implicit_value
        named = { kind: 'bytes', bytes: cursor.take(cursor.uleb()) };
        break;
      case 0x9f: // DW_OP_stack_value
        named = { kind: 'value', value: pop() };
        break;
      case 0xa1: // DW_OP_addrx
      case 0xfb: // DW_OP_GNU_addr_index
      case 0xa2: // DW_OP_constx
      case 0xfc: {
        const value = frame.indexedAddress(cursor.uleb());
        if (value === undefined) return absent('unsupported');
        generic(op === 0xa1 || op === 0xfb ? frame.relocate(value) : value);
        break;
      }
      case 0xa3: // DW_OP_entry_value
      case 0xf3: {
        const value = frame.entryValue(cursor.take(cursor.uleb()));
        if (value === undefined) return absent('optimized out');
        generic(value);
        break;
      }
      case 0xfa: {
        // DW_OP_GNU_parameter_ref
        const value = frame.parameterValue(cursor.u32());
        if (value === undefined) return absent('optimized out');
        generic(value);
        break;
      }
      case 0xa4: // DW_OP_const_type
      case 0xf4: {
        const of = frame.baseType(cursor.uleb());
        const bytes = cursor.take(cursor.u8());
        if (!isIntegral(of) || bytes.length > 8) return absent('unsupported');
        push(littleEndian(bytes), of);
        break;
      }
      case 0xa5: // DW_OP_regval_type
      case 0xf5: {
        const value = frame.register(cursor.uleb());
        const of = frame.baseType(cursor.uleb());
        if (!isIntegral(of)) return absent('unsupported');
        if (value === undefined) return absent('not saved');
        push(value, of);
        break;
      }
      case 0xa8: // DW_OP_convert
      case 0xf7:
      case 0xa9: // DW_OP_reinterpret
      case 0xf9: {
        const offset = cursor.uleb();
        const of = offset === 0 ? undefined : frame.baseType(offset);
        // Floating point has no place on this stack.
        if (offset !== 0 && !isIntegral(of)) return absent('unsupported');
        const value = pop();
        const isConvert = op === 0xa8 || op === 0xf7;
        push(isConvert && type?.isSigned ? signed(value) : value, of);
        break;
      }
      case 0xa0: // DW_OP_implicit_pointer
      case 0xf2:
      case 0xfd: // DW_OP_GNU_variable_value
        return absent('optimized out');
      default:
        return absent('unsupported');
    }
  }
  if (pieces.length > 0) return { kind: 'pieces', pieces };
  if (named !== undefined) return named;
  return { kind: 'memory', address: pop() };
}

function isIntegral(type: BaseType | undefined): type is BaseType {
  return type !== undefined && !type.isFloat && type.size >= 1 && type.size <= 8;
}

/** The value of an expression that computes one, such as a call site's parameter: what is left on its stack, or in a register it names. */
export function evaluateValue(expression: Uint8Array, frame: ExpressionFrame, initial?: bigint): bigint | undefined {
  const location = evaluate(expression, frame, initial);
  switch (location.kind) {
    case 'memory':
      return location.address;
    case 'value':
      return location.value;
    case 'register':
      return frame.register(location.register);
    case 'bytes':
      return location.bytes.length <= 8 ? littleEndian(location.bytes) : undefined;
    case 'pieces':
    case 'absent':
      return undefined;
    default: {
      const never: never = location;
      return never;
    }
  }
}

export function littleEndian(bytes: Uint8Array): bigint {
  let value = 0n;
  for (let index = bytes.length - 1; index >= 0; index--) value = (value << 8n) | toBigInt(bytes[index] ?? 0);
  return value;
}

/** `bits` bits of a location from bit `from` on, as one unsigned number; for scalars, 64 bits at most. */
export function readLocation(location: Location, from: number, bits: number, frame: ExpressionFrame): bigint | Absence {
  switch (location.kind) {
    case 'absent':
      return location.why;
    case 'memory': {
      const first = location.address + toBigInt(Math.floor(from / 8));
      const bytes = Math.ceil(((from % 8) + bits) / 8);
      let value = 0n;
      for (let done = 0; done < bytes; ) {
        const step = Math.min(8, bytes - done);
        const part = frame.memory(first + toBigInt(done), step);
        if (part === undefined) return 'not in the dump';
        value |= part << toBigInt(done * 8);
        done += step;
      }
      return asUintN(bits, value >> toBigInt(from % 8));
    }
    case 'register': {
      const value = frame.register(location.register);
      return value === undefined ? 'not saved' : asUintN(bits, value >> toBigInt(from));
    }
    case 'value':
      return asUintN(bits, location.value >> toBigInt(from));
    case 'bytes':
      return from + bits > location.bytes.length * 8 ? 'optimized out' : asUintN(bits, littleEndian(location.bytes) >> toBigInt(from));
    case 'pieces':
      return readPieces(location.pieces, from, bits, frame);
    default: {
      const never: never = location;
      return never;
    }
  }
}

function readPieces(pieces: readonly Piece[], from: number, bits: number, frame: ExpressionFrame): bigint | Absence {
  let value = 0n;
  let done = 0;
  let start = 0;
  for (const piece of pieces) {
    const end = start + piece.bits;
    if (from + done < end && from + done >= start && done < bits) {
      const within = from + done - start;
      const count = Math.min(bits - done, end - (from + done));
      const part = readLocation(piece.location, piece.from + within, count, frame);
      if (typeof part !== 'bigint') return part;
      value |= part << toBigInt(done);
      done += count;
    }
    start = end;
  }
  return done === bits ? value : 'optimized out';
}

/** Number of a register-only expression (DW_OP_reg or DW_OP_regx); `undefined` for any other. */
export function soleRegister(expression: Uint8Array): number | undefined {
  const op = expression[0] ?? 0;
  if (expression.length === 1 && op >= 0x50 && op <= 0x6f) return op - 0x50;
  if (op !== 0x90) return undefined;
  const cursor = new Cursor(expression, 'expression', 0, 1);
  const register = toNumber(cursor.uleb());
  return cursor.left === 0 ? register : undefined;
}
