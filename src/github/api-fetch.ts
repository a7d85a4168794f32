/**
 * The `fetch` under Octokit: GitHub's API with its bad days.
 *
 * In: a request to the API's origin. Out: its answer, whole. Retries reads that failed on the line or with 5xx (four tries), and those
 * that a rate limit refused where the wait is 60 s or less; a write only waits. Refuses: other origins, redirects of writes, bodies over 5 MiB.
 * A write that may have been done is never sent twice from here: who sent it looks first (`publish.ts`).
 */
import { say } from '../core/sentence.js';
import { pause } from './clock.js';
import type { Environment } from './environment.js';
import { allowedAddress } from './hosts.js';
import { Problem } from './problem.js';
import { type Exchange, exchange, type Net, TransferFault } from './transfer.js';

const bodyCap = 5 * 1024 * 1024;
const longestWait = 60_000;
/** Of all waits of one process. */
const waitBudget = 150_000;
const redirects = 3;

export interface CallCount {
  reads: number;
  writes: number;
  /** Calls left in the rate limit, by the last answer that told. */
  remaining?: number;
}

export interface Patience {
  /** How often a read is sent. */
  readonly tries: number;
  /** Longest single wait for a rate limit, in milliseconds. */
  readonly longestWait: number;
}

export const patient: Patience = { tries: 4, longestWait };
/** For what the answer can do without: asked once. */
export const impatient: Patience = { tries: 1, longestWait: -1 };

function bodyText(answer: Exchange): string {
  return new TextDecoder().decode(answer.body.subarray(0, 4096));
}

/** Milliseconds to wait for a rate limit, `undefined` where the answer tells of none. GitHub's clock counts, not ours. */
export function limitWait(answer: Exchange, now: number): number | undefined {
  if (answer.status !== 403 && answer.status !== 429) return undefined;
  const { headers } = answer;
  const date = Date.parse(headers.get('date') ?? '');
  const theirNow = Number.isNaN(date) ? now : date;
  const after = headers.get('retry-after');
  if (after !== null) {
    if (/^[0-9]{1,9}$/.test(after.trim())) return Number(after) * 1000;
    const until = Date.parse(after);
    // a date is of the form the RFC names; "-5" and "soon" are not
    if (/^[A-Z][a-z]{2}, /.test(after.trim()) && !Number.isNaN(until)) return Math.max(until - theirNow, 0);
    return longestWait;
  }
  if (headers.get('x-ratelimit-remaining') === '0') {
    const reset = Number(headers.get('x-ratelimit-reset'));
    return Number.isFinite(reset) && reset > 0 ? Math.max(reset * 1000 - theirNow, 0) : longestWait;
  }
  if (answer.status === 429 || /secondary rate|abuse detection/i.test(bodyText(answer))) return longestWait;
  return undefined;
}

function isBroken(answer: Exchange): boolean {
  if (answer.status >= 500) return true;
  if (answer.status < 200 || answer.status >= 300 || answer.status === 204 || answer.status === 205) return false;
  try {
    JSON.parse(new TextDecoder().decode(answer.body));
    return false;
  } catch (error) {
    if (error instanceof SyntaxError) return true;
    throw error;
  }
}

function unreachable(detail: string, cause?: unknown): Problem {
  return new Problem(
    'unreachable',
    say`GitHub could not be asked: ${detail}. Edit the comment or run the job again to get an answer.`,
    cause,
  );
}

function noteRemaining(count: CallCount, headers: Headers): void {
  const resource = headers.get('x-ratelimit-resource') ?? 'core';
  const left = headers.get('x-ratelimit-remaining');
  if (resource === 'core' && left !== null && /^[0-9]{1,9}$/.test(left)) count.remaining = Number(left);
}

export function createApiFetch(
  net: Net,
  environment: Environment,
  count: CallCount,
  { tries, longestWait }: Patience = patient,
): typeof globalThis.fetch {
  let waited = 0;
  const wait = async (milliseconds: number): Promise<boolean> => {
    if (waited + milliseconds > waitBudget) return false;
    waited += milliseconds;
    await pause(net.clock, milliseconds, net.signal);
    return true;
  };

  const once = async (url: string, init: RequestInit, isRead: boolean): Promise<Exchange> => {
    for (let limited = 0; ; limited += 1) {
      if (isRead) count.reads += 1;
      else count.writes += 1;
      const answer = await exchange(net, url, init, bodyCap);
      noteRemaining(count, answer.headers);
      const asked = limitWait(answer, net.clock.now());
      if (asked === undefined) return answer;
      // jitter on top only: never earlier than asked
      const milliseconds = asked + Math.round(net.clock.random() * 1000);
      if (limited >= 2 || asked > longestWait || !(await wait(milliseconds))) {
        const until = new Date(net.clock.now() + asked).toISOString().replace(/\.\d+Z$/, 'Z');
        throw new Problem(
          'rate-limit',
          say`GitHub's rate limit is used up until ${until}. Edit the comment or run the job again after that.`,
        );
      }
      // who sent a write looks whether it was done after all before it is sent again
      if (!isRead) throw unreachable('its rate limit was reached');
    }
  };

  const send = async (url: string, init: RequestInit, isRead: boolean): Promise<Exchange> => {
    for (let attempt = 1; ; attempt += 1) {
      let failure: unknown;
      try {
        const answer = await once(url, init, isRead);
        if (!isBroken(answer)) return answer;
        failure = unreachable(answer.status >= 500 ? `it answered ${answer.status}` : 'its answer is no JSON');
      } catch (error) {
        if (!(error instanceof TransferFault)) throw error;
        if (error.kind === 'too-large') throw unreachable('its answer is over 5 MiB', error);
        failure = unreachable(error.message, error);
      }
      if (!isRead || attempt >= tries) throw failure;
      if (!(await wait(Math.round(500 * 2 ** (attempt - 1) * (1 + net.clock.random()))))) throw failure;
    }
  };

  return async (input, init = {}) => {
    const method = (init.method ?? 'GET').toUpperCase();
    const isRead = method === 'GET' || method === 'HEAD';
    let url = allowedAddress(environment, String(input), 'api');
    for (let hop = 0; ; hop += 1) {
      if (url === undefined) throw new Problem('unreachable', say`GitHub's API sent us to another host, which was not followed.`);
      const answer = await send(url.href, init, isRead);
      const location = answer.headers.get('location');
      if (answer.status >= 301 && answer.status <= 308 && answer.status !== 304 && location !== null) {
        const next = allowedAddress(environment, location, 'api', url.href);
        // an address elsewhere is the caller's to judge: storage, asked without the token
        if (next !== undefined) {
          if (!isRead || hop >= redirects)
            throw new Problem('unreachable', say`GitHub's API redirected ${hop + 1} times; the repository may have been renamed.`);
          url = next;
          continue;
        }
      }
      const empty = answer.status === 204 || answer.status === 205 || answer.status === 304;
      // a body of its own: the shared ArrayBuffer type is what Response asks for
      return new Response(empty ? null : new Uint8Array(answer.body), { status: answer.status, headers: answer.headers });
    }
  };
}
