/** What may be asked, and who is shown the token: spellings of addresses, redirects, and the one way to standard output. */
import { describe, expect, test } from '@jest/globals';
import { say } from '../../src/core/sentence.js';
import { readFile } from '../../src/github/attachments.js';
import { connect } from '../../src/github/client.js';
import { type Environment, readEnvironment } from '../../src/github/environment.js';
import { matchesGlob } from '../../src/github/glob.js';
import { allowedAddress } from '../../src/github/hosts.js';
import { createLinkReader } from '../../src/github/links.js';
import { createLog } from '../../src/github/log.js';
import { Problem } from '../../src/github/problem.js';
import type { Artifact } from '../../src/github/runs.js';
import { openStored } from '../../src/github/storage.js';
import { createClock } from '../build/github-world.js';

const token = 'ghs_theTokenThatMustNotLeave0123456789';

function environmentOf(server = 'https://github.com', api = 'https://api.github.com'): Environment {
  return readEnvironment({
    GITHUB_REPOSITORY: 'octo-org/hypervisor',
    GITHUB_EVENT_NAME: 'issues',
    GITHUB_EVENT_PATH: 'e',
    GITHUB_SERVER_URL: server,
    GITHUB_API_URL: api,
  });
}

describe('spellings of a run address', () => {
  const links = createLinkReader(environmentOf());
  const ours = [
    'https://github.com/octo-org/hypervisor/actions/runs/123',
    'https://github.com/OCTO-ORG/hypervisor/actions/runs/123/',
    'https://github.com/octo-org/hypervisor/actions/runs/123/attempts/2',
    'https://github.com/octo-org/hypervisor/actions/runs/123#summary-9',
  ];
  test.each(ours)('%s is ours', (address) => expect(links.read(address)).toMatchObject({ kind: 'run', runId: 123 }));

  test.each([
    'https://github.com/someone/else/actions/runs/123',
    'https://github.com/octo-org/hypervisor2/actions/runs/123',
    'https://github.com/octo-org/hyper/actions/runs/123/job/4',
    'https://github.com/octo-orga/hypervisor/actions/runs/123',
  ])('%s is told as foreign', (address) => expect(links.read(address)).toMatchObject({ kind: 'foreign-run' }));

  test.each([
    'https://github.com@evil.example/octo-org/hypervisor/actions/runs/123',
    'https://user:pass@github.com/octo-org/hypervisor/actions/runs/123',
    'https://github.com:443/octo-org/hypervisor/actions/runs/123',
    'https://github.com:8443/octo-org/hypervisor/actions/runs/123',
    'https://github.com.evil.example/octo-org/hypervisor/actions/runs/123',
    'https://evilgithub.com/octo-org/hypervisor/actions/runs/123',
    'https://github.com./octo-org/hypervisor/actions/runs/123',
    'https://www.github.com/octo-org/hypervisor/actions/runs/123',
    'http://github.com/octo-org/hypervisor/actions/runs/123',
    'ftp://github.com/octo-org/hypervisor/actions/runs/123',
    'https:github.com/octo-org/hypervisor/actions/runs/123',
    'https:///github.com/octo-org/hypervisor/actions/runs/123',
    'https://github.com//octo-org/hypervisor/actions/runs/123',
    'https://github.com/octo-org//hypervisor/actions/runs/123',
    'https://github.com/octo-org%2fhypervisor/actions/runs/123',
    'https://github.com/octo-org/hypervisor/../../someone/else/actions/runs/123',
    'https://github.com/octo-org/hypervisor/./actions/runs/123',
    'https://github.com/octo-org\\hypervisor\\actions\\runs\\123',
    'https://github.com/octo-org/hypervisor/actions%2Fruns%2F123',
    'https://github.com/octo-org/hypervisor/actions/runs/%31%32%33',
    'https://github.com/octo-org/hypervisor/actions/runs/-123',
    'https://github.com/octo-org/hypervisor/actions/runs/0',
    'https://github.com/octo-org/hypervisor/actions/runs/0x7b',
    'https://github.com/octo-org/hypervisor/actions/runs/12345678901234567890',
    'https://github.com/octo-org/hypervisor/actions/runs/9007199254740993',
    'https://github.com/octo-org/hypervisor/actions/runs/１２３',
    'https://github.com/octo-org/hypervisor/actions/runs/123abc',
    'https://github.com/octo-org/hypervisor/actions/runs/',
    'https://ｇithub.com/octo-org/hypervisor/actions/runs/123',
    'https://gіthub.com/octo-org/hypervisor/actions/runs/123',
    'https://127.0.0.1/octo-org/hypervisor/actions/runs/123',
    'javascript:https://github.com/octo-org/hypervisor/actions/runs/123',
  ])('%s names nothing', (address) => expect(links.read(address)).toBeUndefined());
});

describe('hosts', () => {
  const dotCom = environmentOf();
  test.each([
    'http://127.0.0.1/x',
    'https://127.0.0.1/x',
    'https://2130706433/x',
    'https://0x7f000001/x',
    'https://0177.0.0.1/x',
    'https://[::1]/x',
    'https://[::ffff:127.0.0.1]/x',
    'https://169.254.169.254/latest/meta-data',
    'http://169.254.169.254/latest/meta-data',
    'https://metadata.google.internal/x',
    'https://10.0.0.1/x',
    'https://192.168.1.1/x',
    'https://[fe80::1]/x',
    'https://[fc00::1]/x',
    'https://localhost/x',
    'https://localhost.github.com.evil.example/x',
    'https://objects.githubusercontent.com./x',
    'https://objects.githubusercontent.com:8443/x',
    'http://objects.githubusercontent.com/x',
    'https://user@objects.githubusercontent.com/x',
    'https://objects.githubusercontent.com@evil.example/x',
    'https://evilgithubusercontent.com/x',
    'https://githubusercontent.com.evil.example/x',
    'https://blob.core.windows.net.evil.example/x',
    'https://evil.example/?https://github.com',
    'https://evil.example#github.com',
    'file:///etc/passwd',
    'data:text/plain,x',
    '//evil.example/x',
    'https://',
    '',
  ])('%j is asked for nothing', (address) => {
    for (const purpose of ['api', 'artifact', 'attachment'] as const) expect(allowedAddress(dotCom, address, purpose)).toBeUndefined();
  });

  test('each purpose has its own', () => {
    const blob = 'https://productionresultssa0.blob.core.windows.net/a?sig=1';
    expect(allowedAddress(dotCom, blob, 'artifact')?.href).toBe(blob);
    expect(allowedAddress(dotCom, blob, 'attachment')).toBeUndefined();
    expect(allowedAddress(dotCom, 'https://objects.githubusercontent.com/x', 'attachment')).toBeDefined();
    expect(allowedAddress(dotCom, 'https://pipelines.actions.githubusercontent.com/x', 'artifact')).toBeDefined();
    expect(allowedAddress(dotCom, 'https://github.com/x', 'api')).toBeUndefined();
  });

  test('an enterprise server allows its own names and no loopback', () => {
    const own = environmentOf('https://git.example.com', 'https://git.example.com/api/v3');
    expect(allowedAddress(own, 'https://media.git.example.com/x', 'attachment')).toBeDefined();
    expect(allowedAddress(own, 'https://git.example.com/storage/x', 'artifact')).toBeDefined();
    expect(allowedAddress(own, 'https://objects.githubusercontent.com/x', 'artifact')).toBeUndefined();
    expect(allowedAddress(own, 'http://127.0.0.1:8000/x', 'artifact')).toBeUndefined();
  });
});

describe('redirects', () => {
  const artifact: Artifact = { id: 7, name: 'build', size: 100, expired: false };

  /** Everything asked, with its headers; API calls answer a redirect to `first`, everything else what `storage` says. */
  async function follow(environment: Environment, first: string | undefined, storage: (url: string) => Response) {
    const seen: { readonly url: string; readonly headers: string }[] = [];
    const serve = async (input: unknown, init: RequestInit = {}): Promise<Response> => {
      const url = String(input);
      seen.push({ url, headers: JSON.stringify(init.headers ?? {}) });
      if (url.startsWith(environment.apiUrl))
        return new Response(null, { status: 302, headers: first === undefined ? {} : { location: first } });
      return storage(url);
    };
    const net = { fetch: serve as typeof globalThis.fetch, clock: createClock(), signal: new AbortController().signal }; // what exchange() uses of it
    const github = await connect(environment, token, net, 'test');
    const hidden: string[] = [];
    const result = await openStored(github, artifact, async (address) => void hidden.push(address)).then(
      () => 'read',
      (error: unknown) => (error instanceof Problem ? `${error.kind}: ${error.message}` : String(error)),
    );
    return { seen, hidden, result };
  }

  const bytes = Buffer.alloc(100);
  const whole = (): Response => new Response(bytes, { status: 206, headers: { 'content-range': 'bytes 0-99/100' } });
  const storage = 'https://sa0.blob.core.windows.net/a.zip?sig=secret';

  test('storage is asked without the token, and its address is hidden first', async () => {
    const { seen, hidden, result } = await follow(environmentOf(), storage, whole);
    expect(result).toBe('read');
    expect(seen.map(({ url }) => url)).toEqual(['https://api.github.com/repos/octo-org/hypervisor/actions/artifacts/7/zip', storage]);
    expect(seen[0]?.headers).toContain(token);
    expect(seen[1]?.headers).not.toContain(token);
    expect(hidden).toEqual([storage]);
  });

  test.each([
    'https://evil.example/a.zip',
    'http://sa0.blob.core.windows.net/a.zip',
    'https://sa0.blob.core.windows.net:444/a.zip',
    'https://x@sa0.blob.core.windows.net/a.zip',
    'http://169.254.169.254/a.zip',
    'https://localhost/a.zip',
  ])('from the API to %s: not followed', async (first) => {
    const { seen, result } = await follow(environmentOf(), first, whole);
    expect(seen).toHaveLength(1);
    expect(result).toMatch(/^unreachable: GitHub keeps the artifact build at a host that is not on the list/);
  });

  test('without an address', async () => {
    const { result } = await follow(environmentOf(), undefined, whole);
    expect(result).toMatch(/^unreachable: GitHub answered 302/);
  });

  test.each([301, 302, 303, 307, 308])('storage that redirects on (%i), to its own kind, three times at most', async (status) => {
    for (const [hops, good] of [
      [1, true],
      [3, true],
      [4, false],
      [20, false],
    ] as const) {
      const next = (url: string): Response => {
        const at = Number(/hop=(\d+)/.exec(url)?.[1] ?? 0);
        return at < hops ? new Response(null, { status, headers: { location: `/a.zip?hop=${at + 1}` } }) : whole();
      };
      const { seen, result } = await follow(environmentOf(), storage, next);
      expect(result === 'read').toBe(good);
      for (const { url, headers } of seen.slice(1)) {
        if (!url.startsWith('https://api.github.com/')) expect(headers).not.toContain(token);
      }
    }
  });

  test.each(['https://evil.example/', 'http://sa0.blob.core.windows.net/', 'https://api.github.com/user', 'https://[::1]/', ''])(
    'storage that sends to %j: not followed',
    async (to) => {
      const { seen, result } = await follow(
        environmentOf(),
        storage,
        () => new Response(null, { status: 302, headers: to === '' ? {} : { location: to } }),
      );
      expect(result).toMatch(/^unreachable/);
      expect(seen.some(({ url }) => to !== '' && url.startsWith(to))).toBe(false);
    },
  );
});

describe('attached files', () => {
  const file = { url: 'https://github.com/user-attachments/files/1/boot.log', name: 'boot.log', from: 'attachment' } as const;

  async function ask(answers: readonly (() => Response)[], isPrivate: boolean) {
    const seen: string[] = [];
    let at = 0;
    const serve = async (input: unknown, init: RequestInit = {}): Promise<Response> => {
      seen.push(`${String(input)} ${JSON.stringify(init.headers).includes(token) ? 'with' : 'without'}`);
      const make = answers[Math.min(at, answers.length - 1)];
      at += 1;
      return make === undefined ? new Response(null, { status: 500 }) : make();
    };
    const net = { fetch: serve as typeof globalThis.fetch, clock: createClock(), signal: new AbortController().signal }; // what exchange() uses of it
    return { result: await readFile(environmentOf(), net, file, { token, isPrivate }), seen };
  }
  const missing = (): Response => new Response('Not Found', { status: 404 });
  const redirect = (): Response =>
    new Response(null, { status: 302, headers: { location: 'https://objects.githubusercontent.com/x?token=1' } });
  const found = (): Response => new Response('log', { status: 200 });

  test('public: never with the token', async () => {
    const { result, seen } = await ask([missing], false);
    expect(seen).toEqual([`${file.url} without`]);
    expect(result.kind === 'unreadable' && result.problem.join('')).toContain('is not there');
  });

  test('private: once more with the token, on the server itself only, then explained', async () => {
    const { seen } = await ask([missing, redirect, found], true);
    expect(seen).toEqual([`${file.url} without`, `${file.url} with`, 'https://objects.githubusercontent.com/x?token=1 without']);
    const { result } = await ask([missing], true);
    expect(result.kind === 'unreadable' && result.problem.join('')).toContain('GitHub gives files of a private repository to people only');
  });
});

describe('standard output', () => {
  /** What the runner takes for a command: at the start of a line after blanks, or `##[name` anywhere. */
  function commandsIn(printed: string): string[] {
    return printed
      .split(/\r\n|\r|\n/)
      .filter((line) => /^\s*::[A-Za-z-]+( [^:]*)?::/.test(line) || /##\[[A-Za-z-]+( [^\]]*)?\]/.test(line));
  }
  const hostile = [
    '::set-env name=X::y',
    '  ::add-path::x',
    'a ##[add-mask]b',
    'x\r::stop-commands::t',
    'x\u2028::error::t',
    'x\u0085::warning::t',
    '%0A::notice::x',
    ':\u200b:error::x',
    '#\u200b#[group]x',
    '\u001b[31m::group::x',
    '::\u0000error::x',
  ];

  test.each(hostile)('%j is no command', (text) => {
    let printed = '';
    const log = createLog((piece) => {
      printed += piece;
    }, true);
    log.note(say`${text}`);
    expect(commandsIn(printed)).toEqual([]);
    printed = '';
    for (const write of [log.warning, log.error, log.debug]) write(say`Seen: ${text}`);
    expect(commandsIn(printed).map((line) => /^::(\w+)::Seen: /.exec(line)?.[1])).toEqual(['warning', 'error', 'debug']);
    expect(printed.split('\n')).toHaveLength(4);
    expect(printed).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u2028]/);
  });

  test('secrets and the query of an address never show', () => {
    let printed = '';
    const log = createLog((piece) => {
      printed += piece;
    }, true);
    log.hide(token);
    log.error(say`${token} at ${'https://sa0.blob.core.windows.net/a.zip?sig=secret&se=1'} failed`);
    expect(printed).toBe('::error::*** at https://sa0.blob.core.windows.net/a.zip failed\n');
  });

  test('long lines and many lines are cut', () => {
    let printed = '';
    createLog((piece) => {
      printed += piece;
    }, false).note(say`${`${'x'.repeat(10_000)}\n`.repeat(1000)}`);
    expect(printed.length).toBeLessThan(120_000);
    expect(printed).toContain('more lines');
  });
});

describe('globs', () => {
  test.each<[string, string, boolean]>([
    ['*', 'anything', true],
    ['*', 'a/b', false],
    ['**/runtime.exe', 'runtime.exe', true],
    ['**/runtime.exe', 'a/b/runtime.exe', true],
    ['**/runtime.exe', 'a/xruntime.exe', false],
    ['build-*', 'build-i386', true],
    ['build-{i386,amd64}', 'build-amd64', true],
    ['build-{i386,amd64}', 'build-arm', false],
    ['a?c', 'abc', true],
    ['a/**/b', 'a/b', true],
    ['a/**/b', 'a/x/y/b', true],
    ['[x]', 'x', false],
    ['**', 'a/b/c', true],
  ])('%s on %s: %s', (pattern, path, expected) => expect(matchesGlob(pattern, path)).toBe(expected));

  test('a hostile pattern ends at once', () => {
    expect(matchesGlob(`${'*a'.repeat(400)}b`, 'a'.repeat(4000))).toBe(false);
    expect(matchesGlob(`${'{a,b}'.repeat(100)}`, 'x')).toBe(false);
    expect(matchesGlob(`${'**/'.repeat(300)}x`, 'a/'.repeat(1000))).toBe(false);
  });
});
