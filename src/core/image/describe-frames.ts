/** Frames of a walk, given names: the inline chain, lines, arguments and the ELF symbol of each. */
import { type LinkAddress, runtimeAddress, toLink } from '../addresses.js';
import type { CpuCrash } from '../log/crash-log.js';
import type { ReportFrame, ReportFunction } from '../report/report.js';
import type { Backtrace, Frame } from '../unwind/frame.js';
import type { Image } from './image.js';
import type { LoadedImage } from './loaded-image.js';
import type { SourceFunction } from './symbolize.js';
import { type FrameVariables, type ReadMemory, type VariableFrame, variablesAt } from './variables.js';

export function describeFrames(crash: CpuCrash, backtrace: Backtrace, images: readonly LoadedImage[]): ReportFrame[] {
  const known = backtrace.frames.map((frame) => variableFrame(frame, images));
  const memory: ReadMemory = (address, length) => crash.stack.read(address, length);
  // From the outermost on: what a caller passed is then known when its callee asks, however deep a recursion goes.
  return backtrace.frames
    .map((frame, index) => ({ frame, index }))
    .reverse()
    .map(({ frame, index }) => describeFrame(frame, images, index === 0, () => variablesAt(known, index, memory)))
    .reverse();
}

/** `undefined` for a frame outside all images. */
function variableFrame(frame: Frame, images: readonly LoadedImage[]): VariableFrame | undefined {
  const loaded = frame.image === undefined ? undefined : images[frame.image];
  if (loaded === undefined || frame.lookup === undefined) return undefined;
  const resume = frame.address === undefined || frame.synthetic ? undefined : toLink(frame.address.at, loaded.bias);
  return {
    ...loaded,
    lookup: frame.lookup,
    ...(resume === undefined ? {} : { resume }),
    registers: frame.registers,
    ...(frame.cfa === undefined ? {} : { cfa: frame.cfa }),
    isCalled: frame.kind === 'call' && !frame.synthetic,
  };
}

function describeFrame(frame: Frame, images: readonly LoadedImage[], isFault: boolean, variables: () => FrameVariables): ReportFrame {
  const loaded = frame.image === undefined ? undefined : images[frame.image];
  if (loaded === undefined || frame.lookup === undefined) return { frame, functions: [], locals: [] };
  const symbol = symbolOf(frame, loaded);
  if (frame.synthetic) return { frame, functions: tailFunctions(frame, frame.lookup, loaded.image), locals: [], ...symbol };
  const { functions } = loaded.image.lookup(frame.lookup);
  const found = variables();
  return {
    frame,
    functions: functions.map((source, index) => ({
      ...source,
      name: source.declaredName ?? source.name,
      arguments: found.arguments[index] ?? [],
    })),
    locals: isFault ? found.locals : [],
    ...symbol,
  };
}

/**
 * A tail-called frame was left by a jump: what is inlined there, and its line. Where several jumps lead on, only its name is known:
 * what is inlined at its entry says nothing of where it jumped.
 */
function tailFunctions({ jump }: Frame, entry: LinkAddress, image: Image): ReportFunction[] {
  const { functions } = image.lookup(jump ?? entry);
  const known = jump === undefined ? functions.slice(-1).map(withoutLine) : functions;
  return known.map((source) => ({ ...source, name: source.declaredName ?? source.name, arguments: [] }));
}

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
