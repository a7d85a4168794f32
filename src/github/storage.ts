/**
 * Ranges of an artifact out of storage, behind the signed address that the API hands out for about a minute.
 *
 * In: an artifact's id. Out: a `RangeSource`. Storage never sees the token; a signed address is a secret and never printed. A range that
 * failed is asked again, at a fresh address, three times. Refuses: hosts outside `hosts.ts`, more than 512 MiB.
 */
import { say } from '../core/sentence.js';
import { memorySource, type RangeSource } from './archive.js';
import { tailBytes } from './central-directory.js';
import { ApiRefusal, type GitHub } from './client.js';
import { pause } from './clock.js';
import { allowedAddress } from './hosts.js';
import { Problem } from './problem.js';
import type { Artifact } from './runs.js';
import { type Exchange, exchange, TransferFault } from './transfer.js';

const tries = 4;
const hops = 3;
export const artifactBytes = 512 * 1024 * 1024;

/** Told every signed address, before anything is asked there. */
export type HideAddress = (address: string) => Promise<void>;

export interface StoredArtifact {
  readonly source: RangeSource;
  /** The end of the file, fetched on the way. */
  readonly tail: Uint8Array;
  /** First bytes, where the file was loaded whole. */
  readonly whole?: Uint8Array;
}

/** The address of storage, or why there is none. */
async function signedAddress(github: GitHub, artifact: Artifact, hide: HideAddress): Promise<string> {
  const answer = await github.rest.actions
    .downloadArtifact({ ...github.repository, artifact_id: artifact.id, archive_format: 'zip', request: { redirect: 'manual' } })
    .catch((error: unknown) => {
      if (error instanceof ApiRefusal && error.status === 410)
        throw new Problem('question', say`The artifact ${artifact.name} has expired.`);
      if (error instanceof ApiRefusal && error.status === 404)
        throw new Problem('question', say`The artifact ${artifact.name} was deleted.`);
      throw error;
    });
  const { location } = answer.headers;
  const status: number = answer.status;
  if (status < 300 || status > 308 || location === undefined) {
    throw new Problem('unreachable', say`GitHub answered ${status} in place of the address of the artifact ${artifact.name}.`);
  }
  const url = allowedAddress(github.environment, location, 'artifact');
  if (url === undefined)
    throw new Problem('unreachable', say`GitHub keeps the artifact ${artifact.name} at a host that is not on the list of storage hosts.`);
  await hide(url.href);
  return url.href;
}

/** Storage redirects rarely, and never with credentials of ours. */
async function ask(github: GitHub, address: string, range: string | undefined, cap: number, hide: HideAddress): Promise<Exchange> {
  let url = address;
  for (let hop = 0; ; hop += 1) {
    const answer = await exchange(
      github.net,
      url,
      { headers: { ...(range === undefined ? {} : { range }), 'accept-encoding': 'identity' } },
      cap,
    );
    if (answer.status < 301 || answer.status > 308 || answer.status === 304) return answer;
    const next = allowedAddress(github.environment, answer.headers.get('location') ?? '', 'artifact', url);
    if (next === undefined || hop >= hops || next.origin === new URL(github.environment.apiUrl).origin) {
      throw new Problem('unreachable', say`Storage redirected to where it may not.`);
    }
    url = next.href;
    await hide(url);
  }
}

const contentRange = /^bytes (?:([0-9]{1,15})-([0-9]{1,15})|\*)\/([0-9]{1,15})$/;

interface Part {
  readonly bytes: Uint8Array;
  readonly from: number;
  readonly size: number;
}

export async function openStored(github: GitHub, artifact: Artifact, hide: HideAddress): Promise<StoredArtifact> {
  let address: string | undefined;

  /** `undefined` in `from`: the range lies outside the file; `size` then says how long it is. */
  const part = async (from: number, to: number): Promise<Part | { readonly size: number; readonly from?: undefined }> => {
    let failure: unknown;
    for (let attempt = 1; attempt <= tries; attempt += 1) {
      if (attempt > 1) await pause(github.net.clock, Math.round(250 * 2 ** attempt * (0.5 + github.net.clock.random())), github.net.signal);
      address ??= await signedAddress(github, artifact, hide);
      try {
        const answer = await ask(github, address, `bytes=${from}-${to}`, artifactBytes, hide);
        if (answer.status === 206) {
          const [, first, last, all] = contentRange.exec(answer.headers.get('content-range') ?? '') ?? [];
          const size = Number(all);
          const end = Number(last);
          if (Number(first) === from && end - from + 1 === answer.body.length && end < size && (end === to || end === size - 1)) {
            return { bytes: answer.body, from, size };
          }
          failure = new Problem('unreachable', say`Storage answered with another range than was asked for.`);
        } else if (answer.status === 200) {
          return { bytes: answer.body, from: 0, size: answer.body.length };
        } else if (answer.status === 416) {
          const size = Number(contentRange.exec(answer.headers.get('content-range') ?? '')?.[3]);
          if (Number.isSafeInteger(size)) return { size };
          failure = new Problem('unreachable', say`Storage answered ${answer.status}.`);
        } else {
          failure = new Problem('unreachable', say`Storage answered ${answer.status} when asked for the artifact ${artifact.name}.`);
        }
      } catch (error) {
        if (!(error instanceof TransferFault)) throw error;
        if (error.kind === 'too-large') {
          throw new Problem('question', say`The artifact ${artifact.name} is larger than ${artifactBytes / 1024 / 1024} MiB.`, error);
        }
        failure = new Problem('unreachable', say`The artifact ${artifact.name} could not be loaded: ${error.message}.`, error);
      }
      // it may have run out, or point to a sick machine
      address = undefined;
    }
    throw failure;
  };

  const loaded = async (bytes: Uint8Array): Promise<StoredArtifact> => {
    if (artifact.sha256 !== undefined) {
      const { createHash } = await import('node:crypto');
      if (createHash('sha256').update(bytes).digest('hex') !== artifact.sha256) {
        throw new Problem('question', say`The artifact ${artifact.name} does not have the digest that GitHub lists for it.`);
      }
    }
    return { source: memorySource(bytes), tail: bytes.subarray(Math.max(0, bytes.length - tailBytes)), whole: bytes };
  };

  // the listed size is a hint: right, it saves a request; wrong, the answer tells the true one
  const hinted = artifact.size > 0 ? artifact.size : 1;
  let first = await part(Math.max(0, hinted - tailBytes), hinted - 1);
  if (first.from !== undefined && first.from === 0 && first.bytes.length === first.size) return loaded(first.bytes);
  if (first.size > artifactBytes)
    throw new Problem('question', say`The artifact ${artifact.name} is larger than ${artifactBytes / 1024 / 1024} MiB.`);
  if (first.from === undefined || first.from + first.bytes.length !== first.size) {
    if (first.size === 0) throw new Problem('question', say`The artifact ${artifact.name} is empty.`);
    first = await part(Math.max(0, first.size - tailBytes), first.size - 1);
    if (first.from === undefined) throw new Problem('unreachable', say`Storage cannot tell the length of the artifact ${artifact.name}.`);
    if (first.from === 0 && first.bytes.length === first.size) return loaded(first.bytes);
  }
  const tail = first;
  const read = async (offset: number, length: number): Promise<Uint8Array> => {
    if (length === 0) return new Uint8Array();
    if (offset >= tail.from) return tail.bytes.subarray(offset - tail.from, offset - tail.from + length);
    // what the tail holds is not fetched twice
    const missing = Math.min(length, tail.from - offset);
    const got = await part(offset, offset + missing - 1);
    if (got.from !== undefined && got.size === tail.size) {
      const body = got.bytes.subarray(offset - got.from, offset - got.from + missing);
      if (body.length === missing) {
        if (missing === length) return body;
        const joined = new Uint8Array(length);
        joined.set(body);
        joined.set(tail.bytes.subarray(0, length - missing), missing);
        return joined;
      }
    }
    throw new Problem('unreachable', say`The artifact ${artifact.name} changed while it was read.`);
  };
  return { source: { size: tail.size, read }, tail: tail.bytes };
}
