/**
 * Who changed lines last, which commits touched files, in which pull request a commit came, whether an issue is closed: one query each
 * of GitHub's GraphQL API, for REST tells the first two not at all.
 *
 * In: paths and numbers, handed over as variables, never as text of the query. Out: values that were checked one by one; what is not
 * as it should be is left out.
 */
import { at, id, list, record, text } from './json.js';

export interface Line {
  readonly path: string;
  readonly line: number;
}

export interface Change {
  readonly commit: string;
  readonly date: string;
  readonly author: string;
  readonly subject: string;
}

export interface Query {
  readonly query: string;
  readonly variables: Readonly<Record<string, unknown>>;
}

/** Commits of a file's past that are read. */
const mostHistory = 100;

export const isCommit = (value: string | undefined): value is string => value !== undefined && /^[0-9a-f]{40}$/.test(value);

/** `2026-05-11`; `undefined` for what is no date. */
export function dayOf(value: unknown): string | undefined {
  return /^(\d{4}-\d\d-\d\d)T/.exec(text(value) ?? '')?.[1];
}

export function firstLine(message: string): string {
  return (message.split('\n', 1)[0] ?? '').trim();
}

interface Place {
  readonly owner: string;
  readonly repo: string;
  readonly commit: string;
}

/** Blame of `blamed`, and for `touched` the commits of their past. */
export function pastQuery({ owner, repo, commit }: Place, blamed: readonly string[], touched: readonly string[]): Query {
  const paths = [...new Set([...blamed, ...touched])];
  const name = (path: string): string => `p${paths.indexOf(path)}`;
  const blames = blamed.map(
    (path, index) =>
      `b${index}: blame(path: $${name(path)}) { ranges { startingLine endingLine commit { oid committedDate messageHeadline author { name user { login } } } } }`,
  );
  const histories = touched.map((path, index) => `h${index}: history(path: $${name(path)}, first: ${mostHistory}) { nodes { oid } }`);
  const declared = ['$owner: String!', '$repo: String!', '$commit: GitObjectID!', ...paths.map((path) => `$${name(path)}: String!`)];
  const query = `query Past(${declared.join(', ')}) { repository(owner: $owner, name: $repo) { object(oid: $commit) { ... on Commit { ${[...blames, ...histories].join(' ')} } } } }`;
  const variables = { owner, repo, commit, ...Object.fromEntries(paths.map((path) => [name(path), path])) };
  return { query, variables };
}

export interface Past {
  readonly lastChange: (line: Line) => Change | undefined;
  /** Commits that touched a file, as far as its past was read. */
  readonly touching: ReadonlyMap<string, ReadonlySet<string>>;
}

export function readPast(answer: unknown, blamed: readonly string[], touched: readonly string[]): Past | undefined {
  const found = at(answer, 'data', 'repository', 'object');
  if (record(found) === undefined) return undefined;
  const ranges = new Map(blamed.map((path, index) => [path, list(at(found, `b${index}`, 'ranges'))]));
  const touching = new Map(
    touched.map((path, index) => {
      const commits = list(at(found, `h${index}`, 'nodes')).map((node) => text(at(node, 'oid')));
      return [path, new Set(commits.filter(isCommit))];
    }),
  );
  return {
    lastChange: ({ path, line }) => {
      const range = ranges.get(path)?.find((one) => {
        const [from, to] = [id(at(one, 'startingLine')), id(at(one, 'endingLine'))];
        return from !== undefined && to !== undefined && from <= line && line <= to;
      });
      return changeOf(at(range, 'commit'));
    },
    touching,
  };
}

function changeOf(commit: unknown): Change | undefined {
  const oid = text(at(commit, 'oid'));
  const date = dayOf(at(commit, 'committedDate'));
  const author = text(at(commit, 'author', 'user', 'login')) ?? text(at(commit, 'author', 'name'));
  const subject = text(at(commit, 'messageHeadline'));
  if (!isCommit(oid) || date === undefined || author === undefined || subject === undefined) return undefined;
  return { commit: oid, date, author, subject };
}

/** Pull requests of commits and states of issues, both by number. */
export function detailsQuery(place: Omit<Place, 'commit'>, commits: readonly string[], issues: readonly number[]): Query {
  const objects = commits.map(
    (_, index) =>
      `c${index}: object(oid: $c${index}) { ... on Commit { associatedPullRequests(first: 5) { nodes { number merged baseRepository { nameWithOwner } } } } }`,
  );
  const states = issues.map(
    (_, index) => `i${index}: issueOrPullRequest(number: $i${index}) { ... on Issue { closed } ... on PullRequest { closed } }`,
  );
  const declared = [
    '$owner: String!',
    '$repo: String!',
    ...commits.map((_, index) => `$c${index}: GitObjectID!`),
    ...issues.map((_, index) => `$i${index}: Int!`),
  ];
  return {
    query: `query Details(${declared.join(', ')}) { repository(owner: $owner, name: $repo) { ${[...objects, ...states].join(' ')} } }`,
    variables: {
      owner: place.owner,
      repo: place.repo,
      ...Object.fromEntries(commits.map((commit, index) => [`c${index}`, commit])),
      ...Object.fromEntries(issues.map((issue, index) => [`i${index}`, issue])),
    },
  };
}

export interface Details {
  readonly pullRequests: ReadonlyMap<string, number>;
  readonly states: ReadonlyMap<number, 'open' | 'closed'>;
}

export function readDetails(
  answer: unknown,
  { owner, repo }: Omit<Place, 'commit'>,
  commits: readonly string[],
  issues: readonly number[],
): Details {
  const found = at(answer, 'data', 'repository');
  const here = `${owner}/${repo}`.toLowerCase();
  const pullRequests = new Map<string, number>();
  commits.forEach((commit, index) => {
    // a commit may be in several; of this repository, merged ones tell how it came in
    const own = list(at(found, `c${index}`, 'associatedPullRequests', 'nodes')).filter(
      (node) => text(at(node, 'baseRepository', 'nameWithOwner'))?.toLowerCase() === here && at(node, 'merged') === true,
    );
    const number = id(at(own[0], 'number'));
    if (number !== undefined) pullRequests.set(commit, number);
  });
  const states = new Map<number, 'open' | 'closed'>();
  issues.forEach((issue, index) => {
    const closed = at(found, `i${index}`, 'closed');
    if (typeof closed === 'boolean') states.set(issue, closed ? 'closed' : 'open');
  });
  return { pullRequests, states };
}
