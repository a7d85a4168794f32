/**
 * One named file out of a ZIP of which only ranges are read.
 *
 * In: a source of bytes. Out: the paths inside, and the content of one of them, in memory. Refuses, as `FormatError`: everything that
 * `central-directory.ts` refuses; a local header, length or CRC-32 other than the directory's; encryption; methods but store and
 * deflate; more bytes than `zipLimits`. Never writes a file, and takes no path of an entry for one.
 */
import { Readable } from 'node:stream';
import { crc32 } from 'node:zlib';
import { FormatError } from '../core/bytes/format-error.js';
import type { EngineImage } from '../engine.js';
import { type EndRecord, readDirectory, readEndRecord, tailBytes, type ZipEntry, zipLimits } from './central-directory.js';

/** Bytes that somebody else holds: a file in storage, asked by range, or a buffer. */
export interface RangeSource {
  readonly size: number;
  /** `offset + length <= size`. Answers exactly so many bytes. */
  read(offset: number, length: number): Promise<Uint8Array>;
}

export function memorySource(bytes: Uint8Array): RangeSource {
  return { size: bytes.length, read: async (offset, length) => bytes.subarray(offset, offset + length) };
}

export interface Archive {
  /** By path; folders are left out. */
  readonly entries: ReadonlyMap<string, ZipEntry>;
  /** From the first byte of the directory to the end of the file. */
  readonly directory: Uint8Array;
  read(entry: ZipEntry): Promise<Uint8Array>;
}

/** One entry's local header, data and descriptor, as one request may fetch them. */
const longestExtra = 65_535;
const descriptor = 24;

function refuse(kind: FormatError['kind'], entry: ZipEntry, problem: string): never {
  throw new FormatError(kind, `ZIP entry ${entry.path.slice(0, 200)}`, entry.offset, problem);
}

function checkReadable(entry: ZipEntry): void {
  if ((entry.flags & 0x2041) !== 0) refuse('unsupported', entry, 'it is encrypted');
  if (entry.method !== 0 && entry.method !== 8)
    refuse('unsupported', entry, `compression method ${entry.method}; only store and deflate are read`);
  if (entry.size > zipLimits.entryBytes) refuse('limit', entry, `${entry.size} bytes, and at most ${zipLimits.entryBytes} are read`);
  if (entry.method === 0 && entry.size !== entry.compressedSize) refuse('malformed', entry, 'it is stored in another length than its own');
  if (entry.size > zipLimits.ratioFrom && entry.size > entry.compressedSize * zipLimits.ratio) {
    refuse('limit', entry, `it grows more than ${zipLimits.ratio} times`);
  }
  if (entry.compressedSize === 0 && entry.size !== 0) refuse('malformed', entry, 'it holds nothing, but should hold something');
}

/** §4.3.7 against §4.3.12; answers where the data begins in `span`. */
function checkLocalHeader(span: Uint8Array, entry: ZipEntry): number {
  const view = new DataView(span.buffer, span.byteOffset, span.byteLength);
  if (view.getUint32(0, true) !== 0x04034b50) refuse('malformed', entry, 'no local header stands where the directory says');
  const nameLength = view.getUint16(26, true);
  const name = span.subarray(30, 30 + nameLength);
  const same = nameLength === entry.nameBytes.length && entry.nameBytes.every((byte, at) => byte === name[at]);
  if (!same) refuse('malformed', entry, 'its local header bears another name');
  if (view.getUint16(8, true) !== entry.method) refuse('malformed', entry, 'its local header names another compression');
  if (((view.getUint16(6, true) ^ entry.flags) & 0x2849) !== 0) refuse('malformed', entry, 'its local header has other flags');
  const start = 30 + nameLength + view.getUint16(28, true);
  if (start + entry.compressedSize > span.length) refuse('malformed', entry, 'its data runs into what follows');
  const streamed = (entry.flags & 8) !== 0;
  const crc = view.getUint32(14, true);
  const sizes = [view.getUint32(18, true), view.getUint32(22, true)];
  const wanted = [entry.compressedSize, entry.size];
  const agrees = crc === entry.crc32 && sizes.every((size, at) => size === wanted[at] || size === 0xffffffff);
  // a streamed entry has zeros here and the truth after its data
  const unset = streamed && sizes.every((size) => size === 0 || size === 0xffffffff) && (crc === 0 || crc === entry.crc32);
  if (!agrees && !unset) refuse('malformed', entry, 'its local header tells another length or sum');
  if (streamed) checkDescriptor(view, start + entry.compressedSize, entry);
  return start;
}

/** §4.3.9: with or without its signature, of 4- or 8-byte sizes. */
function checkDescriptor(view: DataView, at: number, entry: ZipEntry): void {
  for (const skip of [4, 0]) {
    const from = at + skip;
    if (skip === 4 && (at + 4 > view.byteLength || view.getUint32(at, true) !== 0x08074b50)) continue;
    if (from + 12 <= view.byteLength && view.getUint32(from, true) === entry.crc32) {
      if (view.getUint32(from + 4, true) === entry.compressedSize && view.getUint32(from + 8, true) === entry.size) return;
      const long = from + 20 <= view.byteLength && view.getBigUint64(from + 4, true) === BigInt(entry.compressedSize);
      if (long && view.getBigUint64(from + 12, true) === BigInt(entry.size)) return;
    }
  }
  refuse('malformed', entry, 'what follows its data tells another length or sum');
}

/** The library sees the file through this: the directory and one entry, from memory, and zeros where nothing may be asked. */
function windowOf(pieces: readonly { readonly at: number; readonly bytes: Uint8Array }[], size: number) {
  return {
    size: () => Promise.resolve(size),
    stream: (offset: number, length?: number): Readable => {
      const piece = pieces.find(({ at, bytes }) => offset >= at && offset < at + bytes.length);
      if (piece === undefined) return Readable.from([], { objectMode: false });
      const from = offset - piece.at;
      const to = length === undefined ? piece.bytes.length : Math.min(from + length, piece.bytes.length);
      return Readable.from([Buffer.from(piece.bytes.buffer, piece.bytes.byteOffset + from, to - from)], { objectMode: false });
    },
  };
}

/** Inflates to exactly the directory's length, counting what comes out. */
async function inflateEntry(directory: Uint8Array, end: EndRecord, size: number, span: Uint8Array, entry: ZipEntry): Promise<Uint8Array> {
  const { Open } = (await import('unzipper')).default;
  const options = { tailSize: size - end.offset };
  const pieces = [
    { at: end.directoryOffset, bytes: directory },
    { at: entry.offset, bytes: span },
  ];
  // the published type lacks the options, which the function takes (lib/Open/index.js)
  const custom = Open.custom as (source: ReturnType<typeof windowOf>, options: { tailSize: number }) => ReturnType<typeof Open.custom>;
  const { files } = await custom(windowOf(pieces, size), options);
  const file = files.find((one) => one.path === entry.path || Buffer.compare(one.pathBuffer, entry.nameBytes) === 0);
  if (file === undefined) return refuse('malformed', entry, 'the library reads another directory');
  const whole = Buffer.allocUnsafe(entry.size);
  let length = 0;
  try {
    for await (const chunk of file.stream()) {
      const piece: Uint8Array = chunk;
      if (length + piece.length > entry.size) refuse('malformed', entry, 'it holds more than the directory says');
      whole.set(piece, length);
      length += piece.length;
    }
  } catch (error) {
    if (error instanceof FormatError) throw error;
    return refuse('malformed', entry, `its data cannot be inflated (${error instanceof Error ? error.message.slice(0, 100) : 'unknown'})`);
  }
  if (length !== entry.size) refuse('malformed', entry, `it holds ${length} bytes, and the directory says ${entry.size}`);
  return whole;
}

export async function openArchive(source: RangeSource, tail?: Uint8Array): Promise<Archive> {
  const last = tail ?? (await source.read(Math.max(0, source.size - tailBytes), Math.min(source.size, tailBytes)));
  const end = readEndRecord(last, source.size);
  const base = source.size - last.length;
  const ahead = end.directoryOffset < base ? await source.read(end.directoryOffset, base - end.directoryOffset) : new Uint8Array();
  const kept = last.subarray(Math.max(0, end.directoryOffset - base));
  const after = new Uint8Array(ahead.length + kept.length);
  after.set(ahead);
  after.set(kept, ahead.length);
  const entries = readDirectory(after.subarray(0, end.directorySize), end);
  const files = new Map([...entries].filter(([path]) => !path.endsWith('/')));
  return {
    entries: files,
    directory: after,
    async read(entry) {
      checkReadable(entry);
      const room = Math.min(entry.limit - entry.offset, 30 + entry.nameBytes.length + longestExtra + entry.compressedSize + descriptor);
      const span = await source.read(entry.offset, room);
      checkLocalHeader(span, entry);
      const bytes = entry.compressedSize === 0 ? new Uint8Array() : await inflateEntry(after, end, source.size, span, entry);
      if (crc32(bytes) !== entry.crc32) refuse('malformed', entry, 'its CRC-32 is another than the directory says');
      return bytes;
    },
  };
}

/** A ZIP on disk, searched as an artifact would be; for the command line. */
export async function imagesOfLocalZip(
  path: string,
): Promise<{ readonly images: readonly EngineImage[]; readonly hypervisorLength?: number }> {
  const { open } = await import('node:fs/promises');
  const { defaultImages, hypervisorLength, imageSets, readImage } = await import('./image-files.js');
  const file = await open(path);
  try {
    const { size } = await file.stat();
    const read = async (offset: number, length: number): Promise<Uint8Array> => {
      const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, offset);
      if (bytesRead !== length) throw new FormatError('malformed', 'ZIP', offset, 'the file ends early');
      return buffer;
    };
    const archive = await openArchive({ size, read });
    const images: EngineImage[] = [];
    const sets = imageSets(archive, defaultImages);
    for (const set of sets) {
      for (const entry of [set.main, ...set.companions]) {
        if (!images.some((image) => image.path === entry.path)) images.push(await readImage(archive, entry));
      }
    }
    const [only] = sets;
    const length = sets.length === 1 && only !== undefined ? await hypervisorLength(archive, only) : undefined;
    return { images, ...(length === undefined ? {} : { hypervisorLength: length }) };
  } finally {
    await file.close();
  }
}
