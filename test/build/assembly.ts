/** Machine code with labels, as an Image: `assemble('amd64', 0x1000, [fn('main'), '55', call('leaf'), mark('back'), 'c3'])`. */
import { type Arch, linkAddress } from '../../src/core/addresses.js';
import type { ElfSymbol, Image } from '../../src/core/image/image.js';
import { type FlatSection, flatImage } from './flat-image.js';

export type Item =
  /** Bytes in hex, blanks allowed. */
  | string
  /** A typed symbol, sized up to the next symbol. */
  | { readonly fn: string }
  /** An untyped symbol: an assembly label. */
  | { readonly label: string }
  /** A place that only the test knows. */
  | { readonly mark: string }
  /** An opcode followed by a 32-bit distance to a place. */
  | { readonly opcode: string; readonly to: string }
  /** The 4 bytes of a place's address. */
  | { readonly addressOf: string };

export const fn = (name: string): Item => ({ fn: name });
export const label = (name: string): Item => ({ label: name });
export const mark = (name: string): Item => ({ mark: name });
export const call = (to: string): Item => ({ opcode: 'e8', to });
export const jump = (to: string): Item => ({ opcode: 'e9', to });
export const jumpIfEqual = (to: string): Item => ({ opcode: '0f 84', to });
export const jumpIfNotEqual = (to: string): Item => ({ opcode: '0f 85', to });
export const jumpIfAbove = (to: string): Item => ({ opcode: '0f 87', to });
export const addressOf = (place: string): Item => ({ addressOf: place });

export interface Assembled {
  readonly image: Image;
  /** Address of a symbol or mark. */
  at(place: string): number;
}

function bytesOf(hex: string): number[] {
  return [...Buffer.from(hex.replaceAll(' ', ''), 'hex')];
}

function sizeOf(item: Item): number {
  if (typeof item === 'string') return bytesOf(item).length;
  if ('opcode' in item) return bytesOf(item.opcode).length + 4;
  return 'addressOf' in item ? 4 : 0;
}

function littleEndian(value: number): number[] {
  return [value & 0xff, (value >> 8) & 0xff, (value >> 16) & 0xff, (value >> 24) & 0xff];
}

export function assemble(arch: Arch, base: number, items: readonly Item[], data: readonly FlatSection[] = []): Assembled {
  const places = new Map<string, number>();
  let here = base;
  for (const item of items) {
    const name =
      typeof item === 'string' ? undefined : 'fn' in item ? item.fn : 'label' in item ? item.label : 'mark' in item ? item.mark : undefined;
    if (name !== undefined) places.set(name, here);
    here += sizeOf(item);
  }
  const end = here;
  const at = (place: string): number => {
    const address = places.get(place);
    if (address === undefined) throw new Error(`no such place: ${place}`);
    return address;
  };
  const bytes: number[] = [];
  for (const item of items) {
    if (typeof item === 'string') bytes.push(...bytesOf(item));
    else if ('opcode' in item) {
      bytes.push(...bytesOf(item.opcode));
      bytes.push(...littleEndian(at(item.to) - (base + bytes.length + 4)));
    } else if ('addressOf' in item) bytes.push(...littleEndian(at(item.addressOf)));
  }
  const named = items.flatMap((item) =>
    typeof item === 'string'
      ? []
      : 'fn' in item
        ? [{ name: item.fn, typed: true }]
        : 'label' in item
          ? [{ name: item.label, typed: false }]
          : [],
  );
  const symbols: ElfSymbol[] = named.map(({ name, typed }, index) => {
    const next = named[index + 1];
    const stop = next === undefined ? end : at(next.name);
    return {
      name,
      address: linkAddress(at(name)),
      size: typed ? stop - at(name) : 0,
      type: typed ? 'function' : 'notype',
      binding: 'global',
    };
  });
  const flat = flatImage(arch, [{ name: '.text', address: base, bytes, executable: true }, ...data]);
  const image: Image = {
    ...flat,
    symbols,
    symbolAt: (address) => {
      const symbol = symbols.findLast((one) => one.address <= address);
      return symbol === undefined || !flat.isCode(address) ? undefined : { symbol, offset: address - symbol.address };
    },
  };
  return { image, at };
}
