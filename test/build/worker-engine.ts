/** The engine of the built worker, as `src/engine.ts` starts it, remembering what it answered: the same input is asked thousands of times. */
import { createHash } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import type { EngineInput, EngineResult } from '../../src/engine.js';

const worker = `${process.env.DIST ?? fileURLToPath(new URL('../../dist', import.meta.url))}/worker.js`;
const known = new Map<string, Promise<EngineResult>>();

function keyOf(input: EngineInput): string {
  const { images, ...rest } = input;
  const hash = createHash('sha256').update(JSON.stringify(rest));
  for (const { path, bytes } of images) hash.update(path).update(bytes);
  return hash.digest('hex');
}

function thread(input: EngineInput): { readonly worker: Worker; readonly next: () => Promise<EngineResult> } {
  const made = new Worker(worker, { workerData: input });
  const next = (): Promise<EngineResult> =>
    new Promise((resolve, reject) => {
      made.once('message', resolve);
      made.once('error', reject);
    });
  return { worker: made, next };
}

async function ask(input: EngineInput, key: string): Promise<EngineResult> {
  const first = thread(input);
  const result = await first.next();
  if (result.kind !== 'answer' || input.hold !== true) {
    void first.worker.terminate();
    return result;
  }
  first.worker.unref();
  let waiting: typeof first | undefined = first;
  const finish = (context: EngineInput['context']): Promise<EngineResult> =>
    remembered(`${key} ${JSON.stringify(context)}`, async () => {
      // asked again in another context: analysed again, for a worker finishes once
      const { worker: running, next } = waiting ?? thread(input);
      if (waiting === undefined) await next();
      waiting = undefined;
      running.ref();
      running.postMessage(context);
      const last = await next();
      void running.terminate();
      return last;
    });
  return { ...result, finish };
}

function remembered(key: string, make: () => Promise<EngineResult>): Promise<EngineResult> {
  const before = known.get(key);
  if (before !== undefined) return before;
  const made = make();
  known.set(key, made);
  return made;
}

export function workerEngine(input: EngineInput): Promise<EngineResult> {
  const key = keyOf(input);
  return remembered(key, () => ask(input, key));
}
