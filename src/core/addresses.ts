/**
 * Addresses with their unit in the type, and the few conversions between them.
 *
 * In: numbers as a log or an ELF holds them. Out: branded values that cannot be mixed up.
 * Refuses: nothing here throws; a conversion that is not possible answers `undefined`.
 *
 * A link address is kept as a *signed* JavaScript number. Every canonical x86 address is the sign
 * extension of 57 bits or fewer, and those in use fit 53, so the value is exact, sorts rightly within
 * each half, and costs no bigint in the readers' hot loops (docs/decisions/0001).
 */

declare const unit: unique symbol;

/** As the CPU saw it: unsigned, 32 or 64 bits. */
export type RuntimeAddress = bigint & { readonly [unit]: 'runtime' };
/** As written in the ELF: the signed value of its 64 bits; ELF32 addresses are never negative. */
export type LinkAddress = number & { readonly [unit]: 'link' };
/** Bytes from the start of the file. */
export type FileOffset = number & { readonly [unit]: 'file' };

export type Arch = 'i386' | 'amd64';

/** Bytes of a general register, of a stack word and of a pointer. */
export type WordSize = 4 | 8;

export function wordSize(arch: Arch): WordSize {
  return arch === 'i386' ? 4 : 8;
}

const { isSafeInteger } = Number;
const { asIntN, asUintN } = BigInt;
const toNumber = Number;
const toBigInt = BigInt;

export function runtimeAddress(value: bigint): RuntimeAddress {
  return asUintN(64, value) as RuntimeAddress; // the brand's only source
}

export function linkAddress(value: number): LinkAddress {
  return value as LinkAddress; // the brand's only source for numbers that a reader has checked
}

/** `undefined` where the 64-bit value is no address that a CPU could use (not exact in 53 bits). */
export function linkAddressOf(value: bigint): LinkAddress | undefined {
  const signed = toNumber(asIntN(64, value));
  return isSafeInteger(signed) ? (signed as LinkAddress) : undefined;
}

/** The unsigned 64-bit value of a link address. */
export function linkAddressValue(address: LinkAddress): bigint {
  return asUintN(64, toBigInt(address));
}

/** Runtime to link: `bias` is runtime minus link, of the image. */
export function toLink(address: RuntimeAddress, bias: bigint): LinkAddress | undefined {
  return linkAddressOf(address - bias);
}

export function toRuntime(address: LinkAddress, bias: bigint, arch: Arch): RuntimeAddress {
  return asUintN(arch === 'i386' ? 32 : 64, toBigInt(address) + bias) as RuntimeAddress;
}

/** An instruction pointer or a return address; only this type knows which address to look up. */
export type FrameAddress =
  | { readonly kind: 'instruction-pointer'; readonly at: RuntimeAddress }
  | { readonly kind: 'return-address'; readonly at: RuntimeAddress };

/** A return address is looked up inside its CALL, one byte before (docs/decisions/0006). */
export function lookupAddress(address: FrameAddress): RuntimeAddress {
  return address.kind === 'return-address' ? runtimeAddress(address.at - 1n) : address.at;
}

export function hex(value: bigint | number, digits = 1): string {
  return `0x${value.toString(16).padStart(digits, '0')}`;
}
