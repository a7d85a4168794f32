/** `#UD`, `#DE`, `#MC`, `#DF` and the rest; several crashes in one log. */
import { describe, expect, test } from '@jest/globals';
import { machineCheckCode } from '../../../src/core/diagnose/machine-check.js';
import type { LogEvent } from '../../../src/core/log/crash-log.js';
import { stackOf } from '../../build/crash-log.js';
import { diagnoseCase, kindsOf, namedFrame, saidBy, unknownOf } from '../../build/diagnosed.js';

const assertion = (line: number, cpu?: string): LogEvent => ({
  kind: 'assertion',
  line,
  text: "Fatal: Halting! Condition 'x == 1' failed, line 12, file a.c",
  condition: 'x == 1',
  file: 'a.c',
  sourceLine: 12,
  fatal: true,
  ...(cpu && { cpu }),
});

describe('invalid opcode', () => {
  test('UD2', () => {
    const diagnosis = diagnoseCase({ vector: 6, code: [0x0f, 0x0b], frames: [namedFrame('abort')] });
    expect(saidBy(diagnosis)).toContain('ud2 was executed in abort: the code gave up');
    expect(unknownOf(diagnosis)).toBe('');
  });

  test('an assertion just before is told first and named as the cause', () => {
    const diagnosis = diagnoseCase({ vector: 6, line: 20, code: [0x0f, 0x0b], events: [assertion(19)] });
    expect(kindsOf(diagnosis)).toEqual(['confirmed assertion', 'confirmed invalid-opcode']);
    expect(saidBy(diagnosis)).toContain('An assertion failed: x == 1, at a.c:12');
    expect(saidBy(diagnosis)).toContain('most likely it is the cause');
  });

  test.each([
    ['far before', assertion(19), 200],
    ['after the dump', assertion(30), 20],
    ['of another CPU', assertion(19, '04'), 20],
  ])('an assertion %s is not the cause', (_, event, line) => {
    const diagnosis = diagnoseCase({ vector: 6, line, code: [0x0f, 0x0b], events: [event] });
    expect(saidBy(diagnosis)).not.toContain('most likely it is the cause');
    expect(kindsOf(diagnosis)).toEqual(['confirmed invalid-opcode', 'confirmed assertion']);
  });

  test('without the image', () => {
    expect(kindsOf(diagnoseCase({ vector: 6, line: 20, events: [assertion(20)] }))).toEqual([
      'confirmed assertion',
      'likely invalid-opcode',
    ]);
    expect(unknownOf(diagnoseCase({ vector: 6 }))).toContain('Which instruction raised #UD');
  });

  test('bytes that are no instruction', () => {
    expect(saidBy(diagnoseCase({ vector: 6, code: [0xff, 0xff] }))).toContain('the bytes ff ff 90 90 at the PC are no instruction');
  });

  test('an instruction with no known reason stays open', () => {
    expect(unknownOf(diagnoseCase({ vector: 6, code: [0x0f, 0xa2] }))).toContain('Why cpuid raised #UD');
  });

  test('an instruction that cannot raise it: the image is not the one that ran', () => {
    const diagnosis = diagnoseCase({ vector: 6, code: [0x90] });
    expect(saidBy(diagnosis)).toBe('#UD: the CPU refused the instruction at 0x10200000');
    expect(unknownOf(diagnosis)).toContain('the image holds nop there, which cannot raise it');
    expect(kindsOf(diagnoseCase({ vector: 13, errorCode: 0n, code: [0x90], registers: { rcx: 0x491n } }))).toEqual([
      'confirmed general-protection',
    ]);
  });

  test('VEX', () => {
    expect(saidBy(diagnoseCase({ vector: 6, code: [0xc5, 0xf8, 0x28, 0xc1] }))).toContain('CR4.OSXSAVE'); // vmovaps %xmm1,%xmm0
  });
});

describe('divide error', () => {
  const code = [0xf7, 0xf1]; // div %ecx
  test.each([
    [{ rcx: 0n }, 'div ecx divides by zero: ecx is 0'],
    [{ rcx: 0xffffffff00000000n }, 'ecx is 0'],
    [{ rcx: 3n }, 'The quotient of div ecx does not fit: ecx is 0x3, not zero'],
  ])('%o', (registers, words) => {
    expect(saidBy(diagnoseCase({ vector: 0, code, registers }))).toContain(words);
  });

  test('a divisor on the stack, read from the dump', () => {
    const inMemory = [0xf7, 0x75, 0xf8]; // divl -0x8(%rbp)
    const parts = { vector: 0, code: inMemory, registers: { rbp: 0x1010n }, stack: stackOf('amd64', 0x1000n, [0n, 0n, 0n]) };
    // The words of the dump are 8 bytes; the builder reads whole words only.
    const wide = { ...parts, code: [0x48, ...inMemory] };
    expect(saidBy(diagnoseCase({ ...wide, sp: 0x1000n }))).toContain('the divisor at 0x1008, on the stack, is 0');
    expect(saidBy(diagnoseCase({ ...wide, sp: 0x1010n }))).not.toContain('on the stack');
    expect(saidBy(diagnoseCase(wide))).not.toContain('on the stack');
  });

  test('nothing is said of a divisor that was not printed', () => {
    expect(saidBy(diagnoseCase({ vector: 0, code }))).toBe('div ecx divides by zero, or its quotient does not fit');
    expect(saidBy(diagnoseCase({ vector: 0 }))).toContain('a division by zero, or a quotient that does not fit');
  });
});

describe('machine check', () => {
  const msr = (address: number, value: bigint) => ({ cpu: '00', address, value, line: 5 });

  test('banks that the log prints', () => {
    const diagnosis = diagnoseCase({
      vector: 18,
      facts: { msrs: [msr(0x17a, 4n), msr(0x401, 0n), msr(0x415, 0xbe00_0000_0000_0134n), msr(0x416, 0x1234000n)] },
    });
    const said = saidBy(diagnosis);
    expect(said).toContain('A machine check, reported by 1 bank');
    expect(said).toContain(
      'Bank 5, status 0xbe00000000000134: uncorrected; cache error: data read, data, L0; the state of the CPU is corrupt (PCC), at address 0x1234000',
    );
    expect(said).toContain('RIPV (bit 0 of MSR 0x17a) is 0');
  });

  test('banks that are not valid, or not printed', () => {
    const silent = diagnoseCase({ vector: 18, facts: { msrs: [msr(0x401, 0x134n)] } });
    expect(saidBy(silent)).not.toContain('Bank');
    expect(unknownOf(silent)).toContain('prints no machine-check bank');
    expect(saidBy(diagnoseCase({ vector: 18 }))).not.toContain('RIPV');
  });

  // SDM vol 3 §17.9, one code of each form.
  test.each([
    [0x0001, 'unclassified'],
    [0x0005, 'internal parity error'],
    [0x0400, 'internal timer error'],
    [0x0401, 'internal error, code 0x401'],
    [0x000e, 'cache error: L2'],
    [0x0014, 'TLB error: data, L0'],
    [0x009f, 'memory controller error: read, channel not told'],
    [0x1091, 'memory controller error: read, channel 1'],
    [0x017a, 'cache error: eviction, generic, L2'],
    [0x0e0b, 'I/O error'],
    [0x0800, 'bus or interconnect error: generic, memory, L0, this CPU asked'],
    [0x0f0f, 'bus or interconnect error: generic, other, generic level, generic, timed out'],
  ])('code %i', (code, words) => {
    expect(machineCheckCode(code)).toBe(words);
  });
});

describe('the other vectors', () => {
  test.each([
    [2, 'A non-maskable interrupt'],
    [3, 'A breakpoint (int3) was executed'],
    [7, '#NM: an FPU or SSE instruction'],
    [8, 'A double fault'],
    [11, '#NP, segment not present'],
    [16, '#MF: x87 floating-point error'],
    [17, '#AC: alignment check or split lock'],
    [15, 'Vector 15 is reserved'],
    [0x28, 'Interrupt vector 0x28 arrived'],
  ])('%i', (vector, words) => {
    expect(saidBy(diagnoseCase({ vector }))).toContain(words);
  });

  test('#CP and #VC by their error codes', () => {
    expect(saidBy(diagnoseCase({ vector: 21, errorCode: 3n }))).toContain('without ENDBRANCH');
    expect(saidBy(diagnoseCase({ vector: 29, errorCode: 0x7cn }))).toContain('SVM exit code 0x7c');
  });

  test('a double fault on a stack pointer that is not canonical', () => {
    expect(saidBy(diagnoseCase({ vector: 8, errorCode: 0n, sp: 0x4141414141414141n }))).toContain('not canonical');
    expect(saidBy(diagnoseCase({ vector: 8, errorCode: 0n, sp: 0x1d960000n }))).not.toContain('not canonical');
  });

  test('no vector: nothing to say', () => {
    expect(diagnoseCase({}).findings).toEqual([]);
  });
});

describe('several CPUs', () => {
  const gp = { vector: 13, errorCode: 0n, code: [0x0f, 0x32], registers: { rcx: 0x491n } };

  test('equal ones are told once, and the first names the others', () => {
    const diagnosis = diagnoseCase({
      ...gp,
      more: [
        { ...gp, cpu: '01' },
        { ...gp, cpu: '05' },
      ],
    });
    expect(kindsOf(diagnosis)).toEqual(['confirmed msr']);
    expect(saidBy(diagnosis)).toContain('The same on CPUs 01 and 05.');
    expect(diagnosis.unknown).toHaveLength(1);
  });

  test('dumps without a CPU', () => {
    const diagnosis = diagnoseCase({ ...gp, cpu: '', more: [{ ...gp, cpu: '' }] });
    expect(saidBy(diagnosis)).toContain('The same in one more dump.');
  });

  test('the boot that ended last is told first', () => {
    const diagnosis = diagnoseCase({ vector: 18, boot: 0, more: [{ vector: 2, boot: 1 }] });
    expect(kindsOf(diagnosis)).toEqual(['confirmed nmi', 'confirmed machine-check']);
  });

  test('different ones are told each', () => {
    const diagnosis = diagnoseCase({
      ...gp,
      more: [
        { ...gp, cpu: '01', registers: { rcx: 0x492n } },
        { vector: 18, cpu: '05' },
      ],
    });
    expect(kindsOf(diagnosis)).toEqual(['confirmed msr', 'confirmed msr', 'confirmed machine-check']);
  });

  test('what stays open about others than the first names them, each sentence once', () => {
    const ud = { vector: 6 };
    const { unknown } = diagnoseCase({
      ...ud,
      cpu: '00',
      more: [
        { ...ud, cpu: '01' },
        { vector: 14, errorCode: 0n, cpu: '05' },
        { vector: 14, errorCode: 2n, cpu: '04' },
      ],
    });
    const texts = unknown.map((sentence) => sentence.map((part) => (typeof part === 'string' ? part : part.code)).join(''));
    expect(texts).toHaveLength(2);
    expect(texts[0]).toMatch(/^Which instruction raised #UD/);
    expect(texts[1]).toMatch(/^CPUs 04 and 05: Which address was touched/);
  });
});

describe('a fault inside the handler of another', () => {
  const handler = (vector?: number) => {
    const { frame, ...rest } = namedFrame('nmi_stub');
    return { ...rest, frame: { ...frame, kind: 'exception' as const, interrupted: vector === undefined ? {} : { vector } } };
  };

  test('an NMI', () => {
    const diagnosis = diagnoseCase({
      vector: 6,
      code: [0x0f, 0x0b],
      frames: [namedFrame('abort'), handler(2), namedFrame('handle_vmxon')],
    });
    expect(kindsOf(diagnosis)).toEqual(['confirmed invalid-opcode', 'confirmed nmi']);
    expect(saidBy(diagnosis)).toContain('inside the handler of an NMI, which had interrupted handle_vmxon');
  });

  test('a vector that the stack does not tell is not guessed', () => {
    const said = saidBy(diagnoseCase({ vector: 6, code: [0x0f, 0x0b], frames: [handler(), namedFrame('handle_vmxon')] }));
    expect(said).toContain('the handler of an exception or interrupt');
  });

  test('no hardware frame, nothing to say', () => {
    expect(saidBy(diagnoseCase({ vector: 6, code: [0x0f, 0x0b], frames: [namedFrame('abort')] }))).not.toContain('inside the handler');
  });
});
