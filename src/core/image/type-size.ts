/** Bytes of one element of an array variable, from its DWARF type. */
import * as D from '../dwarf/constants.js';
import type { DebugInfo } from '../dwarf/debug-info.js';
import { elementOf, sizeOf } from '../dwarf/types.js';
import type { ElfSymbol, Image } from './image.js';
import { OpenedImage } from './open-image.js';

/** `undefined` where no unit declares a variable of this name as an array of known size. */
export function typeSize(image: Image, symbol: ElfSymbol): number | undefined {
  if (!(image instanceof OpenedImage)) return undefined;
  const debug = image.debugInfo;
  if (debug === undefined) return undefined;
  const sizes = known.get(image) ?? new Map<string, number | undefined>();
  known.set(image, sizes);
  if (!sizes.has(symbol.name)) {
    sizes.set(
      symbol.name,
      image.attempt('type', () => elementSize(debug, symbol.name)),
    );
  }
  return sizes.get(symbol.name);
}

const known = new WeakMap<OpenedImage, Map<string, number | undefined>>();

const VARIABLES: ReadonlySet<number> = new Set([D.DW_TAG_variable]);

function elementSize(debug: DebugInfo, name: string): number | undefined {
  for (const open of debug.allUnits()) {
    let size = 0;
    debug.walk(open, VARIABLES, (entry, depth) => {
      if (size > 0 || depth !== 1 || entry.text(D.DW_AT_name) !== name) return;
      size = sizeOf(debug, elementOf(debug, entry.reference(D.DW_AT_type)), 0);
    });
    if (size > 0) return size;
  }
  return undefined;
}
