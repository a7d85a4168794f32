/** The registers of a guest: in the order of the struct that the handler reads, by the recorded exits and by code made for it. */
import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import type { Arch } from '../../../src/core/addresses.js';
import { analyze } from '../../../src/core/analyze.js';
import * as D from '../../../src/core/dwarf/constants.js';
import { readLog } from '../../../src/core/log/read-log.js';
import { plain } from '../../../src/core/sentence.js';
import type { Frame } from '../../../src/core/unwind/frame.js';
import { walk } from '../../../src/core/unwind/walk.js';
import { openFile } from '../../../src/platform/file-source.js';
import { createPlatform } from '../../../src/platform/node.js';
import { assemble, call, fn, type Item, label, mark } from '../../build/assembly.js';
import { crashOf, stackOf } from '../../build/crash-log.js';
import { describedCode } from '../../build/described-code.js';
import { type DieInput, die } from '../../build/dwarf-builder.js';

const platform = createPlatform();
const CASES = new URL('../../../fixtures/cases/', import.meta.url);
const IMAGES = new URL('../../../fixtures/images/', import.meta.url);

/** What lab/testbed/runtime/intercept.c puts into the guest's registers. */
const guests: Readonly<Record<Arch, Readonly<Record<string, bigint>>>> = {
  amd64: {
    rax: 0x0202_0202n,
    rcx: 0x277n,
    rdx: 0x0202_0202n,
    rbx: 0xffff_8880_00b0_b0b0n,
    rbp: 0xffff_c900_0001_3e50n,
    rsi: 0x51_5151n,
    rdi: 0xd1_d1d1n,
    r8: 8n,
    r9: 9n,
    r10: 0n,
    r11: 0n,
    r12: 0xffff_ffff_8101_2120n,
    r13: 0n,
    r14: 0n,
    r15: 0xfn,
  },
  i386: {
    eax: 0x0202_0202n,
    ecx: 0x277n,
    edx: 0x0202_0202n,
    ebx: 0xc0b0_b0b0n,
    ebp: 0xc101_3e50n,
    esi: 0x51_5151n,
    edi: 0xd1_d1d1n,
  },
};

describe.each(readdirSync(CASES).filter((slug) => slug.startsWith('traps-')))('%s', (slug) => {
  test('the guest as the testbed set it, in the order of its struct', () => {
    const { image } = JSON.parse(readFileSync(new URL(`${slug}/case.json`, CASES), 'utf8')) as { readonly image: string }; // written by the lab
    const log = readLog(readFileSync(new URL(`${slug}/log.txt`, CASES), 'latin1'));
    const report = analyze(log, [{ path: 'image.elf', source: openFile(new URL(`${image}/image.elf`, IMAGES).pathname) }], platform);
    const exits = report.crashes.flatMap(({ crash, frames }) =>
      frames.flatMap(({ frame }) => (frame.guest === undefined ? [] : [{ arch: crash.arch, frame, guest: frame.guest }])),
    );
    expect(exits.length).toBeGreaterThan(0);
    for (const { arch, frame, guest } of exits) {
      expect(Object.fromEntries(guest.registers)).toEqual(guests[arch]);
      expect(guest.orderFrom).toBe('struct regs');
      expect(frame.notes).toEqual([]);
    }
  });
});

const BASE = 0x1000;
const SP = 0x7000n;
const high = ['r8', 'r9', 'r10', 'r11', 'r12', 'r13', 'r14', 'r15'];
const low = ['rdi', 'rsi', 'rbp', 'rsp', 'rbx', 'rdx', 'rcx', 'rax'];
/** As the entry below pushes them, lowest address first. */
const pushed = [...[...high].reverse(), ...low];
const old = [...low, ...high];
const orderOf386 = ['edi', 'esi', 'ebp', 'esp', 'ebx', 'edx', 'ecx', 'eax'];

interface Made {
  readonly arch?: Arch;
  readonly members: readonly string[];
  /** Between the pushes and the CALL. */
  readonly pass?: string;
  readonly wordType?: string;
  /** Types of the handler's parameters. */
  readonly parameters?: readonly string[];
}

const reference = (attribute: number, to: string) => [attribute, D.DW_FORM_ref4, { ref: to }] as const;

function entries(arch: Arch, { members, wordType = 'word', parameters = ['any', 'regs pointer'] }: Made, from: number): DieInput[] {
  const word = arch === 'amd64' ? 8 : 4;
  const base = (name: string, size: number, encoding: number, as: string): DieInput =>
    die(
      D.DW_TAG_base_type,
      [
        [D.DW_AT_name, D.DW_FORM_string, name],
        [D.DW_AT_byte_size, D.DW_FORM_data1, size],
        [D.DW_AT_encoding, D.DW_FORM_data1, encoding],
      ],
      undefined,
      as,
    );
  const pointer = (to: DieInput['attributes'], as: string): DieInput =>
    die(D.DW_TAG_pointer_type, [[D.DW_AT_byte_size, D.DW_FORM_data1, word], ...to], undefined, as);
  return [
    base('unsigned long', word, D.DW_ATE_unsigned, 'word'),
    base('unsigned char', 1, D.DW_ATE_unsigned_char, 'byte'),
    base('unsigned long long', 8, D.DW_ATE_unsigned, 'eight bytes'),
    base('double', 8, D.DW_ATE_float, 'float'),
    pointer([], 'any'),
    die(
      D.DW_TAG_structure_type,
      [
        [D.DW_AT_name, D.DW_FORM_string, 'regs'],
        [D.DW_AT_byte_size, D.DW_FORM_data1, members.length * word],
      ],
      members.map((name, index) =>
        die(D.DW_TAG_member, [
          [D.DW_AT_name, D.DW_FORM_string, name],
          reference(D.DW_AT_type, wordType),
          [D.DW_AT_data_member_location, D.DW_FORM_data1, index * word],
        ]),
      ),
      'regs',
    ),
    pointer([reference(D.DW_AT_type, 'regs')], 'regs pointer'),
    die(
      D.DW_TAG_subprogram,
      [
        [D.DW_AT_name, D.DW_FORM_string, 'handler'],
        [D.DW_AT_low_pc, D.DW_FORM_addr, from],
        [D.DW_AT_high_pc, D.DW_FORM_data4, 3],
      ],
      parameters.map((type) => die(D.DW_TAG_formal_parameter, [reference(D.DW_AT_type, type)])),
    ),
  ];
}

const pushAll: Readonly<Record<Arch, string>> = {
  amd64: '50 51 52 53 54 55 56 57 41 50 41 51 41 52 41 53 41 54 41 55 41 56 41 57',
  i386: '60',
};
/** mov rdi, [rsp + 128]; mov rsi, rsp   and   mov eax, [esp + 32]; mov edx, esp; push edx; push eax */
const passing: Readonly<Record<Arch, string>> = {
  amd64: '48 8b bc 24 80 00 00 00 48 89 e6',
  i386: '8b 44 24 20 89 e2 52 50',
};

/** The last frame of a fault in the handler: words 0x100, 0x101, ... where the entry saved registers, the VCPU behind them. */
function exitOf(made: Made): Frame | undefined {
  const { arch = 'amd64', pass = passing[arch] } = made;
  const items: Item[] = [
    ...[label('guest_exit'), pushAll[arch], pass, call('handler'), mark('in entry'), '0f 01 c3 f4 eb fd'],
    ...[fn('handler'), mark('fault'), '0f 32 c3'],
  ];
  const plainCode = assemble(arch, BASE, items);
  const program = describedCode(plainCode, BASE, entries(arch, made, plainCode.at('handler')));
  const saved = (arch === 'amd64' ? pushed : orderOf386).map((_, index) => 0x100n + BigInt(index));
  const handed = arch === 'amd64' ? [] : [0x5555n, SP + 12n];
  const words = [BigInt(program.at('in entry')), ...handed, ...saved, 0x5555n];
  const crash = crashOf({ arch, vector: 13, pc: BigInt(program.at('fault')), sp: SP, stack: stackOf(arch, SP, words) });
  const { frames, stop } = walk(crash, [{ image: program.image, bias: 0n }], platform);
  expect(stop.kind).toBe('end-of-stack');
  if (stop.kind === 'end-of-stack') expect(plain(stop.detail)).toBe('guest_exit is entered when a guest exits: below it lies the guest');
  expect(program.image.gaps).toEqual([]);
  return frames[1];
}

/** Values by the place in an order; the stack pointer there is the host's. */
function valuesIn(order: readonly string[]): object {
  return Object.fromEntries(
    order.map((name, index) => [name, 0x100n + BigInt(index)] as const).filter(([name]) => name !== 'rsp' && name !== 'esp'),
  );
}

const registersOf = (frame: Frame | undefined): object => Object.fromEntries(frame?.guest?.registers ?? []);

describe('the order of the registers', () => {
  test.each([
    ['amd64', pushed],
    ['i386', orderOf386],
  ] as const)('%s: struct and pushes agree', (arch, order) => {
    const frame = exitOf({ arch, members: order });
    expect(frame?.guest?.orderFrom).toBe('struct regs');
    expect(registersOf(frame)).toEqual(valuesIn(order));
    expect(frame?.notes).toEqual([]);
  });

  test.each([
    ['amd64', old, 'rax'],
    ['i386', [...orderOf386].reverse(), 'eax'],
  ] as const)('%s: where they differ the struct is shown, and the frame says so', (arch, order, first) => {
    const frame = exitOf({ arch, members: order });
    expect(frame?.guest?.orderFrom).toBe('struct regs');
    expect(registersOf(frame)).toEqual(valuesIn(order));
    expect(frame?.notes.map(plain)).toEqual([
      `guest_exit saves the registers of the guest in another order than struct regs names them (${first} is the first that differs): shown is the order of struct regs`,
    ]);
  });

  test('a struct that begins elsewhere is read where the pointer points', () => {
    // lea rsi, [rsp - 8]: a word of the struct lies before the registers
    const frame = exitOf({ members: ['canary', ...pushed], pass: '48 8b bc 24 80 00 00 00 48 8d 74 24 f8' });
    expect(frame?.guest?.orderFrom).toBe('struct regs');
    expect(registersOf(frame)).toEqual(valuesIn(pushed));
    expect(frame?.notes).toEqual([]);
  });

  test('arguments before it may take two words', () => {
    const frame = exitOf({
      arch: 'i386',
      members: orderOf386,
      // mov edx, esp; push edx; push 0; push 0
      pass: '89 e2 52 6a 00 6a 00',
      parameters: ['eight bytes', 'regs pointer'],
    });
    expect(frame?.guest?.orderFrom).toBe('struct regs');
  });

  test.each([
    ['a register is missing', { members: old.slice(1) }],
    ['a register stands there twice', { members: [...old, 'RAX'] }],
    ['the members are no words', { members: old, wordType: 'byte' }],
    ['two parameters point to such a struct', { members: old, parameters: ['regs pointer', 'regs pointer'] }],
    ['no parameter points to it', { members: old, parameters: ['any', 'any'] }],
    ['a number of floating point comes before', { members: old, parameters: ['float', 'regs pointer'] }],
    // mov rsi, [rsp]
    ['the pointer is loaded from memory', { members: old, pass: '48 8b bc 24 80 00 00 00 48 8b 34 24' }],
  ] satisfies [string, Made][])('the pushes tell where %s', (_, made) => {
    const frame = exitOf(made);
    expect(frame?.guest?.orderFrom).toBe('guest_exit');
    expect(registersOf(frame)).toEqual(valuesIn(pushed));
    expect(frame?.notes).toEqual([]);
  });
});
