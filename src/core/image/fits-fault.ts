/**
 * Could the instruction at the PC have raised this exception? One of the signals that tie an image to a log.
 *
 * In: decoded instruction, vector, error code. Out: true, false, or `undefined` where the vector says nothing about the
 * instruction (interrupts and aborts). A rule answers false only where no state of the CPU could make the instruction fault so
 * (SDM vol 2, exception lists; vol 3 §6.15).
 */
import type { CpuCrash } from '../log/crash-log.js';
import type { Instruction, Operand } from '../platform.js';

const divisions = new Set(['div', 'idiv', 'aam']);
const stackInstructions = new Set([
  'push',
  'pop',
  'pushf',
  'pushfd',
  'pushfq',
  'popf',
  'popfd',
  'popfq',
  'pusha',
  'pushad',
  'popa',
  'popad',
  'enter',
  'leave',
]);
const stringInstruction = /^(?:movs|stos|lods|scas|cmps|ins|outs|xlat)/;
const descriptorInstruction = /^(?:lgdt|lidt|lldt|ltr|sgdt|sidt|les|lds|lfs|lgs|lss|verr|verw|lar|lsl|str|sldt)/;
const systemInstruction =
  /^(?:rdmsr|wrmsr|rdmsrlist|wrmsrlist|wrmsrns|rdpmc|rdtsc|rdtscp|xsetbv|xgetbv|getsec|monitor|mwait|in|out|hlt|cli|sti|invd|wbinvd|wbnoinvd|invlpg|invpcid|invept|invvpid|vm\w+|clgi|stgi|skinit|swapgs|sysenter|sysexit|syscall|sysret|rsm|lmsw|smsw|clts|encls|enclu|enclv|rdpid|swapgs|clac|stac|fx\w+|xsave\w*|xrstor\w*|ldmxcsr|stmxcsr|iret\w*|retf|ret|int\w*|ud\d|cpuid|movdqa|movaps|movapd|movntdq|v\w+)$/;

function touchesMemory(instruction: Instruction): boolean {
  if (instruction.operands.some((operand) => operand.kind === 'memory' && operand.access !== 'none')) return true;
  if (
    stackInstructions.has(instruction.mnemonic) ||
    stringInstruction.test(instruction.mnemonic) ||
    descriptorInstruction.test(instruction.mnemonic)
  )
    return true;
  return ['call', 'indirect-call', 'return', 'interrupt-return', 'interrupt'].includes(instruction.flow);
}

function movesSystemRegister(instruction: Instruction): boolean {
  return instruction.operands.some(
    ({ kind, ...operand }) => kind === 'register' && 'register' in operand && /^(?:cr|dr)\d+$|^[cdefgs]s$/.test(String(operand.register)),
  );
}

const isSimd = (instruction: Instruction): boolean =>
  instruction.operands.some((operand) => operand.kind === 'register' && /^(?:[xyz]?mm\d+|st\d?|k\d)$/.test(operand.register)) ||
  /^f/.test(instruction.mnemonic);

export function fitsFault(instruction: Instruction, vector: number, errorCode: bigint | undefined): boolean | undefined {
  const { mnemonic } = instruction;
  if (mnemonic === '(bad)') return vector === 6 ? true : undefined;
  const system = systemInstruction.test(mnemonic) || instruction.privileged || movesSystemRegister(instruction);
  // EXT: the CPU was delivering an event; the instruction only stood there (faults.md of the manuals' error-code format)
  const delivering = errorCode !== undefined && (errorCode & 1n) === 1n;
  switch (vector) {
    case 0:
      return divisions.has(mnemonic);
    case 5:
      return mnemonic === 'bound' || mnemonic.startsWith('bnd');
    case 6:
      return instruction.flow === 'stop' || system || isSimd(instruction) || instruction.hasLock;
    case 7:
    case 16:
    case 19:
      return isSimd(instruction) || mnemonic === 'wait' || system;
    case 10:
    case 11:
      return delivering || system || descriptorInstruction.test(mnemonic) || instruction.flow !== 'next' || mnemonic === 'pop';
    case 12:
    case 13:
      // a zero EXT bit with the IDT bit set means INT n
      if (delivering) return undefined;
      return system || touchesMemory(instruction) || instruction.flow === 'indirect-jump' || descriptorInstruction.test(mnemonic);
    case 14:
      // bit 4: the fetch itself faulted, whatever the instruction
      if (errorCode !== undefined && (errorCode & 0x10n) !== 0n) return undefined;
      return touchesMemory(instruction) || system;
    case 17:
      return touchesMemory(instruction);
    default:
      return undefined;
  }
}

/**
 * In 64-bit mode a plain memory access raises #GP(0) or #SS(0) only where its address is not canonical (SDM vol 3, 3.3.7.1): with the
 * registers known, a canonical address excludes it. Segments with a base, SIMD operands (alignment) and system instructions are left alone.
 */
export function excludesAddressFault(instruction: Instruction, vector: number, crash: CpuCrash): boolean {
  if (crash.arch !== 'amd64' || (vector !== 12 && vector !== 13) || crash.fault.errorCode !== 0n) return false;
  if (instruction.flow !== 'next' || instruction.privileged || isSimd(instruction) || movesSystemRegister(instruction)) return false;
  if (systemInstruction.test(instruction.mnemonic) || descriptorInstruction.test(instruction.mnemonic)) return false;
  if (stackInstructions.has(instruction.mnemonic) || stringInstruction.test(instruction.mnemonic)) return false;
  const accesses = instruction.operands.filter((operand) => operand.kind === 'memory' && operand.access !== 'none');
  return accesses.length > 0 && accesses.every((operand) => operand.kind === 'memory' && isCanonicalAccess(operand, crash));
}

function isCanonicalAccess(operand: Extract<Operand, { kind: 'memory' }>, { registers, fault }: CpuCrash): boolean {
  if (operand.segment === 'fs' || operand.segment === 'gs') return false;
  // the printed stack pointer is the hardware frame's
  const known = (name: string): bigint | undefined => (name === 'rsp' ? fault.interrupted.sp : registers.get(name));
  const base = operand.base === undefined || operand.base === 'rip' ? 0n : known(operand.base);
  const index = operand.index === undefined ? 0n : known(operand.index);
  if (base === undefined || index === undefined) return false;
  const first = BigInt.asUintN(64, base + index * BigInt(operand.scale) + operand.displacement);
  return [first, BigInt.asUintN(64, first + BigInt(Math.max(operand.size, 1) - 1))].every(
    (address) => BigInt.asUintN(64, BigInt.asIntN(48, address)) === address,
  );
}
