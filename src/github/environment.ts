/**
 * Edge: everything that touches GitHub. In: the runner's environment, its event file, GitHub's answers. Out: one comment, kept
 * current, and the step's outputs. Refuses: addresses outside the lists of `addresses.ts` and `hosts.ts`, and every text but Sentences
 * and the rendered report as a comment. This file: what the runner says about the job, read once.
 */

import { say } from '../core/sentence.js';
import { Problem } from './problem.js';

export interface Environment {
  /** No slash at the end. */
  readonly apiUrl: string;
  /** No slash at the end. */
  readonly serverUrl: string;
  readonly owner: string;
  readonly repo: string;
  readonly eventName: string;
  readonly eventPath: string;
  /** Of the workflow that runs us; absent outside Actions. */
  readonly ownRunId?: number;
  /** The action's ref as the workflow names it: a tag or 40 hex digits. */
  readonly actionRef?: string;
  /** `owner/name` that the action is from; absent where the workflow runs it from its own files. */
  readonly actionRepository?: string;
  /** Absent: the system's folder for temporary files. */
  readonly tempDir?: string;
  /** Kept between jobs on one machine; absent: nothing is kept. */
  readonly toolCache?: string;
  readonly outputPath?: string;
  readonly summaryPath?: string;
}

export type Variables = Readonly<Record<string, string | undefined>>;

function address(variables: Variables, name: string, otherwise: string): string {
  const text = (variables[name] || otherwise).replace(/\/+$/, '');
  if (!URL.canParse(text)) throw new Problem('input', say`${name} is ${text}, which is no address.`);
  const url = new URL(text);
  if (url.username !== '' || url.password !== '' || url.search !== '' || url.hash !== '') {
    throw new Problem('input', say`${name} may hold neither a user name nor a query.`);
  }
  if (url.protocol !== 'https:' && !(url.protocol === 'http:' && isLoopback(url.hostname))) {
    throw new Problem('input', say`${name} must begin with https.`);
  }
  return text;
}

/** Loopback by name or number, as `URL` writes it. */
export function isLoopback(hostname: string): boolean {
  return hostname === 'localhost' || hostname === '[::1]' || /^127\.\d{1,3}\.\d{1,3}\.\d{1,3}$/.test(hostname);
}

const repositoryName = /^([A-Za-z0-9][A-Za-z0-9_-]{0,99})\/([A-Za-z0-9._-]{1,100})$/;

export function readEnvironment(variables: Variables): Environment {
  const repository = repositoryName.exec(variables.GITHUB_REPOSITORY ?? '');
  const [, owner, repo] = repository ?? [];
  if (owner === undefined || repo === undefined || repo === '.' || repo === '..') {
    throw new Problem(
      'input',
      say`GITHUB_REPOSITORY is ${variables.GITHUB_REPOSITORY ?? ''}, which names no repository. Run this as a step of a GitHub workflow.`,
    );
  }
  const eventName = variables.GITHUB_EVENT_NAME ?? '';
  const eventPath = variables.GITHUB_EVENT_PATH ?? '';
  if (eventName === '' || eventPath === '') {
    throw new Problem('input', say`GITHUB_EVENT_NAME and GITHUB_EVENT_PATH are needed. Run this as a step of a GitHub workflow.`);
  }
  const ownRunId = Number(variables.GITHUB_RUN_ID);
  return {
    apiUrl: address(variables, 'GITHUB_API_URL', 'https://api.github.com'),
    serverUrl: address(variables, 'GITHUB_SERVER_URL', 'https://github.com'),
    owner,
    repo,
    eventName,
    eventPath,
    ...(Number.isSafeInteger(ownRunId) && ownRunId > 0 ? { ownRunId } : {}),
    ...(variables.GITHUB_ACTION_REF ? { actionRef: variables.GITHUB_ACTION_REF } : {}),
    ...(repositoryName.test(variables.GITHUB_ACTION_REPOSITORY ?? '')
      ? { actionRepository: variables.GITHUB_ACTION_REPOSITORY ?? '' }
      : {}),
    ...(variables.RUNNER_TEMP ? { tempDir: variables.RUNNER_TEMP } : {}),
    ...(variables.RUNNER_TOOL_CACHE ? { toolCache: variables.RUNNER_TOOL_CACHE } : {}),
    ...(variables.GITHUB_OUTPUT ? { outputPath: variables.GITHUB_OUTPUT } : {}),
    ...(variables.GITHUB_STEP_SUMMARY ? { summaryPath: variables.GITHUB_STEP_SUMMARY } : {}),
  };
}
