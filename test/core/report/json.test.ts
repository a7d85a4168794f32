import { describe, expect, test } from '@jest/globals';
import { Ajv } from 'ajv';
import { type RuntimeAddress, runtimeAddress } from '../../../src/core/addresses.js';
import { toJson } from '../../../src/core/report/json.js';
import { say } from '../../../src/core/sentence.js';
import type { StopReason } from '../../../src/core/unwind/frame.js';
import { createPlatform } from '../../../src/platform/node.js';
import {
  makeCrash,
  makeEvent,
  makeFinding,
  makeFrame,
  makeImage,
  makeLog,
  makeReport,
  makeReportCrash,
  msrReport,
} from '../../build/report-builder.js';
import { reportSchema } from './report-schema.js';

const platform = createPlatform();
const validate = new Ajv({ allErrors: true, allowUnionTypes: true }).compile(reportSchema);

function isValid(value: unknown): unknown {
  return validate(JSON.parse(JSON.stringify(value))) || validate.errors;
}

const at: RuntimeAddress = runtimeAddress(0x1d95a000n);
const stops: readonly StopReason[] = [
  { kind: 'end-of-stack', detail: say`the entry stub` },
  { kind: 'stack-not-in-dump', at },
  { kind: 'no-progress', at },
  { kind: 'no-plausible-caller', tried: ['cfi', 'code', 'frame-pointer', 'scan'], detail: say`no word passes` },
  { kind: 'no-image' },
  { kind: 'no-image', at },
  { kind: 'no-registers', missing: ['eip'] },
  { kind: 'frame-limit', limit: 512 },
];

describe('report --format json', () => {
  test('has the documented shape', () => {
    expect(isValid(toJson(msrReport(), platform))).toBe(true);
    expect(isValid(toJson(makeReport(), platform))).toBe(true);
  });

  test.each(stops.map((stop) => [stop.kind, stop] as const))('has the documented shape for the stop %s', (_, stop) => {
    const crash = makeReportCrash(makeCrash(), [makeFrame({ at: 0x10213ffan })], { stop });
    expect(isValid(toJson(makeReport({ crashes: [crash] }), platform))).toBe(true);
  });

  test('a wrong shape is seen', () => {
    expect(isValid({ ...toJson(msrReport(), platform), schema: 2 })).not.toBe(true);
    expect(isValid({ ...toJson(msrReport(), platform), extra: 1 })).not.toBe(true);
  });

  test('addresses are as wide as the machine, selectors four digits', () => {
    const json = toJson(
      makeReport({
        crashes: [
          makeReportCrash(
            makeCrash({
              arch: 'amd64',
              registers: { rcx: 0x491n },
              segments: { cs: 8n },
              stack: [1n, 2n],
              stackAt: 0x1000n,
              fault: { errorCode: 2n },
            }),
            [makeFrame({ at: 0x10213ffan })],
          ),
        ],
      }),
      platform,
    );
    expect(json.crashes).toMatchObject([
      {
        pc: '0x0000000010213ffa',
        errorCode: '0x0000000000000002',
        cs: '0x0008',
        registers: { rcx: '0x0000000000000491' },
        segments: { cs: '0x0008' },
        stack: { first: ['0x0000000000001000', '0x0000000000000001'], last: ['0x0000000000001008', '0x0000000000000002'], words: 2 },
      },
    ]);
  });

  test('the digest of the stack is over lines without leading zeros', () => {
    // printf '1d959aa8 10213ffa\n1d959aac 8\n1d959ab0 0\n' | sha256sum, coreutils 9.1
    const crash = makeReportCrash(makeCrash({ stack: [0x10213ffan, 8n, 0n] }), []);
    expect(toJson(makeReport({ crashes: [crash] }), platform).crashes).toMatchObject([
      { stack: { sha256: 'c4addf637f4dc7f2c735c46e43f46b417273902967d0c28e1d7340d2299f79d6' } },
    ]);
  });

  test('the digest of a dump longer than one piece is that of the whole', () => {
    // seq 0 19999 | awk '{printf "%x %x\n", 4096 + 4 * $1, $1}' | sha256sum, coreutils 9.1
    const crash = makeReportCrash(makeCrash({ stackAt: 0x1000n, stack: Array.from({ length: 20_000 }, (_, index) => BigInt(index)) }), []);
    expect(toJson(makeReport({ crashes: [crash] }), platform).crashes).toMatchObject([
      { stack: { sha256: '36840258b4c8a40b6ac4e6fb6f35615c395f90c816d088188274f793adc8b2dc', words: 20_000 } },
    ]);
  });

  test('what is unknown is null, never zero or empty', () => {
    const crash = makeCrash({ cpu: '', stack: [], registers: {}, segments: {} });
    const { fault: _, ...rest } = crash;
    const json = toJson(
      makeReport({ crashes: [makeReportCrash({ ...rest, fault: { interrupted: {} } }, [makeFrame({ frame: { synthetic: true } })])] }),
      platform,
    );
    expect(json.crashes).toMatchObject([
      {
        cpu: null,
        boot: null,
        vector: null,
        mnemonic: null,
        errorCode: null,
        cs: null,
        pc: null,
        flags: null,
        vcpu: null,
        printed: null,
        interrupted: { sp: null, ss: null },
        registers: {},
        stack: { first: null, last: null, words: 0 },
        frames: [{ pc: null, synthetic: true, callVerified: null, symbol: null, offset: null, image: null }],
        sameAs: null,
      },
    ]);
    expect(json).toMatchObject({ signature: 'exception', leading: 0 });
    expect(makeReport().signature).toBeUndefined();
  });

  test('equal crashes point at the first', () => {
    expect(toJson(msrReport(), platform).crashes).toMatchObject([{ sameAs: null }, { sameAs: 0 }, { sameAs: 0 }, { sameAs: 0 }]);
  });

  test('a suspected MSR is told in strings, its access and value null where unknown', () => {
    const wrote = makeFinding({ msr: { address: 0x79, access: 'write', value: 0x1234n, origin: 'guest' } });
    const unclear = makeFinding({ grade: 'possible', msr: { address: 0xc0000080, name: 'IA32_EFER', origin: 'host' } });
    const json = toJson(msrReport({ findings: [wrote, unclear] }), platform);
    expect(json.diagnosis).toMatchObject([
      { msr: { address: '0x79', name: null, access: 'write', value: '0x1234', origin: 'guest' } },
      { msr: { address: '0xc0000080', name: 'IA32_EFER', access: null, value: null, origin: 'host' } },
    ]);
    expect(isValid(json)).toBe(true);
  });

  test('events, gaps, a moved image and a guest behind a VM exit keep the shape', () => {
    const report = makeReport({
      log: makeLog({ dialect: 'unknown', notes: [say`${3} lines`] }),
      images: [makeImage({ bias: 0x1000_0000n, arch: 'amd64' }), makeImage({ bias: -0x20_0000n })],
      events: [
        {
          ...makeEvent({ condition: 'x > 0', file: 'a.c', sourceLine: 3, cpu: '0a' }),
          function: 'f',
          range: { start: at, end: runtimeAddress(at + 16n) },
        },
        makeEvent({ kind: 'vm-entry-failure', code: 0x80000021, qualification: 0n }),
      ],
      gaps: [{ kind: 'missing', where: 'runtime.exe', problem: say`no ${'.debug_info'}` }],
      crashes: [
        makeReportCrash(makeCrash(), [
          makeFrame({ at: 0x10213ffan, frame: { kind: 'exception', interrupted: { vector: 2, cs: 8n, flags: 2n, sp: at } } }),
          makeFrame({
            at: 0x10213ff0n,
            frame: { kind: 'vm-exit', guest: { registers: new Map([['ecx', 0x491n]]), orderFrom: 'struct regs' } },
          }),
        ]),
      ],
    });
    const json = toJson(report, platform);
    expect(isValid(json)).toBe(true);
    expect(json.images).toMatchObject([{ bias: '0x10000000' }, { bias: '0xffe00000' }]);
    expect(json.events).toMatchObject([
      { range: ['0x1d95a000', '0x1d95a010'], function: 'f' },
      { code: '0x80000021', qualification: '0x0' },
    ]);
  });
});
