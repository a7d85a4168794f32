/**
 * What a log tells about one CPU: MSRs, CPUID, vendor, and what follows from them.
 *
 * In: the log's readings. Out: answers for conditions, each with the line it stands on. Refuses: readings that contradict each
 * other, or that may have lost their upper half in the print, are not known.
 *
 * A CPU's own readings come first; else those of the others, where all of them agree.
 */
import { type Arch, hex } from '../addresses.js';
import type { CpuidReading, CrashLog, MsrReading } from '../log/crash-log.js';
import { type Sentence, say } from '../sentence.js';
import type { BitField, ConditionInputs, CpuidRegister, Hypervisor, Known } from './condition.js';

/** A 64-bit value of which only the bits of `known` were read. */
export interface MsrFact {
  readonly value: bigint;
  readonly known: bigint;
  /** The log prints the MSR as unavailable: its value counts as 0. */
  readonly unavailable: boolean;
  readonly from: Sentence;
  readonly line: number;
}

export interface CpuFacts extends ConditionInputs {
  msr(address: number): MsrFact | undefined;
  /** The log says that the code ran under another hypervisor (true) or on metal (false). */
  inVirtualMachine(): Known<boolean> | undefined;
}

export interface CpuQuestion {
  /** Two hex digits; '' where the log names none. */
  readonly cpu: string;
  /** Index in `boots`: readings of other boots (another machine, or another hypervisor) are not used. */
  readonly boot?: number | undefined;
  /** Of the code that crashed. */
  readonly arch?: Arch | undefined;
}

const all64 = 0xffff_ffff_ffff_ffffn;
const low32 = 0xffff_ffffn;
const vmxFirst = 0x480;
const vmxLastAlways = 0x48a;
const vmxTrueFirst = 0x48d;
const vmxTrueLast = 0x490;

/** CPUID.40000000H:EBX, ECX, EDX of each hypervisor. */
const signatures: Readonly<Record<Hypervisor, readonly [number, number, number]>> = {
  kvm: [0x4b4d564b, 0x564b4d56, 0x0000004d],
  hyperv: [0x7263694d, 0x666f736f, 0x76482074],
  xen: [0x566e6558, 0x65584d4d, 0x4d4d566e],
};

export function cpuFacts(log: CrashLog, about: CpuQuestion): CpuFacts {
  const { msrs, cpuids, wideShapes, dumpVendor } = readingsOfBoot(log, about.boot);
  const narrow = (about.arch ?? log.arch) === 'i386';

  const msr = (address: number): MsrFact | undefined => {
    const reading = agreed(msrs.get(address) ?? [], about.cpu, (r) => r.value);
    if (reading === undefined) return undefined;
    const { line, value } = reading;
    if (value === 'unavailable') {
      const from = say`the log prints MSR ${hex(address)} as unavailable, ${[`line ${line}`]}`;
      return { value: 0n, known: all64, unavailable: true, from, line };
    }
    // `%016lx` on i386 prints the low half only, with zeros before it.
    const whole = !narrow || value > low32 || wideShapes.has(shapeOf(log, line));
    const from = say`MSR ${hex(address)} is ${hex(value, whole ? 16 : 8)}${whole ? [] : [' in its low half']}, ${[`line ${line}`]}`;
    return { value, known: whole ? all64 : low32, unavailable: false, from, line };
  };

  const cpuid = (leaf: number, subleaf: number, register: CpuidRegister): Known<number> | undefined => {
    const reading = agreed(cpuids.get(cpuidKey(leaf, subleaf, register)) ?? [], about.cpu, (r) => r.value);
    if (reading === undefined) return undefined;
    return { value: reading.value >>> 0, from: cpuidFrom(reading), line: reading.line };
  };

  const cpuidBits = (field: BitField & { kind: 'cpuid' }): Known<bigint> | undefined => {
    const read = cpuid(field.leaf, field.subleaf, field.register);
    const highest = field.leaf < 0x4000_0000 && field.leaf > 0 ? cpuid(0, 0, 'EAX') : undefined;
    // An Intel CPU answers a leaf beyond its highest with the data of another: what it returned does not count.
    if (highest !== undefined && field.leaf > highest.value) {
      return { value: 0n, from: say`the highest basic CPUID leaf is ${hex(highest.value)}`, ...lineOf(highest) };
    }
    if (read !== undefined) return { value: cut(BigInt(read.value), field), from: read.from, ...lineOf(read) };
    return follows(field);
  };

  /** Facts that need no CPUID in the log. */
  const follows = (field: BitField & { kind: 'cpuid' }): Known<bigint> | undefined => {
    const isBit = (leaf: number, register: CpuidRegister, bit: number): boolean =>
      field.leaf === leaf && field.subleaf === 0 && field.register === register && field.high === bit && field.low === bit;
    if (isBit(1, 'ECX', 5)) {
      const read = readSuccessfully(vmxFirst, vmxLastAlways);
      return read && { value: 1n, from: say`MSR ${hex(read.address)} could be read, ${[`line ${read.line}`]}`, line: read.line };
    }
    if (isBit(0x8000_0001, 'EDX', 29)) {
      if (about.arch === 'amd64') return { value: 1n, from: say`the code that crashed is 64-bit code` };
      const efer = msr(0xc000_0080);
      if (efer !== undefined && ((efer.value >> 10n) & 1n) === 1n) return { value: 1n, from: efer.from, line: efer.line };
    }
    return undefined;
  };

  const readSuccessfully = (first: number, last: number): { readonly address: number; readonly line: number } | undefined => {
    for (let address = first; address <= last; address += 1) {
      const fact = msr(address);
      if (fact !== undefined && !fact.unavailable) return { address, line: fact.line };
    }
    return undefined;
  };

  const msrBits = (field: BitField & { kind: 'msr' }): Known<bigint> | undefined => {
    const fact = msr(field.address);
    const mask = fieldMask(field);
    if (fact !== undefined && (fact.known & mask) === mask) return { value: cut(fact.value, field), from: fact.from, line: fact.line };
    if (field.address !== vmxFirst || field.high !== 55 || field.low !== 55) return undefined;
    const read = readSuccessfully(vmxTrueFirst, vmxTrueLast);
    return read && { value: 1n, from: say`MSR ${hex(read.address)} could be read, ${[`line ${read.line}`]}`, line: read.line };
  };

  const identity = (): { readonly family: number; readonly model: number; readonly known: Known<number> } | undefined => {
    const known = cpuid(1, 0, 'EAX');
    if (known === undefined) return undefined;
    const base = (known.value >>> 8) & 0xf;
    const family = base === 0xf ? base + ((known.value >>> 20) & 0xff) : base;
    const extended = base === 6 || base === 0xf ? ((known.value >>> 16) & 0xf) << 4 : 0;
    return { family, model: extended | ((known.value >>> 4) & 0xf), known };
  };

  const vendor = (): Known<'intel' | 'amd'> | undefined => {
    const ebx = cpuid(0, 0, 'EBX');
    if (ebx?.value === 0x756e6547) return { value: 'intel', from: ebx.from, ...lineOf(ebx) };
    if (ebx?.value === 0x68747541) return { value: 'amd', from: ebx.from, ...lineOf(ebx) };
    if (log.facts.vendor !== undefined) return { value: log.facts.vendor, from: say`the log names the vendor` };
    return dumpVendor;
  };

  const inVirtualMachine = (): Known<boolean> | undefined => {
    const ecx = cpuid(1, 0, 'ECX');
    return ecx && { value: ((ecx.value >>> 31) & 1) === 1, from: ecx.from, ...lineOf(ecx) };
  };

  return {
    msr,
    inVirtualMachine,
    vendor,
    bits: (field) => (field.kind === 'cpuid' ? cpuidBits(field) : msrBits(field)),
    family: () => {
      const found = identity();
      return found && { ...found.known, value: found.family };
    },
    model: () => {
      const found = identity();
      return found && { ...found.known, value: found.model };
    },
    hypervisor: (name) => {
      const virtual = inVirtualMachine();
      if (virtual?.value === false) return { ...virtual, value: false };
      const registers = (['EBX', 'ECX', 'EDX'] as const).map((register) => cpuid(0x4000_0000, 0, register));
      const [ebx, ecx, edx] = registers;
      if (ebx === undefined || ecx === undefined || edx === undefined) return undefined;
      const [wantB, wantC, wantD] = signatures[name];
      return { ...ebx, value: ebx.value === wantB && ecx.value === wantC && edx.value === wantD };
    },
  };
}

interface Readings {
  readonly msrs: ReadonlyMap<number, readonly MsrReading[]>;
  readonly cpuids: ReadonlyMap<string, readonly CpuidReading[]>;
  /** Print statements that showed an upper half at least once. */
  readonly wideShapes: ReadonlySet<string>;
  readonly dumpVendor: Known<'intel' | 'amd'> | undefined;
}

/** Every crash of a log asks: a log of 1,024 crashes must not be indexed 1,024 times. */
const indexed = new WeakMap<CrashLog, Map<number | undefined, Readings>>();

function readingsOfBoot(log: CrashLog, boot: number | undefined): Readings {
  const ofLog = indexed.get(log) ?? new Map<number | undefined, Readings>();
  indexed.set(log, ofLog);
  const known = ofLog.get(boot);
  if (known !== undefined) return known;
  const inBoot = linesOfBoot(log, boot);
  const all = [...log.facts.msrs, ...arrayReadings(log)].filter((reading) => inBoot(reading.line) && !isNotYetFilled(log, reading));
  const readings: Readings = {
    msrs: grouped(all, (reading) => reading.address),
    cpuids: grouped(
      log.facts.cpuid.filter((reading) => inBoot(reading.line)),
      (reading) => cpuidKey(reading.leaf, reading.subleaf, reading.register),
    ),
    dumpVendor: vendorOfDump(log),
    wideShapes: new Set(all.filter((r) => r.value !== 'unavailable' && r.value > low32).map((r) => shapeOf(log, r.line))),
  };
  ofLog.set(boot, readings);
  return readings;
}

function grouped<K, T>(items: readonly T[], key: (item: T) => K): ReadonlyMap<K, readonly T[]> {
  const groups = new Map<K, T[]>();
  for (const item of items) {
    const group = groups.get(key(item));
    if (group === undefined) groups.set(key(item), [item]);
    else group.push(item);
  }
  return groups;
}

function cpuidKey(leaf: number, subleaf: number, register: CpuidRegister): string {
  return `${leaf} ${subleaf} ${register}`;
}

/** Lines from the boot's banner to the next one; all lines where there is no banner. */
function linesOfBoot(log: CrashLog, boot: number | undefined): (line: number) => boolean {
  if (log.boots.length === 0) return () => true;
  const first = boot === undefined ? 0 : (log.boots[boot]?.line ?? 0);
  const next = log.boots[boot === undefined ? 0 : boot + 1]?.line ?? Number.POSITIVE_INFINITY;
  return (line) => line >= first && line < next;
}

/** The last reading of the CPU, or of the others; `undefined` where they contradict each other. */
function agreed<T extends { readonly cpu?: string; readonly line: number }>(
  readings: readonly T[],
  cpu: string,
  value: (reading: T) => bigint | number | string,
): T | undefined {
  const own = readings.filter((reading) => reading.cpu === cpu);
  const chosen = own.length > 0 ? own : readings;
  const last = chosen.at(-1);
  return last !== undefined && chosen.every((reading) => value(reading) === value(last)) ? last : undefined;
}

const vmxArray = /^vcpu->vmx_msrs\[([0-9a-f]{1,2})\]$/;
/** The array holds 480H to 491H. */
const vmxArrayLength = 18;

/** XMHF's own copy of the VMX MSRs, in a VCPU dump. */
function arrayReadings(log: CrashLog): readonly MsrReading[] {
  return log.facts.vmcs.flatMap(({ cpu, name, value, line }): MsrReading[] => {
    const of = cpu === undefined ? {} : { cpu };
    if (name === 'vcpu->vmx_msr_efcr') return [{ ...of, address: 0x3a, value, line }];
    const index = Number.parseInt(vmxArray.exec(name)?.[1] ?? '', 16);
    return index < vmxArrayLength ? [{ ...of, address: vmxFirst + index, value, line }] : [];
  });
}

/** `CPU_VENDOR_INTEL` and `CPU_VENDOR_AMD` of XMHF, in a VCPU dump. */
function vendorOfDump(log: CrashLog): Known<'intel' | 'amd'> | undefined {
  const found = log.facts.vmcs.find(({ name, value }) => name === 'vcpu->cpu_vendor' && (value === 0xabn || value === 0xcdn));
  return (
    found && {
      value: found.value === 0xabn ? 'intel' : 'amd',
      from: say`vcpu->cpu_vendor is ${hex(found.value)}, ${[`line ${found.line}`]}`,
      line: found.line,
    }
  );
}

/** XMHF prints its own array of VMX MSRs before it has filled it: zeros there were not read from the CPU. */
function isNotYetFilled(log: CrashLog, reading: MsrReading): boolean {
  return reading.value === 0n && log.source.line(reading.line).includes('vmx_msrs');
}

/** The print statement a line came from, roughly: its text without numbers. */
function shapeOf(log: CrashLog, line: number): string {
  return log.source
    .line(line)
    .slice(0, 200)
    .replace(/0x[0-9a-f]+|\[[0-9a-f]+\]|\{[^}]*\}/gi, '#');
}

function cpuidFrom(reading: CpuidReading): Sentence {
  const leaf = `CPUID.${reading.leaf.toString(16).toUpperCase().padStart(2, '0')}H:${reading.register}`;
  return say`${leaf} is ${hex(reading.value >>> 0, 8)}, ${[`line ${reading.line}`]}`;
}

function lineOf(known: { readonly line?: number }): { readonly line?: number } {
  return known.line === undefined ? {} : { line: known.line };
}

function fieldMask(field: BitField): bigint {
  return ((1n << BigInt(field.high - field.low + 1)) - 1n) << BigInt(field.low);
}

function cut(value: bigint, field: BitField): bigint {
  return (value & fieldMask(field)) >> BigInt(field.low);
}
