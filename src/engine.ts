/**
 * The engine behind a wall: core runs in a worker thread with a memory limit and a kill timer, so that hostile bytes can
 * cost one answer and never the job.
 *
 * In: text and bytes. Out: everything that is rendered from them, or one sentence why not. Refuses: nothing is thrown for
 * hostile input; a fault of ours in the worker comes back as `fault` with its message.
 */
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
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
  /** What the answer replies to, for the marker: `issue=12`, `comment=345`, `review=6`. Absent: no marker. */
  readonly question?: string;
  readonly context: Omit<ReportContext, 'marker'>;
  /** False: only verdict and evidence are worked out, nothing is rendered; for weighing candidates. */
  readonly render: boolean;
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
  readonly signature?: string;
  /** `0x491`. */
  readonly suspectedMsr?: string;
  readonly crashCount: number;
}

export type EngineResult =
  | EngineOutput
  /** `too-complex`: over the time or memory limit. `fault`: our own error. */
  | { readonly kind: 'too-complex' | 'fault'; readonly detail: string };

/** A report of the largest real build takes well under a second; hostile DWARF can ask for ever. */
const wallMilliseconds = 60_000;
/** Typed arrays lie outside this limit; readers count those bytes themselves (`limits.ts`). */
const oldGenerationMegabytes = 1024;

export function runEngine(input: EngineInput, { timeout = wallMilliseconds, memory = oldGenerationMegabytes } = {}): Promise<EngineResult> {
  return new Promise((resolve) => {
    const worker = new Worker(fileURLToPath(new URL('worker.js', import.meta.url)), {
      workerData: input,
      resourceLimits: { maxOldGenerationSizeMb: memory },
      // hostile text must not reach the job's own output
      stdout: true,
      stderr: true,
    });
    const timer = setTimeout(() => settle({ kind: 'too-complex', detail: `it took longer than ${timeout / 1000} s` }), timeout);
    const settle = (result: EngineResult): void => {
      clearTimeout(timer);
      resolve(result);
      worker.terminate();
    };
    worker.once('message', (result: EngineResult) => settle(result));
    worker.once('error', (error: Error & { code?: string }) =>
      settle(
        error.code === 'ERR_WORKER_OUT_OF_MEMORY'
          ? { kind: 'too-complex', detail: `it needed more than ${memory} MB of memory` }
          : { kind: 'fault', detail: error.message },
      ),
    );
    worker.once('exit', (code) => settle({ kind: 'fault', detail: `the worker ended with status ${code} and no answer` }));
  });
}
