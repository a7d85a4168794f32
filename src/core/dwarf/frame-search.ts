/**
 * Call-frame tables without a section of their own, found by their shape.
 *
 * Link scripts that say `*(.eh_frame)` inside `.data` merge the table there, without a header (XMHF builds of 2022). A table is
 * a run of entries: a CIE whose fields are those of this CPU, then FDEs that refer to a CIE of the run and cover code, each with
 * instructions that run to their end. A run with one bad FDE is not used at all.
 */
import { Cursor } from '../bytes/cursor.js';
import { FormatError } from '../bytes/format-error.js';
import { frameRules } from './frame.js';
import { type Cie, type Fde, type FrameSection, readEntry } from './frame-entries.js';

/** Longest CIE or FDE that is believed without a section header. */
const LONGEST_ENTRY = 0x10000;

/**
 * @param isCode whether the whole of [start, end) is code
 * @returns FDEs sorted by start, none of which overlaps another
 */
export function findFrameTables(section: FrameSection, isCode: (start: number, end: number) => boolean): Fde[] {
  const found: Fde[] = [];
  const view = new DataView(section.bytes.buffer, section.bytes.byteOffset, section.bytes.byteLength);
  const first = (4 - (section.address & 3)) & 3;
  for (let at = first; at + 12 <= section.bytes.length; ) {
    const run = looksLikeCie(section, view, at) ? readRun(section, at, isCode) : undefined;
    if (run === undefined) at += 4;
    else {
      found.push(...run.fdes);
      at = run.end;
    }
  }
  return withoutOverlaps(found);
}

/** Version 1 or 3, a known augmentation, code alignment 1, data alignment of a word, the return address's register. */
function looksLikeCie(section: FrameSection, view: DataView, at: number): boolean {
  const { bytes, addressSize } = section;
  const length = view.getUint32(at, true);
  if (length < 8 || length > LONGEST_ENTRY || length % 4 !== 0 || view.getUint32(at + 4, true) !== 0) return false;
  if (bytes[at + 8] !== 1 && bytes[at + 8] !== 3) return false;
  let text = at + 9;
  while (text < at + 17 && (bytes[text] ?? 0) >= 0x20 && (bytes[text] ?? 0) < 0x7f) text++;
  if (bytes[text] !== 0) return false;
  // SLEB128 of -4 and -8 in one byte
  const alignment = addressSize === 8 ? 0x78 : 0x7c;
  return bytes[text + 1] === 1 && bytes[text + 2] === alignment && bytes[text + 3] === (addressSize === 8 ? 16 : 8);
}

function readRun(
  section: FrameSection,
  at: number,
  isCode: (start: number, end: number) => boolean,
): { fdes: Fde[]; end: number } | undefined {
  const cursor = new Cursor(section.bytes, section.where, section.base, at);
  const view = new DataView(section.bytes.buffer, section.bytes.byteOffset, section.bytes.byteLength);
  const cies = new Map<number, Cie | null>();
  const fdes: Fde[] = [];
  let end = at;
  while (cursor.left >= 8) {
    const here = cursor.at;
    const length = view.getUint32(here, true);
    if (length < 8 || length > LONGEST_ENTRY || length % 4 !== 0 || length > cursor.left - 4) break;
    const back = view.getUint32(here + 4, true);
    // An FDE names its CIE by the distance back; anything that names none of the run's belongs to something else.
    if (back === 0 ? !looksLikeCie(section, view, here) : !cies.has(here + 4 - back)) break;
    let entry: ReturnType<typeof readEntry>;
    try {
      entry = readEntry(section, cursor, cies);
      if (entry === 'end' || entry === undefined || entry instanceof FormatError) return undefined;
      if ('start' in entry) {
        if (!(entry.start < entry.end) || !isCode(entry.start, entry.end)) return undefined;
        frameRules(entry, entry.end);
        fdes.push(entry);
      }
    } catch (error) {
      if (!(error instanceof FormatError)) throw error;
      return undefined;
    }
    end = cursor.at;
  }
  return fdes.length > 0 ? { fdes, end } : undefined;
}

/** Two entries for one instruction: neither can be believed. */
function withoutOverlaps(fdes: Fde[]): Fde[] {
  fdes.sort((one, other) => one.start - other.start);
  const doubted = new Set<Fde>();
  let widest: Fde | undefined;
  for (const fde of fdes) {
    if (widest !== undefined && fde.start < widest.end) {
      doubted.add(widest);
      doubted.add(fde);
    }
    if (widest === undefined || fde.end > widest.end) widest = fde;
  }
  return fdes.filter((fde) => !doubted.has(fde));
}
