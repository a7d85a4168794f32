/** Call sites of the debug information beside what the code says: agreement, disagreement, and tail calls that they rule out. */
import { describe, expect, test } from '@jest/globals';
import * as D from '../../../src/core/dwarf/constants.js';
import { plain } from '../../../src/core/sentence.js';
import { walk } from '../../../src/core/unwind/walk.js';
import { createPlatform } from '../../../src/platform/node.js';
import { assemble, call, fn, type Item, jump, jumpIfEqual, label, mark } from '../../build/assembly.js';
import { crashOf, stackOf } from '../../build/crash-log.js';
import { describedCode } from '../../build/described-code.js';
import { type DieInput, die } from '../../build/dwarf-builder.js';

const platform = createPlatform();
const BASE = 0x1000;
const SP = 0x7000n;

// mov rsp, [rsi]; call main; hlt
const start: Item[] = [label('start'), '48 8b 26', call('main'), mark('in start'), 'f4'];
// rdmsr; ret
const leaf: Item[] = [fn('leaf'), mark('fault'), '0f 32 c3'];
// push rax; call; pop rax; ret
const main = (to: string): Item[] => [fn('main'), '50', call(to), mark('in main'), '58 c3'];

interface Subprogram {
  readonly name: string;
  /** Place of its first byte, and how many it has; without one it is declared only. */
  readonly code?: readonly [string, number];
  readonly flag?: number;
  readonly sites?: (at: (place: string) => number) => readonly DieInput[];
}

type Attribute = DieInput['attributes'][number];

const origin = (to: string): Attribute => [D.DW_AT_call_origin, D.DW_FORM_ref4, { ref: to }];
const returnsTo = (address: number): Attribute => [D.DW_AT_call_return_pc, D.DW_FORM_addr, address];
const isTail: Attribute = [D.DW_AT_call_tail_call, D.DW_FORM_flag_present, 1];
const site = (...attributes: readonly Attribute[]): DieInput => die(D.DW_TAG_call_site, attributes);

interface Told {
  readonly names: readonly string[];
  readonly evidence: string | undefined;
  readonly notes: readonly string[];
}

/** The walk from `leaf`, called by `main`: what stands with `main`. */
function told(items: readonly Item[], subprograms: readonly Subprogram[], version = 5): Told {
  const assembled = assemble('amd64', BASE, items);
  const entries = subprograms.map(({ name, code, flag, sites }) =>
    die(
      D.DW_TAG_subprogram,
      [
        [D.DW_AT_name, D.DW_FORM_string, name],
        ...(code === undefined
          ? ([[D.DW_AT_declaration, D.DW_FORM_flag_present, 1]] as const)
          : ([
              [D.DW_AT_low_pc, D.DW_FORM_addr, assembled.at(code[0])],
              [D.DW_AT_high_pc, D.DW_FORM_data4, code[1]],
            ] as const)),
        ...(flag === undefined ? [] : [[flag, D.DW_FORM_flag_present, 1] as const]),
      ],
      sites?.(assembled.at) ?? [],
      name,
    ),
  );
  const { image, at } = describedCode(assembled, BASE, entries, version);
  const words = [BigInt(at('in main')), 0n, BigInt(at('in start'))];
  const crash = crashOf({
    arch: 'amd64',
    vector: 13,
    pc: BigInt(at('fault')),
    sp: SP,
    registers: {},
    stack: stackOf('amd64', SP, words),
  });
  const { frames } = walk(crash, [{ image, bias: 0n }], platform);
  expect(image.gaps).toEqual([]);
  const caller = frames.find(({ address }) => address?.at === BigInt(at('in main')));
  const symbol = (lookup: (typeof frames)[number]['lookup']): string =>
    (lookup === undefined ? undefined : image.symbolAt(lookup)?.symbol.name) ?? '?';
  return {
    names: frames.map((frame) => (frame.synthetic ? `${symbol(frame.lookup)} synthetic` : symbol(frame.lookup))),
    evidence: caller?.callEvidence && plain(caller.callEvidence),
    notes: caller?.notes.map(plain) ?? [],
  };
}

describe('a direct call', () => {
  const items = [...start, ...main('leaf'), ...leaf];
  const own = (sites: Subprogram['sites']): Subprogram => ({ name: 'main', code: ['main', 8], ...(sites === undefined ? {} : { sites }) });
  const target: Subprogram = { name: 'leaf', code: ['leaf', 3] };

  test('that DWARF names too', () => {
    const result = told(items, [own((at) => [site(returnsTo(at('in main')), origin('leaf'))]), target]);
    expect(result).toEqual({
      names: ['leaf', 'main', 'start'],
      evidence: "direct call of leaf; DWARF's call site names the same function",
      notes: [],
    });
  });

  test('in the older form of GNU', () => {
    const older = (at: (place: string) => number): DieInput[] => [
      die(D.DW_TAG_GNU_call_site, [
        [D.DW_AT_low_pc, D.DW_FORM_addr, at('in main')],
        [D.DW_AT_abstract_origin, D.DW_FORM_ref4, { ref: 'leaf' }],
      ]),
    ];
    expect(told(items, [own(older), target], 4).evidence).toBe("direct call of leaf; DWARF's call site names the same function");
  });

  test('of which DWARF names another function: the code is believed, and it is said', () => {
    const sites: Subprogram['sites'] = (at) => [site(returnsTo(at('in main')), origin('start'))];
    const result = told(items, [own(sites), target, { name: 'start', code: ['start', 9] }]);
    expect(result).toEqual({
      names: ['leaf', 'main', 'start'],
      evidence: 'direct call of leaf',
      notes: ["the code calls leaf, DWARF's call site names start"],
    });
  });

  test('with two entries, of which one agrees', () => {
    const sites: Subprogram['sites'] = (at) => [
      site(returnsTo(at('in main')), origin('start')),
      site(returnsTo(at('in main')), origin('leaf')),
    ];
    const result = told(items, [own(sites), target, { name: 'start', code: ['start', 9] }]);
    expect(result.evidence).toBe("direct call of leaf; DWARF's call site names the same function");
    expect(result.notes).toEqual([]);
  });

  test('of a copy that the compiler made', () => {
    const copy = [...start, ...main('leaf.constprop.0'), fn('leaf.constprop.0'), mark('fault'), '0f 32 c3'];
    const result = told(copy, [own((at) => [site(returnsTo(at('in main')), origin('leaf'))]), { name: 'leaf' }]);
    expect(result.evidence).toBe("direct call of leaf.constprop.0; DWARF's call site names the same function");
  });

  test.each([
    ['there is no call site', undefined],
    ['it names nothing', (at: (place: string) => number) => [site(returnsTo(at('in main')))]],
    ['it is a tail call', (at: (place: string) => number) => [site(returnsTo(at('in main')), isTail, origin('main'))]],
    ['it returns elsewhere', (at: (place: string) => number) => [site(returnsTo(at('in main') + 1), origin('main'))]],
    ['the function is not in this image', (at: (place: string) => number) => [site(returnsTo(at('in main')), origin('absent'))]],
  ])('says nothing of DWARF where %s', (_, sites) => {
    const result = told(items, [own(sites), target, { name: 'absent' }]);
    expect(result).toEqual({ names: ['leaf', 'main', 'start'], evidence: 'direct call of leaf', notes: [] });
  });
});

test.each(['leaf', 'main'])('a call through a pointer can lead here, whatever DWARF names: %s', (name) => {
  // push rax; call rax; pop rax; ret
  const items: Item[] = [...start, fn('main'), '50 ff d0', mark('in main'), '58 c3', ...leaf];
  const sites: Subprogram['sites'] = (at) => [site(returnsTo(at('in main')), origin(name))];
  const result = told(items, [
    { name: 'main', code: ['main', 5], sites },
    { name: 'leaf', code: ['leaf', 3] },
  ]);
  expect(result).toEqual({ names: ['leaf', 'main', 'start'], evidence: 'call through a pointer', notes: [] });
});

describe('several ways of tail jumps', () => {
  const forks: Item[] = [fn('first'), jumpIfEqual('second'), jump('third')];
  const items = (...third: readonly Item[]): Item[] => [
    ...[...start, ...main('first'), ...forks],
    ...[fn('second'), jump('leaf'), mark('behind second')],
    ...[fn('third'), ...third],
    ...leaf,
  ];
  const undecided: Told = {
    names: ['leaf', 'main', 'start'],
    evidence: 'direct call of first, which ends in jumps towards the frame inside by more than one way',
    notes: ['several chains of jumps lead from the called function to the frame inside: one of them ran'],
  };
  const decided: Told = {
    names: ['leaf', 'second synthetic', 'first synthetic', 'main', 'start'],
    evidence: 'direct call of first, which ends in a jump towards the frame inside',
    notes: ["several chains of jumps lead from the called function to the frame inside: DWARF's call sites leave one"],
  };
  const behind = (at: (place: string) => number): DieInput[] => [site(returnsTo(at('behind second')), isTail, origin('leaf'))];
  const second = (sites: Subprogram['sites'] = behind): Subprogram => ({
    name: 'second',
    code: ['second', 5],
    flag: D.DW_AT_call_all_calls,
    sites,
  });
  const third = (flag?: number, size = 5): Subprogram => ({
    name: 'third',
    code: ['third', size],
    ...(flag === undefined ? {} : { flag }),
  });
  const target: Subprogram = { name: 'leaf', code: ['leaf', 3] };

  test.each([
    ['DW_AT_call_all_calls', D.DW_AT_call_all_calls],
    ['DW_AT_call_all_tail_calls', D.DW_AT_call_all_tail_calls],
    ['DW_AT_GNU_all_tail_call_sites', D.DW_AT_GNU_all_tail_call_sites],
  ])('the one that DWARF leaves is taken: %s', (_, flag) => {
    expect(told(items(jump('leaf')), [second(), third(flag), target])).toEqual(decided);
  });

  test('a tail call may be told by the address of its jump', () => {
    const byJump = second((at) => [site([D.DW_AT_call_pc, D.DW_FORM_addr, at('second')], isTail)]);
    expect(told(items(jump('leaf')), [byJump, third(D.DW_AT_call_all_calls), target])).toEqual(decided);
  });

  test.each([
    ['where DWARF does not claim to know them all', [second(), third(), target]],
    ['where DWARF does not know the function', [second(), target]],
    ['where DWARF denies all', [second(() => []), third(D.DW_AT_call_all_calls), target]],
    ['where a tail call has no place', [second((at) => [...behind(at), site(isTail)]), third(D.DW_AT_call_all_calls), target]],
  ] satisfies [string, Subprogram[]][])('none is taken %s', (_, subprograms) => {
    expect(told(items(jump('leaf')), subprograms)).toEqual(undecided);
  });

  test('none is taken where the jump lies outside what DWARF calls the function', () => {
    // xor eax, eax before the jump
    expect(told(items('31 c0', jump('leaf')), [second(), third(D.DW_AT_call_all_calls, 2), target])).toEqual(undecided);
    expect(told(items('31 c0', jump('leaf')), [second(), third(D.DW_AT_call_all_calls, 7), target])).toEqual(decided);
  });

  test('none is taken where the jump is conditional: such call sites are lost', () => {
    const code = items(jumpIfEqual('leaf'), '0f 0b');
    expect(told(code, [second(), third(D.DW_AT_call_all_calls, 8), target])).toEqual(undecided);
  });
});
