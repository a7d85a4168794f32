import { describe, expect, test } from '@jest/globals';
import { type ConditionInputs, evaluate, type Known, parseCondition } from '../../../src/core/diagnose/condition.js';
import { cpuFacts } from '../../../src/core/diagnose/cpu-facts.js';
import { allRows, msrRows } from '../../../src/core/diagnose/msr-table.js';
import { createPlatform } from '../../../src/platform/node.js';
import { logOf } from '../../build/crash-log.js';

const from = ['by hand'];
const known = <T>(value: T): Known<T> => ({ value, from });

/** The CPU of the table's test vectors: Intel, family 06, model 25H, four MSRs and one CPUID bit. */
const msrs = new Map([
  [0x480, 0x00da04000000000fn],
  [0x482, 0xfff9fffe0401e172n],
  [0x483, 0x007fffff00036dffn],
  [0x48b, 0x000000ff00000000n],
]);
const arrandale: ConditionInputs = {
  bits: (field) => {
    if (field.kind === 'cpuid') return field.leaf === 1 && field.register === 'ECX' && field.low === 5 ? known(1n) : undefined;
    const value = msrs.get(field.address);
    if (value === undefined) return undefined;
    return known((value >> BigInt(field.low)) & ((1n << BigInt(field.high - field.low + 1)) - 1n));
  },
  family: () => known(6),
  model: () => known(0x25),
  vendor: () => known('intel' as const),
  hypervisor: () => undefined,
};
const nothing: ConditionInputs = {
  bits: () => undefined,
  family: () => undefined,
  model: () => undefined,
  vendor: () => undefined,
  hypervisor: () => undefined,
};

const worth = (text: string, inputs: ConditionInputs = arrandale): string => evaluate(parseCondition(text), inputs).worth;

describe('the vectors of the grammar', () => {
  test.each([
    ['CPUID.01H:ECX[5] && MSR[480H][55]', 'true'],
    ['CPUID.01H:ECX[5] && MSR[482H][63] && MSR[48BH][45]', 'false'],
    ['CPUID.01H:ECX[5] && MSR[482H][63] && (MSR[48BH][33] || MSR[48BH][37])', 'true'],
    ['CPUID.01H:ECX[5] && MSR[482H][49]', 'false'],
    ['CPUID.01H:ECX[5] && MSR[483H][63]', 'false'],
    ['CPUID.01H:ECX[21] && MSR[1BH][10]', 'unknown'],
    ['model:06_1AH,06_25H', 'true'],
    ['model:06_2AH', 'unknown'],
    ['since:06_0EH', 'true'],
    ['!MSR[480H][55] || never', 'false'],
    ['MSR[480H][44:32] == 400H', 'true'],
    ['family >= 17H', 'false'],
  ])('%s is %s', (text, expected) => {
    expect(worth(text)).toBe(expected);
  });
});

describe('three values', () => {
  test.each([
    ['never && unknown', 'false'],
    ['unknown && never', 'false'],
    ['always || unknown', 'true'],
    ['always && unknown', 'unknown'],
    ['never || unknown', 'unknown'],
    ['!unknown', 'unknown'],
    ['!(never || never)', 'true'],
    // `&&` binds tighter than `||`, `!` tightest.
    ['always || never && never', 'true'],
    ['(always || never) && never', 'false'],
    ['!never && never', 'false'],
  ])('%s is %s', (text, expected) => {
    expect(worth(text, nothing)).toBe(expected);
  });

  test.each([
    ['==', 0x400, 'true'],
    ['!=', 0x400, 'false'],
    ['>=', 0x400, 'true'],
    ['<=', 0x3ff, 'false'],
    ['>', 0x400, 'false'],
    ['<', 0x401, 'true'],
  ])('relation %s %i', (relation, number, expected) => {
    expect(worth(`MSR[480H][44:32] ${relation} ${number}`)).toBe(expected);
  });

  test('since reaches from family 0F to later models of family 06, and never to older ones', () => {
    expect(worth('since:0F_03H')).toBe('true');
    expect(worth('since:06_26H')).toBe('unknown');
    expect(worth('since:05_01H')).toBe('true');
    expect(worth('since:0F_03H', { ...arrandale, model: () => known(0x0d) })).toBe('unknown');
    expect(worth('since:06_0EH', { ...arrandale, family: () => undefined })).toBe('unknown');
  });

  test('a family with any model', () => {
    expect(worth('model:06_*')).toBe('true');
    expect(worth('model:0F_*')).toBe('unknown');
  });
});

test('every input is listed once, known or not, also where the result is decided before', () => {
  const { inputs } = evaluate(parseCondition('MSR[480H][55] || MSR[FEH][8] || MSR[480H][55]'), arrandale);
  expect(inputs.map((input) => [input.text, input.known?.value])).toEqual([
    ['MSR[480H][55]', 1n],
    ['MSR[FEH][8]', undefined],
  ]);
});

test.each([
  '',
  '&&',
  'MSR[480H][55] &&',
  '(always',
  'always)',
  'always never',
  'MSR[480H]',
  'family',
  'model:',
  'vendor:via',
  'family == vendor:amd',
  'x',
])('refuses %j', (text) => {
  if (text === 'family') expect(worth(text)).toBe('true');
  else expect(() => parseCondition(text)).toThrow(expect.objectContaining({ name: 'FormatError', kind: 'malformed' }));
});

test('refuses endless nesting as a limit', () => {
  expect(() => parseCondition(`${'('.repeat(5000)}always${')'.repeat(5000)}`)).toThrow(
    expect.objectContaining({ name: 'FormatError', kind: 'limit' }),
  );
});

describe('the table', () => {
  const table = createPlatform().msrTable();
  const rows = allRows(table);

  test('has 2,333 rows, every condition parses', () => {
    expect(rows).toHaveLength(2333);
    expect(rows.filter((row) => row.name.startsWith('IA32_'))).toHaveLength(504);
    expect(rows.filter((row) => row.errata !== '')).toHaveLength(106);
    expect(rows.filter((row) => row.alsoStated !== undefined)).toHaveLength(18);
    for (const row of rows) {
      expect(() => parseCondition(row.existsWhen)).not.toThrow();
      if (row.alsoStated !== undefined) expect(() => parseCondition(row.alsoStated?.when ?? '')).not.toThrow();
    }
  });

  test('bisection finds for every address what reading the whole table finds', () => {
    const all = new Set(rows.flatMap((row) => [row.start - 1, row.start, row.end, row.end + 1, (row.start + row.end) >> 1]));
    for (const address of all) {
      const slow = rows.filter((row) => row.start <= address && address <= row.end).map((row) => row.name);
      expect(new Set(msrRows(table, address).map((row) => row.name))).toEqual(new Set(slow));
    }
  });

  test('architectural names come first', () => {
    expect(msrRows(table, 0x1b).map((row) => row.name)).toEqual(['IA32_APIC_BASE', 'APIC_BASE']);
    expect(msrRows(table, 0x491).map((row) => [row.name, row.alsoStated?.source])).toEqual([['IA32_VMX_VMFUNC', 'SDM vol 4']]);
    expect(msrRows(table, 0xffffffff)).toEqual([]);
  });

  test('a damaged table is refused', () => {
    expect(() => msrRows(`${table.slice(0, table.indexOf('\n') + 1)}nonsense,1\n`, 0)).toThrow(
      expect.objectContaining({ kind: 'malformed' }),
    );
    expect(() => allRows('header\n00000000,00000000,X,via,ro,always,,,,,\n')).toThrow(expect.objectContaining({ kind: 'malformed' }));
  });
});

describe('facts of a log', () => {
  const msr = (cpu: string | undefined, address: number, value: bigint | 'unavailable', line: number) => ({
    ...(cpu && { cpu }),
    address,
    value,
    line,
  });
  const bit = (address: number, n: number) => ({ kind: 'msr', address, high: n, low: n }) as const;
  const ecx5 = { kind: 'cpuid', leaf: 1, subleaf: 0, register: 'ECX', high: 5, low: 5 } as const;

  test("a CPU's own readings come before the others'", () => {
    const log = logOf({ arch: 'amd64', facts: { msrs: [msr('00', 0x480, 1n << 55n, 1), msr('01', 0x480, 0n, 2)] } });
    expect(cpuFacts(log, { cpu: '00' }).bits(bit(0x480, 55))?.value).toBe(1n);
    expect(cpuFacts(log, { cpu: '01' }).bits(bit(0x480, 55))?.value).toBe(0n);
  });

  test('readings of others count only where all agree', () => {
    const agree = logOf({ arch: 'amd64', facts: { msrs: [msr('00', 0x480, 5n, 1), msr('01', 0x480, 5n, 2)] } });
    const differ = logOf({ arch: 'amd64', facts: { msrs: [msr('00', 0x480, 5n, 1), msr('01', 0x480, 6n, 2)] } });
    expect(cpuFacts(agree, { cpu: '04' }).msr(0x480)?.value).toBe(5n);
    expect(cpuFacts(differ, { cpu: '04' }).msr(0x480)).toBeUndefined();
  });

  test('readings of another boot do not count', () => {
    const boots = [
      { line: 1, product: 'XMHF' },
      { line: 10, product: 'LHV' },
    ];
    const log = logOf({ arch: 'amd64', boots, facts: { msrs: [msr('00', 0x480, 5n, 3)] } });
    expect(cpuFacts(log, { cpu: '00', boot: 0 }).msr(0x480)?.value).toBe(5n);
    expect(cpuFacts(log, { cpu: '00', boot: 1 }).msr(0x480)).toBeUndefined();
  });

  test('unavailable counts as zero', () => {
    const log = logOf({ facts: { msrs: [msr('00', 0x491, 'unavailable', 1)] } });
    expect(cpuFacts(log, { cpu: '00' }).bits(bit(0x491, 0))?.value).toBe(0n);
  });

  test('VMX follows from a VMX MSR that could be read, and from none that could not', () => {
    const read = logOf({ facts: { msrs: [msr('00', 0x485, 1n, 1)] } });
    const refused = logOf({ facts: { msrs: [msr('00', 0x485, 'unavailable', 1)] } });
    expect(cpuFacts(read, { cpu: '00' }).bits(ecx5)?.value).toBe(1n);
    expect(cpuFacts(refused, { cpu: '00' }).bits(ecx5)).toBeUndefined();
  });

  test('bit 55 of 480H follows from a TRUE MSR that could be read', () => {
    const log = logOf({ facts: { msrs: [msr('00', 0x48e, 1n, 1)] } });
    expect(cpuFacts(log, { cpu: '00' }).bits(bit(0x480, 55))?.value).toBe(1n);
    expect(cpuFacts(log, { cpu: '00' }).bits(bit(0x480, 54))).toBeUndefined();
  });

  test('64-bit code means long mode', () => {
    const lm = { kind: 'cpuid', leaf: 0x80000001, subleaf: 0, register: 'EDX', high: 29, low: 29 } as const;
    expect(cpuFacts(logOf({}), { cpu: '00', arch: 'amd64' }).bits(lm)?.value).toBe(1n);
    expect(cpuFacts(logOf({}), { cpu: '00', arch: 'i386' }).bits(lm)).toBeUndefined();
    const efer = logOf({ facts: { msrs: [msr('00', 0xc0000080, 0x500n, 1)] } });
    expect(cpuFacts(efer, { cpu: '00', arch: 'i386' }).bits(lm)?.value).toBe(1n);
  });

  test('on i386 a print that never shows an upper half tells the low half only', () => {
    const lines = ['CPU(0x00): vcpu->vmx_msrs[b]=0x0000000011111111', 'CPU(0x00): RDMSR(0x00000480) = 0x00da040000000000'];
    const log = logOf({
      arch: 'i386',
      lines,
      facts: { msrs: [msr('00', 0x48b, 0x11111111n, 1), msr('00', 0x480, 0x00da040000000000n, 2)] },
    });
    const facts = cpuFacts(log, { cpu: '00', arch: 'i386' });
    expect(facts.bits(bit(0x48b, 0))?.value).toBe(1n);
    expect(facts.bits(bit(0x48b, 45))).toBeUndefined();
    expect(facts.bits(bit(0x480, 55))?.value).toBe(1n);
    expect(cpuFacts(log, { cpu: '00', arch: 'amd64' }).bits(bit(0x48b, 45))?.value).toBe(0n);
  });

  test('an array printed before it was filled tells nothing', () => {
    const lines = ['CPU(0x05): vcpu->vmx_msrs[INDEX_IA32_VMX_BASIC_MSR] = 0x0000000000000000'];
    const log = logOf({ arch: 'i386', lines, facts: { msrs: [msr('05', 0x480, 0n, 1)] } });
    expect(cpuFacts(log, { cpu: '05' }).msr(0x480)).toBeUndefined();
  });

  test('CPUID: signature, family and model, leaves beyond the highest, hypervisor', () => {
    const cpuid = (leaf: number, register: 'EAX' | 'EBX' | 'ECX' | 'EDX', value: number) => ({
      leaf,
      subleaf: 0,
      register,
      value,
      line: leaf,
    });
    const readings = [cpuid(0, 'EAX', 0x0b), cpuid(0, 'EBX', 0x756e6547), cpuid(1, 'EAX', 0x20652), cpuid(1, 'ECX', 0x0298e3ff)];
    const facts = cpuFacts(logOf({ facts: { cpuid: readings } }), { cpu: '00' });
    expect([facts.family()?.value, facts.model()?.value, facts.vendor()?.value]).toEqual([6, 0x25, 'intel']);
    expect(facts.bits({ kind: 'cpuid', leaf: 0x14, subleaf: 0, register: 'EBX', high: 0, low: 0 })?.value).toBe(0n);
    expect(facts.bits({ kind: 'cpuid', leaf: 7, subleaf: 0, register: 'EBX', high: 0, low: 0 })).toBeUndefined();
    expect(facts.hypervisor('kvm')?.value).toBe(false);
    const guest = [
      cpuid(1, 'ECX', 0x80000000 | 0),
      cpuid(0x40000000, 'EBX', 0x4b4d564b),
      cpuid(0x40000000, 'ECX', 0x564b4d56),
      cpuid(0x40000000, 'EDX', 0x4d),
    ];
    const kvm = cpuFacts(logOf({ facts: { cpuid: guest } }), { cpu: '00' });
    expect([kvm.hypervisor('kvm')?.value, kvm.hypervisor('xen')?.value, kvm.inVirtualMachine()?.value]).toEqual([true, false, true]);
  });
});
