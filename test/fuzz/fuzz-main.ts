/** `npm run fuzz -- --minutes N [--target NAME] [--seed N]`: every target in turn, until the time is over or a finding is made. */
import { parseArgs } from 'node:util';
import { random } from './mutate.js';
import { readCorpus, targets } from './targets.js';

const { values } = parseArgs({
  options: { minutes: { type: 'string', default: '1' }, target: { type: 'string' }, seed: { type: 'string' } },
});
async function main(): Promise<void> {
  const corpus = readCorpus('fixtures');
  const chosen = Object.entries(targets).filter(([name]) => values.target === undefined || name === values.target);
  const until = Date.now() + Number(values.minutes) * 60_000;
  const counts = new Map<string, number>();
  let slowest = { name: '', seed: 0, milliseconds: 0 };
  let findings = 0;
  for (let seed = Number(values.seed ?? Date.now() % 1_000_000_000); Date.now() < until; seed += 1) {
    for (const [name, target] of chosen) {
      const started = performance.now();
      try {
        await target(corpus, random(seed));
      } catch (error) {
        findings += 1;
        console.log(
          `finding: --target ${JSON.stringify(name)} --seed ${seed}: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`,
        );
        process.exitCode = 1;
      }
      const milliseconds = performance.now() - started;
      if (milliseconds > slowest.milliseconds) slowest = { name, seed, milliseconds };
      counts.set(name, (counts.get(name) ?? 0) + 1);
    }
    if (findings >= 20 || (values.seed !== undefined && values.minutes === '0')) break;
  }
  for (const [name, count] of counts) console.log(`${name}: ${count} inputs`);
  console.log(`slowest: ${slowest.name}, seed ${slowest.seed}: ${slowest.milliseconds.toFixed(0)} ms; findings: ${findings}`);
}

void main();
