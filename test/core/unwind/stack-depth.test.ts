/**
 * Derived stack depth against the compiler's own call-frame information, at every instruction of every function of
 * fixtures/unwind/frames and of the testbed's images: the tables were recorded from the same links with that information kept.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import { bytesSource } from '../../../src/core/bytes/byte-source.js';
import { openImage } from '../../../src/core/image/open-image.js';
import type { Instruction } from '../../../src/core/platform.js';
import { calleePop, savedAt } from '../../../src/core/unwind/call-effects.js';
import { type CodeMap, codeMapOf } from '../../../src/core/unwind/code-map.js';
import { stackDepths } from '../../../src/core/unwind/stack-depth.js';
import type { MachineState } from '../../../src/core/unwind/values.js';
import { createPlatform } from '../../../src/platform/node.js';
import { type FrameRow, readFrameTable, rowAt } from '../../build/frame-table.js';

const folder = 'fixtures/unwind/frames';
const builds = readdirSync(folder)
  .filter((name) => name.endsWith('.elf'))
  .map((name) => name.slice(0, -'.elf'.length));
const images = 'fixtures/images';
const recorded = readdirSync(images).filter((slug) => existsSync(`${images}/${slug}/frames.txt`));
const platform = createPlatform();
const { parseInt: toInteger } = Number;

interface Count {
  instructions: number;
  calls: number;
  /** CFA by an expression, which the table does not print. */
  expressions: number;
  wrong: string[];
  unknown: string[];
  unreached: string[];
  wrongRegisters: string[];
  unknownRegisters: string[];
}

function isPadding(instruction: Instruction): boolean {
  return /^(?:nop|int3|xchg ax, ax|data16 |lea (e?[sd]i), \[\1(?:\*1)?\]|lea esi, \[esi)/.test(instruction.text());
}

/** Clang's table mostly does not know that a callee popped: it is behind by as much until the next instruction makes up for it. */
function popsUnseen(map: CodeMap, before: Instruction | undefined): number {
  return before?.flow === 'call' && before.target !== undefined ? calleePop(map, before.target) : 0;
}

function compareCfa(
  map: CodeMap,
  state: MachineState,
  row: FrameRow | undefined,
  popped: number,
): 'equal' | 'wrong' | 'unknown' | 'expression' {
  const { set } = map;
  const rule = row?.cfa ?? `${set.stackPointer}+${set.wordSize}`;
  const [name = '', offset = ''] = rule.split('+');
  const index = set.names.indexOf(name);
  if (index < 0) return 'expression';
  const held = state.register(index);
  if (held.kind !== 'pointer' || held.base.id !== 0) return 'unknown';
  const wanted = toInteger(offset, 10) - (name === set.stackPointer ? popped : 0);
  return -held.offset === wanted ? 'equal' : 'wrong';
}

function compareRegister(map: CodeMap, state: MachineState, row: FrameRow | undefined, register: number): 'equal' | 'wrong' | 'unknown' {
  const rule = row?.registers.get(map.set.names[register] ?? '') ?? 'u';
  const held = state.register(register);
  if (held.kind === 'entry' && held.register === register) return 'equal';
  const saved = savedAt(state, register);
  if (saved === undefined) return rule.startsWith('c') || rule === 'u' ? 'unknown' : 'equal';
  // `exp` and `vexp`: relative to an aligned frame, where the table has no plain offset
  if (!rule.startsWith('c')) return rule === 'u' ? 'wrong' : 'equal';
  return saved.baseId === 0 && saved.offset === toInteger(rule.slice(1), 10) ? 'equal' : 'wrong';
}

function countBuild(build: string, elf = `${folder}/${build}.elf`, table = `${folder}/${build}.frames.txt`): Count {
  const bytes = readFileSync(elf);
  const image = openImage(bytesSource(bytes), build, platform);
  const map = codeMapOf(image, platform.decode);
  const depths = stackDepths(map);
  const count: Count = {
    instructions: 0,
    calls: 0,
    expressions: 0,
    wrong: [],
    unknown: [],
    unreached: [],
    wrongRegisters: [],
    unknownRegisters: [],
  };
  for (const entry of readFrameTable(readFileSync(table, 'utf8'))) {
    let before: Instruction | undefined;
    for (const instruction of map.sweep(entry)) {
      const where = `${instruction.at.toString(16)} ${image.symbolAt(instruction.at)?.symbol.name ?? ''} ${instruction.text()}`;
      const [found] = depths.statesAt(instruction.at);
      const popped = popsUnseen(map, build.includes('clang') ? before : undefined);
      before = instruction;
      // a thunk exists to change its register
      if (where.includes('__x86.get_pc_thunk')) continue;
      if (found === undefined) {
        if (!isPadding(instruction)) count.unreached.push(where);
        continue;
      }
      count.instructions++;
      if (instruction.flow === 'call' || instruction.flow === 'indirect-call') count.calls++;
      const row = rowAt(entry, instruction.at);
      const plain = compareCfa(map, found.state, row, 0);
      const cfa = plain === 'wrong' && popped > 0 ? compareCfa(map, found.state, row, popped) : plain;
      if (cfa === 'expression') count.expressions++;
      else if (cfa !== 'equal') count[cfa].push(where);
      for (const register of map.set.calleeSaved) {
        const outcome = compareRegister(map, found.state, row, register);
        // GCC 12 says of the register that holds the CFA of an aligned frame that it is restored one POP too early (i386 -Os,
        // use_aligned): it still points at the frame, and its entry value still lies on the stack
        const name = map.set.names[register] ?? '';
        if (outcome === 'wrong' && name !== map.set.framePointer && entry.rows.some(({ cfa }) => cfa.startsWith(`${name}+`))) continue;
        if (outcome === 'wrong') count.wrongRegisters.push(`${where}: ${map.set.names[register]}`);
        if (outcome === 'unknown') count.unknownRegisters.push(`${where}: ${map.set.names[register]}`);
      }
    }
  }
  return count;
}

describe('stack depth by the code against call-frame information', () => {
  test('every build of build.sh is there', () => expect(builds).toHaveLength(10));

  test.each(builds)('%s: nothing wrong, nothing unknown, nothing missed', (build) => {
    const { instructions, calls, expressions, ...faults } = countBuild(build);
    expect(faults).toEqual({ wrong: [], unknown: [], unreached: [], wrongRegisters: [], unknownRegisters: [] });
    // the comparison itself must have happened
    expect(instructions).toBeGreaterThan(900);
    expect(calls).toBeGreaterThan(80);
    expect(expressions).toBeLessThan(instructions / 10);
  });

  test.each(recorded)('testbed %s: nothing wrong, nothing unknown, nothing missed', (slug) => {
    const { instructions, calls, expressions, ...faults } = countBuild(slug, `${images}/${slug}/image.elf`, `${images}/${slug}/frames.txt`);
    expect(faults).toEqual({ wrong: [], unknown: [], unreached: [], wrongRegisters: [], unknownRegisters: [] });
    expect(instructions).toBeGreaterThan(900);
    expect(calls).toBeGreaterThan(80);
    expect(expressions).toBeLessThan(instructions / 10);
  });

  test('a table of another build disagrees: the comparison can fail', () => {
    const bytes = readFileSync(`${folder}/gcc-amd64-O2.elf`);
    const image = openImage(bytesSource(bytes), 'other', platform);
    const map = codeMapOf(image, platform.decode);
    const depths = stackDepths(map);
    const entries = readFrameTable(readFileSync(`${folder}/gcc-amd64-Os-frame-pointer.frames.txt`, 'utf8'));
    const verdicts = entries.flatMap((entry) =>
      map.sweep(entry).flatMap((instruction) => {
        const [found] = depths.statesAt(instruction.at);
        return found === undefined ? [] : [compareCfa(map, found.state, rowAt(entry, instruction.at), 0)];
      }),
    );
    expect(verdicts.filter((verdict) => verdict === 'wrong').length).toBeGreaterThan(50);
  });
});
