/**
 * `#MC`: the banks that the log prints, decoded.
 *
 * In: MSR readings of IA32_MCG_STATUS (17AH) and IA32_MCi_STATUS (401H + 4i). Out: one finding. Refuses: banks that were not printed,
 * or whose VAL bit is 0, say nothing; model-specific codes are not decoded.
 * Source: Intel SDM vol 3 §17.3.2 (registers), §17.9 (error codes).
 */
import { hex } from '../addresses.js';
import { type Sentence, say } from '../sentence.js';
import { type CrashContext, type Verdict, verdict } from './crash-context.js';
import type { Evidence } from './diagnosis.js';

const machineCheckVector = 18;
const globalStatus = 0x17a;
const firstStatus = 0x401;
const maxBanks = 32;

export function machineCheck(context: CrashContext): Verdict | undefined {
  const { crash, facts } = context;
  if (crash.fault.vector !== machineCheckVector) return undefined;
  const evidence: Evidence[] = [];
  const explanation: Sentence[] = [
    say`The hardware reports an error of its own: a machine check comes at any instruction, and the code at the PC need not be guilty.`,
  ];
  const status = facts.msr(globalStatus);
  if (status !== undefined && !status.unavailable) {
    evidence.push({ text: status.from, line: status.line });
    if ((status.value & 1n) === 0n) explanation.push(say`RIPV (bit 0 of MSR ${'0x17a'}) is 0: the program cannot go on from the saved PC.`);
  }
  let banks = 0;
  for (let bank = 0; bank < maxBanks; bank += 1) {
    const fact = facts.msr(firstStatus + bank * 4);
    if (fact === undefined || fact.unavailable || ((fact.value >> 63n) & 1n) === 0n) continue;
    banks += 1;
    evidence.push({ text: fact.from, line: fact.line });
    explanation.push(bankSentence(bank, fact.value, facts.msr(firstStatus + bank * 4 + 1)?.value));
  }
  const base = { finding: 'machine-check', grade: 'confirmed', crash: context.index, evidence } as const;
  const claim = banks === 0 ? say`A machine check` : say`A machine check, reported by ${banks} ${[banks === 1 ? 'bank' : 'banks']}`;
  const unknown =
    banks > 0 ? [] : [say`What the hardware reported: the log prints no machine-check bank (MSRs ${'0x401'} + 4n, and ${'0x17a'}).`];
  return verdict({ ...base, claim, explanation }, unknown);
}

function bankSentence(bank: number, status: bigint, address: bigint | undefined): Sentence {
  const flag = (n: bigint): boolean => ((status >> n) & 1n) === 1n;
  const words = [flag(61n) ? 'uncorrected' : 'corrected', machineCheckCode(Number(status & 0xffffn))];
  if (flag(57n)) words.push('the state of the CPU is corrupt (PCC)');
  if (flag(62n)) words.push('earlier errors were lost (OVER)');
  const at = flag(58n) && address !== undefined ? say`, at address ${hex(address)}` : say``;
  return say`Bank ${bank}, status ${hex(status, 16)}: ${[words.join('; ')]}${at}.`;
}

const simple: ReadonlyMap<number, string> = new Map([
  [0x0000, 'no error code'],
  [0x0001, 'unclassified'],
  [0x0002, 'parity error in the microcode ROM'],
  [0x0003, 'external error'],
  [0x0004, 'functional redundancy check'],
  [0x0005, 'internal parity error'],
  [0x0006, 'SMM handler code access violation'],
  [0x0400, 'internal timer error'],
  [0x0e0b, 'I/O error'],
]);
const transaction = ['instruction', 'data', 'generic', 'reserved'];
const level = ['L0', 'L1', 'L2', 'generic level'];
const request = [
  'generic',
  'generic read',
  'generic write',
  'data read',
  'data write',
  'instruction fetch',
  'prefetch',
  'eviction',
  'snoop',
];
const memory = ['generic', 'read', 'write', 'address or command', 'scrubbing'];
const participation = ['this CPU asked', 'this CPU answered', 'seen from outside', 'generic'];
const media = ['memory', 'reserved', 'I/O', 'other'];

/** The architectural code, bits 15:0 of MCi_STATUS; bit 12 (filtering) is left out. */
export function machineCheckCode(raw: number): string {
  const code = raw & 0xefff;
  const known = simple.get(code) ?? simple.get(raw);
  if (known !== undefined) return known;
  const ll = level[code & 3] ?? '';
  const tt = transaction[(code >> 2) & 3] ?? '';
  const rrrr = request[(code >> 4) & 0xf] ?? 'reserved';
  if (code >> 10 === 1) return `internal error, code ${hex(code)}`;
  if (code >= 0x800 && code < 0x1000) {
    const timeout = (code & 0x100) !== 0 ? ', timed out' : '';
    return `bus or interconnect error: ${rrrr}, ${media[(code >> 2) & 3] ?? ''}, ${ll}, ${participation[(code >> 9) & 3] ?? ''}${timeout}`;
  }
  if (code >> 8 === 1) return `cache error: ${rrrr}, ${tt}, ${ll}`;
  if (code >> 7 === 1) {
    const channel = (code & 0xf) === 0xf ? 'channel not told' : `channel ${code & 0xf}`;
    return `memory controller error: ${memory[(code >> 4) & 7] ?? 'reserved'}, ${channel}`;
  }
  if (code >> 4 === 1) return `TLB error: ${tt}, ${ll}`;
  if (code >> 2 === 3) return `cache error: ${ll}`;
  return `code ${hex(code)}`;
}
