/**
 * `npm start`: the main job on a recorded crash, against the stand-in for GitHub, with nothing installed and no network but loopback.
 *
 * A repository with a build run of several artifacts, a comment with the serial log and the run's number; `dist/index.js` is started as
 * a runner would; the posted comment is shown.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { launch } from './launch.js';
import { commentEvent } from './stand-in/events.js';
import { startStandIn } from './stand-in/server.js';
import { addArtifact, addComment, addIssue, addRun, answers, createStandIn } from './stand-in/state.js';
import { forTerminal } from './terminal.js';
import { addTestbedSources } from './testbed-sources.js';

const dist = dirname(fileURLToPath(import.meta.url));
const fixtures = join(dist, '..', 'fixtures');
const shown = 'rdmsr-i386-O0';
const artifactsOfRun = 6;

function read(...path: string[]): Buffer {
  return readFileSync(join(fixtures, ...path));
}

/** The builds of the run, recorded as `actions/upload-artifact` packs them: that of the crash among others. */
function buildNames(wanted: string): string[] {
  const builds = readdirSync(join(fixtures, 'images')).filter((name) => existsSync(join(fixtures, 'zips', 'good', `${name}.zip`)));
  const others = builds.filter((name) => name !== wanted);
  return [...others.slice(0, artifactsOfRun - 1), wanted].sort();
}

async function demo(): Promise<number> {
  const started = performance.now();
  const { image }: { image: string } = JSON.parse(read('cases', shown, 'case.json').toString('utf8'));
  const standIn = createStandIn();
  const issue = addIssue(standIn, { number: 12, title: 'Stops right after the banner', body: 'It worked last week.' });
  const run = addRun(standIn, { id: 9_876_543_210 });
  addTestbedSources(standIn, join(dist, '..', 'lab', 'testbed'), run.headSha);
  const names = buildNames(image);
  for (const name of names) {
    addArtifact(standIn, { runId: run.id, name: `build-${name}`, bytes: read('zips', 'good', `${name}.zip`) });
  }
  const log = read('cases', shown, 'log.txt').toString('utf8');
  const text = `It hangs at boot, all CPUs. Build run ${run.id}, serial log:\n\n\`\`\`\n${log}\n\`\`\`\n`;
  const comment = addComment(standIn, { number: issue.number, body: text });
  const running = await startStandIn(standIn);
  try {
    process.stdout.write(
      `A comment on issue ${issue.number} holds a serial log of ${log.length} bytes and names run ${run.id},\nwhich has ${names.length} artifacts. Starting dist/index.js as a runner would ...\n\n`,
    );
    const origins = { api: running.apiUrl, server: running.serverUrl };
    const result = await launch(standIn, running, { entry: join(dist, 'index.js'), event: commentEvent(standIn, origins, comment) });
    const [answer] = answers(standIn);
    if (result.status !== 0 || answer === undefined) {
      process.stdout.write(`It ended with status ${result.status} and no answer:\n${result.printed}`);
      return 1;
    }
    process.stdout.write(`${forTerminal(answer.body, { colours: process.stdout.isTTY === true })}\n\n`);
    const calls = running.recorded.filter(({ origin }) => origin === 'api').length;
    const seconds = ((performance.now() - started) / 1000).toFixed(1);
    process.stdout.write(
      `Posted as comment ${answer.id} after ${calls} calls to the API; ${seconds} s in all. Verdict: ${result.outputs.verdict ?? 'none'}, suspected MSR: ${result.outputs['suspected-msr'] ?? 'none'}.\n`,
    );
    return 0;
  } finally {
    await running.close();
  }
}

demo().then(
  (status) => {
    process.exitCode = status;
  },
  (error: unknown) => {
    process.stderr.write(`The demo failed: ${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = 1;
  },
);
