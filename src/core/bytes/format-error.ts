/**
 * The one class that readers throw. Caught once per stage and turned into a `Gap`; anything else that
 * is thrown is a fault of ours (docs/decisions/0004).
 */

/** `malformed`: breaks its standard. `unsupported`: valid, but not read here. `limit`: over a budget of `limits.ts`. */
export type FormatErrorKind = 'malformed' | 'unsupported' | 'limit';

export class FormatError extends Error {
  override readonly name = 'FormatError';
  constructor(
    readonly kind: FormatErrorKind,
    /** The section or structure, as its standard names it: `.debug_info`, `ELF header`, `log`. */
    readonly where: string,
    /** Bytes from the start of `where`; -1 where no single place is to blame. */
    readonly offset: number,
    /** What was wrong, with the value seen. */
    readonly problem: string,
  ) {
    super(`${where}${offset < 0 ? '' : `+0x${offset.toString(16)}`}: ${kind}: ${problem}`);
  }
}
