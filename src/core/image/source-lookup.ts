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
import { fileName } from '../dwarf/line-header.js';
import { type Subroutines, subroutineAt } from '../dwarf/subroutines.js';
import { limits } from '../limits.js';
import type { NamedCode, SymbolIndex } from './symbol-index.js';
import type { SourceFunction, SourceLookup } from './symbolize.js';

const LINKAGE_NAME = [D.DW_AT_MIPS_linkage_name, D.DW_AT_linkage_name];
const NAME = [D.DW_AT_name];
const DECL_LINE = [D.DW_AT_decl_line];

/** What `llvm-symbolizer` prints for a name that nobody knows. */
export const UNKNOWN_NAME = '??';

interface Place {
  readonly file?: string;
  readonly line?: number;
  readonly column?: number;
}

export class SourceFinder {
  private readonly names = new Map<number, string>();
  private readonly declarations = new Map<number, number>();

  constructor(
    private readonly debug: DebugInfo | undefined,
    private readonly symbols: SymbolIndex | undefined,
  ) {}

  lookup(address: LinkAddress): SourceLookup {
    const named = this.symbols?.named(address);
    const unit = this.debug?.unitAt(address);
    const fromDwarf = this.debug === undefined || unit === undefined ? undefined : this.fromUnit(this.debug, unit, address);
    const symbol = named === undefined ? {} : { symbol: { name: named.name, offset: address - named.address } };
    if (fromDwarf !== undefined && fromDwarf.functions.length > 0) {
      return { functions: withSymbol(fromDwarf.functions, named), from: 'dwarf', ...symbol, ...rangeOf(fromDwarf.range, named) };
    }
    const place = fromDwarf?.place ?? {};
    if (named === undefined && place.file === undefined) return { functions: [], from: 'none' };
    const file = place.file ?? named?.file;
    return {
      functions: [{ name: named?.name ?? UNKNOWN_NAME, inlined: false, ...place, ...(file === undefined ? {} : { file }) }],
      from: place.file === undefined ? 'symbol-table' : 'dwarf',
      ...symbol,
      ...rangeOf(undefined, named),
    };
  }

  private fromUnit(
    debug: DebugInfo,
    open: OpenUnit,
    address: number,
  ): { functions: SourceFunction[]; place: Place; range?: readonly [number, number] } {
    const place = this.placeAt(debug, open, address);
    const subroutines = debug.subroutines(open);
    if (subroutines === undefined) return { functions: [], place };
    const functions: SourceFunction[] = [];
    let here = place;
    let owner = -1;
    for (let index = subroutineAt(subroutines, address); index >= 0; index = subroutines.parents[index] ?? -1) {
      const die = subroutines.dies[index] ?? 0;
      const inlined = subroutines.inlined[index] === 1;
      const declarationLine = this.declarationLine(debug, die);
      functions.push({ name: this.nameOf(debug, die), inlined, ...here, ...(declarationLine > 0 ? { declarationLine } : {}), die });
      owner = index;
      if (!inlined || functions.length >= limits.inlineDepth) break;
      here = this.callPlace(debug, open, die);
    }
    // An inlined call whose function is missing owns its code itself.
    const last = functions.at(-1);
    if (last?.inlined) functions[functions.length - 1] = { ...last, inlined: false };
    return { functions, place, ...(owner < 0 ? {} : pieceOf(debug, subroutines, owner, address)) };
  }

  private placeAt(debug: DebugInfo, open: OpenUnit, address: number): Place {
    const table = debug.lines(open);
    const row = table === undefined ? -1 : rowAt(table, address);
    if (table === undefined || row < 0) return {};
    const file = fileName(table.files, table.fileNumbers[row] ?? 0, open.compilationDirectory, debug.sections);
    return file === undefined ? {} : present(file, table.lines[row] ?? 0, table.columns[row] ?? 0);
  }

  /** DW_AT_call_file, call_line, call_column (DWARF 5 §3.3.8.2): where the outer function calls this one. */
  private callPlace(debug: DebugInfo, open: OpenUnit, die: number): Place {
    const entry = debug.entry(die);
    const table = debug.lines(open);
    if (entry === undefined || table === undefined) return {};
    const file = fileName(table.files, entry.unsigned(D.DW_AT_call_file) ?? 0, open.compilationDirectory, debug.sections);
    return present(file, entry.unsigned(D.DW_AT_call_line) ?? 0, entry.unsigned(D.DW_AT_call_column) ?? 0);
  }

  nameOf(debug: DebugInfo, die: number): string {
    let name = this.names.get(die);
    if (name === undefined) {
      name =
        debug.find(die, LINKAGE_NAME)?.text(D.DW_AT_linkage_name) ??
        debug.find(die, LINKAGE_NAME)?.text(D.DW_AT_MIPS_linkage_name) ??
        debug.find(die, NAME)?.text(D.DW_AT_name) ??
        UNKNOWN_NAME;
      this.names.set(die, name);
    }
    return name;
  }

  private declarationLine(debug: DebugInfo, die: number): number {
    let line = this.declarations.get(die);
    if (line === undefined) {
      line = debug.find(die, DECL_LINE)?.unsigned(D.DW_AT_decl_line) ?? 0;
      this.declarations.set(die, line);
    }
    return line;
  }
}

/** Zero is "unknown" in DWARF (§3.14). */
function present(file: string | undefined, line: number, column: number): Place {
  return { ...(file === undefined ? {} : { file }), ...(line > 0 ? { line } : {}), ...(column > 0 ? { column } : {}) };
}

function withSymbol(functions: readonly SourceFunction[], named: NamedCode | undefined): readonly SourceFunction[] {
  const last = functions.at(-1);
  if (named === undefined || last === undefined) return functions;
  const file = last.file ?? named.file;
  return [...functions.slice(0, -1), { ...last, name: named.name, ...(file === undefined ? {} : { file }) }];
}

function rangeOf(range: readonly [number, number] | undefined, named: NamedCode | undefined): Pick<SourceLookup, 'range'> {
  if (range !== undefined) return { range: { start: linkAddress(range[0]), end: linkAddress(range[1]) } };
  if (named === undefined || named.size === 0) return {};
  return { range: { start: linkAddress(named.address), end: linkAddress(named.address + named.size) } };
}

function pieceOf(debug: DebugInfo, subroutines: Subroutines, owner: number, address: number): { range?: readonly [number, number] } {
  const ranges = debug.entry(subroutines.dies[owner] ?? 0)?.ranges() ?? [];
  for (let place = 0; place + 1 < ranges.length; place += 2) {
    const start = ranges[place] ?? 0;
    const end = ranges[place + 1] ?? 0;
    if (start <= address && address < end) return { range: [start, end] };
  }
  return {};
}
