/**
 * The action in this process: the stand-in behind `fetch` without sockets, time that passes only when everybody waits, and the engine
 * of the built worker, asked once for each different input.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Event } from '../../src/demo/stand-in/events.js';
import type { Fault, Origin } from '../../src/demo/stand-in/faults.js';
import { strike } from '../../src/demo/stand-in/faults.js';
import type { Answered, Asked } from '../../src/demo/stand-in/routes.js';
import { exchangeWith, frontPath, type Recorded } from '../../src/demo/stand-in/server.js';
import type { StandIn } from '../../src/demo/stand-in/state.js';
import type { EngineInput, EngineResult } from '../../src/engine.js';
import type { Clock } from '../../src/github/clock.js';
import type { OutputName } from '../../src/github/runner.js';
import { run } from '../../src/main.js';

export const urls = { api: 'http://127.0.0.1:8001/api/v3', server: 'http://127.0.0.1:8001', storage: 'http://localhost:8002' };
export const origins = { api: urls.api, server: urls.server };

interface Timer {
  readonly at: number;
  readonly order: number;
  readonly callback: () => void;
}

export interface ManualClock extends Clock {
  /** Real work outside this process's turns: time stands still. */
  during<T>(work: Promise<T>): Promise<T>;
}

/** Turns of the event loop without a timer set or called before time is let pass. */
const idleTurns = 12;

export function createClock(start = Date.parse('2026-06-01T12:00:00Z'), random: () => number = () => 0.5): ManualClock {
  let now = start;
  let order = 0;
  let busy = 0;
  let quiet = 0;
  let pumping = false;
  const timers = new Set<Timer>();
  const pump = (): void => {
    if (timers.size === 0) {
      pumping = false;
      return;
    }
    quiet = busy > 0 ? 0 : quiet + 1;
    if (quiet > idleTurns) {
      const [next] = [...timers].sort((a, b) => a.at - b.at || a.order - b.order);
      if (next !== undefined) {
        timers.delete(next);
        now = Math.max(now, next.at);
        quiet = 0;
        next.callback();
      }
    }
    setImmediate(pump);
  };
  return {
    now: () => now,
    random,
    after: (milliseconds, callback) => {
      const timer = { at: now + milliseconds, order: order++, callback };
      timers.add(timer);
      quiet = 0;
      if (!pumping) {
        pumping = true;
        setImmediate(pump);
      }
      return () => timers.delete(timer);
    },
    during: async (work) => {
      busy += 1;
      try {
        return await work;
      } finally {
        busy -= 1;
      }
    },
  };
}

export interface Outcome {
  readonly status: number;
  readonly printed: string;
  readonly outputs: Readonly<Partial<Record<OutputName, string>>>;
  readonly summary: string;
  readonly saved: Readonly<Record<string, string>>;
  readonly masked: readonly string[];
  readonly recorded: readonly Recorded[];
  /** Milliseconds of the clock. */
  readonly waited: number;
}

export interface Start {
  readonly event: Event;
  readonly inputs?: Readonly<Record<string, string>>;
  readonly variables?: Readonly<Record<string, string>>;
  readonly faults?: Fault[];
  readonly clock?: ManualClock;
  readonly engine: (input: EngineInput) => Promise<EngineResult>;
  readonly signal?: AbortSignal;
}

function failed(code: string): TypeError {
  return new TypeError('fetch failed', { cause: Object.assign(new Error(code), { code }) });
}

function bodyOf(
  answer: Answered,
  damage: 'none' | 'cut' | 'stall',
  share: number,
  signal: AbortSignal | undefined,
): ReadableStream<Uint8Array> {
  const part = answer.body.subarray(0, Math.floor(answer.body.length * share));
  return new ReadableStream({
    start(controller) {
      if (part.length > 0) controller.enqueue(new Uint8Array(part));
      if (damage === 'none') controller.close();
      else if (damage === 'cut')
        controller.error(new TypeError('terminated', { cause: Object.assign(new Error('other side closed'), { code: 'UND_ERR_SOCKET' }) }));
      else if (signal?.aborted === true) controller.error(signal.reason);
      else signal?.addEventListener('abort', () => controller.error(signal.reason), { once: true });
    },
  });
}

/** Like the platform's `fetch`, over the stand-in. */
export function fetchOver(standIn: StandIn, faults: readonly Fault[], recorded: Recorded[], clock: Clock): typeof globalThis.fetch {
  return async (input, init = {}) => {
    const url = new URL(String(input));
    const signal = init.signal ?? undefined;
    const isStorage = url.origin === new URL(urls.storage).origin;
    const { origin, path }: { origin: Origin; path: string } = isStorage
      ? { origin: 'storage', path: url.pathname }
      : frontPath(url.pathname);
    const headers: Record<string, string> = {};
    for (const [name, value] of Object.entries(init.headers ?? {})) headers[name.toLowerCase()] = String(value);
    const asked: Asked = {
      method: init.method ?? 'GET',
      path,
      query: url.searchParams,
      headers,
      body: typeof init.body === 'string' ? init.body : '',
    };
    const record: Recorded = { origin, asked };
    recorded.push(record);
    await Promise.resolve();
    if (signal?.aborted === true) throw signal.reason;
    const damage = strike(faults, origin, asked);
    if (damage?.kind === 'drop' && !damage.after) throw failed('ECONNRESET');
    if (damage?.kind === 'stall' && damage.at === 'headers') {
      return new Promise((_, reject) => {
        // what happens meanwhile may have been the abort
        if (signal?.aborted === true) reject(signal.reason);
        signal?.addEventListener('abort', () => reject(signal.reason), { once: true });
      });
    }
    const done = damage?.kind === 'answer' ? damage.answer : exchangeWith(standIn, urls, origin, asked);
    if (damage?.kind === 'drop') throw failed('UND_ERR_SOCKET');
    const answer = damage?.kind === 'answer-after' ? damage.answer : damage?.kind === 'change' ? damage.change(done) : done;
    record.answer = answer;
    const empty = answer.status === 204 || answer.status === 304;
    const kind = damage?.kind === 'cut' ? 'cut' : damage?.kind === 'stall' ? 'stall' : 'none';
    const share = damage?.kind === 'cut' ? damage.share : kind === 'stall' ? 0.5 : 1;
    const length = empty ? {} : { 'content-length': String(answer.body.length) };
    return new Response(empty ? null : bodyOf(answer, kind, share, signal), {
      status: answer.status,
      headers: { ...length, date: new Date(clock.now()).toUTCString(), ...answer.headers },
    });
  };
}

export async function start(
  standIn: StandIn,
  { event, inputs = {}, variables = {}, faults = [], clock = createClock(), engine, signal }: Start,
): Promise<Outcome> {
  standIn.now = () => clock.now();
  const folder = mkdtempSync(join(tmpdir(), 'world-'));
  const eventPath = join(folder, 'event.json');
  writeFileSync(eventPath, JSON.stringify(event.payload));
  const outputs: Partial<Record<OutputName, string>> = {};
  const saved: Record<string, string> = {};
  const masked: string[] = [];
  const recorded: Recorded[] = [];
  let printed = '';
  let summary = '';
  const began = clock.now();
  try {
    const status = await run({
      variables: {
        GITHUB_API_URL: urls.api,
        GITHUB_SERVER_URL: urls.server,
        GITHUB_REPOSITORY: `${standIn.owner}/${standIn.repo}`,
        GITHUB_EVENT_NAME: event.name,
        GITHUB_EVENT_PATH: eventPath,
        'INPUT_GITHUB-TOKEN': standIn.token,
        ...Object.fromEntries(Object.entries(inputs).map(([name, value]) => [`INPUT_${name.toUpperCase()}`, value])),
        ...variables,
      },
      fetch: fetchOver(standIn, faults, recorded, clock),
      clock,
      signal: signal ?? new AbortController().signal,
      version: '0.0.0',
      write: (text) => {
        printed += text;
      },
      engine: (input) => clock.during(engine(input)),
      runner: () => ({
        setOutput: async (name, value) => {
          outputs[name] = value;
        },
        addSummary: async (markdown) => {
          summary += markdown;
        },
        mask: async (value) => {
          masked.push(value);
        },
        save: (name, content) => {
          saved[name] = content;
          return name;
        },
      }),
    });
    return { status, printed, outputs, summary, saved, masked, recorded, waited: clock.now() - began };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
