/** Where a crash comes from, and the same crash seen before, through the built action and the sources that the image was built from. */
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from '@jest/globals';
import { launch } from '../../src/demo/launch.js';
import { commentEvent } from '../../src/demo/stand-in/events.js';
import { addComment, addIssue, answers } from '../../src/demo/stand-in/state.js';
import { addTestbedSources } from '../../src/demo/testbed-sources.js';
import { violations } from './openapi.js';
import { ask, callCounts, entry, imageOfCase, nodeAtHand, questionText, scene, withServers } from './scene.js';

const patience = 60_000;

describe('where it comes from', () => {
  test(
    'source, blame, commits and an earlier answer, within ten more calls',
    async () => {
      const { standIn, run } = scene({}, [imageOfCase]);
      const { good, adding } = addTestbedSources(standIn, fileURLToPath(new URL('../../lab/testbed', import.meta.url)), run.headSha);
      addIssue(standIn, { number: 7, body: 'Since yesterday.', state: 'closed' });
      await withServers(standIn, async (running, origins) => {
        const first = addComment(standIn, { number: 7, body: questionText(run), createdAt: '2026-05-10T12:00:00Z' });
        await launch(standIn, running, { entry, node: nodeAtHand, event: commentEvent(standIn, origins, first) });
        const [earlier] = answers(standIn);
        running.recorded.length = 0;
        const result = await ask(standIn, running, `/symbolize run=${run.id} good=${good.slice(0, 10)}\n${questionText(run)}`, {
          variables: { GITHUB_ACTION_REPOSITORY: 'octo-org/tool' },
        });
        expect(result.status).toBe(0);
        const body = answers(standIn).at(-1)?.body ?? '';
        const page = `${running.serverUrl}/octo-org/hypervisor`;
        expect(body).toContain(`<a href="${page}/issues/7#issuecomment-${earlier?.id}">issue 7</a> (`);
        expect(body).toMatch(/=> 20 +u64 value = rdmsr64\(window->first \+ i\);/);
        expect(body).toContain(`<a href="${page}/blob/${run.headSha}/runtime/vmx.c#L20">`);
        expect(body).toContain(`<a href="${page}/commit/${adding}">`);
        expect(body).toContain('in pull request 57');
        expect(body).toContain('Commits that touch this stack (1 of 2)');
        expect(body).toContain(`<a href="${page}/compare/${good}...${run.headSha}">`);
        expect(body).toContain(`${running.serverUrl}/octo-org/tool/issues/new`);
        expect(body).not.toContain('Not looked up');
        const { reads, writes, lookUps } = callCounts(running.recorded);
        expect(reads + writes).toBeLessThanOrEqual(10);
        expect(writes).toBeLessThanOrEqual(3);
        expect(lookUps).toBe(7);
        expect(running.recorded.filter(({ origin }) => origin === 'api').flatMap(violations)).toEqual([]);
      });
    },
    patience,
  );
});
