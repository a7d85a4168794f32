/** Webhook payloads for what happened in the stand-in, as the runner writes them to the event file. */
import * as shapes from './shapes.js';
import type { StandIn, StandInComment, StandInIssue, StandInRun } from './state.js';

export interface Event {
  readonly name: string;
  readonly payload: Readonly<Record<string, unknown>>;
}

function common(standIn: StandIn, origins: shapes.Origins, sender: string): Record<string, unknown> {
  return { repository: shapes.repository(standIn, `${standIn.owner}/${standIn.repo}`, origins), sender: shapes.user(sender, origins) };
}

export type CommentAction = 'created' | 'edited' | 'deleted';

export function commentEvent(
  standIn: StandIn,
  origins: shapes.Origins,
  comment: StandInComment,
  action: CommentAction = 'created',
  sender = comment.author,
): Event {
  const changes = action === 'edited' ? { changes: { body: { from: 'before' } } } : {};
  const shape = shapes.comment(standIn, comment, origins);
  if (comment.review) {
    const head = { ref: 'topic', sha: '1'.repeat(40), repo: shapes.repository(standIn, `${standIn.owner}/${standIn.repo}`, origins) };
    const pull = {
      number: comment.number,
      title: 'Change',
      body: standIn.issues.get(comment.number)?.body ?? '',
      head,
      user: shapes.user('author', origins),
    };
    return {
      name: 'pull_request_review_comment',
      payload: { action, comment: shape, pull_request: pull, ...changes, ...common(standIn, origins, sender) },
    };
  }
  const parent = standIn.issues.get(comment.number);
  const issue = parent === undefined ? { number: comment.number } : shapes.issue(standIn, parent, origins);
  return { name: 'issue_comment', payload: { action, comment: shape, issue, ...changes, ...common(standIn, origins, sender) } };
}

export function issueEvent(
  standIn: StandIn,
  origins: shapes.Origins,
  issue: StandInIssue,
  action: 'opened' | 'edited' = 'opened',
  sender = issue.author,
): Event {
  const changes = action === 'edited' ? { changes: { body: { from: 'before' } } } : {};
  return {
    name: 'issues',
    payload: { action, issue: shapes.issue(standIn, issue, origins), ...changes, ...common(standIn, origins, sender) },
  };
}

export function runEvent(standIn: StandIn, origins: shapes.Origins, run: StandInRun): Event {
  return {
    name: 'workflow_run',
    payload: { action: 'completed', workflow_run: shapes.run(standIn, run, origins), ...common(standIn, origins, 'developer') },
  };
}

export function dispatchEvent(standIn: StandIn, origins: shapes.Origins, inputs: Readonly<Record<string, string>> = {}): Event {
  return {
    name: 'workflow_dispatch',
    payload: { inputs, ref: 'refs/heads/main', workflow: '.github/workflows/symbolize.yml', ...common(standIn, origins, 'developer') },
  };
}
