// Holds every workflow of this project and of its examples to its rules: actions pinned by 40 hex digits, no token permission
// that is not named, a time limit on every job, no text of an event in a script.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const folders = ['.github/workflows', 'examples'];
const problems = [];
for (const folder of folders) {
  for (const name of readdirSync(folder).filter((file) => /\.ya?ml$/.test(file))) {
    const path = join(folder, name);
    const lines = readFileSync(path, 'utf8').split('\n');
    const problem = (index, text) => problems.push(`${path}:${index + 1}: ${text}`);
    lines.forEach((line, index) => {
      const used = /^\s*(?:-\s*)?uses:\s*(\S+)/.exec(line)?.[1];
      if (used && !used.startsWith('./') && !/@[0-9a-f]{40}$/.test(used))
        problem(index, `${used} is not pinned by a commit of 40 hex digits`);
      if (/pull_request_target/.test(line)) problem(index, 'pull_request_target runs foreign code with our token');
      if (/\$\{\{[^}]*github\.event\b/.test(line) && !/^\s*(?:if|group):/.test(line))
        problem(index, 'text of the event outside if: and group:');
      if (/persist-credentials: true/.test(line) && !path.endsWith('release.yml')) problem(index, 'checkout keeps the token');
    });
    const text = lines.join('\n');
    if (!/^permissions:/m.test(text)) problem(0, 'no top-level permissions');
    const jobs = text.split(/^jobs:\n/m)[1] ?? '';
    for (const job of jobs.split(/^(?= {2}[\w-]+:\n)/m).filter((part) => part.trim() !== '')) {
      const title = /^ {2}([\w-]+):/.exec(job)?.[1];
      if (!/^ {4}timeout-minutes: \d+/m.test(job)) problem(0, `job ${title}: no timeout-minutes`);
      if (!/^ {4}permissions:/m.test(job)) problem(0, `job ${title}: no permissions`);
    }
  }
}
for (const line of problems) console.log(line);
process.exitCode = problems.length === 0 ? 0 : 1;
