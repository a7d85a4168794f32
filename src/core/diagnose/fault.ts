/**
 * Exception vectors and error codes: what the CPU itself says about a fault.
 *
 * In: numbers. Out: words. Refuses: nothing is guessed; a reserved vector has no entry.
 * Source: Intel SDM vol 3 chapter 6 (vectors, error-code formats), AMD APM vol 2 chapter 8 (28-30).
 */
import { hex } from '../addresses.js';
import { type Sentence, say } from '../sentence.js';

export interface VectorFact {
  readonly mnemonic: string;
  readonly meaning: string;
  /** `fault`: the saved PC is the instruction. `trap`: the next one. `abort`: cannot be trusted. */
  readonly saves: 'fault' | 'trap' | 'fault or trap' | 'abort' | 'interrupt';
  readonly errorCode: 'none' | 'zero' | 'selector' | 'page-fault' | 'control-protection' | 'exit-code' | 'other';
}

export const vectors: ReadonlyMap<number, VectorFact> = new Map<number, VectorFact>([
  [0, { mnemonic: '#DE', meaning: 'divide error', saves: 'fault', errorCode: 'none' }],
  [1, { mnemonic: '#DB', meaning: 'debug exception', saves: 'fault or trap', errorCode: 'none' }],
  [2, { mnemonic: 'NMI', meaning: 'non-maskable interrupt', saves: 'interrupt', errorCode: 'none' }],
  [3, { mnemonic: '#BP', meaning: 'breakpoint', saves: 'trap', errorCode: 'none' }],
  [4, { mnemonic: '#OF', meaning: 'overflow', saves: 'trap', errorCode: 'none' }],
  [5, { mnemonic: '#BR', meaning: 'bound range exceeded', saves: 'fault', errorCode: 'none' }],
  [6, { mnemonic: '#UD', meaning: 'invalid opcode', saves: 'fault', errorCode: 'none' }],
  [7, { mnemonic: '#NM', meaning: 'FPU not available', saves: 'fault', errorCode: 'none' }],
  [8, { mnemonic: '#DF', meaning: 'double fault', saves: 'abort', errorCode: 'zero' }],
  [10, { mnemonic: '#TS', meaning: 'invalid TSS', saves: 'fault', errorCode: 'selector' }],
  [11, { mnemonic: '#NP', meaning: 'segment not present', saves: 'fault', errorCode: 'selector' }],
  [12, { mnemonic: '#SS', meaning: 'stack-segment fault', saves: 'fault', errorCode: 'selector' }],
  [13, { mnemonic: '#GP', meaning: 'general protection fault', saves: 'fault', errorCode: 'selector' }],
  [14, { mnemonic: '#PF', meaning: 'page fault', saves: 'fault', errorCode: 'page-fault' }],
  [16, { mnemonic: '#MF', meaning: 'x87 floating-point error', saves: 'fault', errorCode: 'none' }],
  [17, { mnemonic: '#AC', meaning: 'alignment check or split lock', saves: 'fault', errorCode: 'zero' }],
  [18, { mnemonic: '#MC', meaning: 'machine check', saves: 'abort', errorCode: 'none' }],
  [19, { mnemonic: '#XM', meaning: 'SIMD floating-point error', saves: 'fault', errorCode: 'none' }],
  [20, { mnemonic: '#VE', meaning: 'virtualization exception', saves: 'fault', errorCode: 'none' }],
  [21, { mnemonic: '#CP', meaning: 'control protection', saves: 'fault', errorCode: 'control-protection' }],
  [28, { mnemonic: '#HV', meaning: 'hypervisor injection', saves: 'interrupt', errorCode: 'none' }],
  [29, { mnemonic: '#VC', meaning: 'VMM communication', saves: 'fault', errorCode: 'exit-code' }],
  [30, { mnemonic: '#SX', meaning: 'security exception', saves: 'fault', errorCode: 'other' }],
]);

/** `#GP`, or `vector 40` for one without a name. */
export function vectorName(vector: number): string {
  return vectors.get(vector)?.mnemonic ?? `vector ${vector}`;
}

/** Error code of #TS, #NP, #SS, #GP. */
export interface SelectorError {
  /** An event outside the program was being delivered. */
  readonly external: boolean;
  /** `idt`: `index` is a vector. */
  readonly table: 'gdt' | 'ldt' | 'idt';
  readonly index: number;
}

/** `undefined` for 0: no selector is involved. */
export function selectorError(code: bigint): SelectorError | undefined {
  const low = Number(code & 0xffffn);
  if (low === 0) return undefined;
  return { external: (low & 1) !== 0, table: (low & 2) !== 0 ? 'idt' : (low & 4) !== 0 ? 'ldt' : 'gdt', index: low >> 3 };
}

export function selectorSentence(error: SelectorError): Sentence {
  const delivering = error.external ? say`, while an event from outside the program was being delivered` : say``;
  switch (error.table) {
    case 'idt':
      return say`the error code names IDT gate ${error.index} (${vectorName(error.index)})${delivering}`;
    case 'gdt':
      // Index 0 with EXT alone: no selector, only that an outside event was being delivered.
      if (error.index === 0) return say`the error code names no selector${delivering}`;
      return say`the error code names GDT entry ${error.index} (selector ${hex(error.index << 3)})${delivering}`;
    case 'ldt':
      return say`the error code names LDT entry ${error.index} (selector ${hex((error.index << 3) | 4)})${delivering}`;
    default:
      return error.table satisfies never;
  }
}

/** Bits of a page fault's error code. SDM vol 3 §4.7. */
export interface PageFaultError {
  readonly present: boolean;
  readonly write: boolean;
  readonly user: boolean;
  readonly reservedBit: boolean;
  readonly fetch: boolean;
  readonly protectionKey: boolean;
  readonly shadowStack: boolean;
  readonly sgx: boolean;
  readonly rmp: boolean;
}

export function pageFaultError(code: bigint): PageFaultError {
  const bit = (n: bigint): boolean => ((code >> n) & 1n) === 1n;
  return {
    present: bit(0n),
    write: bit(1n),
    user: bit(2n),
    reservedBit: bit(3n),
    fetch: bit(4n),
    protectionKey: bit(5n),
    shadowStack: bit(6n),
    sgx: bit(15n),
    rmp: bit(31n),
  };
}

/** "a write to a page that is not present". */
export function pageFaultSentence(error: PageFaultError): string {
  const who = error.user ? ' from user mode' : '';
  const access = error.fetch ? 'an instruction fetch from' : error.write ? 'a write to' : 'a read of';
  const shadow = error.shadowStack ? ' (shadow stack)' : '';
  return `${access} a page that ${pageState(error)}${who}${shadow}`;
}

function pageState(error: PageFaultError): string {
  if (error.reservedBit) return 'has a reserved bit set in its paging entries';
  if (!error.present) return 'is not present';
  if (error.protectionKey) return 'is closed by a protection key';
  if (error.sgx) return 'an SGX rule closes';
  if (error.rmp) return 'the SEV-SNP page check refuses';
  if (error.fetch) return 'may not be executed';
  return error.write ? 'may not be written' : 'may not be read';
}

/** #CP error codes, bits 14:0. */
export const controlProtection: ReadonlyMap<number, string> = new Map([
  [1, 'a near RET whose address differs from the shadow stack'],
  [2, 'a far RET or IRET whose address differs from the shadow stack'],
  [3, 'an indirect jump or call to a place without ENDBRANCH'],
  [4, 'a bad token at RSTORSSP'],
  [5, 'a bad token at SETSSBSY'],
]);

/** Canonical for 4-level paging (bits 63:47 equal), or for 5-level paging (bits 63:56 equal). */
export function isCanonical(value: bigint, levels: 4 | 5 = 5): boolean {
  const width = levels === 4 ? 48 : 57;
  return BigInt.asUintN(64, BigInt.asIntN(width, value)) === BigInt.asUintN(64, value);
}
