/** What the stand-in tells of sources: trees, files, ranges of commits, and GraphQL for blame and history. */
import { blobSha, type Change, changeNamed, pastOf, textOf } from './changes.js';
import { type Arguments, execute, type Node, parseQuery } from './graphql.js';
import * as shapes from './shapes.js';
import type { StandIn } from './state.js';

type Origins = shapes.Origins;

export function treeShape(standIn: StandIn, change: Change, { api }: Origins): shapes.Shape {
  const base = `${api}/repos/${standIn.owner}/${standIn.repo}/git`;
  const folders = new Set<string>();
  for (const path of change.tree.keys()) {
    for (let at = path.lastIndexOf('/'); at > 0; at = path.lastIndexOf('/', at - 1)) folders.add(path.slice(0, at));
  }
  const blobs = [...change.tree].map(([path, lines]) => {
    const text = textOf(lines);
    const sha = blobSha(text);
    return { path, mode: '100644', type: 'blob', sha, size: Buffer.byteLength(text), url: `${base}/blobs/${sha}` };
  });
  const trees = [...folders].map((path) => ({
    path,
    mode: '040000',
    type: 'tree',
    sha: blobSha(path),
    url: `${base}/trees/${blobSha(path)}`,
  }));
  return { sha: change.sha, url: `${base}/trees/${change.sha}`, tree: [...trees, ...blobs], truncated: false };
}

export function contentShape(standIn: StandIn, change: Change, path: string, { api, server }: Origins): shapes.Shape | undefined {
  const lines = change.tree.get(path);
  if (lines === undefined) return undefined;
  const text = textOf(lines);
  const here = `${standIn.owner}/${standIn.repo}`;
  const url = `${api}/repos/${here}/contents/${path}?ref=${change.sha}`;
  const git = `${api}/repos/${here}/git/blobs/${blobSha(text)}`;
  const html = `${server}/${here}/blob/${change.sha}/${path}`;
  return {
    type: 'file',
    encoding: 'base64',
    size: Buffer.byteLength(text),
    name: path.split('/').at(-1),
    path,
    // in lines of 60, as the service sends it
    content: Buffer.from(text).toString('base64').replace(/.{60}/g, '$&\n'),
    sha: blobSha(text),
    url,
    git_url: git,
    html_url: html,
    download_url: `${server}/${here}/raw/${change.sha}/${path}`,
    _links: { self: url, git, html },
  };
}

export function compareShape(standIn: StandIn, good: Change, bad: Change, origins: Origins): shapes.Shape {
  const here = `${standIn.owner}/${standIn.repo}`;
  const url = `${origins.api}/repos/${here}/compare/${good.sha}...${bad.sha}`;
  const html = `${origins.server}/${here}/compare/${good.sha}...${bad.sha}`;
  const shape = (change: Change): shapes.Shape =>
    shapes.commit(standIn, change.sha, change.parent === undefined ? [] : [change.parent], origins, change);
  const past = pastOf(standIn, bad);
  const at = past.indexOf(good);
  const ahead = at < 0 ? past : past.slice(0, at);
  const status = good === bad ? 'identical' : at >= 0 ? 'ahead' : pastOf(standIn, good).includes(bad) ? 'behind' : 'diverged';
  const behind = status === 'behind' ? pastOf(standIn, good).indexOf(bad) : status === 'diverged' ? 1 : 0;
  return {
    url,
    html_url: html,
    permalink_url: html,
    diff_url: `${html}.diff`,
    patch_url: `${html}.patch`,
    base_commit: shape(good),
    merge_base_commit: shape(good),
    status,
    ahead_by: status === 'behind' ? 0 : ahead.length,
    behind_by: behind,
    total_commits: status === 'behind' ? 0 : ahead.length,
    commits: status === 'behind' ? [] : [...ahead].reverse().map(shape),
    files: [],
  };
}

function commitNode(standIn: StandIn, change: Change): Node {
  const person = { name: `${change.author} the author`, user: { login: change.author } };
  return {
    __typename: 'Commit',
    oid: change.sha,
    committedDate: change.date,
    messageHeadline: change.message.split('\n', 1)[0],
    author: person,
    blame: ({ path }: Arguments) => ({ ranges: ranges(standIn, change, String(path)) }),
    history: ({ path, first }: Arguments) => ({
      nodes: pastOf(standIn, change)
        .filter(({ wrote }) => path === undefined || wrote.includes(String(path)))
        .slice(0, Number(first ?? 100))
        .map((one) => commitNode(standIn, one)),
    }),
    associatedPullRequests: () => ({
      nodes: change.pullRequest === undefined ? [] : [pullRequestNode(standIn, change.pullRequest)],
    }),
  };
}

function pullRequestNode(standIn: StandIn, number: number): Node {
  const state = standIn.issues.get(number)?.state ?? 'closed';
  const baseRepository = { nameWithOwner: `${standIn.owner}/${standIn.repo}` };
  return { __typename: 'PullRequest', number, merged: true, closed: state === 'closed', baseRepository };
}

function ranges(standIn: StandIn, change: Change, path: string): unknown[] {
  const lines = change.tree.get(path) ?? [];
  const found: { startingLine: number; endingLine: number; commit: unknown; sha: string }[] = [];
  lines.forEach((line, index) => {
    const last = found.at(-1);
    if (last?.sha === line.commit) last.endingLine = index + 1;
    else {
      const writer = standIn.changes.get(line.commit) ?? change;
      found.push({ startingLine: index + 1, endingLine: index + 1, commit: commitNode(standIn, writer), sha: line.commit });
    }
  });
  return found;
}

function repositoryNode(standIn: StandIn): Node {
  return {
    __typename: 'Repository',
    nameWithOwner: `${standIn.owner}/${standIn.repo}`,
    object: ({ oid }: Arguments) => {
      const change = changeNamed(standIn, String(oid));
      return change === undefined ? null : commitNode(standIn, change);
    },
    issueOrPullRequest: ({ number }: Arguments) => {
      const issue = standIn.issues.get(Number(number));
      if (issue === undefined) return null;
      return issue.isPullRequest ? pullRequestNode(standIn, issue.number) : { __typename: 'Issue', closed: issue.state === 'closed' };
    },
  };
}

/** The body of an answer; errors in GraphQL come with status 200. */
export function graphqlAnswer(standIn: StandIn, body: string): shapes.Shape {
  try {
    // what a client sends
    const { query, variables = {} } = JSON.parse(body) as { query: string; variables?: Arguments };
    const parsed = parseQuery(query);
    const repository = ({ owner, name }: Arguments): Node | null =>
      owner === standIn.owner && name === standIn.repo ? repositoryNode(standIn) : null;
    return { data: execute(parsed.selections, { repository }, variables) };
  } catch (error) {
    return { errors: [{ message: error instanceof Error ? error.message : String(error) }] };
  }
}
