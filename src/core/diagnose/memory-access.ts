/**
 * Memory that the faulting instruction touches: explicit operands, and the stack of PUSH, POP, CALL and RET.
 *
 * In: the decoded instruction and the registers at the fault. Out: each access with its address where the registers tell it.
 * Refuses: an address through a register that was not printed is absent, never zero.
 */
import { hex, linkAddressOf } from '../addresses.js';
import type { Instruction } from '../platform.js';
import { type Sentence, say } from '../sentence.js';
import type { CrashContext } from './crash-context.js';
import { type MemoryOperand, operandAddress, registerValue } from './instruction.js';

export interface MemoryAccess {
  readonly kind: 'read' | 'write' | 'read-write';
  /** `rdx`, `rbp-0x10`, `rax+rcx*8`; a plain address for one without registers. */
  readonly through: string;
  /** Absent where a register of it is not known. */
  readonly address?: bigint;
}

export function memoryAccesses(context: CrashContext): readonly MemoryAccess[] {
  const { instruction: found, registers, crash } = context;
  if (found === undefined) return [];
  const accesses: MemoryAccess[] = [];
  for (const operand of found.instruction.operands) {
    if (operand.kind !== 'memory' || operand.access === 'none') continue;
    const address = reachesFurther(found.instruction) ? undefined : operandAddress(operand, registers, crash.arch, found.loaded.bias);
    accesses.push({ kind: operand.access, through: throughText(operand, address), ...(address !== undefined && { address }) });
  }
  const stack = stackAccess(found.instruction, context);
  return stack === undefined ? accesses : [...accesses, stack];
}

/** BT and its like with a bit number in a register: the bit may lie far from the operand (SDM vol 2, BT). */
function reachesFurther({ mnemonic, operands }: Instruction): boolean {
  return /^bt[rsc]?$/.test(mnemonic) && operands[1]?.kind === 'register';
}

function stackAccess(instruction: Instruction, context: CrashContext): MemoryAccess | undefined {
  const { arch } = context.crash;
  const pointer = arch === 'i386' ? 'esp' : 'rsp';
  const word = arch === 'i386' ? 4n : 8n;
  const bits = arch === 'i386' ? 32 : 64;
  const at = (name: string, offset: bigint, kind: 'read' | 'write'): MemoryAccess => {
    const value = registerValue(context.registers, name);
    return { kind, through: name, ...(value !== undefined && { address: BigInt.asUintN(bits, value + offset) }) };
  };
  switch (instruction.mnemonic) {
    case 'push':
    case 'call':
    case 'pushf':
    case 'pushfd':
    case 'pushfq':
      return at(pointer, -word, 'write');
    case 'pop':
    case 'ret':
    case 'popf':
    case 'popfd':
    case 'popfq':
      return at(pointer, 0n, 'read');
    case 'leave':
      return at(arch === 'i386' ? 'ebp' : 'rbp', 0n, 'read');
    default:
      return undefined;
  }
}

function throughText(operand: MemoryOperand, address: bigint | undefined): string {
  if (operand.base === 'rip') return address === undefined ? 'rip' : hex(address);
  const parts: string[] = [];
  if (operand.base !== undefined) parts.push(operand.base);
  if (operand.index !== undefined) parts.push(operand.scale === 1 ? operand.index : `${operand.index}*${operand.scale}`);
  const registers = parts.join('+');
  const { displacement } = operand;
  if (registers === '') return hex(address ?? BigInt.asUintN(64, displacement));
  if (displacement === 0n) return registers;
  return displacement < 0n ? `${registers}-${hex(-displacement)}` : `${registers}+${hex(displacement)}`;
}

/** "write to 0x0 through rdx". */
export function accessText(access: MemoryAccess): Sentence {
  const verb = access.kind === 'read' ? 'read of' : 'write to';
  if (access.address === undefined) return [`${verb} memory through `, { code: access.through }];
  const direct = access.through === hex(access.address);
  return [`${verb} `, { code: hex(access.address) }, ...(direct ? [] : [' through ', { code: access.through }])];
}

/** ` (the text "4141")` for a value whose bytes are all printable: text that was written over it. Empty for any other. */
export function asText(value: bigint): Sentence {
  const bytes: number[] = [];
  for (let rest = value; rest !== 0n; rest >>= 8n) bytes.push(Number(rest & 0xffn));
  const printable = bytes.length >= 4 && bytes.length % 4 === 0 && bytes.every((byte) => byte >= 0x20 && byte < 0x7f);
  return printable ? say` (the text ${String.fromCharCode(...bytes)})` : [];
}

/** `.data (g_vcpubuffers+0x20)`: what lies at a runtime address in one of the images. */
export function placeOf(context: CrashContext, address: bigint): Sentence | undefined {
  for (const { image, bias } of context.images) {
    if (image.arch !== context.crash.arch) continue;
    const link = linkAddressOf(address - bias);
    const section = link === undefined ? undefined : image.sectionAt(link);
    if (link === undefined || section === undefined) continue;
    const symbol = image.symbolAt(link);
    return symbol === undefined ? say`${section.name}` : say`${symbol.symbol.name}+${hex(symbol.offset)} in ${section.name}`;
  }
  return undefined;
}
