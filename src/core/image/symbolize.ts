/** Address to functions and lines: the answer's shape. */
import type { LinkAddress } from '../addresses.js';

export interface SourceFunction {
  /** Linkage name, not demangled. */
  readonly name: string;
  /** Its name in DWARF, where `name` is a label inside its code (inline assembly). Absent otherwise. */
  readonly declaredName?: string;
  readonly inlined: boolean;
  /** As the line table composes it: absolute where it can be (DWARF 5 §6.2.4). Absent where there is no line for the address. */
  readonly file?: string;
  /** MD5 of that file as it was compiled, 32 hex digits; absent where the line table has none. */
  readonly checksum?: string;
  /** Line of the address itself (innermost) or of the call that was inlined. 0 is absent. */
  readonly line?: number;
  readonly column?: number;
  /** Line of the function's declaration, where DWARF has it. */
  readonly declarationLine?: number;
  /** Offset of the DIE in .debug_info: for arguments and locals. */
  readonly die?: number;
}

export interface SourceLookup {
  /** Innermost first; the last owns the code. Empty where no debug information and no symbol covers the address. */
  readonly functions: readonly SourceFunction[];
  /** Where the names came from: DWARF, the symbol table alone, or nothing. */
  readonly from: 'dwarf' | 'symbol-table' | 'none';
  /** The ELF symbol that covers the address. */
  readonly symbol?: { readonly name: string; readonly offset: number };
  /** [start, end) of the code of the function that owns the address, or of the piece of it that holds the address. */
  readonly range?: { readonly start: LinkAddress; readonly end: LinkAddress };
}
