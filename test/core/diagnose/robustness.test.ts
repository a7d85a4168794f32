/** Truths that hold for any crash whatever: nothing thrown, nothing empty, no MSR without its evidence, twice the same. */
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { Diagnosis } from '../../../src/core/diagnose/diagnosis.js';
import type { LogEvent } from '../../../src/core/log/crash-log.js';
import type { Sentence } from '../../../src/core/sentence.js';
import { stackOf } from '../../build/crash-log.js';
import { type Case, codeAt, diagnoseCase, diagnoseEvents, namedFrame } from '../../build/diagnosed.js';

const word = fc.oneof(
  fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }),
  fc.constantFrom(0n, 0x491n, 0x79n, 0xc0000080n, 0x277n, 0x1bn, 0x480n, BigInt(codeAt), (1n << 64n) - 1n),
);
const names = ['rax', 'rbx', 'rcx', 'rdx', 'rsi', 'rdi', 'rbp', 'rsp', 'r8', 'eax', 'ecx', 'edx', 'ebp'];
const instruction = fc.oneof(
  fc.array(fc.integer({ min: 0, max: 255 }), { minLength: 1, maxLength: 15 }),
  fc.constantFrom([0x0f, 0x32], [0x0f, 0x30], [0x0f, 0x0b], [0x89, 0x02], [0xc3], [0xff, 0xd0], [0x0f, 0x22, 0xe0]),
);
const fields = [
  'info_vminstr_error',
  'control_VMX_seccpu_based',
  'control_VMX_cpu_based',
  'guest_CR0',
  'guest_RFLAGS',
  'host_CR4',
  'vcpu->vmx_msrs[b]',
  'vcpu->vmx_msrs[0]',
];

const anyCase: fc.Arbitrary<Case> = fc
  .record({
    arch: fc.constantFrom('i386' as const, 'amd64' as const),
    vector: fc.integer({ min: 0, max: 255 }),
    errorCode: fc.option(word, { nil: undefined }),
    pc: fc.constantFrom(BigInt(codeAt), 0n, 0x41414141n, (1n << 64n) - 1n),
    sp: fc.option(word, { nil: undefined }),
    registers: fc.dictionary(fc.constantFrom(...names), word),
    code: fc.option(instruction, { nil: undefined }),
    top: word,
    vmcs: fc.array(
      fc.record({ cpu: fc.constantFrom('00', '01'), name: fc.constantFrom(...fields), value: word, line: fc.integer({ min: 0, max: 99 }) }),
    ),
    msrs: fc.array(
      fc.record({
        cpu: fc.constantFrom('00', '01'),
        address: fc.constantFrom(0x17a, 0x401, 0x480, 0x482, 0x48b, 0x491, 0x1b, 0x3a),
        value: fc.oneof(word, fc.constant('unavailable' as const)),
        line: fc.integer({ min: 0, max: 99 }),
      }),
    ),
    frames: fc.array(fc.constantFrom('rdmsr64', 'wrmsr64', 'handle_intercept_wrmsr', 'abort'), { maxLength: 3 }),
  })
  .map(({ errorCode, sp, code, top, vmcs, msrs, frames, ...rest }) => ({
    ...rest,
    ...(errorCode !== undefined && { errorCode }),
    ...(sp !== undefined && { sp, stack: stackOf(rest.arch, sp, [top, 0n, BigInt(codeAt)]) }),
    ...(code && { code }),
    frames: frames.map(namedFrame),
    facts: { vmcs, msrs, stackTops: [{ cpu: '00', value: top, line: 1 }] },
  }));

function sentencesOf({ findings, unknown }: Diagnosis): readonly Sentence[] {
  const ofFindings = findings.flatMap((f) => [
    f.claim,
    ...f.explanation,
    ...f.evidence.map((e) => e.text),
    ...(f.exists ?? []).flatMap((e) => e.because),
    ...(f.suggestion ? [f.suggestion.text] : []),
  ]);
  return [...ofFindings, ...unknown];
}

function expectSound(diagnosis: Diagnosis): void {
  for (const sentence of sentencesOf(diagnosis)) {
    expect(sentence.length).toBeGreaterThan(0);
    for (const part of sentence) expect(typeof part === 'string' ? part : part.code).not.toBe('');
  }
  for (const { crash, event } of diagnosis.findings) expect((crash === undefined) !== (event === undefined)).toBe(true);
}

describe('any crash', () => {
  test('is answered soundly', () => {
    fc.assert(
      fc.property(anyCase, (of) => {
        const diagnosis = diagnoseCase(of);
        expectSound(diagnosis);
        expect(diagnoseCase(of)).toEqual(diagnosis);
        const msr = diagnosis.findings.find((f) => f.finding === 'msr');
        const isMsrInstruction = of.code?.[0] === 0x0f && (of.code[1] === 0x30 || of.code[1] === 0x32);
        const atCode = of.code !== undefined && of.pc === BigInt(codeAt);
        if (msr !== undefined && atCode && !isPrefix(of.code?.[0])) expect(isMsrInstruction).toBe(true);
        if (msr?.grade === 'confirmed') expect(atCode).toBe(true);
        if (msr !== undefined) expect([13, 14]).toContain(of.vector);
      }),
      { numRuns: 600 },
    );
  });

  test('any RDMSR and WRMSR is answered soundly, and confirmed', () => {
    const msr = fc.constantFrom(
      0x10,
      0x1b,
      0x3a,
      0x79,
      0x175,
      0x250,
      0x277,
      0x2ff,
      0x402,
      0x480,
      0x491,
      0x80b,
      0xc0000080,
      0xc0000082,
      0xc0000103,
      0xc0001234,
    );
    const values = fc.record({
      msr,
      low: word,
      high: word,
      code: fc.constantFrom([0x0f, 0x30], [0x0f, 0x32]),
      vector: fc.constantFrom(13, 14),
      cs: fc.constantFrom(8n, 0x1bn),
    });
    fc.assert(
      fc.property(values, ({ msr: address, low, high, code, vector, cs }) => {
        const registers = { rcx: BigInt(address), rax: low, rdx: high };
        const diagnosis = diagnoseCase({ vector, errorCode: 0n, cs, registers, code, facts: { vendor: 'intel' } });
        expectSound(diagnosis);
        const found = diagnosis.findings.find((f) => f.finding === 'msr');
        if (vector === 13 || code[1] === 0x30) expect([found?.grade, found?.msr?.address]).toEqual(['confirmed', address]);
        else expect(found).toBeUndefined();
      }),
      { numRuns: 400 },
    );
  });

  const anyEvent: fc.Arbitrary<LogEvent> = fc
    .record({
      kind: fc.constantFrom(
        'assertion' as const,
        'vm-entry-failure' as const,
        'vm-instruction-error' as const,
        'unhandled-intercept' as const,
        'guest-exception' as const,
        'guest-panic' as const,
        'halt' as const,
        'triple-fault' as const,
      ),
      line: fc.nat(),
      text: fc.string(),
      condition: fc.option(fc.string(), { nil: undefined }),
      file: fc.option(fc.string(), { nil: undefined }),
      code: fc.option(fc.integer({ min: 0, max: 0xffffffff }), { nil: undefined }),
      fatal: fc.boolean(),
    })
    .map(({ condition, file, code, ...rest }) => ({
      ...rest,
      ...(condition !== undefined && { condition }),
      ...(file !== undefined && { file }),
      ...(code !== undefined && { code }),
    }));

  test('any events are answered soundly', () => {
    fc.assert(
      fc.property(fc.array(anyEvent, { maxLength: 20 }), (events) => {
        expectSound(diagnoseEvents(events));
      }),
      { numRuns: 300 },
    );
  });
});

/** Prefixes may stand before RDMSR and WRMSR. */
function isPrefix(byte: number | undefined): boolean {
  return byte !== undefined && ([0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65, 0x66, 0x67, 0xf2, 0xf3].includes(byte) || (byte & 0xf0) === 0x40);
}
