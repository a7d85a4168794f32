/** Where a crash comes from, looked up in the stand-in in this process: every part with a case that fires and one that stays silent. */
import { createHash } from 'node:crypto';
import { describe, expect, test } from '@jest/globals';
import { plain } from '../../src/core/sentence.js';
import { addChange } from '../../src/demo/stand-in/changes.js';
import { commentEvent } from '../../src/demo/stand-in/events.js';
import { type Damage, type Fault, failure } from '../../src/demo/stand-in/faults.js';
import type { Recorded } from '../../src/demo/stand-in/server.js';
import {
  addArtifact,
  addComment,
  addIssue,
  addRun,
  answers,
  createStandIn,
  type StandIn,
  type StandInRun,
} from '../../src/demo/stand-in/state.js';
import { writeZip } from '../../src/demo/zip-writer.js';
import type { EngineFacts } from '../../src/engine.js';
import { connect } from '../../src/github/client.js';
import { readEnvironment } from '../../src/github/environment.js';
import { type HistoryContext, type HistoryQuestion, lookUpHistory } from '../../src/github/history.js';
import { Problem } from '../../src/github/problem.js';
import type { Run } from '../../src/github/runs.js';
import { age } from '../../src/github/seen-before.js';
import { createClock, fetchOver, origins, start, urls } from '../build/github-world.js';
import { workerEngine } from '../build/worker-engine.js';
import { graphqlViolations } from '../e2e/graphql.js';
import { violations } from '../e2e/openapi.js';
import { caseLog, fixture, imageOfCase, questionText } from '../e2e/scene.js';

const good = '1'.repeat(40);
const helper = '2'.repeat(40);
const guilty = '3'.repeat(40);
const unrelated = '4'.repeat(40);
const bad = '5'.repeat(40);
const signature = 'feedfacefeedface';
const now = Date.parse('2026-06-01T12:00:00Z');

/** Twenty-four lines, of which one is given. */
function source(name: string, line: number, text: string): string {
  return Array.from({ length: 24 }, (_, index) => (index + 1 === line ? text : `/* ${name} line ${index + 1} */`)).join('\n');
}

const vmx = source('vmx.c', 20, '\treturn rdmsr64(0x491); // @octocat #12');

interface World {
  readonly standIn: StandIn;
  readonly run: StandInRun;
}

function world(): World {
  const standIn = createStandIn({ now: () => now });
  addIssue(standIn, { number: 12, body: 'It crashes.' });
  addChange(standIn, {
    sha: good,
    message: 'Begin',
    write: {
      'include/x86.h': source('x86.h', 21, '\tasm("rdmsr");'),
      'runtime/vmx.c': source('vmx.c', 20, '\treturn 0;'),
      'README.md': 'x',
    },
  });
  addChange(standIn, { sha: helper, message: 'Split x86.h', write: { 'include/x86.h': source('x86.h', 21, '\tasm volatile("rdmsr");') } });
  addChange(standIn, {
    sha: guilty,
    message: 'Read the window\n\nFor read_window.',
    author: 'a-developer',
    date: '2026-05-11T10:00:00Z',
    write: { 'runtime/vmx.c': vmx },
    pullRequest: 57,
  });
  addChange(standIn, { sha: unrelated, message: 'Write about it', write: { 'README.md': 'y' } });
  addChange(standIn, { sha: bad, message: 'Mention partition_init', write: { 'README.md': 'z' } });
  const run = addRun(standIn, { id: 9_876_543_210, headSha: bad });
  return { standIn, run };
}

const facts: EngineFacts = {
  places: [
    { file: '/testbed/include/x86.h', line: 21, function: 'rdmsr64' },
    { file: '/testbed/runtime/vmx.c', line: 20, function: 'read_window' },
    { file: '/testbed/runtime/vmx.c', line: 22, function: 'read_capabilities' },
    { file: '/testbed/gone.c', line: 18, function: 'partition_init' },
  ],
  guilty: 1,
  files: ['/testbed/include/x86.h', '/testbed/runtime/vmx.c', '/testbed/gone.c', '/usr/include/README.md'],
  signatureHash: signature,
};

function runOf({ run, standIn }: World, given: Partial<Run> = {}): Run {
  return {
    id: run.id,
    attempt: 1,
    headSha: run.headSha,
    branch: run.branch,
    event: run.event,
    status: 'completed',
    createdAt: run.createdAt,
    fork: false,
    headRepository: `${standIn.owner}/${standIn.repo}`,
    ...given,
  };
}

interface Asked {
  readonly context: HistoryContext;
  readonly recorded: readonly Recorded[];
  readonly notes: readonly string[];
}

async function look(
  at: World,
  given: Partial<HistoryQuestion> = {},
  faults: Fault[] = [],
  { signal = new AbortController().signal, remaining }: { readonly signal?: AbortSignal; readonly remaining?: number } = {},
): Promise<Asked> {
  const clock = createClock(now);
  const recorded: Recorded[] = [];
  const environment = readEnvironment({
    GITHUB_REPOSITORY: `${at.standIn.owner}/${at.standIn.repo}`,
    GITHUB_EVENT_NAME: 'issue_comment',
    GITHUB_EVENT_PATH: 'e',
    GITHUB_SERVER_URL: urls.server,
    GITHUB_API_URL: urls.api,
  });
  const net = { fetch: fetchOver(at.standIn, faults, recorded, clock), clock, signal };
  const github = await connect(environment, at.standIn.token, net, 'test');
  if (remaining !== undefined) github.count.remaining = remaining;
  const context = await lookUpHistory(github, {
    facts,
    run: runOf(at),
    number: 12,
    login: async () => at.standIn.login,
    ...given,
  });
  return { context, recorded, notes: (context.notLookedUp ?? []).map(plain) };
}

function answered(standIn: StandIn, given: Partial<Parameters<typeof addComment>[1]> = {}) {
  return addComment(standIn, {
    number: 7,
    author: standIn.login,
    body: `<!-- symbolize-serial-crash:v1 issue=7 sig=${signature} -->\nAn answer.`,
    createdAt: '2026-05-10T12:00:00Z',
    ...given,
  });
}

describe('everything at once', () => {
  test('is found within ten calls', async () => {
    const at = world();
    addIssue(at.standIn, { number: 7, body: 'The same.', state: 'closed' });
    const earlier = answered(at.standIn);
    const { context, recorded, notes } = await look(at, { good: good.slice(0, 9) });
    expect(notes).toEqual([]);
    expect(recorded.length).toBeLessThanOrEqual(10);
    expect(recorded.flatMap(violations)).toEqual([]);
    expect(recorded.map(({ asked }) => `${asked.method} ${asked.path.replace('/repos/octo-org/hypervisor', '')}`).sort()).toEqual([
      `GET /compare/111111111...${bad}`,
      'GET /contents/include%2Fx86.h',
      'GET /contents/runtime%2Fvmx.c',
      `GET /git/trees/${bad}`,
      'GET /issues/comments',
      'POST /graphql',
      'POST /graphql',
    ]);
    expect(context.commit).toBe(bad);
    expect(context.sourcePaths).toEqual([
      ['/testbed/include/x86.h', 'include/x86.h'],
      ['/testbed/runtime/vmx.c', 'runtime/vmx.c'],
    ]);
    expect(context.source?.map(({ role, path, line, first, check }) => ({ role, path, line, first, check }))).toEqual([
      { role: 'guilty', path: 'runtime/vmx.c', line: 20, first: 17, check: 'not-verified' },
      { role: 'fault', path: 'include/x86.h', line: 21, first: 18, check: 'not-verified' },
    ]);
    expect(context.source?.[0]?.lines).toEqual(vmx.split('\n').slice(16, 23));
    expect(context.blame?.[0]).toEqual({
      path: 'runtime/vmx.c',
      line: 20,
      function: 'read_window',
      guilty: true,
      commit: guilty,
      date: '2026-05-11',
      author: 'a-developer',
      subject: 'Read the window',
      pullRequest: 57,
    });
    expect(context.blame?.map(({ path, line, commit }) => [path, line, commit])).toEqual([
      ['runtime/vmx.c', 20, guilty],
      ['include/x86.h', 21, helper],
      ['runtime/vmx.c', 22, good],
    ]);
    expect(context.blame?.[1]?.pullRequest).toBeUndefined();
    expect(context.commits).toMatchObject({ good, bad, total: 4, seen: 4, more: 0 });
    expect(context.commits?.ranked.map(({ commit, reasons }) => [commit, reasons.map(plain)])).toEqual([
      [guilty, ['changes runtime/vmx.c, the file to look at first', 'its message names read_window']],
      [helper, ['changes include/x86.h']],
      [bad, ['its message names partition_init']],
    ]);
    expect(context.seenBefore).toEqual([
      { issue: 7, comment: earlier.id, isPullRequest: false, date: '2026-05-10', age: '3 weeks', state: 'closed' },
    ]);
  });

  test('at worst takes ten calls, each once', async () => {
    const at = world();
    addRun(at.standIn, { id: 5, headSha: good, createdAt: '2026-05-01T00:00:00Z' });
    addIssue(at.standIn, { number: 7, body: 'The same.' });
    answered(at.standIn, { createdAt: '2026-01-01T00:00:00Z' });
    for (let count = 0; count < 250; count += 1) addComment(at.standIn, { number: 7, body: 'me too', createdAt: '2026-05-20T00:00:00Z' });
    const { context, recorded } = await look(at);
    expect(recorded).toHaveLength(10);
    expect(recorded.flatMap(violations)).toEqual([]);
    expect(new Set(recorded.map(({ asked }) => `${asked.path}?${asked.query}${asked.body}`)).size).toBe(10);
    expect(context.seenBefore?.[0]?.age).toBe('5 months');
  });

  test('nothing is asked where there is nothing to ask about', async () => {
    const at = world();
    const { signatureHash: _, ...silent } = facts;
    const { context, recorded } = await look(at, { facts: { ...silent, places: [], files: [] } });
    expect(recorded).toEqual([]);
    expect(context).toEqual({});
  });
});

describe("a query is held against GitHub's schema", () => {
  const body = (query: string, variables = {}): string => JSON.stringify({ query, variables });
  test.each([
    ['an unknown field', 'query { repository(owner: "a", name: "b") { blame } }', 'query.repository.blame: not described'],
    ['a missing argument', 'query { repository(owner: "a") { nameWithOwner } }', 'query.repository(name): is needed'],
    [
      'an unknown argument',
      'query { repository(owner: "a", name: "b", x: 1) { nameWithOwner } }',
      'query.repository(x): not of the schema',
    ],
    [
      'a wrong variable',
      'query Q($n: Int!) { repository(owner: "a", name: $n) { nameWithOwner } }',
      'query.repository(name): not of the schema',
    ],
    ['a field without its fields', 'query { repository(owner: "a", name: "b") }', 'query.repository: needs fields'],
    [
      'a wrong type',
      'query { repository(owner: "a", name: "b") { object { ... on Issue { closed } } } }',
      'query.repository.object: GitObject is never Issue',
    ],
  ])('%s', (_, query, problem) => {
    expect(graphqlViolations(body(query, { n: 1 }), undefined)).toContain(problem);
  });

  test('and so is its answer', () => {
    const query = 'query { repository(owner: "a", name: "b") { nameWithOwner object { ... on Commit { oid } } } }';
    const answer = (nameWithOwner: unknown, oid: unknown) => ({ data: { repository: { nameWithOwner, object: { oid } } } });
    expect(graphqlViolations(body(query), answer('a/b', good))).toEqual([]);
    expect(graphqlViolations(body(query), answer(null, 'x'))).toEqual([
      'query.repository.nameWithOwner: answered with null',
      'query.repository.object.oid: "x" is no GitObjectID!',
    ]);
  });
});

describe('source lines', () => {
  const withChecksum = (checksum: string): EngineFacts => ({
    ...facts,
    places: facts.places.map((place) => (place.file.endsWith('vmx.c') ? { ...place, checksum } : place)),
  });

  test('are verified by the checksum that the compiler wrote', async () => {
    const { context } = await look(world(), { facts: withChecksum(createHash('md5').update(vmx).digest('hex')) });
    expect(context.source?.map(({ check }) => check)).toEqual(['same', 'not-verified']);
  });

  test('of another file than the one compiled are not shown, and nobody is blamed for them', async () => {
    const { context } = await look(world(), { facts: withChecksum('0123456789abcdef0123456789abcdef') });
    expect(context.source?.[0]).toMatchObject({ check: 'differs', lines: [] });
    expect(context.blame?.map(({ path }) => path)).toEqual(['include/x86.h']);
  });

  test('beyond the end of the file are a note', async () => {
    const places = [{ file: '/testbed/runtime/vmx.c', line: 2000, function: 'read_window' }];
    const { context, notes } = await look(world(), { facts: { ...facts, places, guilty: 0 } });
    expect(context.source).toBeUndefined();
    expect(notes).toEqual(['source lines (runtime/vmx.c has 24 lines, and the fault is said to be in line 2000)']);
  });

  test('of files that the repository does not have are a note', async () => {
    const places = [{ file: '/testbed/gone.c', line: 1, function: 'read_window' }];
    const { context, notes, recorded } = await look(world(), { facts: { ...facts, places, files: ['/testbed/gone.c'], guilty: 0 } });
    expect(context.source).toBeUndefined();
    expect(notes).toEqual(['source lines (no file of the stack is in the repository at 555555555555)']);
    expect(recorded.some(({ asked }) => asked.path.includes('/contents/'))).toBe(false);
  });

  test('near each other are shown once', async () => {
    const places = [21, 20].map((line) => ({ file: '/testbed/runtime/vmx.c', line, function: `f${line}` }));
    const { context, recorded } = await look(world(), { facts: { ...facts, places } });
    expect(context.source?.map(({ role, line }) => [role, line])).toEqual([['guilty', 20]]);
    expect(recorded.filter(({ asked }) => asked.path.includes('/contents/'))).toHaveLength(1);
  });

  test('of a build for a pull request are those of the merge that the log names', async () => {
    const at = world();
    const head = addChange(at.standIn, { sha: '6'.repeat(40), write: { 'runtime/vmx.c': 'other' }, parent: good });
    const run = runOf(at, { headSha: head.sha, event: 'pull_request' });
    const merge = await look(at, { run, facts: { ...facts, revision: bad } });
    expect(merge.context.commit).toBe(bad);
    expect(merge.context.source?.[0]?.lines[3]).toBe('\treturn rdmsr64(0x491); // @octocat #12');
    const lost = await look(at, { run, facts: { ...facts, revision: '7'.repeat(40) } });
    expect(lost.context.commit).toBe(head.sha);
    const pushed = await look(at, { run: runOf(at), facts: { ...facts, revision: '7'.repeat(40) } });
    expect(pushed.context.commit).toBe(bad);
  });
});

describe('commits since a good revision', () => {
  test('without one named, since the run before that succeeded, which is said', async () => {
    const at = world();
    addRun(at.standIn, { id: 5, headSha: good, createdAt: '2026-05-01T00:00:00Z' });
    addRun(at.standIn, { id: 6, headSha: helper, createdAt: '2026-05-02T00:00:00Z', conclusion: 'failure' });
    addRun(at.standIn, { id: 7, headSha: helper, createdAt: '2026-05-03T00:00:00Z', branch: 'other' });
    addRun(at.standIn, { id: 8, headSha: '9'.repeat(40), createdAt: '2026-06-02T00:00:00Z' });
    const { context } = await look(at);
    expect(context.commits?.good).toBe(good);
    expect(plain(context.commits?.goodFrom ?? [])).toContain('run 5 is the last before this one that succeeded on main');
  });

  test.each([
    ['no run before', {}],
    ['a fork', { fork: true }],
    ['a pull request', { event: 'pull_request' }],
  ] satisfies [string, Partial<Run>][])('silent with %s', async (name, given) => {
    const at = world();
    if (name !== 'no run before') addRun(at.standIn, { id: 5, headSha: good, createdAt: '2026-05-01T00:00:00Z' });
    const { context, notes } = await look(at, { run: runOf(at, given) });
    expect(context.commits).toBeUndefined();
    expect(notes).toEqual([]);
  });

  test('a revision that does not lead to the build is told', async () => {
    const at = world();
    const side = addChange(at.standIn, { sha: '8'.repeat(40), write: { 'README.md': 'side' }, parent: good });
    const { context, notes } = await look(at, { good: side.sha });
    expect(context.commits).toBeUndefined();
    expect(notes).toEqual(['commits since the good revision (the build is not ahead of 888888888888: their relation is diverged)']);
  });

  test('an unknown revision costs only itself', async () => {
    const { context, notes } = await look(world(), { good: 'abcdef1' });
    expect(context.commits).toBeUndefined();
    expect(context.blame?.length).toBe(3);
    expect(notes).toEqual(['commits since the good revision (GitHub answered 404)']);
  });

  test('a short or common word in a message is no reason', async () => {
    const at = world();
    const places = [{ file: '/testbed/runtime/vmx.c', line: 20, function: 'about' }];
    const { context } = await look(at, { good, facts: { ...facts, places, guilty: 0 } });
    expect(context.commits?.ranked.map(({ commit }) => commit)).toEqual([guilty]);
  });
});

describe('seen before', () => {
  const seen = async (prepare: (standIn: StandIn) => void): Promise<readonly number[]> => {
    const at = world();
    addIssue(at.standIn, { number: 7, body: 'The same.' });
    prepare(at.standIn);
    const { context, notes } = await look(at);
    expect(notes).toEqual([]);
    return (context.seenBefore ?? []).map(({ issue }) => issue);
  };

  test('our answer with the same signature', async () => {
    expect(await seen((standIn) => answered(standIn))).toEqual([7]);
  });

  test.each([
    ['a marker that a stranger wrote', { author: 'reporter' }],
    ['another signature', { body: '<!-- symbolize-serial-crash:v1 issue=7 sig=0123456789abcdef -->\n' }],
    ['no signature', { body: '<!-- symbolize-serial-crash:v1 issue=7 -->\n' }],
    ['a quoted marker', { body: `> <!-- symbolize-serial-crash:v1 issue=7 sig=${signature} -->\n` }],
    ['the same conversation', { number: 12 }],
  ])('silent: %s', async (_, given) => {
    expect(await seen((standIn) => answered(standIn, given))).toEqual([]);
  });

  test('an answer that our clock takes for one of the future is new', async () => {
    const at = world();
    addIssue(at.standIn, { number: 7, body: 'The same.' });
    answered(at.standIn, { createdAt: '2026-06-01T12:00:30Z' });
    expect((await look(at)).context.seenBefore?.[0]?.age).toBe('less than an hour');
  });

  test('one entry a conversation, newest first', async () => {
    const found = await seen((standIn) => {
      addIssue(standIn, { number: 8, body: 'x', isPullRequest: true });
      answered(standIn, { createdAt: '2026-05-01T00:00:00Z' });
      answered(standIn, { createdAt: '2026-05-02T00:00:00Z' });
      answered(standIn, { number: 8, createdAt: '2026-05-03T00:00:00Z' });
    });
    expect(found).toEqual([8, 7]);
  });

  test('is not looked for beyond 300 comments', async () => {
    const found = await seen((standIn) => {
      answered(standIn, { createdAt: '2026-01-01T00:00:00Z' });
      for (let count = 0; count < 300; count += 1) addComment(standIn, { number: 7, body: 'x', createdAt: '2026-05-20T00:00:00Z' });
    });
    expect(found).toEqual([]);
  });

  test.each([
    [59 * 60_000, 'less than an hour'],
    [3_600_000, '1 hour'],
    [47 * 3_600_000, '1 day'],
    [21 * 86_400_000, '3 weeks'],
    [800 * 86_400_000, '2 years'],
  ])('%i ms is %s', (milliseconds, words) => expect(age(milliseconds)).toBe(words));
});

describe('what fails is dropped with a note, tried once', () => {
  const parts = [
    ['the tree', /\/git\/trees\//, 'source lines'],
    ['a file', /\/contents\//, 'source lines'],
    ['blame', /^\/graphql$/, 'who changed the line last and which commits touch the stack'],
    ['the comparison', /\/compare\//, 'commits since the good revision'],
    ['the comments', /\/issues\/comments$/, 'earlier answers'],
  ] as const;
  const json = (text: string) => ({ status: 200, headers: { 'content-type': 'application/json' }, body: new TextEncoder().encode(text) });
  const days: readonly (readonly [string, Damage])[] = [
    ['404', { kind: 'answer', answer: failure(404, 'Not Found') }],
    ['403', { kind: 'answer', answer: failure(403, 'Resource not accessible by integration') }],
    ['500', { kind: 'answer', answer: failure(500) }],
    ['a secondary rate limit', { kind: 'answer', answer: failure(403, 'secondary rate limit', { 'retry-after': '1' }) }],
    ['a connection that drops', { kind: 'drop', after: false }],
    ['silence', { kind: 'stall', at: 'headers' }],
    ['an answer that stops', { kind: 'stall', at: 'body' }],
    ['a page of HTML', { kind: 'answer', answer: json('<html>') }],
    ['an empty object', { kind: 'answer', answer: json('{}') }],
    ['null', { kind: 'answer', answer: json('null') }],
    ['lists of null', { kind: 'answer', answer: json('[null]') }],
    ['a redirect elsewhere', { kind: 'answer', answer: { ...json(''), status: 302, headers: { location: 'https://evil.example/' } } }],
  ];
  const cases = parts.flatMap(([part, path, note]) => days.map(([day, damage]) => [part, day, path, damage, note] as const));

  test.each(cases)('%s: %s', async (_part, _day, path, damage, note) => {
    const at = world();
    addIssue(at.standIn, { number: 7, body: 'The same.' });
    answered(at.standIn);
    const struck = path.source.includes('graphql') ? /query Past/ : /./;
    const isStruck = ({ asked }: Recorded) => path.test(asked.path) && struck.test(asked.body === '' ? '-' : asked.body);
    const faults: Fault[] = [
      { matches: (origin, asked) => origin === 'api' && isStruck({ origin, asked }), times: Number.POSITIVE_INFINITY, damage },
    ];
    const { context, notes, recorded } = await look(at, { good }, faults);
    expect(notes).toHaveLength(1);
    expect(notes[0]).toMatch(new RegExp(`^${note} \\(.+\\)$`));
    expect(notes[0]).not.toContain('fault of this tool');
    // two files are asked for at once
    expect(recorded.filter(isStruck).length).toBeLessThanOrEqual(path.source.includes('contents') ? 2 : 1);
    if (!path.source.includes('comments')) expect(context.seenBefore?.length).toBe(1);
    if (path.source.includes('comments') || path.source.includes('contents') || path.source.includes('compare'))
      expect(context.blame?.length).toBe(3);
  });

  test('pull requests and states that cannot be had leave the rest', async () => {
    const at = world();
    addIssue(at.standIn, { number: 7, body: 'The same.' });
    answered(at.standIn);
    const damage = { kind: 'answer', answer: failure(502) } as const;
    const faults: Fault[] = [{ matches: (_, asked) => asked.body.includes('query Details'), times: 9, damage }];
    const { context, notes } = await look(at, {}, faults);
    expect(notes).toEqual(['pull requests and states of issues (GitHub could not be asked)']);
    expect(context.blame?.[0]?.commit).toBe(guilty);
    expect(context.blame?.[0]?.pullRequest).toBeUndefined();
    expect(context.seenBefore?.[0]?.state).toBeUndefined();
  });

  test('all together end in time', async () => {
    const at = world();
    const faults: Fault[] = [{ matches: () => true, times: 99, damage: { kind: 'stall', at: 'headers' } }];
    const clock = createClock(now);
    const recorded: Recorded[] = [];
    const environment = readEnvironment({
      GITHUB_REPOSITORY: 'octo-org/hypervisor',
      GITHUB_EVENT_NAME: 'issues',
      GITHUB_EVENT_PATH: 'e',
      GITHUB_SERVER_URL: urls.server,
      GITHUB_API_URL: urls.api,
    });
    const net = { fetch: fetchOver(at.standIn, faults, recorded, clock), clock, signal: new AbortController().signal };
    const github = await connect(environment, at.standIn.token, net, 'test');
    const context = await lookUpHistory(github, { facts, run: runOf(at), login: async () => at.standIn.login });
    expect(clock.now() - now).toBeLessThanOrEqual(8000);
    expect(context.notLookedUp?.length).toBeGreaterThan(0);
  });

  test('where the rate limit is nearly used up, nothing is asked', async () => {
    const { context, recorded, notes } = await look(world(), {}, [], { remaining: 99 });
    expect(recorded).toEqual([]);
    expect(notes).toEqual(['anything in the repository (99 calls are left in the rate limit)']);
    expect(context.source).toBeUndefined();
    expect((await look(world(), {}, [], { remaining: 100 })).notes).toEqual([]);
  });

  test('a job that is cancelled stops here as everywhere', async () => {
    const abort = new AbortController();
    const damage = { kind: 'stall', at: 'headers' } as const;
    const faults: Fault[] = [
      {
        matches: () => true,
        times: 99,
        damage,
        meanwhile: () => abort.abort(new Problem('cancelled', ['The job was cancelled.'])),
      },
    ];
    await expect(look(world(), {}, faults, { signal: abort.signal })).rejects.toMatchObject({ kind: 'cancelled' });
  });
});

describe('in the answer', () => {
  const asked = async (faults: Fault[], variables: Readonly<Record<string, string>> = {}) => {
    const at = world();
    const bytes = writeZip([{ path: 'testbed/runtime/runtime.exe', bytes: fixture(`images/${imageOfCase}/image.elf`) }]);
    addArtifact(at.standIn, { runId: at.run.id, name: 'build', bytes });
    const comment = addComment(at.standIn, { number: 12, body: questionText(at.run, caseLog), createdAt: '2026-06-01T11:59:00Z' });
    const outcome = await start(at.standIn, {
      event: commentEvent(at.standIn, origins, comment),
      engine: workerEngine,
      faults,
      variables,
    });
    return { outcome, body: answers(at.standIn)[0]?.body ?? '' };
  };

  test('stands where it comes from, in code', async () => {
    const { outcome, body } = await asked([], { GITHUB_ACTION_REPOSITORY: 'octo-org/tool' });
    expect(outcome.status).toBe(0);
    expect(body).toContain('#### Where it comes from');
    expect(body).toMatch(/^=> 20 {4}return rdmsr64\(0x491\); \/\/ @\u2060octocat #\u206012$/m);
    expect(body).toContain(`<a href="${urls.server}/octo-org/hypervisor/blob/${bad}/runtime/vmx.c#L20">`);
    expect(body).toContain(`<a href="${urls.server}/octo-org/hypervisor/commit/${guilty}">`);
    expect(body).toContain('in pull request 57');
    expect(body).toContain(`${urls.server}/octo-org/tool/issues/new`);
  }, 60_000);

  test('is left out with a note where nothing can be had, and the answer stands', async () => {
    const lookups = /\/git\/trees\/|\/compare\/|\/issues\/comments$|^\/graphql$/;
    const faults: Fault[] = [{ matches: (_, { path }) => lookups.test(path), times: 99, damage: { kind: 'answer', answer: failure(500) } }];
    const { outcome, body } = await asked(faults);
    expect(outcome.status).toBe(0);
    expect(body).toContain('read_window');
    expect(body).toContain('Not looked up: ');
    expect(outcome.outputs.verdict).toBe('match');
  }, 60_000);
});
