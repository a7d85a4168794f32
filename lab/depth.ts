/**
 * One JSON line for each build folder named on the command line: derived stack depth, call-frame lookup and source lines of its
 * `runtime.exe` against what other tools said (`frames.txt`, `lines.json`). Bundled and run by `depth.py`.
 */
import { existsSync, readFileSync } from 'node:fs';
import { linkAddress } from '../src/core/addresses.js';
import { bytesSource } from '../src/core/bytes/byte-source.js';
import { dwarfRegisterName, type FrameRules, type RegisterRule } from '../src/core/dwarf/frame.js';
import { frameRuleAt } from '../src/core/image/frame-rules.js';
import type { Image } from '../src/core/image/image.js';
import { openImage } from '../src/core/image/open-image.js';
import { type CodeMap, codeMapOf } from '../src/core/unwind/code-map.js';
import { createPlatform } from '../src/platform/node.js';
import { countDepths } from '../test/build/depth-comparison.js';
import { type FrameEntry, type FrameRow, readFrameTable, rowAt } from '../test/build/frame-table.js';

const platform = createPlatform();

/** readelf's word for a rule of ours. */
function ruleWord(map: CodeMap, rule: RegisterRule | undefined): string {
  switch (rule?.kind) {
    case undefined:
    case 'undefined':
    case 'same-value':
      return 'u';
    case 'offset':
      return `c${rule.offset < 0 ? '' : '+'}${rule.offset}`;
    case 'value-offset':
      return `v${rule.offset < 0 ? '' : '+'}${rule.offset}`;
    case 'register':
      return dwarfRegisterName(map.set.arch, rule.register) ?? `r${rule.register}`;
    case 'expression':
      return 'exp';
    case 'value-expression':
      return 'vexp';
    default: {
      const never: never = rule;
      return String(never);
    }
  }
}

/** What readelf leaves out where nothing changes in the whole entry: the state behind the CALL. */
function entryRow({ set }: CodeMap, at: number): FrameRow {
  return { at, cfa: `${set.stackPointer}+${set.wordSize}`, registers: new Map([['ra', `c-${set.wordSize}`]]) };
}

/** Whether both say the same: CFA, and every register that either has a rule for. */
function sameRules(map: CodeMap, rules: FrameRules, row: FrameRow): boolean {
  const { cfa } = rules;
  const cfaWord = cfa.kind === 'expression' ? 'exp' : `${dwarfRegisterName(map.set.arch, cfa.register)}+${cfa.offset}`;
  const ours = new Map(
    [...rules.registers].map(([register, rule]) => [
      register === rules.returnAddressRegister ? 'ra' : (dwarfRegisterName(map.set.arch, register) ?? `r${register}`),
      ruleWord(map, rule),
    ]),
  );
  return (
    cfaWord === row.cfa &&
    [...new Set([...ours.keys(), ...row.registers.keys()])].every((name) => (ours.get(name) ?? 'u') === (row.registers.get(name) ?? 'u'))
  );
}

interface TableCount {
  equal: number;
  absent: number;
  different: string[];
  /** Sections our rules came from. */
  where: Record<string, number>;
}

function countTable(image: Image, map: CodeMap, entries: readonly FrameEntry[]): TableCount {
  const count: TableCount = { equal: 0, absent: 0, different: [], where: {} };
  for (const entry of entries) {
    for (const { at } of map.sweep(entry)) {
      const rules = frameRuleAt(image, linkAddress(at));
      const row = rowAt(entry, at) ?? entryRow(map, at);
      if (rules === undefined) count.absent++;
      else {
        count.where[rules.where] = (count.where[rules.where] ?? 0) + 1;
        if (sameRules(map, rules, row)) count.equal++;
        else count.different.push(at.toString(16));
      }
    }
  }
  return count;
}

interface Asked {
  readonly address: number;
  /** `name file:line:column` for each function, innermost first. */
  readonly words: string;
}

function differentLines(image: Image, asked: readonly Asked[]): string[] {
  return asked.flatMap(({ address, words }) => {
    const { functions } = image.lookup(linkAddress(address));
    const ours = functions.map(({ name, file, line, column }) => `${name} ${file ?? '??'}:${line ?? 0}:${column ?? 0}`).join('\n');
    return ours === words ? [] : [`${address.toString(16)}: ${ours} instead of ${words}`];
  });
}

function codeBytes(image: Image): number {
  return image.sections.filter(({ executable, hasBytes }) => executable && hasBytes).reduce((sum, { size }) => sum + size, 0);
}

function executableBytes(image: Image): string {
  return image.sections
    .filter(({ executable, hasBytes }) => executable && hasBytes)
    .map(({ name, address, size }) => `${name}@${address}:${Buffer.from(image.bytesAt(address, size) ?? []).toString('base64')}`)
    .join();
}

for (const folder of process.argv.slice(2)) {
  const image = openImage(bytesSource(readFileSync(`${folder}/runtime.exe`)), 'runtime.exe', platform);
  const twin = openImage(bytesSource(readFileSync(`${folder}/runtime-cfi.exe`)), 'runtime-cfi.exe', platform);
  const map = codeMapOf(image, platform.decode);
  const entries = readFrameTable(readFileSync(`${folder}/frames.txt`, 'utf8'));
  const mended = `${folder}/mended.exe`;
  const asked = JSON.parse(readFileSync(`${folder}/lines.json`, 'utf8')) as Asked[]; // written by depth.py, shape as above
  const { instructions, calls, expressions, expressed, explained, ...faults } = countDepths(
    image,
    map,
    entries,
    folder.includes('clang'),
    (at) => frameRuleAt(twin, at),
  );
  console.log(
    JSON.stringify({
      folder,
      entries: entries.length,
      sameCode: executableBytes(image) === executableBytes(twin),
      codeBytes: codeBytes(image),
      coveredBytes: entries.reduce((sum, { start, end }) => sum + end - start, 0),
      instructions,
      calls,
      expressions,
      expressed,
      explained,
      ...faults,
      table: countTable(image, map, entries),
      ...(existsSync(mended) && { mended: countTable(openImage(bytesSource(readFileSync(mended)), 'mended.exe', platform), map, entries) }),
      asked: asked.length,
      differentLines: differentLines(image, asked),
      gaps: image.gaps.length,
    }),
  );
}
