/**
 * One HTTP exchange with limits on time and bytes. Redirects are never followed here.
 *
 * In: an address that `hosts.ts` allowed. Out: status, headers and the whole body. Refuses, as `TransferFault`: a stall (15 s before
 * the headers, 30 s between two pieces, 5 minutes in all), a body over its cap or other than its declared length.
 */

import { say } from '../core/sentence.js';
import type { Clock } from './clock.js';
import { Problem } from './problem.js';

/** What the world is to this folder; tests hand in another. */
export interface Net {
  readonly fetch: typeof globalThis.fetch;
  readonly clock: Clock;
  /** Fires when the job is cancelled. */
  readonly signal: AbortSignal;
}

export type TransferFaultKind = 'timeout' | 'network' | 'truncated' | 'too-large';

export class TransferFault extends Error {
  override readonly name = 'TransferFault';
  constructor(
    readonly kind: TransferFaultKind,
    message: string,
    cause?: unknown,
  ) {
    super(message, cause === undefined ? undefined : { cause });
  }
}

export interface Exchange {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Uint8Array;
}

const headerMilliseconds = 15_000;
const idleMilliseconds = 30_000;
const totalMilliseconds = 300_000;

/** Failures of the line that may be gone a moment later. Certificates and malformed addresses are not among them. */
const passing = new Set(['ECONNRESET', 'ECONNREFUSED', 'ECONNABORTED', 'ETIMEDOUT', 'EPIPE', 'EAI_AGAIN', 'ENETUNREACH', 'EHOSTUNREACH']);

function codeOf(error: unknown): string {
  for (let here: unknown = error, depth = 0; depth < 4 && typeof here === 'object' && here !== null; depth += 1) {
    if ('code' in here && typeof here.code === 'string') return here.code;
    here = 'cause' in here ? here.cause : undefined;
  }
  return '';
}

function isPassing(error: unknown): boolean {
  const code = codeOf(error);
  return (
    passing.has(code) ||
    code.startsWith('UND_ERR_') ||
    code.startsWith('HPE_') ||
    (error instanceof TypeError && error.message === 'terminated')
  );
}

export function cancelled(): Problem {
  return new Problem('cancelled', say`The job was cancelled.`);
}

async function readBody(response: Response, cap: number, alive: () => void): Promise<Uint8Array> {
  if (response.body === null) return new Uint8Array();
  const reader = response.body.getReader();
  const pieces: Uint8Array[] = [];
  let length = 0;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    alive();
    length += value.length;
    if (length > cap) {
      await reader.cancel();
      throw new TransferFault('too-large', `more than ${cap} bytes came`);
    }
    pieces.push(value);
  }
  if (pieces.length === 1 && pieces[0] !== undefined) return pieces[0];
  const whole = new Uint8Array(length);
  let at = 0;
  for (const piece of pieces) {
    whole.set(piece, at);
    at += piece.length;
  }
  return whole;
}

/** Throws `TransferFault`, or `Problem` of kind `cancelled`. */
export async function exchange(net: Net, url: string, init: RequestInit, cap: number): Promise<Exchange> {
  if (net.signal.aborted) throw cancelled();
  const abort = new AbortController();
  const stop = (): void => abort.abort(cancelled());
  net.signal.addEventListener('abort', stop, { once: true });
  const timed = (milliseconds: number, what: string): (() => void) =>
    net.clock.after(milliseconds, () => abort.abort(new TransferFault('timeout', `${what} for ${milliseconds / 1000} s`)));
  const total = timed(totalMilliseconds, 'the answer was not complete');
  let idle = timed(headerMilliseconds, 'no answer came');
  try {
    const response = await net.fetch(url, { ...init, redirect: 'manual', signal: abort.signal });
    const alive = (): void => {
      idle();
      idle = timed(idleMilliseconds, 'nothing came');
    };
    alive();
    const declared = response.headers.get('content-length');
    const measurable = declared !== null && /^[0-9]+$/.test(declared) && response.headers.get('content-encoding') === null;
    if (measurable && Number(declared) > cap) throw new TransferFault('too-large', `${declared} bytes were announced`);
    const body = await readBody(response, cap, alive);
    if (measurable && response.status !== 304 && init.method !== 'HEAD' && body.length !== Number(declared)) {
      throw new TransferFault('truncated', `${body.length} of ${declared} bytes came`);
    }
    return { status: response.status, headers: response.headers, body };
  } catch (error) {
    // an abort of ours shows as whatever fetch makes of it; the reason is what happened
    const reason: unknown = abort.signal.aborted ? abort.signal.reason : error;
    if (reason instanceof Problem || reason instanceof TransferFault) throw reason;
    if (!isPassing(reason)) throw reason;
    const torn = reason instanceof TypeError && reason.message === 'terminated';
    throw new TransferFault(torn ? 'truncated' : 'network', `the connection failed (${codeOf(reason) || 'no code'})`, reason);
  } finally {
    idle();
    total();
    net.signal.removeEventListener('abort', stop);
    abort.abort();
  }
}
