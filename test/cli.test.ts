/** The built dist/cli.js as a user starts it: what it prints, how it ends, and one line on standard error for every bad input. */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, test } from '@jest/globals';

const root = fileURLToPath(new URL('..', import.meta.url));
const cli = join(root, 'dist/cli.js');
const log = join(root, 'fixtures/cases/rdmsr-i386-O0/log.txt');
const image = join(root, 'fixtures/images/i386-gcc-O0/image.elf');
const scratch = mkdtempSync(join(tmpdir(), 'cli-'));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

function run(args: readonly string[], input = ''): { status: number | null; out: string; err: string } {
  const { status, stdout, stderr } = spawnSync(process.execPath, [cli, ...args], {
    input,
    encoding: 'utf8',
    cwd: root,
    maxBuffer: 1 << 26,
  });
  return { status, out: stdout, err: stderr };
}

function file(name: string, content: string | Uint8Array): string {
  const path = join(scratch, name);
  writeFileSync(path, content);
  return path;
}

interface PrintedFrame {
  readonly functions: readonly { readonly name: string }[];
  readonly trust: string;
  readonly callVerified: boolean | null;
}

describe('report', () => {
  const crashOf = (json: string) => JSON.parse(json).crashes[0];

  test('with an image: the whole stack', () => {
    const { status, out, err } = run(['report', '--log', log, '--image', image, '--format', 'json']);
    expect({ status, err }).toEqual({ status: 0, err: '' });
    const { images, diagnosis, crashes } = JSON.parse(out);
    expect(images[0]).toMatchObject({ arch: 'i386', bias: '0x0', verdict: 'match' });
    expect(crashes).toHaveLength(4);
    // names and lines as llvm-symbolizer 14.0.6 prints them for these addresses (fixtures/images/i386-gcc-O0/llvm-symbolizer.jsonl.gz)
    expect(
      crashes[0].frames.slice(0, 3).map(({ functions, trust, callVerified }: PrintedFrame) => [functions[0]?.name, trust, callVerified]),
    ).toEqual([
      ['rdmsr64', 'context', null],
      ['read_window', 'code', true],
      ['read_capabilities', 'code', true],
    ]);
    expect(diagnosis[0]).toMatchObject({
      finding: 'msr',
      grade: 'confirmed',
      msr: { address: '0x491', name: 'IA32_VMX_VMFUNC', access: 'read', origin: 'host' },
    });
    expect(diagnosis[0].exists.map(({ source, worth }: { source: string; worth: string }) => [source, worth])).toEqual([
      ['SDM vol 3', 'false'],
      ['SDM vol 4', 'true'],
    ]);
  });

  test('without an image: what the log alone tells, never confirmed', () => {
    const { status, out } = run(['report', '--log', log, '--format', 'json']);
    expect(status).toBe(0);
    const { images, diagnosis } = JSON.parse(out);
    expect(images).toEqual([]);
    expect(diagnosis[0].grade).not.toBe('confirmed');
    expect(crashOf(out).frames).toHaveLength(1);
    expect(crashOf(out).stop.kind).toBe('no-image');
  });

  test('from standard input', () => {
    const { status, out } = run(['report', '--log', '-', '--format', 'json'], readFileSync(log, 'latin1'));
    expect(status).toBe(0);
    expect(JSON.parse(out).crashes).toHaveLength(4);
  });

  test.each(['markdown', 'text', 'annotated', 'html'])('as %s', (format) => {
    const { status, out, err } = run(['report', '--log', log, '--image', image, '--format', format]);
    expect({ status, err }).toEqual({ status: 0, err: '' });
    expect(out).toContain('rdmsr64');
  });

  test('an image out of an artifact, as the action would find it', () => {
    const zips = join(root, 'fixtures/zips/good');
    const zip = readdirSync(zips).find((name) => name.includes('i386') && name.includes('O0'));
    if (zip === undefined) throw new Error('no i386 artifact among the fixtures');
    const { status, out } = run(['report', '--log', log, '--image', join(zips, zip), '--format', 'json']);
    expect(status).toBe(0);
    expect(JSON.parse(out).images[0]).toMatchObject({ path: expect.stringMatching(/\.zip:.*runtime\.exe$/), verdict: 'match' });
  });

  test('an image of the other width does not fit, and no name of it is believed', () => {
    const other = join(root, 'fixtures/images/amd64-gcc-O0/image.elf');
    const { status, out } = run(['report', '--log', log, '--image', other, '--format', 'json']);
    expect(status).toBe(0);
    expect(JSON.parse(out).images[0].verdict).toBe('mismatch');
    expect(JSON.parse(out).diagnosis.every(({ grade }: { grade: string }) => grade !== 'confirmed')).toBe(true);
  });

  test('a text that is no log: said in full, status 1', () => {
    const { status, out, err } = run(['report', '--log', file('poem.txt', 'roses are red\n'), '--format', 'json']);
    expect({ status, err }).toEqual({ status: 1, err: '' });
    expect(JSON.parse(out).log).toMatchObject({ dialect: 'unknown' });
  });

  test('a damaged image costs the image, not the report', () => {
    const { status, err } = run(['report', '--log', log, '--image', file('cut.elf', readFileSync(image).subarray(0, 3000))]);
    expect(status).toBe(0);
    expect(err).toBe('');
  });
});

describe('lookup', () => {
  test('prints what llvm-symbolizer --inlining prints', () => {
    // llvm-symbolizer 14.0.6: llvm-symbolizer --obj=image.elf 0x10200f92 0x1
    expect(run(['lookup', '--image', image, '0x10200f92', '0x1'])).toEqual({
      status: 0,
      out: 'rdmsr64\n/testbed/include/x86.h:21:3\n\n??\n??:0:0\n\n',
      err: '',
    });
  });

  test('looks a return address up one byte before and prints the original', () => {
    const { out } = run(['lookup', '--image', image, '--json', '--return-addresses', '0x1020102a']);
    expect(JSON.parse(out)).toEqual([
      {
        address: '0x1020102a',
        functions: [{ name: 'read_window', inlined: false, file: '/testbed/runtime/vmx.c', line: 20, column: 17 }],
        symbol: 'read_window',
        offset: 37,
      },
    ]);
  });

  test('reads addresses from standard input, in the order asked', () => {
    const { out } = run(['lookup', '--image', image, '--json', '-'], '0x10201029\n\n10200f92\n');
    expect(JSON.parse(out).map(({ address }: { address: string }) => address)).toEqual(['0x10201029', '0x10200f92']);
  });

  test('ends with 1 where no address is covered', () => {
    const { status, out } = run(['lookup', '--image', image, '--json', '0x1']);
    expect(status).toBe(1);
    expect(JSON.parse(out)).toEqual([{ address: '0x1', functions: [], symbol: null, offset: null }]);
  });
});

describe('msr', () => {
  test('works the conditions out from a log', () => {
    const { status, out } = run(['msr', '491h', '--log', log]);
    expect(status).toBe(0);
    expect(out).toMatch(/^0x491 IA32_VMX_VMFUNC/);
    expect(out).toMatch(/by this log: false[\s\S]*by this log: true/);
  });

  test('says that nothing is known of a number without a row', () => {
    expect(run(['msr', 'deadbee'])).toMatchObject({ status: 1, out: expect.stringContaining('does not mean that it does not exist') });
  });
});

// one line that names the file, the place in it and the remedy; never a stack trace
test.each<[string, readonly string[], string]>([
  ['no command', [], 'try report'],
  ['an unknown command', ['frobnicate'], '"frobnicate"'],
  ['an unknown option', ['report', '--frob'], "'--frob'"],
  ['no log', ['report'], '--log FILE is missing'],
  ['no such log', ['report', '--log', '/nonexistent/log'], '/nonexistent/log: there is no such file'],
  ['a folder', ['report', '--log', '.'], 'it is a folder'],
  ['an unknown format', ['report', '--log', log, '--format', 'pdf'], '"pdf"'],
  ['no image', ['lookup', '1'], '--image FILE is missing'],
  ['no address', ['lookup', '--image', image], 'no address'],
  ['a word for an address', ['lookup', '--image', image, 'main'], 'argument 1: "main" is no address'],
  ['an image that is no ELF', ['lookup', '--image', join(root, 'package.json'), '1'], 'package.json: ELF header'],
  ['no such image', ['report', '--log', log, '--image', '/nonexistent/elf'], '/nonexistent/elf: there is no such file'],
  ['a word for an MSR', ['msr', 'vmfunc'], '"vmfunc" is no MSR number'],
])('bad input: %s', (_name, args, words) => {
  const { status, err, out } = run(args);
  expect(status).toBe(2);
  expect(out).toBe('');
  expect(err.trimEnd().split('\n')).toHaveLength(1);
  expect(err).toContain(words);
  expect(err).not.toMatch(/\bat .*:\d+:\d+/);
});

test('a reader that closes the pipe early ends it quietly', async () => {
  const child = spawn(process.execPath, [cli, 'report', '--log', log, '--image', image, '--format', 'annotated']);
  child.stdout.once('data', () => child.stdout.destroy());
  let err = '';
  child.stderr.on('data', (piece) => {
    err += String(piece);
  });
  const [status] = await once(child, 'close');
  expect({ status, err }).toEqual({ status: 0, err: '' });
});
