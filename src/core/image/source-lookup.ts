/**
 * Address to inline chain, files and lines: what `llvm-symbolizer --inlining` answers.
 *
 * In: debug information and the symbol index, either of which may be absent. Out: a `SourceLookup`. Follows that tool where
 * DWARF leaves a choice: the function that owns the code bears the name of the symbol table, a linkage name before a plain one.
 */
import { type LinkAddress, linkAddress } from '../addresses.js';
import * as D from '../dwarf/constants.js';
import type { DebugInfo, OpenUnit } from '../dwarf/debug-info.js';
import { rowAt } from '../dwarf/line.js';
import { fileChecksum, fileName } from '../dwarf/line-header.js';
import { subroutineAt } from '../dwarf/subroutines.js';
import { limits } from '../limits.js';
import type { NamedCode, SymbolIndex } from './symbol-index.js';
import type { SourceFunction, SourceLookup } from './symbolize.js';

const LINKAGE_NAME = [D.DW_AT_MIPS_linkage_name, D.DW_AT_linkage_name];
const NAME = [D.DW_AT_name];
const DECL_LINE = [D.DW_AT_decl_line];

/** What `llvm-symbolizer` prints for a name that nobody knows. */
export const UNKNOWN_NAME = '??';

/** File, line and column, each absent where it is not known. */
type Place = Pick<SourceFunction, 'file' | 'checksum' | 'line' | 'column'>;

/** What stays the same for every address of one subprogram or inlined call. */
interface Facts {
  readonly name: string;
  /** 0: none. */
  readonly declarationLine: number;
  /** Where the function around it calls it; made when first asked for. */
  call?: Place;
  /** As the frame around `inner`, with the place of that call: equal for every address inside. */
  around?: { readonly inner: number; readonly made: SourceFunction };
  /** [start, end) pairs, flat. */
  ranges?: readonly number[];
}

type Found = { readonly functions: SourceFunction[]; readonly place: Place; readonly owner: number };

export class SourceFinder {
  private readonly facts = new Map<number, Facts>();

  constructor(
    private readonly debug: DebugInfo | undefined,
    private readonly symbols: SymbolIndex | undefined,
  ) {}

  lookup(address: LinkAddress): SourceLookup {
    const { debug } = this;
    const named = this.symbols?.named(address);
    const unit = debug?.unitAt(address);
    const found = debug === undefined || unit === undefined ? undefined : this.fromUnit(debug, unit, address);
    const symbol = named === undefined ? undefined : { name: named.name, offset: address - named.address };
    if (debug !== undefined && found !== undefined && found.functions.length > 0) {
      const { functions } = found;
      giveSymbolName(functions, named);
      const range = this.pieceOf(debug, found.owner, address) ?? rangeOf(named);
      return { functions, from: 'dwarf', ...(symbol && { symbol }), ...(range && { range }) };
    }
    const place = found?.place ?? {};
    if (named === undefined && place.file === undefined) return { functions: [], from: 'none' };
    const file = place.file ?? named?.file;
    const range = rangeOf(named);
    return {
      functions: [{ name: named?.name ?? UNKNOWN_NAME, inlined: false, ...place, ...(file === undefined ? {} : { file }) }],
      from: place.file === undefined ? 'symbol-table' : 'dwarf',
      ...(symbol && { symbol }),
      ...(range && { range }),
    };
  }

  private fromUnit(debug: DebugInfo, open: OpenUnit, address: number): Found {
    const place = this.placeAt(debug, open, address);
    const subroutines = debug.subroutines(open);
    const functions: SourceFunction[] = [];
    let index = subroutines === undefined ? -1 : subroutineAt(subroutines, address);
    let owner = -1;
    let inner = -1;
    while (subroutines !== undefined && index >= 0) {
      const die = subroutines.dies[index] ?? 0;
      const inlined = subroutines.inlined[index] === 1;
      functions.push(inner < 0 ? this.describe(debug, die, inlined, place) : this.around(debug, open, die, inlined, inner));
      owner = die;
      if (!inlined || functions.length >= limits.inlineDepth) break;
      inner = die;
      index = subroutines.parents[index] ?? -1;
    }
    // An inlined call whose function is missing owns its code itself.
    const last = functions.at(-1);
    if (last?.inlined) functions[functions.length - 1] = { ...last, inlined: false };
    return { functions, place, owner };
  }

  private factsOf(debug: DebugInfo, die: number): Facts {
    let facts = this.facts.get(die);
    if (facts === undefined) {
      const linkage = debug.find(die, LINKAGE_NAME);
      const name =
        linkage?.text(D.DW_AT_linkage_name) ?? linkage?.text(D.DW_AT_MIPS_linkage_name) ?? debug.find(die, NAME)?.text(D.DW_AT_name);
      facts = { name: name ?? UNKNOWN_NAME, declarationLine: debug.find(die, DECL_LINE)?.unsigned(D.DW_AT_decl_line) ?? 0 };
      this.facts.set(die, facts);
    }
    return facts;
  }

  private describe(debug: DebugInfo, die: number, inlined: boolean, place: Place): SourceFunction {
    const { name, declarationLine } = this.factsOf(debug, die);
    const made: { -readonly [key in keyof SourceFunction]: SourceFunction[key] } = { name, inlined };
    if (place.file !== undefined) made.file = place.file;
    if (place.checksum !== undefined) made.checksum = place.checksum;
    if (place.line !== undefined) made.line = place.line;
    if (place.column !== undefined) made.column = place.column;
    if (declarationLine > 0) made.declarationLine = declarationLine;
    made.die = die;
    return made;
  }

  private around(debug: DebugInfo, open: OpenUnit, die: number, inlined: boolean, inner: number): SourceFunction {
    const facts = this.factsOf(debug, inner);
    if (facts.around?.inner !== die)
      facts.around = { inner: die, made: this.describe(debug, die, inlined, this.callPlace(debug, open, inner, facts)) };
    return facts.around.made;
  }

  private placeAt(debug: DebugInfo, open: OpenUnit, address: number): Place {
    const table = debug.lines(open);
    const row = table === undefined ? -1 : rowAt(table, address);
    if (table === undefined || row < 0) return {};
    const number = table.fileNumbers[row] ?? 0;
    const file = fileName(table.files, number, open.compilationDirectory, debug.sections);
    const checksum = fileChecksum(table.files, number);
    return file === undefined ? {} : present(file, checksum, table.lines[row] ?? 0, table.columns[row] ?? 0);
  }

  /** DW_AT_call_file, call_line, call_column (DWARF 5 §3.3.8.2): where the outer function calls this one. */
  private callPlace(debug: DebugInfo, open: OpenUnit, die: number, facts: Facts): Place {
    if (facts.call === undefined) {
      const entry = debug.entry(die);
      const table = debug.lines(open);
      if (entry === undefined || table === undefined) facts.call = {};
      else {
        const number = entry.unsigned(D.DW_AT_call_file) ?? 0;
        const file = fileName(table.files, number, open.compilationDirectory, debug.sections);
        facts.call = present(
          file,
          fileChecksum(table.files, number),
          entry.unsigned(D.DW_AT_call_line) ?? 0,
          entry.unsigned(D.DW_AT_call_column) ?? 0,
        );
      }
    }
    return facts.call;
  }

  nameOf(debug: DebugInfo, die: number): string {
    return this.factsOf(debug, die).name;
  }

  /** The piece of the owner's code that holds the address. */
  private pieceOf(debug: DebugInfo, owner: number, address: number): SourceLookup['range'] {
    const facts = this.factsOf(debug, owner);
    facts.ranges ??= debug.entry(owner)?.ranges() ?? [];
    const { ranges } = facts;
    for (let place = 0; place + 1 < ranges.length; place += 2) {
      const start = ranges[place] ?? 0;
      const end = ranges[place + 1] ?? 0;
      if (start <= address && address < end) return { start: linkAddress(start), end: linkAddress(end) };
    }
    return undefined;
  }
}

/** Zero is "unknown" in DWARF (§3.14). */
function present(file: string | undefined, checksum: string | undefined, line: number, column: number): Place {
  const place: { -readonly [key in keyof Place]: Place[key] } = {};
  if (file !== undefined) place.file = file;
  if (file !== undefined && checksum !== undefined) place.checksum = checksum;
  if (line > 0) place.line = line;
  if (column > 0) place.column = column;
  return place;
}

/** The function that owns the code has the symbol table's name for it. */
function giveSymbolName(functions: SourceFunction[], named: NamedCode | undefined): void {
  const last = functions.at(-1);
  if (named === undefined || last === undefined) return;
  const file = last.file ?? named.file;
  if (last.name === named.name && last.file === file) return;
  const isLabel = named.size === 0 && last.name !== named.name && last.name !== UNKNOWN_NAME;
  const renamed = { ...last, name: named.name, ...(isLabel ? { declaredName: last.name } : {}) };
  functions[functions.length - 1] = file === undefined ? renamed : { ...renamed, file };
}

function rangeOf(named: NamedCode | undefined): SourceLookup['range'] {
  if (named === undefined || named.size === 0) return undefined;
  return { start: linkAddress(named.address), end: linkAddress(named.address + named.size) };
}
