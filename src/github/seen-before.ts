/**
 * The same crash in other conversations of the repository: our own earlier answers with the same signature in their marker.
 *
 * In: the signature's hash. Out: one entry a conversation, newest first. Refuses: a marker that somebody else wrote; answers in the
 * question's own conversation, which everybody sees anyway.
 */
import type { SeenBefore } from '../core/report/history.js';
import type { Allowance } from './allowance.js';
import { dayOf } from './blame.js';
import { commentOf } from './comments.js';
import { readMarker } from './marker.js';

const pageSize = 100;
/** The newest 300 comments. */
const pageLimit = 3;

export interface Wanted {
  readonly signatureHash: string;
  /** The conversation of the question; absent where there is none. */
  readonly number?: number;
  /** Ours. */
  readonly login: string;
  /** Milliseconds since 1970. */
  readonly now: number;
}

export async function seenBefore(allowance: Allowance, { signatureHash, number, login, now }: Wanted): Promise<readonly SeenBefore[]> {
  const newest = new Map<number, SeenBefore & { readonly createdAt: number }>();
  const read = new Set<number>();
  for (let page = 1; page <= pageLimit; page += 1) {
    const { data } = await allowance.call(({ rest, repository }) =>
      rest.issues.listCommentsForRepo({ ...repository, sort: 'updated', direction: 'desc', per_page: pageSize, page }),
    );
    const before = read.size;
    for (const comment of data.map(commentOf)) {
      read.add(comment.id);
      if (comment.author.toLowerCase() !== login.toLowerCase() || readMarker(comment.body)?.signature !== signatureHash) continue;
      const issue = Number(/\/issues\/([0-9]{1,15})$/.exec(comment.issueUrl)?.[1]);
      const createdAt = Date.parse(comment.createdAt);
      const date = dayOf(comment.createdAt);
      if (!Number.isSafeInteger(issue) || issue === number || date === undefined) continue;
      if ((newest.get(issue)?.createdAt ?? 0) >= createdAt) continue;
      const isPullRequest = /\/pull\/[0-9]+#/.test(comment.url);
      newest.set(issue, { issue, comment: comment.id, isPullRequest, date, age: age(now - createdAt), createdAt });
    }
    if (data.length < pageSize || read.size === before) break;
  }
  return [...newest.values()].sort((a, b) => b.createdAt - a.createdAt).map(({ createdAt: _, ...rest }) => rest);
}

const units: readonly (readonly [milliseconds: number, name: string])[] = [
  [365 * 86_400_000, 'year'],
  [30 * 86_400_000, 'month'],
  [7 * 86_400_000, 'week'],
  [86_400_000, 'day'],
  [3_600_000, 'hour'],
];

/** In the largest unit that it fills, rounded down. GitHub's clock and ours may differ: what seems to come is new. */
export function age(milliseconds: number): string {
  const unit = units.find(([size]) => milliseconds >= size);
  if (unit === undefined) return 'less than an hour';
  const number = Math.floor(milliseconds / unit[0]);
  return `${number} ${unit[1]}${number === 1 ? '' : 's'}`;
}
