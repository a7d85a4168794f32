/**
 * The sources of the recorded crash as commits of the stand-in's repository, so that the answer can tell where it comes from.
 *
 * In: the folder of the testbed's sources. Out: two commits before and at the build. The line that faults came with the second.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { addChange } from './stand-in/changes.js';
import type { StandIn } from './stand-in/state.js';

const before = '0f'.repeat(20);
const adding = '5e'.repeat(20);
const changed = 'runtime/vmx.c';
/** What stands in the line that faults. */
const faulting = 'rdmsr64(window->first';

export interface Sources {
  /** A revision without the line that faults. */
  readonly good: string;
  /** The commit that brought it. */
  readonly adding: string;
}

export function addTestbedSources(standIn: StandIn, folder: string, head: string): Sources {
  const files = Object.fromEntries(
    readdirSync(folder, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => {
        const path = join(entry.parentPath, entry.name);
        return [path.slice(folder.length + 1).replaceAll('\\', '/'), readFileSync(path, 'utf8')];
      }),
  );
  const now = files[changed] ?? '';
  const then = now
    .split('\n')
    .filter((line) => !line.includes(faulting))
    .join('\n');
  addChange(standIn, {
    sha: before,
    message: 'Start the CPUs one after another',
    date: '2026-05-04T09:00:00Z',
    write: { ...files, [changed]: then },
  });
  addChange(standIn, {
    sha: adding,
    message: 'Read every VMX capability in read_window',
    date: '2026-05-11T09:00:00Z',
    write: { [changed]: now },
    pullRequest: 57,
  });
  addChange(standIn, {
    sha: head,
    message: 'Describe the build',
    date: '2026-05-12T09:00:00Z',
    write: { 'README.md': 'How to build it.\n' },
  });
  return { good: before, adding };
}
