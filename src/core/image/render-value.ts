/**
 * Typed values as short text: `0x491`, `true`, `EXIT_RDMSR`, `0x1024bb60 <g_vcpubuffers>`, `"text"`, `{x = 0x1, y = 0x2}`.
 *
 * In: a type and where the value is. Out: the text, or why there is none. Refuses to follow pointers, but to text.
 */
import { linkAddressOf } from '../addresses.js';
import type { DebugInfo } from '../dwarf/debug-info.js';
import { type Absence, type ExpressionFrame, type Location, readLocation } from '../dwarf/expression.js';
import { type CType, type Member, typeAt } from '../dwarf/types.js';
import type { Image } from './image.js';

export interface ValueContext {
  readonly debug: DebugInfo;
  readonly image: Image;
  readonly bias: bigint;
  readonly frame: ExpressionFrame;
}

export type Rendered = { readonly value: string } | { readonly reason: Absence };

/** Fields of a struct that is shown whole. */
const MOST_FIELDS = 4;
const MOST_STRUCT_BYTES = 32;
const MOST_TEXT = 64;
const MOST_ELEMENTS = 8;

export function renderLocation(context: ValueContext, type: number | undefined, location: Location): Rendered {
  if (location.kind === 'absent') return { reason: location.why };
  return renderPart(context, typeAt(context.debug, type), location, 0, undefined, 0);
}

function renderPart(
  context: ValueContext,
  type: CType,
  location: Location,
  bitOffset: number,
  bitSize: number | undefined,
  depth: number,
): Rendered {
  if (type.kind === 'struct' || type.kind === 'union') return renderStruct(context, type, type.members, location, bitOffset, depth);
  if (type.kind === 'array') return renderArray(context, type, location, bitOffset, depth);
  const bits = bitSize ?? type.size * 8;
  if (bits === 0 || bits > 64) return { reason: 'unsupported' };
  const read = readLocation(location, bitOffset, bits, context.frame);
  return typeof read === 'bigint' ? { value: renderScalar(context, type, read, bits) } : { reason: read };
}

export function renderScalar(context: ValueContext, type: CType, value: bigint, bits: number): string {
  switch (type.kind) {
    case 'boolean':
      return value === 0n ? 'false' : value === 1n ? 'true' : hex(value);
    case 'enumeration':
      return type.names.get(value) ?? hex(type.isSigned ? BigInt.asIntN(bits, value) : value);
    case 'pointer':
      return renderPointer(context, type.target, value);
    case 'integer': {
      const number = type.isSigned ? BigInt.asIntN(bits, value) : value;
      return type.isCharacter && value >= 0x20n && value < 0x7fn ? `${hex(number)} '${String.fromCharCode(Number(value))}'` : hex(number);
    }
    case 'float':
      return renderFloat(value, bits);
    case 'array':
    case 'struct':
    case 'union':
    case 'function':
    case 'unknown':
      return hex(value);
    default: {
      const never: never = type;
      return never;
    }
  }
}

function hex(value: bigint): string {
  return value < 0n ? `-0x${(-value).toString(16)}` : `0x${value.toString(16)}`;
}

function renderFloat(value: bigint, bits: number): string {
  const view = new DataView(new ArrayBuffer(8));
  view.setBigUint64(0, value, true);
  if (bits === 32) return String(view.getFloat32(0, true));
  return bits === 64 ? String(view.getFloat64(0, true)) : hex(value);
}

function renderPointer(context: ValueContext, target: number | undefined, value: bigint): string {
  const text = hex(value);
  if (value === 0n) return text;
  const name = symbolText(context, value);
  if (name !== undefined) return `${text} <${name}>`;
  const to = target === undefined ? undefined : typeAt(context.debug, target);
  if (to?.kind === 'integer' && to.isCharacter) {
    const string = textAt(context, value);
    if (string !== undefined) return `${text} "${string}"`;
  }
  return text;
}

/** `name` or `name+offset` of the object or function that the address lies in. */
export function symbolText({ image, bias }: Pick<ValueContext, 'image' | 'bias'>, address: bigint): string | undefined {
  const link = linkAddressOf(address - bias);
  const found = link === undefined ? undefined : image.symbolAt(link);
  // A label without a size covers what follows it in code, not in data.
  if (found === undefined || found.symbol.name === '') return undefined;
  if (found.symbol.size === 0 && found.offset !== 0 && !image.isCode(found.symbol.address)) return undefined;
  return found.offset === 0 ? found.symbol.name : `${found.symbol.name}+0x${found.offset.toString(16)}`;
}

/** Text in constant data of the image, or in the dump. */
function textAt({ frame, image, bias }: ValueContext, address: bigint): string | undefined {
  const codes: number[] = [];
  for (let index = 0; index < MOST_TEXT; index++) {
    const byte = frame.memory(address + BigInt(index), 1) ?? constantByte(image, address + BigInt(index) - bias);
    if (byte === undefined) return undefined;
    if (byte === 0n) return escapeText(codes);
    codes.push(Number(byte));
  }
  const text = escapeText(codes);
  return text === undefined ? undefined : `${text}...`;
}

export function constantByte(image: Image, link: bigint): bigint | undefined {
  const address = linkAddressOf(link);
  const section = address === undefined ? undefined : image.sectionAt(address);
  if (address === undefined || section === undefined || section.writable) return undefined;
  const byte = image.bytesAt(address, 1)?.[0];
  return byte === undefined ? undefined : BigInt(byte);
}

const ESCAPES: ReadonlyMap<number, string> = new Map([
  [9, '\\t'],
  [10, '\\n'],
  [13, '\\r'],
  [0x22, '\\"'],
  [0x5c, '\\\\'],
]);

/** `undefined` where it is no text. */
function escapeText(codes: readonly number[]): string | undefined {
  let text = '';
  for (const code of codes) {
    const written = ESCAPES.get(code);
    if (written === undefined && (code < 0x20 || code >= 0x7f)) return undefined;
    text += written ?? String.fromCharCode(code);
  }
  return text;
}

function renderStruct(
  context: ValueContext,
  type: CType,
  members: readonly Member[],
  location: Location,
  bitOffset: number,
  depth: number,
): Rendered {
  const isShort =
    members.length > 0 && members.length <= MOST_FIELDS && type.size <= MOST_STRUCT_BYTES && depth === 0 && type.kind === 'struct';
  if (!isShort) return byAddress(location, bitOffset);
  const words: string[] = [];
  let isKnown = false;
  let why: Absence = 'optimized out';
  for (const member of members) {
    const found = renderPart(
      context,
      typeAt(context.debug, member.type),
      location,
      bitOffset + member.bitOffset,
      member.bitSize,
      depth + 1,
    );
    if ('value' in found) isKnown = true;
    else why = found.reason;
    words.push(`${member.name === undefined ? '' : `${member.name} = `}${'value' in found ? found.value : `<${found.reason}>`}`);
  }
  return isKnown ? { value: `{${words.join(', ')}}` } : location.kind === 'memory' ? byAddress(location, bitOffset) : { reason: why };
}

function renderArray(
  context: ValueContext,
  type: CType & { kind: 'array' },
  location: Location,
  bitOffset: number,
  depth: number,
): Rendered {
  const element = typeAt(context.debug, type.element);
  const count = type.count ?? 0;
  const isShown = element.kind === 'integer' && count > 0 && (count <= MOST_ELEMENTS || (element.isCharacter && count <= MOST_TEXT));
  if (!isShown || depth > 1) return byAddress(location, bitOffset);
  const values: bigint[] = [];
  for (let index = 0; index < count; index++) {
    const read = readLocation(location, bitOffset + index * element.size * 8, element.size * 8, context.frame);
    if (typeof read !== 'bigint') return location.kind === 'memory' ? byAddress(location, bitOffset) : { reason: read };
    values.push(read);
  }
  if (element.isCharacter) {
    const end = values.indexOf(0n);
    const text = escapeText((end < 0 ? values : values.slice(0, end)).map(Number));
    if (text !== undefined) return { value: `"${text}"` };
    if (count > MOST_ELEMENTS) return byAddress(location, bitOffset);
  }
  return { value: `{${values.map((value) => renderScalar(context, element, value, element.size * 8)).join(', ')}}` };
}

/** A large object is told by where it is. */
function byAddress(location: Location, bitOffset: number): Rendered {
  if (location.kind !== 'memory') return { reason: location.kind === 'absent' ? location.why : 'optimized out' };
  return { value: `at 0x${(location.address + BigInt(bitOffset >> 3)).toString(16)}` };
}
