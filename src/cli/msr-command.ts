/** `msr`: what the table knows of one MSR, and with a log what that log says of its existence. */
import { parseArgs } from 'node:util';
import { hex } from '../core/addresses.js';
import { type CpuFacts, cpuFacts } from '../core/diagnose/cpu-facts.js';
import type { Existence } from '../core/diagnose/diagnosis.js';
import { rowExistence, rowsOfVendor } from '../core/diagnose/existence.js';
import { type MsrRow, msrRows } from '../core/diagnose/msr-table.js';
import type { CrashLog } from '../core/log/crash-log.js';
import { readLog } from '../core/log/read-log.js';
import { plain } from '../core/sentence.js';
import { createPlatform } from '../platform/node.js';
import { CommandError, type ExitStatus, readText } from './command.js';

const accessWords: Readonly<Record<MsrRow['access'], string>> = { ro: 'read only', rw: 'read and write', wo: 'write only' };

function parseNumber(text: string): number {
  const digits = /^(?:0[xX])?([0-9a-fA-F]{1,8})[hH]?$/.exec(text)?.[1];
  if (digits === undefined)
    throw new CommandError(`msr: ${JSON.stringify(text.slice(0, 40))} is no MSR number; give up to 8 hexadecimal digits`);
  return Number.parseInt(digits, 16);
}

function ruleLines({ when, source, worth, because }: Existence, evaluated: boolean): string[] {
  const lines = [`  exists when: ${when}`, `    stated by: ${source}`];
  if (evaluated) lines.push(`    by this log: ${worth}`, ...because.map((reason) => `      ${plain(reason)}`));
  return lines;
}

/** Of the CPU and boot that crashed first; without a crash, of the first boot. */
function factsOf(log: CrashLog | undefined): CpuFacts {
  const crash = log?.crashes[0];
  return cpuFacts(log ?? readLog(''), {
    cpu: crash?.cpu ?? '',
    boot: crash?.boot ?? (log?.boots.length ? 0 : undefined),
    arch: crash?.arch,
  });
}

function rowLines(row: MsrRow, log: CrashLog | undefined): string[] {
  const evaluated = log !== undefined;
  const facts = factsOf(log);
  const existence = rowExistence(row, facts);
  return [
    `${hex(row.start)}${row.end === row.start ? '' : `-${hex(row.end)}`} ${row.name} (${row.vendor}, ${accessWords[row.access]})`,
    ...ruleLines(existence.rule, evaluated),
    ...(existence.alsoStated ? ruleLines(existence.alsoStated, evaluated) : []),
    ...(row.reservedBitsNote === '' ? [] : [`  faults: ${row.reservedBitsNote}`]),
    ...(row.errata === '' ? [] : [`  known disagreement: ${row.errata}`]),
  ];
}

export async function msrCommand(args: readonly string[], write: (text: string) => void): Promise<ExitStatus> {
  const { values, positionals } = parseArgs({ args: [...args], options: { log: { type: 'string' } }, allowPositionals: true });
  const [text, extra] = positionals;
  if (text === undefined || extra !== undefined) throw new CommandError('msr: give one MSR number, such as 0x491');
  const address = parseNumber(text);
  const log = values.log === undefined ? undefined : readLog(await readText(values.log));
  const all = msrRows(createPlatform().msrTable(), address);
  const rows = log === undefined ? all : rowsOfVendor(all, factsOf(log));
  if (rows.length === 0) {
    write(`${hex(address)}: nothing is known of this MSR; that does not mean that it does not exist\n`);
    return 1;
  }
  write(`${rows.map((row) => rowLines(row, log).join('\n')).join('\n\n')}\n`);
  return 0;
}
