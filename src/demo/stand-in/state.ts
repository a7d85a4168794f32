/**
 * A stand-in for GitHub on loopback, for the demo and the end-to-end tests: what a repository, its runs and its storage answer, with
 * state. In: a `StandIn` filled by hand, and requests. Out: answers in GitHub's shapes (checked against its published description in
 * the tests). Refuses: what the action never asks, with 404. This file: the state.
 */
import { randomBytes } from 'node:crypto';
import type { Change } from './changes.js';

export interface StandInComment {
  readonly id: number;
  /** Of the issue or pull request. */
  readonly number: number;
  readonly author: string;
  body: string;
  readonly createdAt: string;
  updatedAt: string;
  readonly review: boolean;
}

export interface StandInIssue {
  readonly number: number;
  readonly author: string;
  title: string;
  body: string;
  readonly isPullRequest: boolean;
  state: 'open' | 'closed';
  locked: boolean;
  readonly createdAt: string;
}

export interface StandInRun {
  readonly id: number;
  readonly headSha: string;
  readonly branch: string;
  readonly event: string;
  status: string;
  conclusion: string | null;
  readonly attempt: number;
  readonly createdAt: string;
  /** `owner/repo` of the commit; null where it was deleted. */
  readonly headRepository: string | null;
  /** Where it does not belong to this repository. */
  readonly repository?: string;
}

export interface StandInArtifact {
  readonly id: number;
  readonly runId: number;
  readonly name: string;
  readonly bytes: Uint8Array;
  readonly contentType: string;
  expired: boolean;
  readonly createdAt: string;
  readonly expiresAt: string;
  /** As the listing tells it. */
  readonly listedSize: number;
  readonly digest: string | null;
}

export interface StandInFile {
  readonly bytes: Uint8Array;
  readonly contentType: string;
}

export interface StandIn {
  readonly owner: string;
  readonly repo: string;
  readonly isPrivate: boolean;
  archived: boolean;
  readonly token: string;
  /** The login that the token writes as. */
  readonly login: string;
  readonly issues: Map<number, StandInIssue>;
  readonly comments: Map<number, StandInComment>;
  readonly reactions: { readonly on: string; readonly content: string; readonly login: string }[];
  readonly runs: Map<number, StandInRun>;
  readonly jobs: Map<number, number>;
  readonly artifacts: Map<number, StandInArtifact>;
  /** Parents by commit. */
  readonly commits: Map<string, readonly string[]>;
  /** Commits with their files, oldest first. */
  readonly changes: Map<string, Change>;
  readonly permissions: Map<string, string>;
  /** Attachments and gists by path on the server. */
  readonly files: Map<string, StandInFile>;
  /** Signed addresses that are still good: the signature and what it opens. */
  readonly signed: Map<string, { readonly artifact: number; until: number }>;
  /** Milliseconds since 1970. */
  now: () => number;
  nextId: number;
}

export function createStandIn(given: Partial<Pick<StandIn, 'owner' | 'repo' | 'isPrivate' | 'token' | 'login' | 'now'>> = {}): StandIn {
  return {
    owner: given.owner ?? 'octo-org',
    repo: given.repo ?? 'hypervisor',
    isPrivate: given.isPrivate ?? false,
    archived: false,
    token: given.token ?? 'ghs_standInTokenOfTheJob0123456789abcd',
    login: given.login ?? 'github-actions[bot]',
    issues: new Map(),
    comments: new Map(),
    reactions: [],
    runs: new Map(),
    jobs: new Map(),
    artifacts: new Map(),
    commits: new Map(),
    changes: new Map(),
    permissions: new Map(),
    files: new Map(),
    signed: new Map(),
    now: given.now ?? (() => Date.now()),
    nextId: 1001,
  };
}

export function timeText(standIn: StandIn, offset = 0): string {
  return new Date(standIn.now() + offset).toISOString().replace(/\.\d+Z$/, 'Z');
}

export function addIssue(standIn: StandIn, given: Partial<StandInIssue> & { readonly body: string }): StandInIssue {
  const issue: StandInIssue = {
    number: given.number ?? standIn.issues.size + 1,
    author: given.author ?? 'reporter',
    title: given.title ?? 'Crash at boot',
    body: given.body,
    isPullRequest: given.isPullRequest ?? false,
    state: given.state ?? 'open',
    locked: given.locked ?? false,
    createdAt: given.createdAt ?? timeText(standIn, -3_600_000),
  };
  standIn.issues.set(issue.number, issue);
  return issue;
}

export function addComment(
  standIn: StandIn,
  given: Partial<StandInComment> & { readonly body: string; readonly number: number },
): StandInComment {
  const id = given.id ?? standIn.nextId++;
  const createdAt = given.createdAt ?? timeText(standIn);
  const comment: StandInComment = {
    id,
    number: given.number,
    author: given.author ?? 'reporter',
    body: given.body,
    createdAt,
    updatedAt: given.updatedAt ?? createdAt,
    review: given.review ?? false,
  };
  standIn.comments.set(id, comment);
  return comment;
}

export function addRun(standIn: StandIn, given: Partial<StandInRun> = {}): StandInRun {
  const run: StandInRun = {
    id: given.id ?? 9_000_000_000 + standIn.runs.size,
    headSha: given.headSha ?? randomBytes(20).toString('hex'),
    branch: given.branch ?? 'main',
    event: given.event ?? 'push',
    status: given.status ?? 'completed',
    conclusion: given.conclusion === undefined ? 'success' : given.conclusion,
    attempt: given.attempt ?? 1,
    createdAt: given.createdAt ?? timeText(standIn, -7_200_000),
    headRepository: given.headRepository === undefined ? `${standIn.owner}/${standIn.repo}` : given.headRepository,
    ...(given.repository === undefined ? {} : { repository: given.repository }),
  };
  standIn.runs.set(run.id, run);
  return run;
}

export function addArtifact(
  standIn: StandIn,
  given: Partial<StandInArtifact> & { readonly runId: number; readonly name: string; readonly bytes: Uint8Array },
): StandInArtifact {
  const artifact: StandInArtifact = {
    id: given.id ?? standIn.nextId++,
    runId: given.runId,
    name: given.name,
    bytes: given.bytes,
    contentType: given.contentType ?? 'application/zip',
    expired: given.expired ?? false,
    createdAt: given.createdAt ?? timeText(standIn, -7_000_000),
    expiresAt: given.expiresAt ?? timeText(standIn, 80 * 86_400_000),
    listedSize: given.listedSize ?? given.bytes.length,
    digest: given.digest ?? null,
  };
  standIn.artifacts.set(artifact.id, artifact);
  return artifact;
}

/** What stands in the comments under an issue, oldest first. */
export function commentsOf(standIn: StandIn, number: number): StandInComment[] {
  return [...standIn.comments.values()].filter((comment) => comment.number === number && !comment.review).sort((a, b) => a.id - b.id);
}

/** Comments that our token wrote. */
export function answers(standIn: StandIn): StandInComment[] {
  return [...standIn.comments.values()].filter((comment) => comment.author === standIn.login).sort((a, b) => a.id - b.id);
}
