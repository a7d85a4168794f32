/**
 * What is claimed of the real logs, by log alone. They are not ours to keep: this runs where they lie beside the project, and
 * holds claims only. Each claim was compared with what the log's author found out (facts beside the logs).
 */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { diagnose } from '../../../src/core/diagnose/diagnose.js';
import { readLog } from '../../../src/core/log/read-log.js';
import { createPlatform } from '../../../src/platform/node.js';
import { kindsOf, saidBy, unknownOf } from '../../build/diagnosed.js';

const folder = join(process.cwd(), '../shared/logs/given');
const platform = createPlatform();

interface Claims {
  readonly file: string;
  /** Grades and kinds of all findings, in order: nothing else is claimed. */
  readonly kinds: readonly string[];
  readonly says?: readonly string[];
  readonly asks?: readonly string[];
}

const seedQuestion = 'bit 5 of CPUID.01H:ECX, bit 63 of MSR 0x482, bit 45 of MSR 0x48b';

const claims: readonly Claims[] = [
  {
    file: 'amt__boot4.txt',
    kinds: ['confirmed page-fault'],
    says: ['a write to a page that is not present'],
    asks: ['does not print CR2'],
  },
  {
    file: 'bug_017__20211228202142',
    kinds: ['confirmed vm-entry-failure'],
    says: ['exit reason 33'],
    asks: ['Which part of the guest state'],
  },
  { file: 'bug_018__20211230095148', kinds: [], asks: ['it holds no crash'] },
  {
    file: 'bug_018__20220103155652',
    kinds: ['confirmed vm-instruction-error'],
    says: ['error 7', 'control_VMX_seccpu_based', 'same value as control_VMX_cpu_based'],
  },
  {
    file: 'bug_018__20220103161912',
    kinds: ['confirmed vm-instruction-error'],
    says: ['error 7', 'control_VMX_seccpu_based', 'same value as control_VMX_cpu_based'],
  },
  {
    file: 'bug_027__20220109205416',
    kinds: ['confirmed general-protection', 'confirmed machine-check'],
    says: ['IDT gate 18 (#MC), while an event from outside', 'CPU 00 printed #MC itself'],
    asks: ['no machine-check bank'],
  },
  {
    file: 'bug_039__20220208231648',
    kinds: ['confirmed page-fault', 'possible msr'],
    says: ['a read of a page that is not present', '0x79 IA32_BIOS_UPDT_TRIG'],
  },
  {
    file: 'bug_062__20220402233915',
    kinds: ['confirmed vm-instruction-error'],
    says: ['error 8', 'a 32-bit hypervisor cannot enter a 64-bit guest'],
  },
  { file: 'bug_079__20220607213959', kinds: ['confirmed assertion'], says: ['The condition is always false'] },
  {
    file: 'bug_081__202206081629',
    kinds: ['possible msr'],
    says: ['0x491 IA32_VMX_VMFUNC', 'The manuals disagree', 'The same on CPUs 01, 04 and 05.'],
    asks: [seedQuestion],
  },
  { file: 'bug_081__202206081629read_stack32.txt', kinds: ['possible msr'], asks: [seedQuestion] },
  {
    file: 'bug_081__202206081629read_stack32_modify.txt',
    kinds: ['likely msr'],
    says: ['most likely at RDMSR 0x491 IA32_VMX_VMFUNC'],
    asks: [seedQuestion],
  },
  {
    file: 'bug_081__202206091636',
    kinds: ['likely msr'],
    says: [
      'most likely at RDMSR 0x491 IA32_VMX_VMFUNC',
      'bit 45 of MSR 0x48b is 0',
      'SDM vol 4 says CPUID.01H:ECX[5] && MSR[480H][55], which is true here',
      'The register is absent, as the log itself says: SDM vol 4 is wrong here.',
    ],
  },
  {
    file: 'bug_085__20220709172712',
    kinds: ['confirmed unhandled-intercept'],
    says: ['VM exit 2 (triple fault)', 'The guest, not the hypervisor'],
  },
  {
    file: 'bug_103__stack_trace1.txt',
    kinds: ['confirmed assertion', 'likely invalid-opcode'],
    says: ['An assertion failed', 'the trap that the failed assertion executes'],
  },
  {
    file: 'bug_106__20221202121534',
    kinds: ['confirmed assertion', 'likely invalid-opcode'],
    says: ['the trap that the failed assertion executes'],
  },
];

(existsSync(folder) ? describe : describe.skip)('the real logs, without an image', () => {
  test.each(claims)('$file', ({ file, kinds, says, asks }) => {
    const log = readLog(readFileSync(join(folder, file), 'utf8'));
    const diagnosis = diagnose({ log, backtraces: [], images: [], platform });
    expect(kindsOf(diagnosis)).toEqual(kinds);
    for (const words of says ?? []) expect(saidBy(diagnosis)).toContain(words);
    for (const words of asks ?? []) expect(unknownOf(diagnosis)).toContain(words);
  });

  test('the manuals, worked out from the values that the log prints, and not from a log without them', () => {
    const worths = (file: string) => {
      const log = readLog(readFileSync(join(folder, file), 'utf8'));
      const { findings } = diagnose({ log, backtraces: [], images: [], platform });
      return findings[0]?.exists?.map(({ source, worth }) => `${source} ${worth}`);
    };
    expect(worths('bug_081__202206091636')).toEqual(['SDM vol 3 false', 'SDM vol 4 true']);
    expect(worths('bug_081__202206081629')).toEqual(['SDM vol 3 unknown', 'SDM vol 4 unknown']);
  });
});
