/** Time grows with the length of the log and no faster, whatever a line nearly is. The 21 MB cases are in bench/. */
import { describe, expect, test } from '@jest/globals';
import { readLog } from '../../../src/core/log/read-log.js';
import { crashSpec, dumpLines, newlineLast } from '../../build/log-builder.js';

const cpuTime = process.cpuUsage;

const attacks: readonly string[] = [
  '\n',
  ' ',
  '\r',
  'a',
  '[',
  '[00',
  '[00] ',
  '[00]: unhandled exception ',
  '[00]: unhandled exception 13 (0xd), haltin\n',
  '[00]: unhandled exception 13 (0xd), halting!',
  '[00]  Stack(0x',
  '[00]  Stack(0x1d959aa8) -> 0x1021\n',
  '[00] EAX=0x EBX=',
  '[00] CS:EIP 0x0008:0x        with ',
  '[00] CS=0x0008, ',
  'unhandled exception halting!',
  'Stack(0x1d959aa8) -> 0x10213ffa',
  "Fatal: Halting! Condition '",
  "Fatal: Halting! Condition 'x\n",
  "Fatal: Halting! Condition 'x' failed, line 1, file ",
  "TEST_ASSERT '",
  'Error: HALT_ON_ERRORCOND() @ ',
  'a:1: assert failed: ',
  ': assert failed: \n',
  'VM-ENTRY error: reason=0x',
  'Unhandled intercept: 2 (0x0000000',
  ' error; code=0x',
  'HALT: alting! ',
  'CPU(0x00): RDMSR(0x',
  'CPU(0x00): vcpu->vmcs.guest_',
  'CPU(0x00): WRMSR 0x00000000 0x',
  'Build revision: a-',
  'Build revision: aaaaaaaaaaaaaaaa-0123456789abcdef0123456789abcdef0123456',
  'gold runtime: 00 00 00 00 ',
  'comp runtime: : 00 ',
  'eXtensible Modular Hypervisor Framework (XMHF) v1.1.1.1',
  '\x1b[',
  '\x1b]0;',
  '\x1b[0;0;0;0;',
  '&gt;&',
  '\\[\\',
  '^M^M',
  '\u200b',
  'Backtrace: 0x1234',
  '> ',
  '> [0$]  Stack(0x1d959aa8) -> 0x10213ffa\n',
];

function cost(text: string): number {
  const start = cpuTime();
  readLog(text);
  const used = cpuTime(start);
  return (used.user + used.system) / 1000;
}

describe('near misses', () => {
  const before = newlineLast(dumpLines(crashSpec('i386')).slice(0, 12));

  test.each(attacks.map((attack) => [JSON.stringify(attack), attack]))('%s', (_name, attack) => {
    for (const start of ['', before]) {
      const short = start + attack.repeat(Math.ceil(20_000 / attack.length));
      const long = start + attack.repeat(Math.ceil(160_000 / attack.length));
      // Eight times the text; a quadratic reader would take 64 times as long. A busy machine gets another try.
      const grows = () => cost(long) > Math.max(40, cost(short) * 28);
      expect(grows() && grows() && grows()).toBe(false);
    }
  });
});

test('a log over the limit is read up to it, and told', () => {
  const line = `${'x'.repeat(1_000_000)}\n`;
  const log = readLog(newlineLast(dumpLines(crashSpec('i386'))) + line);
  expect(log.damage.map((damage) => [damage.kind, damage.line])).toEqual([['line-too-long', dumpLines(crashSpec('i386')).length + 1]]);
  expect(log.crashes).toHaveLength(1);
});
