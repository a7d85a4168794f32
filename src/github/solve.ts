/**
 * A `Request` to its answer: the run, the artifact, the engine, and every reason why one of them is missing.
 *
 * In: a request. Out: what to post, write and hand on. Refuses: nothing; a `Problem` on the way to the image becomes a sentence above
 * the report of what the log alone tells.
 */

import { imagesWanted } from '../core/log/images-wanted.js';
import { renderNotice } from '../core/report/markdown.js';
import type { ReportContext, Verdict } from '../core/report/report.js';
import { type Sentence, say } from '../core/sentence.js';
import type { EngineInput, EngineResult } from '../engine.js';
import { type ChosenImages, chooseImages, Expired, eligible, NoneFits } from './artifacts.js';
import { ApiRefusal, type GitHub } from './client.js';
import { ownLogin } from './comments.js';
import type { QuestionKey } from './event.js';
import { lookUpHistory } from './history.js';
import type { ImageCache } from './image-cache.js';
import type { Inputs } from './inputs.js';
import { keyText, marker, waitingMark } from './marker.js';
import { Problem } from './problem.js';
import type { FoundLog, Request } from './request.js';
import { type FoundRun, findNamedRun, findRunOfRevision, runAddress, runsOfCommit } from './runs.js';
import type { HideAddress } from './storage.js';

export interface Solver {
  readonly github: GitHub;
  readonly inputs: Inputs;
  readonly tool: string;
  readonly engine: (input: EngineInput) => Promise<EngineResult>;
  readonly hide: HideAddress;
  /** Absent: everything is loaded. */
  readonly cache?: ImageCache;
  /** Where the question stands and who answers there; absent where there is no question. */
  readonly conversation?: { readonly number: number; readonly login: () => Promise<string> };
}

export interface Solution {
  readonly body: string;
  readonly shortBody: string;
  readonly summary: string;
  readonly json?: string;
  readonly annotated?: string;
  readonly verdict?: Verdict;
  readonly crashCount: number;
  readonly signature?: string;
  readonly suspectedMsr?: string;
  /** Nothing was missing. */
  readonly complete: boolean;
  /** Told as a warning of the step. */
  readonly warnings: readonly Sentence[];
  /** Makes the step fail after the answer is posted. */
  readonly failure?: Problem;
}

interface ImageOutcome {
  readonly found?: FoundRun;
  readonly chosen?: ChosenImages;
  readonly warnings: readonly Sentence[];
  readonly provenance: readonly Sentence[];
  readonly waitingFor?: number;
  readonly failure?: Problem;
  /** Every artifact of the run was built from something else. */
  readonly noneFits: boolean;
}

function forkSentence({ run }: FoundRun): Sentence {
  const from = run.headRepository === undefined ? say`a fork that is deleted` : say`the fork ${run.headRepository}`;
  return say`The image was built from ${from} by run ${run.id}: its names and lines are what that fork says they are.`;
}

/** The run that is named, else the one that built the revision in the log. */
async function findRun({ github }: Solver, request: Request, found: FoundLog, warnings: Sentence[]): Promise<FoundRun> {
  const here = `${github.repository.owner}/${github.repository.repo}`;
  for (const other of request.foreignRuns.slice(0, 3)) warnings.push(say`The run address names ${other}. Only runs of ${here} are read.`);
  const named = await findNamedRun(github, request.runs);
  if (named !== undefined) return named;
  const [first] = request.runs;
  const missing =
    first === undefined
      ? undefined
      : say`The ${[first.kind]} ${first.id} was not found in ${here}, or the token cannot see it. Give the number from the run's address (${'/actions/runs/NUMBER'}); the token needs ${'actions: read'}.`;
  for (const revision of imagesWanted(found.log).revisions.slice(0, 2)) {
    const byRevision = await findRunOfRevision(github, revision);
    if (byRevision === undefined) continue;
    if (missing !== undefined) warnings.push(missing);
    return byRevision;
  }
  throw new Problem(
    'question',
    missing ??
      say`No build run is named, and none was found for the log's revision. Add the address of the run that built the hypervisor, like ${`${runAddress(github, 1234567890)}`}.`,
  );
}

async function imagesOf(solver: Solver, request: Request, found: FoundLog): Promise<ImageOutcome> {
  const { inputs } = solver;
  const warnings: Sentence[] = [];
  const provenance: Sentence[] = [];
  let run: FoundRun | undefined;
  try {
    run = await findRun(solver, request, found, warnings);
    provenance.push(run.how);
    if (run.run.status !== 'completed') {
      warnings.push(
        say`The run ${run.run.id} is still going. This answer is renewed when it has finished, if the workflow also starts on ${'workflow_run'}; else edit the comment then.`,
      );
      return { found: run, warnings, provenance, noneFits: false, waitingFor: run.run.id };
    }
    const chosen = await chooseFrom(solver, request, found, run, warnings, provenance);
    if (chosen.run.run.fork && inputs.forkArtifacts === 'label') warnings.push(forkSentence(chosen.run));
    return { found: chosen.run, chosen: chosen.images, warnings: [...warnings, ...chosen.images.warnings], provenance, noneFits: false };
  } catch (caught) {
    const error =
      caught instanceof ApiRefusal
        ? new Problem(
            'unreachable',
            say`GitHub refused to tell of the run or its artifacts (${caught.status}). Edit the comment to try again.`,
          )
        : caught;
    if (!(error instanceof Problem) || error.kind === 'cancelled' || error.kind === 'input') throw error;
    const failure = error.kind === 'permission' ? { failure: error } : {};
    const noneFits = error instanceof NoneFits;
    return { ...(run === undefined ? {} : { found: run }), warnings: [...warnings, error.sentence], provenance, noneFits, ...failure };
  }
}

/** The artifacts of this run, or, where they have expired, of a sibling run of the same commit. */
async function chooseFrom(
  solver: Solver,
  request: Request,
  found: FoundLog,
  named: FoundRun,
  warnings: Sentence[],
  provenance: Sentence[],
): Promise<{ readonly run: FoundRun; readonly images: ChosenImages }> {
  const { github, inputs } = solver;
  const glob = request.command?.artifact ?? inputs.artifact;
  const image = request.command?.image;
  const images = image === undefined ? inputs.images : [image.includes('/') ? image : `**/${image}`, ...inputs.images.slice(1)];
  const search = {
    log: found.log,
    logText: found.text,
    artifact: glob,
    images,
    weigh: solver.engine,
    hide: solver.hide,
    ...(solver.cache === undefined ? {} : { cache: solver.cache }),
  };
  const refuseFork = ({ run }: FoundRun): void => {
    if (run.fork && inputs.forkArtifacts === 'deny') {
      throw new Problem(
        'question',
        say`The run ${run.id} was built from a fork, and this workflow does not read artifacts of forks (its input ${'fork-artifacts'} is ${'deny'}).`,
      );
    }
  };
  refuseFork(named);
  let run = named;
  let artifacts: Awaited<ReturnType<typeof eligible>>;
  try {
    artifacts = await eligible(github, run, glob);
  } catch (error) {
    if (!(error instanceof Expired)) throw error;
    const sibling = await firstAlive(github, named, glob);
    if (sibling === undefined) throw error;
    refuseFork(sibling.run);
    warnings.push(
      say`The artifacts of the run ${named.run.id} have expired. Those of run ${sibling.run.run.id}, of the same commit, were used.`,
    );
    ({ run, artifacts } = sibling);
  }
  const chosen = await chooseImages(github, artifacts, search);
  provenance.push(
    say`The image ${chosen.images[0]?.path ?? ''} is from the artifact ${chosen.artifact.name} of run ${run.run.id}, attempt ${run.run.attempt}, commit ${run.run.headSha.slice(0, 12)}.`,
  );
  if (chosen.how !== undefined) provenance.push(chosen.how);
  if (run.run.conclusion !== undefined && run.run.conclusion !== 'success') {
    provenance.push(say`The run ended as ${run.run.conclusion}; its artifact was used all the same.`);
  }
  return { run, images: chosen };
}

async function firstAlive(github: GitHub, { run }: FoundRun, glob: string) {
  const siblings = (await runsOfCommit(github, run.headSha)).filter((one) => one.id !== run.id && one.status === 'completed');
  for (const sibling of siblings.slice(0, 3)) {
    const found: FoundRun = { run: sibling, how: say`Run ${sibling.id} built the same commit.` };
    try {
      return { run: found, artifacts: await eligible(github, found, glob) };
    } catch (error) {
      if (!(error instanceof Problem) || error.kind !== 'question') throw error;
    }
  }
  return undefined;
}

const noCrash = say`No crash was found in the text: neither a register dump nor another fatal event. Paste the serial log between lines of three backticks, or attach it as ${'.txt'}.`;
const pictureOnly = say`The log is only there as a picture, which is not read. Paste its text between lines of three backticks, or attach it as ${'.txt'}; the answer then comes by itself.`;

/** An answer of sentences alone. */
export function notice(key: QuestionKey | undefined, sentences: readonly Sentence[], tool: string): Solution {
  const context: ReportContext = { tool, provenance: [], candidates: [], warnings: [] };
  const body = renderNotice(sentences, key === undefined ? context : { ...context, marker: marker(key) });
  return { body, shortBody: body, summary: renderNotice(sentences, context), crashCount: 0, complete: false, warnings: sentences };
}

function contextOf(solver: Solver, outcome: ImageOutcome, request: Request, found: FoundLog): ReportContext {
  const { environment, repository } = solver.github;
  return {
    tool: solver.tool,
    provenance: [found.from, ...outcome.provenance],
    candidates: outcome.chosen?.candidates ?? [],
    warnings: [...outcome.warnings, ...request.problems],
    repositoryUrl: `${environment.serverUrl}/${repository.owner}/${repository.repo}`,
    ...(environment.actionRepository === undefined
      ? {}
      : { toolRepositoryUrl: `${environment.serverUrl}/${environment.actionRepository}` }),
    ...(outcome.chosen !== undefined && outcome.found !== undefined && /^[0-9a-f]{40}$/.test(outcome.found.run.headSha)
      ? { commit: outcome.found.run.headSha }
      : {}),
  };
}

export async function solve(solver: Solver, request: Request, key: QuestionKey | undefined): Promise<Solution> {
  const { found } = request;
  if (found === undefined) return notice(key, [request.why === 'picture' ? pictureOnly : noCrash, ...request.problems], solver.tool);
  const first = await imagesOf(solver, request, found);
  const tried = await analyse(solver, request, found, key, first);
  const wrong = first.noneFits || (tried.result.kind === 'answer' && tried.result.verdict === 'mismatch');
  const other = wrong ? await byRevision(solver, request, found, first) : undefined;
  const better = other === undefined ? undefined : await analyse(solver, request, found, key, other);
  const fits = better?.result.kind === 'answer' && (better.result.verdict === 'match' || better.result.verdict === 'probable');
  return fits && other !== undefined && better !== undefined
    ? solutionOf(solver, request, key, other, await finish(solver, request, other, better))
    : solutionOf(solver, request, key, first, await finish(solver, request, first, tried));
}

/** The image of the named run does not fit: perhaps the run that built the revision in the log has one that does. */
async function byRevision(solver: Solver, request: Request, found: FoundLog, first: ImageOutcome): Promise<ImageOutcome | undefined> {
  if (first.found === undefined || imagesWanted(found.log).revisions.length === 0) return undefined;
  const named = first.found.run.id;
  const other = await imagesOf(solver, { ...request, runs: [], foreignRuns: [] }, found);
  if (other.chosen === undefined || other.found === undefined || other.found.run.id === named) return undefined;
  return {
    ...other,
    warnings: [
      say`The image of the run ${named}, which is named, does not fit this log. Another run has one that does.`,
      ...other.warnings,
    ],
  };
}

/** Held by the engine until `finish`, or an answer that cannot be had. */
interface Analysed {
  readonly result: EngineResult;
  /** The image was given up. */
  readonly extra: readonly Sentence[];
  readonly context: ReportContext;
}

async function analyse(
  solver: Solver,
  request: Request,
  found: FoundLog,
  key: QuestionKey | undefined,
  outcome: ImageOutcome,
): Promise<Analysed> {
  const context = contextOf(solver, outcome, request, found);
  const { chosen } = outcome;
  const input = (images: EngineInput['images']): EngineInput => ({
    logText: found.text,
    images,
    ...(chosen?.tied === true && images.length > 0 ? { hasRival: true } : {}),
    ...(chosen?.hypervisorLength === undefined || images.length === 0 ? {} : { hypervisorLength: chosen.hypervisorLength }),
    ...(key === undefined ? {} : { question: keyText(key) }),
    context,
    render: true,
    hold: true,
  });
  const result = await solver.engine(input(chosen?.images ?? []));
  if (result.kind !== 'too-complex' || chosen === undefined) return { result, extra: [], context };
  const tooComplex = say`The image ${chosen.images[0]?.path ?? ''} is too complex or damaged: ${result.detail}. What follows is from the log alone.`;
  const alone = { ...context, warnings: [tooComplex, ...context.warnings] };
  return { result: await solver.engine({ ...input([]), context: alone }), extra: [tooComplex], context: alone };
}

/** Looks up where the crash comes from, once it is settled which image tells. */
async function finish(solver: Solver, request: Request, outcome: ImageOutcome, analysed: Analysed): Promise<Analysed> {
  const { result, context } = analysed;
  if (result.kind !== 'answer' || result.finish === undefined || result.facts === undefined) return analysed;
  const { github, conversation } = solver;
  const good = request.command?.good;
  const history = await lookUpHistory(github, {
    facts: result.facts,
    ...(outcome.chosen === undefined || outcome.found === undefined ? {} : { run: outcome.found.run }),
    ...(good === undefined ? {} : { good }),
    ...(conversation === undefined ? {} : { number: conversation.number }),
    login: conversation?.login ?? (() => ownLogin(github)),
  });
  return { ...analysed, result: await result.finish({ ...context, ...history }) };
}

function solutionOf(
  solver: Solver,
  request: Request,
  key: QuestionKey | undefined,
  outcome: ImageOutcome,
  { result, extra, context }: Analysed,
): Solution {
  const { chosen } = outcome;
  if (result.kind !== 'answer') {
    if (result.kind === 'fault') throw new Error(result.detail);
    return notice(key, [say`The log is too complex or damaged: ${result.detail}.`, ...context.warnings], solver.tool);
  }
  const warnings = [...extra, ...outcome.warnings, ...request.problems];
  const short = notice(
    key,
    [say`The full answer was refused by GitHub; it stands in the summary of the workflow's run.`, ...warnings],
    solver.tool,
  );
  const { verdict } = result;
  return {
    body: outcome.waitingFor === undefined ? (result.markdown ?? '') : withWaiting(result.markdown ?? '', outcome.waitingFor),
    shortBody: short.body,
    summary: result.summary ?? '',
    ...(result.json === undefined ? {} : { json: result.json }),
    ...(result.annotated === undefined ? {} : { annotated: result.annotated }),
    ...(verdict === undefined ? {} : { verdict }),
    crashCount: result.crashCount,
    ...(result.signature === undefined ? {} : { signature: result.signature }),
    ...(result.suspectedMsr === undefined ? {} : { suspectedMsr: result.suspectedMsr }),
    complete: chosen !== undefined && extra.length === 0 && verdict !== 'mismatch',
    warnings,
    ...(outcome.failure === undefined ? {} : { failure: outcome.failure }),
  };
}

/** After the marker's line: what `workflow_run` looks for. */
function withWaiting(body: string, runId: number): string {
  const end = body.indexOf('\n');
  return end < 0 ? `${body}\n${waitingMark(runId)}\n` : `${body.slice(0, end + 1)}${waitingMark(runId)}\n${body.slice(end + 1)}`;
}
