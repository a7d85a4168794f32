/** Bytes of one element of an array variable, from its DWARF type. */
import type { ElfSymbol, Image } from './image.js';

export function typeSize(_image: Image, _symbol: ElfSymbol): number | undefined {
  return undefined;
}
