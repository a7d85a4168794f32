/** The thread in which core meets hostile bytes: started by `engine.ts`, answers once. */
import { parentPort, workerData } from 'node:worker_threads';
import { analyze } from './core/analyze.js';
import { bytesSource } from './core/bytes/byte-source.js';
import { readLog } from './core/log/read-log.js';
import { annotate } from './core/report/annotate.js';
import { toJson } from './core/report/json.js';
import { renderMarkdown, renderSummary } from './core/report/markdown.js';
import type { Report } from './core/report/report.js';
import { markerOf, suspectedMsrOf } from './core/report/signature.js';
import type { EngineInput, EngineOutput } from './engine.js';
import { createPlatform } from './platform/node.js';

function answer({ logText, images, hypervisorLength, question, context, render }: EngineInput): EngineOutput {
  const platform = createPlatform();
  const report: Report = analyze(
    readLog(logText),
    images.map(({ path, bytes }) => ({
      path,
      source: bytesSource(bytes),
      ...(hypervisorLength === undefined ? {} : { hypervisorLength }),
    })),
    platform,
  );
  const [main] = report.images;
  const suspect = suspectedMsrOf(report);
  const known = {
    ...(main === undefined ? {} : { verdict: main.verdict }),
    ...(report.signature === undefined ? {} : { signature: report.signature }),
    ...(suspect === undefined ? {} : { suspectedMsr: suspect }),
  };
  const output = { kind: 'answer', ...known, evidence: main?.evidence ?? [], crashCount: report.crashes.length } as const;
  if (!render) return output;
  const full = question === undefined ? context : { ...context, marker: markerOf(question, report, platform) };
  return {
    ...output,
    json: JSON.stringify(toJson(report, platform), null, 2),
    markdown: renderMarkdown(report, full),
    summary: renderSummary(report, full),
    annotated: annotate(report),
  };
}

parentPort?.postMessage(answer(workerData as EngineInput)); // what engine.ts hands in
