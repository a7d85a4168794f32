/** `report`: a log, and the images if there are any, to the whole report. */
import { closeSync, openSync, readSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { analyze, type ImageInput } from '../core/analyze.js';
import { bytesSource } from '../core/bytes/byte-source.js';
import { readLog } from '../core/log/read-log.js';
import type { Platform } from '../core/platform.js';
import type { Report, ReportContext } from '../core/report/report.js';
import { openFile } from '../platform/file-source.js';
import { createPlatform } from '../platform/node.js';
import { CommandError, type ExitStatus, readText, unreadable } from './command.js';

declare const TOOL_VERSION: string; // set by the build

const formats = ['markdown', 'text', 'json', 'annotated', 'html'] as const;
type Format = (typeof formats)[number];

export async function reportCommand(args: readonly string[], write: (text: string) => void): Promise<ExitStatus> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      log: { type: 'string' },
      image: { type: 'string', multiple: true },
      format: { type: 'string', default: 'text' },
    },
  });
  if (values.log === undefined) throw new CommandError('report: --log FILE is missing; name the serial log, or - for standard input');
  const format = formats.find((known) => known === values.format);
  if (format === undefined) throw new CommandError(`report: no format ${JSON.stringify(values.format)}; one of ${formats.join(', ')}`);
  const platform = createPlatform();
  const inputs = await imageInputs(values.image ?? []);
  const report = analyze(readLog(await readText(values.log)), inputs, platform);
  write(await render(report, format, platform));
  return report.crashes.length === 0 && report.events.length === 0 ? 1 : 0;
}

async function render(report: Report, format: Format, platform: Platform): Promise<string> {
  const context: ReportContext = { tool: TOOL_VERSION, provenance: [], candidates: [], warnings: [] };
  switch (format) {
    case 'json': {
      const { toJson } = await import('../core/report/json.js');
      return `${JSON.stringify(toJson(report, platform), null, 2)}\n`;
    }
    case 'text':
      return (await import('../core/report/text.js')).renderText(report, context);
    case 'markdown':
      return (await import('../core/report/markdown.js')).renderMarkdown(report, context);
    case 'annotated':
      return (await import('../core/report/annotate.js')).annotate(report);
    case 'html':
      return (await import('../core/report/html.js')).renderHtml(report, context);
    default: {
      const never: never = format;
      return never;
    }
  }
}

async function imageInputs(paths: readonly string[]): Promise<ImageInput[]> {
  const inputs: ImageInput[] = [];
  for (const path of paths) {
    try {
      inputs.push(...(isZip(path) ? await imagesOfZip(path) : [{ path, source: openFile(path) }]));
    } catch (error) {
      throw unreadable(path, error);
    }
  }
  return inputs;
}

function isZip(path: string): boolean {
  const descriptor = openSync(path, 'r');
  try {
    const magic = Buffer.alloc(4);
    return readSync(descriptor, magic, 0, 4, 0) === 4 && magic.toString('latin1') === 'PK\x03\x04';
  } finally {
    closeSync(descriptor);
  }
}

async function imagesOfZip(path: string): Promise<ImageInput[]> {
  const { imagesOfLocalZip } = await import('../github/archive.js');
  const { images, hypervisorLength } = await imagesOfLocalZip(path);
  return images.map(({ path: inner, bytes }) => ({
    path: `${path}:${inner}`,
    source: bytesSource(bytes),
    ...(hypervisorLength === undefined ? {} : { hypervisorLength }),
  }));
}
