/** Starts `dist/index.js` as a runner would: a process of its own, the event in a file, inputs and addresses in the environment. */
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Event } from './stand-in/events.js';
import type { RunningStandIn } from './stand-in/server.js';
import type { StandIn } from './stand-in/state.js';

export interface Launch {
  readonly entry: string;
  readonly node?: string;
  readonly event: Event;
  /** Inputs by name, beside the token; those left out have the defaults of `action.yml`. */
  readonly inputs?: Readonly<Record<string, string>>;
  /** Over the variables of the runner. */
  readonly variables?: Readonly<Record<string, string>>;
  /** Milliseconds after which the process gets SIGTERM. */
  readonly terminateAfter?: number;
}

export interface Launched {
  readonly status: number | null;
  /** Both streams. */
  readonly printed: string;
  readonly outputs: Readonly<Record<string, string>>;
  readonly summary: string;
  readonly milliseconds: number;
  /** Contents of the files that the outputs name. */
  readonly report?: string;
  readonly annotatedLog?: string;
  /** What was written to GITHUB_ENV and GITHUB_PATH: nothing, or a fault. */
  readonly forbidden: string;
}

/** `name<<delimiter`, lines, `delimiter`, as the runner reads its files. */
export function readOutputs(content: string): Record<string, string> {
  const outputs: Record<string, string> = {};
  const lines = content.split(/\r?\n/);
  for (let at = 0; at < lines.length; at += 1) {
    const line = lines[at] ?? '';
    const marked = /^([^=<]+)<<(.+)$/.exec(line);
    if (marked === null) {
      const equals = line.indexOf('=');
      if (equals > 0) outputs[line.slice(0, equals)] = line.slice(equals + 1);
      continue;
    }
    const [, name = '', delimiter] = marked;
    const value: string[] = [];
    for (at += 1; at < lines.length && lines[at] !== delimiter; at += 1) value.push(lines[at] ?? '');
    outputs[name] = value.join('\n');
  }
  return outputs;
}

function fileOf(path: string | undefined): string | undefined {
  return path === undefined ? undefined : readFileSync(path, 'utf8');
}

export function launch(
  standIn: StandIn,
  running: RunningStandIn,
  { entry, node = process.execPath, event, inputs = {}, variables = {}, terminateAfter }: Launch,
): Promise<Launched> {
  const folder = mkdtempSync(join(tmpdir(), 'stand-in-'));
  const file = (name: string, content: string): string => {
    const path = join(folder, name);
    writeFileSync(path, content);
    return path;
  };
  const paths = {
    output: file('output', ''),
    summary: file('summary', ''),
    env: file('env', ''),
    path: file('path', ''),
    state: file('state', ''),
  };
  // only what a runner sets, and what a process needs to start
  const kept = ['PATH', 'HOME', 'SystemRoot', 'TEMP', 'TMP'].flatMap((name) =>
    process.env[name] === undefined ? [] : [[name, process.env[name]]],
  );
  const env: Record<string, string> = {
    ...Object.fromEntries(kept),
    CI: 'true',
    GITHUB_ACTIONS: 'true',
    GITHUB_API_URL: running.apiUrl,
    GITHUB_SERVER_URL: running.serverUrl,
    GITHUB_GRAPHQL_URL: `${running.serverUrl}/api/graphql`,
    GITHUB_REPOSITORY: `${standIn.owner}/${standIn.repo}`,
    GITHUB_EVENT_NAME: event.name,
    GITHUB_EVENT_PATH: file('event.json', JSON.stringify(event.payload)),
    GITHUB_OUTPUT: paths.output,
    GITHUB_STEP_SUMMARY: paths.summary,
    GITHUB_ENV: paths.env,
    GITHUB_PATH: paths.path,
    GITHUB_STATE: paths.state,
    GITHUB_RUN_ID: '777',
    RUNNER_TEMP: folder,
    'INPUT_GITHUB-TOKEN': standIn.token,
    ...Object.fromEntries(Object.entries(inputs).map(([name, value]) => [`INPUT_${name.toUpperCase()}`, value])),
    ...variables,
  };
  const started = performance.now();
  return new Promise((resolve, reject) => {
    const child = spawn(node, [entry], { env, stdio: ['ignore', 'pipe', 'pipe'], cwd: folder });
    let printed = '';
    const timer = terminateAfter === undefined ? undefined : setTimeout(() => child.kill('SIGTERM'), terminateAfter);
    child.stdout.on('data', (piece) => {
      printed += String(piece);
    });
    child.stderr.on('data', (piece) => {
      printed += String(piece);
    });
    child.on('error', reject);
    child.on('close', (status) => {
      clearTimeout(timer);
      const outputs = readOutputs(readFileSync(paths.output, 'utf8'));
      const report = fileOf(outputs.report);
      const annotatedLog = fileOf(outputs['annotated-log']);
      const result: Launched = {
        status,
        printed,
        outputs,
        summary: readFileSync(paths.summary, 'utf8'),
        milliseconds: performance.now() - started,
        forbidden: readFileSync(paths.env, 'utf8') + readFileSync(paths.path, 'utf8'),
        ...(report === undefined ? {} : { report }),
        ...(annotatedLog === undefined ? {} : { annotatedLog }),
      };
      rmSync(folder, { recursive: true, force: true });
      resolve(result);
    });
  });
}
