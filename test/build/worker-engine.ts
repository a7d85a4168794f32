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

export function workerEngine(input: EngineInput): Promise<EngineResult> {
  const key = keyOf(input);
  const before = known.get(key);
  if (before !== undefined) return before;
  const made = new Promise<EngineResult>((resolve, reject) => {
    const thread = new Worker(worker, { workerData: input });
    thread.once('message', (result: EngineResult) => {
      resolve(result);
      thread.terminate();
    });
    thread.once('error', reject);
  });
  known.set(key, made);
  return made;
}
