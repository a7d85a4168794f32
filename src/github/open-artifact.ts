/**
 * An artifact as what it is: a ZIP of which parts are read, or one file that was uploaded unzipped.
 *
 * In: an artifact of a run, and what is kept of it on this machine. Out: an archive, or an image. A part is kept once it was verified,
 * never before: its length and CRC-32 are those of the directory. Refuses, as `FormatError`: what is neither.
 */
import { crc32 } from 'node:zlib';
import { FormatError } from '../core/bytes/format-error.js';
import { type Archive, openArchive } from './archive.js';
import type { GitHub } from './client.js';
import type { ImageCache } from './image-cache.js';
import type { Artifact } from './runs.js';
import { type HideAddress, openStored, type StoredArtifact } from './storage.js';

export type OpenArtifact =
  | { readonly kind: 'archive'; readonly archive: Archive }
  /** The artifact itself is the ELF file. */
  | { readonly kind: 'image'; readonly bytes: Uint8Array };

const elfMagic = [0x7f, 0x45, 0x4c, 0x46];
const isElf = (start: Uint8Array): boolean => elfMagic.every((byte, at) => start[at] === byte);

/** The end of a ZIP from its directory on, behind the length of the whole; an ELF file is its own end. */
const endPart = 'end';
const sizeBytes = 8;

function endOf(size: number, bytes: Uint8Array): Uint8Array {
  const part = new Uint8Array(sizeBytes + bytes.length);
  new DataView(part.buffer).setFloat64(0, size);
  part.set(bytes, sizeBytes);
  return part;
}

/** Reads each entry from what is kept, and keeps what it had to load. */
function keeping(archive: Archive, artifact: Artifact, cache: ImageCache, keepEnd: () => Promise<void>): Archive {
  return {
    ...archive,
    async read(entry) {
      const part = `entry ${entry.crc32} ${entry.size} ${entry.path}`;
      const kept = await cache.read(artifact, part);
      const isGood = kept !== undefined && kept.length === entry.size && crc32(kept) === entry.crc32;
      const bytes = isGood ? kept : await archive.read(entry);
      if (!isGood) await cache.write(artifact, part, bytes);
      await keepEnd();
      return bytes;
    },
  };
}

export async function openLoaded(
  github: GitHub,
  artifact: Artifact,
  hide: HideAddress,
  cache: ImageCache | undefined,
): Promise<OpenArtifact> {
  const { source, tail, whole } = await openStored(github, artifact, hide);
  const start = whole ?? (await source.read(0, Math.min(4, source.size)));
  if (isElf(start)) {
    const bytes = whole ?? (await source.read(0, source.size));
    // nothing but the digest tells a damaged one
    if (whole !== undefined && artifact.sha256 !== undefined) await cache?.write(artifact, endPart, endOf(bytes.length, bytes));
    return { kind: 'image', bytes };
  }
  if (start[0] !== 0x50 || start[1] !== 0x4b)
    throw new FormatError('malformed', `artifact ${artifact.name.slice(0, 200)}`, 0, 'storage sent neither a ZIP nor an ELF');
  const archive = await openArchive(source, tail);
  if (cache === undefined) return { kind: 'archive', archive };
  let isKept = false;
  const keepEnd = async (): Promise<void> => {
    if (isKept) return;
    isKept = true;
    await cache.write(artifact, endPart, endOf(source.size, archive.directory));
  };
  return { kind: 'archive', archive: keeping(archive, artifact, cache, keepEnd) };
}

/** From what is kept; storage is asked only for entries that are not. `undefined` where nothing is kept, or what is kept is no artifact. */
export async function openKept(
  github: GitHub,
  artifact: Artifact,
  hide: HideAddress,
  cache: ImageCache | undefined,
): Promise<OpenArtifact | undefined> {
  const part = await cache?.read(artifact, endPart);
  if (cache === undefined || part === undefined || part.length < sizeBytes) return undefined;
  const size = new DataView(part.buffer, part.byteOffset).getFloat64(0);
  const end = part.subarray(sizeBytes);
  if (!Number.isSafeInteger(size) || size < end.length) return undefined;
  if (size === end.length && isElf(end)) return { kind: 'image', bytes: end };
  let stored: Promise<StoredArtifact> | undefined;
  const read = async (offset: number, length: number): Promise<Uint8Array> => {
    stored ??= openStored(github, artifact, hide);
    const { source } = await stored;
    if (source.size !== size)
      throw new FormatError('malformed', `artifact ${artifact.name.slice(0, 200)}`, -1, 'it has another length than was kept');
    return source.read(offset, length);
  };
  try {
    const archive = await openArchive({ size, read }, end);
    return { kind: 'archive', archive: keeping(archive, artifact, cache, async () => undefined) };
  } catch (error) {
    if (error instanceof FormatError) return undefined;
    throw error;
  }
}
