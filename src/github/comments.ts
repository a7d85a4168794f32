/**
 * The comments round a question: neighbours that hold the rest of its log, and our own answers.
 *
 * In: an issue's number and since when. Out: comments, oldest first. An answer is ours when marker and author fit.
 */

import { say } from '../core/sentence.js';
import { ApiRefusal, type GitHub } from './client.js';
import type { QuestionKey } from './event.js';
import { keyText, readMarker } from './marker.js';
import { Problem } from './problem.js';

export interface Comment {
  readonly id: number;
  readonly author: string;
  readonly body: string;
  readonly createdAt: string;
  readonly updatedAt: string;
  readonly url: string;
  readonly isBot: boolean;
  /** Address of the issue it stands under, as the API writes it. */
  readonly issueUrl: string;
}

type CommentAnswer = Awaited<ReturnType<GitHub['rest']['issues']['getComment']>>['data'];

export function commentOf(answer: CommentAnswer): Comment {
  return {
    id: answer.id,
    author: answer.user?.login ?? '',
    body: answer.body ?? '',
    createdAt: answer.created_at,
    updatedAt: answer.updated_at,
    url: answer.html_url,
    isBot: answer.user?.type === 'Bot' || (answer.performed_via_github_app ?? undefined) !== undefined,
    issueUrl: answer.issue_url,
  };
}

const pageSize = 100;
const pageLimit = 10;

export function gone(number: number): Problem {
  return new Problem('gone', say`The issue or pull request ${number} is not there any more, so nothing was posted.`);
}

/** Comments of an issue that were written or changed since. */
export async function listComments(github: GitHub, number: number, since: string | undefined): Promise<Comment[]> {
  const found = new Map<number, Comment>();
  for (let page = 1; page <= pageLimit; page += 1) {
    try {
      const { data } = await github.rest.issues.listComments({
        ...github.repository,
        issue_number: number,
        per_page: pageSize,
        page,
        ...(since === undefined || since === '' ? {} : { since }),
      });
      const before = found.size;
      for (const answer of data) found.set(answer.id, commentOf(answer));
      if (data.length < pageSize || found.size === before) break;
    } catch (error) {
      if (error instanceof ApiRefusal && (error.status === 404 || error.status === 410)) throw gone(number);
      throw error;
    }
  }
  return [...found.values()].sort((a, b) => a.id - b.id);
}

/**
 * The login that our comments bear: a job's token writes as `github-actions[bot]`, a person's token as that person. The first is told
 * by the token's form, for asking costs a call.
 */
export async function ownLogin(github: GitHub): Promise<string> {
  if (!/^(?:ghp_|github_pat_|gho_|ghu_|[0-9a-f]{40}$)/.test(github.token)) return 'github-actions[bot]';
  const { data } = await github.rest.users.getAuthenticated();
  return data.login;
}

/** Our answers to one question, oldest first: one, or two where two processes met. */
export function answersTo(comments: readonly Comment[], key: QuestionKey, login: string): Comment[] {
  return comments.filter((comment) => {
    if (comment.author.toLowerCase() !== login.toLowerCase()) return false;
    const marked = readMarker(comment.body);
    return marked !== undefined && keyText(marked.key) === keyText(key);
  });
}
