/** Frames of a walk, given names: the inline chain, lines, arguments and the ELF symbol of each. */
import { runtimeAddress, toLink } from '../addresses.js';
import type { CpuCrash } from '../log/crash-log.js';
import type { ReportFrame } from '../report/report.js';
import type { Backtrace, Frame } from '../unwind/frame.js';
import type { LoadedImage } from './loaded-image.js';
import type { SourceFunction } from './symbolize.js';

export function describeFrames(_crash: CpuCrash, backtrace: Backtrace, images: readonly LoadedImage[]): ReportFrame[] {
  return backtrace.frames.map((frame) => describeFrame(frame, images));
}

function describeFrame(frame: Frame, images: readonly LoadedImage[]): ReportFrame {
  const loaded = frame.image === undefined ? undefined : images[frame.image];
  if (loaded === undefined || frame.lookup === undefined) return { frame, functions: [], locals: [] };
  const { functions } = loaded.image.lookup(frame.lookup);
  return {
    frame,
    functions: (frame.synthetic ? functions.slice(-1).map(withoutLine) : functions).map((source) => ({ ...source, arguments: [] })),
    locals: [],
    ...symbolOf(frame, loaded),
  };
}

/** A tail-called frame is known by its entry alone: what is inlined there, and its line, say nothing of where it jumped. */
function withoutLine({ line: _line, column: _column, ...source }: SourceFunction): SourceFunction {
  return { ...source, inlined: false };
}

/** Symbol and offset of the address as it stands in the log, not of the one that is looked up. */
function symbolOf(frame: Frame, { image, bias }: LoadedImage): Pick<ReportFrame, 'symbol' | 'offset'> {
  if (frame.lookup === undefined) return {};
  const found = image.symbolAt(frame.lookup);
  if (found === undefined) return {};
  if (frame.address === undefined) return { symbol: found.symbol.name, offset: found.offset };
  const shown = toLink(runtimeAddress(frame.address.at), bias);
  return { symbol: found.symbol.name, offset: (shown ?? frame.lookup) - found.symbol.address };
}
