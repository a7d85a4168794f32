// Holds dist/index.js and dist/worker.js, which meet hostile input, to what docs/SECURITY.md promises: no child process, no code
// made from text, no address but the declared ones.
import { readFileSync } from 'node:fs';

const addresses = new Set(
  readFileSync('scripts/declared-addresses.txt', 'utf8')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#')),
);
const problems = [];
for (const path of ['dist/index.js', 'dist/worker.js']) {
  const text = readFileSync(path, 'utf8');
  const forbid = (pattern, what) => {
    for (const match of text.matchAll(pattern))
      problems.push(
        `${path}+${match.index}: ${what}: ${text.slice(Math.max(0, match.index - 30), match.index + 50).replaceAll('\n', ' ')}`,
      );
  };
  forbid(/\brequire\(["'](?:node:)?child_process["']\)/g, 'child process');
  forbid(/(?<![\w.$])eval\(/g, 'eval');
  forbid(/\bnew Function\(/g, 'code made from text');
  for (const [, host] of text.matchAll(/https?:\/\/([\w.-]+)/g))
    if (!addresses.has(host)) problems.push(`${path}: undeclared address ${host}`);
}
for (const line of new Set(problems)) console.log(line);
process.exitCode = problems.length === 0 ? 0 : 1;
