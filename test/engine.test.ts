/** The wall round the engine: limits, faults, and an analysis that is held until it is rendered. */
import { pathToFileURL } from 'node:url';
import { describe, expect, test } from '@jest/globals';
import { type EngineInput, runEngine } from '../src/engine.js';
import { caseLog, dist, fixture, imageOfCase } from './e2e/scene.js';

const worker = pathToFileURL(`${dist}/worker.js`);
const context: EngineInput['context'] = { tool: '1.0', provenance: [], candidates: [], warnings: [] };
const input: EngineInput = {
  logText: caseLog,
  images: [{ path: 'runtime.exe', bytes: fixture(`images/${imageOfCase}/image.elf`) }],
  question: 'issue=1',
  context,
  render: true,
};

describe('the engine', () => {
  test('answers at once without hold', async () => {
    const result = await runEngine(input, { worker });
    expect(result).toMatchObject({ kind: 'answer', verdict: 'match', crashCount: 4 });
    expect(result.kind === 'answer' ? [result.facts, result.finish] : result).toEqual([undefined, undefined]);
    expect(result.kind === 'answer' ? result.markdown : '').toContain('read_window');
  });

  test('holds its analysis, tells the facts, and renders the same once it has the context', async () => {
    const plain = await runEngine(input, { worker });
    const held = await runEngine({ ...input, hold: true }, { worker });
    if (held.kind !== 'answer' || held.finish === undefined || plain.kind !== 'answer') throw new Error('no answer is held');
    expect(held.markdown).toBeUndefined();
    expect(held.facts).toMatchObject({ guilty: 1, signatureHash: /sig=([0-9a-f]+)/.exec(plain.markdown ?? '')?.[1] });
    expect(held.facts?.places[1]).toMatchObject({ function: 'read_window', file: '/testbed/runtime/vmx.c' });
    expect(await held.finish(context)).toEqual(plain);
    const again = await runEngine({ ...input, hold: true }, { worker });
    const finished = again.kind === 'answer' ? await again.finish?.({ ...context, warnings: [['Mind this.']] }) : undefined;
    expect(finished?.kind === 'answer' ? finished.markdown : '').toContain('Mind this.');
  });

  test('finishes once; after that it says so instead of waiting for ever', async () => {
    const held = await runEngine({ ...input, hold: true }, { worker });
    if (held.kind !== 'answer' || held.finish === undefined) throw new Error('no answer is held');
    await held.finish(context);
    expect(await held.finish(context)).toMatchObject({ kind: 'fault' });
  });

  test('over the time or the memory is too complex', async () => {
    expect(await runEngine(input, { worker, timeout: 1 })).toMatchObject({ kind: 'too-complex', detail: 'it took longer than 0.001 s' });
    expect(await runEngine({ ...input, logText: caseLog.repeat(400) }, { worker, memory: 8 })).toMatchObject({
      kind: 'too-complex',
      detail: 'it needed more than 8 MB of memory',
    });
  });

  test('a worker that cannot start is a fault', async () => {
    const missing = pathToFileURL('/nowhere/worker.js');
    expect(await runEngine(input, { worker: missing })).toMatchObject({ kind: 'fault' });
  });
});
