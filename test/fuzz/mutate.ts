/** Seeded mutators. The same seed gives the same input, so that a finding is a number. */

const { imul, floor, min } = Math;

export interface Random {
  /** [0, 1). */
  next(): number;
  /** [0, below). */
  below(below: number): number;
  pick<T>(items: readonly T[]): T;
}

/** mulberry32: small, and good enough to wander. */
export function random(seed: number): Random {
  let state = seed | 0;
  const next = (): number => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = imul(state ^ (state >>> 15), state | 1);
    mixed = (mixed + imul(mixed ^ (mixed >>> 7), mixed | 61)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  const below = (limit: number): number => floor(next() * limit);
  return {
    next,
    below,
    pick: (items) => {
      const item = items[below(items.length)];
      if (item === undefined) throw new Error('nothing to pick from');
      return item;
    },
  };
}

/** Values that break length, count and offset arithmetic. */
const evilBytes = [0x00, 0x01, 0x7f, 0x80, 0xff, 0xfe, 0x0a, 0x30];
const evilWords = [0, 1, 0x7fffffff, 0x80000000, 0xffffffff, 0xfffffff0, 0xfffffffe, 0x10000];

/** Bytes in [from, to) of a copy are changed: flips, evil values, LEB floods, copies, zeroes. */
export function mutateBytes(bytes: Uint8Array, by: Random, from = 0, to = bytes.length): Uint8Array {
  const changed = bytes.slice();
  if (to <= from) return changed;
  const view = new DataView(changed.buffer);
  const times = 1 + by.below(8);
  for (let time = 0; time < times; time += 1) {
    const at = from + by.below(to - from);
    const length = 1 + by.below(16);
    const end = min(at + length, to);
    switch (by.below(6)) {
      case 0:
        changed[at] = (changed[at] ?? 0) ^ (1 << by.below(8));
        break;
      case 1:
        changed[at] = by.pick(evilBytes);
        break;
      case 2:
        if (at + 4 <= to) view.setUint32(at, by.pick(evilWords), true);
        break;
      case 3:
        changed.fill(0x80 | by.below(0x80), at, end);
        break;
      case 4:
        changed.copyWithin(at, from + by.below(to - from), from + by.below(to - from) + length);
        break;
      default:
        changed.fill(0, at, end);
    }
  }
  return by.below(16) === 0 ? changed.subarray(0, by.below(changed.length)).slice() : changed;
}

const evilText = [
  '\u0000',
  '\u001b[31m',
  '\r',
  '\r\n',
  '\u202e',
  '\u200b',
  '`',
  '```',
  '~~~',
  '</details>',
  '<!--',
  '@everyone',
  '#1',
  'GH-1',
  '|',
  '\ud800',
  '::error::x',
  '##[error]y',
  '[00]',
  '[ff]: unhandled exception 13 (0xd), halting!',
  '0x',
  'px10213ffa',
  '-----end------------',
  '> ',
  '...',
  '\u00a0',
  "Fatal: Halting! Condition '",
  'eXtensible Modular Hypervisor Framework (XMHF) v6.1.0',
  '\uff10\uff58',
]; // prettier-ignore

export function mutateText(text: string, by: Random): string {
  let changed = text;
  const times = 1 + by.below(8);
  for (let time = 0; time < times; time += 1) {
    const at = by.below(changed.length + 1);
    const line = changed.lastIndexOf('\n', at) + 1;
    const end = changed.indexOf('\n', at) < 0 ? changed.length : changed.indexOf('\n', at) + 1;
    switch (by.below(8)) {
      case 0:
        changed = changed.slice(0, at) + by.pick(evilText) + changed.slice(at);
        break;
      case 1:
        changed = changed.slice(0, line) + changed.slice(end);
        break;
      case 2:
        changed = changed.slice(0, end) + changed.slice(line, end) + changed.slice(end);
        break;
      case 3:
        changed = changed.slice(0, at) + changed.slice(at + 1 + by.below(20));
        break;
      case 4: {
        const other = by.below(changed.length + 1);
        changed = changed.slice(0, at) + changed.slice(other, other + 200) + changed.slice(at);
        break;
      }
      case 5:
        changed = changed.slice(0, at) + String.fromCharCode(by.below(0x10000)) + changed.slice(at + 1);
        break;
      case 6:
        if (by.below(8) === 0) changed = by.below(2) === 0 ? changed.slice(0, at) : changed.slice(at);
        break;
      default:
        if (by.below(8) === 0) changed = changed.replaceAll('\n', by.pick([' ', '\r', '\r\n', '\n\n']));
    }
  }
  return changed;
}

/** [offset, length] of each section's bytes, read off the section header table; empty where there is none. */
export function sectionSpans(elf: Uint8Array): { readonly name: string; readonly from: number; readonly to: number }[] {
  const view = new DataView(elf.buffer, elf.byteOffset, elf.byteLength);
  const wide = elf[4] === 2;
  const word = (at: number): number => (wide ? Number(view.getBigUint64(at, true)) : view.getUint32(at, true));
  const table = word(wide ? 0x28 : 0x20);
  const entry = view.getUint16(wide ? 0x3a : 0x2e, true);
  const count = view.getUint16(wide ? 0x3c : 0x30, true);
  const names = table + view.getUint16(wide ? 0x3e : 0x32, true) * entry;
  const strings = word(names + (wide ? 0x18 : 0x10));
  const spans = [
    { name: 'ELF header', from: 0, to: wide ? 64 : 52 },
    { name: 'section headers', from: table, to: table + entry * count },
  ];
  for (let index = 1; index < count; index += 1) {
    const header = table + index * entry;
    if (view.getUint32(header + 4, true) === 8) continue;
    const from = word(header + (wide ? 0x18 : 0x10));
    const start = strings + view.getUint32(header, true);
    let end = start;
    while (elf[end] !== 0 && end < elf.length) end += 1;
    spans.push({ name: Buffer.from(elf.subarray(start, end)).toString('latin1'), from, to: from + word(header + (wide ? 0x20 : 0x14)) });
  }
  return spans.filter(({ from, to }) => to > from && to <= elf.length);
}
