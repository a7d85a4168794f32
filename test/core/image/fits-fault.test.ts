import { describe, expect, test } from '@jest/globals';
import { type Arch, linkAddress } from '../../../src/core/addresses.js';
import { excludesAddressFault, fitsFault } from '../../../src/core/image/fits-fault.js';
import type { CpuCrash } from '../../../src/core/log/crash-log.js';
import { readLog } from '../../../src/core/log/read-log.js';
import type { Instruction } from '../../../src/core/platform.js';
import { createPlatform } from '../../../src/platform/node.js';

const platform = createPlatform();

function decoded(bytes: readonly number[], arch: Arch): Instruction {
  const [instruction] = platform.decode(Uint8Array.from(bytes), linkAddress(0x10213ffa), arch, 1);
  if (instruction === undefined) throw new Error('nothing decoded');
  return instruction;
}

// SDM vol 2: what each instruction may raise; each line has a pair that may and one that may not
test.each<[string, number[], Arch, number, bigint | undefined, boolean | undefined]>([
  ['rdmsr raises #GP', [0x0f, 0x32], 'i386', 13, 0n, true],
  ['wrmsr raises #GP', [0x0f, 0x30], 'amd64', 13, 0n, true],
  ['mov eax, ecx does not raise #GP(0)', [0x89, 0xc8], 'i386', 13, 0n, false],
  ['mov eax, ecx may stand where an event was delivered', [0x89, 0xc8], 'i386', 13, 0x93n, undefined],
  ['mov eax, [edx] raises #PF', [0x8b, 0x02], 'i386', 14, 0n, true],
  ['push rbp raises #PF', [0x55], 'amd64', 14, 2n, true],
  ['wrmsr raises #PF (microcode update reads memory)', [0x0f, 0x30], 'amd64', 14, 0n, true],
  ['add eax, 1 does not raise #PF', [0x83, 0xc0, 0x01], 'i386', 14, 0n, false],
  ['an instruction fetch may fault at any instruction', [0x83, 0xc0, 0x01], 'i386', 14, 0x10n, undefined],
  ['lea touches no memory', [0x8d, 0x42, 0x08], 'i386', 14, 0n, false],
  ['ud2 raises #UD', [0x0f, 0x0b], 'amd64', 6, undefined, true],
  ['vmread raises #UD', [0x0f, 0x78, 0xc2], 'amd64', 6, undefined, true],
  ['mov eax, ecx does not raise #UD', [0x89, 0xc8], 'amd64', 6, undefined, false],
  ['div raises #DE', [0xf7, 0xf1], 'i386', 0, undefined, true],
  ['mul does not raise #DE', [0xf7, 0xe1], 'i386', 0, undefined, false],
  ['anything may be interrupted by an NMI', [0x89, 0xc8], 'i386', 2, undefined, undefined],
  ['mov ss, ax raises #SS', [0x8e, 0xd0], 'i386', 12, 0x18n, true],
  ['ltr raises #NP', [0x0f, 0x00, 0xd8], 'i386', 11, 0x18n, true],
  ['add eax, 1 does not raise #TS', [0x83, 0xc0, 0x01], 'i386', 10, 0x18n, false],
  ['fld raises #NM', [0xd9, 0x00], 'i386', 7, undefined, true],
  ['add eax, 1 does not raise #NM', [0x83, 0xc0, 0x01], 'i386', 7, undefined, false],
  ['mov raises #AC on memory only', [0x89, 0xc8], 'i386', 17, 0n, false],
])('%s', (_name, bytes, arch, vector, errorCode, expected) => {
  expect(fitsFault(decoded(bytes, arch), vector, errorCode)).toBe(expected);
});

describe('bytes that decode to nothing', () => {
  test('raise #UD and nothing that could be excluded', () => {
    const bad = decoded([0x0f, 0xff, 0xff, 0xff], 'amd64');
    const invalid = decoded([0x06], 'amd64'); // push es: not in 64-bit mode (SDM vol 2, table A-2)
    expect(invalid.mnemonic).toBe('(bad)');
    expect(fitsFault(invalid, 6, undefined)).toBe(true);
    expect(fitsFault(invalid, 13, 0n)).toBeUndefined();
    expect(bad.length).toBeGreaterThan(0);
  });
});

describe('a plain access in 64-bit mode', () => {
  const crashWith = (rbp: bigint, sp = 0x1000n): CpuCrash => {
    const { crashes } = readLog(
      [
        '[00]: unhandled exception 13 (0xd), halting!',
        '[00]: error code: 0x0000000000000000',
        '[00]: state dump follows...',
        '[00] CS:RIP 0x0008:0x0000000010213ffa with RFLAGS=0x0000000000010006',
        '[00]: VCPU at 0x000000001024bb60',
        `[00] RAX=0x0000000000000000 RBX=0x0000000000000000`,
        `[00] RBP=0x${rbp.toString(16).padStart(16, '0')} RSP=0x${sp.toString(16).padStart(16, '0')}`,
      ].join('\n'),
    );
    const [crash] = crashes;
    if (crash === undefined) throw new Error('no crash read');
    return crash;
  };
  const load = decoded([0x48, 0x8b, 0x45, 0xb0], 'amd64'); // mov rax, [rbp-0x50]

  test('cannot raise #GP(0) at a canonical address', () => {
    expect(excludesAddressFault(load, 13, crashWith(0x1d985f28n))).toBe(true);
    expect(excludesAddressFault(load, 13, crashWith(0xffff88802d036cb4n))).toBe(true);
  });

  test('can at one that is not', () => {
    expect(excludesAddressFault(load, 13, crashWith(0x8000_0000_0000_0100n))).toBe(false);
    // the last byte crosses the border: 0x00007ffffffffffc + 8 bytes
    expect(excludesAddressFault(load, 13, crashWith(0x0000_7fff_ffff_fffcn + 0x50n))).toBe(false);
  });

  test('nothing is excluded for a page fault, for SIMD, or through a segment with a base', () => {
    expect(excludesAddressFault(load, 14, crashWith(0x1d985f28n))).toBe(false);
    expect(excludesAddressFault(decoded([0x0f, 0x28, 0x45, 0xb0], 'amd64'), 13, crashWith(0x1d985f28n))).toBe(false); // movaps
    expect(excludesAddressFault(decoded([0x65, 0x48, 0x8b, 0x45, 0xb0], 'amd64'), 13, crashWith(0x1d985f28n))).toBe(false); // gs:
    expect(excludesAddressFault(decoded([0x0f, 0x32], 'amd64'), 13, crashWith(0x1d985f28n))).toBe(false); // rdmsr
  });
});
