/**
 * The webhook event that started us, as a `Trigger`.
 *
 * In: the event's name and its file. Out: what to look at. Refuses: events of no kind of ours, bots, ourselves: `silent`.
 * Text is taken from the event, never from the environment or an expression, and not fetched again later.
 */
import { readFileSync } from 'node:fs';
import { type Sentence, say } from '../core/sentence.js';
import type { Environment } from './environment.js';
import { at, id, type Json, record, text } from './json.js';
import { isMarked } from './marker.js';
import { Problem } from './problem.js';

/** What an answer replies to; names it in the marker. */
export type QuestionKey = { readonly kind: 'issue' | 'comment' | 'review'; readonly id: number };

/** One text that a person wrote, and where an answer to it goes. */
export interface Asked {
  readonly key: QuestionKey;
  /** Of the issue or pull request. */
  readonly number: number;
  readonly isPullRequest: boolean;
  readonly body: string;
  readonly author: string;
  /** ISO 8601. */
  readonly createdAt: string;
  readonly updatedAt: string;
  /** Of the issue or pull request that a comment stands under: its text and author. Absent for the issue itself. */
  readonly parent?: { readonly body: string; readonly author: string };
}

export type Trigger =
  | { readonly kind: 'silent'; readonly why: Sentence }
  | {
      readonly kind: 'asked';
      readonly asked: Asked;
      readonly edited: boolean;
      /** Who raised the event: with an edit perhaps not the author. */
      readonly sender: string;
      /** A review comment on a fork's pull request: the token cannot write. */
      readonly readOnly: boolean;
    }
  | { readonly kind: 'removed'; readonly key: QuestionKey; readonly number: number; readonly createdAt: string }
  | { readonly kind: 'run-completed'; readonly runId: number; readonly createdAt: string }
  | { readonly kind: 'dispatched' };

/** The event file as an object. */
export function readEventFile(environment: Environment): Json {
  let source: string;
  try {
    source = readFileSync(environment.eventPath, 'utf8');
  } catch (error) {
    throw new Problem('input', say`The event file cannot be read. GITHUB_EVENT_PATH must name the file that the runner wrote.`, error);
  }
  try {
    const payload = record(JSON.parse(source.replace(/^\ufeff/, '')));
    if (payload !== undefined) return payload;
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
  }
  throw new Problem('input', say`The event file holds no JSON object. GITHUB_EVENT_PATH must name the file that the runner wrote.`);
}

const silent = (why: Sentence): Trigger => ({ kind: 'silent', why });

function isBot(user: unknown, thing: unknown): boolean {
  return text(at(user, 'type')) === 'Bot' || record(at(thing, 'performed_via_github_app')) !== undefined;
}

/** `parent` is the issue or pull request; of an issue, the issue itself. */
export function askedOf(kind: QuestionKey['kind'], thing: unknown, parent: unknown): Asked | undefined {
  const number = id(at(parent, 'number'));
  const ownId = kind === 'issue' ? number : id(at(thing, 'id'));
  if (number === undefined || ownId === undefined) return undefined;
  const createdAt = text(at(thing, 'created_at')) ?? '';
  const parentBody =
    kind === 'issue' ? undefined : { body: text(at(parent, 'body')) ?? '', author: text(at(parent, 'user', 'login')) ?? '' };
  return {
    key: { kind, id: ownId },
    number,
    isPullRequest: kind === 'review' || at(parent, 'pull_request') !== undefined,
    body: text(at(thing, 'body')) ?? '',
    author: text(at(thing, 'user', 'login')) ?? '',
    createdAt,
    updatedAt: text(at(thing, 'updated_at')) ?? createdAt,
    ...(parentBody === undefined ? {} : { parent: parentBody }),
  };
}

function written(kind: QuestionKey['kind'], payload: Json, thing: unknown, parent: unknown): Trigger {
  const action = text(payload.action) ?? '';
  const asked = askedOf(kind, thing, parent);
  if (asked === undefined) return silent(say`The event holds no number to answer to.`);
  if (isMarked(asked.body)) return silent(say`The text is an answer of ours.`);
  if (isBot(at(thing, 'user'), thing)) return silent(say`A bot wrote it.`);
  if (action === 'deleted') return { kind: 'removed', key: asked.key, number: asked.number, createdAt: asked.createdAt };
  if (action === 'edited' && record(payload.changes) !== undefined && at(payload, 'changes', 'body') === undefined) {
    return silent(say`The text was not changed.`);
  }
  const here = text(at(payload, 'repository', 'full_name'))?.toLowerCase();
  const head = text(at(payload, 'pull_request', 'head', 'repo', 'full_name'))?.toLowerCase();
  return {
    kind: 'asked',
    asked,
    edited: action === 'edited',
    sender: text(at(payload, 'sender', 'login')) ?? asked.author,
    readOnly: kind === 'review' && head !== here,
  };
}

const actions: Readonly<Record<string, readonly string[]>> = {
  issue_comment: ['created', 'edited', 'deleted'],
  issues: ['opened', 'edited'],
  pull_request_review_comment: ['created', 'edited', 'deleted'],
  workflow_run: ['completed'],
};

export function readTrigger(environment: Environment, payload: Json): Trigger {
  const { eventName } = environment;
  if (eventName === 'workflow_dispatch') return { kind: 'dispatched' };
  const known = actions[eventName];
  if (known === undefined) return silent(say`Events of kind ${eventName} are none of ours.`);
  const action = text(payload.action) ?? '';
  if (!known.includes(action)) return silent(say`Events of kind ${eventName} with ${action} are none of ours.`);
  const repository = text(at(payload, 'repository', 'full_name'));
  if (repository !== undefined && repository.toLowerCase() !== `${environment.owner}/${environment.repo}`.toLowerCase()) {
    return silent(say`The event is of another repository.`);
  }
  switch (eventName) {
    case 'issue_comment':
      return written('comment', payload, payload.comment, payload.issue);
    case 'issues':
      return written('issue', payload, payload.issue, payload.issue);
    case 'pull_request_review_comment':
      return written('review', payload, payload.comment, payload.pull_request);
    default: {
      const runId = id(at(payload, 'workflow_run', 'id'));
      if (runId === undefined) return silent(say`The event names no run.`);
      return { kind: 'run-completed', runId, createdAt: text(at(payload, 'workflow_run', 'created_at')) ?? '' };
    }
  }
}
