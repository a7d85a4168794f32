/**
 * Call-frame information entries (DWARF 5 §6.4.1; LSB Core 10.6 for `.eh_frame`): CIEs and FDEs, indexed by address.
 *
 * In: the bytes of a table and where it lies. Out: FDEs sorted by start. Refuses: an entry that is damaged ends the table, with the
 * error noted, because nothing says where the next one begins; an entry of an unknown version or augmentation is passed over.
 */
import { Cursor } from '../bytes/cursor.js';
import { FormatError } from '../bytes/format-error.js';
import { limits } from '../limits.js';
import { readInitialLength } from './unit.js';

/** `eh`: `.eh_frame`, wherever it lies. `debug`: `.debug_frame`. */
export type FrameTableKind = 'eh' | 'debug';

export interface FrameSection {
  readonly kind: FrameTableKind;
  /** Section name, for errors and for telling where a rule came from. */
  readonly where: string;
  readonly bytes: Uint8Array;
  /** Offset of `bytes[0]` in the section. */
  readonly base: number;
  /** Link address of `bytes[0]`: what `pcrel` pointers count from. 0 for `.debug_frame`. */
  readonly address: number;
  readonly addressSize: 4 | 8;
}

/** Common information entry. */
export interface Cie {
  readonly offset: number;
  readonly codeAlignment: number;
  readonly dataAlignment: number;
  readonly returnAddressRegister: number;
  /** DW_EH_PE_*; 0 (absolute) without augmentation. */
  readonly pointerEncoding: number;
  readonly hasAugmentationData: boolean;
  readonly isSignalFrame: boolean;
  readonly addressSize: number;
  /** Initial instructions, as indexes into the section's bytes. */
  readonly from: number;
  readonly to: number;
}

/** Frame description entry: one stretch of code. */
export interface Fde {
  readonly section: FrameSection;
  readonly cie: Cie;
  readonly start: number;
  readonly end: number;
  readonly from: number;
  readonly to: number;
}

export interface FrameTable {
  /** Sorted by start. */
  readonly fdes: readonly Fde[];
  readonly cieCount: number;
  /** Index of the first byte that belongs to no entry. */
  readonly read: number;
  readonly errors: readonly FormatError[];
}

const DW_EH_PE_omit = 0xff;
const DW_EH_PE_indirect = 0x80;
const TWO_32 = 2 ** 32;

/** `from`: index in the section's bytes where the first entry begins. */
export function readFrameTable(section: FrameSection, from = 0): FrameTable {
  const cursor = new Cursor(section.bytes, section.where, section.base, from);
  const cies = new Map<number, Cie | null>();
  const fdes: Fde[] = [];
  const errors: FormatError[] = [];
  let read = from;
  for (let entries = 0; cursor.left >= 4; entries++) {
    try {
      if (entries > limits.frameEntries) throw cursor.fail('limit', `more than ${limits.frameEntries} entries`);
      const found = readEntry(section, cursor, cies);
      read = cursor.at;
      if (found === 'end') break;
      if (found instanceof FormatError) errors.push(found);
      else if (found !== undefined && 'start' in found && found.start < found.end) fdes.push(found);
    } catch (error) {
      if (!(error instanceof FormatError)) throw error;
      errors.push(error);
      break;
    }
  }
  fdes.sort((one, other) => one.start - other.start);
  return { fdes, cieCount: cies.size, read, errors };
}

/** Reads one entry and leaves the cursor behind it. `undefined`: padding. An error: passed over. */
export function readEntry(
  section: FrameSection,
  cursor: Cursor,
  cies: Map<number, Cie | null>,
): Cie | Fde | FormatError | 'end' | undefined {
  const at = cursor.at;
  const { length, offsetSize } = readInitialLength(cursor);
  // A zero length ends `.eh_frame`; the linker may leave one in the middle.
  if (length === 0) return section.kind === 'eh' && cursor.left < 4 ? 'end' : undefined;
  if (length > cursor.left) throw cursor.fail('malformed', `entry of ${length} bytes, ${cursor.left} left`);
  const end = cursor.at + length;
  try {
    const idAt = cursor.at;
    const id = offsetSize === 4 ? cursor.u32() : cursor.s64();
    const isCie = section.kind === 'eh' ? id === 0 : id === (offsetSize === 4 ? 0xffffffff : -1);
    if (isCie) return rememberCie(section, cursor, at, end, cies);
    const cieAt = section.kind === 'eh' ? idAt - id : id - section.base;
    const cie = cies.get(cieAt) ?? readCieAt(section, cieAt, cies);
    return readFde(section, cursor, cie, end);
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    return error;
  } finally {
    cursor.at = end;
  }
}

function rememberCie(section: FrameSection, cursor: Cursor, at: number, end: number, cies: Map<number, Cie | null>): Cie {
  const known = cies.get(at);
  if (known) return known;
  cies.set(at, null);
  const cie = readCie(section, cursor, at, end);
  cies.set(at, cie);
  return cie;
}

/** In `.debug_frame` a CIE may stand behind its FDEs. */
function readCieAt(section: FrameSection, at: number, cies: Map<number, Cie | null>): Cie {
  const cursor = new Cursor(section.bytes, section.where, section.base, at);
  if (cies.has(at)) throw cursor.fail('malformed', 'entry refers to a damaged CIE');
  if (!(at >= 0 && at < section.bytes.length))
    throw new FormatError('malformed', section.where, -1, 'entry refers to a CIE outside the table');
  const { length, offsetSize } = readInitialLength(cursor);
  const id = offsetSize === 4 ? cursor.u32() : cursor.s64();
  const isCie = section.kind === 'eh' ? id === 0 : id === (offsetSize === 4 ? 0xffffffff : -1);
  const end = at + (offsetSize === 4 ? 4 : 12) + length;
  if (!isCie || end > section.bytes.length) throw cursor.fail('malformed', 'entry refers to what is no CIE');
  return rememberCie(section, cursor, at, end, cies);
}

function readCie(section: FrameSection, cursor: Cursor, at: number, end: number): Cie {
  const version = cursor.u8();
  if (version !== 1 && version !== 3 && version !== 4) throw cursor.fail('unsupported', `CIE of version ${version}`);
  const augmentation = cursor.text();
  let addressSize: number = section.addressSize;
  if (version === 4) {
    addressSize = cursor.u8();
    if (addressSize !== 4 && addressSize !== 8) throw cursor.fail('unsupported', `address size ${addressSize}`);
    if (cursor.u8() !== 0) throw cursor.fail('unsupported', 'segmented addresses');
  }
  // GCC 2 wrote a pointer here.
  if (augmentation.startsWith('eh')) cursor.skip(addressSize);
  const codeAlignment = cursor.uleb();
  const dataAlignment = cursor.sleb();
  const returnAddressRegister = version === 1 ? cursor.u8() : cursor.uleb();
  let pointerEncoding = 0;
  let isSignalFrame = false;
  const hasAugmentationData = augmentation.startsWith('z');
  if (hasAugmentationData) {
    const dataEnd = cursor.uleb() + cursor.at;
    if (dataEnd > end) throw cursor.fail('malformed', 'augmentation data longer than its CIE');
    for (const letter of augmentation.slice(1)) {
      if (letter === 'R') pointerEncoding = cursor.u8();
      else if (letter === 'L') cursor.skip(1);
      else if (letter === 'P') readPointer(cursor, cursor.u8() & ~DW_EH_PE_indirect, section, addressSize);
      else if (letter === 'S') isSignalFrame = true;
      else break; // the length lets everything unknown be passed
    }
    cursor.at = dataEnd;
  } else if (augmentation !== '' && augmentation !== 'eh') throw cursor.fail('unsupported', `augmentation "${augmentation}"`);
  if (cursor.at > end) throw cursor.fail('malformed', 'CIE shorter than its header');
  return {
    offset: at,
    codeAlignment,
    dataAlignment,
    returnAddressRegister,
    pointerEncoding,
    hasAugmentationData,
    isSignalFrame,
    addressSize,
    from: cursor.at,
    to: end,
  };
}

function readFde(section: FrameSection, cursor: Cursor, cie: Cie, end: number): Fde {
  const start = readPointer(cursor, cie.pointerEncoding, section, cie.addressSize);
  // The length has the pointer's format but counts from nothing.
  const length = readPointer(cursor, cie.pointerEncoding & 0x0f, section, cie.addressSize);
  if (cie.hasAugmentationData) cursor.skip(cursor.uleb());
  if (cursor.at > end) throw cursor.fail('malformed', 'FDE shorter than its header');
  return { section, cie, start, end: start + length, from: cursor.at, to: end };
}

/** LSB Core 10.5.1: DW_EH_PE pointer formats. */
export function readPointer(cursor: Cursor, encoding: number, section: FrameSection, addressSize: number): number {
  if (encoding === DW_EH_PE_omit) return 0;
  const at = section.address + cursor.at;
  let value: number;
  switch (encoding & 0x0f) {
    case 0x00:
      value = cursor.address(addressSize);
      break;
    case 0x01:
      value = cursor.uleb();
      break;
    case 0x02:
      value = cursor.u16();
      break;
    case 0x03:
      value = cursor.u32();
      break;
    case 0x04:
    case 0x0c:
      value = cursor.s64();
      break;
    case 0x09:
      value = cursor.sleb();
      break;
    case 0x0a:
      value = cursor.s16();
      break;
    case 0x0b:
      value = cursor.s32();
      break;
    default:
      throw cursor.fail('unsupported', `pointer encoding 0x${encoding.toString(16)}`);
  }
  if (encoding & DW_EH_PE_indirect) throw cursor.fail('unsupported', 'indirect pointer');
  const base = encoding & 0x70;
  if (base === 0x10) value += at;
  else if (base !== 0) throw cursor.fail('unsupported', `pointer encoding 0x${encoding.toString(16)}`);
  if (addressSize !== 4) return value;
  return ((value % TWO_32) + TWO_32) % TWO_32;
}

/** The FDE that covers the address; of several the one with the nearest start. */
export function fdeAt(fdes: readonly Fde[], address: number): Fde | undefined {
  let low = 0;
  let high = fdes.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((fdes[middle]?.start ?? 0) <= address) low = middle + 1;
    else high = middle;
  }
  const found = fdes[low - 1];
  return found !== undefined && address < found.end ? found : undefined;
}
