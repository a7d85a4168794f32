/**
 * A named run, job or revision to the run of this repository that built the image, and its artifacts.
 *
 * In: mentions, most explicit first, and the revisions that the log prints. Out: one finished `Run` and how it was found.
 * Refuses, as `Problem` of kind `question`: a run that is not there, is still going, or belongs to another repository.
 */
import { type Sentence, say } from '../core/sentence.js';
import { ApiRefusal, type GitHub } from './client.js';
import { Problem } from './problem.js';
import type { RunMention } from './question.js';

export interface Run {
  readonly id: number;
  readonly attempt: number;
  readonly headSha: string;
  readonly branch?: string;
  readonly event: string;
  readonly status: string;
  readonly conclusion?: string;
  readonly createdAt: string;
  /** Built from another repository's commit, or from one that is deleted. */
  readonly fork: boolean;
  readonly headRepository?: string;
}

export interface FoundRun {
  readonly run: Run;
  readonly how: Sentence;
  /** Named by its address. */
  readonly artifactId?: number;
}

type RunAnswer = Awaited<ReturnType<GitHub['rest']['actions']['getWorkflowRun']>>['data'];

function runOf(answer: RunAnswer, github: GitHub): Run {
  const { owner, repo } = github.repository;
  if (answer.repository !== undefined && answer.repository.full_name.toLowerCase() !== `${owner}/${repo}`.toLowerCase()) {
    throw new Problem('question', say`That run belongs to ${answer.repository.full_name}. Only runs of ${`${owner}/${repo}`} are read.`);
  }
  // GitHub sends null where the head repository is deleted, whatever its description says
  const head: { id: number; full_name: string } | null | undefined = answer.head_repository;
  const known = head !== null && head !== undefined;
  return {
    id: answer.id,
    attempt: answer.run_attempt ?? 1,
    headSha: answer.head_sha,
    ...(answer.head_branch ? { branch: answer.head_branch } : {}),
    event: answer.event,
    status: answer.status ?? 'unknown',
    ...(answer.conclusion ? { conclusion: answer.conclusion } : {}),
    createdAt: answer.created_at,
    fork: !known || head.id !== answer.repository?.id,
    ...(known ? { headRepository: head.full_name } : {}),
  };
}

export function runAddress(github: GitHub, runId: number): string {
  const { owner, repo } = github.repository;
  return `${github.environment.serverUrl}/${owner}/${repo}/actions/runs/${runId}`;
}

async function runById(github: GitHub, id: number): Promise<Run | undefined> {
  try {
    const { data } = await github.rest.actions.getWorkflowRun({ ...github.repository, run_id: id });
    return runOf(data, github);
  } catch (error) {
    if (error instanceof ApiRefusal && (error.status === 404 || error.status === 410)) return undefined;
    throw error;
  }
}

async function runOfJob(github: GitHub, jobId: number): Promise<Run | undefined> {
  try {
    const { data } = await github.rest.actions.getJobForWorkflowRun({ ...github.repository, job_id: jobId });
    return await runById(github, data.run_id);
  } catch (error) {
    if (error instanceof ApiRefusal && error.status === 404) return undefined;
    throw error;
  }
}

const told: Record<RunMention['from'], string> = {
  input: "by the workflow's input",
  command: 'by the command',
  key: 'in the text',
  address: 'by its address in the text',
  prose: 'in the text',
  quote: 'in a quoted line',
};

/** Names at most four mentions: each costs a call. */
export async function findNamedRun(github: GitHub, mentions: readonly RunMention[]): Promise<FoundRun | undefined> {
  for (const mention of mentions.slice(0, 4)) {
    const run = mention.kind === 'run' ? await runById(github, mention.id) : await runOfJob(github, mention.id);
    // a number in prose may be a job's, or no run's at all: the next mention may be better
    if (run === undefined) continue;
    return {
      run,
      how: say`The run ${run.id} is named ${[told[mention.from]]}.`,
      ...(mention.artifactId === undefined ? {} : { artifactId: mention.artifactId }),
    };
  }
  return undefined;
}

/** Newest first; ours is left out. */
export async function runsOfCommit(github: GitHub, sha: string): Promise<Run[]> {
  const { data } = await github.rest.actions.listWorkflowRunsForRepo({ ...github.repository, head_sha: sha, per_page: 20 });
  return data.workflow_runs.map((answer) => runOf(answer, github)).filter((run) => run.id !== github.environment.ownRunId);
}

/**
 * The newest finished run of the revision that the log prints, or of a parent of it: a pull request is built at a merge commit that
 * no run bears as its head. At most four calls.
 */
export async function findRunOfRevision(github: GitHub, revision: string): Promise<FoundRun | undefined> {
  const best = (runs: readonly Run[]): Run | undefined =>
    runs.find((run) => run.conclusion === 'success') ?? runs.find((run) => run.status === 'completed') ?? runs[0];
  const direct = best(await runsOfCommit(github, revision));
  if (direct !== undefined) {
    return { run: direct, how: say`No run is named; run ${direct.id} built the revision ${revision.slice(0, 12)} that the log prints.` };
  }
  let parents: readonly string[];
  try {
    const { data } = await github.rest.repos.getCommit({ ...github.repository, ref: revision, per_page: 1 });
    parents = data.parents.map((parent) => parent.sha);
  } catch (error) {
    if (error instanceof ApiRefusal && (error.status === 404 || error.status === 422)) return undefined;
    throw error;
  }
  if (parents.length < 2) return undefined;
  // of a pull request's merge commit the second parent is its head
  for (const parent of [...parents].reverse().slice(0, 2)) {
    const run = best(await runsOfCommit(github, parent));
    if (run !== undefined) {
      return {
        run,
        how: say`No run is named; the log prints the merge commit ${revision.slice(0, 12)}, and run ${run.id} built its parent ${parent.slice(0, 12)}.`,
      };
    }
  }
  return undefined;
}

export interface Artifact {
  readonly id: number;
  readonly name: string;
  readonly size: number;
  readonly expired: boolean;
  readonly expiresAt?: string;
  readonly createdAt?: string;
  /** 64 hex digits: SHA-256 of the whole ZIP. */
  readonly sha256?: string;
}

const pageSize = 100;
const pageLimit = 10;

/** All artifacts of a run, newest first; of equal names (attempts of the same run) only the newest. */
export async function listArtifacts(github: GitHub, runId: number): Promise<Artifact[]> {
  const byId = new Map<number, Artifact>();
  for (let page = 1; page <= pageLimit; page += 1) {
    const { data } = await github.rest.actions
      .listWorkflowRunArtifacts({ ...github.repository, run_id: runId, per_page: pageSize, page })
      .catch((error: unknown) => {
        const gone = error instanceof ApiRefusal && (error.status === 404 || error.status === 410);
        throw gone ? new Problem('question', say`The run ${runId} was deleted. Build the commit again and name that run.`) : error;
      });
    const fresh = data.artifacts.filter((artifact) => !byId.has(artifact.id));
    for (const artifact of fresh) {
      const sha256 = /^sha256:([0-9a-f]{64})$/i.exec(artifact.digest ?? '')?.[1]?.toLowerCase();
      byId.set(artifact.id, {
        id: artifact.id,
        name: artifact.name,
        size: artifact.size_in_bytes,
        expired: artifact.expired,
        ...(artifact.expires_at ? { expiresAt: artifact.expires_at } : {}),
        ...(artifact.created_at ? { createdAt: artifact.created_at } : {}),
        ...(sha256 === undefined ? {} : { sha256 }),
      });
    }
    // the count may lie and a page may repeat: only a full page with something new has a next
    if (data.artifacts.length < pageSize || fresh.length === 0) break;
  }
  const newest = [...byId.values()].sort((a, b) => b.id - a.id);
  return newest.filter((artifact, index) => newest.findIndex((other) => other.name === artifact.name) === index);
}
