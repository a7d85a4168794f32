/** The built action as a process of its own against the stand-in: a comment with a real log and a run goes in, one answer comes out. */
import { describe, expect, test } from '@jest/globals';
import { launch } from '../../src/demo/launch.js';
import { commentEvent, issueEvent } from '../../src/demo/stand-in/events.js';
import { addComment, addIssue, answers } from '../../src/demo/stand-in/state.js';
import { violations } from './openapi.js';
import { ask, callCounts, entry, imageOfCase, node24, nodeAtHand, questionText, scene, withServers } from './scene.js';

const patience = 60_000;

const node = node24();
const nodes: [string, string][] = [
  ['the Node at hand', nodeAtHand],
  ...(node === undefined ? [] : [['Node 24', node] satisfies [string, string]]),
];

describe('a comment with a log and a run', () => {
  test.each(nodes)(
    'is answered once, within the call budget, on %s',
    async (_, binary) => {
      const { standIn, run } = scene({}, [imageOfCase]);
      await withServers(standIn, async (running) => {
        const result = await ask(standIn, running, questionText(run), { node: binary });
        expect(result.printed).not.toMatch(/::error/);
        expect(result.status).toBe(0);
        const [answer, ...more] = answers(standIn);
        expect(more).toEqual([]);
        expect(answer?.number).toBe(12);
        expect(answer?.body).toMatch(/^<!-- symbolize-serial-crash:v1 comment=1002 sig=[0-9a-f]+ -->\n/);
        expect(answer?.body).toContain('read_window');
        expect(answer?.body).toContain('IA32_VMX_VMFUNC');
        expect(result.outputs).toMatchObject({
          verdict: 'match',
          'suspected-msr': '0x491',
          'crash-count': '4',
          'comment-id': String(answer?.id),
        });
        expect(result.outputs['comment-url']).toBe(`${running.serverUrl}/octo-org/hypervisor/issues/12#issuecomment-${answer?.id}`);
        expect(JSON.parse(result.report ?? '').crashes).toHaveLength(4);
        expect(result.annotatedLog).toContain('read_window');
        expect(result.summary).toContain('read_window');
        expect(result.forbidden).toBe('');
        expect(standIn.reactions.map(({ on, content }) => `${on} ${content}`)).toEqual(['comment=1002 eyes', 'comment=1002 rocket']);
        const { reads, writes, lookUps } = callCounts(running.recorded);
        expect(reads + writes).toBeLessThanOrEqual(10);
        expect(writes).toBeLessThanOrEqual(3);
        expect(lookUps).toBeLessThanOrEqual(10);
        expect(running.recorded.filter(({ origin }) => origin === 'api').flatMap(violations)).toEqual([]);
      });
    },
    patience,
  );

  test(
    'never sends the token to storage and prints no signed address',
    async () => {
      const { standIn, run } = scene({}, [imageOfCase]);
      await withServers(standIn, async (running) => {
        const result = await ask(standIn, running, questionText(run), { variables: { ACTIONS_STEP_DEBUG: 'true', RUNNER_DEBUG: '1' } });
        const storage = running.recorded.filter(({ origin }) => origin === 'storage');
        expect(storage.length).toBeGreaterThan(0);
        for (const { asked } of storage) expect(JSON.stringify(asked.headers)).not.toContain(standIn.token);
        const shown = [
          result.printed.replace(/^::add-mask::.*$/gm, ''),
          result.summary,
          JSON.stringify(result.outputs),
          result.report,
          answers(standIn)[0]?.body,
        ].join('\n');
        expect(shown).not.toContain(standIn.token);
        expect(shown).not.toContain('sig=60');
        for (const signature of standIn.signed.keys()) expect(shown).not.toContain(signature);
      });
    },
    patience,
  );

  test(
    'an issue of its own is answered under the same rules',
    async () => {
      const { standIn, run } = scene({}, [imageOfCase]);
      const issue = addIssue(standIn, { number: 13, body: questionText(run) });
      await withServers(standIn, async (running, origins) => {
        const result = await launch(standIn, running, { entry, node: nodeAtHand, event: issueEvent(standIn, origins, issue) });
        expect(result.status).toBe(0);
        expect(answers(standIn).map(({ number, body }) => [number, body.split('\n')[0]?.replace(/ sig=\w+/, '')])).toEqual([
          [13, '<!-- symbolize-serial-crash:v1 issue=13 -->'],
        ]);
        expect(running.recorded.filter(({ origin }) => origin === 'api').flatMap(violations)).toEqual([]);
      });
    },
    patience,
  );

  test(
    'of several artifacts the evidence picks the right one',
    async () => {
      const { standIn, run } = scene();
      await withServers(standIn, async (running) => {
        const result = await ask(standIn, running, questionText(run));
        expect(result.outputs.verdict).toBe('match');
        expect(answers(standIn)[0]?.body).toContain(`build-${imageOfCase}`);
        const { reads, writes } = callCounts(running.recorded);
        expect(reads + writes).toBeLessThanOrEqual(9 + standIn.artifacts.size);
      });
    },
    patience,
  );
});

describe('silence', () => {
  test(
    'a comment about something else makes no call at all',
    async () => {
      const { standIn } = scene({}, []);
      await withServers(standIn, async (running) => {
        const result = await ask(standIn, running, 'Thanks, I will try run 9876543210 tomorrow.');
        expect(result.status).toBe(0);
        expect(running.recorded).toEqual([]);
        expect(result.summary).toBe('');
      });
    },
    patience,
  );

  test(
    'our own answer, fed back as a question by anybody, is never one',
    async () => {
      const { standIn, run } = scene({}, [imageOfCase]);
      await withServers(standIn, async (running, origins) => {
        await ask(standIn, running, questionText(run));
        const [answer] = answers(standIn);
        running.recorded.length = 0;
        for (const author of ['github-actions[bot]', 'reporter']) {
          const echo = addComment(standIn, { number: 12, author, body: answer?.body ?? '' });
          const result = await launch(standIn, running, { entry, node: nodeAtHand, event: commentEvent(standIn, origins, echo) });
          expect(result.status).toBe(0);
        }
        expect(running.recorded).toEqual([]);
      });
    },
    patience,
  );
});
