/**
 * The debug sections of one ELF, opened when first asked for.
 *
 * In: an ELF file. Out: `Region`s by the standard's names, inflated where compressed. Refuses what `sectionBytes` refuses.
 */
import type { Region } from '../bytes/region.js';
import { type ElfFile, sectionBytes } from '../elf/elf-file.js';
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
}

export function debugSections(elf: ElfFile, platform: Pick<Platform, 'inflate'>): DebugSections {
  const opened = new Map<DebugSectionName, Region | undefined>();
  return {
    get(name) {
      if (opened.has(name)) return opened.get(name);
      const header = elf.sections.find((section) => section.name === `.debug_${name}` || section.name === `.zdebug_${name}`);
      const region = header === undefined || header.size === 0 ? undefined : sectionBytes(elf, header, platform);
      opened.set(name, region);
      return region;
    },
  };
}
