/** A small budget of every target; `npm run fuzz -- --minutes N` runs the same for as long as asked. */
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from '@jest/globals';
import { random } from './mutate.js';
import { readCorpus, targets } from './targets.js';

const corpus = readCorpus(fileURLToPath(new URL('../../fixtures', import.meta.url)));
const inputs = 40;
const { now } = performance;

describe.each(Object.entries(targets))('%s', (name, target) => {
  test(`${inputs} mutated inputs keep every promise`, async () => {
    for (let seed = 1; seed <= inputs; seed += 1) {
      const started = now.call(performance);
      try {
        await target(corpus, random(seed));
      } catch (error) {
        throw new Error(`${name}, seed ${seed}: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
      }
      expect(now.call(performance) - started).toBeLessThan(20_000);
    }
  }, 120_000);
});
