/**
 * A run's artifacts to the image that the log came from.
 *
 * In: a run, what the log says of its build, globs. Out: the images of one candidate, with a row for each that was weighed. Evidence
 * decides; names only say where to look first. Cheapest first: names, then the length of the packed hypervisor, then the image itself.
 * Refuses, as `Problem` of kind `question`: no artifact, none of that name, all expired, none with the image.
 */
import { FormatError } from '../core/bytes/format-error.js';
import type { CrashLog } from '../core/log/crash-log.js';
import { type ImageQuery, imagesWanted } from '../core/log/images-wanted.js';
import type { CandidateRow, MatchEvidence, Verdict } from '../core/report/report.js';
import { type Sentence, say } from '../core/sentence.js';
import type { EngineImage, EngineInput, EngineResult } from '../engine.js';
import type { Archive } from './archive.js';
import type { GitHub } from './client.js';
import { matchesGlob } from './glob.js';
import type { ImageCache } from './image-cache.js';
import { hypervisorLength, type ImageSet, imageSets, readImage } from './image-files.js';
import { type OpenArtifact, openKept, openLoaded } from './open-artifact.js';
import { Problem } from './problem.js';
import { type Artifact, type FoundRun, listArtifacts, runAddress } from './runs.js';
import type { HideAddress } from './storage.js';

export interface ImageSearch {
  readonly log: CrashLog;
  readonly logText: string;
  /** Globs over artifact names and over paths inside. */
  readonly artifact: string;
  readonly images: readonly string[];
  readonly weigh: (input: EngineInput) => Promise<EngineResult>;
  readonly hide: HideAddress;
  readonly cache?: ImageCache;
}

export interface ChosenImages {
  readonly images: readonly EngineImage[];
  readonly hypervisorLength?: number;
  readonly artifact: Artifact;
  readonly candidates: readonly CandidateRow[];
  readonly warnings: readonly Sentence[];
  /** Candidates with other code fit equally: their verdict is `ambiguous`. */
  readonly tied: boolean;
  /** Why this one, where no comparison of images was needed. */
  readonly how?: Sentence;
}

/** One call each; the contract allows 30 in all, and 10 are spent elsewhere. */
const candidateLimit = 20;
const atOnce = 4;
const namesShown = 20;

const hints: Readonly<Record<'i386' | 'amd64', RegExp>> = {
  i386: /(?:^|[^0-9a-z])(?:i[3-6]86|x86(?![_-]?64)|32(?:bit)?|ia32)(?:$|[^0-9a-z])/i,
  amd64: /(?:^|[^0-9a-z])(?:amd64|x86[_-]64|x64|64(?:bit)?)(?:$|[^0-9a-z])/i,
};

/** 0 where the name speaks for the log's width, 1 where it is silent, 2 where it speaks against it. */
export function nameHint(name: string, arch: 'i386' | 'amd64' | undefined): number {
  if (arch === undefined) return 1;
  const says = { i386: hints.i386.test(name), amd64: hints.amd64.test(name) };
  if (says.i386 === says.amd64) return 1;
  return says[arch] ? 0 : 2;
}

function named(artifacts: readonly Artifact[]): Sentence {
  const shown = artifacts.slice(0, namesShown).map((artifact, index) => say`${[index === 0 ? '' : ', ']}${artifact.name}`);
  return [...shown.flat(), ...(artifacts.length > namesShown ? [` and ${artifacts.length - namesShown} more`] : [])];
}

/** The artifacts worth opening. */
export async function eligible(github: GitHub, found: FoundRun, glob: string): Promise<Artifact[]> {
  const { run, artifactId } = found;
  const all = await listArtifacts(github, run.id);
  if (all.length === 0) {
    throw new Problem(
      'question',
      say`The run ${run.id} has no artifacts. Name the run that built the image, or let the build upload its ${'*.exe'} files with ${'actions/upload-artifact'}.`,
    );
  }
  const byAddress = all.filter((artifact) => artifact.id === artifactId);
  const matching = byAddress.length > 0 ? byAddress : all.filter((artifact) => matchesGlob(glob, artifact.name));
  if (matching.length === 0) {
    throw new Problem(
      'question',
      say`No artifact of the run ${run.id} is named like ${glob}. It has ${named(all)}. Name one with ${'/symbolize artifact=NAME'}.`,
    );
  }
  const alive = matching.filter((artifact) => !artifact.expired);
  if (alive.length === 0) throw expired(matching, run.id, runAddress(github, run.id));
  return alive;
}

/** Each artifact is of another build than the log. */
export class NoneFits extends Problem {}

/** Every artifact of that name is past its time; a sibling run of the commit may still have it. */
export class Expired extends Problem {}

function expired(artifacts: readonly Artifact[], runId: number, address: string): Expired {
  const when = artifacts.find((artifact) => artifact.expiresAt !== undefined)?.expiresAt?.slice(0, 10);
  const since = when === undefined ? [] : say` since ${when}`;
  return new Expired(
    'question',
    say`The artifacts of the run ${runId} have expired${since}. Build the same commit again (${'Re-run all jobs'} at ${address}), then edit the comment. A longer ${'retention-days'} in the build keeps them.`,
  );
}

interface Candidate {
  readonly artifact: Artifact;
  readonly archive?: Archive;
  readonly set?: ImageSet;
  readonly main: EngineImage;
  readonly hypervisor?: number;
  readonly label: string;
}

interface Weighed {
  readonly candidate: Candidate | undefined;
  readonly row: Omit<CandidateRow, 'chosen'>;
  readonly codeSha256?: string;
  /** Why nothing could be compared. */
  readonly problem?: Sentence;
}

/** Opens one artifact, from what is kept of it where that is good. */
async function candidatesOf(
  github: GitHub,
  artifact: Artifact,
  search: ImageSearch,
  query: ImageQuery,
  several: boolean,
): Promise<(Candidate | Weighed)[]> {
  const kept = await openKept(github, artifact, search.hide, search.cache);
  if (kept !== undefined) {
    try {
      return await candidatesIn(kept, artifact, search, query, several);
    } catch (error) {
      // what is kept may be at fault: only the artifact itself can be called damaged
      if (!(error instanceof FormatError)) throw error;
    }
  }
  return candidatesIn(await openLoaded(github, artifact, search.hide, search.cache), artifact, search, query, several);
}

async function candidatesIn(
  opened: OpenArtifact,
  artifact: Artifact,
  search: ImageSearch,
  query: ImageQuery,
  several: boolean,
): Promise<(Candidate | Weighed)[]> {
  if (opened.kind === 'image') return [{ artifact, main: { path: artifact.name, bytes: opened.bytes }, label: artifact.name }];
  const { archive } = opened;
  const sets = imageSets(archive, search.images);
  const candidates: (Candidate | Weighed)[] = [];
  for (const set of sets) {
    const label = sets.length === 1 ? artifact.name : `${artifact.name}: ${set.main.path}`;
    const wanted = query.imageLength;
    const length = (several || sets.length > 1) && wanted !== undefined ? await hypervisorLength(archive, set) : undefined;
    if (length !== undefined && wanted !== undefined && length !== wanted) {
      const detail = say`The packed hypervisor is ${length} bytes long, and the log prints ${wanted}.`;
      candidates.push({
        candidate: undefined,
        row: { artifact: label, verdict: 'mismatch', evidence: [{ check: 'image-length', passed: 0, of: 1, detail }] },
      });
      continue;
    }
    const main = await readImage(archive, set.main);
    candidates.push({ artifact, archive, set, main, label, ...(length === undefined ? {} : { hypervisor: length }) });
  }
  return candidates;
}

const ranks: readonly Verdict[] = ['match', 'probable', 'ambiguous', 'unverifiable', 'mismatch'];

function score(evidence: readonly MatchEvidence[]): number {
  return evidence.reduce((sum, { passed, of }) => sum + (of === 0 ? 0 : passed === of ? 1 : -1), 0);
}

/** Better first; 0 for two that the evidence cannot tell apart. */
function compare(a: Weighed, b: Weighed): number {
  return ranks.indexOf(a.row.verdict) - ranks.indexOf(b.row.verdict) || score(b.row.evidence) - score(a.row.evidence);
}

function context(): EngineInput['context'] {
  return { tool: '', provenance: [], candidates: [], warnings: [] };
}

async function weigh(candidate: Candidate, search: ImageSearch): Promise<Weighed> {
  const result = await search.weigh({
    logText: search.logText,
    images: [candidate.main],
    ...(candidate.hypervisor === undefined ? {} : { hypervisorLength: candidate.hypervisor }),
    context: context(),
    render: false,
  });
  if (result.kind !== 'answer') {
    const problem = say`The image of the artifact ${candidate.label} was not read to its end: ${result.detail}.`;
    return { candidate, row: { artifact: candidate.label, verdict: 'unverifiable', evidence: [] }, problem };
  }
  return {
    candidate,
    row: { artifact: candidate.label, verdict: result.verdict ?? 'unverifiable', evidence: result.evidence },
    ...(result.codeSha256 === undefined ? {} : { codeSha256: result.codeSha256 }),
  };
}

async function inWaves<T, R>(items: readonly T[], task: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = [];
  for (let from = 0; from < items.length; from += atOnce) results.push(...(await Promise.all(items.slice(from, from + atOnce).map(task))));
  return results;
}

/** A damaged candidate costs its row, not the answer. */
function damaged(artifact: Artifact, error: unknown): Weighed {
  const told = error instanceof FormatError || (error instanceof Problem && (error.kind === 'question' || error.kind === 'unreachable'));
  if (!told) throw error;
  const problem = say`The artifact ${artifact.name} could not be read: ${error.message}`;
  return { candidate: undefined, row: { artifact: artifact.name, verdict: 'unverifiable', evidence: [] }, problem };
}

/** Where every crash lies inside the runtime that the log names, the loader's images cannot be asked for. */
function needsCompanions(log: CrashLog): boolean {
  const base = log.facts.runtimeBase;
  if (log.crashes.length === 0 || base?.size === undefined) return true;
  const [start, end] = [base.value, base.value + base.size];
  return !log.crashes.every(({ fault }) => fault.pc !== undefined && fault.pc >= start && fault.pc < end);
}

async function finish(
  best: Candidate,
  rows: readonly CandidateRow[],
  search: ImageSearch,
  warnings: readonly Sentence[],
  tied: boolean,
): Promise<ChosenImages> {
  const { archive, set } = best;
  const companions =
    archive === undefined || set === undefined || !needsCompanions(search.log)
      ? []
      : await Promise.all(
          set.companions.map((entry) =>
            readImage(archive, entry).catch((error: unknown) => {
              if (error instanceof FormatError) return undefined;
              throw error;
            }),
          ),
        );
  return {
    images: [best.main, ...companions.filter((image) => image !== undefined)],
    ...(best.hypervisor === undefined ? {} : { hypervisorLength: best.hypervisor }),
    artifact: best.artifact,
    candidates: rows,
    warnings,
    tied,
  };
}

const isWeighed = (one: Candidate | Weighed): one is Weighed => 'row' in one;

export async function chooseImages(github: GitHub, artifacts: readonly Artifact[], search: ImageSearch): Promise<ChosenImages> {
  const query = imagesWanted(search.log);
  const ordered = [...artifacts].sort((a, b) => nameHint(a.name, query.arch) - nameHint(b.name, query.arch) || (a.name < b.name ? -1 : 1));
  const several = ordered.length > 1;
  const weighed: Weighed[] = [];
  let opened = 0;
  for (const hint of [0, 1, 2]) {
    const group = ordered.filter((artifact) => nameHint(artifact.name, query.arch) === hint).slice(0, candidateLimit - opened);
    if (group.length === 0) continue;
    // names against the log's width are looked at only where nothing else fits
    if (weighed.some(({ row }) => row.verdict === 'match' || row.verdict === 'probable')) break;
    opened += group.length;
    const found = (
      await inWaves(group, (artifact) =>
        candidatesOf(github, artifact, search, query, several).catch((error: unknown) => [damaged(artifact, error)]),
      )
    ).flat();
    weighed.push(...found.filter(isWeighed));
    const open = found.filter((one): one is Candidate => !isWeighed(one));
    const [only] = open;
    // nothing to compare with: its verdict comes with the report
    if (ordered.length === 1 && only !== undefined && open.length === 1 && weighed.length === 0) return finish(only, [], search, [], false);
    if (only !== undefined && open.length === 1 && only.hypervisor !== undefined && weighed.every(({ problem }) => problem === undefined)) {
      const how = say`Of the ${found.length} artifacts looked into, only ${only.label} holds a hypervisor of the ${only.hypervisor} bytes that the log prints.`;
      return { ...(await finish(only, [], search, [], false)), how };
    }
    weighed.push(...(await inWaves(open, (candidate) => weigh(candidate, search))));
  }
  const sorted = [...weighed].sort(compare);
  const [best] = sorted.filter(({ candidate }) => candidate !== undefined);
  if (best?.candidate === undefined) throw noImage(sorted, search);
  const equal = sorted.filter((one) => one.candidate !== undefined && compare(one, best) === 0);
  const sameBytes = equal.every(
    ({ candidate }) =>
      candidate !== undefined && Buffer.compare(candidate.main.bytes, best.candidate?.main.bytes ?? new Uint8Array()) === 0,
  );
  const equally = equal.length > 1 && !sameBytes && best.row.verdict !== 'mismatch';
  const sameCode = best.codeSha256 !== undefined && equal.every(({ codeSha256 }) => codeSha256 === best.codeSha256);
  const tied = equally && !sameCode;
  const problems = sorted.flatMap(({ problem }) => (problem === undefined ? [] : [problem]));
  const rows = sorted.map(({ row }, index) => ({
    ...row,
    verdict: tied && index < equal.length ? ('ambiguous' as const) : row.verdict,
    chosen: sorted[index] === best,
  }));
  return finish(best.candidate, rows, search, [...(equally ? [tie(equal, sameCode)] : []), ...problems], tied);
}

function tie(equal: readonly Weighed[], sameCode: boolean): Sentence {
  const names = equal.slice(0, namesShown).map(({ row }, index) => say`${[index === 0 ? '' : ', ']}${row.artifact}`);
  const list: Sentence = names.flat();
  return sameCode
    ? say`These artifacts fit the log equally well: ${list}. Their code is the same, and so is the stack; names and lines below are from the first.`
    : say`These artifacts fit the log equally well: ${list}. The stack below is from the first and may be wrong; name the right one with ${'/symbolize artifact=NAME'}.`;
}

function noImage(weighed: readonly Weighed[], search: ImageSearch): Problem {
  const [unread] = weighed.flatMap(({ problem }) => (problem === undefined ? [] : [problem]));
  if (unread !== undefined) return new Problem('question', say`${unread} Build the commit again, or name another run.`);
  const mismatched = weighed.filter(({ row }) => row.verdict === 'mismatch');
  if (mismatched.length > 0) {
    return new NoneFits(
      'question',
      say`None of the ${mismatched.length} artifacts fits the log: their hypervisors have other lengths than the log prints. Name the run that built the hypervisor of this log.`,
    );
  }
  return new Problem(
    'question',
    say`No file in the artifacts is named like ${search.images[0] ?? ''}. Name it with ${'/symbolize image=NAME'}, or set the input ${'images'} of the workflow.`,
  );
}
