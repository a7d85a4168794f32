/**
 * Arguments and locals of a frame, with their values as far as registers, the dump and unwound frames tell.
 *
 * In: the frames of a walk, innermost first, and what was dumped. Out: for one frame the arguments of each function of its inline chain
 * and the locals of the innermost. A variable without a value says why; none is left out, none is guessed.
 */
import { FormatError } from '../bytes/format-error.js';
import * as D from '../dwarf/constants.js';
import type { Entry } from '../dwarf/entry.js';
import { type ExpressionFrame, evaluate } from '../dwarf/expression.js';
import { locationAt } from '../dwarf/location.js';
import { typeAt } from '../dwarf/types.js';
import type { ReportVariable } from '../report/report.js';
import { expressionFrame, keptRegisters, type ReadMemory, sameExpression, scopeAt, type VariableFrame } from './frame-values.js';
import type { OpenedImage } from './open-image.js';
import { type Rendered, renderLocation, renderScalar, type ValueContext } from './render-value.js';

export type { ReadMemory, VariableFrame } from './frame-values.js';

export interface FrameVariables {
  /** Per function of the inline chain, innermost first, as `Image.lookup` gives it. */
  readonly arguments: readonly (readonly ReportVariable[])[];
  /** Of the innermost function. */
  readonly locals: readonly ReportVariable[];
}

/** @param frames innermost first; `frames[index]` is the one asked for, those behind it are its callers; `undefined` for one outside all images */
export function variablesAt(frames: readonly (VariableFrame | undefined)[], index: number, memory: ReadMemory): FrameVariables {
  const frame = frames[index];
  const found = scopeAt(frames, index);
  if (frame === undefined || found === undefined) return { arguments: [], locals: [] };
  const { image } = found;
  const expressions = expressionFrame(frames, index, memory);
  if (expressions === undefined) return { arguments: [], locals: [] };
  const context: ValueContext = { debug: found.debug, image, bias: frame.bias, frame: expressions };
  const kept = keptRegisters(frames, index, expressions);
  const place: Place = {
    pc: frame.lookup,
    image,
    ...(kept === undefined || frame.resume === undefined ? {} : { after: frame.resume, kept }),
  };
  const { functions } = image.lookup(frame.lookup);
  const parameters = functions.map(({ die }) => (die === undefined ? [] : parametersOf(context, die, place)));
  const innermost = functions[0]?.die;
  const locals = innermost === undefined ? [] : localsOf(context, innermost, place);
  return { arguments: parameters, locals };
}

/** Where the variables of a frame are looked at. */
interface Place {
  readonly pc: number;
  readonly image: OpenedImage;
  /**
   * Behind the CALL that the frame is in, with what registers hold there if the callee leaves them alone. Where the compiler says that a
   * variable is in the same register before and behind, it knows that the callee does (-fipa-ra), whatever the calling convention allows.
   */
  readonly after?: number;
  readonly kept?: ExpressionFrame;
}

/**
 * DW_TAG_formal_parameter of a function or inlined call. An inlined or out-of-line copy may leave out those that it does not need:
 * they stand in the abstract function, in the order of the declaration.
 */
function parametersOf(context: ValueContext, die: number, place: Place): ReportVariable[] {
  const { debug } = context;
  const own = debug.children(die).filter((child) => child.tag === D.DW_TAG_formal_parameter);
  const abstract = debug.entry(die)?.reference(D.DW_AT_abstract_origin);
  if (abstract === undefined) return own.map((entry) => describe(context, entry, place));
  const byOrigin = new Map<number, Entry>();
  const others: Entry[] = [];
  for (const entry of own) {
    const origin = entry.reference(D.DW_AT_abstract_origin);
    if (origin === undefined) others.push(entry);
    else byOrigin.set(origin, entry);
  }
  const declared = debug.children(abstract).filter((child) => child.tag === D.DW_TAG_formal_parameter);
  const known = new Set(declared.map((entry) => entry.offset));
  const extra = own.filter((entry) => !known.has(entry.reference(D.DW_AT_abstract_origin) ?? -1));
  return [...declared.map((entry) => byOrigin.get(entry.offset) ?? entry), ...extra].map((entry) => describe(context, entry, place));
}

/** Variables of the function and of the blocks that hold the pc, outermost first. */
function localsOf(context: ValueContext, die: number, place: Place): ReportVariable[] {
  const { debug } = context;
  const found: ReportVariable[] = [];
  const seen = new Set<number>();
  const blocks = [die];
  const copied = new Set<number>();
  for (let block = blocks.shift(); block !== undefined && seen.size < MOST_BLOCKS; block = blocks.shift()) {
    if (seen.has(block)) continue;
    seen.add(block);
    for (const child of debug.children(block)) {
      if (child.tag === D.DW_TAG_variable) {
        const origin = child.reference(D.DW_AT_abstract_origin);
        if (origin !== undefined) copied.add(origin);
        // A declaration of something outside is no local.
        if (!child.flag(D.DW_AT_declaration)) found.push(describe(context, child, place));
      } else if (child.tag === D.DW_TAG_lexical_block && holds(child, place.pc)) blocks.push(child.offset);
    }
  }
  // Clang leaves out of a copy what it optimized away altogether.
  const abstract = debug.entry(die)?.reference(D.DW_AT_abstract_origin);
  for (const child of abstract === undefined ? [] : debug.children(abstract)) {
    if (child.tag === D.DW_TAG_variable && !copied.has(child.offset)) found.push(describe(context, child, place));
  }
  return found;
}

const MOST_BLOCKS = 256;

function holds(block: Entry, pc: number): boolean {
  const ranges = block.ranges();
  for (let place = 0; place + 1 < ranges.length; place += 2) {
    if ((ranges[place] ?? 0) <= pc && pc < (ranges[place + 1] ?? 0)) return true;
  }
  return false;
}

const NAME = [D.DW_AT_name];
const TYPE = [D.DW_AT_type];
const CONST_VALUE = [D.DW_AT_const_value];

/** One variable; a damaged one has the reason `unsupported`, and the image a gap. */
function describe(context: ValueContext, entry: Entry, place: Place): ReportVariable {
  const { debug } = context;
  const { image } = place;
  const name = image.attempt('variable', () => debug.find(entry.offset, NAME)?.text(D.DW_AT_name)) ?? '';
  const type = image.attempt('variable', () => debug.find(entry.offset, TYPE)?.reference(D.DW_AT_type));
  const typeName = type === undefined ? undefined : image.attempt('type', () => typeAt(debug, type).name);
  const rendered = attemptRender(context, entry, type, place);
  return { name, ...(typeName === undefined ? {} : { type: typeName }), ...rendered };
}

function attemptRender(context: ValueContext, entry: Entry, type: number | undefined, place: Place): Rendered {
  try {
    const constant = context.debug.find(entry.offset, CONST_VALUE);
    if (constant !== undefined && !entry.has(D.DW_AT_location)) return renderConstant(context, constant, type);
    const { sections } = context.debug;
    const expression = locationAt(entry, D.DW_AT_location, place.pc, sections);
    if (expression === undefined) return { reason: 'optimized out' };
    const { after, kept } = place;
    const behind = after === undefined ? undefined : locationAt(entry, D.DW_AT_location, after, sections);
    const isKept = kept !== undefined && behind !== undefined && sameExpression(expression, behind);
    const frame = isKept ? kept : context.frame;
    return renderLocation({ ...context, frame }, type, evaluate(expression, frame));
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    return { reason: 'unsupported' };
  }
}

function renderConstant(context: ValueContext, entry: Entry, type: number | undefined): Rendered {
  const bytes = entry.block(D.DW_AT_const_value);
  if (bytes !== undefined) return renderLocation(context, type, { kind: 'bytes', bytes });
  if (entry.form(D.DW_AT_const_value) === D.DW_FORM_string || entry.form(D.DW_AT_const_value) === D.DW_FORM_strp) {
    return { value: `"${entry.text(D.DW_AT_const_value) ?? ''}"` };
  }
  const value = entry.constant(D.DW_AT_const_value);
  const shape = typeAt(context.debug, type);
  if (value === undefined || shape.size === 0 || shape.size > 8) return { reason: 'unsupported' };
  const bits = shape.size * 8;
  return { value: renderScalar(context, shape, BigInt.asUintN(bits, BigInt(value)), bits) };
}
