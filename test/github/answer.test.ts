/** Every event of the contract, and every failure that a person can cause, in one process. */
import { describe, expect, test } from '@jest/globals';
import { commentEvent, dispatchEvent, issueEvent, runEvent } from '../../src/demo/stand-in/events.js';
import { addArtifact, addComment, addIssue, addRun, answers, type StandIn } from '../../src/demo/stand-in/state.js';
import { writeZip } from '../../src/demo/zip-writer.js';
import { type Outcome, origins, type Start, start } from '../build/github-world.js';
import { workerEngine } from '../build/worker-engine.js';
import { caseLog, fixture, imageOfCase, questionText, scene } from '../e2e/scene.js';

const patience = 60_000;
const engine = workerEngine;

async function asked(
  standIn: StandIn,
  body: string,
  more: Partial<Start> & { readonly author?: string; readonly number?: number } = {},
): Promise<Outcome> {
  const comment = addComment(standIn, {
    number: more.number ?? 12,
    body,
    ...(more.author === undefined ? {} : { author: more.author }),
    createdAt: '2026-06-01T11:59:00Z',
  });
  return start(standIn, { event: commentEvent(standIn, origins, comment), engine, ...more });
}

const bodyOf = (standIn: StandIn): string => answers(standIn)[0]?.body ?? '';

/** Our words of a body, with code marks taken off. */
function wordsOf(standIn: StandIn): string {
  return bodyOf(standIn)
    .replace(/<\/?code>/g, '')
    .replace(/&#(\d+);/g, (_, code) => String.fromCharCode(Number(code)))
    .replaceAll('\u2060', '');
}

describe('failures that a person can cause become one sentence in the comment', () => {
  test(
    'no run named and none found for the revision',
    async () => {
      const { standIn } = scene({}, []);
      const outcome = await asked(standIn, `\`\`\`\n${caseLog}\n\`\`\``);
      expect(outcome.status).toBe(0);
      expect(answers(standIn)).toHaveLength(1);
      expect(wordsOf(standIn)).toContain('No build run is named, and none was found for the log');
      expect(outcome.outputs['crash-count']).toBe('4');
      expect(standIn.reactions.map(({ content }) => content)).toEqual(['eyes', 'confused']);
    },
    patience,
  );

  test(
    'the run is not there',
    async () => {
      const { standIn } = scene({}, []);
      const outcome = await asked(standIn, questionText({ id: 4_242_424_242 }));
      expect(outcome.status).toBe(0);
      expect(wordsOf(standIn)).toContain('The run 4242424242 was not found in octo-org/hypervisor');
      expect(wordsOf(standIn)).toContain('actions: read');
    },
    patience,
  );

  test(
    'the run is still going, and the answer is renewed when it has finished',
    async () => {
      const { standIn, run } = scene({}, [imageOfCase]);
      run.status = 'in_progress';
      await asked(standIn, questionText(run));
      expect(wordsOf(standIn)).toContain(`The run ${run.id} is still going.`);
      expect(bodyOf(standIn).split('\n')[1]).toBe(`<!-- symbolize-serial-crash:waits run=${run.id} -->`);
      run.status = 'completed';
      const outcome = await start(standIn, { event: runEvent(standIn, origins, run), engine });
      expect(outcome.status).toBe(0);
      expect(answers(standIn)).toHaveLength(1);
      expect(wordsOf(standIn)).not.toContain('still going');
      expect(bodyOf(standIn)).not.toContain('waits run');
      expect(outcome.outputs.verdict).toBe('match');
    },
    patience,
  );

  test(
    'another run that completes renews nothing',
    async () => {
      const { standIn, run } = scene({}, [imageOfCase]);
      run.status = 'queued';
      await asked(standIn, questionText(run));
      const before = bodyOf(standIn);
      const other = addRun(standIn, { id: 5_000_000_000 });
      const outcome = await start(standIn, { event: runEvent(standIn, origins, other), engine });
      expect(bodyOf(standIn)).toBe(before);
      expect(outcome.recorded.filter(({ asked: one }) => one.method !== 'GET')).toEqual([]);
    },
    patience,
  );

  test(
    'the artifacts have expired',
    async () => {
      const { standIn, run } = scene({}, [imageOfCase]);
      for (const artifact of standIn.artifacts.values()) artifact.expired = true;
      const outcome = await asked(standIn, questionText(run));
      expect(outcome.status).toBe(0);
      expect(wordsOf(standIn)).toMatch(new RegExp(`The artifacts of the run ${run.id} have expired since \\d{4}-\\d\\d-\\d\\d\\.`));
      expect(wordsOf(standIn)).toContain('Re-run all jobs');
    },
    patience,
  );

  test(
    'expired, but a sibling run of the same commit still has them',
    async () => {
      const { standIn, run } = scene({}, [imageOfCase]);
      const sibling = addRun(standIn, { id: 9_876_543_299, headSha: run.headSha });
      for (const artifact of [...standIn.artifacts.values()]) {
        addArtifact(standIn, { runId: sibling.id, name: artifact.name, bytes: artifact.bytes });
        artifact.expired = true;
      }
      const outcome = await asked(standIn, questionText(run));
      expect(outcome.outputs.verdict).toBe('match');
      expect(wordsOf(standIn)).toContain(`Those of run ${sibling.id}, of the same commit, were used.`);
    },
    patience,
  );

  test(
    'the run has no artifacts',
    async () => {
      const { standIn, run } = scene({}, []);
      await asked(standIn, questionText(run));
      expect(wordsOf(standIn)).toContain(`The run ${run.id} has no artifacts.`);
    },
    patience,
  );

  test(
    'no artifact of that name',
    async () => {
      const { standIn, run } = scene({}, [imageOfCase]);
      await asked(standIn, `/symbolize run=${run.id} artifact=nightly-*\n\n\`\`\`\n${caseLog}\n\`\`\``);
      expect(wordsOf(standIn)).toContain('No artifact of the run 9876543210 is named like nightly-*. It has build-i386-gcc-O0.');
    },
    patience,
  );

  test(
    'no such image in the artifact',
    async () => {
      const { standIn, run } = scene({}, [imageOfCase]);
      await asked(standIn, `/symbolize run=${run.id} image=vmlinux\n\n\`\`\`\n${caseLog}\n\`\`\``);
      expect(wordsOf(standIn)).toContain('No file in the artifacts is named like **/vmlinux.');
    },
    patience,
  );

  test(
    'the command without a crash in the text',
    async () => {
      const { standIn } = scene({}, []);
      const outcome = await asked(standIn, '/symbolize run=9876543210');
      expect(outcome.status).toBe(0);
      expect(wordsOf(standIn)).toContain('No crash was found in the text');
      expect(standIn.reactions.map(({ content }) => content)).toEqual(['eyes', 'confused']);
    },
    patience,
  );

  test(
    'an unknown key is told with the known ones',
    async () => {
      const { standIn, run } = scene({}, [imageOfCase]);
      await asked(standIn, `/symbolize run=${run.id} colour=red\n\n\`\`\`\n${caseLog}\n\`\`\``);
      expect(wordsOf(standIn)).toContain('The command has no key colour. It knows run=, artifact=, image= and good=.');
    },
    patience,
  );

  test(
    'not permitted: told to who used the command, silent for a mere crash',
    async () => {
      const { standIn, run } = scene({}, [imageOfCase]);
      standIn.permissions.set('reporter', 'read');
      const silent = await asked(standIn, questionText(run), { inputs: { 'respond-to': 'write' } });
      expect(silent.status).toBe(0);
      expect(silent.recorded).toHaveLength(1);
      expect(answers(standIn)).toEqual([]);
      await asked(standIn, `/symbolize run=${run.id}`, { inputs: { 'respond-to': 'triage' } });
      expect(wordsOf(standIn)).toContain('Answers here are for people with at least triage permission');
    },
    patience,
  );

  test.each([
    ['triage', 'triage', true],
    ['triage', 'read', false],
    ['write', 'triage', false],
    ['write', 'write', true],
    ['write', 'maintain', true],
    ['triage', 'admin', true],
    ['write', 'none', false],
  ])(
    'respond-to %s and a reporter with %s: %s',
    async (wanted, role, spoken) => {
      const { standIn, run } = scene({}, [imageOfCase]);
      standIn.permissions.set('reporter', role);
      await asked(standIn, questionText(run), { inputs: { 'respond-to': wanted } });
      expect(answers(standIn)).toHaveLength(spoken ? 1 : 0);
    },
    patience,
  );

  test(
    'a run of another repository is refused before any request about it',
    async () => {
      const { standIn } = scene({}, []);
      const outcome = await asked(standIn, `See http://127.0.0.1:8001/someone/else/actions/runs/123456789\n\`\`\`\n${caseLog}\n\`\`\``);
      expect(wordsOf(standIn)).toContain('The run address names someone/else. Only runs of octo-org/hypervisor are read.');
      expect(outcome.recorded.filter(({ asked: one }) => one.path.includes('123456789'))).toEqual([]);
      expect(bodyOf(standIn)).not.toContain('actions/runs/123456789');
    },
    patience,
  );

  test(
    'a fork: labelled, allowed or denied',
    async () => {
      for (const [policy, words, image] of [
        ['label', 'The image was built from the fork stranger/hypervisor', true],
        ['allow', '', true],
        ['deny', 'was built from a fork, and this workflow does not read artifacts of forks', false],
      ] as const) {
        const { standIn, run } = scene({}, []);
        const fork = addRun(standIn, { id: 8_000_000_001, headRepository: 'stranger/hypervisor' });
        addArtifact(standIn, {
          runId: fork.id,
          name: 'build',
          bytes: writeZip([{ path: 'runtime.exe', bytes: fixture(`images/${imageOfCase}/image.elf`) }]),
        });
        const outcome = await asked(standIn, questionText(fork), { inputs: { 'fork-artifacts': policy } });
        expect(run.id).not.toBe(fork.id);
        expect(wordsOf(standIn)).toContain(words);
        expect(wordsOf(standIn).includes('from the fork')).toBe(policy === 'label');
        expect(outcome.outputs.verdict).toBe(image ? 'match' : undefined);
      }
    },
    patience,
  );

  test(
    'a picture and a run address: told once that the text is needed',
    async () => {
      const { standIn, run } = scene({}, [imageOfCase]);
      const text = `http://127.0.0.1:8001/octo-org/hypervisor/actions/runs/${run.id}\n![screen](http://127.0.0.1:8001/user-attachments/assets/0a1b2c)`;
      await asked(standIn, text);
      expect(wordsOf(standIn)).toContain('only there as a picture');
      expect(answers(standIn)).toHaveLength(1);
      expect(standIn.reactions).toEqual([]);
    },
    patience,
  );
});

describe('events', () => {
  test(
    'an edit updates the same answer, and takes it back when the crash is gone',
    async () => {
      const { standIn, run } = scene({}, [imageOfCase]);
      const comment = addComment(standIn, { number: 12, body: `\`\`\`\n${caseLog}\n\`\`\``, createdAt: '2026-06-01T11:59:00Z' });
      await start(standIn, { event: commentEvent(standIn, origins, comment), engine });
      const [first] = answers(standIn);
      expect(wordsOf(standIn)).toContain('No build run is named');
      comment.body = questionText(run);
      await start(standIn, { event: commentEvent(standIn, origins, comment, 'edited'), engine });
      expect(answers(standIn).map(({ id }) => id)).toEqual([first?.id]);
      expect(wordsOf(standIn)).not.toContain('No build run is named');
      comment.body = 'Never mind.';
      const outcome = await start(standIn, { event: commentEvent(standIn, origins, comment, 'edited'), engine });
      expect(outcome.status).toBe(0);
      expect(answers(standIn)).toEqual([]);
    },
    patience,
  );

  test(
    'a deleted question loses its answer, and only its own',
    async () => {
      const { standIn, run } = scene({}, [imageOfCase]);
      const one = addComment(standIn, { number: 12, body: questionText(run), createdAt: '2026-06-01T11:59:00Z' });
      const two = addComment(standIn, { number: 12, body: questionText(run), createdAt: '2026-06-01T11:59:00Z' });
      for (const comment of [one, two]) await start(standIn, { event: commentEvent(standIn, origins, comment), engine });
      expect(answers(standIn)).toHaveLength(2);
      standIn.comments.delete(one.id);
      const outcome = await start(standIn, { event: commentEvent(standIn, origins, one, 'deleted'), engine });
      expect(outcome.status).toBe(0);
      expect(answers(standIn).map(({ body }) => body.includes(`comment=${two.id}`))).toEqual([true]);
    },
    patience,
  );

  test(
    "a stranger's comment with our marker is left alone",
    async () => {
      const { standIn, run } = scene({}, [imageOfCase]);
      const comment = addComment(standIn, { number: 12, body: questionText(run), createdAt: '2026-06-01T11:59:00Z' });
      const forged = addComment(standIn, {
        number: 12,
        author: 'stranger',
        body: `<!-- symbolize-serial-crash:v1 comment=${comment.id} -->\nmine`,
      });
      await start(standIn, { event: commentEvent(standIn, origins, comment), engine });
      expect(standIn.comments.get(forged.id)?.body).toContain('mine');
      expect(answers(standIn)).toHaveLength(1);
    },
    patience,
  );

  test(
    'a second answer, left by two processes that met, is made one',
    async () => {
      const { standIn, run } = scene({}, [imageOfCase]);
      const comment = addComment(standIn, { number: 12, body: questionText(run), createdAt: '2026-06-01T11:59:00Z' });
      for (const body of ['one', 'two'])
        addComment(standIn, {
          number: 12,
          author: standIn.login,
          body: `<!-- symbolize-serial-crash:v1 comment=${comment.id} -->\n${body}`,
        });
      await start(standIn, { event: commentEvent(standIn, origins, comment), engine });
      expect(answers(standIn)).toHaveLength(1);
      expect(bodyOf(standIn)).toContain('read_window');
    },
    patience,
  );

  test(
    'a personal token is known by name, and finds its answer',
    async () => {
      const { standIn, run } = scene({ token: 'ghp_personalTokenOfAMaintainer0123456789', login: 'maintainer' }, [imageOfCase]);
      const comment = addComment(standIn, { number: 12, body: questionText(run), createdAt: '2026-06-01T11:59:00Z' });
      for (const action of ['created', 'edited'] as const)
        await start(standIn, { event: commentEvent(standIn, origins, comment, action), engine });
      expect(answers(standIn)).toHaveLength(1);
    },
    patience,
  );

  test(
    'a review comment is answered on the pull request; from a fork only in the summary',
    async () => {
      const { standIn, run } = scene({}, [imageOfCase]);
      addIssue(standIn, { number: 14, body: 'A change', isPullRequest: true });
      const comment = addComment(standIn, { number: 14, body: questionText(run), review: true, createdAt: '2026-06-01T11:59:00Z' });
      const event = commentEvent(standIn, origins, comment);
      const outcome = await start(standIn, { event, engine });
      expect(outcome.status).toBe(0);
      expect(
        answers(standIn).map(({ number, body }) => [number, body.startsWith(`<!-- symbolize-serial-crash:v1 review=${comment.id} `)]),
      ).toEqual([[14, true]]);
      expect(standIn.reactions.map(({ on, content }) => `${on} ${content}`)).toEqual([
        `review=${comment.id} eyes`,
        `review=${comment.id} rocket`,
      ]);
      const fork = structuredClone(event.payload) as { pull_request: { head: { repo: { full_name: string } } } }; // the shape that commentEvent made
      fork.pull_request.head.repo.full_name = 'stranger/hypervisor';
      const before = answers(standIn).length;
      const silent = await start(standIn, { event: { name: event.name, payload: { ...fork } }, engine });
      expect(silent.recorded.filter(({ asked: one }) => one.method !== 'GET')).toEqual([]);
      expect(silent.summary).toContain('read_window');
      expect(answers(standIn)).toHaveLength(before);
    },
    patience,
  );

  test(
    'the command on a pull request reads its body',
    async () => {
      const { standIn, run } = scene({}, [imageOfCase]);
      addIssue(standIn, { number: 15, body: questionText(run), isPullRequest: true });
      const outcome = await asked(standIn, '/symbolize', { number: 15 });
      expect(outcome.outputs.verdict).toBe('match');
      expect(wordsOf(standIn)).toContain('The log was read from the first text of');
    },
    patience,
  );

  test(
    'an edit of the title alone, a bot and an unknown event are silent',
    async () => {
      const { standIn, run } = scene({}, [imageOfCase]);
      const issue = addIssue(standIn, { number: 16, body: questionText(run) });
      const edited = issueEvent(standIn, origins, issue, 'edited');
      const bot = addComment(standIn, { number: 12, author: 'renovate[bot]', body: questionText(run) });
      const events = [
        { ...edited, payload: { ...edited.payload, changes: { title: { from: 'x' } } } },
        commentEvent(standIn, origins, bot),
        { name: 'push', payload: {} },
        { name: 'issues', payload: { action: 'labeled' } },
        { name: 'issue_comment', payload: { action: 'created' } },
      ];
      for (const event of events) {
        const outcome = await start(standIn, { event, engine });
        expect([outcome.status, outcome.recorded]).toEqual([0, []]);
      }
    },
    patience,
  );

  test(
    'comment: false answers in summary and outputs only',
    async () => {
      const { standIn, run } = scene({}, [imageOfCase]);
      const outcome = await asked(standIn, questionText(run), { inputs: { comment: 'false' } });
      expect(outcome.recorded.filter(({ asked: one }) => one.method !== 'GET')).toEqual([]);
      expect(outcome.summary).toContain('read_window');
      expect(outcome.outputs.verdict).toBe('match');
      expect(outcome.outputs['comment-id']).toBeUndefined();
    },
    patience,
  );

  test(
    'a log in several comments of the same author is put together',
    async () => {
      const { standIn, run } = scene({}, [imageOfCase]);
      const lines = caseLog.split('\n');
      const cut = lines.findIndex((line) => /unhandled exception/.test(line)) - 1;
      addComment(standIn, { number: 12, body: `\`\`\`\n${lines.slice(0, cut).join('\n')}\n\`\`\``, createdAt: '2026-06-01T11:58:00Z' });
      const outcome = await asked(standIn, questionText(run, lines.slice(cut).join('\n')));
      expect(JSON.parse(outcome.saved['report.json'] ?? '{}').log.boots).toHaveLength(1);
      expect(wordsOf(standIn)).toContain('The log was put together from 2 comments of reporter.');
    },
    patience,
  );

  test('a dump cut in two comments is answered once, whole', async () => {
    const { standIn, run } = scene({}, [imageOfCase]);
    const lines = caseLog.split('\n').filter((line) => !/^\[0[023]\]/.test(line));
    const cut = lines.findIndex((line) => /Stack\(/.test(line)) + 20;
    await asked(standIn, questionText(run, lines.slice(0, cut).join('\n')));
    const [first] = answers(standIn);
    const outcome = await asked(standIn, `\`\`\`\n${lines.slice(cut).join('\n')}\n\`\`\``);
    expect(answers(standIn).map(({ id }) => id)).toEqual([first?.id]);
    expect(JSON.parse(outcome.saved['report.json'] ?? '{}').crashes[0].stack.complete).toBe(true);
    expect(wordsOf(standIn)).toContain('The log was put together from 2 comments of reporter.');
  });

  test('the named run is wrong: the one that built the revision is used, and both are told', async () => {
    const { standIn, run } = scene({}, ['amd64-gcc-O0']);
    const revision = /Build revision: \S+-([0-9a-f]{40})/.exec(caseLog)?.[1] ?? '';
    const right = addRun(standIn, { id: 7_000_000_009, headSha: revision });
    addArtifact(standIn, {
      runId: right.id,
      name: 'build',
      bytes: writeZip([{ path: 'runtime.exe', bytes: fixture(`images/${imageOfCase}/image.elf`) }]),
    });
    const outcome = await asked(standIn, questionText(run));
    expect(outcome.outputs.verdict).toBe('match');
    expect(wordsOf(standIn)).toContain(`The image of the run ${run.id}, which is named, does not fit this log.`);
    expect(wordsOf(standIn)).toContain(`run ${right.id} built the revision`);
  });

  test('only a wrong image: no confident stack, and the verdict says so', async () => {
    const { standIn, run } = scene({}, ['amd64-gcc-O0']);
    const outcome = await asked(standIn, questionText(run));
    expect(outcome.outputs.verdict).toBe('mismatch');
    expect(standIn.reactions.map(({ content }) => content)).toEqual(['eyes', 'confused']);
  });
});

describe('workflow_dispatch', () => {
  test(
    'an issue, a comment, a text and an address',
    async () => {
      const { standIn, run } = scene({}, [imageOfCase]);
      const issue = addIssue(standIn, { number: 17, body: questionText(run) });
      const comment = addComment(standIn, { number: 12, body: questionText(run) });
      standIn.files.set('/user-attachments/files/77/boot.log', { bytes: Buffer.from(caseLog), contentType: 'text/plain' });
      const cases = [
        [{ 'issue-number': String(issue.number) }, `issue=${issue.number}`],
        [{ 'comment-id': String(comment.id) }, `comment=${comment.id}`],
        [{ 'issue-number': '12', log: questionText(run) }, 'issue=12'],
        [{ 'issue-number': '12', log: 'http://127.0.0.1:8001/user-attachments/files/77/boot.log', 'run-id': String(run.id) }, 'issue=12'],
      ] as const;
      for (const [inputs, key] of cases) {
        for (const answer of answers(standIn)) standIn.comments.delete(answer.id);
        const outcome = await start(standIn, { event: dispatchEvent(standIn, origins, inputs), engine });
        expect(outcome.printed).not.toContain('::error');
        expect(outcome.outputs.verdict).toBe('match');
        expect(answers(standIn).map(({ body }) => body.split(' sig=')[0])).toEqual([`<!-- symbolize-serial-crash:v1 ${key}`]);
      }
    },
    patience,
  );

  test(
    'a text whose newlines the form has eaten still parses',
    async () => {
      const { standIn, run } = scene({}, [imageOfCase]);
      const outcome = await start(standIn, {
        event: dispatchEvent(standIn, origins, { log: caseLog.replace(/\r?\n/g, ' '), 'run-id': String(run.id) }),
        engine,
      });
      expect(outcome.outputs['crash-count']).toBe('4');
      expect(outcome.summary).toContain('read_window');
    },
    patience,
  );

  test(
    'the issue without a crash: the newest unanswered comment',
    async () => {
      const { standIn, run } = scene({}, [imageOfCase]);
      const one = addComment(standIn, { number: 12, body: questionText(run) });
      const two = addComment(standIn, { number: 12, body: questionText(run) });
      for (const expected of [two, one]) {
        await start(standIn, { event: dispatchEvent(standIn, origins, { 'issue-number': '12' }), engine });
        expect(answers(standIn).at(-1)?.body).toContain(`comment=${expected.id}`);
      }
    },
    patience,
  );

  test(
    'nothing named fails the step and says what is missing',
    async () => {
      const { standIn } = scene({}, []);
      const outcome = await start(standIn, { event: dispatchEvent(standIn, origins), engine });
      expect(outcome.status).toBe(1);
      expect(outcome.printed).toContain('::error::Nothing to read');
    },
    patience,
  );

  test(
    'list: open issues with a log and without an answer',
    async () => {
      const { standIn, run } = scene({}, [imageOfCase]);
      addIssue(standIn, { number: 20, body: questionText(run) });
      addIssue(standIn, { number: 21, body: 'nothing here' });
      addIssue(standIn, { number: 22, body: questionText(run), state: 'closed' });
      addIssue(standIn, { number: 23, body: 'see below' });
      addComment(standIn, { number: 23, body: questionText(run) });
      addIssue(standIn, { number: 24, body: questionText(run) });
      addComment(standIn, { number: 24, author: standIn.login, body: '<!-- symbolize-serial-crash:v1 issue=24 -->\nanswered' });
      addIssue(standIn, { number: 25, body: questionText(run) });
      addComment(standIn, { number: 25, author: 'stranger', body: '<!-- symbolize-serial-crash:v1 issue=25 -->\nforged' });
      const outcome = await start(standIn, { event: dispatchEvent(standIn, origins, { list: 'true' }), engine });
      expect(outcome.outputs.issues).toBe('[20,23,25]');
      expect(outcome.recorded.filter(({ asked: one }) => one.method !== 'GET')).toEqual([]);
    },
    patience,
  );
});

describe('the workflow itself is wrong', () => {
  test.each([
    [{ 'run-id': 'latest' }, 'run-id'],
    [{ 'fork-artifacts': 'maybe' }, 'fork-artifacts'],
    [{ 'respond-to': 'me' }, 'respond-to'],
    [{ comment: 'yes' }, 'comment'],
    [{ 'github-token': '' }, 'github-token'],
  ])(
    'the input %j fails the step and is named',
    async (inputs, name) => {
      const { standIn } = scene({}, []);
      const outcome = await asked(standIn, 'hello', { inputs });
      expect(outcome.status).toBe(1);
      expect(outcome.printed).toMatch(new RegExp(`^::error::The input ${name} `));
    },
    patience,
  );
});

test(
  'a maintainer who starts the workflow by hand may ask for somebody who may not',
  async () => {
    const { standIn, run } = scene({}, [imageOfCase]);
    const comment = addComment(standIn, { number: 12, body: questionText(run) });
    const event = dispatchEvent(standIn, origins, { 'comment-id': String(comment.id) });
    const outcome = await start(standIn, { event, engine, inputs: { 'respond-to': 'write' } });
    expect(outcome.outputs.verdict).toBe('match');
  },
  patience,
);

test(
  'our answer, quoted by a person, is no question',
  async () => {
    const assertion = "Fatal: Halting! Condition 'vcpu->isbsp' failed, line 42, file arch/x86/vmx/part.c";
    for (const log of [caseLog, `${caseLog}\n${assertion}`, caseLog.split('\n').slice(0, 9).join('\n') + assertion]) {
      const { standIn, run } = scene({}, [imageOfCase]);
      await asked(standIn, questionText(run, log));
      const [answer] = answers(standIn);
      const quoted = (answer?.body ?? '')
        .split('\n')
        .map((line) => `> ${line}`)
        .join('\n');
      const outcome = await asked(standIn, `${quoted}\n\nThanks, that helps.`);
      expect(answers(standIn)).toHaveLength(1);
      expect(outcome.recorded.filter(({ asked: one }) => one.method !== 'GET')).toEqual([]);
    }
  },
  patience,
);

test(
  "the workflow's run-id wins over the one in the text",
  async () => {
    const { standIn, run } = scene({}, [imageOfCase]);
    const outcome = await asked(standIn, questionText({ id: 1_111_111_111 }), { inputs: { 'run-id': String(run.id) } });
    expect(outcome.outputs.verdict).toBe('match');
    expect(wordsOf(standIn)).toContain(`The run ${run.id} is named by the workflow's input.`);
    expect(outcome.recorded.filter(({ asked: one }) => one.path.includes('1111111111'))).toEqual([]);
  },
  patience,
);

test(
  'a fault of the tool is told in the answer and fails the step',
  async () => {
    const { standIn, run } = scene({}, [imageOfCase]);
    const outcome = await asked(standIn, questionText(run), { engine: async () => ({ kind: 'fault', detail: 'x is not a function' }) });
    expect(outcome.status).toBe(1);
    expect(outcome.printed).toContain('::error::This is a fault of the tool itself: Error: x is not a function');
    expect(wordsOf(standIn)).toContain('This tool failed while it worked on the log.');
    expect(wordsOf(standIn)).not.toContain('x is not a function');
    expect(standIn.reactions.map(({ content }) => content)).toEqual(['eyes', 'confused']);
  },
  patience,
);

test(
  'an image that is too complex costs the image, a log that is costs the report, never the answer',
  async () => {
    const { standIn, run } = scene({}, [imageOfCase]);
    const heavy = async (input: Parameters<typeof engine>[0]) =>
      input.images.length > 0 ? ({ kind: 'too-complex', detail: 'it took longer than 60 s' } as const) : engine(input);
    const outcome = await asked(standIn, questionText(run), { engine: heavy });
    expect(outcome.status).toBe(0);
    expect(wordsOf(standIn)).toContain('The image testbed/runtime/runtime.exe is too complex or damaged: it took longer than 60 s.');
    expect(outcome.outputs['crash-count']).toBe('4');
    const none = scene({}, [imageOfCase]);
    await asked(none.standIn, questionText(run), { engine: async () => ({ kind: 'too-complex', detail: 'it took longer than 60 s' }) });
    expect(wordsOf(none.standIn)).toContain('The log is too complex or damaged: it took longer than 60 s.');
  },
  patience,
);
