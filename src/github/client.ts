/**
 * GitHub's REST API for this repository, through Octokit with our own `fetch` under it.
 *
 * In: environment, token, net. Out: `GitHub`, which every later file asks. Refuses: every failure becomes a `Problem` with its remedy
 * or an `ApiRefusal` (404, 410, 422 and other answers that mean something where they are met); nothing else is thrown.
 */
import type { Octokit } from '@octokit/rest';
import { say } from '../core/sentence.js';
import { hasShape } from './answer-shapes.js';
import { type CallCount, createApiFetch, type Patience, patient } from './api-fetch.js';
import type { Environment } from './environment.js';
import { at, text } from './json.js';
import { Problem } from './problem.js';
import type { Net } from './transfer.js';

export interface GitHub {
  readonly environment: Environment;
  readonly net: Net;
  readonly rest: Octokit['rest'];
  /** A GraphQL query: reads only, though it is sent as POST. Answers the whole body, `data` and `errors`. */
  readonly graphql: (query: string, variables: Readonly<Record<string, unknown>>) => Promise<unknown>;
  readonly repository: { readonly owner: string; readonly repo: string };
  readonly token: string;
  readonly count: CallCount;
  readonly userAgent: string;
}

/** An answer of 400 and more that is no fault of the line, the limit or the token. */
export class ApiRefusal extends Error {
  override readonly name = 'ApiRefusal';
  constructor(
    readonly status: number,
    message: string,
  ) {
    super(message);
  }
}

/** What each kind of call needs; said when GitHub does not say it itself. */
const permissions: readonly (readonly [RegExp, string])[] = [
  [/\/actions\//, 'actions: read'],
  [/\/(?:issues|reactions)/, 'issues: write and pull-requests: write'],
  [/\/pulls/, 'pull-requests: write'],
];

/** GitHub names what would have been enough: `issues=write; pull_requests=write` or groups parted by `;`, of which one is enough. */
function permissionNeeded(headers: unknown, url: string): string {
  const named = text(at(headers, 'x-accepted-github-permissions')) ?? '';
  const first = named.split(';')[0]?.trim() ?? '';
  if (/^[a-z_]+=[a-z]+(?:, ?[a-z_]+=[a-z]+)*$/.test(first)) {
    return first.replace(/([a-z_]+)=([a-z]+)/g, (_, name: string, level: string) => `${name.replaceAll('_', '-')}: ${level}`);
  }
  return permissions.find(([pattern]) => pattern.test(url))?.[1] ?? 'contents: read';
}

function refusal(error: unknown): unknown {
  if (typeof error !== 'object' || error === null) return error;
  const cause = 'cause' in error ? error.cause : undefined;
  if (cause instanceof Problem) return cause;
  if (
    error instanceof Problem ||
    !('status' in error) ||
    typeof error.status !== 'number' ||
    !('response' in error) ||
    error.response === undefined
  )
    return error;
  const message = text(at(error.response, 'data', 'message')) ?? '';
  const url = text(at('request' in error ? error.request : undefined, 'url')) ?? '';
  if (error.status === 401)
    return new Problem('input', say`GitHub does not accept the token. Check the input ${'github-token'}: it may have expired.`, error);
  if (error.status === 403) {
    if (/archived/i.test(message)) return new Problem('gone', say`The repository is archived, so nothing can be posted.`);
    if (/locked/i.test(message)) return new Problem('gone', say`The conversation is locked, so nothing can be posted.`);
    const needed = permissionNeeded(at(error.response, 'headers'), url);
    return new Problem('permission', say`The token may not do this. Add ${needed} under ${'permissions'} in the workflow.`);
  }
  return new ApiRefusal(error.status, message);
}

/** On github.com beside the REST API, on a server of one's own under `/api`. */
function graphqlUrl({ apiUrl }: Environment): string {
  return `${apiUrl.replace(/\/api\/v3$/, '/api')}/graphql`;
}

export async function connect(
  environment: Environment,
  token: string,
  net: Net,
  userAgent: string,
  patience: Patience = patient,
): Promise<GitHub> {
  const { Octokit } = await import('@octokit/rest');
  const count: CallCount = { reads: 0, writes: 0 };
  const quiet = (): void => undefined;
  const octokit = new Octokit({
    auth: token,
    baseUrl: environment.apiUrl,
    userAgent,
    request: { fetch: createApiFetch(net, environment, count, patience) },
    // Octokit would print addresses and headers
    log: { debug: quiet, info: quiet, warn: quiet, error: quiet },
  });
  octokit.hook.wrap('request', async (request, options) => {
    try {
      const answer = await request({ ...options, headers: { ...options.headers, 'x-github-api-version': '2022-11-28' } });
      if (hasShape(options.method, options.url, answer.data)) return answer;
    } catch (error) {
      throw refusal(error);
    }
    throw new Problem(
      'unreachable',
      say`GitHub could not be asked: its answer has another form than it should. Edit the comment or run the job again.`,
    );
  });
  return {
    environment,
    net,
    rest: octokit.rest,
    graphql: async (query, variables) => {
      const { data } = await octokit.request({ method: 'POST', url: graphqlUrl(environment), query, variables });
      return data;
    },
    repository: { owner: environment.owner, repo: environment.repo },
    token,
    count,
    userAgent,
  };
}
