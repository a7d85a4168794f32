/**
 * Arguments and locals of a frame, with their values as far as registers, the dump and unwound frames tell.
 *
 * In: the frames of a walk, innermost first, and what was dumped. Out: for one frame the arguments of each function of its inline chain
 * and the locals of the innermost. A variable without a value says why; none is left out, none is guessed.
 */
import { type LinkAddress, linkAddress, runtimeAddress, wordSize } from '../addresses.js';
import { FormatError } from '../bytes/format-error.js';
import { type CallSiteParameter, callSiteParameters } from '../dwarf/call-sites.js';
import * as D from '../dwarf/constants.js';
import type { DebugInfo, OpenUnit } from '../dwarf/debug-info.js';
import type { Entry } from '../dwarf/entry.js';
import { type ExpressionFrame, evaluate, evaluateValue, soleRegister } from '../dwarf/expression.js';
import { indexedAddress } from '../dwarf/form.js';
import { dwarfRegisterName } from '../dwarf/frame.js';
import { locationAt } from '../dwarf/location.js';
import { typeAt } from '../dwarf/types.js';
import type { ReportVariable } from '../report/report.js';
import { type CallSiteInfo, callSiteAt, callSitesIn } from './call-site-info.js';
import type { Image } from './image.js';
import { OpenedImage } from './open-image.js';
import { constantByte, type Rendered, renderLocation, renderScalar, type ValueContext } from './render-value.js';

/** What of a walk's frame is needed here. */
export interface VariableFrame {
  readonly image: Image;
  /** Runtime minus link address. */
  readonly bias: bigint;
  /** Link address to look up: minus one for a return address. */
  readonly lookup: LinkAddress;
  /** Link address where the frame goes on; absent for a synthetic frame. */
  readonly resume?: LinkAddress;
  /** Known values in this frame, by lower-case SDM name, its own stack pointer among them. */
  readonly registers: ReadonlyMap<string, bigint>;
  readonly cfa?: bigint;
  /** Entered by CALL from the next frame; false behind a hardware frame, and where the walk could not tell. */
  readonly isCalled: boolean;
}

export interface FrameVariables {
  /** Per function of the inline chain, innermost first, as `Image.lookup` gives it. */
  readonly arguments: readonly (readonly ReportVariable[])[];
  /** Of the innermost function. */
  readonly locals: readonly ReportVariable[];
}

/** Bytes at a runtime address, little endian; `undefined` where any is not known. `length` is 1 to 16. */
export type ReadMemory = (address: bigint, length: number) => bigint | undefined;

/** What has been worked out for one walk: each caller's values are asked for by all that it called. */
interface Known {
  /** Of callers that are asked at this moment. */
  depth: number;
  readonly scopes: Map<number, Scope | undefined>;
  readonly passed: Map<string, bigint | undefined>;
}

/** Callers in a row that are asked for one value. Who goes through a recursion from its outermost frame on never asks more than one. */
const PASSED_DEPTH = 64;

const walks = new WeakMap<readonly (VariableFrame | undefined)[], Known>();

function knownOf(frames: readonly (VariableFrame | undefined)[]): Known {
  let known = walks.get(frames);
  if (known === undefined) {
    known = { depth: 0, scopes: new Map(), passed: new Map() };
    walks.set(frames, known);
  }
  return known;
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

/** As `own`, with registers that the walk does not know taken from the frames that were called; absent for a frame that is in no CALL. */
function keptRegisters(frames: readonly (VariableFrame | undefined)[], index: number, own: ExpressionFrame): ExpressionFrame | undefined {
  const frame = frames[index];
  if (frame?.resume === undefined || frame.resume === frame.lookup) return undefined;
  const { arch } = frame.image;
  return {
    ...own,
    register(register) {
      const known = own.register(register);
      const name = dwarfRegisterName(arch, register);
      for (let inner = index - 1; known === undefined && name !== undefined && inner >= 0; inner--) {
        const callee = frames[inner];
        // A synthetic frame has no registers of its own; one that an exception entered has another's.
        if (callee === undefined || (callee.resume !== undefined && !callee.isCalled)) return undefined;
        const value = callee.registers.get(name);
        if (value !== undefined && callee.resume !== undefined) return value;
      }
      return known;
    },
  };
}

interface Scope {
  readonly image: OpenedImage;
  readonly debug: DebugInfo;
  readonly open: OpenUnit;
  /** Entry of the subprogram that owns the code. */
  readonly owner: Entry;
}

function scopeAt(frames: readonly (VariableFrame | undefined)[], index: number): Scope | undefined {
  const { scopes } = knownOf(frames);
  if (!scopes.has(index)) {
    const frame = frames[index];
    scopes.set(index, frame === undefined ? undefined : scopeOf(frame));
  }
  return scopes.get(index);
}

function scopeOf(frame: VariableFrame): Scope | undefined {
  const { image } = frame;
  if (!(image instanceof OpenedImage)) return undefined;
  const debug = image.debugInfo;
  const open = debug?.unitAt(frame.lookup);
  const die = image.lookup(frame.lookup).functions.at(-1)?.die;
  const owner = debug === undefined || die === undefined ? undefined : debug.entry(die);
  return debug === undefined || open === undefined || owner === undefined ? undefined : { image, debug, open, owner };
}

function expressionFrame(frames: readonly (VariableFrame | undefined)[], index: number, memory: ReadMemory): ExpressionFrame | undefined {
  const frame = frames[index];
  const scope = scopeAt(frames, index);
  if (frame === undefined || scope === undefined) return undefined;
  const { image, debug, open, owner } = scope;
  const { arch } = image;
  let isInFrameBase = false;
  const self: ExpressionFrame = {
    addressSize: wordSize(arch),
    register(register) {
      const name = dwarfRegisterName(arch, register);
      return name === undefined ? undefined : frame.registers.get(name);
    },
    memory: (address, size) => memory(address, size) ?? constantBytes(image, address - frame.bias, size),
    cfa: () => frame.cfa,
    frameBase() {
      // An expression for the frame base that asks for the frame base: damaged.
      if (isInFrameBase) return undefined;
      isInFrameBase = true;
      try {
        const expression = locationAt(owner, D.DW_AT_frame_base, frame.lookup, debug.sections);
        return expression === undefined ? undefined : evaluateValue(expression, self);
      } finally {
        isInFrameBase = false;
      }
    },
    entryValue: (expression) =>
      passedValue(
        frames,
        index,
        memory,
        expression.join(),
        scope,
        ({ location }) => location !== undefined && sameExpression(location, expression),
      ),
    parameterValue(offset) {
      const die = open.unit.offset + offset;
      return passedValue(frames, index, memory, `parameter ${die}`, scope, ({ parameter }) => parameter === die);
    },
    relocate: (link) => runtimeAddress(link + frame.bias) & (arch === 'i386' ? 0xffffffffn : 0xffffffffffffffffn),
    indexedAddress: (place) => BigInt.asUintN(64, BigInt(indexedAddress(open.unit, place, debug.sections))),
    baseType(offset) {
      const entry = debug.entry(open.unit.offset + offset);
      if (entry === undefined || entry.tag !== D.DW_TAG_base_type) return undefined;
      const encoding = entry.unsigned(D.DW_AT_encoding);
      const isSigned = encoding === D.DW_ATE_signed || encoding === D.DW_ATE_signed_char;
      return { size: entry.unsigned(D.DW_AT_byte_size) ?? 0, isSigned, isFloat: encoding === D.DW_ATE_float };
    },
  };
  return self;
}

/** Code and constants do not change: what the image holds there is what the CPU saw. */
function constantBytes(image: Image, link: bigint, size: number): bigint | undefined {
  let value = 0n;
  for (let index = size - 1; index >= 0; index--) {
    const byte = constantByte(image, link + BigInt(index));
    if (byte === undefined) return undefined;
    value = (value << 8n) | byte;
  }
  return value;
}

/**
 * The caller says what it passed (DWARF 5 §3.4.2): the parameter of its call site whose location is the expression asked for,
 * worked out in the frame of the caller, or of the function that jumped here.
 */
function passedValue(
  frames: readonly (VariableFrame | undefined)[],
  index: number,
  memory: ReadMemory,
  what: string,
  scope: Scope,
  isWanted: (parameter: CallSiteParameter) => boolean,
): bigint | undefined {
  const known = knownOf(frames);
  const { passed } = known;
  const key = `${index} ${what}`;
  if (!passed.has(key)) {
    if (known.depth >= PASSED_DEPTH) return undefined;
    known.depth++;
    try {
      // A value that needs itself has none.
      passed.set(key, undefined);
      passed.set(key, fromCaller(frames, index, memory, scope, isWanted));
    } finally {
      known.depth--;
    }
  }
  return passed.get(key);
}

function fromCaller(
  frames: readonly (VariableFrame | undefined)[],
  index: number,
  memory: ReadMemory,
  scope: Scope,
  isWanted: (parameter: CallSiteParameter) => boolean,
): bigint | undefined {
  const callee = frames[index];
  const caller = frames[index + 1];
  const start = scope.owner.ranges()[0];
  // A synthetic frame was called too, though the walk cannot say from where it jumped.
  const isCalled = callee !== undefined && (callee.isCalled || callee.resume === undefined);
  if (caller === undefined || !isCalled || start === undefined || !(caller.image instanceof OpenedImage)) return undefined;
  const site =
    caller.resume === undefined ? tailCallTo(caller, linkAddress(start)) : callTo(caller.image, caller.resume, linkAddress(start));
  const debug = caller.image.debugInfo;
  if (site === undefined || debug === undefined) return undefined;
  const wanted = callSiteParameters(debug, site.die).find(isWanted);
  const frame = wanted === undefined ? undefined : expressionFrame(frames, index + 1, memory);
  if (wanted === undefined || frame === undefined) return undefined;
  // What the expression names is, by its definition, still there behind the call.
  return evaluateValue(wanted.value, keptRegisters(frames, index + 1, frame) ?? frame);
}

/** The call site that returns to the caller, unless it names another function: behind a tail call that one was called, and passed other things on. */
function callTo(image: Image, resume: LinkAddress, start: LinkAddress): CallSiteInfo | undefined {
  const site = callSiteAt(image, resume);
  if (site === undefined || site.isTailCall) return undefined;
  const entries = site.origin?.entries ?? [];
  return entries.length === 0 || entries.includes(start) ? site : undefined;
}

/** The only jump of a synthetic frame's function that leads to `start`. */
function tailCallTo(caller: VariableFrame, start: LinkAddress): CallSiteInfo | undefined {
  const { range } = caller.image.lookup(caller.lookup);
  if (range === undefined) return undefined;
  const sites = callSitesIn(caller.image, range.start, range.end).filter((site) => site.isTailCall && site.origin?.entries.includes(start));
  return sites.length === 1 ? sites[0] : undefined;
}

function sameExpression(one: Uint8Array, other: Uint8Array): boolean {
  const register = soleRegister(one);
  if (register !== undefined && register === soleRegister(other)) return true;
  return one.length === other.length && one.every((byte, index) => byte === other[index]);
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
