// Speed and memory beside the tools a user would take instead, as ratios in one run.
//   npm run bench                       prints the table; with --write it goes to docs/PERFORMANCE.md
//   npm run bench -- --compare          holds the ratios against docs/PERFORMANCE.json: one worse by a tenth fails
//   npm run bench -- --large FILE       adds rows for a very large ELF (a Linux kernel with debug information)
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { codeAddresses, largeLogs } from './inputs.mjs';
import { compare, runOnce } from './measure.mjs';

const { values: options } = parseArgs({
  options: { write: { type: 'boolean' }, compare: { type: 'boolean' }, large: { type: 'string' }, image: { type: 'string' } },
});
const scratch = mkdtempSync(join(tmpdir(), 'bench-'));
const cli = 'dist/cli.js';
const rows = [];
const seconds = (value) => `${(value * 1000).toFixed(0)} ms`;
const megabytes = (value) => `${(value / 1048576).toFixed(0)} MB`;

/** One row: ours over theirs, and the bar. */
function row(what, ours, theirs, bar, unit = seconds) {
  rows.push({ what, ours: unit(ours), theirs: unit(theirs.value), peer: theirs.name, ratio: ours / theirs.value, bar });
}

const report = (log, image) => ({
  command: process.execPath,
  args: [cli, 'report', '--log', log, ...(image ? ['--image', image] : []), '--format', 'markdown'],
});
const bareNode = { command: process.execPath, args: ['-e', '0'] };

async function reports() {
  const image = options.image ?? 'fixtures/images/i386-gcc-O0/image.elf';
  const log = 'fixtures/cases/rdmsr-i386-O0/log.txt';
  const results = await compare({
    bareNode,
    ours: report(log, image),
    script: { command: 'bash', args: ['bench/nm-bisect.sh', log, image] },
  });
  const [bare, ours, script] = ['bareNode', 'ours', 'script'].map((name) => results.get(name));
  row('`report` of a log with an image, whole process', ours.seconds, { name: '`node -e 0`', value: bare.seconds }, 2.5);
  row('the same', ours.seconds, { name: 'an `nm` and bisect script', value: script.seconds }, 1);
}

async function lookups(image, label, only) {
  const addresses = await codeAddresses(image, 10_000);
  const one = addresses[0];
  const all = `${addresses.join('\n')}\n`;
  const peers = {
    '`llvm-symbolizer`': (list) => ({ command: 'llvm-symbolizer', args: [`--obj=${image}`, '--inlines'], input: list }),
    'GNU `addr2line`': (list) => ({ command: 'addr2line', args: ['-e', image, '-i', '-f', '-a'], input: list }),
    'elfutils `addr2line`': (list) => ({ command: 'eu-addr2line', args: ['-e', image, '-i', '-f', '-a'], input: list }),
  };
  const ours = (list) => ({ command: process.execPath, args: [cli, 'lookup', '--image', image, '-'], input: list });
  const repeat = only ? 3 : 5;
  const cold = await compare({ bareNode, ours: ours(`${one}\n`), peer: peers['`llvm-symbolizer`'](`${one}\n`) }, repeat);
  row(
    `1 address, cold, above Node's own start: ${label}`,
    Math.max(0.001, cold.get('ours').seconds - cold.get('bareNode').seconds),
    { name: '`llvm-symbolizer`', value: cold.get('peer').seconds },
    1,
  );
  const results = await compare(
    { ours: ours(all), ...Object.fromEntries(Object.entries(peers).map(([name, peer]) => [name, peer(all)])) },
    only ? 1 : 3,
  );
  const mine = results.get('ours');
  for (const name of Object.keys(peers))
    row(`10,000 random addresses: ${label}`, mine.seconds, { name, value: results.get(name).seconds }, 1);
  row(
    `10,000 random addresses, memory: ${label}`,
    mine.peak,
    { name: '`llvm-symbolizer`', value: results.get('`llvm-symbolizer`').peak },
    only ? 0.5 : 1,
    megabytes,
  );
}

async function logs() {
  const bare = await runOnce(report('fixtures/cases/rdmsr-i386-O0/log.txt'));
  for (const [name, text] of largeLogs()) {
    const path = join(scratch, `${name}.txt`);
    writeFileSync(path, text);
    const result = await runOnce({ ...report(path), args: [cli, 'report', '--log', path, '--format', 'json'] });
    row(`a log of ${(text.length / 1e6).toFixed(0)} MB: ${name}`, result.seconds, { name: '3 s', value: 3 }, 1);
    row(`the same, memory above a small log`, result.peak - bare.peak, { name: '150 MiB', value: 150 * 1048576 }, 1, megabytes);
  }
}

async function silentEvent() {
  const event = join(scratch, 'event.json');
  writeFileSync(
    event,
    JSON.stringify({
      action: 'created',
      issue: { number: 1, state: 'open' },
      comment: { id: 2, body: 'thanks!', user: { login: 'a', type: 'User' } },
      repository: { full_name: 'o/r', id: 1, name: 'r', owner: { login: 'o' } },
      sender: { login: 'a', type: 'User' },
    }),
  );
  const env = {
    GITHUB_EVENT_PATH: event,
    GITHUB_EVENT_NAME: 'issue_comment',
    GITHUB_REPOSITORY: 'o/r',
    GITHUB_API_URL: 'https://api.github.com',
    GITHUB_SERVER_URL: 'https://github.com',
    GITHUB_RUN_ID: '1',
    'INPUT_GITHUB-TOKEN': 'x',
    INPUT_ARTIFACT: '*',
    INPUT_IMAGES: '**/runtime.exe',
    'INPUT_FORK-ARTIFACTS': 'label',
    'INPUT_RESPOND-TO': 'anyone',
    INPUT_COMMENT: 'true',
    INPUT_LIST: 'false',
  };
  const results = await compare({ bareNode, ours: { command: process.execPath, args: ['dist/index.js'], env } });
  row(
    'the action on an event that is not for it',
    results.get('ours').seconds,
    { name: '`node -e 0`', value: results.get('bareNode').seconds },
    4,
  );
}

function table() {
  const lines = rows.map(
    ({ what, ours, peer, theirs, ratio, bar }) =>
      `| ${what} | ${ours} | ${peer}: ${theirs} | ${ratio.toFixed(2)} | ${bar} | ${ratio <= bar ? 'met' : '**missed**'} |`,
  );
  return ['| what | ours | beside | ratio | to reach | |', '| --- | --- | --- | --- | --- | --- |', ...lines].join('\n');
}

try {
  await reports();
  for (const slug of ['i386-gcc-O0', 'amd64-gcc-O0']) await lookups(`fixtures/images/${slug}/image.elf`, slug, false);
  if (options.image) await lookups(options.image, 'the image given', false);
  if (options.large) await lookups(options.large, 'the very large ELF', true);
  await logs();
  await silentEvent();
  console.log(table());
  const ratios = Object.fromEntries(rows.map(({ what, peer, ratio }) => [`${what} / ${peer}`, ratio]));
  if (options.write) {
    const path = 'docs/PERFORMANCE.md';
    const text = existsSync(path) ? readFileSync(path, 'utf8') : '<!-- table -->\n<!-- end -->\n';
    writeFileSync(path, text.replace(/<!-- table -->[\s\S]*<!-- end -->/, `<!-- table -->\n${table()}\n<!-- end -->`));
    writeFileSync('docs/PERFORMANCE.json', `${JSON.stringify(ratios, null, 2)}\n`);
  }
  if (options.compare) {
    const before = JSON.parse(readFileSync('docs/PERFORMANCE.json', 'utf8'));
    for (const [name, ratio] of Object.entries(ratios)) {
      if (before[name] !== undefined && ratio > before[name] * 1.1) {
        console.log(`worse by ${((ratio / before[name] - 1) * 100).toFixed(0)} %: ${name}`);
        process.exitCode = 1;
      }
    }
  }
} finally {
  rmSync(scratch, { recursive: true, force: true });
}
