/**
 * Every folder of fixtures/cases from log to Markdown: the crash must be what really happened (`case.json`, from the emulator's
 * own trace), and the comment must be the one that a person has read (`report.md`). UPDATE_GOLDEN=1 rewrites the comments.
 */
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { hex } from '../src/core/addresses.js';
import { analyze } from '../src/core/analyze.js';
import { bytesSource } from '../src/core/bytes/byte-source.js';
import { readLog } from '../src/core/log/read-log.js';
import { renderMarkdown } from '../src/core/report/markdown.js';
import type { Report, ReportCrash } from '../src/core/report/report.js';
import { createPlatform } from '../src/platform/node.js';

interface TruthFrame {
  readonly pc: string | null;
  readonly isReturnAddress: boolean;
  readonly symbol: string;
  readonly slot: string | null;
  readonly kind: string;
  readonly synthetic: boolean;
}

interface Case {
  readonly image: string;
  readonly crashes: readonly {
    readonly cpu: string;
    readonly vector: number;
    readonly pc: string;
    readonly frames: readonly TruthFrame[];
    readonly stack: readonly { readonly function: string; readonly inlined: boolean; readonly frame: number }[];
    readonly stop: string;
    readonly msr?: string;
  }[];
  readonly assertion: { readonly function: string; readonly file: string; readonly line: number } | null;
}

const folder = new URL('../fixtures/cases/', import.meta.url).pathname;
const images = new URL('../fixtures/images/', import.meta.url).pathname;
const slugs = readdirSync(folder).sort();
const platform = createPlatform();

function reportOf(slug: string, { image }: Case): Report {
  const log = readLog(readFileSync(join(folder, slug, 'log.txt'), 'latin1'));
  const source = bytesSource(readFileSync(join(images, image, 'image.elf')));
  return analyze(log, [{ path: 'runtime.exe', source }], platform);
}

/** Ours in the shape of the truth. */
function framesOf({ frames }: ReportCrash): object[] {
  return frames.map(({ frame, symbol }) => ({
    pc: frame.address === undefined ? null : hex(frame.address.at),
    isReturnAddress: frame.address?.kind === 'return-address',
    symbol: symbol ?? null,
    synthetic: frame.synthetic,
  }));
}

describe.each(slugs)('%s', (slug) => {
  const truth = JSON.parse(readFileSync(join(folder, slug, 'case.json'), 'utf8')) as Case; // recorded by the lab
  const report = reportOf(slug, truth);

  for (const wanted of truth.crashes)
    test(`CPU ${wanted.cpu}: the stack that really was`, () => {
      const { cpu } = wanted;
      const found = report.crashes.find(({ crash }) => crash.cpu === cpu);
      if (found === undefined) throw new Error(`no crash of CPU ${cpu}`);
      expect(found.crash.fault.vector).toBe(wanted.vector);
      expect(framesOf(found)).toEqual(
        wanted.frames.map(({ pc, isReturnAddress, symbol, synthetic }) => ({ pc, isReturnAddress, symbol, synthetic })),
      );
      const functions = found.frames.flatMap(({ functions: chain }, frame) =>
        chain.map(({ name, inlined }) => ({ function: name, inlined, frame })),
      );
      expect(functions).toEqual(wanted.stack.map(({ function: name, inlined, frame }) => ({ function: name, inlined, frame })));
      expect(found.stop.kind).toBe(wanted.stop);
    });

  test('the failed condition', () => {
    const { assertion } = truth;
    const found = report.events.find(({ kind }) => kind === 'assertion');
    expect(found === undefined ? null : { function: found.function, file: found.file, line: found.sourceLine }).toEqual(
      assertion === null ? null : { function: assertion.function, file: assertion.file, line: assertion.line },
    );
  });

  test('no more crashes than really were', () => {
    expect(report.crashes.map(({ crash }) => crash.cpu).sort()).toEqual(truth.crashes.map(({ cpu }) => cpu).sort());
  });

  test('the image is recognised', () => {
    expect(['match', 'probable', 'unverifiable']).toContain(report.images[0]?.verdict);
    // stale words and the saved PC of an interrupted function point into the code without a CALL before them
    expect(report.images[0]?.evidence.filter(({ check, passed, of }) => check !== 'code-words' && passed < of)).toEqual([]);
  });

  test('the suspected MSR', () => {
    const suspects = new Set(report.findings.flatMap(({ msr, grade }) => (msr === undefined ? [] : [`${hex(msr.address)} ${grade}`])));
    const faulted = new Set(truth.crashes.flatMap(({ msr }) => (msr === undefined ? [] : [`${msr} confirmed`])));
    expect([...suspects].sort()).toEqual([...faulted].sort());
  });

  test('the comment is the one that was read', () => {
    const markdown = renderMarkdown(report, { tool: 'golden', provenance: [], candidates: [], warnings: [] });
    const path = join(folder, slug, 'report.md');
    if (process.env.UPDATE_GOLDEN === '1' || (!existsSync(path) && process.env.CI === undefined)) writeFileSync(path, markdown);
    expect(markdown).toBe(readFileSync(path, 'utf8'));
  });
});
