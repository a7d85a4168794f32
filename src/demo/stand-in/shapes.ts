/** State as GitHub writes it: every field that its description requires, checked in the end-to-end tests. */
import type { Change } from './changes.js';
import type { StandIn, StandInArtifact, StandInComment, StandInIssue, StandInRun } from './state.js';

export type Shape = Record<string, unknown>;

/** Where things have their addresses. */
export interface Origins {
  readonly api: string;
  readonly server: string;
}

const userLinks = ['followers', 'gists', 'starred', 'subscriptions', 'organizations', 'repos', 'events', 'received_events', 'following'];

/** A number that a name always has. */
function numberOf(name: string): number {
  let sum = 7;
  for (const letter of name) sum = (sum * 31 + letter.charCodeAt(0)) % 90_000_000;
  return 1000 + sum;
}

export function user(login: string, { api, server }: Origins): Shape {
  const url = `${api}/users/${encodeURIComponent(login)}`;
  return {
    login,
    id: numberOf(login),
    node_id: Buffer.from(`user${login}`).toString('base64'),
    avatar_url: `${server}/avatars/${numberOf(login)}`,
    gravatar_id: '',
    url,
    html_url: `${server}/${encodeURIComponent(login)}`,
    ...Object.fromEntries(userLinks.map((link) => [`${link}_url`, `${url}/${link}`])),
    type: login.endsWith('[bot]') ? 'Bot' : 'User',
    site_admin: false,
  };
}

export function publicUser(login: string, origins: Origins): Shape {
  const nothing = Object.fromEntries(['name', 'company', 'blog', 'location', 'email', 'hireable', 'bio'].map((key) => [key, null]));
  return {
    ...user(login, origins),
    ...nothing,
    user_view_type: 'public',
    public_repos: 0,
    public_gists: 0,
    followers: 0,
    following: 0,
    created_at: '2020-01-01T00:00:00Z',
    updated_at: '2020-01-01T00:00:00Z',
  };
}

const repositoryLinks = [
  ['archive', 'archive_format'],
  ...[
    'assignees',
    'blobs',
    'branches',
    'collaborators',
    'comments',
    'commits',
    'compare',
    'contents',
    'contributors',
    'deployments',
    'downloads',
  ],
  ...[
    'events',
    'forks',
    'git_commits',
    'git_refs',
    'git_tags',
    'hooks',
    'issue_comment',
    'issue_events',
    'issues',
    'keys',
    'labels',
    'languages',
  ],
  ...[
    'merges',
    'milestones',
    'notifications',
    'pulls',
    'releases',
    'stargazers',
    'statuses',
    'subscribers',
    'subscription',
    'tags',
    'teams',
    'trees',
  ],
].map((name) => (typeof name === 'string' ? name : 'archive'));

export function repository(standIn: StandIn, fullName: string, origins: Origins): Shape {
  const [owner = '', name = ''] = fullName.split('/');
  const url = `${origins.api}/repos/${fullName}`;
  const here = fullName === `${standIn.owner}/${standIn.repo}`;
  return {
    id: numberOf(fullName),
    node_id: Buffer.from(`repository${fullName}`).toString('base64'),
    name,
    full_name: fullName,
    private: here && standIn.isPrivate,
    owner: user(owner, origins),
    html_url: `${origins.server}/${fullName}`,
    description: null,
    fork: !here,
    url,
    ...Object.fromEntries(repositoryLinks.map((link) => [`${link}_url`, `${url}/${link}`])),
  };
}

export function issue(standIn: StandIn, one: StandInIssue, origins: Origins): Shape {
  const base = `${origins.api}/repos/${standIn.owner}/${standIn.repo}`;
  const url = `${base}/issues/${one.number}`;
  const html = `${origins.server}/${standIn.owner}/${standIn.repo}/${one.isPullRequest ? 'pull' : 'issues'}/${one.number}`;
  return {
    id: 500_000 + one.number,
    node_id: Buffer.from(`issue${one.number}`).toString('base64'),
    url,
    repository_url: base,
    labels_url: `${url}/labels{/name}`,
    comments_url: `${url}/comments`,
    events_url: `${url}/events`,
    html_url: html,
    number: one.number,
    title: one.title,
    state: one.state,
    locked: one.locked,
    user: user(one.author, origins),
    labels: [],
    assignee: null,
    assignees: [],
    milestone: null,
    comments: [...standIn.comments.values()].filter((comment) => comment.number === one.number && !comment.review).length,
    created_at: one.createdAt,
    updated_at: one.createdAt,
    closed_at: null,
    author_association: 'NONE',
    body: one.body,
    ...(one.isPullRequest
      ? { pull_request: { url: `${base}/pulls/${one.number}`, html_url: html, diff_url: `${html}.diff`, patch_url: `${html}.patch` } }
      : {}),
  };
}

export function comment(standIn: StandIn, one: StandInComment, origins: Origins): Shape {
  const base = `${origins.api}/repos/${standIn.owner}/${standIn.repo}`;
  const kind = standIn.issues.get(one.number)?.isPullRequest === true ? 'pull' : 'issues';
  const html = `${origins.server}/${standIn.owner}/${standIn.repo}/${kind}/${one.number}`;
  const common = {
    id: one.id,
    node_id: Buffer.from(`comment${one.id}`).toString('base64'),
    user: user(one.author, origins),
    created_at: one.createdAt,
    updated_at: one.updatedAt,
    author_association: 'NONE',
    body: one.body,
  };
  if (!one.review) {
    return {
      ...common,
      url: `${base}/issues/comments/${one.id}`,
      html_url: `${html}#issuecomment-${one.id}`,
      issue_url: `${base}/issues/${one.number}`,
    };
  }
  const url = `${base}/pulls/comments/${one.id}`;
  const pull = `${base}/pulls/${one.number}`;
  const review = `${html}#discussion_r${one.id}`;
  return {
    ...common,
    url,
    pull_request_review_id: 42,
    diff_hunk: '@@ -1,1 +1,1 @@',
    path: 'main.c',
    commit_id: '1'.repeat(40),
    original_commit_id: '1'.repeat(40),
    html_url: review,
    pull_request_url: pull,
    _links: { self: { href: url }, html: { href: review }, pull_request: { href: pull } },
  };
}

export function run(standIn: StandIn, one: StandInRun, origins: Origins): Shape {
  const here = one.repository ?? `${standIn.owner}/${standIn.repo}`;
  const url = `${origins.api}/repos/${here}/actions/runs/${one.id}`;
  return {
    id: one.id,
    name: 'Build',
    node_id: Buffer.from(`run${one.id}`).toString('base64'),
    head_branch: one.branch,
    head_sha: one.headSha,
    path: '.github/workflows/build.yml',
    run_number: 57,
    run_attempt: one.attempt,
    display_title: 'Build',
    event: one.event,
    status: one.status,
    conclusion: one.conclusion,
    workflow_id: 161_335,
    url,
    html_url: `${origins.server}/${here}/actions/runs/${one.id}`,
    pull_requests: [],
    created_at: one.createdAt,
    updated_at: one.createdAt,
    jobs_url: `${url}/jobs`,
    logs_url: `${url}/logs`,
    check_suite_url: `${origins.api}/repos/${here}/check-suites/414944374`,
    artifacts_url: `${url}/artifacts`,
    cancel_url: `${url}/cancel`,
    rerun_url: `${url}/rerun`,
    workflow_url: `${origins.api}/repos/${here}/actions/workflows/161335`,
    head_commit: {
      id: one.headSha,
      tree_id: '2'.repeat(40),
      message: 'Change',
      timestamp: one.createdAt,
      author: { name: 'A', email: 'a@example.com' },
      committer: { name: 'A', email: 'a@example.com' },
    },
    repository: repository(standIn, here, origins),
    head_repository: one.headRepository === null ? null : repository(standIn, one.headRepository, origins),
  };
}

export function artifact(standIn: StandIn, one: StandInArtifact, origins: Origins): Shape {
  const url = `${origins.api}/repos/${standIn.owner}/${standIn.repo}/actions/artifacts/${one.id}`;
  return {
    id: one.id,
    node_id: Buffer.from(`artifact${one.id}`).toString('base64'),
    name: one.name,
    size_in_bytes: one.listedSize,
    url,
    archive_download_url: `${url}/zip`,
    expired: one.expired,
    created_at: one.createdAt,
    updated_at: one.createdAt,
    expires_at: one.expiresAt,
    digest: one.digest,
    workflow_run: {
      id: one.runId,
      repository_id: 1,
      head_repository_id: 1,
      head_branch: 'main',
      head_sha: standIn.runs.get(one.runId)?.headSha ?? '',
    },
  };
}

export function job(standIn: StandIn, jobId: number, runId: number, origins: Origins): Shape {
  const base = `${origins.api}/repos/${standIn.owner}/${standIn.repo}`;
  return {
    id: jobId,
    node_id: Buffer.from(`job${jobId}`).toString('base64'),
    run_id: runId,
    run_url: `${base}/actions/runs/${runId}`,
    head_sha: standIn.runs.get(runId)?.headSha ?? '',
    workflow_name: 'Build',
    head_branch: 'main',
    name: 'build',
    url: `${base}/actions/jobs/${jobId}`,
    html_url: `${origins.server}/${standIn.owner}/${standIn.repo}/actions/runs/${runId}/job/${jobId}`,
    status: 'completed',
    conclusion: 'success',
    started_at: '2026-01-01T00:00:00Z',
    completed_at: '2026-01-01T00:10:00Z',
    created_at: '2026-01-01T00:00:00Z',
    check_run_url: `${base}/check-runs/${jobId}`,
    labels: ['ubuntu-latest'],
    runner_id: null,
    runner_name: null,
    runner_group_id: null,
    runner_group_name: null,
  };
}

export function commit(
  standIn: StandIn,
  sha: string,
  parents: readonly string[],
  origins: Origins,
  change?: Pick<Change, 'author' | 'date' | 'message'>,
): Shape {
  const url = (one: string): string => `${origins.api}/repos/${standIn.owner}/${standIn.repo}/commits/${one}`;
  const html = (one: string): string => `${origins.server}/${standIn.owner}/${standIn.repo}/commit/${one}`;
  const person = { name: change?.author ?? 'A', email: 'a@example.com', date: change?.date ?? '2026-01-01T00:00:00Z' };
  return {
    url: url(sha),
    sha,
    node_id: Buffer.from(`commit${sha}`).toString('base64'),
    html_url: html(sha),
    comments_url: `${url(sha)}/comments`,
    commit: {
      url: url(sha),
      author: person,
      committer: person,
      message: change?.message ?? 'Change',
      comment_count: 0,
      tree: { sha: '2'.repeat(40), url: url('2'.repeat(40)) },
    },
    author: change === undefined ? null : user(change.author, origins),
    committer: null,
    parents: parents.map((parent) => ({ sha: parent, url: url(parent), html_url: html(parent) })),
  };
}
