/** The Action: event → request → answer. One catch. */
import { say } from './core/sentence.js';
import { type EngineInput, type EngineResult, runEngine } from './engine.js';
import { answerQuestion, type Session } from './github/answer.js';
import { ApiRefusal, connect, type GitHub } from './github/client.js';
import { type Clock, systemClock } from './github/clock.js';
import { answerComment, answerWaiting, dispatch, listUnanswered } from './github/dispatch.js';
import { type Environment, readEnvironment, type Variables } from './github/environment.js';
import { readEventFile, readTrigger } from './github/event.js';
import { readInputs } from './github/inputs.js';
import { at, type Json, record } from './github/json.js';
import { createLinkReader } from './github/links.js';
import { createLog, type Log } from './github/log.js';
import { Problem } from './github/problem.js';
import { withdraw } from './github/publish.js';
import { createRunner, type Runner } from './github/runner.js';
import { cancelled } from './github/transfer.js';

declare const TOOL_VERSION: string; // set by the build

/** Everything outside this program; tests hand in another world. */
export interface World {
  readonly variables: Variables;
  readonly fetch: typeof globalThis.fetch;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly version: string;
  readonly write: (text: string) => void;
  readonly engine: (input: EngineInput) => Promise<EngineResult>;
  readonly runner: (environment: Environment) => Runner;
}

function openSession(world: World, environment: Environment, payload: Json, log: Log): Session {
  const dispatched = environment.eventName === 'workflow_dispatch' ? (record(payload.inputs) ?? {}) : {};
  const inputs = readInputs(world.variables, dispatched);
  log.hide(inputs.token);
  const { actionRef } = environment;
  const commit = actionRef === undefined ? '' : ` (${/^[0-9a-f]{40}$/.test(actionRef) ? actionRef.slice(0, 7) : actionRef})`;
  const tool = `${world.version}${commit}`;
  const runner = world.runner(environment);
  const net = { fetch: world.fetch, clock: world.clock, signal: world.signal };
  let github: Promise<GitHub> | undefined;
  return {
    environment,
    inputs,
    log,
    runner,
    net,
    links: createLinkReader(environment),
    tool,
    isPrivate: at(payload, 'repository', 'private') === true,
    engine: world.engine,
    github: () => {
      github ??= runner.mask(inputs.token).then(() => connect(environment, inputs.token, net, `symbolize-serial-crash/${world.version}`));
      return github;
    },
  };
}

async function act(session: Session, payload: Json): Promise<void> {
  const { inputs, log, environment } = session;
  if (inputs.list) return listUnanswered(session);
  const trigger = readTrigger(environment, payload);
  if (trigger.kind !== 'dispatched' && inputs.commentId !== undefined) return answerComment(session, inputs.commentId);
  switch (trigger.kind) {
    case 'silent':
      return log.note(trigger.why);
    case 'asked':
      return answerQuestion(session, trigger.asked, { ...trigger, quiet: false, permitted: false });
    case 'removed': {
      if (!inputs.comment) return;
      const taken = await withdraw(await session.github(), trigger.key, trigger.number, trigger.createdAt);
      return log.note(taken > 0 ? say`The question was deleted; so was its answer.` : say`The deleted text had no answer.`);
    }
    case 'run-completed':
      return answerWaiting(session, trigger.runId, trigger.createdAt);
    case 'dispatched':
      return dispatch(session);
    default:
      return trigger satisfies never;
  }
}

/** Anything thrown, as the step's end. */
async function end(thrown: unknown, log: Log, runner: Runner | undefined): Promise<number> {
  const error =
    thrown instanceof ApiRefusal
      ? new Problem(
          'unreachable',
          say`GitHub refused a request with ${thrown.status}, so there is no answer. Edit the comment to try again.`,
        )
      : thrown;
  if (!(error instanceof Problem)) {
    const told = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
    log.error(say`This is a fault of the tool itself: ${told}. Report it with the log, please.`);
    if (error instanceof Error && error.stack !== undefined) log.debug(say`${error.stack}`);
    return 1;
  }
  switch (error.kind) {
    case 'input':
    case 'permission':
      log.error(error.sentence);
      return 1;
    case 'question':
    case 'gone':
    case 'unreachable':
    case 'rate-limit': {
      log.warning(error.sentence);
      const { renderNotice } = await import('./core/report/markdown.js');
      await runner?.addSummary(renderNotice([error.sentence], { tool: '', provenance: [], candidates: [], warnings: [] }));
      return 0;
    }
    case 'cancelled':
      log.note(error.sentence);
      return 143;
    default:
      return error.kind satisfies never;
  }
}

/** Answers the exit status. */
export async function run(world: World): Promise<number> {
  const { variables } = world;
  const log = createLog(world.write, variables.RUNNER_DEBUG === '1' || variables.ACTIONS_STEP_DEBUG === 'true');
  const token = variables['INPUT_GITHUB-TOKEN']?.trim();
  if (token) log.hide(token);
  let runner: Runner | undefined;
  try {
    const environment = readEnvironment(variables);
    const payload = readEventFile(environment);
    const session = openSession(world, environment, payload, log);
    runner = session.runner;
    await act(session, payload);
    return 0;
  } catch (error) {
    return end(error, log, runner);
  }
}

/** Plain `fetch` knows no proxy; the toolkit's does, and costs its loading only where one is set. */
async function proxied(environment: Variables): Promise<typeof globalThis.fetch> {
  const set = ['https_proxy', 'HTTPS_PROXY', 'http_proxy', 'HTTP_PROXY'].some((name) => (environment[name] ?? '') !== '');
  if (!set) return globalThis.fetch;
  const { defaults } = await import('@actions/github/lib/utils');
  const request: unknown = defaults.request;
  const found = at(request, 'fetch');
  // the toolkit's own fetch, of undici, has the shape of the platform's
  return typeof found === 'function' ? (found as typeof globalThis.fetch) : globalThis.fetch;
}

/** What `dist/index.js` does. */
async function start(): Promise<void> {
  const abort = new AbortController();
  const write = (text: string): void => {
    process.stdout.write(text);
  };
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => {
      abort.abort(cancelled());
      // the engine's thread may be at work: nothing is worth waiting for
      setTimeout(() => process.exit(143), 2000).unref();
    });
  }
  for (const event of ['uncaughtException', 'unhandledRejection'] as const) {
    process.once(event, (error: unknown) => {
      createLog(write, false).error(say`This is a fault of the tool itself: ${error instanceof Error ? error.message : String(error)}.`);
      process.exit(1);
    });
  }
  process.exitCode = await run({
    variables: process.env,
    fetch: await proxied(process.env),
    clock: systemClock,
    signal: abort.signal,
    version: TOOL_VERSION,
    write,
    engine: (input) => runEngine(input),
    runner: createRunner,
  });
}

if (typeof TOOL_VERSION === 'string') void start();
