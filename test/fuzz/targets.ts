/**
 * What is fuzzed, and what must hold whatever comes in: no error but the typed ones, budgets kept, every frame makes progress,
 * the same answer twice, no report over its length.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { linkAddress } from '../../src/core/addresses.js';
import { analyze } from '../../src/core/analyze.js';
import { bytesSource } from '../../src/core/bytes/byte-source.js';
import { FormatError } from '../../src/core/bytes/format-error.js';
import { openImage } from '../../src/core/image/open-image.js';
import { limits } from '../../src/core/limits.js';
import { readLog } from '../../src/core/log/read-log.js';
import { annotate } from '../../src/core/report/annotate.js';
import { renderHtml } from '../../src/core/report/html.js';
import { toJson } from '../../src/core/report/json.js';
import { renderMarkdown } from '../../src/core/report/markdown.js';
import type { Report } from '../../src/core/report/report.js';
import { renderText } from '../../src/core/report/text.js';
import { memorySource, openArchive } from '../../src/github/archive.js';
import { readCommand } from '../../src/github/command.js';
import { readMarkdownText } from '../../src/github/markdown-text.js';
import { createPlatform } from '../../src/platform/node.js';
import { mutateBytes, mutateText, type Random, sectionSpans } from './mutate.js';

const platform = createPlatform();
const context = { tool: 'fuzz', provenance: [], candidates: [], warnings: [] };

/** A truth that did not hold. */
export class Finding extends Error {
  override readonly name = 'Finding';
}

function hold(truth: boolean, what: string): void {
  if (!truth) throw new Finding(what);
}

function files(folder: string, name: RegExp): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((path) => name.test(path))
    .sort()
    .map((path) => join(folder, path));
}

export interface Corpus {
  readonly logs: readonly { readonly slug: string; readonly text: string; readonly image: Uint8Array }[];
  readonly images: readonly { readonly bytes: Uint8Array; readonly spans: ReturnType<typeof sectionSpans> }[];
  readonly zips: readonly Uint8Array[];
  readonly questions: readonly string[];
}

export function readCorpus(fixtures: string): Corpus {
  const images = new Map<string, Uint8Array>();
  const imageOf = (slug: string): Uint8Array => {
    const known = images.get(slug) ?? new Uint8Array(readFileSync(join(fixtures, 'images', slug, 'image.elf')));
    images.set(slug, known);
    return known;
  };
  const logs = readdirSync(join(fixtures, 'cases'))
    .sort()
    .map((slug) => {
      const { image } = JSON.parse(readFileSync(join(fixtures, 'cases', slug, 'case.json'), 'utf8')) as { image: string }; // the lab's own
      return { slug, text: readFileSync(join(fixtures, 'cases', slug, 'log.txt'), 'latin1'), image: imageOf(image) };
    });
  return {
    logs,
    images: [...images.values()].map((bytes) => ({ bytes, spans: sectionSpans(bytes) })),
    zips: files(fixtures, /\.zip$/).map((path) => new Uint8Array(readFileSync(path))),
    questions: files(join(fixtures, 'questions'), /\.(md|txt)$/).map((path) => readFileSync(path, 'utf8')),
  };
}

function checkReport(report: Report): void {
  for (const { frames, crash } of report.crashes) {
    hold(frames.length <= limits.frames, 'more frames than the budget');
    let slot: bigint | undefined;
    for (const { frame } of frames) {
      if (frame.synthetic || frame.slot === undefined) continue;
      hold(slot === undefined || frame.slot > slot || frame.kind !== 'call', `frame of CPU ${crash.cpu} makes no progress`);
      slot = frame.slot;
    }
  }
  const markdown = renderMarkdown(report, context);
  hold(markdown.length <= 65_536, `comment of ${markdown.length} characters`);
  hold((markdown.match(/^`{3,}/gm) ?? []).length % 2 === 0, 'a fence is not closed');
  hold(renderText(report, context).length > 0, 'empty text');
  hold(renderHtml(report, context).includes('</html>'), 'HTML without an end');
  JSON.stringify(toJson(report, platform));
  annotate(report);
}

function twice(make: () => Report): Report {
  const report = make();
  hold(JSON.stringify(toJson(report, platform)) === JSON.stringify(toJson(make(), platform)), 'two answers to one input');
  return report;
}

export type Target = (corpus: Corpus, by: Random) => void | Promise<void>;

export const targets: Readonly<Record<string, Target>> = {
  log: ({ logs }, by) => {
    const text = mutateText(by.pick(logs).text, by);
    checkReport(twice(() => analyze(readLog(text), [], platform)));
  },
  'log with image': ({ logs }, by) => {
    const { text, image } = by.pick(logs);
    const changed = mutateText(text, by);
    checkReport(analyze(readLog(changed), [{ path: 'runtime.exe', source: bytesSource(image) }], platform));
  },
  'ELF and DWARF': ({ images }, by) => {
    const { bytes, spans } = by.pick(images);
    const { from, to } = by.pick(spans);
    const changed = mutateBytes(bytes, by, from, to);
    try {
      const image = openImage(bytesSource(changed), 'fuzz', platform);
      for (let time = 0; time < 24; time += 1) {
        const { functions } = image.lookup(linkAddress(0x10200000 + by.below(0x8000)));
        hold(functions.length <= limits.inlineDepth + 1, 'an inline chain over its budget');
      }
    } catch (error) {
      if (!(error instanceof FormatError)) throw error;
    }
  },
  'report over a damaged image': ({ logs }, by) => {
    const { text, image } = by.pick(logs);
    const { from, to } = by.pick(sectionSpans(image));
    checkReport(analyze(readLog(text), [{ path: 'runtime.exe', source: bytesSource(mutateBytes(image, by, from, to)) }], platform));
  },
  ZIP: async ({ zips }, by) => {
    if (zips.length === 0) return;
    const changed = mutateBytes(by.pick(zips), by);
    try {
      const archive = await openArchive(memorySource(changed));
      for (const entry of [...archive.entries.values()].slice(0, 4)) {
        const bytes = await archive.read(entry);
        hold(bytes.length === entry.size, 'an entry of another length than the directory says');
      }
    } catch (error) {
      if (!(error instanceof FormatError)) throw error;
    }
  },
  question: ({ questions, logs }, by) => {
    const body = questions.length === 0 ? by.pick(logs).text : by.pick(questions);
    const changed = mutateText(body, by);
    readCommand(changed);
    readMarkdownText(changed);
    readLog(changed);
  },
};
