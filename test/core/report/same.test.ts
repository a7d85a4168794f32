import { describe, expect, test } from '@jest/globals';
import { runtimeAddress } from '../../../src/core/addresses.js';
import { crashGroups, isSameFault, sameAs, sharedFrames } from '../../../src/core/report/same.js';
import { type CrashPart, makeCrash, makeFrame, makeReportCrash } from '../../build/report-builder.js';

const frames = (...names: readonly string[]) =>
  names.map((name, index) => makeFrame({ at: BigInt(0x1000 + index), functions: [{ name }] }));
const crash = (part: CrashPart = {}, ...names: readonly string[]) => makeReportCrash(makeCrash(part), frames(...names));

describe('sameAs', () => {
  test('is the first crash with equal vector, error code, pc and functions', () => {
    const crashes = [
      crash({ cpu: '00' }, 'a', 'b'),
      crash({ cpu: '01', line: 900 }, 'a', 'b'),
      crash({ fault: { vector: 14 } }, 'a', 'b'),
      crash({ fault: { errorCode: 2n } }, 'a', 'b'),
      crash({ fault: { pc: runtimeAddress(1n) } }, 'a', 'b'),
      crash({}, 'a', 'c'),
      crash({}, 'a'),
      crash({ arch: 'amd64' }, 'a', 'b'),
      crash({ cpu: '05' }, 'a', 'b'),
    ];
    expect(sameAs(crashes)).toEqual([undefined, 0, undefined, undefined, undefined, undefined, undefined, undefined, 0]);
  });

  test('no error code is not error code zero', () => {
    const { errorCode: _, ...fault } = makeCrash().fault;
    expect(sameAs([crash(), makeReportCrash({ ...makeCrash(), fault }, [])])).toEqual([undefined, undefined]);
  });

  test('crashes without a pc are never equal', () => {
    const unknown = { ...makeCrash(), fault: { interrupted: {} } };
    expect(sameAs([makeReportCrash(unknown, []), makeReportCrash(unknown, [])])).toEqual([undefined, undefined]);
  });

  test('frames without a name count by their address', () => {
    const at = (address: bigint) => makeReportCrash(makeCrash(), [makeFrame({ at: address })]);
    expect(sameAs([at(1n), at(2n), at(1n)])).toEqual([undefined, undefined, 0]);
  });
});

test('groups hold every member, the first in front', () => {
  const plain = crash({}, 'a');
  expect(crashGroups([plain, { ...plain, sameAs: 0 }, crash({}, 'b'), { ...plain, sameAs: 0 }])).toEqual([
    { first: 0, members: [0, 1, 3] },
    { first: 2, members: [2] },
  ]);
});

test('the same fault by another path shares its inner frames', () => {
  const one = crash({}, 'a', 'b', 'boot');
  const other = crash({}, 'a', 'b', 'join');
  expect(isSameFault(one, other)).toBe(true);
  expect(isSameFault(one, crash({ fault: { vector: 6 } }, 'a'))).toBe(false);
  expect(sharedFrames(one, other)).toBe(2);
  expect(sharedFrames(one, crash({}, 'a'))).toBe(1);
  expect(sharedFrames(crash({}, 'a'), one)).toBe(1);
});
