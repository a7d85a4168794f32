/** One report for each kind of answer, for goldens and for the eye. */
import { runtimeAddress } from '../../src/core/addresses.js';
import type { Report, ReportContext, ReportFrame } from '../../src/core/report/report.js';
import { say } from '../../src/core/sentence.js';
import {
  makeContext,
  makeCrash,
  makeEvent,
  makeFinding,
  makeFrame,
  makeImage,
  makeLog,
  makeOtherFinding,
  makeReport,
  makeReportCrash,
  msrReport,
} from './report-builder.js';

export interface Sample {
  /** Names the golden file; says what it shows. */
  readonly slug: string;
  readonly report: Report;
  readonly context: ReportContext;
}

const source = '/home/runner/work/hyp/hyp/src/core';

const edge: ReportContext = makeContext({
  marker: '<!-- symbolize-serial-crash:v1 issue=3 sig=0123456789abcdef -->',
  repositoryUrl: 'https://github.com/owner/hyp',
  commit: 'd8f2220a6ac1d8f2220a6ac1d8f2220a6ac1d8f2',
  toolRepositoryUrl: 'https://github.com/owner/tool',
  provenance: [say`Run ${'1234567'}, named in the question.`, say`Artifact ${'hyp-i386-O3'}, 412 KB read of 1.1 MB.`],
});

function call(name: string, at: bigint, file: string, line: number, part: Partial<Parameters<typeof makeFrame>[0]> = {}): ReportFrame {
  return makeFrame({ at, trust: 'code', functions: [{ name, file: `${source}/${file}`, line }], ...part });
}

function mismatch(): Report {
  return msrReport({
    images: [
      makeImage({
        verdict: 'mismatch',
        evidence: [
          { check: 'width', passed: 1, of: 1, detail: say`both are ${'i386'}` },
          { check: 'bytes-fit-fault', passed: 0, of: 1, detail: say`${'0x10213ffa'} holds ${'add'}, which raises no ${'#GP'}` },
          { check: 'call-before-return-address', passed: 1, of: 7, detail: say`six words follow no CALL` },
        ],
      }),
    ],
    findings: [],
    unknown: [say`Which instruction faulted: the image is another one.`],
  });
}

function logAlone(): Report {
  const crash = makeCrash({ cpu: '04', stack: [0x10213ffan, 8n, 0x10006n], vcpu: 0x1024bb60n });
  return makeReport({
    crashes: [
      makeReportCrash(crash, [makeFrame({ at: 0x10213ffan, frame: {} })], { stop: { kind: 'no-image', at: runtimeAddress(0x10213ffan) } }),
    ],
    findings: [
      makeFinding({
        grade: 'likely',
        claim: say`${'#GP(0)'}, most likely at ${'RDMSR 0x491 IA32_VMX_VMFUNC'}`,
        msr: { address: 0x491, name: 'IA32_VMX_VMFUNC', access: 'read', origin: 'host' },
        evidence: [{ text: say`the log prints MSR ${'0x491'} as unavailable`, line: 288 }],
      }),
    ],
    gaps: [{ kind: 'missing', where: 'image', problem: say`No image was handed in.`, remedy: say`Name the run that built it.` }],
  });
}

function assertionOnly(): Report {
  return makeReport({
    log: makeLog({ boots: [{ line: 1, product: 'LHV v6.1.0', subarch: 'amd64' }] }),
    events: [
      {
        ...makeEvent({
          line: 812,
          text: `Fatal: Halting! Condition '0 && "Guest: unknown exception!\\n"' failed, line 92, file guest.c`,
          condition: '0 && "Guest: unknown exception!\\n"',
          file: 'guest.c',
          sourceLine: 92,
        }),
        function: 'handle_guest_exception',
        range: { start: runtimeAddress(0x8201000n), end: runtimeAddress(0x8201180n) },
      },
      makeEvent({ kind: 'guest-exception', line: 810, fatal: false, text: 'Guest: interrupt / exception vector 13', cpu: '00' }),
    ],
    images: [
      makeImage({
        arch: 'amd64',
        evidence: [{ check: 'assertion-in-line-table', passed: 1, of: 1, detail: say`${'guest.c:92'} has code` }],
        verdict: 'probable',
      }),
    ],
  });
}

function unknownDialect(): Report {
  return makeReport({
    log: makeLog({
      dialect: 'unknown',
      text: '[    0.000000] booting\nOops: 0000\n',
      notes: [say`${2} lines, ${33} bytes.`, say`Line ${2} looks like an oops of another system: ${'Oops: 0000'}`],
    }),
  });
}

/** A fault inside an NMI handler, over a recursion, on one CPU; another CPU that died elsewhere. */
function nestedAndDifferent(): Report {
  const recursion = Array.from({ length: 30 }, () => call('map_level', 0x10301000n, 'runtime/paging.c', 77));
  const frames = [
    call('nmi_mark', 0x10300010n, 'runtime/nmi.c', 31, { trust: 'context', locals: [{ name: 'slot', type: 'u32 *', value: '0x0' }] }),
    call('nmi_handler', 0x10300100n, 'runtime/nmi.c', 60),
    makeFrame({
      at: 0x10300200n,
      trust: 'code',
      frame: {
        kind: 'exception',
        callVerified: true,
        interrupted: { vector: 2, cs: 8n, flags: 0x10042n, sp: runtimeAddress(0x1d95a100n) },
      },
      symbol: 'idt_stub_2',
      offset: 45,
    }),
    call('map_level', 0x10301000n, 'runtime/paging.c', 71, { trust: 'context' }),
    ...recursion,
    call('map_all', 0x10302000n, 'runtime/paging.c', 140, { trust: 'frame-pointer' }),
    makeFrame({
      at: 0x10303000n,
      trust: 'scan',
      symbol: 'entry_from_guest',
      offset: 0x20,
      frame: {
        kind: 'vm-exit',
        guest: {
          registers: new Map([
            ['eax', 1n],
            ['ecx', 0x491n],
          ]),
          orderFrom: 'struct regs',
        },
      },
    }),
  ];
  const other = [
    call('abort', 0x10310000n, 'libc/abort.c', 5, { trust: 'context' }),
    call('map_check', 0x10311000n, 'runtime/paging.c', 201),
    call('map_all', 0x10302030n, 'runtime/paging.c', 145),
    makeFrame({ at: 0x10303000n, trust: 'scan', symbol: 'entry_from_guest', offset: 0x20 }),
  ];
  const amd64 = makeCrash({
    arch: 'amd64',
    cpu: '02',
    line: 700,
    registers: { rax: 0n, rcx: 0x10n, rsp: 0x1d95a000n },
    stack: [0x10300010n, 8n, 0x10042n, 0x1d95a028n, 0x18n],
    stackAt: 0x1d95a000n,
    fault: { vector: 14, mnemonic: '#PF', errorCode: 2n, pc: runtimeAddress(0x10300010n) },
  });
  const ud = makeCrash({
    arch: 'amd64',
    cpu: '0a',
    line: 900,
    registers: { rax: 1n },
    fault: { vector: 6, mnemonic: '#UD', pc: runtimeAddress(0x10310000n) },
  });
  return makeReport({
    images: [makeImage({ arch: 'amd64', verdict: 'probable' })],
    crashes: [
      makeReportCrash(amd64, frames),
      makeReportCrash(ud, other, {
        stop: { kind: 'no-plausible-caller', tried: ['code', 'scan'], detail: say`no word of the dump passes` },
      }),
    ],
    findings: [
      makeOtherFinding({ finding: 'page-fault', claim: say`Write to ${'0x0'} through ${'rax'}` }),
      makeOtherFinding({ finding: 'invalid-opcode', crash: 1, claim: say`${'ud2'} planted by ${'abort'}.` }),
    ],
  });
}

function hostile(): Report {
  const evil = '`@root`</code></details><img src=x> #1 [l](http://x.example)\u202e|\n\n# h';
  const frames = [
    makeFrame({
      at: 0x10213ffan,
      functions: [{ name: evil, file: `/home/runner/work/hyp/hyp/${evil}`, line: 1, arguments: [{ name: evil, value: evil }] }],
    }),
    makeFrame({ at: 0x10213f00n, trust: 'scan', symbol: evil, offset: 1, frame: { notes: [say`${evil}`] } }),
  ];
  return makeReport({
    log: makeLog({
      text: `${evil}\n@root\n`,
      boots: [{ line: 1, product: evil, branch: evil }],
      damage: [{ kind: 'torn-line', line: 2, detail: say`torn: ${evil}` }],
    }),
    images: [makeImage({ path: evil, verdict: 'ambiguous', evidence: [{ check: 'width', passed: 1, of: 1, detail: say`${evil}` }] })],
    crashes: [makeReportCrash(makeCrash(), frames, { registerMeanings: new Map([['eax', say`data ${evil}`]]) })],
    events: [{ ...makeEvent({ text: evil, condition: evil, file: evil }), function: evil }],
    findings: [
      makeFinding({
        claim: say`${evil}`,
        evidence: [{ text: say`${evil}`, line: 1 }],
        suggestion: { text: say`${evil}`, code: evil },
      }),
    ],
    unknown: [say`${evil}`],
    gaps: [{ kind: 'malformed', where: evil, problem: say`${evil}`, remedy: say`${evil}` }],
  });
}

export function sampleReports(): readonly Sample[] {
  return [
    { slug: 'msr-on-four-cpus', report: msrReport(), context: edge },
    { slug: 'image-does-not-fit', report: mismatch(), context: edge },
    { slug: 'log-alone', report: logAlone(), context: makeContext() },
    { slug: 'assertion-only', report: assertionOnly(), context: edge },
    { slug: 'unknown-dialect', report: unknownDialect(), context: makeContext() },
    { slug: 'nothing-found', report: makeReport(), context: edge },
    { slug: 'nested-nmi-and-another-cpu', report: nestedAndDifferent(), context: edge },
    {
      slug: 'hostile-names',
      report: hostile(),
      context: {
        ...edge,
        warnings: [say`Built from a fork: ${'`@root`'}`],
        candidates: ['a', '|@root|'].map((artifact, index) => ({
          artifact,
          verdict: 'ambiguous' as const,
          evidence: [],
          chosen: index === 0,
        })),
      },
    },
  ];
}
