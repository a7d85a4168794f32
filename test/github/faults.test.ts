/** GitHub's bad days, one row after the other: exactly one answer or one clear failure, in time, and nothing sent twice. */
import { describe, expect, test } from '@jest/globals';
import { commentEvent, dispatchEvent } from '../../src/demo/stand-in/events.js';
import { type Damage, type Fault, failure, type Origin } from '../../src/demo/stand-in/faults.js';
import type { Answered } from '../../src/demo/stand-in/routes.js';
import { addArtifact, addComment, addRun, answers, type StandIn } from '../../src/demo/stand-in/state.js';
import { writeZip } from '../../src/demo/zip-writer.js';
import { cancelled } from '../../src/github/transfer.js';
import { type Outcome, origins, type Start, start } from '../build/github-world.js';
import { workerEngine } from '../build/worker-engine.js';
import { caseLog, fixture, imageOfCase, questionText, scene } from '../e2e/scene.js';

const patience = 60_000;
const began = Date.parse('2026-06-01T12:00:00Z');

async function asked(standIn: StandIn, faults: Fault[], more: Partial<Start> & { readonly body?: string } = {}): Promise<Outcome> {
  const [run] = standIn.runs.values();
  const body = more.body ?? questionText(run ?? { id: 1 });
  const comment = addComment(standIn, { number: 12, body, createdAt: '2026-06-01T11:59:00Z' });
  return start(standIn, { event: commentEvent(standIn, origins, comment), engine: workerEngine, faults, ...more });
}

function fault(origin: Origin, method: string, path: RegExp, damage: Damage, times = 1, meanwhile?: () => void): Fault {
  return {
    matches: (where, one) => where === origin && one.method === method && path.test(one.path),
    times,
    damage,
    ...(meanwhile === undefined ? {} : { meanwhile }),
  };
}

const answer = (given: Answered): Damage => ({ kind: 'answer', answer: given });
const requests = (outcome: Outcome, method: string, path: RegExp): number =>
  outcome.recorded.filter(({ asked: one }) => one.method === method && path.test(one.path)).length;
const postPath = /\/issues\/12\/comments$/;
const runPath = /\/actions\/runs\/[0-9]+$/;
const listPath = /\/artifacts$/;

function expectAnswered(standIn: StandIn, outcome: Outcome): void {
  expect(outcome.printed).not.toContain('::error');
  expect(outcome.status).toBe(0);
  expect(outcome.outputs.verdict).toBe('match');
  expect(answers(standIn)).toHaveLength(1);
}

function wordsOf(standIn: StandIn): string {
  return (answers(standIn)[0]?.body ?? '')
    .replace(/<\/?code>/g, '')
    .replace(/&#(\d+);/g, (_, code) => String.fromCharCode(Number(code)))
    .replaceAll('\u2060', '');
}

describe('rate limits', () => {
  const primary = (seconds: number, skew = 0): Damage =>
    answer(
      failure(403, 'API rate limit exceeded', {
        'x-ratelimit-remaining': '0',
        'x-ratelimit-reset': String(began / 1000 + skew + seconds),
        date: new Date(began + skew * 1000).toUTCString(),
      }),
    );

  test(
    'primary, reset in 2 s: one retry, not earlier',
    async () => {
      const { standIn } = scene({}, [imageOfCase]);
      const outcome = await asked(standIn, [fault('api', 'GET', runPath, primary(2))]);
      expectAnswered(standIn, outcome);
      expect(outcome.waited).toBeGreaterThanOrEqual(2000);
      expect(requests(outcome, 'GET', runPath)).toBe(2);
    },
    patience,
  );

  test(
    'primary, reset in an hour: the step passes with a warning that tells when, at once',
    async () => {
      const { standIn } = scene({}, [imageOfCase]);
      const outcome = await asked(standIn, [{ ...fault('api', 'GET', /./, primary(3600), 99) }]);
      expect(outcome.status).toBe(0);
      expect(outcome.printed).toContain("::warning::GitHub's rate limit is used up until 2026-06-01T13:00:00Z");
      expect(outcome.summary).toContain('rate limit');
      expect(outcome.waited).toBeLessThan(5000);
      expect(answers(standIn)).toEqual([]);
    },
    patience,
  );

  test.each([3600, -3600])(
    "GitHub's clock counts, not ours (%i s apart)",
    async (skew) => {
      const { standIn } = scene({}, [imageOfCase]);
      const outcome = await asked(standIn, [fault('api', 'GET', runPath, primary(3, skew))]);
      expectAnswered(standIn, outcome);
      expect(outcome.waited).toBeGreaterThanOrEqual(3000);
      expect(outcome.waited).toBeLessThan(10_000);
    },
    patience,
  );

  test.each([
    ['1', 1000, true],
    ['59', 59_000, true],
    ['3600', 0, false],
    [undefined, 60_000, true],
    [new Date(began + 5000).toUTCString(), 4000, true],
    ['soon', 60_000, true],
    ['-5', 60_000, true],
  ])(
    'secondary with Retry-After %s',
    async (after, atLeast, ends) => {
      const { standIn } = scene({}, [imageOfCase]);
      const headers = after === undefined ? {} : { 'retry-after': after };
      const damage = answer(failure(403, 'You have exceeded a secondary rate limit', headers));
      const outcome = await asked(standIn, [fault('api', 'POST', postPath, damage)]);
      if (ends) expectAnswered(standIn, outcome);
      else expect([outcome.status, answers(standIn).length, outcome.printed.includes('rate limit')]).toEqual([0, 0, true]);
      expect(outcome.waited).toBeGreaterThanOrEqual(atLeast);
      expect(outcome.waited).toBeLessThan(atLeast + 5000);
    },
    patience,
  );
});

describe('sick servers', () => {
  test.each([0, 1, 2, 3, 4])(
    '%i failures of 5xx on a read',
    async (times) => {
      for (const status of [500, 502, 503, 504]) {
        const { standIn } = scene({}, [imageOfCase]);
        const outcome = await asked(standIn, [fault('api', 'GET', listPath, answer(failure(status)), times)]);
        expect(answers(standIn)).toHaveLength(1);
        expect(outcome.status).toBe(0);
        if (times <= 3) expect(outcome.outputs.verdict).toBe('match');
        else expect(wordsOf(standIn)).toContain(`GitHub could not be asked: it answered ${status}.`);
        expect(requests(outcome, 'GET', listPath)).toBe(Math.min(times + 1, 4));
      }
    },
    patience,
  );

  test.each<[string, Damage]>([
    ['502 after it was stored', { kind: 'answer-after', answer: failure(502) }],
    ['the line dropped after it was stored', { kind: 'drop', after: true }],
    ['an answer that stalls after it was stored', { kind: 'stall', at: 'body' }],
    ['garbage after it was stored', { kind: 'answer-after', answer: { status: 201, headers: {}, body: Buffer.from('<html>') } }],
  ])(
    'a POST with %s is not repeated',
    async (_, damage) => {
      const { standIn } = scene({}, [imageOfCase]);
      const outcome = await asked(standIn, [fault('api', 'POST', postPath, damage)]);
      expectAnswered(standIn, outcome);
      expect(requests(outcome, 'POST', postPath)).toBe(1);
      expect(outcome.outputs['comment-id']).toBe(String(answers(standIn)[0]?.id));
    },
    patience,
  );

  test(
    'a POST that failed before it was stored is sent again',
    async () => {
      const { standIn } = scene({}, [imageOfCase]);
      const outcome = await asked(standIn, [fault('api', 'POST', postPath, { kind: 'drop', after: false }, 2)]);
      expectAnswered(standIn, outcome);
      expect(requests(outcome, 'POST', postPath)).toBe(3);
    },
    patience,
  );

  test.each<[string, Origin, RegExp, Damage]>([
    ['API before the headers', 'api', runPath, { kind: 'stall', at: 'headers' }],
    ['API in the body', 'api', runPath, { kind: 'stall', at: 'body' }],
    ['storage before the headers', 'storage', /./, { kind: 'stall', at: 'headers' }],
    ['storage in the body', 'storage', /./, { kind: 'stall', at: 'body' }],
  ])(
    'a stall of the %s ends in time',
    async (_, origin, path, damage) => {
      const { standIn } = scene({}, [imageOfCase]);
      const once = await asked(standIn, [fault(origin, 'GET', path, damage)]);
      expectAnswered(standIn, once);
      expect(once.waited).toBeLessThan(60_000);
      const always = scene({}, [imageOfCase]);
      const outcome = await asked(always.standIn, [fault(origin, 'GET', path, damage, 99)]);
      expect(outcome.status).toBe(0);
      expect(outcome.outputs.verdict).toBeUndefined();
      expect(answers(always.standIn)).toHaveLength(1);
      expect(outcome.waited).toBeLessThan(300_000);
    },
    patience,
  );

  test.each([0, 0.01, 0.5, 0.99])(
    'a body from storage cut at %f is fetched again at a fresh address',
    async (share) => {
      const { standIn } = scene({}, [imageOfCase]);
      const outcome = await asked(standIn, [fault('storage', 'GET', /./, { kind: 'cut', share }, 2)]);
      expectAnswered(standIn, outcome);
      expect(requests(outcome, 'GET', /\/zip$/)).toBe(3);
    },
    patience,
  );

  test.each<[string, (given: Answered) => Answered]>([
    ['a wrong Content-Length', (given) => ({ ...given, headers: { ...given.headers, 'content-length': String(given.body.length + 7) } })],
    ['another range than asked', (given) => ({ ...given, headers: { ...given.headers, 'content-range': 'bytes 0-9/10' } })],
    ['no Content-Range', (given) => ({ ...given, headers: { 'content-type': 'application/zip' } })],
  ])(
    '%s from storage is refused and asked again',
    async (_, change) => {
      const { standIn } = scene({}, [imageOfCase]);
      const outcome = await asked(standIn, [fault('storage', 'GET', /./, { kind: 'change', change })]);
      expectAnswered(standIn, outcome);
      expect(requests(outcome, 'GET', /\/zip$/)).toBe(2);
    },
    patience,
  );

  test(
    'a signed address that has run out: the API is asked again, never the same address',
    async () => {
      const { standIn } = scene({}, [imageOfCase]);
      const expired: Answered = { status: 403, headers: { 'content-type': 'application/xml' }, body: Buffer.from('<Error/>') };
      const outcome = await asked(standIn, [fault('storage', 'GET', /./, answer(expired))]);
      expectAnswered(standIn, outcome);
      expect(requests(outcome, 'GET', /\/zip$/)).toBe(2);
      const storage = outcome.recorded.filter(({ origin }) => origin === 'storage').map(({ asked: one }) => one.query.get('sig'));
      expect(storage[0]).not.toBe(storage[1]);
    },
    patience,
  );

  test(
    'storage that ignores ranges sends the whole, whose digest is then checked',
    async () => {
      for (const right of [true, false]) {
        const { standIn, run } = scene({}, []);
        const bytes = writeZip([
          { path: 'runtime.exe', bytes: fixture(`images/${imageOfCase}/image.elf`) },
          { path: 'more.bin', bytes: Buffer.alloc(200_000, 'random-ish'.repeat(7)) },
        ]);
        const { createHash } = await import('node:crypto');
        const sum = createHash('sha256').update(bytes).digest('hex');
        addArtifact(standIn, {
          runId: run.id,
          name: 'build',
          bytes,
          digest: `sha256:${right ? sum : sum.replace(/^./, (digit) => (digit === '0' ? '1' : '0'))}`,
        });
        const whole = (given: Answered): Answered => ({ status: 200, headers: given.headers, body: bytes });
        const outcome = await asked(standIn, [fault('storage', 'GET', /./, { kind: 'change', change: whole }, 9)]);
        if (right) expectAnswered(standIn, outcome);
        else expect(wordsOf(standIn)).toContain('does not have the digest that GitHub lists for it');
      }
    },
    patience,
  );

  test.each<[string, Answered]>([
    ['HTML with 200', { status: 200, headers: { 'content-type': 'text/html' }, body: Buffer.from('<html>Unicorn</html>') }],
    ['an empty 200', { status: 200, headers: { 'content-type': 'application/json' }, body: Buffer.alloc(0) }],
    ['half a JSON', { status: 200, headers: { 'content-type': 'application/json' }, body: Buffer.from('{"artifacts": [') }],
    ['a JSON of 6 MB', { status: 200, headers: { 'content-type': 'application/json' }, body: Buffer.from(`"${'x'.repeat(6_000_000)}"`) }],
  ])(
    '%s in place of an answer',
    async (_, given) => {
      const { standIn } = scene({}, [imageOfCase]);
      const outcome = await asked(standIn, [fault('api', 'GET', listPath, answer(given), 99)]);
      expect(outcome.status).toBe(0);
      expect(answers(standIn)).toHaveLength(1);
      expect(wordsOf(standIn)).toContain('GitHub could not be asked');
    },
    patience,
  );

  test(
    'storage sends a page in place of a ZIP',
    async () => {
      const { standIn, run } = scene({}, []);
      addArtifact(standIn, { runId: run.id, name: 'build', bytes: Buffer.from('<html>Service unavailable</html>'.repeat(10)) });
      await asked(standIn, []);
      expect(wordsOf(standIn)).toContain('storage sent neither a ZIP nor an ELF');
      expect(wordsOf(standIn)).not.toContain('Service unavailable');
    },
    patience,
  );

  test(
    'a reaction that fails harms nothing',
    async () => {
      const { standIn } = scene({}, [imageOfCase]);
      const outcome = await asked(standIn, [fault('api', 'POST', /\/reactions$/, answer(failure(500)), 99)]);
      expectAnswered(standIn, outcome);
    },
    patience,
  );
});

describe('runs and artifacts', () => {
  test(
    '410 for the artifact that the listing still had',
    async () => {
      const { standIn } = scene({}, [imageOfCase]);
      const outcome = await asked(standIn, [fault('api', 'GET', /\/zip$/, answer(failure(410, 'Artifact has expired')), 9)]);
      expect(outcome.status).toBe(0);
      expect(wordsOf(standIn)).toContain('has expired');
      expect(requests(outcome, 'GET', /\/zip$/)).toBe(1);
    },
    patience,
  );

  test(
    'the run is deleted between two calls',
    async () => {
      const { standIn, run } = scene({}, [imageOfCase]);
      const outcome = await asked(standIn, [fault('api', 'GET', listPath, answer(failure(404, 'Not Found')))]);
      expect(outcome.status).toBe(0);
      expect(wordsOf(standIn)).toContain(`The run ${run.id} was deleted.`);
    },
    patience,
  );

  test(
    'a missing permission is named and fails the step, after the answer',
    async () => {
      const { standIn } = scene({}, [imageOfCase]);
      const refused = failure(403, 'Resource not accessible by integration', { 'x-accepted-github-permissions': 'actions=read' });
      const outcome = await asked(standIn, [fault('api', 'GET', runPath, answer(refused))]);
      expect(outcome.status).toBe(1);
      expect(outcome.printed).toContain('::error::The token may not do this. Add actions: read under permissions in the workflow.');
      expect(wordsOf(standIn)).toContain('Add actions: read under permissions');
      expect(requests(outcome, 'GET', runPath)).toBe(1);
      const post = scene({}, [imageOfCase]);
      const silent = await asked(post.standIn, [
        fault('api', 'POST', postPath, answer(failure(403, 'Resource not accessible by integration'))),
      ]);
      expect(silent.status).toBe(1);
      expect(silent.printed).toContain('::error::The token may not do this. Add issues: write and pull-requests: write');
    },
    patience,
  );

  test(
    'a failed run with an artifact is used, and its end is told',
    async () => {
      const { standIn, run } = scene({}, [imageOfCase]);
      run.conclusion = 'failure';
      const outcome = await asked(standIn, []);
      expectAnswered(standIn, outcome);
      expect(wordsOf(standIn)).toContain('The run ended as failure');
    },
    patience,
  );

  test(
    'the wanted artifact is on the second page of 150',
    async () => {
      const { standIn, run } = scene({}, [imageOfCase]);
      for (let index = 0; index < 149; index += 1) addArtifact(standIn, { runId: run.id, name: `noise-${index}`, bytes: Buffer.from('x') });
      const outcome = await asked(standIn, [], { inputs: { artifact: 'build-*' } });
      expectAnswered(standIn, outcome);
      const none = await asked(standIn, [], { inputs: { artifact: 'absent' } });
      expect(none.status).toBe(0);
      expect(answers(standIn).at(-1)?.body).toContain('130 more');
    },
    patience,
  );

  test(
    'pages that repeat end',
    async () => {
      const { standIn, run } = scene({}, [imageOfCase]);
      for (let index = 0; index < 120; index += 1) addArtifact(standIn, { runId: run.id, name: `noise-${index}`, bytes: Buffer.from('x') });
      let first: Answered | undefined;
      const same = (given: Answered): Answered => {
        first ??= given;
        return first;
      };
      const outcome = await asked(standIn, [fault('api', 'GET', listPath, { kind: 'change', change: same }, 99)], {
        inputs: { artifact: 'build-*' },
      });
      expect(outcome.status).toBe(0);
      expect(requests(outcome, 'GET', listPath)).toBe(2);
    },
    patience,
  );

  test(
    'of equal names the newest is taken',
    async () => {
      const { standIn, run } = scene({}, []);
      addArtifact(standIn, { id: 50, runId: run.id, name: 'build', bytes: writeZip([{ path: 'runtime.exe', bytes: Buffer.from('old') }]) });
      addArtifact(standIn, {
        id: 60,
        runId: run.id,
        name: 'build',
        bytes: writeZip([{ path: 'runtime.exe', bytes: fixture(`images/${imageOfCase}/image.elf`) }]),
      });
      expectAnswered(standIn, await asked(standIn, []));
    },
    patience,
  );

  test(
    'a single file uploaded unzipped is the image',
    async () => {
      const { standIn, run } = scene({}, []);
      addArtifact(standIn, {
        runId: run.id,
        name: 'runtime.exe',
        bytes: fixture(`images/${imageOfCase}/image.elf`),
        contentType: 'application/octet-stream',
      });
      expectAnswered(standIn, await asked(standIn, []));
    },
    patience,
  );

  test(
    'the run is found by the revision, by a merge commit too',
    async () => {
      const revision = /Build revision: \S+-([0-9a-f]{40})/.exec(caseLog)?.[1] ?? '';
      const body = `\`\`\`\n${caseLog}\n\`\`\``;
      const direct = scene({}, []);
      const built = addRun(direct.standIn, { id: 7_000_000_001, headSha: revision });
      addArtifact(direct.standIn, {
        runId: built.id,
        name: 'build',
        bytes: writeZip([{ path: 'runtime.exe', bytes: fixture(`images/${imageOfCase}/image.elf`) }]),
      });
      const outcome = await asked(direct.standIn, [], { body });
      expectAnswered(direct.standIn, outcome);
      expect(wordsOf(direct.standIn)).toContain(`No run is named; run ${built.id} built the revision ${revision.slice(0, 12)}`);
      const merged = scene({}, []);
      const head = 'c'.repeat(40);
      merged.standIn.commits.set(revision, ['b'.repeat(40), head]);
      const pull = addRun(merged.standIn, { id: 7_000_000_002, headSha: head });
      addArtifact(merged.standIn, {
        runId: pull.id,
        name: 'build',
        bytes: writeZip([{ path: 'runtime.exe', bytes: fixture(`images/${imageOfCase}/image.elf`) }]),
      });
      expectAnswered(merged.standIn, await asked(merged.standIn, [], { body }));
      expect(wordsOf(merged.standIn)).toContain('the log prints the merge commit');
    },
    patience,
  );
});

describe('posting', () => {
  test(
    '422: once more, short',
    async () => {
      const { standIn } = scene({}, [imageOfCase]);
      const outcome = await asked(standIn, [fault('api', 'POST', postPath, answer(failure(422, 'Validation Failed')))]);
      expectAnswered(standIn, outcome);
      expect(wordsOf(standIn)).toContain('The full answer was refused by GitHub');
      expect(answers(standIn)[0]?.body.length).toBeLessThan(1000);
      expect(requests(outcome, 'POST', postPath)).toBe(2);
    },
    patience,
  );

  test.each<[string, (standIn: StandIn) => void, string]>([
    ['locked', (standIn) => Object.assign(standIn.issues.get(12) ?? {}, { locked: true }), 'locked'],
    ['archived', (standIn) => Object.assign(standIn, { archived: true }), 'archived'],
    ['deleted', (standIn) => standIn.issues.delete(12), 'not there any more'],
  ])(
    'an issue that is %s: a warning, no retry, the step passes',
    async (_, change, words) => {
      const { standIn } = scene({}, [imageOfCase]);
      const meanwhile = fault('api', 'GET', runPath, { kind: 'change', change: (given) => given }, 1, () => change(standIn));
      const outcome = await asked(standIn, [meanwhile]);
      expect(outcome.status).toBe(0);
      expect(outcome.printed).toMatch(new RegExp(`::warning::.*${words}`));
      expect(outcome.summary).toContain(words);
      expect(answers(standIn)).toEqual([]);
      expect(requests(outcome, 'POST', postPath)).toBeLessThanOrEqual(1);
    },
    patience,
  );

  test(
    'the question is deleted or edited before the answer is posted',
    async () => {
      for (const change of [
        (standIn: StandIn) => standIn.comments.delete(1002),
        (standIn: StandIn) => Object.assign(standIn.comments.get(1002) ?? {}, { body: 'another' }),
      ]) {
        const { standIn } = scene({}, [imageOfCase]);
        const outcome = await asked(standIn, [
          fault('api', 'GET', runPath, { kind: 'change', change: (given) => given }, 1, () => change(standIn)),
        ]);
        expect(outcome.status).toBe(0);
        expect(answers(standIn)).toEqual([]);
      }
    },
    patience,
  );

  test(
    'two processes at once leave two answers at most, and the next event makes them one',
    async () => {
      const { standIn, run } = scene({}, [imageOfCase]);
      const comment = addComment(standIn, { number: 12, body: questionText(run), createdAt: '2026-06-01T11:59:00Z' });
      const event = commentEvent(standIn, origins, comment);
      await Promise.all([0, 1].map(() => start(standIn, { event, engine: workerEngine })));
      expect(answers(standIn).length).toBeLessThanOrEqual(2);
      for (let again = 0; again < 5; again += 1) await start(standIn, { event, engine: workerEngine });
      expect(answers(standIn)).toHaveLength(1);
    },
    patience,
  );

  test(
    'our answer vanishes while it is updated: it is posted anew',
    async () => {
      const { standIn, run } = scene({}, [imageOfCase]);
      const comment = addComment(standIn, { number: 12, body: questionText(run), createdAt: '2026-06-01T11:59:00Z' });
      const old = addComment(standIn, {
        number: 12,
        author: standIn.login,
        body: `<!-- symbolize-serial-crash:v1 comment=${comment.id} -->\nold`,
      });
      const vanish = fault('api', 'PATCH', /./, answer(failure(404, 'Not Found')), 1, () => standIn.comments.delete(old.id));
      const outcome = await start(standIn, { event: commentEvent(standIn, origins, comment), engine: workerEngine, faults: [vanish] });
      expectAnswered(standIn, outcome);
    },
    patience,
  );

  test(
    'a cancelled job posts nothing and ends',
    async () => {
      for (const path of [runPath, listPath, /\/zip$/, /\/issues\/comments\/[0-9]+$/]) {
        const { standIn } = scene({}, [imageOfCase]);
        const abort = new AbortController();
        const stop = fault('api', 'GET', path, { kind: 'stall', at: 'headers' }, 1, () => abort.abort(cancelled()));
        const outcome = await asked(standIn, [stop], { signal: abort.signal });
        expect(outcome.status).toBe(143);
        expect(answers(standIn)).toEqual([]);
        expect(outcome.waited).toBeLessThan(1000);
      }
    },
    patience,
  );
});

describe('events that are broken', () => {
  test.each<[string, unknown]>([
    ['a null body', { action: 'created', comment: { id: 5, body: null, user: null }, issue: { number: 12 } }],
    ['no comment', { action: 'created', issue: { number: 12 } }],
    ['numbers that are texts', { action: 'created', comment: { id: '5', body: 'x' }, issue: { number: '12' } }],
    ['an array', { action: ['created'], comment: [], issue: [] }],
  ])('%s is silent', async (_, payload) => {
    const { standIn } = scene({}, []);
    const outcome = await start(standIn, {
      event: { name: 'issue_comment', payload: payload as Record<string, unknown> },
      engine: workerEngine,
    }); // hostile on purpose
    expect([outcome.status, outcome.recorded]).toEqual([0, []]);
  });

  test.each(['', '{', '[]', 'null', '\u0000'])('an event file that holds %j fails the step with one sentence', async (content) => {
    const { standIn } = scene({}, []);
    const { mkdtempSync, writeFileSync } = await import('node:fs');
    const { tmpdir } = await import('node:os');
    const path = `${mkdtempSync(`${tmpdir()}/event-`)}/event.json`;
    writeFileSync(path, content);
    const outcome = await start(standIn, {
      event: dispatchEvent(standIn, origins),
      engine: workerEngine,
      variables: { GITHUB_EVENT_PATH: path },
    });
    expect(outcome.status).toBe(1);
    expect(outcome.printed).toBe(
      '::error::The event file holds no JSON object. GITHUB_EVENT_PATH must name the file that the runner wrote.\n',
    );
  });

  test('a missing event file, repository or address', async () => {
    const { standIn } = scene({}, []);
    for (const variables of [
      { GITHUB_EVENT_PATH: '/nowhere/event.json' },
      { GITHUB_REPOSITORY: 'x' },
      { GITHUB_API_URL: 'ftp://x' },
      { GITHUB_API_URL: 'http://example.com' },
      { GITHUB_SERVER_URL: 'https://user@example.com' },
    ]) {
      const outcome = await start(standIn, { event: dispatchEvent(standIn, origins), engine: workerEngine, variables });
      expect(outcome.status).toBe(1);
      expect(outcome.printed).toMatch(/^::error::.*GITHUB_/);
    }
  });
});
