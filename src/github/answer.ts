/**
 * One question, from text to posted comment: react, read, solve, look again, post, react.
 *
 * In: a question and the session. Out: what became of it. Refuses: to answer whom the workflow does not answer; to post what the
 * question no longer asks.
 */
import { readLog } from '../core/log/read-log.js';
import { type Sentence, say } from '../core/sentence.js';
import type { EngineInput, EngineResult } from '../engine.js';
import { readFile } from './attachments.js';
import { ApiRefusal, type GitHub } from './client.js';
import { answersTo, type Comment, listComments, ownLogin } from './comments.js';
import type { Environment } from './environment.js';
import type { Asked } from './event.js';
import { createImageCache } from './image-cache.js';
import type { Inputs } from './inputs.js';
import type { LinkReader } from './links.js';
import type { Log } from './log.js';
import { Problem } from './problem.js';
import { isCurrent, type Posted, publish, react, withdraw } from './publish.js';
import { sortMentions } from './question.js';
import { continuation, joinNeighbours, questionBefore, type Request, readRequest, type Surroundings } from './request.js';
import type { Runner } from './runner.js';
import { notice, type Solution, type Solver, solve } from './solve.js';
import type { Net } from './transfer.js';

export interface Session {
  readonly environment: Environment;
  readonly inputs: Inputs;
  readonly log: Log;
  readonly runner: Runner;
  readonly net: Net;
  readonly links: LinkReader;
  /** Name and version for the footer. */
  readonly tool: string;
  /** The repository is not public, as far as the event says. */
  readonly isPrivate: boolean;
  readonly engine: (input: EngineInput) => Promise<EngineResult>;
  /** Connects once, when first asked. */
  github(): Promise<GitHub>;
}

export interface Circumstances {
  readonly edited: boolean;
  readonly sender: string;
  /** The token cannot write: summary and outputs only. */
  readonly readOnly: boolean;
  /** The text was fetched by hand or by a waiting answer: no new reaction. */
  readonly quiet: boolean;
  /** Somebody with write permission asks for this answer, or it was permitted before. */
  readonly permitted: boolean;
}

/** A person who splits a long log posts its pieces within this. */
const neighbourMilliseconds = 15 * 60_000;

export function surroundings(session: Session, asked: Asked | undefined): Surroundings {
  const { environment, net, links, inputs, isPrivate } = session;
  return {
    links,
    readFile: (file) => readFile(environment, net, file, { token: inputs.token, isPrivate }),
    comments: async () => (asked === undefined ? [] : listComments(await session.github(), asked.number, undefined)),
  };
}

/** Another's token for signed addresses: hidden in our lines and in the runner's. */
function hider(session: Session): (address: string) => Promise<void> {
  return async (address) => {
    session.log.hide(address);
    await session.runner.mask(address);
  };
}

/** GitHub's own words for what a person may do, weakest first. */
const roles = ['none', 'read', 'triage', 'write', 'maintain', 'admin'];

async function mayAsk(session: Session, login: string): Promise<boolean> {
  const { respondTo } = session.inputs;
  if (respondTo === 'anyone') return true;
  const github = await session.github();
  try {
    const { data } = await github.rest.repos.getCollaboratorPermissionLevel({ ...github.repository, username: login });
    // `role_name` tells triage from read; an own role of an organisation is told by `permission` alone
    return Math.max(roles.indexOf(data.role_name), roles.indexOf(data.permission)) >= roles.indexOf(respondTo);
  } catch (error) {
    if (error instanceof ApiRefusal || (error instanceof Problem && error.kind !== 'cancelled')) return false;
    throw error;
  }
}

function notPermitted(session: Session): Sentence {
  return say`Answers here are for people with at least ${session.inputs.respondTo} permission in the repository. Ask one of them to send ${'/symbolize'}, or to start the workflow by hand.`;
}

export async function writeResults(session: Session, solution: Solution, posted: Posted | undefined): Promise<void> {
  const { runner } = session;
  await runner.setOutput('crash-count', String(solution.crashCount));
  if (solution.verdict !== undefined) await runner.setOutput('verdict', solution.verdict);
  if (solution.signature !== undefined) await runner.setOutput('signature', solution.signature);
  if (solution.suspectedMsr !== undefined) await runner.setOutput('suspected-msr', solution.suspectedMsr);
  if (posted !== undefined) {
    await runner.setOutput('comment-id', String(posted.id));
    await runner.setOutput('comment-url', posted.url);
  }
  if (solution.json !== undefined) await runner.setOutput('report', runner.save('report.json', solution.json));
  if (solution.annotated !== undefined) await runner.setOutput('annotated-log', runner.save('annotated-log.txt', solution.annotated));
  await runner.addSummary(solution.summary);
  for (const warning of solution.warnings) session.log.warning(warning);
}

async function postAnswer(
  session: Session,
  asked: Asked,
  solution: Solution,
  comments: readonly Comment[],
  login: string,
): Promise<Posted | undefined> {
  const github = await session.github();
  if (!(await isCurrent(github, asked))) {
    session.log.note(say`The question was changed or deleted meanwhile; the event of that change answers it.`);
    return undefined;
  }
  const { key, number, createdAt } = asked;
  return publish(github, { key, number, body: solution.body, shortBody: solution.shortBody, since: createdAt }, comments, login);
}

/** The text holds nothing to answer: an answer that it had goes. */
async function stayOrTakeBack(session: Session, asked: Asked, { edited, readOnly }: Circumstances): Promise<void> {
  if (edited && session.inputs.comment && !readOnly) {
    const taken = await withdraw(await session.github(), asked.key, asked.number, asked.createdAt);
    if (taken > 0) return session.log.note(say`The text holds no crash any more; its answer was taken back.`);
  }
  session.log.note(say`The text holds no crash and no command.`);
}

export async function answerQuestion(session: Session, asked: Asked, circumstances: Circumstances): Promise<void> {
  const request = await readRequest(asked, surroundings(session, asked));
  if (request === undefined) {
    if (await wentOn(session, asked, circumstances)) return;
    return stayOrTakeBack(session, asked, circumstances);
  }
  const permitted =
    circumstances.permitted ||
    ((await mayAsk(session, asked.author)) && (circumstances.sender === asked.author || (await mayAsk(session, circumstances.sender))));
  if (!permitted && request.command === undefined) return session.log.note(say`The author is not among those whom this workflow answers.`);
  await answerRequest(session, asked, request, circumstances, permitted);
}

/** A dump that its author cut in two: the second piece renews the answer to the first. */
async function wentOn(session: Session, asked: Asked, circumstances: Circumstances): Promise<boolean> {
  if (asked.key.kind !== 'comment' || circumstances.edited) return false;
  const piece = continuation(asked.body);
  if (piece === undefined) return false;
  const { comments } = await standing(await session.github(), asked);
  const before = questionBefore(asked, comments);
  if (before === undefined) return false;
  const earlier: Asked = {
    ...asked,
    key: { kind: 'comment', id: before.id },
    body: before.body,
    createdAt: before.createdAt,
    updatedAt: before.updatedAt,
  };
  const request = await readRequest(earlier, surroundings(session, earlier));
  if (request?.found === undefined || !(await mayAsk(session, asked.author))) return false;
  const text = `${request.found.text}\n${piece}`;
  const found = { text, log: readLog(text), from: say`The log was put together from ${2} comments of ${asked.author}.` };
  await answerRequest(session, earlier, { ...request, found }, { ...circumstances, sender: asked.author, quiet: true }, true);
  return true;
}

async function answerRequest(
  session: Session,
  asked: Asked,
  request: Request,
  circumstances: Circumstances,
  permitted: boolean,
): Promise<void> {
  const github = await session.github();
  const mayComment = session.inputs.comment && !circumstances.readOnly;
  const eyes =
    mayComment && !circumstances.quiet && permitted && request.why !== 'picture' ? react(github, asked, 'eyes') : Promise.resolve();
  const around = mayComment ? standing(github, asked) : Promise.resolve({ comments: [], login: '' });
  // both are awaited below; a failure meanwhile must not end the process before that
  around.catch(() => undefined);
  eyes.catch(() => undefined);
  if (request.why === 'picture') {
    const { comments, login } = await around;
    if (answersTo(comments, asked.key, login).length > 0) return session.log.note(say`It was told already that the text is needed.`);
  }
  const whole = withInputs(session, await withNeighbours(asked, request, around));
  const { solution, fault } = permitted
    ? await attempt(session, whole, asked, async () => (await around).login || ownLogin(github))
    : { solution: notice(asked.key, [notPermitted(session)], session.tool) };
  let posted: Posted | undefined;
  if (mayComment) {
    const { comments, login } = await around;
    await eyes;
    posted = await postAnswer(session, asked, solution, comments, login);
    if (posted === undefined) return;
    if (!circumstances.quiet && permitted && request.why !== 'picture')
      await react(github, asked, solution.complete ? 'rocket' : 'confused');
  }
  await writeResults(session, solution, posted);
  if (posted !== undefined) session.log.note(say`Answered at ${posted.url}.`);
  if (fault !== undefined) throw fault;
  if (solution.failure !== undefined) throw solution.failure;
}

/** The run that the workflow names wins over one in the text. */
export function withInputs({ inputs }: Session, request: Request): Request {
  if (inputs.runId === undefined) return request;
  return { ...request, runs: sortMentions([{ kind: 'run', id: inputs.runId, from: 'input' }, ...request.runs]) };
}

const ownFault = say`This tool failed while it worked on the log. That is a fault of the tool, not of the question; the log of the workflow's run says more.`;

/** A fault of ours leaves nobody waiting: it is told in the answer, and fails the step after that. */
async function attempt(
  session: Session,
  request: Request,
  { key, number }: Asked,
  login: () => Promise<string>,
): Promise<{ readonly solution: Solution; readonly fault?: Error }> {
  try {
    return { solution: await solve({ ...(await solverOf(session)), conversation: { number, login } }, request, key) };
  } catch (error) {
    if (error instanceof Problem || error instanceof ApiRefusal) throw error;
    return { solution: notice(key, [ownFault], session.tool), fault: error instanceof Error ? error : new Error(String(error)) };
  }
}

export async function solverOf(session: Session): Promise<Solver> {
  const { environment, inputs, tool, engine, log } = session;
  const cache = createImageCache(environment, log.debug);
  return { github: await session.github(), inputs, tool, engine, hide: hider(session), ...(cache === undefined ? {} : { cache }) };
}

async function standing(github: GitHub, asked: Asked): Promise<{ readonly comments: readonly Comment[]; readonly login: string }> {
  const asOf = Date.parse(asked.createdAt);
  const since = Number.isNaN(asOf) ? undefined : new Date(asOf - neighbourMilliseconds).toISOString().replace(/\.\d+Z$/, 'Z');
  const [comments, login] = await Promise.all([listComments(github, asked.number, since), ownLogin(github)]);
  return { comments, login };
}

/** Waits for the comments only where the log seems to begin elsewhere. */
async function withNeighbours(
  asked: Asked,
  request: Request,
  around: Promise<{ readonly comments: readonly Comment[] }>,
): Promise<Request> {
  if (request.found === undefined || request.found.log.boots.length > 0 || asked.key.kind !== 'comment') return request;
  const { comments } = await around;
  return { ...request, found: joinNeighbours(asked, request.found, comments) };
}
