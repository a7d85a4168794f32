/**
 * Call-frame rules at an address of an image, wherever its table is: `.eh_frame`, `.debug_frame`, or a table without a
 * section header inside loaded data.
 *
 * In: an image and a link address. Out: rules, or `undefined` where no table covers the address. A damaged table becomes a gap.
 */
import type { LinkAddress } from '../addresses.js';
import type { Region } from '../bytes/region.js';
import { type FrameRules, frameRules } from '../dwarf/frame.js';
import { type Fde, type FrameSection, type FrameTableKind, fdeAt, readFrameTable } from '../dwarf/frame-entries.js';
import { findFrameTables } from '../dwarf/frame-search.js';
import { hasBytes, type SectionHeader, SHF, sectionBytes } from '../elf/elf-file.js';
import type { Gap } from '../gap.js';
import { say } from '../sentence.js';
import type { Image } from './image.js';
import { OpenedImage } from './open-image.js';

/** Tables in the order in which they are asked. */
interface FrameTables {
  readonly marked: readonly (readonly Fde[])[];
  unmarked: readonly Fde[] | undefined;
}

const tables = new WeakMap<OpenedImage, FrameTables>();

/** A loaded section larger than this is not searched for tables: it is data, not code's tables. */
const SEARCHED_BYTES = 64 * 1024 * 1024;

export function frameRuleAt(image: Image, address: LinkAddress): FrameRules | undefined {
  if (!(image instanceof OpenedImage)) return undefined;
  const fde = frameEntryAt(image, address);
  return fde === undefined ? undefined : image.attempt('call-frame table', () => frameRules(fde, address));
}

function frameEntryAt(image: OpenedImage, address: number): Fde | undefined {
  let known = tables.get(image);
  if (known === undefined) {
    known = { marked: readMarked(image), unmarked: undefined };
    tables.set(image, known);
  }
  for (const fdes of known.marked) {
    const found = fdeAt(fdes, address);
    if (found !== undefined) return found;
  }
  known.unmarked ??= searchUnmarked(image);
  return fdeAt(known.unmarked, address);
}

function readMarked(image: OpenedImage): (readonly Fde[])[] {
  const found: (readonly Fde[])[] = [];
  for (const header of image.elf.sections) {
    const kind = tableKind(header);
    if (kind === undefined || !hasBytes(header) || image.elf.type === 'relocatable') continue;
    const table = image.attempt(header.name, () => readFrameTable(frameSection(image, header, kind)));
    if (table === undefined) continue;
    for (const error of table.errors) image.note(error, 'call-frame table');
    found.push(table.fdes);
  }
  return found;
}

function tableKind(header: SectionHeader): FrameTableKind | undefined {
  if (header.name === '.eh_frame') return 'eh';
  return header.name === '.debug_frame' || header.name === '.zdebug_frame' ? 'debug' : undefined;
}

function frameSection(image: OpenedImage, header: SectionHeader, kind: FrameTableKind): FrameSection {
  const region: Region = sectionBytes(image.elf, header, image.platform);
  return {
    kind,
    where: header.name,
    bytes: region.slice(0, region.size),
    base: 0,
    address: kind === 'eh' ? header.address : 0,
    addressSize: image.elf.is64 ? 8 : 4,
  };
}

/**
 * LLD 14 writes the addresses of a table that a link script merges into `.data` too high by its distance from the section's beginning:
 * then hardly an entry begins where a symbol does. Without symbols there is nothing to hold against the table.
 */
function beginFunctions(image: OpenedImage, fdes: readonly Fde[]): boolean {
  let known = 0;
  let beginning = 0;
  for (const { start } of fdes) {
    const found = image.symbolAt(start as LinkAddress); // inside the code, as the search has checked
    if (found === undefined) continue;
    known++;
    if (found.offset === 0) beginning++;
  }
  return beginning * 2 >= known;
}

function misplaced(image: OpenedImage, section: string): Gap {
  return {
    kind: 'malformed',
    where: image.path,
    problem: say`The call-frame table inside ${section} is not used: most of its entries begin where no function does.`,
  };
}

function searchUnmarked(image: OpenedImage): readonly Fde[] {
  const isCode = (start: number, end: number) => {
    const section = image.sectionAt(start as LinkAddress); // a value out of a table, checked here
    return section?.executable === true && section.hasBytes && end <= section.address + section.size;
  };
  const found: Fde[] = [];
  for (const header of image.elf.sections) {
    const isData = (header.flags & SHF.ALLOC) !== 0 && (header.flags & SHF.EXECINSTR) === 0 && hasBytes(header);
    if (!isData || header.size > SEARCHED_BYTES || tableKind(header) !== undefined) continue;
    const section = image.attempt(header.name, () => frameSection(image, header, 'eh'));
    const fdes = section === undefined ? [] : findFrameTables(section, isCode);
    if (beginFunctions(image, fdes)) found.push(...fdes);
    else image.gaps.push(misplaced(image, header.name));
  }
  return found.sort((one, other) => one.start - other.start);
}
