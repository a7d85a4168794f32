/** Bad days, on request: what happens to an exchange in place of the plain answer. */
import type { Answered, Asked } from './routes.js';

export type Damage =
  /** This answer in place of the request being done. */
  | { readonly kind: 'answer'; readonly answer: Answered }
  /** The request is done, then this is answered. */
  | { readonly kind: 'answer-after'; readonly answer: Answered }
  /** The connection is closed without an answer, before or after the request is done. */
  | { readonly kind: 'drop'; readonly after: boolean }
  /** Nothing more comes from this point on. */
  | { readonly kind: 'stall'; readonly at: 'headers' | 'body' }
  /** Declared whole, sent in part: a share from 0 to 1. */
  | { readonly kind: 'cut'; readonly share: number }
  /** The answer, changed. */
  | { readonly kind: 'change'; readonly change: (answer: Answered) => Answered };

export type Origin = 'api' | 'server' | 'storage';

export interface Fault {
  readonly matches: (origin: Origin, asked: Asked) => boolean;
  /** How often it strikes. */
  times: number;
  readonly damage: Damage;
  /** Something that happens in the world at this moment: a comment is deleted, a run completes. */
  readonly meanwhile?: () => void;
}

/** The damage that strikes this exchange. */
export function strike(faults: readonly Fault[], origin: Origin, asked: Asked): Damage | undefined {
  const fault = faults.find((one) => one.times > 0 && one.matches(origin, asked));
  if (fault === undefined) return undefined;
  fault.times -= 1;
  fault.meanwhile?.();
  return fault.damage;
}

export function failure(status: number, message = 'Server Error', headers: Readonly<Record<string, string>> = {}): Answered {
  return {
    status,
    headers: { 'content-type': 'application/json; charset=utf-8', ...headers },
    body: new TextEncoder().encode(JSON.stringify({ message, documentation_url: 'https://docs.github.com/rest', status: String(status) })),
  };
}
