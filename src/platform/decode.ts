/**
 * `Decode` by iced-x86.
 *
 * In: code bytes and where they lie. Out: plain instructions; nothing of the wasm module escapes, and everything
 * taken from it is freed. Refuses: nothing; bytes that decode to nothing come out as `(bad)`, one byte long.
 *
 * What an instruction *is* depends on its bytes alone, where it lies only shifts targets and RIP-relative
 * addresses. So each distinct byte sequence is read from the wasm module once and shared: kernels repeat themselves,
 * and a property read across the wasm border costs more than everything else here.
 */
import type * as Iced from 'iced-x86';
import type { Arch, LinkAddress } from '../core/addresses.js';
import { linkAddress, linkAddressValue } from '../core/addresses.js';
import type { Decode, Instruction, Operand } from '../core/platform.js';

/** The module as loaded; how it was loaded (`require`, `import`) is the caller's affair. */
export type IcedModule = Omit<typeof Iced, 'default'>;
type Flow = Instruction['flow'];

/** Distinct byte sequences kept; a kernel of 5 MB has about 60,000. */
const SHAPE_LIMIT = 100_000;

const { asIntN, asUintN } = BigInt;
const { fromCharCode } = String;
const toNumber = Number;

/** What the bytes say, wherever they lie. */
interface Shape {
  readonly mnemonic: string;
  readonly flow: Flow;
  /** Target minus the address after the instruction; of direct calls, jumps and branches. */
  readonly relativeTarget: number | undefined;
  /** Target of a far jump or call to an immediate address: needs no shift. */
  readonly farTarget: number | undefined;
  /** RIP-relative operands hold the displacement from the address after the instruction. */
  readonly operands: readonly Operand[];
  /** Holds a target or a RIP-relative operand. */
  readonly shifts: boolean;
  readonly privileged: boolean;
  readonly hasLock: boolean;
  readonly hasRep: boolean;
  reads?: readonly string[];
  writes?: readonly string[];
}

const none: readonly string[] = [];

/** Builds the decoder on a loaded iced-x86 module. */
export function createDecode(iced: IcedModule): Decode {
  const { Decoder, DecoderOptions, FlowControl, Formatter, FormatterSyntax, Instruction: WasmInstruction } = iced;
  const { InstructionInfoFactory, MemorySizeExt, Mnemonic, OpAccess, OpKind, Register, RegisterExt } = iced;

  const mnemonicNames = lowerCaseNames(Mnemonic);
  const registerNames = lowerCaseNames(Register);
  const shapes: Record<Arch, Map<string, Shape>> = { i386: new Map(), amd64: new Map() };
  const accessByCode = new Map<number, readonly number[]>();
  const scratch = new WasmInstruction();
  const infoFactory = new InstructionInfoFactory();
  let formatter: Iced.Formatter | undefined;

  function withDecoded<T>(bytes: Uint8Array, at: LinkAddress, arch: Arch, use: (instruction: Iced.Instruction) => T): T {
    const decoder = new Decoder(arch === 'amd64' ? 64 : 32, bytes, DecoderOptions.None);
    const instruction = new WasmInstruction();
    try {
      decoder.ip = linkAddressValue(at);
      decoder.decodeOut(instruction);
      return use(instruction);
    } finally {
      instruction.free();
      decoder.free();
    }
  }

  function operandAccess(instruction: Iced.Instruction): readonly number[] {
    const code = instruction.code;
    const known = accessByCode.get(code);
    if (known !== undefined) return known;
    const info = infoFactory.info(instruction);
    try {
      const access = [info.op0Access, info.op1Access, info.op2Access, info.op3Access, info.op4Access];
      accessByCode.set(code, access);
      return access;
    } finally {
      info.free();
    }
  }

  function memoryAccess(instruction: Iced.Instruction, index: number): 'none' | 'read' | 'write' | 'read-write' {
    switch (operandAccess(instruction)[index]) {
      case OpAccess.Read:
      case OpAccess.CondRead:
        return 'read';
      case OpAccess.Write:
      case OpAccess.CondWrite:
        return 'write';
      case OpAccess.ReadWrite:
      case OpAccess.ReadCondWrite:
        return 'read-write';
      default:
        return 'none';
    }
  }

  const stringBases: Record<number, string> = {
    [OpKind.MemorySegSI]: 'si',
    [OpKind.MemorySegESI]: 'esi',
    [OpKind.MemorySegRSI]: 'rsi',
    [OpKind.MemorySegDI]: 'di',
    [OpKind.MemorySegEDI]: 'edi',
    [OpKind.MemorySegRDI]: 'rdi',
    [OpKind.MemoryESDI]: 'di',
    [OpKind.MemoryESEDI]: 'edi',
    [OpKind.MemoryESRDI]: 'rdi',
  };

  function memoryOperand(instruction: Iced.Instruction, index: number, kind: number, arch: Arch, next: bigint): Operand {
    const access = memoryAccess(instruction, index);
    const size = access === 'none' ? 0 : MemorySizeExt.size(instruction.memorySize);
    const stringBase = stringBases[kind];
    if (stringBase !== undefined) {
      const segment = kind >= OpKind.MemoryESDI ? 'es' : nameOf(registerNames, instruction.memorySegment);
      return { kind: 'memory', base: stringBase, scale: 1, displacement: 0n, segment, size, access };
    }
    const base = instruction.memoryBase;
    const indexRegister = instruction.memoryIndex;
    const raw = instruction.memoryDisplacement;
    const scale = instruction.memoryIndexScale;
    const ipRelative = base === Register.RIP || base === Register.EIP;
    // Without a base the displacement is an address: unsigned on i386, sign-extended on amd64, as link addresses are.
    const displacement = ipRelative
      ? asIntN(64, raw - next)
      : arch === 'amd64'
        ? asIntN(64, raw)
        : base === Register.None
          ? asUintN(32, raw)
          : asIntN(32, raw);
    return {
      kind: 'memory',
      ...(base === Register.None ? {} : { base: ipRelative ? 'rip' : nameOf(registerNames, base) }),
      ...(indexRegister === Register.None ? {} : { index: nameOf(registerNames, indexRegister) }),
      scale: scale === 8 ? 8 : scale === 4 ? 4 : scale === 2 ? 2 : 1,
      displacement,
      segment: nameOf(registerNames, instruction.memorySegment),
      size,
      access,
    };
  }

  function operandOf(instruction: Iced.Instruction, index: number, arch: Arch, next: bigint): Operand {
    const kind = instruction.opKind(index);
    switch (kind) {
      case OpKind.Register: {
        const register = instruction.opRegister(index);
        return { kind: 'register', register: nameOf(registerNames, register), size: RegisterExt.size(register) };
      }
      case OpKind.NearBranch16:
      case OpKind.NearBranch32:
      case OpKind.NearBranch64:
        return { kind: 'target', target: linkAddress(toNumber(asIntN(64, instruction.nearBranchTarget - next))) };
      case OpKind.FarBranch16:
        return { kind: 'immediate', value: BigInt(instruction.farBranch16) };
      case OpKind.FarBranch32:
        return { kind: 'immediate', value: BigInt(instruction.farBranch32) };
      case OpKind.Immediate8:
      case OpKind.Immediate8_2nd:
      case OpKind.Immediate16:
      case OpKind.Immediate32:
      case OpKind.Immediate64:
      case OpKind.Immediate8to16:
      case OpKind.Immediate8to32:
      case OpKind.Immediate8to64:
      case OpKind.Immediate32to64:
        // Kinds that the CPU sign-extends come out signed, the others as encoded.
        return { kind: 'immediate', value: asIntN(64, instruction.immediate(index)) };
      default:
        return memoryOperand(instruction, index, kind, arch, next);
    }
  }

  function flowOf(instruction: Iced.Instruction, mnemonic: string): Flow {
    switch (instruction.flowControl) {
      case FlowControl.UnconditionalBranch:
        return 'jump';
      case FlowControl.IndirectBranch:
        return 'indirect-jump';
      case FlowControl.ConditionalBranch:
        return 'branch';
      case FlowControl.Return:
        return mnemonic === 'ret' || mnemonic === 'retf' ? 'return' : 'interrupt-return';
      // VMLAUNCH, VMCALL, SYSCALL and their kind come back to the next instruction and push nothing here.
      case FlowControl.Call:
        return mnemonic === 'call' ? 'call' : 'next';
      case FlowControl.IndirectCall:
        return 'indirect-call';
      case FlowControl.Interrupt:
        return 'interrupt';
      case FlowControl.Exception:
        return 'stop';
      default:
        return 'next';
    }
  }

  function shapeOf(instruction: Iced.Instruction, arch: Arch, next: bigint): Shape {
    const mnemonic = instruction.isInvalid ? '(bad)' : nameOf(mnemonicNames, instruction.mnemonic);
    const operands: Operand[] = [];
    const count = instruction.isInvalid ? 0 : instruction.opCount;
    for (let index = 0; index < count; index++) operands.push(operandOf(instruction, index, arch, next));
    const flow = instruction.isInvalid ? 'stop' : flowOf(instruction, mnemonic);
    const first = operands[0];
    const transfers = flow === 'call' || flow === 'jump' || flow === 'branch';
    const far = transfers && first?.kind === 'immediate' ? toNumber(asUintN(32, first.value)) : undefined;
    return {
      mnemonic,
      flow,
      relativeTarget: transfers && first?.kind === 'target' ? first.target : undefined,
      farTarget: far,
      operands,
      shifts: operands.some((operand) => operand.kind === 'target' || (operand.kind === 'memory' && operand.base === 'rip')),
      privileged: instruction.isPrivileged,
      hasLock: instruction.hasLockPrefix,
      hasRep: instruction.hasRepPrefix || instruction.hasRepnePrefix,
    };
  }

  function addUsage(shape: Shape, bytes: string, arch: Arch): void {
    const reads = new Set<string>();
    const writes = new Set<string>();
    if (shape.mnemonic !== '(bad)') {
      withDecoded(bytesOf(bytes), linkAddress(0), arch, (instruction) => {
        const info = infoFactory.info(instruction);
        try {
          for (const used of info.usedRegisters() as Iced.UsedRegister[]) {
            // The wasm binding types its arrays as any[]; each element is a UsedRegister.
            const register = used.register;
            const access = used.access;
            used.free();
            if (!RegisterExt.isGPR(register)) continue;
            const full = nameOf(
              registerNames,
              arch === 'amd64' ? RegisterExt.fullRegister(register) : RegisterExt.fullRegister32(register),
            );
            const isWrite = access !== OpAccess.Read && access !== OpAccess.CondRead && access !== OpAccess.NoMemAccess;
            if (isWrite) writes.add(full);
            if (access !== OpAccess.Write && access !== OpAccess.NoMemAccess) reads.add(full);
          }
        } finally {
          info.free();
        }
      });
    }
    shape.reads = reads.size === 0 ? none : [...reads];
    shape.writes = writes.size === 0 ? none : [...writes];
  }

  function textOf(bytes: string, at: LinkAddress, arch: Arch): string {
    if (formatter === undefined) {
      formatter = new Formatter(FormatterSyntax.Intel);
      formatter.hexPrefix = '0x';
      formatter.hexSuffix = '';
      formatter.uppercaseHex = false;
      formatter.spaceAfterOperandSeparator = true;
      formatter.smallHexNumbersInDecimal = false;
      formatter.branchLeadingZeros = false;
    }
    const intel = formatter;
    return withDecoded(bytesOf(bytes), at, arch, (instruction) => (instruction.isInvalid ? '(bad)' : intel.format(instruction)));
  }

  class Decoded implements Instruction {
    constructor(
      readonly at: LinkAddress,
      readonly length: number,
      private readonly shape: Shape,
      private readonly bytes: string,
      private readonly arch: Arch,
    ) {}
    get mnemonic(): string {
      return this.shape.mnemonic;
    }
    get flow(): Flow {
      return this.shape.flow;
    }
    // Only direct transfers have one; the interface says absent, and a getter says undefined.
    get target(): LinkAddress {
      const { relativeTarget, farTarget } = this.shape;
      if (relativeTarget !== undefined) return shifted(this.at + this.length + relativeTarget, this.arch);
      return farTarget as LinkAddress; // undefined for every other flow: `target?` in the interface
    }
    get operands(): readonly Operand[] {
      const { shape } = this;
      if (!shape.shifts) return shape.operands;
      const next = this.at + this.length;
      return shape.operands.map((operand): Operand => {
        if (operand.kind === 'target') return { kind: 'target', target: shifted(next + operand.target, this.arch) };
        if (operand.kind === 'memory' && operand.base === 'rip') return { ...operand, displacement: operand.displacement + BigInt(next) };
        return operand;
      });
    }
    get writes(): readonly string[] {
      if (this.shape.writes === undefined) addUsage(this.shape, this.bytes, this.arch);
      return this.shape.writes ?? none;
    }
    get reads(): readonly string[] {
      if (this.shape.reads === undefined) addUsage(this.shape, this.bytes, this.arch);
      return this.shape.reads ?? none;
    }
    get privileged(): boolean {
      return this.shape.privileged;
    }
    get hasLock(): boolean {
      return this.shape.hasLock;
    }
    get hasRep(): boolean {
      return this.shape.hasRep;
    }
    text(): string {
      return textOf(this.bytes, this.at, this.arch);
    }
  }

  return (code, at, arch, limit = Number.MAX_SAFE_INTEGER) => {
    const instructions: Instruction[] = [];
    if (code.length === 0 || limit <= 0) return instructions;
    const known = shapes[arch];
    // The wasm instruction's address is left at 0: targets are kept relative, which costs no bigint per instruction.
    const decoder = new Decoder(arch === 'amd64' ? 64 : 32, code, DecoderOptions.None);
    try {
      let offset = 0;
      while (offset < code.length && instructions.length < limit) {
        decoder.decodeOut(scratch);
        const length = scratch.isInvalid ? 1 : scratch.length;
        const bytes = keyOf(code, offset, length);
        let shape = known.get(bytes);
        if (shape === undefined) {
          if (known.size >= SHAPE_LIMIT) known.clear();
          shape = shapeOf(scratch, arch, BigInt(offset + length));
          known.set(bytes, shape);
        }
        instructions.push(new Decoded(linkAddress(at + offset), length, shape, bytes, arch));
        offset += length;
        if (decoder.position !== offset) {
          decoder.position = offset;
          decoder.ip = BigInt(offset);
        }
      }
    } finally {
      decoder.free();
    }
    return instructions;
  };
}

/** i386 addresses wrap at 32 bits and are never negative. */
function shifted(address: number, arch: Arch): LinkAddress {
  return linkAddress(arch === 'i386' ? address >>> 0 : address);
}

function keyOf(code: Uint8Array, offset: number, length: number): string {
  let key = '';
  for (let index = offset; index < offset + length; index++) key += fromCharCode(code[index] ?? 0);
  return key;
}

function bytesOf(key: string): Uint8Array {
  return Uint8Array.from(key, (character) => character.charCodeAt(0));
}

function nameOf(names: readonly string[], value: number): string {
  return names[value] ?? '';
}

/** iced's enums map both ways; the names by number, lower case. */
function lowerCaseNames(enumeration: object): readonly string[] {
  const names: string[] = [];
  for (const [name, value] of Object.entries(enumeration)) if (typeof value === 'number') names[value] = name.toLowerCase();
  return names;
}
