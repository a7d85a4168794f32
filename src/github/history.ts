/**
 * Where a crash comes from, and whether it was seen before: what a developer would look up in the repository next.
 *
 * In: the facts of the analysis, the build's run, a good revision. Out: additions to the report's context. Every part is optional: one
 * that fails is dropped with a note and costs nothing else. Refuses: other repositories; more calls than `allowance.ts` hands out.
 */
import { createHash, getHashes } from 'node:crypto';
import type { BlamedLine, History, SeenBefore, SourceExcerpt, SourcePlace } from '../core/report/history.js';
import { say } from '../core/sentence.js';
import type { EngineFacts } from '../engine.js';
import { type Allowance, NotLookedUp, withAllowance } from './allowance.js';
import { detailsQuery, isCommit, type Line, type Past, pastQuery, readDetails, readPast } from './blame.js';
import { ApiRefusal, type GitHub } from './client.js';
import { compare, type GoodRevision, rankCommits, runBefore } from './commit-range.js';
import { at, text } from './json.js';
import type { Run } from './runs.js';
import { seenBefore } from './seen-before.js';
import { resolvePaths } from './source-paths.js';

export interface HistoryQuestion {
  readonly facts: EngineFacts;
  /** The build that the image is from; absent without an image. */
  readonly run?: Run;
  /** 7 to 40 hex digits, from the question. */
  readonly good?: string;
  /** The conversation of the question. */
  readonly number?: number;
  /** Ours. */
  readonly login: () => Promise<string>;
}

/** Additions to the context; `commit` where links belong to another commit than the run's head. */
export type HistoryContext = History & { readonly commit?: string };

const linesAround = 3;
const mostBlamed = 4;
const mostTouched = 4;
/** The contents API sends no more in one piece. */
const mostFileBytes = 1024 * 1024;

interface Located extends SourcePlace {
  readonly path?: string;
}

interface Tree {
  readonly commit: string;
  readonly paths: ReadonlyMap<string, string>;
}

export async function lookUpHistory(github: GitHub, question: HistoryQuestion): Promise<HistoryContext> {
  const { facts, run } = question;
  const hasSource = run !== undefined && facts.files.length > 0;
  if (!hasSource && facts.signatureHash === undefined) return {};
  const { result, notes } = await withAllowance(github, (allowance) => lookUp(allowance, question, github.net.clock.now()));
  return { ...result, ...(notes.length === 0 ? {} : { notLookedUp: notes }) };
}

async function lookUp(allowance: Allowance, question: HistoryQuestion, now: number): Promise<HistoryContext> {
  const { facts, run } = question;
  const [origin, seen = []] = await Promise.all([
    run === undefined || facts.files.length === 0 ? undefined : originOf(allowance, question, run),
    allowance.part('earlier answers', async () => earlier(allowance, question, now)),
  ]);
  const { blame = [], ...rest } = origin ?? {};
  return { ...rest, ...(await detailed(allowance, blame, seen)) };
}

async function earlier(allowance: Allowance, { facts, number, login }: HistoryQuestion, now: number): Promise<readonly SeenBefore[]> {
  const { signatureHash } = facts;
  if (signatureHash === undefined) return [];
  return seenBefore(allowance, { signatureHash, login: await login(), now, ...(number === undefined ? {} : { number }) });
}

async function originOf(allowance: Allowance, { facts, good }: HistoryQuestion, run: Run): Promise<HistoryContext> {
  const named: GoodRevision | undefined =
    good === undefined ? undefined : { revision: good.toLowerCase(), from: say`The revision ${good.slice(0, 12)} is named as good.` };
  const [tree, revision] = await Promise.all([
    allowance.part('source lines', () => treeOf(allowance, facts, run)),
    named ?? allowance.part('commits since the run before', () => runBefore(allowance, run)),
  ]);
  if (tree === undefined) return {};
  const { commit } = tree;
  const places = facts.places.map((place): Located => {
    const path = tree.paths.get(place.file);
    return path === undefined ? place : { ...place, path };
  });
  const known = { commit, sourcePaths: [...tree.paths] };
  const guilty = facts.guilty === undefined ? undefined : places[facts.guilty];
  const lines = blamedLines(places, guilty);
  if (lines.length === 0) {
    await allowance.part('source lines', async () => {
      throw new NotLookedUp(say`no file of the stack is in the repository at ${commit.slice(0, 12)}`);
    });
    return known;
  }
  const blamed = [...new Set(lines.map(({ path }) => path))];
  const touched = [...new Set([guilty?.path, ...places.map(({ path }) => path)])]
    .filter((path) => path !== undefined)
    .slice(0, mostTouched);
  const [source = [], past, compared] = await Promise.all([
    allowance.part('source lines', () => excerpts(allowance, commit, places, guilty)),
    allowance.part(`who changed the line last${revision === undefined ? '' : ' and which commits touch the stack'}`, () =>
      pastOf(allowance, commit, blamed, revision === undefined ? [] : touched),
    ),
    revision === undefined
      ? undefined
      : allowance.part('commits since the good revision', () => compare(allowance, revision.revision, commit)),
  ]);
  const changed = new Set(source.filter(({ check }) => check === 'differs').map(({ path }) => path));
  const blame = past === undefined ? [] : lines.filter(({ path }) => !changed.has(path)).flatMap((line) => blamedLine(past, line, guilty));
  const stack = { places, ...(guilty?.path === undefined ? {} : { guiltyPath: guilty.path }) };
  return {
    ...known,
    ...(source.length === 0 ? {} : { source }),
    ...(blame.length === 0 ? {} : { blame }),
    ...(compared === undefined || revision === undefined || past === undefined
      ? {}
      : { commits: rankCommits(compared, commit, revision.from, stack, past.touching) }),
  };
}

/**
 * A run for a pull request builds a merge commit, which is not the run's head; the log may print it. Where the repository does not
 * have it any more, the head is the next best.
 */
async function treeOf(allowance: Allowance, facts: EngineFacts, run: Run): Promise<Tree> {
  const merge = run.event.startsWith('pull_request') && facts.revision !== run.headSha ? facts.revision : undefined;
  for (const commit of [merge, run.headSha]) {
    if (!isCommit(commit)) continue;
    try {
      const { data } = await allowance.call(({ rest, repository }) =>
        rest.git.getTree({ ...repository, tree_sha: commit, recursive: 'true' }),
      );
      const files = data.tree.flatMap(({ path, type }) => (type === 'blob' && typeof path === 'string' ? [path] : []));
      return { commit, paths: resolvePaths(facts.files, files, !data.truncated) };
    } catch (error) {
      if (commit === run.headSha || !(error instanceof ApiRefusal)) throw error;
    }
  }
  throw new NotLookedUp(say`the run names no commit`);
}

type Blamed = Located & Line;

/** The guilty line, the fault's own, then outwards; each line once. */
function blamedLines(places: readonly Located[], guilty: Located | undefined): readonly Blamed[] {
  const lines = new Map<string, Blamed>();
  for (const place of [...(guilty === undefined ? [] : [guilty]), ...places]) {
    const { path } = place;
    if (path === undefined || lines.size === mostBlamed) continue;
    const key = `${path}:${place.line}`;
    if (!lines.has(key)) lines.set(key, { ...place, path });
  }
  return [...lines.values()];
}

async function pastOf(allowance: Allowance, commit: string, blamed: readonly string[], touched: readonly string[]): Promise<Past> {
  const answer = await allowance.call((github) => {
    const { query, variables } = pastQuery({ ...github.repository, commit }, blamed, touched);
    return github.graphql(query, variables);
  });
  const past = readPast(answer, blamed, touched);
  if (past === undefined) throw new NotLookedUp(say`GitHub's answer does not hold the commit`);
  return past;
}

function blamedLine(past: Past, line: Blamed, guilty: Located | undefined): readonly BlamedLine[] {
  const change = past.lastChange(line);
  if (change === undefined) return [];
  const isGuilty = guilty !== undefined && line.path === guilty.path && line.line === guilty.line;
  return [{ path: line.path, line: line.line, function: line.function, guilty: isGuilty, ...change }];
}

/** Lines round the guilty place, and round the fault itself where that is elsewhere. */
async function excerpts(
  allowance: Allowance,
  commit: string,
  places: readonly Located[],
  guilty: Located | undefined,
): Promise<readonly SourceExcerpt[]> {
  const [fault] = places;
  const wanted: { readonly role: SourceExcerpt['role']; readonly place: Located }[] = [];
  if (guilty !== undefined) wanted.push({ role: 'guilty', place: guilty });
  const isNear = guilty !== undefined && fault?.path === guilty.path && Math.abs(guilty.line - (fault?.line ?? 0)) <= linesAround;
  if (fault !== undefined && fault !== guilty && !isNear) wanted.push({ role: 'fault', place: fault });
  const paths = [...new Set(wanted.flatMap(({ place }) => place.path ?? []))];
  const texts = new Map(await Promise.all(paths.map(async (path) => [path, await contentOf(allowance, commit, path)] as const)));
  return wanted.flatMap(({ role, place }) => {
    const bytes = place.path === undefined ? undefined : texts.get(place.path);
    return place.path === undefined || bytes === undefined ? [] : [excerpt(role, place.path, place, bytes)];
  });
}

async function contentOf(allowance: Allowance, commit: string, path: string): Promise<Uint8Array> {
  const { data } = await allowance.call(({ rest, repository }) => rest.repos.getContent({ ...repository, path, ref: commit }));
  const content = text(at(data, 'content'));
  if (at(data, 'type') !== 'file' || at(data, 'encoding') !== 'base64' || content === undefined || content.length > 2 * mostFileBytes) {
    throw new NotLookedUp(say`GitHub does not send the text of ${path}`);
  }
  return Buffer.from(content, 'base64');
}

function excerpt(role: SourceExcerpt['role'], path: string, { line, checksum }: Located, bytes: Uint8Array): SourceExcerpt {
  const actual = checksum === undefined || !getHashes().includes('md5') ? undefined : createHash('md5').update(bytes).digest('hex');
  const check = actual === undefined ? 'not-verified' : actual === checksum ? 'same' : 'differs';
  const all = new TextDecoder().decode(bytes).split(/\r?\n/);
  if (line > all.length) throw new NotLookedUp(say`${path} has ${all.length} lines, and the fault is said to be in line ${line}`);
  const first = Math.max(1, line - linesAround);
  const lines = check === 'differs' ? [] : all.slice(first - 1, line + linesAround);
  return { role, path, line, first, lines, check };
}

/** Pull requests of the blamed lines and states of the earlier conversations, in one call where either is asked for. */
async function detailed(
  allowance: Allowance,
  blame: readonly BlamedLine[],
  seen: readonly SeenBefore[],
): Promise<Pick<History, 'blame' | 'seenBefore'>> {
  const commits = [...new Set(blame.map(({ commit }) => commit))];
  const issues = seen.slice(0, 3).map(({ issue }) => issue);
  if (commits.length === 0 && issues.length === 0) return {};
  const details = await allowance.part('pull requests and states of issues', async () => {
    return allowance.call(async (github) => {
      const { query, variables } = detailsQuery(github.repository, commits, issues);
      return readDetails(await github.graphql(query, variables), github.repository, commits, issues);
    });
  });
  return {
    ...(blame.length === 0 ? {} : { blame: blame.map((line) => withPullRequest(line, details?.pullRequests.get(line.commit))) }),
    ...(seen.length === 0 ? {} : { seenBefore: seen.map((one) => withState(one, details?.states.get(one.issue))) }),
  };
}

function withPullRequest(line: BlamedLine, pullRequest: number | undefined): BlamedLine {
  return pullRequest === undefined ? line : { ...line, pullRequest };
}

function withState(one: SeenBefore, state: SeenBefore['state']): SeenBefore {
  return state === undefined ? one : { ...one, state };
}
