/**
 * The engine behind a wall: core runs in a worker thread with a memory limit and a kill timer, so that hostile bytes can
 * cost one answer and never the job.
 *
 * In: text and bytes. Out: everything that is rendered from them, or one sentence why not. Refuses: nothing is thrown for
 * hostile input; a fault of ours in the worker comes back as `fault` with its message.
 */
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import type { SourceFacts } from './core/report/history.js';
import type { MatchEvidence, ReportContext, Verdict } from './core/report/report.js';

export interface EngineImage {
  /** As it stands in the artifact. */
  readonly path: string;
  readonly bytes: Uint8Array;
}

export interface EngineInput {
  readonly logText: string;
  /** The first is the main image. */
  readonly images: readonly EngineImage[];
  /** Length of the gunzipped `hypervisor-x86-*.bin.gz` of the same artifact, where known: ties a build to `un-aligned size`. */
  readonly hypervisorLength?: number;
  /** Another image with other code fits the log as well as the main one, which is therefore `ambiguous`. */
  readonly hasRival?: boolean;
  /** What the answer replies to, for the marker: `issue=12`, `comment=345`, `review=6`. Absent: no marker. */
  readonly question?: string;
  readonly context: Omit<ReportContext, 'marker'>;
  /** False: only verdict and evidence are worked out, nothing is rendered; for weighing candidates. */
  readonly render: boolean;
  /** True: the analysis is kept, so that what must be looked up by its facts can be rendered with it (`finish`). */
  readonly hold?: boolean;
}

/** What the edge needs to look up where a crash comes from. */
export interface EngineFacts extends SourceFacts {
  /** As it stands in the marker; absent without a signature that tells one crash from another. */
  readonly signatureHash?: string;
}

export interface EngineOutput {
  readonly kind: 'answer';
  /** The `report --format json` object, as text. Absent without `render`. */
  readonly json?: string;
  readonly markdown?: string;
  readonly summary?: string;
  readonly annotated?: string;
  /** Of the main image; absent without images. */
  readonly verdict?: Verdict;
  readonly evidence: readonly MatchEvidence[];
  /** Of the main image's code. */
  readonly codeSha256?: string;
  readonly signature?: string;
  /** `0x491`. */
  readonly suspectedMsr?: string;
  readonly crashCount: number;
  /** With `hold`. */
  readonly facts?: EngineFacts;
  /** With `hold`, once: renders the analysis in this context. The worker waits for it without keeping the process alive. */
  readonly finish?: (context: EngineInput['context']) => Promise<EngineResult>;
}

export type EngineResult =
  | EngineOutput
  /** `too-complex`: over the time or memory limit. `fault`: our own error. */
  | { readonly kind: 'too-complex' | 'fault'; readonly detail: string };

/** A report of the largest real build takes well under a second; hostile DWARF can ask for ever. */
const wallMilliseconds = 60_000;
/** Typed arrays lie outside this limit; readers count those bytes themselves (`limits.ts`). */
const oldGenerationMegabytes = 1024;

export interface Wall {
  readonly timeout?: number;
  readonly memory?: number;
  /** The worker's bundle. */
  readonly worker?: URL;
}

export async function runEngine(
  input: EngineInput,
  { timeout = wallMilliseconds, memory = oldGenerationMegabytes, worker: bundle = new URL('worker.js', import.meta.url) }: Wall = {},
): Promise<EngineResult> {
  const worker = new Worker(fileURLToPath(bundle), {
    workerData: input,
    resourceLimits: { maxOldGenerationSizeMb: memory },
    // hostile text must not reach the job's own output
    stdout: true,
    stderr: true,
  });
  let settle: ((result: EngineResult) => void) | undefined;
  let ended: EngineResult | undefined;
  const tell = (result: EngineResult): void => {
    if (result.kind !== 'answer') ended ??= result;
    settle?.(result);
  };
  const next = (): Promise<EngineResult> =>
    new Promise((resolve) => {
      if (ended !== undefined) return resolve(ended);
      const timer = setTimeout(() => tell({ kind: 'too-complex', detail: `it took longer than ${timeout / 1000} s` }), timeout);
      settle = (result) => {
        clearTimeout(timer);
        settle = undefined;
        resolve(result);
      };
    });
  worker.on('message', (result: EngineResult) => tell(result));
  worker.once('error', (error: Error & { code?: string }) =>
    tell(
      error.code === 'ERR_WORKER_OUT_OF_MEMORY'
        ? { kind: 'too-complex', detail: `it needed more than ${memory} MB of memory` }
        : { kind: 'fault', detail: error.message },
    ),
  );
  worker.once('exit', (code) => tell({ kind: 'fault', detail: `the worker ended with status ${code} and no answer` }));
  const first = await next();
  if (first.kind !== 'answer' || input.hold !== true) {
    void worker.terminate();
    return first;
  }
  worker.unref();
  const finish = async (context: EngineInput['context']): Promise<EngineResult> => {
    worker.ref();
    worker.postMessage(context);
    const last = await next();
    void worker.terminate();
    return last;
  };
  return { ...first, finish };
}
