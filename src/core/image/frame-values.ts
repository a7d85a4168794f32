/**
 * What a frame of a walk can answer to a location expression: its registers, memory, CFA and frame base, and what its caller passed.
 *
 * In: the frames of a walk, innermost first, and what was dumped. Out: an `ExpressionFrame` for one of them. Refuses nothing: what cannot be
 * known is `undefined`.
 */
import { type LinkAddress, linkAddress, runtimeAddress, wordSize } from '../addresses.js';
import { type CallSiteParameter, callSiteParameters } from '../dwarf/call-sites.js';
import * as D from '../dwarf/constants.js';
import type { DebugInfo, OpenUnit } from '../dwarf/debug-info.js';
import type { Entry } from '../dwarf/entry.js';
import { type ExpressionFrame, evaluateValue, soleRegister } from '../dwarf/expression.js';
import { indexedAddress } from '../dwarf/form.js';
import { dwarfRegisterName } from '../dwarf/frame.js';
import { locationAt } from '../dwarf/location.js';
import { type CallSiteInfo, callSiteAt, callSitesIn } from './call-site-info.js';
import type { Image } from './image.js';
import { OpenedImage } from './open-image.js';
import { constantByte } from './render-value.js';

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

/** As `own`, with registers that the walk does not know taken from the frames that were called; absent for a frame that is in no CALL. */
export function keptRegisters(
  frames: readonly (VariableFrame | undefined)[],
  index: number,
  own: ExpressionFrame,
): ExpressionFrame | undefined {
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

export interface Scope {
  readonly image: OpenedImage;
  readonly debug: DebugInfo;
  readonly open: OpenUnit;
  /** Entry of the subprogram that owns the code. */
  readonly owner: Entry;
}

export function scopeAt(frames: readonly (VariableFrame | undefined)[], index: number): Scope | undefined {
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

export function expressionFrame(
  frames: readonly (VariableFrame | undefined)[],
  index: number,
  memory: ReadMemory,
): ExpressionFrame | undefined {
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

export function sameExpression(one: Uint8Array, other: Uint8Array): boolean {
  const register = soleRegister(one);
  if (register !== undefined && register === soleRegister(other)) return true;
  return one.length === other.length && one.every((byte, index) => byte === other[index]);
}
