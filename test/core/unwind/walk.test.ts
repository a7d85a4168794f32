import { describe, expect, test } from '@jest/globals';
import type { Arch } from '../../../src/core/addresses.js';
import { plain } from '../../../src/core/sentence.js';
import type { Backtrace } from '../../../src/core/unwind/frame.js';
import { walk } from '../../../src/core/unwind/walk.js';
import { createPlatform } from '../../../src/platform/node.js';
import { type Assembled, assemble, call, fn, type Item, jump, jumpIfEqual, label, mark } from '../../build/assembly.js';
import { crashOf, stackOf } from '../../build/crash-log.js';

const platform = createPlatform();
const SP = 0x7000n;

/** A word of the stack: a number, or the address of a place in the code. */
type Word = bigint | string;

interface Situation {
  readonly pc: string | bigint;
  readonly words: readonly Word[];
  readonly registers?: Readonly<Record<string, bigint>>;
  readonly bias?: bigint;
  readonly sp?: bigint;
}

function run(arch: Arch, program: Assembled, situation: Situation): Backtrace {
  const bias = situation.bias ?? 0n;
  const value = (word: Word): bigint => (typeof word === 'bigint' ? word : BigInt(program.at(word)) + bias);
  const crash = crashOf({
    arch,
    vector: 13,
    pc: value(situation.pc),
    sp: situation.sp ?? SP,
    registers: situation.registers ?? {},
    stack: stackOf(arch, SP, situation.words.map(value)),
  });
  return walk(crash, [{ image: program.image, bias }], platform);
}

/** `name trust`, `name trust synthetic`, `? trust` where no image holds the address. */
function names(program: Assembled, { frames }: Backtrace): string[] {
  return frames.map((frame) => {
    const found = frame.lookup === undefined ? undefined : program.image.symbolAt(frame.lookup);
    return [
      found?.symbol.name ?? '?',
      frame.trust,
      ...(frame.synthetic ? ['synthetic'] : []),
      ...(frame.kind === 'call' ? [] : [frame.kind]),
    ].join(' ');
  });
}

const evidence = ({ frames }: Backtrace): (string | undefined)[] => frames.map((frame) => frame.callEvidence && plain(frame.callEvidence));
const notes = ({ frames }: Backtrace): string[] => frames.flatMap((frame) => frame.notes.map(plain));
const assembleAt = (items: readonly Item[], arch: Arch = 'amd64'): Assembled => assemble(arch, 0x1000, items);

// mov rsp, [rsi]; call main; hlt
const start: Item[] = [label('start'), '48 8b 26', call('main'), mark('in start'), 'f4'];
// sub rsp, 0x18; call middle; add rsp, 0x18; ret
const main: Item[] = [fn('main'), '48 83 ec 18', call('middle'), mark('in main'), '48 83 c4 18 c3'];
// push rbx; mov ebx, edi; call leaf; pop rbx; ret
const middle: Item[] = [fn('middle'), '53 89 fb', call('leaf'), mark('in middle'), '5b c3'];
// rdmsr; ret
const leaf: Item[] = [fn('leaf'), mark('fault'), '0f 32 c3'];

describe('walk by the code', () => {
  const program = assembleAt([...start, ...main, ...middle, ...leaf]);
  // stale return addresses lie among the locals of main
  const words: Word[] = ['in middle', 0x55n, 'in main', 'in middle', 0n, 'in main', 'in start', 0xdeadn];

  test('every frame, none from stale words, and the bottom', () => {
    const backtrace = run('amd64', program, { pc: 'fault', words, registers: { rbx: 0x99n, r12: 0x12n } });
    expect(names(program, backtrace)).toEqual(['leaf context', 'middle code', 'main code', 'start code']);
    expect(evidence(backtrace)).toEqual([undefined, 'direct call of leaf', 'direct call of middle', 'direct call of main']);
    expect(backtrace.frames.map((frame) => frame.callVerified)).toEqual([undefined, true, true, true]);
    expect(backtrace.stop.kind).toBe('end-of-stack');
    expect(backtrace.frames.map((frame) => frame.slot)).toEqual([undefined, SP, SP + 0x10n, SP + 0x30n]);
    expect(backtrace.frames.map((frame) => frame.cfa)).toEqual([SP + 8n, SP + 0x18n, SP + 0x38n, undefined]);
  });

  test('saved registers come back where they were saved, kept ones stay, scratch ones are unknown', () => {
    const { frames } = run('amd64', program, { pc: 'fault', words, registers: { rbx: 0x99n, r12: 0x12n, rcx: 0x491n, rsp: 0x6fd8n } });
    expect(frames.map((frame) => frame.registers.get('rbx'))).toEqual([0x99n, 0x99n, 0x55n, 0x55n]);
    expect(frames.map((frame) => frame.registers.get('r12'))).toEqual([0x12n, 0x12n, 0x12n, 0x12n]);
    expect(frames.map((frame) => frame.registers.get('rcx'))).toEqual([0x491n, undefined, undefined, undefined]);
    expect(frames.map((frame) => frame.registers.get('rsp'))).toEqual([SP, SP + 8n, SP + 0x18n, SP + 0x38n]);
  });

  test('with a bias', () => {
    const backtrace = run('amd64', program, { pc: 'fault', words, bias: 0x1020_0000n });
    expect(names(program, backtrace)).toEqual(['leaf context', 'middle code', 'main code', 'start code']);
    expect(backtrace.frames[1]?.address).toEqual({ kind: 'return-address', at: 0x1020_0000n + BigInt(program.at('in middle')) });
    expect(backtrace.frames[1]?.lookup).toBe(program.at('in middle') - 1);
  });

  test('without an image: the fault alone', () => {
    const backtrace = walk(crashOf({ pc: 0x1000n, sp: SP, stack: stackOf('amd64', SP, [1n]) }), [], platform);
    expect(backtrace.frames).toHaveLength(1);
    expect(backtrace.stop).toEqual({ kind: 'no-image' });
  });

  test('an image of the other width is no image of this crash', () => {
    const other = assembleAt([fn('leaf'), mark('fault'), '0f 32 c3'], 'i386');
    expect(run('amd64', other, { pc: 'fault', words: ['fault'] }).stop).toEqual({ kind: 'no-image', at: 0x1000n });
  });

  test('without a PC', () => {
    expect(walk(crashOf({ sp: SP }), [{ image: program.image, bias: 0n }], platform).stop).toEqual({
      kind: 'no-registers',
      missing: ['rip'],
    });
  });

  test('without a stack pointer', () => {
    const crash = crashOf({ pc: BigInt(program.at('fault')), stack: stackOf('amd64', SP, [1n]) });
    expect(walk(crash, [{ image: program.image, bias: 0n }], platform).stop).toEqual({ kind: 'no-registers', missing: ['rsp'] });
  });

  test('a dump that ends too soon says where', () => {
    const backtrace = run('amd64', program, { pc: 'fault', words: words.slice(0, 6) });
    expect(names(program, backtrace)).toEqual(['leaf context', 'middle code', 'main code']);
    expect(backtrace.stop).toEqual({ kind: 'stack-not-in-dump', at: SP + 0x30n });
  });

  test('recursion ends at the frame limit', () => {
    const recursive = assembleAt([fn('again'), '48 83 ec 08', call('again'), mark('in again'), '48 83 c4 08 c3']);
    const deep = Array.from({ length: 1400 }, (_, index): Word => (index % 2 === 0 ? 'in again' : 0n));
    const backtrace = run('amd64', recursive, { pc: 'again', words: deep });
    expect(backtrace.frames).toHaveLength(512);
    expect(backtrace.stop).toEqual({ kind: 'frame-limit', limit: 512 });
  });

  test('SP alone is lost, the frame pointer is not', () => {
    // push rbp; mov rbp, rsp; sub rsp, rax; rdmsr; leave; ret
    const variable = assembleAt([...start, fn('main'), '55 48 89 e5 48 29 c4', mark('fault'), '0f 32 c9 c3']);
    const backtrace = run('amd64', variable, { pc: 'fault', words: [1n, 2n, 0x77n, 'in start'], registers: { rbp: SP + 0x10n } });
    expect(names(variable, backtrace)).toEqual(['main context', 'start code']);
    expect(backtrace.frames[1]?.registers.get('rbp')).toBe(0x77n);
  });

  test('a frame pointer below the stack makes no progress', () => {
    const variable = assembleAt([...start, fn('main'), '55 48 89 e5 48 29 c4', mark('fault'), '0f 32 c9 c3']);
    const backtrace = run('amd64', variable, { pc: 'fault', words: [1n, 2n, 3n], registers: { rbp: SP - 0x100n } });
    expect(backtrace.stop).toEqual({ kind: 'no-progress', at: SP - 0xf0n });
  });

  test('code that no path reaches is left to the frame pointer', () => {
    // push rbp; mov rbp, rsp; sub rsp, 0x10; jmp rax; nop; rdmsr
    const odd = assembleAt([...start, fn('main'), '55 48 89 e5 48 83 ec 10 ff e0', mark('fault'), '0f 32 c9 c3']);
    const backtrace = run('amd64', odd, { pc: 'fault', words: [1n, 2n, 0x77n, 'in start'], registers: { rbp: SP + 0x10n } });
    expect(names(odd, backtrace)).toEqual(['main context', 'start frame-pointer']);
  });

  test('the stack pointer and the frame pointer disagree: both are told', () => {
    // push rbp; mov rbp, rsp; rdmsr
    const framed = assembleAt([...start, fn('main'), '55 48 89 e5', mark('fault'), '0f 32 5d c3']);
    const backtrace = run('amd64', framed, { pc: 'fault', words: [0x77n, 'in start'], registers: { rbp: 0x9000n } });
    expect(names(framed, backtrace)).toEqual(['main context', 'start code']);
    expect(notes(backtrace)).toEqual(['the code of main puts its frame at 0x7010, the frame pointer at 0x9010']);
  });

  test('a fault after INT3 stands behind it, where nothing may follow', () => {
    const trap = assembleAt([...start, fn('main'), '50 cc', mark('fault'), 'cc cc']);
    const backtrace = run('amd64', trap, { pc: 'fault', words: [1n, 'in start'] });
    expect(names(trap, backtrace)).toEqual(['main context', 'start code']);
  });
});

describe('calls', () => {
  test('through a pointer', () => {
    const program = assembleAt([...start, fn('main'), '50 ff d2', mark('in main'), '58 c3', ...leaf]);
    const backtrace = run('amd64', program, { pc: 'fault', words: ['in main', 0n, 'in start'] });
    expect(names(program, backtrace)).toEqual(['leaf context', 'main code', 'start code']);
    expect(evidence(backtrace)[1]).toBe('call through a pointer');
  });

  test('that ended in a jump: the functions between are shown, without an address', () => {
    const program = assembleAt([
      ...start,
      ...[fn('main'), '50', call('first'), mark('in main'), '58 c3'],
      ...[fn('first'), '53 5b', jump('second')],
      ...[fn('second'), jump('leaf')],
      ...leaf,
    ]);
    const backtrace = run('amd64', program, { pc: 'fault', words: ['in main', 0n, 'in start'] });
    expect(names(program, backtrace)).toEqual(['leaf context', 'second code synthetic', 'first code synthetic', 'main code', 'start code']);
    expect(backtrace.frames[1]?.address).toBeUndefined();
    expect(backtrace.frames[1]?.lookup).toBe(program.at('second'));
    expect(backtrace.frames[3]?.callVerified).toBe(true);
  });

  test('with several ways of jumps: none is invented, and it is said', () => {
    const program = assembleAt([
      ...start,
      ...[fn('main'), '50', call('first'), mark('in main'), '58 c3'],
      ...[fn('first'), jumpIfEqual('second'), jump('third')],
      ...[fn('second'), jump('leaf')],
      ...[fn('third'), jump('leaf')],
      ...leaf,
    ]);
    const backtrace = run('amd64', program, { pc: 'fault', words: ['in main', 0n, 'in start'] });
    expect(names(program, backtrace)).toEqual(['leaf context', 'main code', 'start code']);
    expect(notes(backtrace)).toEqual(['several chains of jumps lead from the called function to the frame inside: one of them ran']);
  });

  test('a call of something else is no proof: the word is shown as refused, and the walk ends', () => {
    const program = assembleAt([...start, fn('main'), '50', call('other'), mark('in main'), '58 c3', fn('other'), '90 c3', ...leaf]);
    const backtrace = run('amd64', program, { pc: 'fault', words: ['in main', 0n, 0n] });
    expect(names(program, backtrace)).toEqual(['leaf context', 'main code']);
    expect(backtrace.frames[1]?.callVerified).toBe(false);
    expect(backtrace.stop.kind).toBe('no-plausible-caller');
  });

  test('bytes that look like a call inside another instruction are none', () => {
    // mov rax, imm64 whose bytes hold `ff d0`
    const program = assembleAt([...start, fn('main'), '48 b8 00 00 00 00 ff d0', mark('inside'), '00 00 c3', ...leaf]);
    const backtrace = run('amd64', program, { pc: 'fault', words: ['inside', 0n, 0n] });
    expect(backtrace.stop.kind).toBe('no-plausible-caller');
    expect(backtrace.frames[1]?.callVerified).toBe(false);
  });

  test('`call next` leaves no return address', () => {
    const program = assembleAt(
      [...start, fn('main'), call('after'), mark('after'), '58', call('leaf'), mark('in main'), 'c3', ...leaf],
      'amd64',
    );
    expect(names(program, run('amd64', program, { pc: 'fault', words: ['in main', 'in start'] }))).toEqual([
      'leaf context',
      'main code',
      'start code',
    ]);
    // the word is passed over; what called `main` still stands above it
    const passedOver = run('amd64', program, { pc: 'fault', words: ['after', 'in start'] });
    expect(names(program, passedOver)).toEqual(['leaf context', 'main scan', 'start scan']);
  });

  test('the callee that pops: the caller stands higher than its SP', () => {
    // i386: push eax; call callee; ret    callee: rdmsr; ret 4
    const program = assembleAt(
      [
        label('start'),
        '8b 26',
        call('main'),
        mark('in start'),
        'f4',
        fn('main'),
        '50',
        call('leaf'),
        mark('in main'),
        'c3',
        fn('leaf'),
        mark('fault'),
        '0f 32 c2 04 00',
      ],
      'i386',
    );
    const backtrace = run('i386', program, { pc: 'fault', words: ['in main', 5n, 'in start'] });
    expect(names(program, backtrace)).toEqual(['leaf context', 'main code', 'start code']);
  });
});

describe('boundaries', () => {
  const victim: Item[] = [fn('main'), '48 83 ec 18', mark('interrupted'), '90 48 83 c4 18 c3'];
  const handler: Item[] = [fn('handler'), mark('fault'), '0f 0b'];
  const frameOf = (sp: bigint): Word[] => ['interrupted', 0x8n, 0x46n, sp, 0x10n];

  test('a hardware frame: the interrupted function with all its registers', () => {
    // push rax, rcx, rbx; mov edi, 2; call handler; pop rbx, rcx, rax; iretq
    const stub: Item[] = [label('stub'), '50 51 53 bf 02 00 00 00', call('handler'), mark('in stub'), '5b 59 58 48 cf'];
    const program = assembleAt([...start, ...victim, ...stub, ...handler]);
    const words: Word[] = ['in stub', 0xbn, 0xcn, 0xan, ...frameOf(SP + 0x50n), 0n, 1n, 2n, 3n, 'in start'];
    const backtrace = run('amd64', program, { pc: 'fault', words, registers: { r12: 0x12n, rdx: 0xdn } });
    expect(names(program, backtrace)).toEqual(['handler context', 'stub code exception', 'main context', 'start code']);
    expect(backtrace.frames[1]?.interrupted).toEqual({ cs: 8n, flags: 0x46n, sp: SP + 0x50n, ss: 0x10n, vector: 2 });
    const interrupted = backtrace.frames[2];
    expect(interrupted?.address).toEqual({ kind: 'instruction-pointer', at: BigInt(program.at('interrupted')) });
    expect(interrupted?.callVerified).toBeUndefined();
    expect(['rax', 'rbx', 'rcx', 'r12', 'rdx', 'rsp'].map((name) => interrupted?.registers.get(name))).toEqual([
      0xan,
      0xbn,
      0xcn,
      0x12n,
      undefined,
      SP + 0x50n,
    ]);
  });

  test('behind an error code', () => {
    const stub: Item[] = [label('stub'), '50', call('handler'), mark('in stub'), '58 48 83 c4 08 48 cf'];
    const program = assembleAt([...start, ...victim, ...stub, ...handler]);
    const backtrace = run('amd64', program, {
      pc: 'fault',
      words: ['in stub', 0xan, 0x18n, ...frameOf(SP + 0x40n), 1n, 2n, 3n, 'in start'],
    });
    expect(names(program, backtrace)).toEqual(['handler context', 'stub code exception', 'main context', 'start code']);
  });

  test('on i386 the interrupted SP lies right above three words', () => {
    const program = assembleAt(
      [
        ...[label('start'), '8b 26', call('main'), mark('in start'), 'f4'],
        ...[fn('main'), '83 ec 08', mark('interrupted'), '90 83 c4 08 c3'],
        ...[label('stub'), '60 6a 02', call('handler'), mark('in stub'), '58 61 cf'],
        ...handler,
      ],
      'i386',
    );
    const saved: Word[] = [0xd1n, 0x51n, 0xb9n, 0n, 0xbbn, 0xddn, 0xccn, 0xaan];
    const words: Word[] = ['in stub', 2n, ...saved, 'interrupted', 8n, 0x46n, 7n, 7n, 'in start'];
    const backtrace = run('i386', program, { pc: 'fault', words });
    expect(names(program, backtrace)).toEqual(['handler context', 'stub code exception', 'main context', 'start code']);
    expect(backtrace.frames[1]?.interrupted).toEqual({ cs: 8n, flags: 0x46n, sp: SP + 0x34n, vector: 2 });
    const { registers } = backtrace.frames[2] ?? { registers: new Map<string, bigint>() };
    expect(['edi', 'esi', 'ebp', 'ebx', 'edx', 'ecx', 'eax'].map((name) => registers.get(name))).toEqual([
      0xd1n,
      0x51n,
      0xb9n,
      0xbbn,
      0xddn,
      0xccn,
      0xaan,
    ]);
  });

  test('words that are no hardware frame are not taken for one', () => {
    const stub: Item[] = [label('stub'), '50', call('handler'), mark('in stub'), '58 48 cf'];
    const program = assembleAt([...start, ...victim, ...stub, ...handler]);
    for (const [pc, cs, flags] of [
      ['interrupted', 0n, 0x46n],
      ['interrupted', 8n, 0x44n],
      ['interrupted', 8n, 0x8000_0046n],
      [0x66_0000n, 8n, 0x46n],
    ] satisfies Word[][]) {
      const backtrace = run('amd64', program, {
        pc: 'fault',
        words: ['in stub', 0xan, pc ?? 0n, cs ?? 0n, flags ?? 0n, SP + 0x40n, 0x10n, 0n],
      });
      expect(backtrace.frames.map((frame) => frame.kind)).not.toContain('exception');
      expect(backtrace.stop.kind).not.toBe('end-of-stack');
    }
  });

  test('the exit of a guest: its registers, in the order of the stub, and the end', () => {
    const pushAll = '50 51 52 53 54 55 56 57 41 50 41 51 41 52 41 53 41 54 41 55 41 56 41 57';
    const stub: Item[] = [label('guest_exit'), pushAll, call('handler'), mark('in stub'), '0f 01 c3 f4 eb fd'];
    const program = assembleAt([...start, ...victim, ...stub, ...handler]);
    const saved: bigint[] = [15n, 14n, 13n, 12n, 11n, 10n, 9n, 8n, 7n, 6n, 5n, 0xffffn, 3n, 2n, 0x491n, 0xan];
    const backtrace = run('amd64', program, { pc: 'fault', words: ['in stub', ...saved, 0x1234n] });
    expect(names(program, backtrace)).toEqual(['handler context', 'guest_exit code vm-exit']);
    const { guest } = backtrace.frames[1] ?? {};
    expect(guest?.orderFrom).toBe('guest_exit');
    expect(guest?.registers.get('rcx')).toBe(0x491n);
    expect(guest?.registers.get('rax')).toBe(0xan);
    expect(guest?.registers.get('r15')).toBe(15n);
    expect(guest?.registers.has('rsp')).toBe(false);
    expect(backtrace.stop.kind).toBe('end-of-stack');
  });

  test('an entry that never returns and that nothing calls is the bottom', () => {
    const program = assembleAt([label('boot'), '50', call('leaf'), mark('in boot'), 'f4 eb fd', ...leaf]);
    const backtrace = run('amd64', program, { pc: 'fault', words: ['in boot', 0n, 0x1234n] });
    expect(names(program, backtrace)).toEqual(['leaf context', 'boot code']);
    expect(backtrace.stop.kind).toBe('end-of-stack');
  });
});

describe('broken chains', () => {
  const outer: Item[] = [fn('outer'), '48 83 ec 08', call('victim'), mark('in outer'), '48 83 c4 08 c3'];
  const program = assembleAt([
    ...[label('start'), '48 8b 26', call('outer'), mark('in start'), 'f4'],
    ...outer,
    ...[fn('victim'), '48 83 ec 18', call('fill'), mark('in victim'), mark('fault'), '48 83 c4 18 c3'],
    ...[fn('fill'), 'c3'],
    ...[fn('other'), '53', call('fill'), mark('in other'), '5b c3'],
  ]);

  test('a call of nowhere: its caller is at SP, and keeps all registers', () => {
    const via = assembleAt([...start, fn('main'), '53 89 fb ff d0', mark('in main'), '5b c3']);
    const backtrace = run('amd64', via, { pc: 0n, words: ['in main', 0x5n, 'in start'], registers: { rbx: 0x9n } });
    expect(names(via, backtrace)).toEqual(['? context', 'main code', 'start code']);
    expect(backtrace.frames.map((frame) => frame.registers.get('rbx'))).toEqual([0x9n, 0x9n, 0x5n]);
    expect(backtrace.stop.kind).toBe('end-of-stack');
  });

  test('a jump of nowhere at the end of a called function', () => {
    const via = assembleAt([...start, fn('main'), '50', call('jumper'), mark('in main'), '58 c3', fn('jumper'), 'ff e0']);
    const backtrace = run('amd64', via, { pc: 0x4141_4141n, words: ['in main', 0n, 'in start'] });
    expect(names(via, backtrace)).toEqual(['? context', 'main code', 'start code']);
    expect(evidence(backtrace)[1]).toBe('direct call of jumper, which ends in a jump through a pointer');
  });

  test('an overwritten return address: the rest is found whole, the lost function named', () => {
    // stale: in other (its chain fails); outer's own return address is gone
    const words: Word[] = [1n, 2n, 3n, 0x4141_4141n, 'in other', 'in start', 0n];
    const backtrace = run('amd64', program, { pc: 'fault', words });
    expect(names(program, backtrace)).toEqual(['victim context', 'outer scan', 'start scan']);
    expect(backtrace.frames[1]?.address).toBeUndefined();
    expect(notes(backtrace)).toContain('in outer: where in it is lost, its return address was overwritten');
    expect(backtrace.stop.kind).toBe('end-of-stack');
  });

  test('a return address of 0 in the last words is the bottom, unless more lies above', () => {
    expect(run('amd64', program, { pc: 'fault', words: [1n, 2n, 3n, 0n, 0n] }).stop.kind).toBe('end-of-stack');
    expect(names(program, run('amd64', program, { pc: 'fault', words: [1n, 2n, 3n, 0n, 0n, 'in start'] }))).toEqual([
      'victim context',
      'outer scan',
      'start scan',
    ]);
  });

  test('one frame at the very top of the dump is enough where its callee calls the frame inside', () => {
    // fill <- victim (lost) <- outer, whose own return address is the first word behind the dump
    const words: Word[] = [0x41n, 1n, 2n, 3n, 'in outer', 4n];
    const backtrace = run('amd64', program, { pc: 'fill', words });
    expect(names(program, backtrace)).toEqual(['fill context', 'victim scan', 'outer scan']);
    expect(backtrace.stop).toEqual({ kind: 'stack-not-in-dump', at: SP + 0x30n });
    // the same one word further from the top proves nothing
    expect(names(program, run('amd64', program, { pc: 'fill', words: [...words, 5n] }))).toEqual(['fill context']);
    // nor does a callee that never calls the frame inside
    expect(names(program, run('amd64', program, { pc: 'other', words }))).toEqual(['other context']);
  });

  test('a broken recursion of thousands of frames is searched within a budget', () => {
    const recursive = assembleAt([
      fn('again'),
      '48 83 ec 08',
      call('again'),
      mark('in again'),
      '48 83 c4 08 c3',
      fn('other'),
      '53',
      call('other'),
      mark('in other'),
      '5b c3',
    ]);
    const deep = Array.from({ length: 6000 }, (_, index): Word => (index % 2 === 0 ? 'in again' : 0n));
    // whole from the third word on
    const backtrace = run('amd64', recursive, { pc: 'again', words: [0x41n, 0n, ...deep] });
    expect(backtrace.frames).toHaveLength(512);
    expect(backtrace.frames[1]?.trust).toBe('scan');
    // alternating words that never make a chain
    const broken = Array.from({ length: 4000 }, (_, index): Word => (index % 3 === 0 ? 'in other' : 'in again'));
    const lost = run('amd64', recursive, { pc: 'again', words: [0x41n, ...broken, 0n, 0n] });
    expect(lost.frames.filter((frame) => frame.trust === 'scan').length).toBeLessThanOrEqual(1);
    expect(lost.stop.kind).toBe('no-plausible-caller');
  });

  test('where nothing passes the walk ends and says what was tried', () => {
    const backtrace = run('amd64', program, { pc: 'fault', words: [1n, 2n, 3n, 0x4141_4141n, 'in other', 0n, 0n] });
    expect(names(program, backtrace)).toEqual(['victim context']);
    expect(backtrace.stop).toMatchObject({ kind: 'no-plausible-caller', tried: ['code', 'scan'] });
    expect(backtrace.stop.kind === 'no-plausible-caller' && plain(backtrace.stop.detail)).toBe(
      'the return address of victim would be 0x41414141, but no CALL ends there',
    );
  });
});
