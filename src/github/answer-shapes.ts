/**
 * What each endpoint's answer must hold for the later files to read it. Types come from GitHub's description; a sick proxy does not
 * know it.
 *
 * In: method, route template, data. Out: whether the fields that are read have their kinds.
 */
import { at, id, record, text } from './json.js';

type Check = (data: unknown) => boolean;

const every =
  (check: Check): Check =>
  (data) =>
    Array.isArray(data) && data.every(check);

const optionalText: Check = (value) => value === undefined || value === null || typeof value === 'string';

const comment: Check = (data) =>
  id(at(data, 'id')) !== undefined &&
  [at(data, 'html_url'), at(data, 'created_at'), at(data, 'updated_at')].every((value) => text(value) !== undefined) &&
  [at(data, 'body'), at(data, 'user', 'login'), at(data, 'issue_url')].every(optionalText);
const issueComment: Check = (data) => comment(data) && text(at(data, 'issue_url')) !== undefined;
const issue: Check = (data) => id(at(data, 'number')) !== undefined && optionalText(at(data, 'body'));
const isRepository: Check = (data) => id(at(data, 'id')) !== undefined && text(at(data, 'full_name')) !== undefined;
const run: Check = (data) =>
  id(at(data, 'id')) !== undefined &&
  [at(data, 'head_sha'), at(data, 'event'), at(data, 'created_at')].every((value) => text(value) !== undefined) &&
  [at(data, 'status'), at(data, 'conclusion'), at(data, 'head_branch')].every(optionalText) &&
  isRepository(at(data, 'repository')) &&
  (at(data, 'head_repository') === null || at(data, 'head_repository') === undefined || isRepository(at(data, 'head_repository')));
const artifact: Check = (data) =>
  id(at(data, 'id')) !== undefined &&
  text(at(data, 'name')) !== undefined &&
  typeof at(data, 'size_in_bytes') === 'number' &&
  typeof at(data, 'expired') === 'boolean' &&
  [at(data, 'expires_at'), at(data, 'created_at'), at(data, 'digest')].every(optionalText);

const repository = '/repos/{owner}/{repo}';
const checks: ReadonlyMap<string, Check> = new Map([
  [`GET ${repository}/issues`, every(issue)],
  [`GET ${repository}/issues/comments`, every(issueComment)],
  [`GET ${repository}/issues/comments/{comment_id}`, issueComment],
  [`PATCH ${repository}/issues/comments/{comment_id}`, issueComment],
  [`GET ${repository}/issues/{issue_number}`, issue],
  [`GET ${repository}/issues/{issue_number}/comments`, every(issueComment)],
  [`POST ${repository}/issues/{issue_number}/comments`, issueComment],
  [`GET ${repository}/pulls/comments/{comment_id}`, comment],
  [`GET ${repository}/actions/runs`, (data: unknown) => every(run)(at(data, 'workflow_runs'))],
  [`GET ${repository}/actions/runs/{run_id}`, run],
  [`GET ${repository}/actions/runs/{run_id}/artifacts`, (data: unknown) => every(artifact)(at(data, 'artifacts'))],
  [`GET ${repository}/actions/jobs/{job_id}`, (data: unknown) => id(at(data, 'run_id')) !== undefined],
  [
    `GET ${repository}/git/trees/{tree_sha}`,
    (data: unknown) => typeof at(data, 'truncated') === 'boolean' && every((one) => record(one) !== undefined)(at(data, 'tree')),
  ],
  [
    `GET ${repository}/compare/{basehead}`,
    (data: unknown) =>
      typeof at(data, 'total_commits') === 'number' &&
      text(at(data, 'status')) !== undefined &&
      text(at(data, 'base_commit', 'sha')) !== undefined &&
      every((one) => text(at(one, 'sha')) !== undefined && text(at(one, 'commit', 'message')) !== undefined)(at(data, 'commits')),
  ],
  [`GET ${repository}/commits/{ref}`, (data: unknown) => every((parent) => text(at(parent, 'sha')) !== undefined)(at(data, 'parents'))],
  [
    `GET ${repository}/collaborators/{username}/permission`,
    (data: unknown) => record(data) !== undefined && text(at(data, 'permission')) !== undefined,
  ],
  ['GET /user', (data: unknown) => text(at(data, 'login')) !== undefined],
]);

/** True for endpoints whose answer is not read. */
export function hasShape(method: string, route: string, data: unknown): boolean {
  return checks.get(`${method} ${route}`)?.(data) ?? true;
}
