/** Which of a run's artifacts the log came from: by evidence, names as a hint, ties told. */
import { gzipSync } from 'node:zlib';
import { describe, expect, test } from '@jest/globals';
import { bytesSource } from '../../src/core/bytes/byte-source.js';
import { openImage } from '../../src/core/image/open-image.js';
import { commentEvent } from '../../src/demo/stand-in/events.js';
import { addArtifact, addComment, addRun, answers, type StandIn } from '../../src/demo/stand-in/state.js';
import { writeZip } from '../../src/demo/zip-writer.js';
import { nameHint } from '../../src/github/artifacts.js';
import { at, list } from '../../src/github/json.js';
import { createPlatform } from '../../src/platform/node.js';
import { type Outcome, origins, start } from '../build/github-world.js';
import { workerEngine } from '../build/worker-engine.js';
import { callCounts, caseLog, fixture, imageOfCase, questionText, scene } from '../e2e/scene.js';

const patience = 60_000;
const platform = createPlatform();
const right = fixture(`images/${imageOfCase}/image.elf`);
const wrong = fixture('images/amd64-gcc-O0/image.elf');

async function ask(standIn: StandIn, body: string): Promise<Outcome> {
  const comment = addComment(standIn, { number: 12, body, createdAt: '2026-06-01T11:59:00Z' });
  return start(standIn, { event: commentEvent(standIn, origins, comment), engine: workerEngine });
}

const zipsAsked = (outcome: Outcome): number => outcome.recorded.filter(({ asked }) => asked.path.endsWith('/zip')).length;
/** Where an answer says how the image fits. */
const verdictsTold = (outcome: Outcome, standIn: StandIn) => ({
  output: outcome.outputs.verdict,
  json: at(
    list(at(JSON.parse(Object.entries(outcome.saved).find(([name]) => name.endsWith('.json'))?.[1] ?? '{}'), 'images'))[0],
    'verdict',
  ),
  headline: /\((match|probable|ambiguous|mismatch|unverifiable)\)/.exec(bodyOf(standIn))?.[1],
});
const bodyOf = (standIn: StandIn): string =>
  (answers(standIn)[0]?.body ?? '').replace(/<\/?code>/g, '').replace(/&#(\d+);/g, (_, code) => String.fromCharCode(Number(code)));

/** The same code with something else behind it: another file of the same build, as far as the log can tell. */
const twin = Buffer.concat([right, Buffer.alloc(64)]);

/** Other code, where no address of the log points: the last byte of `.text`. */
function sibling(): Buffer {
  const text = openImage(bytesSource(right), 'image.elf', platform).sections.find(({ name }) => name === '.text');
  const code = text === undefined ? undefined : openImage(bytesSource(right), 'image.elf', platform).bytesAt(text.address, text.size);
  if (code === undefined) throw new Error('the fixture has no .text');
  const copy = Buffer.from(right);
  const last = right.indexOf(code) + code.length - 1;
  copy[last] = (copy[last] ?? 0) ^ 1;
  return copy;
}

test.each([
  ['build-i386-O3', 'i386', 0],
  ['build-amd64-O3', 'i386', 2],
  ['xmhf x86_64', 'amd64', 0],
  ['x86-debug', 'amd64', 2],
  ['x86-debug', 'i386', 0],
  ['build64', 'amd64', 1],
  ['b-64-bit', 'amd64', 0],
  ['release', 'amd64', 1],
  ['i386-and-amd64', 'amd64', 1],
  ['anything', undefined, 1],
] as const)('the name %s for a log of %s', (name, arch, expected) => expect(nameHint(name, arch)).toBe(expected));

describe('sixteen artifacts', () => {
  test(
    'the one of the log is found, and the names against its width are not opened',
    async () => {
      const { standIn, run } = scene({}, []);
      for (let index = 0; index < 8; index += 1) {
        addArtifact(standIn, { runId: run.id, name: `build-amd64-${index}`, bytes: writeZip([{ path: 'runtime.exe', bytes: wrong }]) });
        addArtifact(standIn, {
          runId: run.id,
          name: `build-i386-${index}`,
          bytes: writeZip([{ path: 'runtime.exe', bytes: index === 5 ? right : wrong }]),
        });
      }
      const outcome = await ask(standIn, questionText(run));
      expect(outcome.outputs.verdict).toBe('match');
      expect(bodyOf(standIn)).toContain('from the artifact build-i386-5 ');
      expect(zipsAsked(outcome)).toBe(8);
      const { reads, writes } = callCounts(outcome.recorded);
      expect(reads + writes).toBeLessThanOrEqual(17);
    },
    patience,
  );

  test(
    'misleading names cost more requests, not the answer',
    async () => {
      const { standIn, run } = scene({}, []);
      addArtifact(standIn, { runId: run.id, name: 'i386', bytes: writeZip([{ path: 'runtime.exe', bytes: wrong }]) });
      addArtifact(standIn, { runId: run.id, name: 'amd64', bytes: writeZip([{ path: 'runtime.exe', bytes: right }]) });
      const outcome = await ask(standIn, questionText(run));
      expect(outcome.outputs.verdict).toBe('match');
      expect(bodyOf(standIn)).toContain('from the artifact amd64 ');
    },
    patience,
  );
});

test(
  'the length of the packed hypervisor singles one out without its image being weighed',
  async () => {
    const { standIn, run } = scene({}, []);
    const printed = /un-aligned size = 0x([0-9a-f]+)/.exec(caseLog)?.[1];
    const size = printed === undefined ? 0x85000 : Number.parseInt(printed, 16);
    for (const [name, length] of [
      ['build-a', size + 1],
      ['build-b', size],
      ['build-c', size + 2],
    ] as const) {
      const packed = gzipSync(Buffer.alloc(length, 'x'));
      addArtifact(standIn, {
        runId: run.id,
        name,
        bytes: writeZip([
          { path: 'runtime.exe', bytes: right },
          { path: 'hypervisor-x86-i386.bin.gz', bytes: packed },
        ]),
      });
    }
    const line = `INIT(early): un-aligned size = 0x${size.toString(16).padStart(8, '0')}`;
    const log = printed === undefined ? caseLog.replace('INIT(early): initializing', `${line}\nINIT(early): initializing`) : caseLog;
    const outcome = await ask(standIn, questionText(run, log));
    expect(outcome.outputs.verdict).toBe('match');
    expect(bodyOf(standIn)).toContain('from the artifact build-b ');
    expect(bodyOf(standIn)).toContain(
      `Of the 3 artifacts looked into, only build-b holds a hypervisor of the ${size} bytes that the log prints.`,
    );
  },
  patience,
);

test(
  'two of the same code that fit equally are told, and believed; the same bytes twice are not worth a word',
  async () => {
    const { standIn, run } = scene({}, []);
    addArtifact(standIn, { runId: run.id, name: 'debug', bytes: writeZip([{ path: 'runtime.exe', bytes: right }]) });
    addArtifact(standIn, { runId: run.id, name: 'release', bytes: writeZip([{ path: 'runtime.exe', bytes: twin }]) });
    const outcome = await ask(standIn, questionText(run));
    expect(bodyOf(standIn)).toContain(
      'These artifacts fit the log equally well: debug, release. Their code is the same, and so is the stack',
    );
    expect(verdictsTold(outcome, standIn)).toEqual({ output: 'match', json: 'match', headline: 'match' });
    const same = scene({}, []);
    for (const name of ['debug', 'release'])
      addArtifact(same.standIn, { runId: same.run.id, name, bytes: writeZip([{ path: 'runtime.exe', bytes: right }]) });
    const again = await ask(same.standIn, questionText(same.run));
    expect(again.outputs.verdict).toBe('match');
    expect(bodyOf(same.standIn)).not.toContain('equally well');
  },
  patience,
);

test(
  'two of other code that fit equally are ambiguous, in the headline, the JSON report and the output alike',
  async () => {
    const { standIn, run } = scene({}, []);
    addArtifact(standIn, { runId: run.id, name: 'debug', bytes: writeZip([{ path: 'runtime.exe', bytes: right }]) });
    addArtifact(standIn, { runId: run.id, name: 'release', bytes: writeZip([{ path: 'runtime.exe', bytes: sibling() }]) });
    // without the printed SHA-1 nothing tells them apart
    const outcome = await ask(standIn, questionText(run, caseLog.replace(/^.*\b(?:gold|comp) runtime:.*\n/gm, '')));
    expect(verdictsTold(outcome, standIn)).toEqual({ output: 'ambiguous', json: 'ambiguous', headline: 'ambiguous' });
    expect(bodyOf(standIn)).toContain(
      'These artifacts fit the log equally well: debug, release. The stack below is from the first and may be',
    );
  },
  patience,
);

test(
  'two main images in one artifact are two candidates',
  async () => {
    const { standIn, run } = scene({}, []);
    addArtifact(standIn, {
      runId: run.id,
      name: 'all',
      bytes: writeZip([
        { path: 'b64/runtime.exe', bytes: wrong },
        { path: 'b32/runtime.exe', bytes: right },
      ]),
    });
    const outcome = await ask(standIn, questionText(run));
    expect(outcome.outputs.verdict).toBe('match');
    expect(bodyOf(standIn)).toContain('The image b32/runtime.exe is from the artifact all');
  },
  patience,
);

test(
  'a damaged candidate costs its row, not the answer',
  async () => {
    const { standIn, run } = scene({}, []);
    addArtifact(standIn, { runId: run.id, name: 'a-damaged', bytes: Buffer.from('PK\u0003\u0004 nothing more') });
    addArtifact(standIn, { runId: run.id, name: 'b-good', bytes: writeZip([{ path: 'runtime.exe', bytes: right }]) });
    const outcome = await ask(standIn, questionText(run));
    expect(outcome.outputs.verdict).toBe('match');
    expect(bodyOf(standIn)).toContain('from the artifact b-good ');
    expect(bodyOf(standIn)).toContain('The artifact a-damaged could not be read');
  },
  patience,
);

test(
  'at most thirty calls, however many artifacts there are',
  async () => {
    const { standIn, run } = scene({}, []);
    for (let index = 0; index < 60; index += 1)
      addArtifact(standIn, {
        runId: run.id,
        name: `build-${index}`,
        bytes: writeZip([{ path: 'runtime.exe', bytes: wrong.subarray(0, 64) }]),
      });
    const outcome = await ask(standIn, questionText(run));
    expect(outcome.status).toBe(0);
    expect(answers(standIn)).toHaveLength(1);
    const { reads, writes } = callCounts(outcome.recorded);
    expect(reads + writes).toBeLessThanOrEqual(30);
  },
  patience,
);

test(
  'none has the length that the log prints: the run of the revision is looked at',
  async () => {
    const { standIn, run } = scene({}, []);
    const printed = /un-aligned size = 0x([0-9a-f]+)/.exec(caseLog)?.[1];
    const log = printed === undefined ? `INIT(early): un-aligned size = 0x00085000\n${caseLog}` : caseLog;
    const packed = gzipSync(Buffer.alloc(77, 'x'));
    for (const name of ['a', 'b'])
      addArtifact(standIn, {
        runId: run.id,
        name,
        bytes: writeZip([
          { path: 'runtime.exe', bytes: wrong },
          { path: 'hypervisor-x86-i386.bin.gz', bytes: packed },
        ]),
      });
    await ask(standIn, questionText(run, log));
    expect(bodyOf(standIn)).toContain('None of the 2 artifacts fits the log');
    const revision = /Build revision: \S+-([0-9a-f]{40})/.exec(caseLog)?.[1] ?? '';
    const other = addRun(standIn, { id: 7_000_000_010, headSha: revision });
    addArtifact(standIn, { runId: other.id, name: 'build', bytes: writeZip([{ path: 'runtime.exe', bytes: right }]) });
    for (const answer of answers(standIn)) standIn.comments.delete(answer.id);
    const outcome = await ask(standIn, questionText(run, log));
    expect(outcome.outputs.verdict).toBe('match');
    expect(bodyOf(standIn)).toContain(`The image of the run ${run.id}, which is named, does not fit this log.`);
  },
  patience,
);
