/**
 * One comment for each question, kept current.
 *
 * In: where, to what, and the body. Out: the comment's id and address. Our answer is found by marker and author; a second one, left by
 * two processes that met, is deleted. A POST whose fate is unknown is looked for before it is sent again. Refuses: to post when the
 * question was changed or deleted meanwhile (the edit's own event answers), and every repeat of a write that GitHub refused.
 */
import { say } from '../core/sentence.js';
import { ApiRefusal, type GitHub } from './client.js';
import { pause } from './clock.js';
import { answersTo, type Comment, commentOf, gone, listComments, ownLogin } from './comments.js';
import type { Asked, QuestionKey } from './event.js';
import { isMarked } from './marker.js';
import { Problem } from './problem.js';

export interface Posted {
  readonly id: number;
  readonly url: string;
}

export interface Answer {
  readonly key: QuestionKey;
  readonly number: number;
  readonly body: string;
  /** Sent instead where GitHub finds the body too long or refuses it as spam. */
  readonly shortBody: string;
  /** When the question was written: no answer is older. */
  readonly since: string;
}

const tries = 3;

function isUnreachable(error: unknown): boolean {
  return error instanceof Problem && error.kind === 'unreachable';
}

function isGone(error: unknown): boolean {
  return error instanceof ApiRefusal && (error.status === 404 || error.status === 410);
}

async function backOff(github: GitHub, attempt: number): Promise<void> {
  await pause(github.net.clock, Math.round(1000 * 2 ** (attempt - 1) * (0.5 + github.net.clock.random())), github.net.signal);
}

/** Whether the text that was read is still the question's. */
export async function isCurrent(github: GitHub, asked: Asked): Promise<boolean> {
  try {
    const body = await currentBody(github, asked);
    return body.replaceAll('\r\n', '\n') === asked.body.replaceAll('\r\n', '\n');
  } catch (error) {
    if (isGone(error)) return false;
    throw error;
  }
}

async function currentBody(github: GitHub, { key, number }: Asked): Promise<string> {
  switch (key.kind) {
    case 'issue':
      return (await github.rest.issues.get({ ...github.repository, issue_number: number })).data.body ?? '';
    case 'comment':
      return (await github.rest.issues.getComment({ ...github.repository, comment_id: key.id })).data.body ?? '';
    case 'review':
      return (await github.rest.pulls.getReviewComment({ ...github.repository, comment_id: key.id })).data.body;
    default:
      return key.kind satisfies never;
  }
}

async function create(github: GitHub, answer: Answer, login: string): Promise<Posted> {
  let { body } = answer;
  for (let attempt = 1; ; attempt += 1) {
    try {
      const { data } = await github.rest.issues.createComment({ ...github.repository, issue_number: answer.number, body });
      return { id: data.id, url: data.html_url };
    } catch (error) {
      if (isGone(error)) throw gone(answer.number);
      const refused = error instanceof ApiRefusal && error.status === 422;
      if (!refused && (!isUnreachable(error) || attempt >= tries)) throw error;
      if (!refused) await backOff(github, attempt);
      const [stored] = answersTo(await listComments(github, answer.number, answer.since), answer.key, login);
      if (stored !== undefined) return { id: stored.id, url: stored.url };
      if (!refused) continue;
      if (body === answer.shortBody) throw new Problem('gone', say`GitHub refused the comment (422), even a short one.`, error);
      body = answer.shortBody;
    }
  }
}

/** `undefined` where the comment is not there any more. */
async function update(github: GitHub, comment: Comment, answer: Answer): Promise<Posted | undefined> {
  let { body } = answer;
  if (comment.body.replaceAll('\r\n', '\n') === body) return { id: comment.id, url: comment.url };
  for (let attempt = 1; ; attempt += 1) {
    try {
      const { data } = await github.rest.issues.updateComment({ ...github.repository, comment_id: comment.id, body });
      return commentOf(data);
    } catch (error) {
      if (isGone(error)) return undefined;
      if (error instanceof ApiRefusal && error.status === 422 && body !== answer.shortBody) {
        body = answer.shortBody;
        continue;
      }
      if (!isUnreachable(error) || attempt >= tries) throw error;
      await backOff(github, attempt);
    }
  }
}

async function remove(github: GitHub, comment: Comment): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      await github.rest.issues.deleteComment({ ...github.repository, comment_id: comment.id });
      return;
    } catch (error) {
      if (isGone(error)) return;
      if (!isUnreachable(error) || attempt >= tries) throw error;
      await backOff(github, attempt);
    }
  }
}

/** `comments` as they stood a moment ago; `login` is ours. */
export async function publish(github: GitHub, answer: Answer, comments: readonly Comment[], login: string): Promise<Posted> {
  const [own, ...more] = answersTo(comments, answer.key, login);
  if (own === undefined) return create(github, answer, login);
  for (const extra of more) await remove(github, extra);
  return (await update(github, own, answer)) ?? create(github, answer, login);
}

/** How many answers were taken back. */
export async function withdraw(github: GitHub, key: QuestionKey, number: number, since: string): Promise<number> {
  const comments = await listComments(github, number, since);
  const marked = comments.filter((comment) => isMarked(comment.body));
  if (marked.length === 0) return 0;
  const own = answersTo(marked, key, await ownLogin(github));
  for (const comment of own) await remove(github, comment);
  return own.length;
}

/** Harmless where it fails; a cancelled job stops here as everywhere. */
export async function react(
  github: GitHub,
  { key, number }: Pick<Asked, 'key' | 'number'>,
  content: 'eyes' | 'rocket' | 'confused',
): Promise<void> {
  try {
    switch (key.kind) {
      case 'issue':
        await github.rest.reactions.createForIssue({ ...github.repository, issue_number: number, content });
        return;
      case 'comment':
        await github.rest.reactions.createForIssueComment({ ...github.repository, comment_id: key.id, content });
        return;
      case 'review':
        await github.rest.reactions.createForPullRequestReviewComment({ ...github.repository, comment_id: key.id, content });
        return;
      default:
        key.kind satisfies never;
    }
  } catch (error) {
    const harmless = error instanceof ApiRefusal || (error instanceof Problem && error.kind !== 'cancelled');
    if (!harmless) throw error;
  }
}
