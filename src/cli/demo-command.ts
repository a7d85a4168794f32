/** `demo`: what `npm start` runs, in its own bundle. */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { ExitStatus } from './command.js';

export function demoCommand(): ExitStatus {
  const bundle = fileURLToPath(new URL('demo.js', import.meta.url));
  const { status } = spawnSync(process.execPath, [bundle], { stdio: 'inherit' });
  return status === 0 ? 0 : 2;
}
