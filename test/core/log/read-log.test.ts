import { describe, expect, test } from '@jest/globals';
import { limits } from '../../../src/core/limits.js';
import type { CpuCrash, CrashLog, DamageKind } from '../../../src/core/log/crash-log.js';
import { readLog } from '../../../src/core/log/read-log.js';
import { plain } from '../../../src/core/sentence.js';
import {
  bootLines,
  crashSpec,
  type DumpSpec,
  dumpLines,
  interleave,
  lineOf,
  newlineFirst,
  newlineLast,
  registerValues,
  revision,
  wrap,
} from '../../build/log-builder.js';

function only(log: CrashLog): CpuCrash {
  expect(log.crashes).toHaveLength(1);
  const [crash] = log.crashes;
  if (crash === undefined) throw new Error('no crash');
  return crash;
}

function kinds(log: CrashLog): DamageKind[] {
  return [...new Set(log.damage.map((damage) => damage.kind))].sort();
}

function withoutErrorCode(spec: DumpSpec): DumpSpec {
  const { errorCode: _, ...rest } = spec;
  return rest;
}

/** Everything that the dump prints must come back. */
function expectWhole(crash: CpuCrash | undefined, spec: DumpSpec): void {
  expect(crash?.cpu).toBe(spec.untagged === true ? '' : spec.cpu);
  expect(crash?.arch).toBe(spec.arch);
  expect(crash?.fault.vector).toBe(spec.header === 'none' ? undefined : spec.vector);
  expect(crash?.fault.errorCode).toBe(spec.errorCode);
  expect(crash?.fault.pc).toBe(spec.pc);
  expect(crash?.fault.cs).toBe(spec.cs);
  expect(crash?.fault.flags).toBe(spec.flags);
  expect(crash?.fault.frameAt).toBe(spec.sp);
  expect(crash?.fault.printed).toBeUndefined();
  expect(crash?.fault.interrupted.sp).toBe(spec.arch === 'i386' ? spec.sp + 12n : spec.words[3]);
  expect(crash?.vcpu).toBe(spec.untagged === true ? undefined : spec.vcpu);
  expect(new Map(crash?.registers)).toEqual(registerValues(spec));
  expect(Object.fromEntries(crash?.segments ?? [])).toEqual({ cs: 8n, ds: 0x10n, es: 0x10n, ss: 0x10n, fs: 0x10n, gs: 0x10n, tr: 0x18n });
  expect(crash?.stack.words.map((word) => word.value)).toEqual(spec.words);
  expect(crash?.stack.words[0]?.address).toBe(spec.sp);
}

describe('eras and widths', () => {
  const variants: readonly [string, DumpSpec][] = [
    ['i386 of today', crashSpec('i386')],
    ['amd64 of today', crashSpec('amd64')],
    ['i386, vector in bare hexadecimal', withoutErrorCode(crashSpec('i386', '01', { vector: 18, header: 'bare' }))],
    ['amd64 with EIP and EFLAGS labels', crashSpec('amd64', '00', { pcLabel: 'EIP', flagsLabel: 'EFLAGS' })],
    ['amd64 with RIP and EFLAGS labels', crashSpec('amd64', '00', { flagsLabel: 'EFLAGS' })],
    ['amd64, four registers in a row', crashSpec('amd64', '02', { perRow: 4 })],
    ['amd64, numbers padded with blanks', crashSpec('amd64', '00', { padded: true, header: 'bare', pcLabel: 'EIP', flagsLabel: 'EFLAGS' })],
    ['no vector in the header', crashSpec('i386', '00', { header: 'none' })],
    ['no tags', withoutErrorCode(crashSpec('i386', '00', { header: 'none', untagged: true }))],
    ['APIC id above 9', crashSpec('amd64', '0a')],
    ['the last APIC id', crashSpec('i386', 'ff')],
  ];

  test.each(variants)('%s', (_name, given) => {
    const spec = given;
    for (const text of [
      newlineLast(dumpLines(spec)),
      newlineFirst(dumpLines(spec)),
      dumpLines(spec).join('\r\n'),
      dumpLines(spec).join('\r'),
    ]) {
      const log = readLog(text);
      expect(log.dialect).toBe('xmhf');
      expectWhole(only(log), spec);
      expect(only(log).stack.complete).toBe(true);
      expect(log.damage).toEqual([]);
    }
  });

  test('12 without parentheses is hexadecimal', () => {
    const log = readLog(newlineFirst(dumpLines(crashSpec('i386', '00', { vector: 0x12, header: 'bare' }))));
    expect(only(log).fault.vector).toBe(18);
    expect(only(log).fault.mnemonic).toBe('#MC');
    expect(log.era).toBe('newline-first');
  });

  test('mnemonics, and none where the vector has none', () => {
    for (const [vector, mnemonic] of [
      [2, 'NMI'],
      [13, '#GP'],
      [14, '#PF'],
      [6, '#UD'],
      [32, undefined],
      [9, undefined],
    ] as const) {
      const { fault } = only(readLog(newlineLast(dumpLines(crashSpec('i386', '00', { vector })))));
      expect(fault.mnemonic).toBe(mnemonic);
      expect(fault.vector).toBe(vector);
    }
  });

  test('the heading of the memory map tells where the newline stands', () => {
    expect(readLog(newlineLast(bootLines({ arch: 'i386' }))).era).toBe('newline-last');
    expect(readLog(newlineFirst(bootLines({ arch: 'i386', newline: 'first' }))).era).toBe('newline-first');
  });

  test('an excerpt does not tell the era', () => {
    expect(readLog(newlineLast(dumpLines(crashSpec('i386')))).era).toBeUndefined();
  });
});

describe('boots', () => {
  test('what a banner tells', () => {
    const log = readLog(newlineLast([...bootLines({ arch: 'amd64' }), ...dumpLines(crashSpec('amd64'))]));
    expect(log.boots).toEqual([{ line: 1, product: 'XMHF v6.1.0', branch: 'main', revision, subarch: 'amd64', slBase: 0x1000_0000n }]);
    expect(only(log).boot).toBe(0);
    expect(log.arch).toBe('amd64');
  });

  test('no revision where it is a hyphen or a motto', () => {
    for (const motto of ['-', 'Lorem ipsum dolor', 'v6.1.0']) {
      const [boot] = readLog(newlineLast(bootLines({ arch: 'i386', revision: motto }))).boots;
      expect(boot?.revision).toBeUndefined();
      expect(boot?.branch).toBeUndefined();
    }
  });

  test('each crash knows its boot, and two dumps of one CPU are two crashes', () => {
    const one = [...bootLines({ arch: 'i386' }), ...dumpLines(crashSpec('i386'))];
    const other = [
      ...bootLines({ arch: 'i386', revision: `fix-${revision.replaceAll('0', 'f')}` }),
      ...dumpLines(crashSpec('i386', '00', { vector: 6 })),
    ];
    const log = readLog(newlineLast([...one, ...other]));
    expect(log.boots.map((boot) => boot.branch)).toEqual(['main', 'fix']);
    expect(log.crashes.map((crash) => [crash.boot, crash.fault.vector, crash.line])).toEqual([
      [0, 13, lineOf(one, 'unhandled') + 1],
      [1, 6, one.length + lineOf(other, 'unhandled') + 1],
    ]);
  });

  test('of two hypervisors in one log the one whose runtime holds the pc crashed', () => {
    const outer = bootLines({ arch: 'i386' });
    const inner = bootLines({ arch: 'i386', slBase: 0x0800_0000n, runtimeSize: 0x40_0000n, product: 'Lightweight Hypervisor (LHV)' });
    const ofOuter = readLog(newlineLast([...outer, ...inner, ...dumpLines(crashSpec('i386'))]));
    expect(only(ofOuter).boot).toBe(0);
    const pc = 0x0820_9cc1n;
    const spec = crashSpec('i386', '00', { pc });
    const ofInner = readLog(newlineLast([...outer, ...inner, ...dumpLines({ ...spec, words: [pc, ...spec.words.slice(1)] })]));
    expect(only(ofInner).boot).toBe(1);
    expect(ofInner.boots[1]?.product).toBe('LHV v6.1.0');
  });

  test('no boot without a banner', () => {
    expect(only(readLog(newlineLast(dumpLines(crashSpec('i386'))))).boot).toBeUndefined();
  });
});

describe('several CPUs', () => {
  const cpus = ['00', '01', '04', '0a'];

  test('mixed by line', () => {
    const specs = cpus.map((cpu) => crashSpec('i386', cpu));
    const log = readLog(newlineLast(interleave(...specs.map(dumpLines))));
    expect(log.crashes).toHaveLength(4);
    for (const [index, spec] of specs.entries()) {
      expectWhole(log.crashes[index], spec);
      expect(log.crashes[index]?.stack.complete).toBe(true);
      expect(log.crashes[index]?.line).toBe(index + 1);
      expect(log.crashes[index]?.damage.map((damage) => damage.kind)).toEqual(['interleaved']);
    }
  });

  test('two at once in one line', () => {
    const specs = [crashSpec('amd64', '00'), crashSpec('amd64', '04')];
    const [a = [], b = []] = specs.map(dumpLines);
    const log = readLog(newlineLast(a.map((line, index) => `${line}${b[index] ?? ''}`)));
    expect(log.crashes).toHaveLength(2);
    for (const [index, spec] of specs.entries()) expectWhole(log.crashes[index], spec);
  });

  test('lines of others inside a dump', () => {
    const spec = crashSpec('i386');
    const lines = dumpLines(spec).flatMap((line) => [line, 'CPU(0x04): INT 15(e820): EDX=0x534d4150', '']);
    const log = readLog(newlineLast(lines));
    expectWhole(only(log), spec);
    expect(only(log).stack.complete).toBe(true);
    expect(kinds(log)).toEqual(['foreign-line']);
    expect(log.damage[0]?.cpu).toBe('00');
  });
});

describe('text glued to records', () => {
  test('behind the last digit, hexadecimal or not', () => {
    for (const tail of ['{1,i,32}', 'TV[0]:appmain.c: x', 'deadbeef', '0', ' EIP #0\t<rdmsr64+11>', 'CPU(0x02): gva=0x4']) {
      for (const spec of [crashSpec('i386'), crashSpec('amd64')]) {
        // An end of hexadecimal digits behind two i386 numbers would read as one amd64 number: the dump's width decides.
        const log = readLog(newlineFirst(dumpLines(spec).map((line) => `${line}${tail}`)));
        expectWhole(only(log), spec);
        expect(kinds(log)).toContain('foreign-tail');
        expect(log.damage.filter((damage) => damage.kind === 'foreign-tail')).toHaveLength(dumpLines(spec).length);
      }
    }
  });

  test('a header behind other text', () => {
    const lines = dumpLines(crashSpec('amd64', '04'));
    const log = readLog(newlineLast([`/a/b.c:624: assert failed: 0${lines[0] ?? ''}`, ...lines.slice(1)]));
    expectWhole(only(log), crashSpec('amd64', '04'));
    expect(kinds(log)).toEqual(['header-not-at-line-start']);
    expect(log.damage[0]?.line).toBe(1);
  });

  test('words that a script has added', () => {
    const spec = crashSpec('i386');
    const log = readLog(newlineLast(dumpLines(spec).map((line) => (line.includes('Stack(') ? `${line} EIP #0\t<f+1>` : line))));
    expectWhole(only(log), spec);
    expect(only(log).stack.complete).toBe(true);
  });
});

describe('prefixes', () => {
  const prefixes: readonly [string, (index: number) => string][] = [
    ['a clock', (index) => `[2022-06-08 16:29:${String(index % 60).padStart(2, '0')}.123] `],
    ['a kernel clock', (index) => `<4>[   12.${index}] `],
    ['a terminal', () => 'TTY> '],
    ['quotes', () => '> > '],
    ['line numbers', (index) => `${String(index + 1).padStart(5)}  `],
    ['a logger with its own CPU id', (index) => `[cpu=01][sev=3][seq=${index}]: `],
    ['a logger that looks like a tag', () => '[07] '],
  ];

  test.each(prefixes)('%s', (_name, prefix) => {
    const specs = [crashSpec('amd64', '00'), crashSpec('amd64', '01')];
    const lines = specs.flatMap(dumpLines).map((line, index) => `${prefix(index)}${line}`);
    const log = readLog(newlineLast(lines));
    expect(log.crashes).toHaveLength(2);
    for (const [index, spec] of specs.entries()) expectWhole(log.crashes[index], spec);
    expect(kinds(log)).toEqual(['line-prefix']);
  });
});

describe('characters', () => {
  const spec = crashSpec('i386', '04');
  const forms: readonly [string, (line: string) => string][] = [
    ['NUL', (line) => line.replaceAll('0', '0\0')],
    ['colours', (line) => `\x1b[31m${line}\x1b[0m\x1b[K`],
    ['zero-width', (line) => line.replaceAll('=', '\u200b=\ufeff')],
  ];

  test.each(forms)('%s', (_name, spoil) => {
    const log = readLog(newlineLast(dumpLines(spec).map(spoil)));
    expectWhole(only(log), spec);
    expect(only(log).stack.complete).toBe(true);
    expect(kinds(log)).toEqual(['control-characters']);
  });

  const looks: readonly [string, (line: string) => string][] = [
    ['no-break spaces', (line) => line.replaceAll(' ', '\u00a0')],
    ['full-width digits', (line) => line.replace(/[0-9]/g, (digit) => String.fromCharCode(digit.charCodeAt(0) + 0xfee0))],
    ['a caret and M', (line) => `${line}^M`],
    ['tabs', (line) => line.replaceAll('  ', '\t')],
    ['arrows and dashes of an editor', (line) => line.replace('->', '→').replaceAll('-----', '—')],
    ['HTML entities', (line) => line.replace('->', '-&gt;')],
    ['Markdown escapes', (line) => line.replaceAll('[', '\\[').replaceAll(']', '\\]')],
    ['one blank for many', (line) => line.replace(/ +/g, ' ')],
  ];

  test.each(looks)('%s', (_name, spoil) => {
    const log = readLog(newlineLast(dumpLines(spec).map(spoil)));
    expectWhole(only(log), spec);
    expect(only(log).stack.complete).toBe(true);
    expect(log.damage).toEqual([]);
  });

  test('padding of blanks that a browser has collapsed', () => {
    const padded = crashSpec('amd64', '00', { padded: true, header: 'bare', pcLabel: 'EIP', flagsLabel: 'EFLAGS' });
    expectWhole(only(readLog(newlineLast(dumpLines(padded).map((line) => line.replace(/ +/g, ' '))))), padded);
  });
});

describe('line ends', () => {
  const specs = [crashSpec('i386', '00'), crashSpec('i386', '05')];
  const lines = [...bootLines({ arch: 'i386' }), ...specs.flatMap(dumpLines)];

  test('CR only: all is line 1', () => {
    const log = readLog(lines.join('\r'));
    expect(log.crashes).toHaveLength(2);
    for (const [index, spec] of specs.entries()) expectWhole(log.crashes[index], spec);
    expect(log.crashes.map((crash) => crash.line)).toEqual([1, 1]);
    expect(log.source.lineCount).toBe(1);
  });

  test('newlines turned to blanks', () => {
    const log = readLog(lines.join(' '));
    expect(log.crashes).toHaveLength(2);
    for (const [index, spec] of specs.entries()) {
      expectWhole(log.crashes[index], spec);
      expect(log.crashes[index]?.stack.complete).toBe(true);
    }
    expect(kinds(log)).toContain('newlines-lost');
    expect(kinds(log)).not.toContain('foreign-tail');
    expect(kinds(log)).not.toContain('header-not-at-line-start');
    expect(log.boots[0]?.revision).toBe(revision);
    expect(log.crashes.map((crash) => crash.boot)).toEqual([0, 0]);
    expect(log.facts.imageLength?.value).toBe(0x266014);
  });

  test('two boots in one line', () => {
    const other = revision.replaceAll('0', 'f');
    const log = readLog(
      [...lines, ...bootLines({ arch: 'i386', revision: `new-${other}` }), ...dumpLines(crashSpec('i386', '00', { vector: 6 }))].join(' '),
    );
    expect(log.boots.map((boot) => boot.revision)).toEqual([revision, other]);
    expect(log.crashes.map((crash) => [crash.fault.vector, crash.boot])).toEqual([
      [13, 0],
      [13, 0],
      [6, 1],
    ]);
  });

  test('mixed ends keep the numbers of LF', () => {
    const log = readLog(`a\r\nb\rc\n${newlineLast(dumpLines(crashSpec('i386')))}`);
    expect(only(log).line).toBe(3);
    expect(log.source.line(1)).toBe('a');
    expect(log.source.line(2)).toBe('b\rc');
  });

  test('no line end at the end', () => {
    const log = readLog(dumpLines(crashSpec('i386')).join('\n'));
    expect(only(log).stack.complete).toBe(true);
    expect(log.source.lineCount).toBe(dumpLines(crashSpec('i386')).length);
  });
});

describe('mail wraps', () => {
  test.each([60, 66, 72])('at %i characters', (width) => {
    for (const spec of [crashSpec('i386'), crashSpec('amd64')]) {
      for (const quote of ['', '> ']) {
        for (const tail of ['', '{1,i,32}{0,I,32}{1,I,32}']) {
          const whole = dumpLines(spec).map((line) => `${line}${tail}`);
          const log = readLog(newlineLast(wrap(whole, width, quote)));
          expectWhole(only(log), spec);
          const broken = wrap(whole, width, quote).length > whole.length;
          expect(log.damage.some((damage) => damage.kind === 'torn-line')).toBe(broken);
        }
      }
    }
  });
});

test('a revision that a mail reader has put on the next line', () => {
  const log = readLog(newlineLast(wrap(bootLines({ arch: 'i386' }), 50, '> ')));
  expect(log.boots).toMatchObject([{ branch: 'main', revision }]);
});

test('a logger that looks like a tag before the state of a guest is no crash', () => {
  const guest = [
    'CPU(0x00): Unhandled intercept: 2 (0x00000002)',
    '\tCPU(0x00): EFLAGS=0x00010047',
    '\tSS:ESP =0x0010:0xfffffff4',
    '\tCS:EIP =0x0008:0x00008a11',
  ];
  const log = readLog(newlineLast([...bootLines({ arch: 'i386' }), ...guest].map((line) => `[07] ${line}`)));
  expect(log.crashes).toEqual([]);
  expect(log.events).toHaveLength(1);
});

test('dumps beyond the limit are counted', () => {
  const lines = Array.from({ length: limits.crashes + 2 }, () => dumpLines(crashSpec('i386')).slice(0, 20)).flat();
  const log = readLog(newlineLast(lines));
  expect(log.crashes).toHaveLength(limits.crashes);
  const tooMany = log.damage.filter((damage) => damage.kind === 'too-many').map((damage) => plain(damage.detail));
  expect(tooMany.some((sentence) => sentence.includes('2 dumps more'))).toBe(true);
});

test('a function before the header of 2012', () => {
  const spec = withoutErrorCode(crashSpec('i386', '00', { header: 'none', untagged: true }));
  const lines = dumpLines(spec).map((line, index) => (index < 2 ? `some_handler: ${line}` : line));
  const log = readLog(newlineFirst(lines));
  expectWhole(only(log), spec);
  expect(log.damage).toEqual([]);
});

test('registers of another printer behind a whole row are not taken', () => {
  const lines = dumpLines(crashSpec('i386')).filter((line) => !line.includes('ESI='));
  const at = lineOf(lines, 'EAX=');
  const log = readLog(newlineLast(lines.flatMap((line, index) => (index === at ? [line, '\tESI=0x11111111 EDI=0x22222222'] : [line]))));
  expect(only(log).registers.has('esi')).toBe(false);
});

describe('damage is named', () => {
  const spec = crashSpec('i386', '04');
  const lines = dumpLines(spec);

  function spoiled(part: string, from: string | RegExp, to: string): CrashLog {
    const at = lineOf(lines, part);
    return readLog(newlineLast(lines.map((line, index) => (index === at ? line.replace(from, to) : line))));
  }

  test('a flipped character in a stack value', () => {
    const log = spoiled('Stack(', /-> 0x/, '-> px');
    const crash = only(log);
    expect(crash.stack.wordAt(spec.sp)).toBeUndefined();
    expect(crash.stack.words).toHaveLength(spec.words.length - 1);
    expect(crash.stack.complete).toBe(false);
    expect(log.damage.filter((damage) => damage.kind === 'bad-digit').map((damage) => [damage.line, damage.cpu])).toEqual([
      [lineOf(lines, 'Stack(') + 1, '04'],
    ]);
    expect(crash.fault.pc).toBe(spec.pc);
  });

  test('a flipped digit in a stack address', () => {
    const third = `Stack(0x${(spec.sp + 8n).toString(16)}`;
    const log = spoiled(third, third, 'Stack(0x1d95ff00');
    expect(log.damage.map((damage) => damage.kind)).toContain('bad-digit');
    expect(only(log).stack.wordAt(0x1d95_ff00n)).toBeUndefined();
    expect(only(log).stack.wordAt(spec.sp + 8n)).toBeUndefined();
    expect(only(log).stack.wordAt(spec.sp + 12n)).toBe(spec.words[3]);
  });

  test('a flipped character in a register', () => {
    const log = spoiled('EAX=', 'EBX=0x', 'EBX=0z');
    expect(only(log).registers.has('ebx')).toBe(false);
    expect(only(log).registers.has('ecx')).toBe(true);
    expect(kinds(log)).toEqual(['bad-digit']);
  });

  test('a damaged name in a row of registers', () => {
    const log = spoiled('EAX=', 'EBX=', 'E?X=');
    expect([...only(log).registers.keys()]).toEqual(['eax', 'ecx', 'edx', 'esi', 'edi', 'ebp', 'esp']);
    expect(kinds(log)).toEqual(['missing-record', 'torn-line']);
  });

  test('pieces of two numbers that look like one', () => {
    const log = spoiled('EAX=', /EAX=0x(....).... EBX=0x../, 'EAX=0x$1');
    expect(only(log).registers.has('eax')).toBe(false);
    expect(only(log).registers.has('ebx')).toBe(false);
    expect(only(log).registers.get('ecx')).toBe(registerValues(spec).get('ecx'));
    expect(kinds(log)).toContain('torn-line');
  });

  test('a flipped character in the pc: the dumped frame still tells it', () => {
    const log = spoiled('CS:EIP', '0x0008:0x', '0x0008:px');
    expect(kinds(log)).toEqual(['bad-digit']);
    expect(only(log).fault.pc).toBe(spec.pc);
    expect(only(log).fault.frameAt).toBe(spec.sp);
  });

  test('a flipped character in the vector', () => {
    const log = spoiled('unhandled', '13 (0xd)', '1s (0xd)');
    expect(only(log).fault.vector).toBeUndefined();
    expect(kinds(log)).toContain('bad-digit');
    const disagree = spoiled('unhandled', '13 (0xd)', '14 (0xd)');
    expect(only(disagree).fault.vector).toBeUndefined();
    expect(kinds(disagree)).toContain('bad-digit');
  });

  test('a damaged tag of a stack record: the address tells the CPU', () => {
    const third = `Stack(0x${(spec.sp + 8n).toString(16)}`;
    const log = spoiled(third, '[04]', '[0$]');
    expect(only(log).stack.wordAt(spec.sp + 8n)).toBe(spec.words[2]);
    expect(only(log).stack.complete).toBe(true);
    expect(kinds(log)).toEqual(['torn-line']);
  });

  test('a damaged tag of the header: the dump behind it tells the CPU', () => {
    const log = spoiled('unhandled', '[04]', '[0$]');
    expectWhole(only(log), spec);
    expect(kinds(log)).toEqual(['torn-line']);
  });

  test('a damaged word of a record', () => {
    const log = spoiled('VCPU at', 'VCPU', 'VCXU');
    expect(only(log).vcpu).toBeUndefined();
    expect(kinds(log)).toEqual(['missing-record', 'torn-line']);
  });

  test('a last stack line that is torn', () => {
    const log = readLog(newlineLast(lines.map((line, index) => (index === lines.length - 2 ? line.slice(0, 10) : line))));
    expect(only(log).stack.words).toHaveLength(spec.words.length - 1);
    expect(only(log).stack.complete).toBe(false);
    expect(kinds(log)).toEqual(['torn-line']);
  });

  test('lost stack lines', () => {
    const at = lineOf(lines, 'Stack(') + 3;
    const log = readLog(newlineLast(lines.filter((_line, index) => index !== at && index !== at + 1)));
    expect(only(log).stack.complete).toBe(false);
    expect(only(log).stack.words).toHaveLength(spec.words.length - 2);
    expect(log.damage.map((damage) => [damage.kind, damage.line])).toEqual([['stack-gap', at + 1]]);
    expect(plain(log.damage[0]?.detail ?? [])).toContain('2 words');
  });

  test('the first stack lines lost', () => {
    const at = lineOf(lines, 'Stack(');
    const log = readLog(newlineLast(lines.filter((_line, index) => index !== at)));
    expect(kinds(log)).toEqual(['stack-gap']);
    expect(only(log).stack.complete).toBe(false);
    expect(only(log).fault.pc).toBe(spec.pc);
  });

  test('the last stack lines lost, which only the top of the stack tells', () => {
    const boot = bootLines({ arch: 'i386' });
    const full = dumpLines(crashSpec('i386'));
    expect(only(readLog(newlineLast([...boot, ...full]))).stack.complete).toBe(true);
    const cut = readLog(newlineLast([...boot, ...full.filter((_line, index) => index < full.length - 9 || index === full.length - 1)]));
    expect(only(cut).stack.complete).toBe(false);
    expect(kinds(cut)).toEqual(['stack-truncated']);
  });

  test('repeated stack lines', () => {
    const at = lineOf(lines, 'Stack(') + 2;
    const log = readLog(newlineLast(lines.flatMap((line, index) => (index === at ? [line, line] : [line]))));
    expect(only(log).stack.words).toHaveLength(spec.words.length);
    expect(kinds(log)).toEqual(['stack-repeat']);
    const differing = readLog(newlineLast(lines.flatMap((line, index) => (index === at ? [line, line.replace(/.$/, 'e')] : [line]))));
    expect(only(differing).stack.wordAt(spec.sp + 8n)).toBeUndefined();
    expect(kinds(differing)).toContain('stack-repeat');
  });

  test('repeated records', () => {
    const at = lineOf(lines, 'EAX=');
    const log = readLog(newlineLast(lines.flatMap((line, index) => (index === at ? [line, line.replace('EAX=0x0', 'EAX=0x7')] : [line]))));
    expect(only(log).registers.get('eax')).toBe(registerValues(spec).get('eax'));
    expect(kinds(log)).toEqual(['repeated-record']);
  });

  test('a header pasted twice is one crash', () => {
    const log = readLog(newlineLast([lines[0] ?? '', ...lines]));
    expectWhole(only(log), spec);
    expect(kinds(log)).toEqual(['repeated-record']);
  });

  test.each([
    ['header', 'unhandled'],
    ['error-code', 'error code'],
    ['pc', 'CS:EIP'],
    ['vcpu', 'VCPU'],
    ['eax', 'EAX='],
    ['esi', 'ESI='],
    ['cs', ' CS='],
    ['tr', 'TR='],
    ['stack-begin', 'stack dump'],
  ])('no %s', (name, part) => {
    const at = lineOf(lines, part);
    const log = readLog(newlineLast(lines.filter((_line, index) => index !== at)));
    const missing = log.damage.filter((damage) => damage.kind === 'missing-record').map((damage) => plain(damage.detail));
    expect(missing.some((sentence) => sentence.includes(name))).toBe(true);
    expect(only(log).cpu).toBe('04');
    expect(only(log).stack.words).toHaveLength(spec.words.length);
  });

  test('cut inside the dump at every character', () => {
    const text = newlineLast(lines);
    const header = lines[0]?.length ?? 0;
    for (let end = header; end < text.length - 24; end += 7) {
      const log = readLog(text.slice(0, end));
      const crash = only(log);
      expect(crash.fault.vector).toBe(13);
      expect(crash.stack.complete).toBe(false);
      expect(kinds(log)).toContain('no-end-marker');
      for (const word of crash.stack.words) expect(word.value).toBe(spec.words[Number(word.address - spec.sp) / 4]);
      for (const [name, value] of crash.registers) expect(value).toBe(registerValues(spec).get(name));
    }
  });

  test('a dump that a new one of the same CPU interrupts', () => {
    const log = readLog(newlineLast([...lines.slice(0, 20), ...lines]));
    expect(log.crashes).toHaveLength(2);
    expect(log.crashes[0]?.stack.complete).toBe(false);
    expectWhole(log.crashes[1], spec);
  });

  test('halves in the wrong order', () => {
    const at = lineOf(lines, 'Stack(') + 9;
    const log = readLog(newlineLast([...lines.slice(at), 'and before that:', ...lines.slice(0, at)]));
    expectWhole(only(log), spec);
    expect(only(log).stack.complete).toBe(true);
    expect(kinds(log)).toEqual(['torn-line']);
  });

  test('halves that do not fit stay apart', () => {
    const at = lineOf(lines, 'Stack(') + 9;
    const log = readLog(newlineLast([...lines.slice(at + 1), ...lines.slice(0, at)]));
    expect(log.crashes).toHaveLength(2);
    expect(log.crashes.map((crash) => crash.stack.words.length)).toEqual([spec.words.length - 10, 9]);
  });

  test('no stack pointer printed: the dump starts with the printed frame', () => {
    const log = spoiled('ESI=', 'ESP=0x', 'ESP=px');
    expect(only(log).fault.frameAt).toBe(spec.sp);
    expect(only(log).fault.interrupted.sp).toBe(spec.sp + 12n);
    expect(only(log).stack.complete).toBe(false);
  });

  test('an error code line that only another dump of the build has', () => {
    const bare = crashSpec('i386', '00', { header: 'bare' });
    const without = dumpLines(withoutErrorCode(crashSpec('i386', '01', { header: 'bare' })));
    expect(readLog(newlineFirst(without)).damage).toEqual([]);
    const log = readLog(newlineFirst([...dumpLines(bare), ...without]));
    expect(log.damage.map((damage) => [damage.kind, damage.cpu])).toEqual([['missing-record', '01']]);
  });

  test('three dots of a person who shortened it', () => {
    const at = lineOf(lines, 'Stack(') + 6;
    const log = readLog(
      newlineLast(lines.flatMap((line, index) => (index === at ? ['...'] : index > at && index < lines.length - 1 ? [] : [line]))),
    );
    expect(only(log).stack.complete).toBe(false);
    expect(kinds(log)).toContain('stack-truncated');
  });
});

describe('the frame of the CPU', () => {
  /** What builds of December 2021 printed: saved registers, with the true frame further up. */
  const sp = 0x1995_1a88n;
  const frame = [2n, 0x1021_1466n, 0x8n, 0x1_0042n, 0x1995_1b10n, 0x10n];
  const words = [0x80n, 0n, 1n, 0n, 0x1025_e7e1n, 1n, 0n, 0xb590_6b4cn, 0x75000n, 7n, 9n, ...frame, 0x1021_0000n, 0n, 5n, 6n];
  const spec = withoutErrorCode(
    crashSpec('amd64', '00', {
      vector: 14,
      header: 'bare',
      padded: true,
      pcLabel: 'EIP',
      flagsLabel: 'EFLAGS',
      cs: 0n,
      pc: 0x80n,
      flags: 1n,
      sp,
      words,
    }),
  );

  test('is found by its values where the handler printed other words', () => {
    const log = readLog(newlineFirst([...bootLines({ arch: 'amd64', newline: 'first' }), ...dumpLines(spec)]));
    const { fault } = only(log);
    expect(fault.pc).toBe(0x1021_1466n);
    expect(fault.cs).toBe(8n);
    expect(fault.flags).toBe(0x1_0042n);
    expect(fault.errorCode).toBe(2n);
    expect(fault.frameAt).toBe(sp + 12n * 8n);
    expect(fault.interrupted).toEqual({ sp: 0x1995_1b10n, ss: 0x10n });
    expect(fault.printed).toEqual({ cs: 0n, pc: 0x80n, flags: 1n });
    expect(kinds(log)).toEqual(['printed-frame-wrong']);
  });

  test.each([
    ['flags with a reserved bit', 3, 0x1_004an],
    ['flags without bit 1', 3, 0x1_0040n],
    ['another code selector', 2, 0x18n],
    ['a stack pointer elsewhere', 4, 0x1995_1b80n],
    ['another stack selector', 5, 0x18n],
    ['a pc outside the runtime', 1, 0x7777_7777_7777n],
  ])('is no frame with %s', (_name, index, value) => {
    const spoiledWords = words.map((word, at) => (at === 11 + index ? value : word));
    const log = readLog(newlineFirst([...bootLines({ arch: 'amd64', newline: 'first' }), ...dumpLines({ ...spec, words: spoiledWords })]));
    const { fault } = only(log);
    expect(fault.pc).toBeUndefined();
    expect(fault.frameAt).toBeUndefined();
    expect(fault.interrupted).toEqual({});
    expect(fault.printed).toEqual({ cs: 0n, pc: 0x80n, flags: 1n });
    expect(kinds(log)).toEqual(['printed-frame-wrong']);
  });

  test('a null pc is a frame like any other', () => {
    const given = crashSpec('amd64', '00', { pc: 0n, vector: 14, errorCode: 0x10n });
    const log = readLog(newlineLast(dumpLines({ ...given, words: [0n, ...given.words.slice(1)] })));
    expect(only(log).fault.pc).toBe(0n);
    expect(log.damage).toEqual([]);
  });

  test('printed and dumped pc that differ are told', () => {
    const given = crashSpec('i386');
    const log = readLog(newlineLast(dumpLines({ ...given, pc: 0x1020_4a31n })));
    expect(only(log).fault.pc).toBe(0x1020_4a30n);
    expect(only(log).fault.printed?.pc).toBe(0x1020_4a31n);
    expect(kinds(log)).toEqual(['printed-frame-wrong']);
  });
});
