/**
 * Calls that the answer can do without: at most ten, each tried once, all within 20 s, none where the rate limit is nearly used up.
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
  readonly notes: Sentence[];
}

function reason(error: unknown, timedOut: boolean): Sentence | undefined {
  if (timedOut) return say`it took too long`;
  if (error instanceof NotLookedUp) return error.why;
  if (error instanceof ApiRefusal) return say`GitHub answered ${error.status}`;
  if (!(error instanceof Problem)) return undefined;
  switch (error.kind) {
    case 'permission':
    case 'input':
      return say`the token may not read it`;
    case 'rate-limit':
      return say`the rate limit is used up`;
    case 'question':
    case 'gone':
    case 'unreachable':
      return say`GitHub could not be asked`;
    case 'cancelled':
      return undefined;
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
  const abort = new AbortController();
  const stop = (): void => abort.abort(cancelled());
  net.signal.addEventListener('abort', stop, { once: true });
  const off = net.clock.after(mostMilliseconds, () => abort.abort());
  const notes: Sentence[] = [];
  let left = mostCalls;
  try {
    const github = await connect(environment, token, { ...net, signal: abort.signal }, userAgent, impatient);
    const call: Allowance['call'] = (one) => {
      if (left === 0) throw new NotLookedUp(say`the ${mostCalls} calls for this are spent`);
      left -= 1;
      return one(github);
    };
    const part: Allowance['part'] = async (what, one) => {
      try {
        return await one();
      } catch (error) {
        if (net.signal.aborted) throw cancelled();
        const why = reason(error, abort.signal.aborted) ?? say`a fault of this tool: ${String(error)}`;
        notes.push(say`${[what]} (${why})`);
        return undefined;
      }
    };
    return { result: await task({ call, part, notes }), notes };
  } finally {
    off();
    net.signal.removeEventListener('abort', stop);
  }
}
