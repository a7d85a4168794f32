/**
 * From a good revision to the build: which commits touch what lies on the stack.
 *
 * In: a revision that the question names, or the run before on the same branch. Out: commits with the reasons why they are shown,
 * most telling first. Refuses: a range that does not lead from good to bad.
 */
import type { CommitRange, RankedCommit, SourcePlace } from '../core/report/history.js';
import { type Sentence, say } from '../core/sentence.js';
import { type Allowance, NotLookedUp } from './allowance.js';
import { dayOf, firstLine, isCommit } from './blame.js';
import { at, text } from './json.js';
import type { Run } from './runs.js';

export interface GoodRevision {
  /** 7 to 40 hex digits. */
  readonly revision: string;
  readonly from: Sentence;
}

const shownCommits = 10;
const runsRead = 30;
const commitsRead = 250;

/** The last run before this one that succeeded on its branch: built, which is less than "ran". */
export async function runBefore(allowance: Allowance, run: Run): Promise<GoodRevision | undefined> {
  const { branch } = run;
  if (branch === undefined || run.fork || run.event.startsWith('pull_request')) return undefined;
  const { data } = await allowance.call(({ rest, repository }) =>
    rest.actions.listWorkflowRunsForRepo({ ...repository, branch, status: 'success', per_page: runsRead }),
  );
  const before = data.workflow_runs
    .filter((one) => one.head_sha !== run.headSha && isCommit(one.head_sha) && Date.parse(one.created_at) < Date.parse(run.createdAt))
    .sort((a, b) => Date.parse(b.created_at) - Date.parse(a.created_at));
  const [last] = before;
  if (last === undefined) return undefined;
  return {
    revision: last.head_sha,
    from: say`No good revision is named; run ${last.id} is the last before this one that succeeded on ${branch}, which does not say that its build ran well.`,
  };
}

export interface Compared {
  readonly good: string;
  readonly total: number;
  readonly commits: readonly { readonly commit: string; readonly date: string; readonly author: string; readonly message: string }[];
}

export async function compare(allowance: Allowance, good: string, bad: string): Promise<Compared> {
  const { data } = await allowance.call(({ rest, repository }) =>
    rest.repos.compareCommitsWithBasehead({ ...repository, basehead: `${good}...${bad}`, per_page: commitsRead }),
  );
  const base = data.base_commit.sha;
  if (data.status !== 'ahead' || !isCommit(base)) {
    throw new NotLookedUp(say`the build is not ahead of ${good.slice(0, 12)}: their relation is ${data.status}`);
  }
  const commits = data.commits.flatMap((one) => {
    const date = dayOf(at(one, 'commit', 'committer', 'date')) ?? dayOf(at(one, 'commit', 'author', 'date'));
    const author = text(at(one, 'author', 'login')) ?? text(at(one, 'commit', 'author', 'name'));
    return isCommit(one.sha) && date !== undefined && author !== undefined
      ? [{ commit: one.sha, date, author, message: one.commit.message }]
      : [];
  });
  return { good: base, total: data.total_commits, commits };
}

/** Names that say nothing in a message: too short, or words of every language. */
function isTelling(name: string): boolean {
  return name.length >= 5 && /[_A-Z0-9]/.test(name) && /^[A-Za-z_][A-Za-z0-9_]*$/.test(name);
}

function mentions(message: string, name: string): boolean {
  return isTelling(name) && new RegExp(`(?<![A-Za-z0-9_])${name}(?![A-Za-z0-9_])`).test(message);
}

interface Ranked extends RankedCommit {
  readonly score: number;
}

export interface Stack {
  readonly places: readonly (SourcePlace & { readonly path?: string })[];
  /** File of the line to look at first. */
  readonly guiltyPath?: string;
}

/** `touching`: commits by path. */
export function rankCommits(
  compared: Compared,
  bad: string,
  goodFrom: Sentence,
  { places, guiltyPath }: Stack,
  touching: ReadonlyMap<string, ReadonlySet<string>>,
): CommitRange {
  const names = [...new Set(places.map((place) => place.function))];
  const ranked: Ranked[] = [];
  // newest first, and the sort below keeps that order among equals
  for (const { commit, date, author, message } of [...compared.commits].reverse()) {
    const paths = [...touching].filter(([, commits]) => commits.has(commit)).map(([path]) => path);
    const named = names.filter((name) => mentions(message, name)).slice(0, 3);
    const reasons = [
      ...paths.map((path) => (path === guiltyPath ? say`changes ${path}, the file to look at first` : say`changes ${path}`)),
      ...named.map((name) => say`its message names ${name}`),
    ];
    if (reasons.length === 0) continue;
    const guilty = guiltyPath !== undefined && paths.includes(guiltyPath);
    const score = (guilty ? 100 : 0) + 10 * paths.length + named.length;
    ranked.push({ commit, date, author, subject: firstLine(message), reasons, score });
  }
  ranked.sort((a, b) => b.score - a.score);
  return {
    good: compared.good,
    bad,
    goodFrom,
    total: compared.total,
    seen: compared.commits.length,
    ranked: ranked.slice(0, shownCommits).map(({ score: _, ...rest }) => rest),
    more: Math.max(0, ranked.length - shownCommits),
  };
}
