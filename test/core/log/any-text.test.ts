/** What must hold for any text at all: no throw, the same answer twice, places inside the text, values that were printed. */
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { CrashLog } from '../../../src/core/log/crash-log.js';
import { imagesWanted } from '../../../src/core/log/images-wanted.js';
import { readLog } from '../../../src/core/log/read-log.js';
import { bootLines, crashSpec, dumpLines, newlineLast, registerValues } from '../../build/log-builder.js';

const pieces = [
  ...bootLines({ arch: 'i386' }),
  ...dumpLines(crashSpec('i386')).slice(0, 20),
  ...dumpLines(crashSpec('amd64', '0a')).slice(0, 30),
  "Fatal: Halting! Condition 'x' failed, line 1, file a.c",
  'CPU(0x00): Unhandled intercept: 2 (0x00000002)',
  '\0',
  '\x1b[31m',
  '\r',
  '\n',
  '\t',
  ' ',
  '[',
  '[00]',
  '[00]  Stack(',
  '0x',
  'px',
  '> ',
  '\ufeff',
  '\u00a0',
  '\ud800',
  '...',
  '-----end------------',
  'unhandled exception',
  ', halting!',
];

const text = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 300 }),
  fc.array(fc.oneof(fc.constantFrom(...pieces), fc.string({ maxLength: 6 })), { maxLength: 60 }).map((parts) => parts.join('')),
  fc
    .array(fc.oneof({ weight: 4, arbitrary: fc.constantFrom(...pieces) }, fc.string({ maxLength: 6 })), { maxLength: 60 })
    .map((parts) => parts.join('\n')),
);

/** A whole log with a few characters lost, doubled or changed. */
const damaged = fc
  .record({
    base: fc.constantFrom(
      newlineLast([...bootLines({ arch: 'i386' }), ...dumpLines(crashSpec('i386')), ...dumpLines(crashSpec('i386', '01'))]),
      newlineLast(dumpLines(crashSpec('amd64', '04'))),
    ),
    edits: fc.array(
      fc.record({
        at: fc.nat(4000),
        kind: fc.constantFrom('drop', 'double', 'change', 'cut'),
        with: fc.oneof(fc.constantFrom(' ', '0', 'x', ')', '[', '\n'), fc.string({ minLength: 1, maxLength: 1 })),
      }),
      { minLength: 1, maxLength: 4 },
    ),
  })
  .map(({ base, edits }) =>
    edits.reduce((log, edit) => {
      const at = edit.at % log.length;
      switch (edit.kind) {
        case 'drop':
          return log.slice(0, at) + log.slice(at + 1);
        case 'double':
          return log.slice(0, at) + log.slice(at - 1);
        case 'change':
          return log.slice(0, at) + edit.with + log.slice(at + 1);
        default:
          return log.slice(0, at) + log.slice(at + 40);
      }
    }, base),
  );

function lines(log: CrashLog): number[] {
  return [
    ...log.boots.map(({ line }) => line),
    ...log.events.map(({ line }) => line),
    ...log.damage.map(({ line }) => line),
    ...log.crashes.flatMap((crash) => [
      crash.line,
      crash.lastLine,
      ...crash.recordLines.values(),
      ...crash.stack.words.map(({ line }) => line),
    ]),
    ...log.facts.msrs.map(({ line }) => line),
    ...log.facts.milestones.map(({ line }) => line),
  ];
}

function comparable(log: CrashLog): unknown {
  const { source: _, ...rest } = log;
  return JSON.parse(
    JSON.stringify(rest, (_key, value: unknown) =>
      typeof value === 'bigint' ? value.toString(16) : value instanceof Map ? [...value] : value,
    ),
  );
}

describe('any text', () => {
  test.each([
    ['made of pieces', text],
    ['a log with damage', damaged],
  ])('%s', (_name, arbitrary) => {
    fc.assert(
      fc.property(arbitrary, (given) => {
        const log = readLog(given);
        const worst = lines(log).filter((line) => line < 1 || line > log.source.lineCount);
        expect(worst).toEqual([]);
        expect(comparable(readLog(given))).toEqual(comparable(log));
        for (const crash of log.crashes) {
          expect(crash.lastLine).toBeGreaterThanOrEqual(crash.line);
          expect(crash.boot ?? 0).toBeLessThan(Math.max(1, log.boots.length));
          for (const word of crash.stack.words) expect(crash.stack.wordAt(word.address)).toBe(word.value);
        }
        imagesWanted(log);
      }),
      { numRuns: 120, seed: 7 },
    );
  });

  test('line ends of a log are where LF stands', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom('\n', '\r', 'a', '', '\r\n', 'bc'), { maxLength: 30 }), (parts) => {
        const given = parts.join('');
        const { source } = readLog(given);
        const wanted = given.split('\n');
        if (given.endsWith('\n') || given === '') wanted.pop();
        expect(source.lineCount).toBe(wanted.length);
        for (const [index, line] of wanted.entries()) expect(source.line(index + 1)).toBe(line.replace(/\r$/, ''));
      }),
      { numRuns: 150, seed: 7 },
    );
  });

  test('one changed character never gives a register or stack word that the log does not hold', () => {
    const spec = crashSpec('i386');
    const whole = newlineLast(dumpLines(spec));
    const registers = registerValues(spec);
    fc.assert(
      fc.property(fc.nat(whole.length - 1), fc.constantFrom('x', 'p', ' ', '[', '\0', 'G', '-', 'é'), (at, character) => {
        const log = readLog(whole.slice(0, at) + character + whole.slice(at + 1));
        const changed = whole.charAt(at) !== character;
        for (const crash of log.crashes) {
          for (const [name, value] of crash.registers) expect(value).toBe(registers.get(name));
          for (const word of crash.stack.words) expect(word.value).toBe(spec.words[Number(word.address - spec.sp) / 4]);
        }
        // What was lost is told, unless it was a blank, a dash or a dot.
        if (changed && /[0-9a-f]/.test(whole.charAt(at)) && character !== '\0') expect(log.damage.length).toBeGreaterThan(0);
      }),
      { numRuns: 400, seed: 7 },
    );
  });
});
