/**
 * Why an MSR that exists refuses a value: reserved bits, illegal types, addresses that are not canonical.
 *
 * In: address, value, the row's note, what is known of the CPU. Out: one sentence for each rule that is certainly broken.
 * Refuses: conditions that depend on a feature the log does not tell are not claimed.
 *
 * Rules for EFER, APIC_BASE, PAT, MTRRs and FEATURE_CONTROL are written out; the others are read from the note's fixed phrases
 * ("bits 63:32 reserved", "value must be canonical", "only all-zero may be written").
 */
import { hex } from '../addresses.js';
import { type Sentence, say } from '../sentence.js';
import type { CpuFacts } from './cpu-facts.js';
import { isCanonical } from './fault.js';
import type { MsrRow } from './msr-table.js';

interface BitName {
  readonly bit: number;
  readonly name: string;
}

const eferBits: readonly BitName[] = [
  { bit: 0, name: 'SCE' },
  { bit: 8, name: 'LME' },
  { bit: 10, name: 'LMA' },
  { bit: 11, name: 'NXE' },
  { bit: 12, name: 'SVME' },
  { bit: 13, name: 'LMSLE' },
  { bit: 14, name: 'FFXSR' },
  { bit: 15, name: 'TCE' },
];
const featureControlBits: readonly BitName[] = [
  { bit: 0, name: 'lock' },
  { bit: 1, name: 'VMX inside SMX' },
  { bit: 2, name: 'VMX outside SMX' },
  { bit: 15, name: 'SENTER global enable' },
  { bit: 17, name: 'SGX launch control' },
  { bit: 18, name: 'SGX enable' },
  { bit: 20, name: 'LMCE on' },
];
const apicBaseBits: readonly BitName[] = [
  { bit: 8, name: 'BSP' },
  { bit: 10, name: 'x2APIC (EXTD)' },
  { bit: 11, name: 'enable (EN)' },
];

const named: ReadonlyMap<number, readonly BitName[]> = new Map([
  [0x1b, apicBaseBits],
  [0x3a, featureControlBits],
  [0xc0000080, eferBits],
]);

/** Names of the bits that are set, for the MSRs that every kernel writes; `undefined` for the others. */
export function valueByBitNames(address: number, value: bigint): Sentence | undefined {
  const bits = named.get(address);
  if (bits === undefined) return undefined;
  const set = bits.filter(({ bit }) => bitOf(value, bit)).map(({ bit, name }) => `${name} (bit ${bit})`);
  const rest = bits.reduce((left, { bit }) => left & ~(1n << BigInt(bit)), value);
  const tail = rest === 0n ? say`` : say`, other bits ${hex(rest)}`;
  return set.length === 0 ? say`${hex(value)} sets none of the named bits${tail}` : say`${hex(value)} sets ${[set.join(', ')]}${tail}`;
}

/** Each rule that the value certainly breaks. */
export function illegalValue(address: number, value: bigint, row: MsrRow, facts: CpuFacts): readonly Sentence[] {
  return [...writtenOut(address, value, facts), ...readFromNote(value, row.reservedBitsNote, facts)];
}

function bitOf(value: bigint, bit: number): boolean {
  return ((value >> BigInt(bit)) & 1n) === 1n;
}

function bytesOf(value: bigint): number[] {
  return Array.from({ length: 8 }, (_, index) => Number((value >> BigInt(index * 8)) & 0xffn));
}

const mtrrTypes = [0, 1, 4, 5, 6];
const patTypes = [0, 1, 4, 5, 6, 7];

function writtenOut(address: number, value: bigint, facts: CpuFacts): Sentence[] {
  const broken: Sentence[] = [];
  const before = facts.msr(address);
  const intel = facts.vendor()?.value === 'intel';
  const cpuidBit = (leaf: number, register: 'ECX' | 'EDX', bit: number): bigint | undefined =>
    facts.bits({ kind: 'cpuid', leaf, subleaf: 0, register, high: bit, low: bit })?.value;

  if (address === 0x1b) {
    if (bitOf(value, 10) && !bitOf(value, 11)) broken.push(say`EXTD (bit 10) is 1 while EN (bit 11) is 0`);
    if (before !== undefined && !before.unavailable) {
      const was = say`(it was ${hex(before.value)}, ${[`line ${before.line}`]})`;
      if (bitOf(before.value, 10) && !bitOf(value, 10) && bitOf(value, 11))
        broken.push(say`x2APIC mode cannot go back to xAPIC mode ${was}`);
      if (!bitOf(before.value, 11) && bitOf(value, 10)) broken.push(say`a disabled APIC cannot enter x2APIC mode at once ${was}`);
    }
    if (bitOf(value, 10) && cpuidBit(1, 'ECX', 21) === 0n) broken.push(say`EXTD (bit 10) is 1 on a CPU without x2APIC`);
  }
  if (address === 0x3a && before !== undefined && !before.unavailable && bitOf(before.value, 0)) {
    broken.push(say`it was locked before (bit 0 of ${hex(before.value)}, ${[`line ${before.line}`]})`);
  }
  if (address === 0x277) {
    const bad = bytesOf(value).flatMap((type, index) => (patTypes.includes(type) ? [] : [`PA${index} = ${hex(type)}`]));
    if (bad.length > 0) broken.push(say`${bad.join(', ')}, and a PAT entry must be 0, 1, 4, 5, 6 or 7`);
  }
  if (isFixedMtrr(address)) {
    bytesOf(value).forEach((type, index) => {
      // AMD may let bits 3 and 4 through.
      const plain = intel || type > 0x1f ? type : type & ~0x18;
      if (!mtrrTypes.includes(plain)) broken.push(say`byte ${index} is ${hex(type)}, and a memory type must be 0, 1, 4, 5 or 6`);
    });
  }
  if (isMtrrWithType(address) && !mtrrTypes.includes(Number(value & 0xffn))) {
    broken.push(say`its type byte is ${hex(value & 0xffn)}, and must be 0, 1, 4, 5 or 6`);
  }
  if (address === 0xc0000080) {
    if (intel) {
      const extra = value & ~0xd01n;
      if (extra !== 0n) broken.push([`${bitList(extra)} of EFER ${isAre(extra)} reserved on Intel CPUs`]);
    } else if (value >> 32n !== 0n) {
      broken.push(say`bits 63:32 of EFER are reserved`);
    }
    if (bitOf(value, 11) && cpuidBit(0x8000_0001, 'EDX', 20) === 0n) broken.push(say`NXE (bit 11) is 1 on a CPU without execute disable`);
  }
  return broken;
}

function isFixedMtrr(address: number): boolean {
  return address === 0x250 || address === 0x258 || address === 0x259 || (address >= 0x268 && address <= 0x26f);
}

function isMtrrWithType(address: number): boolean {
  return address === 0x2ff || (address >= 0x200 && address < 0x214 && address % 2 === 0);
}

/** A phrase must stand alone between semicolons: "bit 29 reserved unless ..." and "reserved by family" say something else. */
const reservedPhrase = /^(?:reserved bits|bits?) ([\d:, ]+(?: and [\d:]+)?)(?: and above MAXPHYADDR)?(?: reserved)?$/;

function readFromNote(value: bigint, note: string, facts: CpuFacts): Sentence[] {
  const broken: Sentence[] = [];
  for (const phrase of note.split('; ').map((part) => part.trim())) {
    const reserved = reservedPhrase.exec(phrase);
    if (reserved !== null && phrase.includes('reserved')) {
      const set = value & maskOf(reserved[1] ?? '');
      if (set !== 0n) broken.push(say`${[bitList(set)]} ${[isAre(set)]} reserved (${phrase})`);
    }
    if (/\bvalue must be canonical$|^canonical,/.test(phrase) && !isCanonical(value))
      broken.push(say`the address ${hex(value)} is not canonical`);
    // HWCR bit 18 of AMD CPUs lifts this.
    if (/^only all-zero may be written\b/.test(phrase) && value !== 0n && facts.vendor()?.value !== 'amd')
      broken.push(say`only zero may be written to it`);
    if (phrase === 'only 0 may be written' && value !== 0n) broken.push(say`only zero may be written to it`);
    if (/^any nonzero value faults/.test(phrase) && value !== 0n) broken.push(say`only zero may be written to it`);
  }
  return broken;
}

function maskOf(list: string): bigint {
  let mask = 0n;
  for (const item of list.matchAll(/(\d+)(?::(\d+))?/g)) {
    const high = BigInt(item[1] ?? 0);
    const low = BigInt(item[2] ?? item[1] ?? 0);
    mask |= ((1n << (high - low + 1n)) - 1n) << low;
  }
  return mask;
}

/** `bit 5`, `bits 63:32, 7`. */
export function bitList(mask: bigint): string {
  const runs: string[] = [];
  let count = 0;
  for (let bit = 63; bit >= 0; bit -= 1) {
    if (!bitOf(mask, bit)) continue;
    let low = bit;
    while (low > 0 && bitOf(mask, low - 1)) low -= 1;
    runs.push(low === bit ? String(bit) : `${bit}:${low}`);
    count += bit - low + 1;
    bit = low;
  }
  return `${count === 1 ? 'bit' : 'bits'} ${runs.join(', ')}`;
}

function isAre(mask: bigint): string {
  return (mask & (mask - 1n)) === 0n ? 'is' : 'are';
}
