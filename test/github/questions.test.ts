/** The corpus of `fixtures/questions`: each file is a line of JSON (what must come of it) and then, byte by byte, what a person wrote. */
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { describe, expect, test } from '@jest/globals';
import { plain } from '../../src/core/sentence.js';
import { writeZip } from '../../src/demo/zip-writer.js';
import { readFile } from '../../src/github/attachments.js';
import { systemClock } from '../../src/github/clock.js';
import { readEnvironment } from '../../src/github/environment.js';
import type { Asked } from '../../src/github/event.js';
import { createLinkReader } from '../../src/github/links.js';
import { readRequest } from '../../src/github/request.js';

interface Expected {
  readonly speaks: boolean;
  readonly why?: string;
  readonly crashes?: number;
  /** Stack words of the first crash. */
  readonly words?: number;
  readonly run?: number | null;
  readonly kind?: 'run' | 'job';
  readonly artifact?: number;
  readonly foreign?: readonly string[];
  readonly command?: Readonly<Record<string, string>>;
  readonly problems?: readonly string[];
}

const folder = fileURLToPath(new URL('../../fixtures/questions/', import.meta.url));
const environment = readEnvironment({
  GITHUB_REPOSITORY: 'octo-org/hypervisor',
  GITHUB_EVENT_NAME: 'issue_comment',
  GITHUB_EVENT_PATH: 'event.json',
});
const links = createLinkReader(environment);

function read(slug: string): { readonly expected: Expected; readonly body: string } {
  const text = readFileSync(`${folder}${slug}.md`, 'utf8');
  const end = text.indexOf('\n');
  return { expected: JSON.parse(text.slice(0, end)), body: text.slice(end + 1) };
}

/** The log of the plainest form, as the content of every attached file. */
const log = read('fence-plain').body.split('```\n')[1] ?? '';
const contents: Readonly<Record<string, () => Uint8Array>> = {
  'boot.zip': () =>
    writeZip([
      { path: 'readme.txt', bytes: Buffer.from('see boot.log') },
      { path: 'logs/boot.log', bytes: Buffer.from(log) },
    ]),
  'boot.log.gz': () => gzipSync(log),
  'utf16.log': () => Buffer.concat([Buffer.from([0xff, 0xfe]), Buffer.from(log, 'utf16le')]),
  'boot.7z': () => Buffer.from('377abcaf271c0004', 'hex'),
  'notes.txt': () => Buffer.from('It works on my machine.'),
};

const asksOf: string[] = [];

async function serve(input: unknown): Promise<Response> {
  const url = String(input);
  asksOf.push(url);
  if (url.endsWith('/gone.log')) return new Response('Not Found', { status: 404 });
  const make = contents[url.split('/').at(-1) ?? ''];
  return new Response(new Uint8Array(make === undefined ? Buffer.from(log) : make()), { status: 200 });
}

const net = { fetch: serve as typeof globalThis.fetch, clock: systemClock, signal: new AbortController().signal }; // only what exchange() uses of fetch

function asked(body: string): Asked {
  return { key: { kind: 'comment', id: 5 }, number: 1, isPullRequest: false, body, author: 'reporter', createdAt: '', updatedAt: '' };
}

const slugs = readdirSync(folder)
  .filter((name) => name.endsWith('.md'))
  .map((name) => name.slice(0, -3));

describe('ways to write the question', () => {
  test('there are at least sixty', () => {
    expect(slugs.length).toBeGreaterThanOrEqual(60);
  });

  test.each(slugs)('%s', async (slug) => {
    const { expected, body } = read(slug);
    const request = await readRequest(asked(body), {
      links,
      readFile: (file) => readFile(environment, net, file, { token: 'ghs_secret', isPrivate: false }),
      comments: async () => [],
    });
    if (!expected.speaks) {
      expect(request).toBeUndefined();
      return;
    }
    const [run] = request?.runs ?? [];
    const { problems: _, ...command } = request?.command ?? { problems: [] };
    expect({
      why: request?.why,
      crashes: request?.found?.log.crashes.length,
      words: request?.found?.log.crashes[0]?.stack.words.length,
      run: run?.id ?? null,
      kind: run?.kind ?? 'run',
      artifact: run?.artifactId,
      foreign: request?.foreignRuns,
      problems: request?.problems.map(plain),
      command: expected.command === undefined ? undefined : { ...command, run: undefined },
    }).toEqual({
      why: expected.why,
      crashes: expected.crashes,
      words: expected.words,
      run: expected.run,
      kind: expected.kind ?? 'run',
      artifact: expected.artifact,
      foreign: expected.foreign ?? [],
      problems: expected.problems ?? [],
      command: expected.command,
    });
  });

  test('files are asked for without the token and only at hosts of the list', () => {
    const hosts = new Set(asksOf.map((url) => new URL(url).host));
    expect([...hosts].sort()).toEqual(['gist.githubusercontent.com', 'github.com', 'raw.githubusercontent.com']);
  });
});
