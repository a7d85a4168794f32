/**
 * Random bad days against the built action, by seed, with real sockets and real time. E2E_FAULTS=200 for the whole.
 */
import { expect, test } from '@jest/globals';
import { launch } from '../../src/demo/launch.js';
import { commentEvent } from '../../src/demo/stand-in/events.js';
import { addComment, answers } from '../../src/demo/stand-in/state.js';
import { faultsOf, generator } from '../build/random-faults.js';
import { entry, imageOfCase, nodeAtHand, questionText, scene, withServers } from './scene.js';

const runs = Number(process.env.E2E_FAULTS ?? 6);

async function one(seed: number): Promise<string | undefined> {
  const { standIn, run } = scene({}, [imageOfCase]);
  const comment = addComment(standIn, { number: 12, body: questionText(run) });
  return withServers(standIn, async (running, origins) => {
    const event = commentEvent(standIn, origins, comment);
    running.faults.push(...faultsOf(generator(seed), standIn, comment.id, () => undefined, true));
    const result = await launch(standIn, running, { entry, node: nodeAtHand, event, terminateAfter: 200_000 });
    const posted = answers(standIn).length;
    if (posted > 1) return `${posted} answers`;
    if (result.status !== 0 && result.status !== 1) return `status ${result.status}: ${result.printed}`;
    if (result.printed.includes('fault of the tool itself')) return result.printed;
    if (posted === 0 && !/::(?:warning|error)::|changed or deleted/.test(result.printed))
      return `nothing posted and nothing told: ${result.printed}`;
    const shown = result.printed.replace(/^::add-mask::.*$/gm, '') + result.summary + JSON.stringify(result.outputs);
    return [standIn.token, ...standIn.signed.keys()].some((secret) => shown.includes(secret)) ? 'a secret is shown' : undefined;
  });
}

test(
  `${runs} random bad days of the built action`,
  async () => {
    const failed: string[] = [];
    for (let seed = 1; seed <= runs; seed += 1) {
      const problem = await one(seed);
      if (problem !== undefined) failed.push(`seed ${seed}: ${problem}`);
    }
    expect(failed).toEqual([]);
  },
  60_000 + runs * 60_000,
);
