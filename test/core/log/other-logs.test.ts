import { describe, expect, test } from '@jest/globals';
import { readLog } from '../../../src/core/log/read-log.js';
import { plain } from '../../../src/core/sentence.js';

/** Made up in the shapes that other projects print; none may be taken for a crash. */
const others: readonly [string, string][] = [
  ['nothing', ''],
  ['blank lines', '\n\n \t\n'],
  ['prose', 'The run 123 crashed, see [00] and 0x1234. What is an unhandled exception?\n'],
  [
    'Linux',
    `[   12.345678] BUG: unable to handle page fault for address: ffffc90000000000
[   12.345680] #PF: supervisor write access in kernel mode
[   12.345681] Oops: 0002 [#1] PREEMPT SMP PTI
[   12.345682] CPU: 3 PID: 99 Comm: insmod Tainted: G           OE
[   12.345683] RIP: 0010:foo_init+0x12/0x1000 [foo]
[   12.345684] RSP: 0018:ffffc90000a7bc80 EFLAGS: 00010246
[   12.345685] RAX: 0000000000000000 RBX: ffffffffc0000000 RCX: 0000000000000000
[   12.345686] Call Trace:
[   12.345687]  do_one_initcall+0x56/0x2e0
[   12.345688] Kernel panic - not syncing: Fatal exception
`,
  ],
  [
    'Xen',
    `(XEN) ----[ Xen-4.17  x86_64  debug=y ]----
(XEN) CPU:    0
(XEN) RIP:    e008:[<ffff82d040203020>] foo+0x20/0x30
(XEN) rax: 0000000000000000   rbx: ffff830000000000   rcx: 0000000000000491
(XEN) Xen stack trace from rsp=ffff82d0404cfd48:
(XEN)    0000000000000000 ffff82d040203020 0000000000000000
(XEN) Panic on CPU 0:
`,
  ],
  [
    'an emulator',
    'EAX=00000491 EBX=00000000 ECX=00000491 EDX=00000000\nEIP=10213ffa EFL=00010006 [-----P-] CPL=0 II=0 A20=1 SMM=0 HLT=0\nCS =0008 00000000 ffffffff 00cf9b00\n',
  ],
  [
    'a microcontroller',
    "Guru Meditation Error: Core  0 panic'ed (LoadProhibited). Exception was unhandled.\nPC      : 0x400d1234  PS      : 0x00060e30\nBacktrace: 0x400d1231:0x3ffb1f90 0x400d5678:0x3ffb1fb0\n",
  ],
  [
    'a hypervisor with stack words of its own',
    'CPU0 exception 13 error 0x0\nstack dump:\n  Stack(0x1d959aa8) -> 0x10213ffa\n  Stack(0x1d959aac) -> 0x00000008\n',
  ],
  ['an assertion of C', 'main.c:12: assert failed: x > 0\nprog: main.c:12: main: Assertion `x > 0` failed.\n'],
  ['a test of another project', "Assertion 'x == 1' failed, line 12, file test.c\n"],
  ['a test log', 'FAIL [00] unhandled exception in worker, halting! later\n'],
  ['a halting service', 'systemd[1]: Halting!\nreboot: System halted\n'],
  ['tags of a list', '[00] first\n[01] second\n[0a]: third\n[00] EAX is here\n'],
];

describe('logs of other projects', () => {
  test.each(others)('%s', (_name, text) => {
    const log = readLog(text);
    expect(log.dialect).toBe('unknown');
    expect(log.crashes).toEqual([]);
    expect(log.events).toEqual([]);
    expect(log.boots).toEqual([]);
    expect(log).not.toHaveProperty('era');
    expect(log).not.toHaveProperty('arch');
    expect(log.notes.length).toBeGreaterThan(0);
  });

  test('the notes say what was read and what it looks like', () => {
    const notes = readLog(others[3]?.[1] ?? '')
      .notes.map(plain)
      .join('\n');
    expect(notes).toContain('10 lines');
    expect(notes).toContain('Linux call trace: 1');
    expect(notes).toContain('numbers written with 0x');
  });
});
