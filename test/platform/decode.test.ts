import { describe, expect, test } from '@jest/globals';
import { type Arch, linkAddress } from '../../src/core/addresses.js';
import type { Instruction } from '../../src/core/platform.js';
import { createPlatform } from '../../src/platform/node.js';

const { decode } = createPlatform();

function one(hex: string, arch: Arch = 'amd64', at = 0x1000): Instruction {
  const [instruction] = decode(Uint8Array.from(Buffer.from(hex.replaceAll(' ', ''), 'hex')), linkAddress(at), arch, 1);
  if (instruction === undefined) throw new Error('nothing decoded');
  return instruction;
}

describe('decode', () => {
  // Bytes by GNU as 2.40, texts as objdump 2.40 -M intel names them.
  test.each([
    ['0f 32', 'rdmsr', 'next', ['rcx'], ['rax', 'rdx']],
    ['0f 30', 'wrmsr', 'next', ['rax', 'rcx', 'rdx'], []],
    ['55', 'push', 'next', ['rbp', 'rsp'], ['rsp']],
    ['88 c3', 'mov', 'next', ['rax'], ['rbx']],
    ['c9', 'leave', 'next', ['rbp'], ['rbp', 'rsp']],
  ])('%s is %s: implicit registers by their full names', (hex, mnemonic, flow, reads, writes) => {
    const instruction = one(hex);
    expect(instruction).toMatchObject({ mnemonic, flow });
    expect([...instruction.reads].sort()).toEqual([...reads].sort());
    expect([...instruction.writes].sort()).toEqual([...writes].sort());
  });

  test.each([
    ['e8 fb ff ff ff', 'call', 0x1000],
    ['eb fe', 'jump', 0x1000],
    ['0f 84 00 01 00 00', 'branch', 0x1106],
  ])('%s is a %s to %i', (hex, flow, target) => {
    expect(one(hex)).toMatchObject({ flow, target, operands: [{ kind: 'target', target }] });
  });

  test.each([
    ['ff d0', 'indirect-call'],
    ['ff e0', 'indirect-jump'],
    ['c3', 'return'],
    ['48 cf', 'interrupt-return'],
    ['cc', 'interrupt'],
    ['0f 0b', 'stop'],
    ['f4', 'next'],
    ['0f 01 c1', 'next'],
    ['0f 05', 'next'],
  ])('%s flows as %s and has no target', (hex, flow) => {
    const instruction = one(hex);
    expect(instruction.flow).toBe(flow);
    expect(instruction.target).toBeUndefined();
  });

  test('the same bytes at two places have targets of their own', () => {
    expect(one('e8 00 00 00 00', 'amd64', 0x2000).target).toBe(0x2005);
    expect(one('e8 00 00 00 00', 'amd64', -0x7f000000).target).toBe(-0x7f000000 + 5);
    expect(one('48 8b 05 10 00 00 00', 'amd64', 0x2000).operands[1]).toMatchObject({ base: 'rip', displacement: 0x2017n });
    expect(one('48 8b 05 10 00 00 00', 'amd64', 0x3000).operands[1]).toMatchObject({ base: 'rip', displacement: 0x3017n });
  });

  test('i386 targets wrap at 32 bits', () => {
    expect(one('e8 00 00 00 80', 'i386', 0xc0100000).target).toBe(0x40100005);
  });

  test('displacements are signed with a base, addresses without one', () => {
    expect(one('8b 45 f8', 'i386').operands[1]).toEqual({
      kind: 'memory',
      base: 'ebp',
      scale: 1,
      displacement: -8n,
      segment: 'ss',
      size: 4,
      access: 'read',
    });
    expect(one('ff 24 85 00 00 10 c0', 'i386').operands[0]).toMatchObject({ index: 'eax', scale: 4, displacement: 0xc0100000n });
    expect(one('ff 24 c5 00 00 10 80', 'amd64').operands[0]).toMatchObject({ index: 'rax', scale: 8, displacement: -0x7ff00000n });
  });

  test('an address that is only computed is no access', () => {
    expect(one('48 8d 44 24 08').operands[1]).toMatchObject({ access: 'none', size: 0 });
    expect(one('0f 1f 44 00 00').operands[0]).toMatchObject({ access: 'none', size: 0 });
    expect(one('c7 00 05 00 00 00').operands[0]).toMatchObject({ access: 'write', size: 4 });
    expect(one('f0 83 0c 24 00').operands[0]).toMatchObject({ access: 'read-write', base: 'rsp', size: 4 });
  });

  test('immediates: sign-extended kinds are signed', () => {
    expect(one('48 83 c4 80').operands[1]).toEqual({ kind: 'immediate', value: -128n });
    expect(one('b8 00 00 10 c0').operands[1]).toEqual({ kind: 'immediate', value: 0xc0100000n });
  });

  test('what decodes to nothing is one bad byte, and decoding goes on behind it', () => {
    const bytes = Uint8Array.of(0x06, 0x90, 0x48);
    expect(decode(bytes, linkAddress(0), 'amd64').map((instruction) => [instruction.mnemonic, instruction.at, instruction.length])).toEqual(
      [
        ['(bad)', 0, 1],
        ['nop', 1, 1],
        ['(bad)', 2, 1],
      ],
    );
  });

  test('text is Intel syntax, lower case, with 0x', () => {
    expect(one('48 83 ec 28').text()).toBe('sub rsp, 0x28');
    expect(one('0f 84 00 01 00 00').text()).toBe('je 0x1106');
    expect(one('f3 48 ab').text()).toBe('rep stosq [rdi]');
  });

  test('prefixes and privilege', () => {
    expect(one('0f 32').privileged).toBe(true);
    expect(one('55').privileged).toBe(false);
    expect(one('f0 0f b1 0a').hasLock).toBe(true);
    expect(one('f3 aa')).toMatchObject({ hasRep: true, mnemonic: 'stosb' });
  });

  test('limit', () => {
    expect(decode(new Uint8Array(100).fill(0x90), linkAddress(0), 'i386', 7)).toHaveLength(7);
    expect(decode(new Uint8Array(0), linkAddress(0), 'i386')).toEqual([]);
  });
});
