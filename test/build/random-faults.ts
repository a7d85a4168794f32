/** Random bad days by seed: what strikes, where and how often. */
import { type Damage, type Fault, failure, type Origin } from '../../src/demo/stand-in/faults.js';
import type { StandIn } from '../../src/demo/stand-in/state.js';

const { floor, imul } = Math;

/** mulberry32. */
export function generator(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

function damages(pick: <T>(from: readonly T[]) => T, random: () => number, quick: boolean): Damage {
  const headers = pick([
    {},
    { 'retry-after': String(floor(random() * (quick ? 2 : 90))) },
    { 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': '1780315230' },
  ]);
  const refused = failure(
    pick([400, 401, 403, 404, 409, 410, 422, 429, 451, 500, 502, 503, 504]),
    pick(
      quick
        ? ['x', 'Resource not accessible by integration']
        : ['x', 'You have exceeded a secondary rate limit', 'Resource not accessible by integration'],
    ),
    headers,
  );
  const garbage = {
    status: pick([200, 201, 206, 302, 204]),
    headers: pick([{}, { location: 'https://evil.example/' }, { 'content-range': 'bytes 0-0/1' }]),
    body: Buffer.from(pick(['', '{', '[]', 'null', '"x"', '<html>', '{"id":"x"}'])),
  };
  const stalls: readonly Damage[] = quick
    ? []
    : [
        { kind: 'stall', at: 'headers' },
        { kind: 'stall', at: 'body' },
      ];
  return pick<Damage>([
    ...stalls,
    { kind: 'answer', answer: refused },
    { kind: 'answer-after', answer: refused },
    { kind: 'answer', answer: garbage },
    { kind: 'answer-after', answer: garbage },
    { kind: 'drop', after: true },
    { kind: 'drop', after: false },
    { kind: 'cut', share: random() },
    {
      kind: 'change',
      change: (answer) => ({
        ...answer,
        body: answer.body.map((byte, at) => (at === floor(answer.body.length * random()) ? byte ^ 0x55 : byte)),
      }),
    },
  ]);
}

/** `cancel` is what a cancelled job does; `quick` leaves out what takes real minutes: stalls and long waits. */
export function faultsOf(random: () => number, standIn: StandIn, question: number, cancel: () => void, quick = false): Fault[] {
  const pick = <T>(from: readonly T[]): T => from[floor(random() * from.length)] ?? (from[0] as T); // never empty
  return Array.from({ length: 1 + floor(random() * 3) }, () => {
    const origin = pick<Origin>(['api', 'api', 'api', 'storage']);
    const method = pick(['GET', 'GET', 'POST', 'any']);
    const path = pick([/./, /\/comments/, /\/runs/, /\/artifacts/, /\/reactions/]);
    const meanwhile = pick<(() => void) | undefined>([
      undefined,
      undefined,
      undefined,
      undefined,
      () => standIn.comments.delete(question),
      () => Object.assign(standIn.comments.get(question) ?? {}, { body: 'changed' }),
      () => Object.assign(standIn.issues.get(12) ?? {}, { locked: true }),
      cancel,
    ]);
    return {
      matches: (where, asked) => where === origin && (method === 'any' || asked.method === method) && path.test(asked.path),
      times: 1 + floor(random() * 6),
      damage: damages(pick, random, quick),
      ...(meanwhile === undefined ? {} : { meanwhile }),
    } satisfies Fault;
  });
}
