/**
 * Which files of an artifact are images: the main one by the first glob, its companions by the others, nearest in the tree.
 *
 * In: an open archive and the globs. Out: one `ImageSet` for each main image inside. Refuses: nothing; an archive without a main image
 * has no set.
 */
import { FormatError } from '../core/bytes/format-error.js';
import type { EngineImage } from '../engine.js';
import type { Archive } from './archive.js';
import type { ZipEntry } from './central-directory.js';
import { matchesGlob } from './glob.js';

export const defaultImages: readonly string[] = ['**/runtime.exe', '**/sl_syms.exe', '**/init_syms.exe'];
/** Its gunzipped length is what the log prints as `un-aligned size`. */
const hypervisorGlob = '**/hypervisor-x86-*.bin.gz';

export interface ImageSet {
  readonly main: ZipEntry;
  readonly companions: readonly ZipEntry[];
  readonly hypervisor?: ZipEntry;
}

/** Sets beyond this are no build's artifact. */
const setLimit = 16;

function sharedFolders(left: string, right: string): number {
  const a = left.split('/');
  const b = right.split('/');
  let shared = 0;
  while (shared < a.length - 1 && shared < b.length - 1 && a[shared] === b[shared]) shared += 1;
  return shared;
}

function nearest(entries: readonly ZipEntry[], main: ZipEntry): ZipEntry | undefined {
  return [...entries].sort((a, b) => sharedFolders(b.path, main.path) - sharedFolders(a.path, main.path))[0];
}

export function imageSets(archive: Archive, globs: readonly string[]): ImageSet[] {
  const matching = (glob: string): ZipEntry[] => [...archive.entries.values()].filter((entry) => matchesGlob(glob, entry.path));
  const [first, ...others] = globs;
  if (first === undefined) return [];
  const companions = others.map(matching);
  const hypervisors = matching(hypervisorGlob);
  return matching(first)
    .slice(0, setLimit)
    .map((main) => {
      const hypervisor = nearest(hypervisors, main);
      const near = companions
        .map((entries) =>
          nearest(
            entries.filter((entry) => entry !== main),
            main,
          ),
        )
        .filter((entry) => entry !== undefined);
      return { main, companions: [...new Set(near)], ...(hypervisor === undefined ? {} : { hypervisor }) };
    });
}

export async function readImage(archive: Archive, entry: ZipEntry): Promise<EngineImage> {
  return { path: entry.path, bytes: await archive.read(entry) };
}

/** RFC 1952 §2.3.1: the last four bytes are the length before compression. `undefined` where there is no such file or it is no gzip. */
export async function hypervisorLength(archive: Archive, set: ImageSet): Promise<number | undefined> {
  if (set.hypervisor === undefined) return undefined;
  try {
    const bytes = await archive.read(set.hypervisor);
    if (bytes.length < 18 || bytes[0] !== 0x1f || bytes[1] !== 0x8b) return undefined;
    return new DataView(bytes.buffer, bytes.byteOffset + bytes.length - 4, 4).getUint32(0, true);
  } catch (error) {
    // one signal less; the image itself tells of a damaged archive
    if (error instanceof FormatError) return undefined;
    throw error;
  }
}
