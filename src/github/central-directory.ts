/**
 * The directory of a ZIP (PKWARE APPNOTE 6.3), read strictly before a library sees the file: one end record, at the very end, whose
 * numbers agree with what is there; no two entries of one name or on the same bytes.
 *
 * In: the file's last bytes, then the directory's. Out: its entries. Refuses, as `FormatError`: whatever two readers could read in two
 * ways, and more entries or bytes than `zipLimits`. Tolerates what GitHub writes: data descriptors, zip64, the UTF-8 flag.
 */
import { FormatError } from '../core/bytes/format-error.js';

export const zipLimits = {
  /** An artifact of a build holds tens of files; a tree of sources a few thousand. */
  entries: 10_000,
  directoryBytes: 16 * 1024 * 1024,
  /** Produced by one entry. A debug `vmlinux` is larger; a hypervisor is not. */
  entryBytes: 256 * 1024 * 1024,
  /** Deflate reaches 1032:1 on zeros. */
  ratio: 200,
  /** Below this a high ratio harms nobody. */
  ratioFrom: 1024 * 1024,
} as const;

/** The end record, its longest comment, and both records of zip64 before it. */
export const tailBytes = 22 + 65_535 + 20 + 56;

export interface EndRecord {
  readonly entries: number;
  readonly directoryOffset: number;
  readonly directorySize: number;
  /** Of the end record itself. */
  readonly offset: number;
}

export interface ZipEntry {
  readonly path: string;
  readonly method: number;
  readonly flags: number;
  readonly crc32: number;
  readonly compressedSize: number;
  readonly size: number;
  /** Of the local header. */
  readonly offset: number;
  /** Where the next entry or the directory begins. */
  readonly limit: number;
  readonly nameBytes: Uint8Array;
}

function malformed(where: string, offset: number, problem: string): FormatError {
  return new FormatError('malformed', `ZIP ${where}`, offset, problem);
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function exact(view: DataView, at: number, where: string): number {
  const value = view.getBigUint64(at, true);
  if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw malformed(where, at, `the value ${value} is no size of a file`);
  return Number(value);
}

/** §4.3.16: `tail` is the end of a file of `size` bytes. */
export function readEndRecord(tail: Uint8Array, size: number): EndRecord {
  const view = viewOf(tail);
  const base = size - tail.length;
  const ends: number[] = [];
  for (let at = tail.length - 22; at >= 0; at -= 1) {
    if (view.getUint32(at, true) === 0x06054b50 && at + 22 + view.getUint16(at + 20, true) === tail.length) ends.push(at);
  }
  const [end] = ends;
  if (end === undefined) throw malformed('end record', -1, 'there is none at the end of the file');
  if (ends.length > 1) throw malformed('end record', base + end, 'there are two');
  let entries = view.getUint16(end + 10, true);
  let directorySize = view.getUint32(end + 12, true);
  let directoryOffset = view.getUint32(end + 16, true);
  let directoryEnd = base + end;
  const saturated = entries === 0xffff || directorySize === 0xffffffff || directoryOffset === 0xffffffff;
  const locator = end - 20;
  const hasLocator = locator >= 0 && view.getUint32(locator, true) === 0x07064b50;
  if (hasLocator) {
    // §4.3.15, §4.3.14
    const recordOffset = exact(view, locator + 8, 'zip64 locator');
    const record = recordOffset - base;
    if (record < 0 || record > locator - 56) throw malformed('zip64 locator', base + locator, `it points to ${recordOffset}`);
    if (view.getUint32(record, true) !== 0x06064b50) throw malformed('zip64 record', recordOffset, 'it has no signature');
    if (record + 12 + exact(view, record + 4, 'zip64 record') !== locator)
      throw malformed('zip64 record', recordOffset, 'it does not end at its locator');
    if (view.getUint32(record + 16, true) !== 0 || view.getUint32(record + 20, true) !== 0)
      throw malformed('zip64 record', recordOffset, 'it spans disks');
    const long = {
      entries: exact(view, record + 32, 'zip64 record'),
      size: exact(view, record + 40, 'zip64 record'),
      offset: exact(view, record + 48, 'zip64 record'),
    };
    const agree = (short: number, full: number, mark: number): boolean => short === mark || short === full;
    if (
      !agree(entries, long.entries, 0xffff) ||
      !agree(directorySize, long.size, 0xffffffff) ||
      !agree(directoryOffset, long.offset, 0xffffffff) ||
      exact(view, record + 24, 'zip64 record') !== long.entries
    ) {
      throw malformed('zip64 record', recordOffset, 'it disagrees with the end record');
    }
    ({ entries, size: directorySize, offset: directoryOffset } = long);
    directoryEnd = recordOffset;
  } else {
    if (saturated) throw malformed('end record', base + end, 'its sizes are elsewhere, but there is no zip64 record');
    if (view.getUint16(end + 8, true) !== entries) throw malformed('end record', base + end, 'it counts entries in two ways');
  }
  if (!hasLocator && (view.getUint16(end + 4, true) !== 0 || view.getUint16(end + 6, true) !== 0))
    throw malformed('end record', base + end, 'it spans disks');
  if (entries > zipLimits.entries)
    throw new FormatError('limit', 'ZIP end record', base + end, `${entries} entries, and at most ${zipLimits.entries} are read`);
  if (directorySize > zipLimits.directoryBytes) {
    throw new FormatError(
      'limit',
      'ZIP end record',
      base + end,
      `a directory of ${directorySize} bytes, and at most ${zipLimits.directoryBytes} are read`,
    );
  }
  if (directorySize > directoryEnd || directoryOffset !== directoryEnd - directorySize) {
    throw malformed(
      'end record',
      base + end,
      `the directory at ${directoryOffset} of ${directorySize} bytes does not end where the end record begins`,
    );
  }
  return { entries, directoryOffset, directorySize, offset: base + end };
}

/** §4.5.3: the fields that the header gives as all ones, in this order. */
function zip64Extra(view: DataView, from: number, to: number, where: number): { next(): number; rest(): number } {
  let at = from;
  while (at + 4 <= to) {
    const id = view.getUint16(at, true);
    const length = view.getUint16(at + 2, true);
    if (at + 4 + length > to) throw malformed('extra field', where, 'it is longer than its room');
    if (id === 0x0001) {
      let here = at + 4;
      const end = at + 4 + length;
      return {
        next: () => {
          if (here + 8 > end) throw malformed('extra field', where, 'a zip64 value is missing');
          here += 8;
          return exact(view, here - 8, 'extra field');
        },
        rest: () => end - here,
      };
    }
    at += 4 + length;
  }
  return {
    next: () => {
      throw malformed('extra field', where, 'a zip64 value is missing');
    },
    rest: () => 0,
  };
}

function nameText(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    // thrown for nothing but bytes that are no UTF-8
    return new TextDecoder('latin1').decode(bytes);
  }
}

/** §4.3.12: the entries, in the directory's order. */
export function readDirectory(bytes: Uint8Array, end: EndRecord): ReadonlyMap<string, ZipEntry> {
  const view = viewOf(bytes);
  const found: ZipEntry[] = [];
  let at = 0;
  for (let index = 0; index < end.entries; index += 1) {
    const where = end.directoryOffset + at;
    if (at + 46 > bytes.length || view.getUint32(at, true) !== 0x02014b50)
      throw malformed('directory', where, `entry ${index + 1} of ${end.entries} is not there`);
    const nameEnd = at + 46 + view.getUint16(at + 28, true);
    const extraEnd = nameEnd + view.getUint16(at + 30, true);
    const next = extraEnd + view.getUint16(at + 32, true);
    if (next > bytes.length) throw malformed('directory', where, 'an entry is longer than the directory');
    let size = view.getUint32(at + 24, true);
    let compressedSize = view.getUint32(at + 20, true);
    let offset = view.getUint32(at + 42, true);
    const extra = zip64Extra(view, nameEnd, extraEnd, where);
    if (size === 0xffffffff) size = extra.next();
    if (compressedSize === 0xffffffff) compressedSize = extra.next();
    if (offset === 0xffffffff) offset = extra.next();
    if (view.getUint16(at + 34, true) !== 0) throw malformed('directory', where, 'an entry lies on another disk');
    const nameBytes = bytes.slice(at + 46, nameEnd);
    found.push({
      path: nameText(nameBytes),
      method: view.getUint16(at + 10, true),
      flags: view.getUint16(at + 8, true),
      crc32: view.getUint32(at + 16, true),
      compressedSize,
      size,
      offset,
      limit: end.directoryOffset,
      nameBytes,
    });
    at = next;
  }
  if (at !== bytes.length) throw malformed('directory', end.directoryOffset + at, `it goes on after its ${end.entries} entries`);
  return placed(found, end);
}

/** Every entry with where it must end; refuses a name or a byte that two entries claim. */
function placed(found: readonly ZipEntry[], end: EndRecord): ReadonlyMap<string, ZipEntry> {
  const order = found.map((entry, index) => ({ entry, index })).sort((a, b) => a.entry.offset - b.entry.offset);
  const limits = new Map<number, number>();
  order.forEach(({ entry, index }, rank) => {
    const limit = order[rank + 1]?.entry.offset ?? end.directoryOffset;
    const least = 30 + entry.nameBytes.length;
    // by subtraction: the sum of two hostile sizes is not exact
    if (entry.offset > limit || least > limit - entry.offset || entry.compressedSize > limit - entry.offset - least) {
      throw malformed('directory', entry.offset, 'entries lie on the same bytes or outside the file');
    }
    limits.set(index, limit);
  });
  const entries = new Map<string, ZipEntry>();
  found.forEach((entry, index) => {
    if (entries.has(entry.path)) throw malformed('directory', entry.offset, 'two entries have the same name');
    entries.set(entry.path, { ...entry, limit: limits.get(index) ?? end.directoryOffset });
  });
  return entries;
}
