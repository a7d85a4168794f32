/**
 * Runs that no fresh comment started: by hand, by a run that has finished, and the list of what is unanswered.
 *
 * In: the session. Out: answers as everywhere. Refuses: a dispatch that names nothing to read.
 */
import { readLog } from '../core/log/read-log.js';
import { say } from '../core/sentence.js';
import { answerQuestion, type Circumstances, type Session, solverOf, surroundings, withInputs, writeResults } from './answer.js';
import { ApiRefusal, type GitHub } from './client.js';
import { answersTo, type Comment, commentOf, listComments, ownLogin } from './comments.js';
import { type Asked, askedOf, type QuestionKey } from './event.js';
import { isMarked, readMarker, waitsFor } from './marker.js';
import { Problem } from './problem.js';
import { publish } from './publish.js';
import { readQuestion } from './question.js';
import { type FoundLog, isFatal, pickLog, type Request, readRequest } from './request.js';
import { solve } from './solve.js';

/** Only who may write can start a workflow by hand; a waiting answer was permitted when it was asked for. */
const byHand: Circumstances = { edited: false, sender: '', readOnly: false, quiet: true, permitted: true };

function numberOf(issueUrl: string): number | undefined {
  const digits = /\/issues\/([0-9]{1,16})$/.exec(issueUrl)?.[1];
  return digits === undefined ? undefined : Number(digits);
}

function askedOfComment(comment: Comment, number: number, parent?: Asked['parent']): Asked {
  return {
    key: { kind: 'comment', id: comment.id },
    number,
    isPullRequest: false,
    body: comment.body,
    author: comment.author,
    createdAt: comment.createdAt,
    updatedAt: comment.updatedAt,
    ...(parent === undefined ? {} : { parent }),
  };
}

async function notFoundAs<T>(what: () => Promise<T>): Promise<T | undefined> {
  try {
    return await what();
  } catch (error) {
    if (error instanceof ApiRefusal && (error.status === 404 || error.status === 410)) return undefined;
    throw error;
  }
}

async function fetchComment(github: GitHub, commentId: number): Promise<Asked | undefined> {
  const answer = await notFoundAs(() => github.rest.issues.getComment({ ...github.repository, comment_id: commentId }));
  if (answer === undefined) return undefined;
  const comment = commentOf(answer.data);
  const number = numberOf(comment.issueUrl);
  return number === undefined ? undefined : askedOfComment(comment, number);
}

async function fetchIssue(github: GitHub, number: number): Promise<Asked | undefined> {
  const answer = await notFoundAs(() => github.rest.issues.get({ ...github.repository, issue_number: number }));
  return answer === undefined ? undefined : askedOf('issue', answer.data, answer.data);
}

async function fetchReview(github: GitHub, id: number, number: number): Promise<Asked | undefined> {
  const answer = await notFoundAs(() => github.rest.pulls.getReviewComment({ ...github.repository, comment_id: id }));
  return answer === undefined ? undefined : askedOf('review', answer.data, { number, body: '' });
}

const asSender = (asked: Asked): Circumstances => ({ ...byHand, sender: asked.author });

/** The input `comment-id`: that comment in place of the event's. */
export async function answerComment(session: Session, commentId: number): Promise<void> {
  const asked = await fetchComment(await session.github(), commentId);
  if (asked === undefined)
    throw new Problem(
      'question',
      say`The comment ${commentId} is not there. The number stands in the comment's address after ${'#issuecomment-'}.`,
    );
  await answerQuestion(session, asked, asSender(asked));
}

/** The issue's own text, else the newest comment with a crash that has no answer, else the newest with one. */
async function answerIssue(session: Session, number: number): Promise<void> {
  const github = await session.github();
  const issue = await fetchIssue(github, number);
  if (issue === undefined)
    throw new Problem('question', say`The issue or pull request ${number} is not there. The number stands in its address.`);
  const [comments, login] = await Promise.all([listComments(github, number, undefined), ownLogin(github)]);
  const candidates = [
    issue,
    ...comments.filter((one) => !one.isBot && !isMarked(one.body)).map((one) => askedOfComment(one, number, issue)),
  ];
  const waiting: Asked[] = [];
  const answered: Asked[] = [];
  for (const asked of candidates) {
    if ((await readRequest(asked, surroundings(session, asked))) === undefined) continue;
    (answersTo(comments, asked.key, login).length > 0 ? answered : waiting).push(asked);
  }
  const asked = waiting.at(-1) ?? answered.at(-1);
  if (asked === undefined)
    throw new Problem('question', say`Neither the issue ${number} nor its comments hold a crash. Give the log with the input ${'log'}.`);
  await answerQuestion(session, asked, asSender(asked));
}

/** The input `log`: text, or the address of a file. */
async function logOfInput(
  session: Session,
  text: string,
): Promise<{ readonly found?: FoundLog; readonly request: Omit<Request, 'found' | 'why'> }> {
  const around = surroundings(session, undefined);
  const question = readQuestion(text, session.links, () => true);
  const problems = [...(question.command?.problems ?? [])];
  const known = { runs: question.runs, foreignRuns: question.foreignRuns };
  if (/^https?:\/\/\S+$/.test(text)) {
    const [file] = question.files;
    if (file === undefined)
      throw new Problem(
        'question',
        say`The address in the input ${'log'} is not one that is read: an attachment, a gist, or a file of this repository.`,
      );
    const read = await around.readFile(file);
    if (read.kind === 'unreadable') return { request: { ...known, problems: [...problems, read.problem] } };
    const texts = read.texts.map((one) => ({
      text: one.text,
      log: readLog(one.text),
      from: say`The log was read from the file ${one.name}.`,
    }));
    const found = texts.find(({ log }) => isFatal(log));
    return { ...(found === undefined ? {} : { found }), request: { ...known, problems } };
  }
  const found = pickLog(question, say`The log was given to the workflow.`);
  return { ...(found === undefined ? {} : { found }), request: { ...known, problems } };
}

async function answerLog(session: Session, text: string): Promise<void> {
  const { inputs } = session;
  const { found, request } = await logOfInput(session, text);
  const github = await session.github();
  const key: QuestionKey | undefined = inputs.issueNumber === undefined ? undefined : { kind: 'issue', id: inputs.issueNumber };
  const whole = withInputs(session, {
    ...request,
    why: found === undefined ? 'command' : 'crash',
    ...(found === undefined ? {} : { found }),
  });
  const conversation = key === undefined ? {} : { conversation: { number: key.id, login: () => ownLogin(github) } };
  const solution = await solve({ ...(await solverOf(session)), ...conversation }, whole, key);
  let posted: Awaited<ReturnType<typeof publish>> | undefined;
  if (inputs.comment && key !== undefined) {
    const [comments, login] = await Promise.all([listComments(github, key.id, undefined), ownLogin(github)]);
    posted = await publish(github, { key, number: key.id, body: solution.body, shortBody: solution.shortBody, since: '' }, comments, login);
  }
  await writeResults(session, solution, posted);
  if (solution.failure !== undefined) throw solution.failure;
}

export async function dispatch(session: Session): Promise<void> {
  const { inputs } = session;
  if (inputs.log !== undefined) return answerLog(session, inputs.log);
  if (inputs.commentId !== undefined) return answerComment(session, inputs.commentId);
  if (inputs.issueNumber !== undefined) return answerIssue(session, inputs.issueNumber);
  throw new Problem('input', say`Nothing to read: give the input ${'issue-number'}, ${'comment-id'} or ${'log'}.`);
}

const waitingPages = 3;
const waitingLimit = 10;

/** Answers that waited for this run are made again. */
export async function answerWaiting(session: Session, runId: number, createdAt: string): Promise<void> {
  const github = await session.github();
  const login = (await ownLogin(github)).toLowerCase();
  const waiting: Comment[] = [];
  for (let page = 1; page <= waitingPages; page += 1) {
    const { data } = await github.rest.issues.listCommentsForRepo({
      ...github.repository,
      sort: 'updated',
      direction: 'desc',
      per_page: 100,
      page,
      ...(createdAt === '' ? {} : { since: createdAt }),
    });
    waiting.push(...data.map(commentOf).filter((one) => one.author.toLowerCase() === login && waitsFor(one.body) === runId));
    if (data.length < 100) break;
  }
  if (waiting.length === 0) return session.log.note(say`No answer waits for the run ${runId}.`);
  for (const answer of waiting.slice(0, waitingLimit)) {
    const marked = readMarker(answer.body);
    const number = numberOf(answer.issueUrl);
    if (marked === undefined || number === undefined) continue;
    const { kind, id } = marked.key;
    const asked =
      kind === 'comment'
        ? await fetchComment(github, id)
        : kind === 'issue'
          ? await fetchIssue(github, id)
          : await fetchReview(github, id, number);
    if (asked !== undefined) await answerQuestion(session, asked, asSender(asked));
  }
}

const listPages = 10;
const listLimit = 256;

/** Open issues and pull requests that hold a log and no answer of ours, as the output `issues`. */
export async function listUnanswered(session: Session): Promise<void> {
  const github = await session.github();
  const login = (await ownLogin(github)).toLowerCase();
  const issues = new Map<number, Asked>();
  for (let page = 1; page <= listPages; page += 1) {
    const { data } = await github.rest.issues.listForRepo({
      ...github.repository,
      state: 'open',
      sort: 'created',
      direction: 'desc',
      per_page: 100,
      page,
    });
    for (const issue of data) {
      const asked = askedOf('issue', issue, issue);
      if (asked !== undefined) issues.set(asked.number, asked);
    }
    if (data.length < 100) break;
  }
  const questions = new Map<number, Set<string>>();
  const answers = new Map<number, Set<string>>();
  const put = (map: Map<number, Set<string>>, number: number, key: QuestionKey): void => {
    map.set(number, (map.get(number) ?? new Set()).add(`${key.kind}=${key.id}`));
  };
  const holdsCrash = (body: string): boolean =>
    pickLog(
      readQuestion(body, session.links, () => true),
      [],
    ) !== undefined;
  for (const asked of issues.values()) if (holdsCrash(asked.body)) put(questions, asked.number, asked.key);
  for (let page = 1; page <= listPages && issues.size > 0; page += 1) {
    const { data } = await github.rest.issues.listCommentsForRepo({
      ...github.repository,
      sort: 'created',
      direction: 'desc',
      per_page: 100,
      page,
    });
    for (const comment of data.map(commentOf)) {
      const number = numberOf(comment.issueUrl);
      if (number === undefined || !issues.has(number)) continue;
      const marked = readMarker(comment.body);
      if (marked !== undefined && comment.author.toLowerCase() === login) put(answers, number, marked.key);
      else if (!comment.isBot && !isMarked(comment.body) && holdsCrash(comment.body))
        put(questions, number, { kind: 'comment', id: comment.id });
    }
    if (data.length < 100) break;
  }
  const open = [...questions]
    .filter(([number, keys]) => [...keys].some((key) => answers.get(number)?.has(key) !== true))
    .map(([number]) => number)
    .sort((a, b) => a - b)
    .slice(0, listLimit);
  await session.runner.setOutput('issues', JSON.stringify(open));
  session.log.note(say`${open.length} open issues hold a log and no answer.`);
}
