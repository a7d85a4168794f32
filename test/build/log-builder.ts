/**
 * Made-up serial logs in XMHF's print formats, of both widths and all eras, and the damage that real ones suffer.
 *
 * The formats follow the printf calls of `xcph-x86.c`; every value here is invented.
 */
import type { Arch } from '../../src/core/addresses.js';

export interface DumpSpec {
  readonly cpu: string;
  readonly arch: Arch;
  readonly vector: number;
  /** How the header prints the vector: 2012, 2013 and from 2022-01-22 on. */
  readonly header?: 'none' | 'bare' | 'decimal';
  readonly errorCode?: bigint;
  readonly cs: bigint;
  readonly pc: bigint;
  readonly flags: bigint;
  readonly vcpu: bigint;
  /** Of the hardware frame: what the handler prints as ESP or RSP. */
  readonly sp: bigint;
  /** The dumped words from `sp` on. */
  readonly words: readonly bigint[];
  readonly registers?: Readonly<Record<string, bigint>>;
  /** Numbers padded with blanks: amd64 until 2021-12-29. */
  readonly padded?: boolean;
  /** Registers in a row: 4 on i386 and in amd64 builds before 2021-12-08. */
  readonly perRow?: 2 | 4;
  readonly pcLabel?: 'EIP' | 'RIP';
  readonly flagsLabel?: 'EFLAGS' | 'RFLAGS';
  /** Builds of 2012 print no tag. */
  readonly untagged?: boolean;
}

const order = {
  i386: ['eax', 'ebx', 'ecx', 'edx', 'esi', 'edi', 'ebp', 'esp'],
  amd64: ['rax', 'rbx', 'rcx', 'rdx', 'rsi', 'rdi', 'rbp', 'rsp', 'r8', 'r9', 'r10', 'r11', 'r12', 'r13', 'r14', 'r15'],
} as const;

/** Values that are all different, so that a mix-up shows. */
export function registerValues(spec: DumpSpec): ReadonlyMap<string, bigint> {
  const values = new Map<string, bigint>();
  for (const [index, name] of order[spec.arch].entries()) {
    const sp = name === 'esp' || name === 'rsp';
    values.set(name, sp ? spec.sp : (spec.registers?.[name] ?? 0x1000n * BigInt(index + 1) + BigInt(Number.parseInt(spec.cpu, 16))));
  }
  return values;
}

/** The lines of one dump, without line ends. */
export function dumpLines(spec: DumpSpec): string[] {
  const digits = spec.arch === 'i386' ? 8 : 16;
  const word = (value: bigint) => `0x${value.toString(16).padStart(digits, spec.padded === true ? ' ' : '0')}`;
  const tag = spec.untagged === true ? '' : `[${spec.cpu}]`;
  const colon = spec.untagged === true ? '' : `${tag}: `;
  const blank = spec.untagged === true ? '' : `${tag} `;
  const vector = { none: '', bare: ` ${spec.vector.toString(16)}`, decimal: ` ${spec.vector} (0x${spec.vector.toString(16)})` }[
    spec.header ?? 'decimal'
  ];
  const wide = spec.arch === 'amd64';
  const lines = [`${colon}unhandled exception${vector}, halting!`];
  if (spec.errorCode !== undefined) lines.push(`${colon}error code: ${word(spec.errorCode)}`);
  lines.push(
    `${colon}state dump follows...`,
    `${blank}CS:${spec.pcLabel ?? (wide ? 'RIP' : 'EIP')} 0x${spec.cs.toString(16).padStart(4, '0')}:${word(spec.pc)} with ${spec.flagsLabel ?? (wide ? 'RFLAGS' : 'EFLAGS')}=${word(spec.flags)}`,
  );
  if (spec.untagged !== true) lines.push(`${colon}VCPU at ${word(spec.vcpu)}`);
  const pairs = [...registerValues(spec)].map(([name, value]) => `${name.toUpperCase().padEnd(3)}=${word(value)}`);
  const perRow = spec.perRow ?? (wide ? 2 : 4);
  for (let i = 0; i < pairs.length; i += perRow) lines.push(`${blank}${pairs.slice(i, i + perRow).join(' ')}`);
  lines.push(
    `${blank}CS=0x0008, DS=0x0010, ES=0x0010, SS=0x0010`,
    `${blank}FS=0x0010, GS=0x0010`,
    `${blank}TR=0x0018`,
    `${tag}-----stack dump-----`,
    ...spec.words.map((value, index) => `${tag}  Stack(${word(spec.sp + BigInt(index * (wide ? 8 : 4)))}) -> ${word(value)}`),
    `${tag}-----end------------`,
  );
  return lines;
}

/** What `My ESP is` prints for this CPU; dumps end there. */
export function stackTop(arch: Arch, cpu: string): bigint {
  return (arch === 'amd64' ? 0x1d98_6000n : 0x1d95_a000n) + BigInt(Number.parseInt(cpu, 16)) * 0x1_0000n;
}

/** A dump whose first words are its own hardware frame, as the printer makes them. */
export function crashSpec(arch: Arch, cpu = '00', more: Partial<DumpSpec> = {}): DumpSpec {
  const wide = arch === 'amd64';
  const id = BigInt(Number.parseInt(cpu, 16));
  const pc = 0x1020_4a30n;
  const flags = 0x1_0006n;
  const rest = Array.from({ length: 20 }, (_, index) => 0x1020_0000n + BigInt(index) * 0x111n + id);
  const length = more.words?.length ?? rest.length + (wide ? 5 : 3);
  const sp = stackTop(arch, cpu) - BigInt(length * (wide ? 8 : 4));
  const frame = wide ? [pc, 8n, flags, sp + 40n, 0x10n] : [pc, 8n, flags];
  return { cpu, arch, vector: 13, errorCode: 0n, cs: 8n, pc, flags, vcpu: 0x1024_bb60n + id, sp, words: [...frame, ...rest], ...more };
}

export interface BootSpec {
  readonly arch: Arch;
  readonly product?: string;
  /** Branch and 40 hex digits, or a motto. */
  readonly revision?: string;
  readonly slBase?: bigint;
  readonly runtimeSize?: bigint;
  readonly imageLength?: number;
  readonly sha1?: string;
  readonly cpus?: readonly string[];
  readonly newline?: 'first' | 'last';
}

export const revision = '0123456789abcdef0123456789abcdef01234567';

/** Boot lines that readers take facts from. */
export function bootLines(spec: BootSpec): string[] {
  const hex8 = (value: bigint | number) => `0x${value.toString(16).padStart(8, '0')}`;
  const slBase = spec.slBase ?? 0x1000_0000n;
  const sp = spec.arch === 'amd64' ? 'RSP' : 'ESP';
  const digits = spec.arch === 'amd64' ? 16 : 8;
  const cpus = spec.cpus ?? ['00'];
  const heading = spec.newline === 'first' ? ['original system E820 map follows:', ''] : ['', 'original system E820 map follows:'];
  return [
    `${spec.product ?? 'eXtensible Modular Hypervisor Framework (XMHF)'} v6.1.0`,
    `Build revision: ${spec.revision ?? `main-${revision}`}`,
    `Subarch: ${spec.arch}`,
    '',
    'INIT(early): initializing, total modules=3',
    'INIT(early): detected an Intel CPU',
    ...heading,
    '0x0000000000000000, size=0x000000000009fc00 (1)',
    `INIT(early): un-aligned size = ${hex8(spec.imageLength ?? 0x266014)}`,
    ...(spec.sha1 === undefined ? [] : goldLines(spec.sha1)),
    `slbase=${hex8(slBase)}, sl_entry_point_offset=0x00001000`,
    `SL: runtime at ${hex8(slBase + 0x20_0000n)}; size=${hex8(spec.runtimeSize ?? 0xd80_0000n)} bytes adjusted to 0x0d800000 bytes (2M aligned)`,
    'runtime initializing...',
    ...cpus.map((cpu, index) => `CPU #${index}: bsp=${index === 0 ? 1 : 0}, lapic_id=0x${cpu}`),
    ...cpus.map((cpu, index) => {
      const value = `0x${stackTop(spec.arch, cpu).toString(16).padStart(digits, '0')}`;
      return index === 0 ? `BSP(0x${cpu}): My ${sp} is ${value}` : `AP(0x${cpu}): My ${sp} is ${value}, proceeding...`;
    }),
  ];
}

/** The hash that the build wrote down: sixteen bytes, then four. */
export function goldLines(sha1: string): string[] {
  const bytes = (hex: string) => hex.replace(/../g, '$& ').trimEnd();
  return [sha1.slice(0, 32), sha1.slice(32)].map((part) => `    INIT(early): *UNTRUSTED* gold runtime: ${bytes(part)}`);
}

/** Each line begins with the newline, so the last one stays open. */
export function newlineFirst(lines: readonly string[]): string {
  return lines.map((line) => `\n${line}`).join('');
}

export function newlineLast(lines: readonly string[]): string {
  return lines.map((line) => `${line}\n`).join('');
}

/** Takes a line of each in turn. */
export function interleave(...logs: readonly (readonly string[])[]): string[] {
  const longest = Math.max(...logs.map((lines) => lines.length));
  return Array.from({ length: longest }, (_, index) => logs.flatMap((lines) => lines[index] ?? [])).flat();
}

/** Breaks lines at blanks, as mail readers do. */
export function wrap(lines: readonly string[], width: number, quote = ''): string[] {
  return lines.flatMap((line) => {
    if (line.length <= width) return [`${quote}${line}`];
    const at = line.lastIndexOf(' ', width);
    return at <= 0 ? [`${quote}${line}`] : [`${quote}${line.slice(0, at)}`, `${quote}${line.slice(at + 1)}`];
  });
}

/** The index of the first line that holds `part`. */
export function lineOf(lines: readonly string[], part: string): number {
  const at = lines.findIndex((line) => line.includes(part));
  if (at < 0) throw new Error(`no line holds ${part}`);
  return at;
}
