/** Hand-made reports: each builder takes what a test cares about and fills in the rest with plain values. */
import { type Arch, linkAddress, runtimeAddress, wordSize } from '../../src/core/addresses.js';
import type { Finding } from '../../src/core/diagnose/diagnosis.js';
import type { CpuCrash, CrashLog, Damage, Fault, LogEvent, StackWord } from '../../src/core/log/crash-log.js';
import { logSource } from '../../src/core/log/log-text.js';
import { stackMemory } from '../../src/core/log/stack-memory.js';
import type {
  Report,
  ReportContext,
  ReportCrash,
  ReportFrame,
  ReportFunction,
  ReportImage,
  ReportVariable,
} from '../../src/core/report/report.js';
import { sameAs } from '../../src/core/report/same.js';
import { signatureOf } from '../../src/core/report/signature.js';
import { type Sentence, say } from '../../src/core/sentence.js';
import type { Frame, FrameTrust } from '../../src/core/unwind/frame.js';

export function makeLog(part: Partial<CrashLog> & { readonly text?: string } = {}): CrashLog {
  const { text = 'first line\nsecond line\n', ...rest } = part;
  return {
    dialect: 'xmhf',
    era: 'newline-last',
    arch: 'i386',
    boots: [],
    crashes: [],
    events: [],
    damage: [],
    facts: {
      msrs: [],
      cpuid: [],
      vmcs: [],
      stackTops: [],
      apicIds: [],
      guestMsrAccesses: [],
      milestones: [],
    },
    source: logSource(text),
    notes: [],
    ...rest,
  };
}

export interface CrashPart {
  readonly cpu?: string;
  readonly line?: number;
  readonly arch?: Arch;
  readonly fault?: Partial<Fault>;
  readonly registers?: Readonly<Record<string, bigint>>;
  readonly segments?: Readonly<Record<string, bigint>>;
  readonly vcpu?: bigint;
  /** Values from `stackAt` on, lowest address first. */
  readonly stack?: readonly bigint[];
  readonly stackAt?: bigint;
  readonly recordLines?: Readonly<Record<string, number>>;
  readonly damage?: readonly Damage[];
}

export function makeCrash(part: CrashPart = {}): CpuCrash {
  const arch = part.arch ?? 'i386';
  const line = part.line ?? 296;
  const at = part.stackAt ?? 0x1d959aa8n;
  const words: StackWord[] = (part.stack ?? [0x10213ffan, 0x8n, 0x10006n]).map((value, index) => ({
    address: runtimeAddress(at + BigInt(index * wordSize(arch))),
    value,
    line: line + 10 + index,
  }));
  return {
    cpu: part.cpu ?? '00',
    line,
    lastLine: line + 10 + words.length,
    arch,
    fault: {
      vector: 13,
      mnemonic: '#GP',
      errorCode: 0n,
      cs: 8n,
      pc: runtimeAddress(0x10213ffan),
      flags: 0x10006n,
      frameAt: runtimeAddress(at),
      interrupted: { sp: runtimeAddress(at + 12n) },
      ...part.fault,
    },
    ...(part.vcpu === undefined ? {} : { vcpu: runtimeAddress(part.vcpu) }),
    registers: new Map(Object.entries(part.registers ?? { eax: 0x491n, ecx: 0x491n })),
    segments: new Map(Object.entries(part.segments ?? { cs: 8n, ds: 0x10n })),
    stack: stackMemory(words, wordSize(arch), true),
    recordLines: new Map(Object.entries(part.recordLines ?? {})),
    damage: part.damage ?? [],
  };
}

export interface FramePart {
  /** Innermost first; the last owns the code. `name@file:line` with an optional `(arguments)` list. */
  readonly functions?: readonly FunctionPart[];
  readonly trust?: FrameTrust;
  readonly frame?: Partial<Frame>;
  readonly at?: bigint;
  readonly symbol?: string;
  readonly offset?: number;
  readonly locals?: readonly ReportVariable[];
}

export interface FunctionPart {
  readonly name: string;
  readonly file?: string;
  readonly line?: number;
  readonly arguments?: readonly ReportVariable[];
}

export function makeFrame(part: FramePart): ReportFrame {
  const functions = part.functions ?? [];
  const isContext = part.trust === undefined || part.trust === 'context';
  return {
    frame: {
      kind: 'call',
      trust: part.trust ?? 'context',
      synthetic: false,
      ...(part.at === undefined
        ? {}
        : { address: { kind: isContext ? ('instruction-pointer' as const) : ('return-address' as const), at: runtimeAddress(part.at) } }),
      ...(part.at === undefined ? {} : { image: 0, lookup: linkAddress(Number(part.at)) }),
      ...(isContext ? {} : { callVerified: true }),
      registers: new Map(),
      notes: [],
      ...part.frame,
    },
    functions: functions.map(
      (one, index): ReportFunction => ({
        name: one.name,
        inlined: index < functions.length - 1,
        ...(one.file === undefined ? {} : { file: one.file }),
        ...(one.line === undefined ? {} : { line: one.line }),
        arguments: one.arguments ?? [],
      }),
    ),
    locals: part.locals ?? [],
    ...(part.symbol === undefined ? {} : { symbol: part.symbol }),
    ...(part.offset === undefined ? {} : { offset: part.offset }),
  };
}

export function makeReportCrash(crash: CpuCrash, frames: readonly ReportFrame[], part: Partial<ReportCrash> = {}): ReportCrash {
  return {
    crash,
    frames,
    stop: { kind: 'end-of-stack', detail: say`the entry stub ${'gotvcpu'}` },
    registerMeanings: new Map(),
    wordMeanings: [],
    ...part,
  };
}

export function makeImage(part: Partial<ReportImage> = {}): ReportImage {
  return {
    path: 'xmhf/src/xmhf-core/xmhf-runtime/runtime.exe',
    arch: 'i386',
    sha256: '9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08',
    bias: 0n,
    verdict: 'match',
    evidence: [
      { check: 'width', passed: 1, of: 1, detail: say`both are ${'i386'}` },
      { check: 'call-before-return-address', passed: 7, of: 7, detail: say`every return address follows a CALL` },
    ],
    ...part,
  };
}

export function makeContext(part: Partial<ReportContext> = {}): ReportContext {
  return { tool: '0.1.0 (1234abc)', provenance: [], candidates: [], warnings: [], ...part };
}

/** `sameAs` and the signature are worked out as in the real run. */
export function makeReport(part: Partial<Report> = {}): Report {
  const given = part.crashes ?? [];
  const same = sameAs(given);
  const crashes = given.map((crash, index): ReportCrash => {
    const first = same[index];
    return first === undefined ? crash : { ...crash, sameAs: first };
  });
  const events = part.events ?? [];
  const log = part.log ?? makeLog();
  const report: Report = {
    images: [],
    findings: [],
    unknown: [],
    gaps: [],
    ...(crashes.length > 0 ? { leading: 0 } : {}),
    ...part,
    log: { ...log, crashes: crashes.map(({ crash }) => crash), events },
    events,
    crashes,
  };
  const signature = part.signature ?? signatureOf(report);
  return signature === undefined ? report : { ...report, signature };
}

export function makeEvent(part: Partial<LogEvent> = {}): LogEvent {
  return { kind: 'assertion', line: 12, text: "Fatal: Halting! Condition 'x' failed", fatal: true, ...part };
}

export function makeFinding(part: Partial<Finding> = {}): Finding {
  return {
    finding: 'msr',
    grade: 'confirmed',
    crash: 0,
    claim: say`${'RDMSR 0x491 IA32_VMX_VMFUNC'} raised ${'#GP(0)'}`,
    explanation: [],
    evidence: [],
    msr: { address: 0x491, name: 'IA32_VMX_VMFUNC', access: 'read', origin: 'host' },
    ...part,
  };
}

/** A finding about anything but an MSR. */
export function makeOtherFinding(part: Partial<Finding>): Finding {
  const { msr: _, ...rest } = makeFinding(part);
  return rest;
}

const core = '/home/runner/work/hyp/hyp/src/core';

/** Four CPUs that read an MSR which is not there, five calls deep. */
export function msrReport(part: Partial<Report> = {}): Report {
  const frames = (base: bigint): readonly ReportFrame[] => [
    makeFrame({
      at: 0x10213ffan,
      functions: [
        {
          name: 'rdmsr64',
          file: `${core}/include/cpu/msr.h`,
          line: 259,
          arguments: [{ name: 'msr', type: 'u32', value: '0x491' }],
        },
        {
          name: 'vmx_save_capabilities',
          file: `${core}/runtime/part-vmx.c`,
          line: 372,
          arguments: [{ name: 'vcpu', type: 'VCPU *', value: '0x1024bb60 <g_vcpubuffers>' }],
        },
      ],
      symbol: 'vmx_save_capabilities',
      offset: 0x6a,
      locals: [{ name: 'i', type: 'u32', value: '17' }],
    }),
    makeFrame({
      at: 0x10214314n,
      trust: 'code',
      frame: { slot: runtimeAddress(base + 0x24n), callEvidence: say`direct CALL to ${'vmx_save_capabilities'}` },
      functions: [
        { name: 'vmx_init_vt', file: `${core}/runtime/part-vmx.c`, line: 88, arguments: [{ name: 'vcpu', reason: 'optimized out' }] },
      ],
      symbol: 'vmx_init_vt',
      offset: 0x44,
    }),
    makeFrame({
      at: 0x10207711n,
      trust: 'frame-pointer',
      frame: { slot: runtimeAddress(base + 0x40n) },
      functions: [{ name: 'partition_initialize', file: `${core}/runtime/partition.c`, line: 51 }],
    }),
    makeFrame({
      trust: 'frame-pointer',
      frame: { synthetic: true },
      functions: [{ name: 'runtime_main', file: `${core}/runtime/main.c`, line: 140 }],
    }),
    makeFrame({
      at: 0x10202233n,
      trust: 'scan',
      frame: { slot: runtimeAddress(base + 0x60n), callVerified: false, notes: [say`frame pointer and scan disagree here`] },
      functions: [{ name: 'smp_common_start', file: `${core}/runtime/smp.c`, line: 203 }],
    }),
  ];
  const crashes = ['00', '01', '05', '04'].map((cpu, index) => {
    const base = 0x1d959aa8n + BigInt(index) * 0x4000n;
    const crash = makeCrash({
      cpu,
      line: 296 + index * 400,
      stackAt: base,
      vcpu: 0x1024bb60n,
      registers: {
        eax: 0x491n,
        ebx: 0x1024bb60n,
        ecx: 0x491n,
        edx: 0n,
        esi: 0x1024bb60n,
        edi: 0n,
        ebp: base + 0x1cn,
        esp: base,
      },
      segments: { cs: 8n, ds: 0x10n, es: 0x10n, ss: 0x10n, fs: 0x10n, gs: 0x10n, tr: 0x18n },
      stack: [0x10213ffan, 8n, 0x10006n, 0n, 0x1024bb60n, 0n, 0n, base + 0x3cn, 0n, 0x10214314n, 0x1024bb60n, 0n],
    });
    return makeReportCrash(crash, frames(base), {
      registerMeanings: new Map<string, Sentence>([
        ['ebx', say`data ${'g_vcpubuffers'}`],
        ['esi', say`data ${'g_vcpubuffers'}`],
      ]),
      wordMeanings: [
        {
          address: runtimeAddress(base),
          value: 0x10213ffan,
          kind: 'hardware-frame',
          frameIndex: 0,
          text: say`${'EIP'} of the hardware frame, frame ${0}`,
        },
        { address: runtimeAddress(base + 0x10n), value: 0x1024bb60n, kind: 'data', text: say`data ${'g_vcpubuffers'}` },
        {
          address: runtimeAddress(base + 0x24n),
          value: 0x10214314n,
          kind: 'frame',
          frameIndex: 1,
          text: say`return address of frame ${1}: ${'vmx_init_vt+0x44'}`,
        },
      ],
    });
  });
  return makeReport({
    log: makeLog({
      boots: [
        {
          line: 3,
          product: 'XMHF v6.1.0',
          branch: 'xmhf64',
          revision: 'd8f2220a6ac1d8f2220a6ac1d8f2220a6ac1d8f2',
          subarch: 'i386',
          slBase: 0x10000000n,
        },
      ],
      damage: [{ kind: 'foreign-tail', line: 301, cpu: '04', detail: say`text of another CPU after the value: ${'CPU(0x05): Reading'}` }],
    }),
    images: [makeImage()],
    crashes,
    findings: [
      makeFinding({
        explanation: [
          say`This CPU has no ${'IA32_VMX_VMFUNC'}: it exists only when ${'48BH[45]'}, and bit ${45} of MSR ${'0x48b'} is 0 (line ${285}).`,
          say`The manuals disagree: by ${'SDM vol 4'} that is true, by ${'SDM vol 3'} it is false. The register is absent: ${'SDM vol 4'} is wrong here.`,
        ],
        evidence: [{ text: say`the instruction at ${'0x10213ffa'} is ${'rdmsr'}` }, { text: say`${'ECX'} is ${'0x491'}`, line: 303 }],
        suggestion: {
          text: say`Ask first whether the CPU has it:`,
          code: 'if (rdmsr64(0x482) >> 63) {\n  u64 secondary = rdmsr64(0x48b);\n  if (secondary & (1ULL << 45))\n    value = rdmsr64(0x491);\n}',
        },
        exists: [
          { when: '482H[63] & 48BH[45]', source: 'SDM vol 3', worth: 'false', because: [say`${'48BH[45]'} is ${0}: line ${285}`] },
          { when: '482H[63]', source: 'SDM vol 4', worth: 'true', because: [say`${'482H[63]'} is ${1}: line ${270}`] },
        ],
        errata: 'SDM volume 4 omits the condition on bit 45.',
      }),
    ],
    ...part,
  });
}
