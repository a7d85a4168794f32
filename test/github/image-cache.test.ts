/** Parts of artifacts kept between jobs of one machine: loaded once, never wrong, never in the way. */
import { createHash, randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { commentEvent } from '../../src/demo/stand-in/events.js';
import type { Fault } from '../../src/demo/stand-in/faults.js';
import { addArtifact, addComment, answers, type StandIn } from '../../src/demo/stand-in/state.js';
import { writeZip } from '../../src/demo/zip-writer.js';
import { type Environment, readEnvironment } from '../../src/github/environment.js';
import { cacheLimits, createImageCache } from '../../src/github/image-cache.js';
import type { Artifact } from '../../src/github/runs.js';
import { type Outcome, origins, start } from '../build/github-world.js';
import { faultsOf, generator } from '../build/random-faults.js';
import { workerEngine } from '../build/worker-engine.js';
import { fixture, imageOfCase, questionText, scene } from '../e2e/scene.js';

const patience = 120_000;
let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'kept-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const parts = (): string => join(folder, 'symbolize-serial-crash', 'parts');
const files = (): string[] => readdirSync(parts()).map((name) => join(parts(), name));

async function ask(standIn: StandIn, body: string, faults: Fault[] = [], toolCache = folder): Promise<Outcome> {
  const comment = addComment(standIn, { number: 12, body, createdAt: '2026-06-01T11:59:00Z' });
  return start(standIn, {
    event: commentEvent(standIn, origins, comment),
    engine: workerEngine,
    faults,
    variables: { RUNNER_TOOL_CACHE: toolCache, RUNNER_DEBUG: '1' },
  });
}

/** Requests for the artifact's content: its signed address, and storage. */
const loads = ({ recorded }: Outcome): number =>
  recorded.filter(({ origin, asked }) => origin === 'storage' || asked.path.endsWith('/zip')).length;

describe('questions about one run', () => {
  test(
    'the second loads nothing; a damaged file is loaded again and replaced',
    async () => {
      const { standIn, run } = scene({}, [imageOfCase]);
      const question = questionText(run);
      const first = await ask(standIn, question);
      expect(first.outputs.verdict).toBe('match');
      expect(loads(first)).toBeGreaterThan(1);
      const second = await ask(standIn, question);
      expect(second.outputs).toMatchObject({ verdict: 'match', signature: first.outputs.signature });
      expect(loads(second)).toBe(0);
      for (const path of files()) {
        const bytes = readFileSync(path);
        bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] ?? 0) ^ 1;
        writeFileSync(path, bytes);
      }
      const third = await ask(standIn, question);
      expect(third.outputs.verdict).toBe('match');
      expect(third.printed).toContain('is damaged and is loaded again');
      expect(loads(third)).toBe(loads(first));
      expect(loads(await ask(standIn, question))).toBe(0);
      for (const path of files()) writeFileSync(path, '');
      expect((await ask(standIn, question)).outputs.verdict).toBe('match');
      expect(answers(standIn)).toHaveLength(5);
    },
    patience,
  );

  test(
    'a file that was uploaded unzipped is kept where its digest was compared',
    async () => {
      const { standIn, run } = scene({}, []);
      // one that comes whole with its end
      const bytes = fixture(`images/${imageOfCase}/image.elf`).subarray(0, 60_000);
      const digest = `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
      const artifact = addArtifact(standIn, { runId: run.id, name: 'runtime.exe', bytes, digest, contentType: 'application/octet-stream' });
      const first = await ask(standIn, questionText(run));
      expect(loads(first)).toBeGreaterThan(1);
      const second = await ask(standIn, questionText(run));
      expect(loads(second)).toBe(0);
      expect(second.outputs.verdict).toBe(first.outputs.verdict);
      standIn.artifacts.set(artifact.id, { ...artifact, digest: null });
      expect(loads(await ask(standIn, questionText(run)))).toBeGreaterThan(1);
      expect(loads(await ask(standIn, questionText(run)))).toBeGreaterThan(1);
    },
    patience,
  );

  test(
    'one entry that is gone costs that entry alone',
    async () => {
      const { standIn, run } = scene({}, [imageOfCase]);
      const first = await ask(standIn, questionText(run));
      const [largest] = files().sort((a, b) => statSync(b).size - statSync(a).size);
      rmSync(largest ?? '');
      const second = await ask(standIn, questionText(run));
      expect(second.outputs.verdict).toBe('match');
      expect(loads(second)).toBeGreaterThan(0);
      expect(loads(second)).toBeLessThanOrEqual(loads(first));
      expect(loads(await ask(standIn, questionText(run)))).toBe(0);
    },
    patience,
  );

  test(
    'what was damaged on its way is not kept',
    async () => {
      const { standIn, run } = scene({}, [imageOfCase]);
      // past the directory, in the entry's own bytes
      const damage: Fault = {
        matches: (origin) => origin === 'storage',
        times: 99,
        damage: {
          kind: 'change',
          change: (answer) => ({ ...answer, body: answer.body.map((byte, at) => (at === 5000 ? byte ^ 0x55 : byte)) }),
        },
      };
      const first = await ask(standIn, questionText(run), [damage]);
      expect(first.outputs.verdict).not.toBe('match');
      const second = await ask(standIn, questionText(run));
      expect(second.outputs.verdict).toBe('match');
      expect(loads(second)).toBeGreaterThan(1);
    },
    patience,
  );

  test(
    'forty random bad days leave nothing behind that is wrong',
    async () => {
      const { standIn, run } = scene({}, [imageOfCase]);
      for (let seed = 1; seed <= 40; seed += 1) {
        const random = generator(seed);
        // deleted questions and cancelled jobs are another test's
        const faults = faultsOf(random, standIn, 0, () => undefined);
        await ask(standIn, questionText(run), faults);
        for (const answer of answers(standIn)) standIn.comments.delete(answer.id);
        for (const issue of standIn.issues.values()) Object.assign(issue, { locked: false });
      }
      const last = await ask(standIn, questionText(run));
      expect(last.outputs.verdict).toBe('match');
      expect(loads(last)).toBe(0);
      expect(readdirSync(parts()).filter((name) => !/^[0-9a-f]{64}$/.test(name))).toEqual([]);
    },
    patience,
  );

  test(
    'a folder that cannot be written costs nothing but a line for debugging',
    async () => {
      const { standIn, run } = scene({}, [imageOfCase]);
      const file = join(folder, 'a file');
      writeFileSync(file, '');
      const outcome = await ask(standIn, questionText(run), [], file);
      expect(outcome.outputs.verdict).toBe('match');
      expect(outcome.status).toBe(0);
      expect(outcome.printed).toContain('::debug::A kept part of an artifact could not be written');
      expect(outcome.printed).not.toMatch(/::(?:warning|error)::/);
    },
    patience,
  );

  test.each([
    ['a path', 'sha256:../../../../escaped'],
    ['a path alone', '../../escaped'],
    ['capitals', `sha256:${'A'.repeat(64)}`],
    ['a NUL', 'sha256:\u0000'],
    ['far too long', `sha256:${'0'.repeat(100_000)}`],
  ])(
    'a digest that is %s names no file',
    async (_, digest) => {
      const { standIn, run } = scene({}, []);
      const image = fixture(`images/${imageOfCase}/image.elf`);
      // larger than what comes with the end, so that the digest of the whole is not compared
      const bytes = writeZip([
        { path: 'runtime.exe', bytes: image },
        { path: 'other', bytes: randomBytes(200_000) },
      ]);
      addArtifact(standIn, { runId: run.id, name: '..', bytes, digest });
      expect((await ask(standIn, questionText(run))).outputs.verdict).toBe('match');
      expect(readdirSync(folder)).toEqual(['symbolize-serial-crash']);
      expect(readdirSync(parts()).filter((name) => !/^[0-9a-f]{64}$/.test(name))).toEqual([]);
      expect(files()).toHaveLength(2);
      expect(loads(await ask(standIn, questionText(run)))).toBe(0);
    },
    patience,
  );
});

function environmentOf(repository = 'owner/name', toolCache = folder): Environment {
  return readEnvironment({
    GITHUB_REPOSITORY: repository,
    GITHUB_EVENT_NAME: 'push',
    GITHUB_EVENT_PATH: '/event.json',
    RUNNER_TOOL_CACHE: toolCache,
  });
}

const said: string[] = [];
const cacheOf = (environment = environmentOf(), limits: Parameters<typeof createImageCache>[2] = cacheLimits) =>
  createImageCache(environment, (sentence) => said.push(JSON.stringify(sentence)), limits);
const artifact: Artifact = { id: 7, name: 'build', size: 1000, expired: false };
const content = (length: number): Uint8Array => Uint8Array.from({ length }, (_, at) => (at * 31) % 251);

describe('the folder', () => {
  test('none named, or a path that is relative: there is no cache', () => {
    expect(cacheOf()).toBeDefined();
    expect(createImageCache(environmentOf('owner/name', ''), () => undefined)).toBeUndefined();
    expect(createImageCache(environmentOf('owner/name', 'relative/folder'), () => undefined)).toBeUndefined();
  });

  test('parts, artifacts, digests and repositories are kept apart', async () => {
    const cache = cacheOf();
    await cache?.write(artifact, 'one', content(100));
    expect(await cache?.read(artifact, 'one')).toEqual(Buffer.from(content(100)));
    expect(await cache?.read(artifact, 'two')).toBeUndefined();
    expect(await cache?.read({ ...artifact, id: 8 }, 'one')).toBeUndefined();
    expect(await cache?.read({ ...artifact, sha256: 'a'.repeat(64) }, 'one')).toBeUndefined();
    expect(await cacheOf(environmentOf('other/name'))?.read(artifact, 'one')).toBeUndefined();
    await cache?.write({ ...artifact, sha256: 'a'.repeat(64) }, 'one', content(50));
    // the same content uploaded again, by another attempt
    expect(await cache?.read({ ...artifact, id: 9, name: 'again', sha256: 'a'.repeat(64) }, 'one')).toHaveLength(50);
  });

  test('the oldest go first, and what is not ours stays', async () => {
    const cache = cacheOf(environmentOf(), { bytes: 2500, fileBytes: 2000, files: 100 });
    mkdirSync(parts(), { recursive: true });
    const foreign = join(parts(), 'keep.me');
    writeFileSync(foreign, Buffer.alloc(10_000));
    const unfinished = join(parts(), `${'0'.repeat(64)}.${'1'.repeat(16)}.new`);
    writeFileSync(unfinished, Buffer.alloc(100));
    utimesSync(unfinished, 1, 1);
    for (const [index, part] of ['one', 'two', 'three'].entries()) {
      const before = new Set(readdirSync(parts()));
      await cache?.write(artifact, part, content(1000));
      for (const name of readdirSync(parts())) if (!before.has(name)) utimesSync(join(parts(), name), 100 + index, 100 + index);
    }
    expect(await cache?.read(artifact, 'one')).toBeUndefined();
    expect(await cache?.read(artifact, 'two')).toHaveLength(1000);
    expect(await cache?.read(artifact, 'three')).toHaveLength(1000);
    await cache?.write(artifact, 'four', content(2001));
    expect(await cache?.read(artifact, 'four')).toBeUndefined();
    expect(readdirSync(parts())).toHaveLength(3);
    expect(statSync(foreign).size).toBe(10_000);
  });

  test('no more files than the limit', async () => {
    const cache = cacheOf(environmentOf(), { bytes: 1_000_000, fileBytes: 1000, files: 3 });
    for (let index = 0; index < 6; index += 1) await cache?.write(artifact, `${index}`, content(10));
    expect(readdirSync(parts())).toHaveLength(3);
  });

  test('a folder in the place of a file is told, and read as nothing', async () => {
    const cache = cacheOf();
    await cache?.write(artifact, 'one', content(10));
    const [path = ''] = files();
    rmSync(path);
    mkdirSync(path);
    said.length = 0;
    expect(await cache?.read(artifact, 'one')).toBeUndefined();
    await cache?.write(artifact, 'one', content(10));
    expect(said.join()).toMatch(/could not be .*read/);
    expect(said.join()).toMatch(/could not be .*written/);
    expect(readdirSync(parts())).toHaveLength(1);
  });

  test.each(['nonsense', '', '12345678PK'])('an end that is kept whole and yet no archive (%j) is loaded again', async (wrong) => {
    const { standIn, run } = scene({}, [imageOfCase]);
    await ask(standIn, questionText(run));
    const listed = [...standIn.artifacts.values()][0];
    const environment = readEnvironment({
      GITHUB_REPOSITORY: `${standIn.owner}/${standIn.repo}`,
      GITHUB_EVENT_NAME: 'push',
      GITHUB_EVENT_PATH: '/event.json',
      GITHUB_API_URL: origins.api,
      RUNNER_TOOL_CACHE: folder,
    });
    const before = files().length;
    await cacheOf(environment)?.write(
      { id: listed?.id ?? 0, name: '', size: listed?.bytes.length ?? 0, expired: false },
      'end',
      Buffer.from(wrong, 'latin1'),
    );
    // it took the place of the right one
    expect(files()).toHaveLength(before);
    const outcome = await ask(standIn, questionText(run));
    expect(outcome.outputs.verdict).toBe('match');
    expect(loads(outcome)).toBeGreaterThan(0);
    expect(loads(await ask(standIn, questionText(run)))).toBe(0);
  });
});
