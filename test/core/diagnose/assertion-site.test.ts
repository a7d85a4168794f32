import { describe, expect, test } from '@jest/globals';
import { assertionBefore } from '../../../src/core/diagnose/assertion-site.js';
import { makeCrash, makeEvent, makeFrame } from '../../build/report-builder.js';

const { vector: _, ...noVector } = makeCrash({}).fault;
const crash = (line: number, cpu: string, pc: bigint, vector = 6) => {
  const made = makeCrash({ line, cpu, fault: { vector } });
  return { ...made, fault: { ...made.fault, pc: pc as NonNullable<typeof noVector.pc> } }; // a test's own address
};
const event = { ...makeEvent({ line: 50 }), kind: 'assertion' as const, file: 'crashes.c', sourceLine: 58, condition: 'x' };
const frames = (line: number, file = '/testbed/runtime/crashes.c') => [makeFrame({ at: 1n, functions: [{ name: 'f', file, line }] })];

describe('the assertion that a dump ends', () => {
  const one = crash(60, '03', 0x1000n);
  const other = crash(55, '05', 0x2000n);

  test('a single dump after it', () => {
    expect(assertionBefore({ log: { events: [event], crashes: [one] }, crash: one, frames: [] })?.index).toBe(0);
  });

  test('two dumps that could be its own, and no frames: neither', () => {
    const log = { events: [event], crashes: [other, one] };
    expect(assertionBefore({ log, crash: one, frames: [] })).toBeUndefined();
    expect(assertionBefore({ log, crash: other, frames: [] })).toBeUndefined();
  });

  test('two dumps at one place, or one of another exception: its own', () => {
    for (const second of [crash(55, '05', 0x1000n), crash(55, '05', 0x2000n, 14), crash(45, '05', 0x2000n), crash(91, '05', 0x2000n)]) {
      expect(assertionBefore({ log: { events: [event], crashes: [second, one] }, crash: one, frames: [] })?.event).toBe(event);
    }
  });

  test('by the lines of the frames, whatever other CPUs did', () => {
    const log = { events: [event], crashes: [other, one] };
    expect(assertionBefore({ log, crash: one, frames: frames(58) })?.index).toBe(0);
    expect(assertionBefore({ log, crash: one, frames: frames(100) })).toBeUndefined();
    expect(assertionBefore({ log, crash: one, frames: frames(58, '/testbed/runtime/other.c') })).toBeUndefined();
    expect(assertionBefore({ log: { events: [event], crashes: [one] }, crash: one, frames: frames(100) })).toBeUndefined();
  });

  test('an event that names its CPU settles it', () => {
    const log = { events: [{ ...event, cpu: '03' }], crashes: [other, one] };
    expect(assertionBefore({ log, crash: one, frames: [] })?.index).toBe(0);
    expect(assertionBefore({ log, crash: other, frames: [] })).toBeUndefined();
  });
});
