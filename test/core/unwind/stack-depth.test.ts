/**
 * Derived stack depth against the compiler's own call-frame information, at every instruction of every function of
 * fixtures/unwind/frames and of the testbed's images: the tables were recorded from the same links with that information kept.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import { bytesSource } from '../../../src/core/bytes/byte-source.js';
import { frameRuleAt } from '../../../src/core/image/frame-rules.js';
import { openImage } from '../../../src/core/image/open-image.js';
import { codeMapOf } from '../../../src/core/unwind/code-map.js';
import { stackDepths } from '../../../src/core/unwind/stack-depth.js';
import { createPlatform } from '../../../src/platform/node.js';
import { compareCfa, countDepths, type DepthCount } from '../../build/depth-comparison.js';
import { readFrameTable, rowAt } from '../../build/frame-table.js';

const folder = 'fixtures/unwind/frames';
const builds = readdirSync(folder)
  .filter((name) => name.endsWith('.elf'))
  .map((name) => name.slice(0, -'.elf'.length));
const images = 'fixtures/images';
const recorded = readdirSync(images).filter((slug) => existsSync(`${images}/${slug}/frames.txt`));
const platform = createPlatform();

function countBuild(build: string, elf = `${folder}/${build}.elf`, table = `${folder}/${build}.frames.txt`): DepthCount {
  const image = openImage(bytesSource(readFileSync(elf)), build, platform);
  const twin = elf.replace('image.elf', 'image-cfi.elf');
  const kept = existsSync(twin) ? openImage(bytesSource(readFileSync(twin)), build, platform) : image;
  const entries = readFrameTable(readFileSync(table, 'utf8'));
  return countDepths(image, codeMapOf(image, platform.decode), entries, build.includes('clang'), (at) => frameRuleAt(kept, at));
}

describe('stack depth by the code against call-frame information', () => {
  test('every build of build.sh is there', () => expect(builds).toHaveLength(10));

  test.each(builds)('%s: nothing wrong, nothing unknown, nothing missed', (build) => {
    const { instructions, calls, expressions, expressed, explained: _, ...faults } = countBuild(build);
    expect(faults).toEqual({ wrong: [], unknown: [], unreached: [], wrongRegisters: [], unknownRegisters: [] });
    // the comparison itself must have happened
    expect(instructions).toBeGreaterThan(900);
    expect(calls).toBeGreaterThan(80);
    expect(expressions).toBeLessThan(instructions / 10);
    // no table is left in these files that could be asked
    expect(expressed).toBe(0);
  });

  test.each(recorded)('testbed %s: nothing wrong, nothing unknown, nothing missed', (slug) => {
    const {
      instructions,
      calls,
      expressions,
      expressed,
      explained: _,
      ...faults
    } = countBuild(slug, `${images}/${slug}/image.elf`, `${images}/${slug}/frames.txt`);
    expect(faults).toEqual({ wrong: [], unknown: [], unreached: [], wrongRegisters: [], unknownRegisters: [] });
    expect(instructions).toBeGreaterThan(900);
    expect(calls).toBeGreaterThan(80);
    expect(expressions).toBeLessThan(instructions / 10);
    expect(expressed).toBe(expressions);
    // aligned frames of GCC
    if (slug.includes('-gcc-')) expect(expressed).toBeGreaterThan(5);
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
