/**
 * The debug sections of one ELF, opened when first asked for.
 *
 * In: an ELF file. Out: `Region`s by the standard's names, inflated where compressed. Refuses what `sectionBytes` refuses.
 */

import { FormatError } from '../bytes/format-error.js';
import type { Region } from '../bytes/region.js';
import { type ElfFile, SHF, sectionBytes } from '../elf/elf-file.js';
import { limits } from '../limits.js';
import type { Platform } from '../platform.js';

export type DebugSectionName =
  | 'abbrev'
  | 'addr'
  | 'aranges'
  | 'frame'
  | 'info'
  | 'line'
  | 'line_str'
  | 'loc'
  | 'loclists'
  | 'ranges'
  | 'rnglists'
  | 'str'
  | 'str_offsets';

export interface DebugSections {
  /** `undefined` where the file has no such section. */
  get(name: DebugSectionName): Region | undefined;
  /** What may still be read of it all: lists and tables can be shared, so that bytes alone are no bound. */
  readonly budget: DebugBudget;
}

export interface DebugBudget {
  /** Charged one for each attribute of an entry or an abbreviation. */
  attributes: number;
  /** Charged one for each entry of a range list or location list. */
  listEntries: number;
  /** Charged with the bytes of each line program that is run. */
  lineBytes: number;
}

/** A kernel has about a million entries of range lists; each is read a few times at most. */
const LIST_ENTRIES = 2 * limits.rangeEntries;
/** Tables do not overlap: the section's size would do, where each is read once. */
const LINE_READINGS = 4;

export function spend(budget: DebugBudget, what: keyof DebugBudget, count: number): void {
  budget[what] -= count;
  if (budget[what] < 0) throw new FormatError('limit', 'debug information', -1, `too many ${NAMES[what]}`);
}

const NAMES: { readonly [what in keyof DebugBudget]: string } = {
  attributes: 'attributes',
  listEntries: 'entries of range and location lists',
  lineBytes: 'bytes of line programs',
};

export function debugSections(elf: ElfFile, platform: Pick<Platform, 'inflate'>): DebugSections {
  const opened = new Map<DebugSectionName, Region | undefined>();
  const lines = elf.sections.find((section) => /^\.z?debug_line$/.test(section.name))?.size ?? 0;
  const isPacked = lines > 0 && elf.sections.some((section) => section.name === '.zdebug_line' || (section.flags & SHF.COMPRESSED) !== 0);
  return {
    budget: {
      attributes: limits.attributes,
      listEntries: LIST_ENTRIES,
      lineBytes: isPacked ? limits.inflatedBytes : LINE_READINGS * lines,
    },
    get(name) {
      if (opened.has(name)) return opened.get(name);
      const header = elf.sections.find((section) => section.name === `.debug_${name}` || section.name === `.zdebug_${name}`);
      const region = header === undefined || header.size === 0 ? undefined : sectionBytes(elf, header, platform);
      opened.set(name, region);
      return region;
    },
  };
}
