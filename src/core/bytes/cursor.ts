/**
 * The bounds-checked cursor that every ELF and DWARF byte goes through. Little endian.
 *
 * In: a piece of a section. Out: numbers and strings. Refuses: to read past its end, LEB128 numbers of more than
 * ten bytes, and offsets that a JavaScript number cannot hold. Throws `FormatError` only.
 */
import { limits } from '../limits.js';
import { FormatError, type FormatErrorKind } from './format-error.js';

const { fromCharCode } = String;
const { min } = Math;
const { isSafeInteger } = Number;
const { asIntN, asUintN } = BigInt;
const toBigInt = BigInt;
const TWO_32 = 2 ** 32;
const decoder = new TextDecoder();

/** Longest LEB128 encoding of 64 bits. */
const LEB_BYTES = 10;

/** Text of `bytes[start, end)`: UTF-8, with a fast way for the usual short ASCII name. */
export function textOf(bytes: Uint8Array, start: number, end: number): string {
  if (end - start > 256) return decoder.decode(bytes.subarray(start, end));
  let text = '';
  for (let at = start; at < end; at++) {
    const byte = bytes[at] ?? 0;
    if (byte >= 0x80) return decoder.decode(bytes.subarray(start, end));
    text += fromCharCode(byte);
  }
  return text;
}

export class Cursor {
  /** Index of the next byte. Callers may set it; every read checks it. */
  at: number;
  readonly end: number;

  constructor(
    readonly bytes: Uint8Array,
    /** Name of the section, for errors. */
    readonly where: string,
    /** Offset of `bytes[0]` in that section. */
    readonly base = 0,
    at = 0,
  ) {
    this.end = bytes.byteLength;
    this.at = at;
  }

  fail(kind: FormatErrorKind, problem: string): FormatError {
    return new FormatError(kind, this.where, this.base + this.at, problem);
  }

  get left(): number {
    return this.end - this.at;
  }

  private need(count: number): number {
    const at = this.at;
    if (!(at >= 0 && count >= 0 && at + count <= this.end)) {
      throw this.fail('malformed', `${count} bytes wanted, ${this.end - at} left`);
    }
    this.at = at + count;
    return at;
  }

  u8(): number {
    const at = this.at;
    if (!(at >= 0 && at < this.end)) throw this.fail('malformed', '1 byte wanted, 0 left');
    this.at = at + 1;
    return this.bytes[at] ?? 0;
  }

  s8(): number {
    return (this.u8() << 24) >> 24;
  }

  // A DataView costs more to make than all that most cursors read: bytes are put together by hand.
  u16(): number {
    const at = this.need(2);
    const { bytes } = this;
    return (bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8);
  }

  s16(): number {
    return (this.u16() << 16) >> 16;
  }

  u24(): number {
    const low = this.need(3);
    const { bytes } = this;
    return (bytes[low] ?? 0) | ((bytes[low + 1] ?? 0) << 8) | ((bytes[low + 2] ?? 0) << 16);
  }

  u32(): number {
    return this.s32() >>> 0;
  }

  s32(): number {
    const at = this.need(4);
    const { bytes } = this;
    return (bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8) | ((bytes[at + 2] ?? 0) << 16) | ((bytes[at + 3] ?? 0) << 24);
  }

  /** An unsigned 64-bit offset, size or count. */
  u64(): number {
    const at = this.at;
    const low = this.u32();
    const value = this.u32() * TWO_32 + low;
    if (isSafeInteger(value)) return value;
    this.at = at;
    throw this.fail('malformed', `64-bit number too large: 0x${this.bigU64().toString(16)}`);
  }

  /** All 64 bits, signed; not exact outside 53 bits, which is no address of any CPU (addresses.ts). */
  s64(): number {
    const low = this.u32();
    return this.s32() * TWO_32 + low;
  }

  bigU64(): bigint {
    const low = toBigInt(this.u32());
    return (toBigInt(this.u32()) << 32n) | low;
  }

  /** A link address of 1, 2, 4 or 8 bytes: 8-byte ones signed, shorter ones unsigned. */
  address(size: number): number {
    switch (size) {
      case 8:
        return this.s64();
      case 4:
        return this.u32();
      case 2:
        return this.u16();
      case 1:
        return this.u8();
      default:
        throw this.fail('unsupported', `address size ${size}`);
    }
  }

  /** An offset of 4 (32-bit DWARF) or 8 bytes. */
  offset(size: 4 | 8): number {
    return size === 4 ? this.u32() : this.u64();
  }

  /** Unsigned LEB128 (DWARF 5 §7.6) below 2^53. */
  uleb(): number {
    const first = this.u8();
    if (first < 0x80) return first;
    const start = this.at - 1;
    let value = first & 0x7f;
    let scale = 128;
    for (let count = 1; count < LEB_BYTES; count++) {
      const byte = this.u8();
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) {
        if (isSafeInteger(value)) return value;
        break;
      }
      scale *= 128;
    }
    this.at = start;
    throw this.fail('malformed', 'LEB128 number too large');
  }

  /** Signed LEB128 within 53 bits. */
  sleb(): number {
    const start = this.at;
    let value = 0;
    let scale = 1;
    for (let count = 0; count < LEB_BYTES; count++) {
      const byte = this.u8();
      value += (byte & 0x7f) * scale;
      scale *= 128;
      if (byte < 0x80) {
        // A negative number ends in a set bit 6. Of ten bytes only one bit counts in the last: the value is exact modulo 2^64 only as a bigint.
        if (count < LEB_BYTES - 1) {
          const signed = byte & 0x40 ? value - scale : value;
          if (isSafeInteger(signed)) return signed;
        }
        this.at = start;
        const big = Number(this.bigSleb());
        if (isSafeInteger(big)) return big;
        break;
      }
    }
    this.at = start;
    throw this.fail('malformed', 'signed LEB128 number too large');
  }

  /** A bigint only where a number is not exact. */
  anySleb(): number | bigint {
    const start = this.at;
    const first = this.u8();
    if (first < 0x80) return (first << 25) >> 25;
    this.at = start;
    const value = this.bigSleb();
    const number = Number(value);
    return isSafeInteger(number) ? number : value;
  }

  bigUleb(): bigint {
    return asUintN(64, this.bigLeb(false));
  }

  bigSleb(): bigint {
    return asIntN(64, this.bigLeb(true));
  }

  private bigLeb(signed: boolean): bigint {
    let value = 0n;
    let shift = 0n;
    for (let count = 0; count < LEB_BYTES; count++) {
      const byte = this.u8();
      value |= toBigInt(byte & 0x7f) << shift;
      shift += 7n;
      if (byte < 0x80) return signed && byte & 0x40 ? value - (1n << shift) : value;
    }
    throw this.fail('malformed', 'LEB128 number of more than 10 bytes');
  }

  skipLeb(): void {
    for (let count = 0; count < LEB_BYTES; count++) if (this.u8() < 0x80) return;
    throw this.fail('malformed', 'LEB128 number of more than 10 bytes');
  }

  skip(count: number): void {
    this.need(count);
  }

  take(count: number): Uint8Array {
    const at = this.need(count);
    return this.bytes.subarray(at, at + count);
  }

  /** Text up to the next NUL, which is passed too; cut at `limits.stringBytes`. */
  text(): string {
    const start = this.at;
    this.skipText();
    return textOf(this.bytes, start, min(this.at - 1, start + limits.stringBytes));
  }

  skipText(): void {
    const end = this.bytes.indexOf(0, this.at);
    if (end < 0) throw this.fail('malformed', 'string without an end');
    this.at = end + 1;
  }
}
