/**
 * What was read of artifacts, kept in the runner's tool cache, so that many questions about one run on one machine load it once.
 *
 * In: an artifact, and the name of a part of it. Out: the bytes that were kept for it, or `undefined`. Every file is named by a hash of
 * ours, never by anything an artifact says, and is whole or absent: written under another name first, with its length and SHA-256
 * before it. Refuses: nothing; whatever fails here is a line for debugging, and the part is loaded as if nothing had been kept.
 */
import { createHash, randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import { lstat, mkdir, open, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { isAbsolute, join } from 'node:path';
import { type Sentence, say } from '../core/sentence.js';
import type { Environment } from './environment.js';
import type { Artifact } from './runs.js';

export interface ImageCache {
  /** `undefined` where nothing is kept, or what is kept is damaged. */
  read(artifact: Artifact, part: string): Promise<Uint8Array | undefined>;
  /** Bytes that were verified: what is damaged on the way must not be kept. */
  write(artifact: Artifact, part: string, bytes: Uint8Array): Promise<void>;
}

export const cacheLimits = {
  /** Of all files together; the oldest go first. */
  bytes: 512 * 1024 * 1024,
  /** Of one. */
  fileBytes: 128 * 1024 * 1024,
  files: 2000,
} as const;

type Limits = { readonly [name in keyof typeof cacheLimits]: number };

/** The format's name, then the SHA-256 of what follows. The format's name changes with it. */
const magic = Buffer.from('ssc-part-1\n', 'latin1');
const headerBytes = magic.length + 32;

/** Ours alone; anything else in the folder is left as it is. */
const ourName = /^[0-9a-f]{64}(?:\.[0-9a-f]{16}\.new)?$/;

const digestOf = (bytes: Uint8Array): Buffer => createHash('sha256').update(bytes).digest();

/** Another repository never reads what was kept for this one, whatever digest it lists. */
function fileName({ apiUrl, owner, repo }: Environment, artifact: Artifact, part: string): string {
  const which = artifact.sha256 === undefined ? ['id', artifact.id, artifact.size] : ['sha256', artifact.sha256];
  return createHash('sha256')
    .update(JSON.stringify([apiUrl, owner, repo, which, part]))
    .digest('hex');
}

/** Content of a kept file; `undefined` where it is not what was written. */
async function readKept(path: string, limit: number): Promise<Uint8Array | undefined> {
  // a link put in our place is not followed
  const file = await open(path, constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0));
  try {
    const { size } = await file.stat();
    if (size < headerBytes || size > headerBytes + limit) return undefined;
    const { buffer, bytesRead } = await file.read(Buffer.allocUnsafe(size), 0, size, 0);
    const content = buffer.subarray(headerBytes);
    const whole = bytesRead === size && buffer.subarray(0, magic.length).equals(magic);
    return whole && buffer.subarray(magic.length, headerBytes).equals(digestOf(content)) ? content : undefined;
  } finally {
    await file.close();
  }
}

async function dropOldest(folder: string, limits: Limits): Promise<void> {
  const names = (await readdir(folder)).filter((name) => ourName.test(name));
  // another job may drop the same file meanwhile
  const found = await Promise.all(names.map((name) => lstat(join(folder, name)).catch(() => undefined)));
  const files = names
    .flatMap((name, index) => {
      const stat = found[index];
      return stat === undefined ? [] : [{ name, size: stat.size, written: stat.mtimeMs }];
    })
    .sort((a, b) => b.written - a.written);
  let bytes = 0;
  for (const [index, { name, size }] of files.entries()) {
    bytes += size;
    if (bytes > limits.bytes || index >= limits.files) await rm(join(folder, name), { force: true });
  }
}

const isMissing = (error: unknown): boolean => error instanceof Error && 'code' in error && error.code === 'ENOENT';

/** `undefined` where the runner names no tool cache. */
export function createImageCache(
  environment: Environment,
  debug: (sentence: Sentence) => void,
  limits: Limits = cacheLimits,
): ImageCache | undefined {
  const { toolCache } = environment;
  if (toolCache === undefined || !isAbsolute(toolCache)) return undefined;
  const folder = join(toolCache, 'symbolize-serial-crash', 'parts');
  // a folder that cannot be written is not tried again for each part
  let writes = true;
  const told = (what: string, error: unknown): void =>
    debug(say`A kept part of an artifact could not be ${[what]}: ${error instanceof Error ? error.message : String(error)}`);
  return {
    async read(artifact, part) {
      try {
        const content = await readKept(join(folder, fileName(environment, artifact, part)), limits.fileBytes);
        if (content === undefined) debug(say`A kept part of the artifact ${artifact.name} is damaged and is loaded again.`);
        return content;
      } catch (error) {
        if (!isMissing(error)) told('read', error);
        return undefined;
      }
    },
    async write(artifact, part, bytes) {
      if (!writes || bytes.length > limits.fileBytes) return;
      const path = join(folder, fileName(environment, artifact, part));
      const unfinished = `${path}.${randomBytes(8).toString('hex')}.new`;
      try {
        await mkdir(folder, { recursive: true, mode: 0o700 });
        await writeFile(unfinished, Buffer.concat([magic, digestOf(bytes), bytes]), { flag: 'wx', mode: 0o600 });
        await rename(unfinished, path);
        await dropOldest(folder, limits);
      } catch (error) {
        writes = false;
        told('written', error);
        await rm(unfinished, { force: true }).catch((left: unknown) => told('removed', left));
      }
    },
  };
}
