import { describe, expect, test } from '@jest/globals';
import type { LogEvent } from '../../../src/core/log/crash-log.js';
import { readLog } from '../../../src/core/log/read-log.js';
import { bootLines, crashSpec, dumpLines, newlineFirst, newlineLast } from '../../build/log-builder.js';

const boot = bootLines({ arch: 'amd64' });
const first = boot.length + 1;

function events(...lines: readonly string[]): readonly LogEvent[] {
  return readLog(newlineLast([...boot, ...lines])).events;
}

describe('assertions', () => {
  const fatal = "Fatal: Halting! Condition 'a->b(c) != 0' failed, line 372, file arch/x86/vmx/one-two.c";

  test('with their fields', () => {
    expect(events(fatal)).toEqual([
      {
        kind: 'assertion',
        line: first,
        text: fatal,
        boot: 0,
        condition: 'a->b(c) != 0',
        file: 'arch/x86/vmx/one-two.c',
        sourceLine: 372,
        fatal: true,
      },
    ]);
  });

  test('are enough to know the dialect', () => {
    const log = readLog(fatal);
    expect(log.dialect).toBe('xmhf');
    expect(log.crashes).toEqual([]);
    expect(log.events[0]?.boot).toBeUndefined();
  });

  test('with quotes and an escaped newline in the condition', () => {
    const condition = String.raw`0 && "Guest: it's 'odd'!\n"`;
    const [event] = events(`Fatal: Halting! Condition '${condition}' failed, line 92, file some-guest.c`);
    expect(event?.condition).toBe(condition);
    expect(event?.sourceLine).toBe(92);
    expect(event?.file).toBe('some-guest.c');
  });

  test.each([['[00]: unhandled exception 6 (0x6), halting!'], ['CPU(0x01): x'], ['TV[0]:appmain.c:f: x'], ['{1,i,32}'], ['Fatal']])(
    'other text glued behind: %s',
    (tail) => {
      const [event] = events(`${fatal}${tail}`);
      expect(event?.file).toBe('arch/x86/vmx/one-two.c');
      expect(event?.text).toBe(fatal);
    },
  );

  test('glued behind other text, with a prefix, and with smart quotes', () => {
    expect(events(`CPU(0x00): abc${fatal}`)[0]?.text).toBe(fatal);
    expect(events(`[12:00:01] ${fatal}`)[0]?.text).toBe(fatal);
    expect(events(fatal.replace("'", '\u2018').replace("'", '\u2019'))[0]?.condition).toBe('a->b(c) != 0');
  });

  test('broken by a mail reader in two and in three', () => {
    for (const pieces of [
      ["Fatal: Halting! Condition 'a->b(c) != 0'", '> failed, line 372, file arch/x86/vmx/one-two.c'],
      ["Fatal: Halting! Condition 'a->b(c) !=", "0' failed, line 372,", 'file arch/x86/vmx/one-two.c'],
    ]) {
      const [event, ...more] = events(...pieces);
      expect(event).toMatchObject({ condition: 'a->b(c) != 0', sourceLine: 372, file: 'arch/x86/vmx/one-two.c', line: first });
      expect(more).toEqual([]);
    }
  });

  test('a torn one is an event without fields, and told', () => {
    for (const rest of [[], ['x', 'y', 'z', "' failed, line 3, file a.c"]]) {
      const log = readLog(newlineLast([...boot, "Fatal: Halting! Condition 'a->b(c)", ...rest]));
      expect(log.events).toEqual([{ kind: 'assertion', line: first, boot: 0, text: "Fatal: Halting! Condition 'a->b(c)", fatal: true }]);
      expect(log.damage.map((damage) => [damage.kind, damage.line])).toEqual([['torn-line', first]]);
    }
  });

  test('of the C library, with and without a header behind it', () => {
    const [plain] = events('/home/a/文档/x.c:624: assert failed: a == b');
    expect(plain).toMatchObject({ condition: 'a == b', file: '/home/a/文档/x.c', sourceLine: 624, fatal: true });
    const lines = dumpLines(crashSpec('amd64'));
    const log = readLog(newlineLast([...boot, `x.c:624: assert failed: 0${lines[0] ?? ''}`, ...lines.slice(1)]));
    expect(log.events).toMatchObject([{ condition: '0', file: 'x.c', sourceLine: 624, line: first }]);
    expect(log.crashes).toHaveLength(1);
  });

  test('of SHV, of tests, and of 2012', () => {
    expect(events('Error: HALT_ON_ERRORCOND(a(b) @ c) @ src/x.c:12 failed')).toMatchObject([
      { condition: 'a(b) @ c', file: 'src/x.c', sourceLine: 12 },
    ]);
    expect(events("TEST_ASSERT 'x == 1' failed, line 365, file some-guest.c")).toMatchObject([{ condition: 'x == 1', sourceLine: 365 }]);
    expect(events("Assertion 'x == 1' failed, line 36, file old.c")).toMatchObject([{ condition: 'x == 1', sourceLine: 36 }]);
  });
});

describe('VM entries and exits', () => {
  test.each([
    ['VM-ENTRY error: reason=0x80000021, qualification=0x0000000000000004', undefined],
    ['CPU(0x01): VM-ENTRY error, reason=0x80000021, qualification=0x0000000000000004', '01'],
    ['CPU(0x0b): VM-ENTRY error: reason=0x80000021, qualification=0x0000000000000004', '0b'],
  ])('%s', (line, cpu) => {
    const [event] = events(line);
    expect(event).toMatchObject({ kind: 'vm-entry-failure', code: 0x8000_0021, qualification: 4n, text: line, fatal: true });
    expect(event?.cpu).toBe(cpu);
  });

  test.each([
    ['CPU(0x03): Unhandled intercept: 0x00000012', 0x12],
    ['CPU(0x03): Unhandled intercept in long mode: 0x00000012', 0x12],
    ['CPU(0x03): Unhandled intercept: 18 (0x00000012)', 0x12],
  ])('%s', (line, code) => {
    expect(events(line)).toMatchObject([{ kind: 'unhandled-intercept', code, cpu: '03', text: line, fatal: true }]);
  });

  test.each([
    ['CPU(0x00): VMLAUNCH error; code=0x7. HALT!', '00', 7],
    ['CPU(0x02): VMRESUME error; code=0x8.', '02', 8],
  ])('%s', (line, cpu, code) => {
    expect(events(line).filter((event) => event.kind === 'vm-instruction-error')).toMatchObject([{ cpu, code, text: line, fatal: true }]);
  });

  test('of LHV', () => {
    expect(events('CPU(0x00): is_resume = 1, valid = 1, err = 12')).toMatchObject([{ kind: 'vm-instruction-error', code: 12, cpu: '00' }]);
  });
});

describe('what a hypervisor survives', () => {
  test.each([
    ['VMEXIT-EXCEPTION:', 'guest-exception'],
    ['Guest: interrupt / exception vector 13', 'guest-exception'],
    ['[    1.23] Kernel panic - not syncing: Attempted to kill init!', 'guest-panic'],
    ['[    1.23] Oops: 0000 [#1] SMP', 'guest-panic'],
    ['[    1.23] BUG: unable to handle page fault for address: 00', 'guest-panic'],
  ])('%s', (line, kind) => {
    expect(events(line).map((event) => [event.kind, event.fatal])).toEqual([[kind, false]]);
  });

  test("the vector of a guest's exception", () => {
    expect(
      events('VMEXIT-EXCEPTION:', 'control_exception_bitmap=0xffffbfff', 'interruption information=0x80000b0d', 'errorcode=0x0000013b'),
    ).toMatchObject([{ kind: 'guest-exception', code: 13 }]);
    expect(events('Guest: interrupt / exception vector 6')).toMatchObject([{ code: 6 }]);
    expect(events('interruption information=0x80000b0d')).toEqual([]);
  });

  test('the end of a panic is not a second one', () => {
    expect(events('Kernel panic - not syncing: x', '---[ end Kernel panic - not syncing: x ]---')).toHaveLength(1);
  });

  test('a fault that the handler table knew is nothing', () => {
    expect(events('Found in xcph table', 'CPU(0x00): RDMSR(0x00000491) = unavailable')).toEqual([]);
  });
});

describe('halts', () => {
  test.each([
    ['CPU(0x00): HALT; Nested events unhandled 0x80000b0e', '00'],
    ['unhandled crx, halting!', undefined],
    ['CPU(0x04): Unhandled Task Switch. Halt!', '04'],
    ['CPU(0x04): Incompatible microcode update, HALT!', '04'],
    ['HALT: guest OS entering long mode in i386 XMHF', undefined],
    ['CPU(0x01): HALTING!', '01'],
  ])('%s', (line, cpu) => {
    const [event, ...more] = events(line);
    expect(event).toMatchObject({ kind: 'halt', text: line, fatal: true });
    expect(event?.cpu).toBe(cpu);
    expect(more).toEqual([]);
  });

  test.each(['> ', '[2024-01-02 03:04:05.678] ', '<4>[   12.345678] ', '03:04:05.678  ', 'TTY> ', '  | '])(
    'without the prefix %j',
    (prefix) => {
      expect(events(`${prefix}unhandled crx, halting!`).map((event) => event.text)).toEqual(['unhandled crx, halting!']);
    },
  );

  test('the header of a dump is a crash and no halt', () => {
    const log = readLog(newlineFirst([...boot, ...dumpLines(crashSpec('amd64'))]));
    expect(log.events).toEqual([]);
    expect(log.crashes).toHaveLength(1);
  });

  test('a triple fault that is named', () => {
    expect(events('CPU(0x00): triple fault')).toMatchObject([{ kind: 'triple-fault', cpu: '00', fatal: true }]);
  });
});

test('events beyond the limit are counted', () => {
  const log = readLog(newlineLast([...boot, ...Array.from({ length: 4100 }, () => 'VM-ENTRY error: reason=0x80000021')]));
  expect(log.events).toHaveLength(4096);
  expect(log.damage.map((damage) => damage.kind)).toEqual(['too-many']);
});
