/** Assembled code as a whole ELF, with debug information: what the walk asks of DWARF needs an image that was opened. */
import { linkAddress } from '../../src/core/addresses.js';
import { bytesSource } from '../../src/core/bytes/byte-source.js';
import * as D from '../../src/core/dwarf/constants.js';
import { openImage } from '../../src/core/image/open-image.js';
import { createPlatform } from '../../src/platform/node.js';
import type { Assembled } from './assembly.js';
import { DebugWriter, type DieInput, die } from './dwarf-builder.js';
import { buildElf, TEXT } from './elf-builder.js';

const platform = createPlatform();

/** @param base address of the code; @param entries children of the only unit, which covers all of it */
export function describedCode({ image, at }: Assembled, base: number, entries: readonly DieInput[], version = 5): Assembled {
  const size = image.sectionAt(linkAddress(base))?.size ?? 0;
  const bytes = image.bytesAt(linkAddress(base), size);
  if (bytes === undefined) throw new Error('no code there');
  const root = die(
    D.DW_TAG_compile_unit,
    [
      [D.DW_AT_name, D.DW_FORM_string, 'code.c'],
      [D.DW_AT_low_pc, D.DW_FORM_addr, base],
      [D.DW_AT_high_pc, D.DW_FORM_data4, size],
    ],
    entries,
  );
  const bits = image.arch === 'amd64' ? 64 : 32;
  const debug = new DebugWriter().add({ version, addressSize: bits / 8, root });
  const symbols = image.symbols.map(({ name, address, size: length, type }) => ({
    name,
    address,
    size: length,
    type: type === 'function' ? 2 : 0,
  }));
  const sections = [{ name: '.text', ...TEXT, address: base, bytes }, ...debug.sections()];
  const source = bytesSource(buildElf({ bits, sections, symbols }));
  return { image: openImage(source, 'runtime.exe', platform), at };
}
