/**
 * Calls that the answer can do without: at most ten, each tried once, 8 s each and 20 s in all, none where the rate limit is nearly used up.
 *
 * In: the connection of the answer. Out: a connection of its own and a purse of calls. A failure of any kind becomes a `Sentence` in the
 * answer; only a job that was cancelled is thrown on.
 */
import { type Sentence, say } from '../core/sentence.js';
import { impatient } from './api-fetch.js';
import { ApiRefusal, connect, type GitHub } from './client.js';
import { Problem } from './problem.js';
import { cancelled } from './transfer.js';

const mostCalls = 10;
const mostMilliseconds = 20_000;
const longestCall = 8000;
/** A job's token has 1,000 calls an hour for the whole repository; other answers need them more. */
const leastRemaining = 100;

/** What one part could not be looked up for. */
export class NotLookedUp extends Error {
  override readonly name = 'NotLookedUp';
  constructor(readonly why: Sentence) {
    super('not looked up');
  }
}

export interface Allowance {
  /** Takes one call; throws `NotLookedUp` where none is left. */
  readonly call: <T>(task: (github: GitHub) => Promise<T>) => Promise<T>;
  /** The task's answer; where it fails, `undefined` and a note. */
  readonly part: <T>(what: string, task: () => Promise<T>) => Promise<T | undefined>;
}

function reason(error: unknown): Sentence {
  if (error instanceof NotLookedUp) return error.why;
  if (error instanceof ApiRefusal) return say`GitHub answered ${error.status}`;
  if (!(error instanceof Problem)) return say`a fault of this tool: ${String(error)}`;
  switch (error.kind) {
    case 'permission':
    case 'input':
      return say`the token may not read it`;
    case 'rate-limit':
      return say`the rate limit is used up`;
    case 'question':
    case 'gone':
    case 'unreachable':
    case 'cancelled':
      return say`GitHub could not be asked`;
    default:
      return error.kind satisfies never;
  }
}

/** Hands the allowance to the task; `undefined` with a note where there is none to hand out. */
export async function withAllowance<T>(
  { environment, token, net, userAgent, count }: GitHub,
  task: (allowance: Allowance) => Promise<T>,
): Promise<{ readonly result?: T; readonly notes: readonly Sentence[] }> {
  if (count.remaining !== undefined && count.remaining < leastRemaining) {
    return { notes: [say`anything in the repository (${count.remaining} calls are left in the rate limit)`] };
  }
  const until = net.clock.now() + mostMilliseconds;
  const notes: Sentence[] = [];
  let left = mostCalls;
  const call: Allowance['call'] = async (one) => {
    if (net.signal.aborted) throw cancelled();
    const time = Math.min(longestCall, until - net.clock.now());
    if (time <= 0) throw tooLong();
    if (left === 0) throw new NotLookedUp(say`the ${mostCalls} calls for this are spent`);
    left -= 1;
    const abort = new AbortController();
    const stop = (): void => abort.abort();
    net.signal.addEventListener('abort', stop, { once: true });
    const off = net.clock.after(time, stop);
    try {
      return await one(await connect(environment, token, { ...net, signal: abort.signal }, userAgent, impatient));
    } catch (error) {
      if (net.signal.aborted) throw cancelled();
      throw abort.signal.aborted ? tooLong() : error;
    } finally {
      off();
      net.signal.removeEventListener('abort', stop);
    }
  };
  const part: Allowance['part'] = async (what, one) => {
    try {
      return await one();
    } catch (error) {
      if (error instanceof Problem && error.kind === 'cancelled') throw error;
      notes.push(say`${[what]} (${reason(error)})`);
      return undefined;
    }
  };
  return { result: await task({ call, part }), notes };
}

function tooLong(): NotLookedUp {
  return new NotLookedUp(say`it took too long`);
}
