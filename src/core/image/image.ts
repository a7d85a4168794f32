/** One opened ELF with its indexes, as the later stages see it. Implemented by `open-image.ts`. */
import type { Arch, LinkAddress } from '../addresses.js';
import type { Gap } from '../gap.js';
import type { SourceLookup } from './symbolize.js';

export interface Section {
  readonly name: string;
  readonly address: LinkAddress;
  /** Bytes in memory. */
  readonly size: number;
  readonly executable: boolean;
  readonly writable: boolean;
  readonly allocated: boolean;
  /** False for NOBITS. */
  readonly hasBytes: boolean;
}

export interface ElfSymbol {
  readonly name: string;
  readonly address: LinkAddress;
  /** 0 where the symbol has none: assembly labels. */
  readonly size: number;
  readonly type: 'function' | 'object' | 'notype' | 'section' | 'file' | 'other';
  readonly binding: 'local' | 'global' | 'weak' | 'other';
  /** Index into `sections`; absent for absolute and undefined symbols. */
  readonly section?: number;
}

export interface Image {
  readonly path: string;
  readonly arch: Arch;
  /** `executable` (ET_EXEC) or `shared` (ET_DYN: PIE). */
  readonly type: 'executable' | 'shared' | 'relocatable' | 'core';
  readonly entry: LinkAddress;
  /** Hex of the GNU build id note; absent where there is none. */
  readonly buildId?: string;
  readonly sections: readonly Section[];
  /** Defined symbols with an address, sorted by it; ties in symbol-table order. */
  readonly symbols: readonly ElfSymbol[];
  /** What could not be read, so far: grows as sections are opened. */
  readonly gaps: readonly Gap[];
  /** Inside an executable section that has bytes. */
  isCode(address: LinkAddress): boolean;
  /** The allocated section that covers the address. */
  sectionAt(address: LinkAddress): Section | undefined;
  /** Bytes as linked; `undefined` where any of them is not in the file. NOBITS reads as not in the file. */
  bytesAt(address: LinkAddress, length: number): Uint8Array | undefined;
  /** The best symbol that covers the address: by size, else (assembly labels) the nearest before it in the same section. Never an object for code. */
  symbolAt(address: LinkAddress): { readonly symbol: ElfSymbol; readonly offset: number } | undefined;
  /** All symbols at exactly this name (static functions may stand several times). */
  symbolsNamed(name: string): readonly ElfSymbol[];
  /** The inline chain and lines at exactly this address (callers of return addresses subtract one first). */
  lookup(address: LinkAddress): SourceLookup;
}
