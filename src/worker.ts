/** The thread in which core meets hostile bytes: started by `engine.ts`, answers once, or twice where the first answer is held. */
import { parentPort, workerData } from 'node:worker_threads';
import { analyze } from './core/analyze.js';
import { bytesSource } from './core/bytes/byte-source.js';
import { readLog } from './core/log/read-log.js';
import { annotate } from './core/report/annotate.js';
import { sourceFacts } from './core/report/history.js';
import { toJson } from './core/report/json.js';
import { renderMarkdown, renderSummary } from './core/report/markdown.js';
import type { Report } from './core/report/report.js';
import { isSpecific, markerOf, signatureHash, suspectedMsrOf } from './core/report/signature.js';
import type { EngineInput, EngineOutput } from './engine.js';
import { createPlatform } from './platform/node.js';

type Known = Omit<EngineOutput, 'facts' | 'finish'>;

interface Analysed {
  readonly report: Report;
  readonly known: Known;
}

const platform = createPlatform();

function analysed({ logText, images, hypervisorLength, hasRival }: EngineInput): Analysed {
  const report: Report = analyze(
    readLog(logText),
    images.map(({ path, bytes }, index) => ({
      path,
      source: bytesSource(bytes),
      ...(hypervisorLength === undefined ? {} : { hypervisorLength }),
      ...(index === 0 && hasRival === true ? { hasRival } : {}),
    })),
    platform,
  );
  const [main] = report.images;
  const suspect = suspectedMsrOf(report);
  const known: Known = {
    kind: 'answer',
    ...(main === undefined ? {} : { verdict: main.verdict }),
    ...(main?.codeSha256 === undefined ? {} : { codeSha256: main.codeSha256 }),
    ...(report.signature === undefined ? {} : { signature: report.signature }),
    ...(suspect === undefined ? {} : { suspectedMsr: suspect }),
    evidence: main?.evidence ?? [],
    crashCount: report.crashes.length,
  };
  return { report, known };
}

function rendered({ report, known }: Analysed, question: string | undefined, context: EngineInput['context']): EngineOutput {
  const full = question === undefined ? context : { ...context, marker: markerOf(question, report, platform) };
  return {
    ...known,
    json: JSON.stringify(toJson(report, platform), null, 2),
    markdown: renderMarkdown(report, full),
    summary: renderSummary(report, full),
    annotated: annotate(report),
  };
}

function held({ report, known }: Analysed): EngineOutput {
  const hash = report.signature === undefined || !isSpecific(report) ? {} : { signatureHash: signatureHash(report.signature, platform) };
  return { ...known, facts: { ...sourceFacts(report), ...hash } };
}

function answer(input: EngineInput): void {
  const result = analysed(input);
  if (input.hold === true) {
    // what engine.ts hands in
    parentPort?.once('message', (context: EngineInput['context']) => parentPort?.postMessage(rendered(result, input.question, context)));
    parentPort?.postMessage(held(result));
    return;
  }
  parentPort?.postMessage(input.render ? rendered(result, input.question, input.context) : result.known);
}

answer(workerData as EngineInput); // what engine.ts hands in
