/**
 * The instruction at the fault, from the image's bytes, and the addresses its operands mean.
 *
 * In: a PC, images, registers. Out: the decoded instruction with its bytes. Refuses: where no image holds code at the PC, or the
 * bytes decode to nothing, there is no instruction. Registers that were not printed make an address unknown.
 */
import { type Arch, type LinkAddress, type RuntimeAddress, toLink } from '../addresses.js';
import type { Image } from '../image/image.js';
import type { Registers } from '../log/crash-log.js';
import type { Instruction, Operand, Platform } from '../platform.js';

/** An image and where it was loaded. */
export interface DiagnosedImage {
  readonly image: Image;
  /** Runtime minus link address. */
  readonly bias: bigint;
}

export interface FaultInstruction {
  readonly instruction: Instruction;
  readonly bytes: Uint8Array;
  readonly at: RuntimeAddress;
  readonly loaded: DiagnosedImage;
}

/** Longest x86 instruction. */
const longest = 15;
/** Of bytes that decode to nothing. */
const shownBytes = 8;

export function imageOfCode(
  pc: RuntimeAddress,
  images: readonly DiagnosedImage[],
  arch: Arch,
): { readonly loaded: DiagnosedImage; readonly link: LinkAddress } | undefined {
  for (const loaded of images) {
    const link = toLink(pc, loaded.bias);
    if (loaded.image.arch === arch && link !== undefined && loaded.image.isCode(link)) return { loaded, link };
  }
  return undefined;
}

/** What an image holds at the PC: an instruction, or bytes that are none. */
export type CodeAtPc =
  | ({ readonly kind: 'instruction' } & FaultInstruction)
  | { readonly kind: 'no-instruction'; readonly bytes: Uint8Array; readonly loaded: DiagnosedImage };

/** `undefined` where no image holds code at the PC. */
export function codeAt(
  pc: RuntimeAddress,
  images: readonly DiagnosedImage[],
  arch: Arch,
  platform: Pick<Platform, 'decode'>,
): CodeAtPc | undefined {
  const found = imageOfCode(pc, images, arch);
  if (found === undefined) return undefined;
  const code = bytesUpTo(found.loaded.image, found.link, longest);
  const [instruction] = platform.decode(code, found.link, arch, 1);
  if (instruction === undefined || instruction.mnemonic === '(bad)') {
    return { kind: 'no-instruction', bytes: code.slice(0, shownBytes), loaded: found.loaded };
  }
  return { kind: 'instruction', instruction, bytes: code.slice(0, instruction.length), at: pc, loaded: found.loaded };
}

/** As many of the bytes as the file holds. */
export function bytesUpTo(image: Image, at: LinkAddress, length: number): Uint8Array {
  for (let size = length; size > 0; size -= 1) {
    const bytes = image.bytesAt(at, size);
    if (bytes !== undefined) return bytes;
  }
  return new Uint8Array();
}

export function bytesText(bytes: Uint8Array): string {
  return [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join(' ');
}

/** RDMSR or WRMSR in the forms that take the MSR from ECX. */
export function msrAccessOf(mnemonic: string): 'read' | 'write' | undefined {
  if (mnemonic === 'rdmsr') return 'read';
  return mnemonic === 'wrmsr' || mnemonic === 'wrmsrns' ? 'write' : undefined;
}

export type MemoryOperand = Extract<Operand, { kind: 'memory' }>;

/**
 * Address of a memory operand, from the registers at the fault; segment bases count as zero, but for FS and GS, whose
 * base is not printed. `undefined` where a register is not known.
 */
export function operandAddress(operand: MemoryOperand, registers: Registers, arch: Arch, bias: bigint): bigint | undefined {
  if (operand.segment === 'fs' || operand.segment === 'gs') return undefined;
  const width = arch === 'i386' ? 32 : 64;
  // The decoder has worked out the link address.
  if (operand.base === 'rip') return BigInt.asUintN(width, operand.displacement + bias);
  if ([operand.base, operand.index].some((name) => name !== undefined && legacy.includes(name))) return undefined;
  const base = operand.base === undefined ? 0n : registerValue(registers, operand.base);
  const index = operand.index === undefined ? 0n : registerValue(registers, operand.index);
  if (base === undefined || index === undefined) return undefined;
  const size = [operand.base, operand.index].some((name) => name?.startsWith('e')) ? 32 : width;
  return BigInt.asUintN(size, base + index * BigInt(operand.scale) + operand.displacement);
}

/** 16-bit names: also those of 16-bit addressing, which no kernel uses on purpose. */
const legacy = ['ax', 'bx', 'cx', 'dx', 'si', 'di', 'bp', 'sp'];

/** Value of a register by any of its names (`al`, `ecx`, `r8d`); `undefined` where the full register was not printed. */
export function registerValue(registers: Registers, name: string): bigint | undefined {
  const exact = registers.get(name);
  if (exact !== undefined) return exact;
  const numbered = /^(r\d+)([dwb])$/.exec(name);
  if (numbered !== null) return narrow(registers.get(numbered[1] ?? ''), numbered[2] === 'd' ? 32 : numbered[2] === 'w' ? 16 : 8);
  if (name.startsWith('e') && legacy.includes(name.slice(1))) return narrow(registers.get(`r${name.slice(1)}`), 32);
  if (legacy.includes(name)) return narrow(registers.get(`r${name}`) ?? registers.get(`e${name}`), 16);
  const byte = /^([abcd])l$/.exec(name);
  if (byte !== null) return narrow(registers.get(`r${byte[1] ?? ''}x`) ?? registers.get(`e${byte[1] ?? ''}x`), 8);
  const pointer = /^(si|di|bp|sp)l$/.exec(name);
  return pointer === null ? undefined : narrow(registers.get(`r${pointer[1] ?? ''}`), 8);
}

function narrow(value: bigint | undefined, bits: number): bigint | undefined {
  return value === undefined ? undefined : BigInt.asUintN(bits, value);
}
