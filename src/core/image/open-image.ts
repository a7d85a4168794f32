/**
 * Opens one ELF as an `Image`: sections, symbols, bytes at link addresses, and address to source.
 *
 * In: a `ByteSource`. Out: an `Image` whose indexes are built when first asked for. Refuses only what is no x86 ELF
 * (`FormatError`); damaged symbols or debug information become gaps, and the rest still answers.
 */
import { type LinkAddress, linkAddress } from '../addresses.js';
import type { ByteSource } from '../bytes/byte-source.js';
import { FormatError } from '../bytes/format-error.js';
import type { Region } from '../bytes/region.js';
import { type DebugInfo, openDebugInfo } from '../dwarf/debug-info.js';
import { debugSections } from '../dwarf/sections.js';
import { type ElfFile, hasBytes, readElf, type SectionHeader, SHF, SHT, sectionBytes } from '../elf/elf-file.js';
import { findBuildId } from '../elf/notes.js';
import { readSymbolTable, symbolAtEntry } from '../elf/symbols.js';
import type { Gap } from '../gap.js';
import type { Platform } from '../platform.js';
import { say } from '../sentence.js';
import type { ElfSymbol, Image, Section } from './image.js';
import { SourceFinder, UNKNOWN_NAME } from './source-lookup.js';
import { SymbolIndex, spendName } from './symbol-index.js';
import type { SourceLookup } from './symbolize.js';

export function openImage(source: ByteSource, path: string, platform: Pick<Platform, 'inflate'>): Image {
  return new OpenedImage(readElf(source), path, platform);
}

/** An allocated stretch of the address space, sorted by address. */
interface Stretch {
  readonly start: number;
  readonly end: number;
  readonly index: number;
  readonly header: SectionHeader;
}

/** Gaps beyond this are not kept: one damaged section can give one for each unit. */
const MOST_GAPS = 50;

export class OpenedImage implements Image {
  readonly arch;
  readonly type;
  readonly entry: LinkAddress;
  readonly sections: readonly Section[];
  readonly gaps: Gap[] = [];
  private readonly noted = new Set<string>();
  declare readonly buildId?: string;
  private readonly stretches: readonly Stretch[];
  private readonly regions = new Map<number, Region>();
  private index: SymbolIndex | null | undefined;
  private debug: DebugInfo | null | undefined;
  private finder: SourceFinder | undefined;
  private sorted: readonly ElfSymbol[] | undefined;

  constructor(
    readonly elf: ElfFile,
    readonly path: string,
    readonly platform: Pick<Platform, 'inflate'>,
  ) {
    this.arch = elf.arch;
    this.type = elf.type;
    this.entry = linkAddress(elf.entry);
    this.sections = elf.sections.map((header) => ({
      name: header.name,
      address: linkAddress(header.address),
      size: header.size,
      executable: (header.flags & SHF.EXECINSTR) !== 0,
      writable: (header.flags & SHF.WRITE) !== 0,
      allocated: (header.flags & SHF.ALLOC) !== 0,
      hasBytes: hasBytes(header),
    }));
    // A .tbss takes no room in the image: its addresses are those of the section behind it.
    const isStretch = (header: SectionHeader) =>
      (header.flags & SHF.ALLOC) !== 0 && header.size > 0 && !(header.flags & SHF.TLS && header.type === SHT.NOBITS);
    this.stretches = elf.sections
      .map((header, index) => ({ start: header.address, end: header.address + header.size, index, header }))
      .filter(({ header }) => isStretch(header))
      .sort((one, other) => one.start - other.start || one.index - other.index);
    const buildId = this.attempt('build id', () => this.findBuildId());
    if (buildId !== undefined) this.buildId = buildId;
    if (elf.type === 'relocatable') {
      this.gaps.push({
        kind: 'unsupported',
        where: path,
        problem: say`The file is an object file that was not linked: its code has no addresses yet.`,
        remedy: say`Give the linked image.`,
      });
    }
  }

  /** The one place where a reader's error becomes a gap. */
  attempt<T>(what: string, read: () => T): T | undefined {
    try {
      return read();
    } catch (error) {
      if (!(error instanceof FormatError)) throw error;
      this.note(error, what);
      return undefined;
    }
  }

  /** Equal errors are told once, and no more than a reader could want. */
  readonly note = (error: FormatError, what = 'debug information'): void => {
    const key = `${error.kind} ${error.where} ${error.problem}`;
    if (this.noted.has(key) || this.noted.size >= MOST_GAPS) return;
    this.noted.add(key);
    this.gaps.push({ kind: error.kind, where: this.path, problem: say`The ${what} cannot be read whole: ${error.message}.` });
  };

  private findBuildId(): string | undefined {
    for (const header of this.elf.sections) {
      if (header.type !== SHT.NOTE) continue;
      const found = findBuildId(sectionBytes(this.elf, header, this.platform));
      if (found !== undefined) return found;
    }
    return undefined;
  }

  private stretchAt(address: number): Stretch | undefined {
    const { stretches } = this;
    let low = 0;
    let high = stretches.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((stretches[middle]?.start ?? 0) <= address) low = middle + 1;
      else high = middle;
    }
    // Overlaps are rare and few: the nearest start that covers the address.
    for (let place = low - 1; place >= 0 && place >= low - 8; place--) {
      const stretch = stretches[place];
      if (stretch !== undefined && address < stretch.end) return stretch;
    }
    return undefined;
  }

  isCode(address: LinkAddress): boolean {
    const stretch = this.stretchAt(address);
    return stretch !== undefined && (stretch.header.flags & SHF.EXECINSTR) !== 0 && hasBytes(stretch.header);
  }

  sectionAt(address: LinkAddress): Section | undefined {
    const stretch = this.stretchAt(address);
    return stretch === undefined ? undefined : this.sections[stretch.index];
  }

  bytesAt(address: LinkAddress, length: number): Uint8Array | undefined {
    const stretch = this.stretchAt(address);
    if (stretch === undefined || !hasBytes(stretch.header) || !(length >= 0 && length <= stretch.end - address)) return undefined;
    let region = this.regions.get(stretch.index);
    if (region === undefined) {
      region = this.attempt(`section ${stretch.header.name}`, () => sectionBytes(this.elf, stretch.header, this.platform));
      if (region === undefined) return undefined;
      this.regions.set(stretch.index, region);
    }
    const offset = address - stretch.start;
    return length <= region.size - offset ? region.slice(offset, length) : undefined;
  }

  private symbolIndex(): SymbolIndex | null {
    if (this.elf.type === 'relocatable') return null;
    if (this.index === undefined) {
      const table = this.attempt('symbol table', () => readSymbolTable(this.elf, this.platform));
      this.index = table === undefined ? null : new SymbolIndex(this.elf, table);
    }
    return this.index;
  }

  get symbols(): readonly ElfSymbol[] {
    if (this.sorted === undefined) {
      const index = this.symbolIndex();
      this.sorted = (index === null ? undefined : this.attempt('symbol names', () => readSymbols(index))) ?? [];
    }
    return this.sorted;
  }

  symbolAt(address: LinkAddress): { symbol: ElfSymbol; offset: number } | undefined {
    const stretch = this.stretchAt(address);
    const index = this.symbolIndex();
    if (stretch === undefined || index === null) return undefined;
    const entry = index.covering(address, stretch.index, (stretch.header.flags & SHF.EXECINSTR) !== 0);
    if (entry === undefined) return undefined;
    const symbol = symbolAtEntry(index.table, entry);
    return { symbol, offset: address - symbol.address };
  }

  symbolsNamed(name: string): readonly ElfSymbol[] {
    const index = this.symbolIndex();
    if (index === null) return [];
    const places = this.attempt('symbol names', () => index.placesOf(name)) ?? [];
    return places.map((place) => symbolAtEntry(index.table, index.order[place] ?? 0));
  }

  /** `undefined` where the file has none, or none that can be read. */
  get debugInfo(): DebugInfo | undefined {
    if (this.elf.type === 'relocatable') return undefined;
    if (this.debug === undefined) {
      this.debug = this.attempt('debug information', () => openDebugInfo(debugSections(this.elf, this.platform), this.note)) ?? null;
    }
    return this.debug ?? undefined;
  }

  private sourceFinder(): SourceFinder {
    this.finder ??= new SourceFinder(this.debugInfo, this.symbolIndex() ?? undefined);
    return this.finder;
  }

  lookup(address: LinkAddress): SourceLookup {
    try {
      return this.sourceFinder().lookup(address);
    } catch (error) {
      if (!(error instanceof FormatError)) throw error;
      this.note(error, 'source line');
      return this.fromSymbols(address);
    }
  }

  /** What is left when the debug information of an address is damaged. */
  private fromSymbols(address: LinkAddress): SourceLookup {
    return new SourceFinder(undefined, this.symbolIndex() ?? undefined).lookup(address);
  }

  /** Linkage name of the subprogram at `die`, an offset in `.debug_info`. */
  functionName(die: number): string | undefined {
    const { debugInfo } = this;
    const name = debugInfo === undefined ? UNKNOWN_NAME : this.sourceFinder().nameOf(debugInfo, die);
    return name === UNKNOWN_NAME ? undefined : name;
  }
}

function readSymbols(index: SymbolIndex): ElfSymbol[] {
  const spent = { characters: 0 };
  return Array.from(index.order, (entry) => {
    const symbol = symbolAtEntry(index.table, entry);
    spendName(spent, symbol.name);
    return symbol;
  });
}
