/** An Image of raw code and data at fixed addresses, with a few symbols: enough for the rules that look at bytes. */
import { type Arch, type LinkAddress, linkAddress } from '../../src/core/addresses.js';
import type { ElfSymbol, Image, Section } from '../../src/core/image/image.js';

export interface FlatSection {
  readonly name: string;
  readonly address: number;
  readonly bytes: readonly number[];
  readonly executable?: boolean;
  readonly writable?: boolean;
}

export interface FlatSymbol {
  readonly name: string;
  readonly address: number;
  readonly size: number;
  readonly type: 'function' | 'object';
}

export function flatImage(arch: Arch, parts: readonly FlatSection[], names: readonly FlatSymbol[] = [], path = 'runtime.exe'): Image {
  const sections: Section[] = parts.map((part) => ({
    name: part.name,
    address: linkAddress(part.address),
    size: part.bytes.length,
    executable: part.executable ?? false,
    writable: part.writable ?? false,
    allocated: true,
    hasBytes: true,
  }));
  const symbols: ElfSymbol[] = names.map((name) => ({
    name: name.name,
    address: linkAddress(name.address),
    size: name.size,
    type: name.type,
    binding: 'global',
  }));
  const covering = (address: LinkAddress): number => parts.findIndex((p) => address >= p.address && address < p.address + p.bytes.length);
  return {
    path,
    arch,
    type: 'executable',
    entry: linkAddress(parts[0]?.address ?? 0),
    sections,
    symbols,
    gaps: [],
    isCode: (address) => parts[covering(address)]?.executable ?? false,
    sectionAt: (address) => sections[covering(address)],
    bytesAt: (address, length) => {
      const part = parts[covering(address)];
      if (part === undefined || address + length > part.address + part.bytes.length) return undefined;
      return Uint8Array.from(part.bytes.slice(address - part.address, address - part.address + length));
    },
    symbolAt: (address) => {
      const symbol = symbols.find((s) => address >= s.address && address < s.address + s.size);
      return symbol && { symbol, offset: address - symbol.address };
    },
    symbolsNamed: (name) => symbols.filter((s) => s.name === name),
    lookup: () => ({ functions: [], from: 'none' }),
  };
}
