/**
 * Address to symbol, in two ways: the best symbol that covers an address, and the one that `llvm-symbolizer` would name.
 *
 * In: a symbol table. Out: entries of it. Sorted on first use; names are read only for what is answered.
 */
import { FormatError } from '../bytes/format-error.js';
import { type ElfFile, SHF } from '../elf/elf-file.js';
import { orderByAddress, STT, type SymbolTable, symbolName } from '../elf/symbols.js';

const { max } = Math;

/** Names of all symbols together: Chromium's take 160 MB. Overlapping names could take more than the file. */
const NAME_CHARACTERS = 256 * 1024 * 1024;

export function spendName(spent: { characters: number }, name: string): void {
  spent.characters += name.length;
  if (spent.characters > NAME_CHARACTERS)
    throw new FormatError('limit', 'symbol table', -1, `names of more than ${NAME_CHARACTERS} characters`);
}

/** `name` and the code it covers; `size` 0 for a label. */
export interface NamedCode {
  readonly name: string;
  readonly address: number;
  readonly size: number;
  /** STT_FILE symbol before a local symbol; absent for others. */
  readonly file?: string;
}

export class SymbolIndex {
  /** Entries by address, ties in table order. */
  readonly order: Uint32Array;
  /** Per place in `order`: the furthest end of all sized symbols up to there, in its section or not. */
  private readonly furthest: Float64Array;
  private readonly made = new Map<number, NamedCode>();
  /** One entry for each address, and the addresses, sorted. */
  private llvm: { readonly addresses: Float64Array; readonly entries: Uint32Array } | undefined;
  private byName: Map<string, number[]> | undefined;

  constructor(
    private readonly elf: ElfFile,
    readonly table: SymbolTable,
  ) {
    this.order = orderByAddress(table);
    this.furthest = new Float64Array(table.count);
    let end = Number.NEGATIVE_INFINITY;
    this.order.forEach((entry, place) => {
      end = max(end, (table.addresses[entry] ?? 0) + (table.sizes[entry] ?? 0));
      this.furthest[place] = end;
    });
  }

  /** Number of entries in `order` whose address is at or below `address`. */
  private upperBound(order: Uint32Array, address: number): number {
    const { addresses } = this.table;
    let low = 0;
    let high = order.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((addresses[order[middle] ?? 0] ?? 0) <= address) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /**
   * The innermost sized symbol that covers the address, else the nearest label before it in the same section with no sized code between.
   * For code, functions and labels only; among symbols at one address a function first, then the largest, then the last in the table.
   */
  covering(address: number, section: number, isCode: boolean): number | undefined {
    const { table, order, furthest } = this;
    const top = this.upperBound(order, address);
    let label: number | undefined;
    let isPastSized = false;
    let best: number | undefined;
    for (let place = top - 1; place >= 0; place--) {
      const entry = order[place] ?? 0;
      const at = table.addresses[entry] ?? 0;
      if (best !== undefined && at !== table.addresses[best]) return best;
      const type = (table.infos[entry] ?? 0) & 15;
      const isFunction = type === STT.FUNC || type === STT.GNU_IFUNC;
      const isWanted = isFunction || type === STT.NOTYPE || (!isCode && (type === STT.OBJECT || type === STT.COMMON));
      if (isWanted && table.sections[entry] === section) {
        const size = table.sizes[entry] ?? 0;
        if (size > 0 && at + size > address) {
          if (best === undefined || this.isBetter(entry, best)) best = entry;
        } else if (size > 0) isPastSized = true;
        // A label inside sized code ends with that code.
        else if (label === undefined && !isPastSized && (furthest[place] ?? 0) <= at) label = entry;
      }
      if (best === undefined && (furthest[place] ?? 0) <= address && (label !== undefined || isPastSized)) return label;
    }
    return best ?? label;
  }

  private isBetter(one: number, other: number): boolean {
    const { infos, sizes } = this.table;
    const isFunction = (entry: number) => ((infos[entry] ?? 0) & 15) === STT.FUNC;
    if (isFunction(one) !== isFunction(other)) return isFunction(one);
    return (sizes[one] ?? 0) > (sizes[other] ?? 0);
  }

  /**
   * What `llvm-symbolizer` takes for the name of the code (its SymbolizableObjectFile): all functions, objects and untyped symbols of
   * allocated sections, one per address (the largest, of equals the last); the one at or before the address, unless its size ends before it.
   */
  named(address: number): NamedCode | undefined {
    this.llvm ??= this.selectNamed();
    const { table } = this;
    const { addresses, entries } = this.llvm;
    let low = 0;
    let high = addresses.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((addresses[middle] ?? 0) <= address) low = middle + 1;
      else high = middle;
    }
    const entry = low === 0 ? undefined : entries[low - 1];
    if (entry === undefined) return undefined;
    const at = table.addresses[entry] ?? 0;
    const size = table.sizes[entry] ?? 0;
    // Kernel halves are negative here and above all others there: a label never reaches across.
    if ((size !== 0 && at + size <= address) || at < 0 !== address < 0) return undefined;
    let made = this.made.get(entry);
    if (made === undefined) {
      const file = (table.infos[entry] ?? 0) >> 4 === 0 ? this.fileOf(table.indexes[entry] ?? 0) : undefined;
      made = { name: symbolName(table, entry), address: at, size, ...(file ? { file } : {}) };
      this.made.set(entry, made);
    }
    return made;
  }

  private selectNamed(): { addresses: Float64Array; entries: Uint32Array } {
    const { table, order } = this;
    const picked = new Uint32Array(order.length);
    let count = 0;
    for (const entry of order) {
      const type = (table.infos[entry] ?? 0) & 15;
      if (type !== STT.NOTYPE && type !== STT.FUNC && type !== STT.OBJECT && type !== STT.GNU_IFUNC) continue;
      const section = this.elf.sections[table.sections[entry] ?? 0];
      if (section === undefined || (section.flags & SHF.ALLOC) === 0) continue;
      const last = picked[count - 1];
      if (count > 0 && last !== undefined && table.addresses[last] === table.addresses[entry]) {
        if ((table.sizes[entry] ?? 0) >= (table.sizes[last] ?? 0)) picked[count - 1] = entry;
      } else picked[count++] = entry;
    }
    const entries = picked.subarray(0, count);
    return { entries, addresses: Float64Array.from(entries, (entry) => table.addresses[entry] ?? 0) };
  }

  private fileOf(index: number): string | undefined {
    const { files, names } = this.table;
    let low = 0;
    let high = files.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((files[middle]?.index ?? 0) <= index) low = middle + 1;
      else high = middle;
    }
    const offset = files[low - 1]?.nameOffset;
    return offset !== undefined && offset < names.size ? names.text(offset) : undefined;
  }

  /** Places in `order`, ascending, of the symbols of this name. */
  placesOf(name: string): readonly number[] {
    if (this.byName === undefined) {
      const spent = { characters: 0 };
      this.byName = new Map();
      for (let place = 0; place < this.order.length; place++) {
        const own = symbolName(this.table, this.order[place] ?? 0);
        spendName(spent, own);
        const places = this.byName.get(own);
        if (places === undefined) this.byName.set(own, [place]);
        else places.push(place);
      }
    }
    return this.byName.get(name) ?? [];
  }
}
