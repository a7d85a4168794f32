/**
 * C types (DWARF 5 §5): their size, how they are declared, and their members.
 *
 * In: the offset of a type's entry. Out: a `CType`, with typedefs and qualifiers looked through. Refuses nothing: a chain that is damaged or
 * longer than `limits.originDepth` is of kind `unknown`.
 */
import { limits } from '../limits.js';
import * as D from './constants.js';
import type { DebugInfo } from './debug-info.js';
import type { Entry } from './entry.js';

export interface Member {
  /** Absent for an anonymous struct or union. */
  readonly name?: string;
  readonly type: number | undefined;
  /** From the start of the struct. */
  readonly bitOffset: number;
  /** Of a bit field; absent for other members. */
  readonly bitSize?: number;
}

/** `size` in bytes. `name` as declared, typedefs kept. */
export type CType = { readonly name: string; readonly size: number } & (
  | { readonly kind: 'integer'; readonly isSigned: boolean; readonly isCharacter: boolean }
  | { readonly kind: 'boolean' }
  | { readonly kind: 'float' }
  | { readonly kind: 'enumeration'; readonly names: ReadonlyMap<bigint, string>; readonly isSigned: boolean }
  | { readonly kind: 'pointer'; readonly target: number | undefined }
  | { readonly kind: 'array'; readonly element: number | undefined; readonly count: number | undefined }
  | { readonly kind: 'struct' | 'union'; readonly members: readonly Member[] }
  | { readonly kind: 'function' | 'unknown' }
);

const QUALIFIERS: ReadonlyMap<number, string> = new Map([
  [D.DW_TAG_const_type, 'const'],
  [D.DW_TAG_volatile_type, 'volatile'],
  [D.DW_TAG_restrict_type, 'restrict'],
  [D.DW_TAG_atomic_type, '_Atomic'],
]);

/** The type's own entry, behind typedefs and qualifiers. */
function strip(debug: DebugInfo, type: number | undefined): Entry | undefined {
  let entry = type === undefined ? undefined : debug.entry(type);
  for (let depth = 0; entry !== undefined && (entry.tag === D.DW_TAG_typedef || QUALIFIERS.has(entry.tag)); depth++) {
    const next = depth < limits.originDepth ? entry.reference(D.DW_AT_type) : undefined;
    entry = next === undefined ? undefined : debug.entry(next);
  }
  return entry;
}

export function typeAt(debug: DebugInfo, type: number | undefined): CType {
  const name = declaredName(debug, type, '', 0, { left: NAME_ENTRIES });
  const entry = strip(debug, type);
  if (entry === undefined) return { name, size: 0, kind: 'unknown' };
  const size = entry.unsigned(D.DW_AT_byte_size) ?? 0;
  switch (entry.tag) {
    case D.DW_TAG_base_type:
      return baseType(entry, name, size);
    case D.DW_TAG_enumeration_type: {
      const isSigned = typeSign(debug, entry);
      const names = new Map<bigint, string>();
      for (const child of debug.children(entry.offset)) {
        const value = child.tag === D.DW_TAG_enumerator ? child.constant(D.DW_AT_const_value) : undefined;
        const text = value === undefined ? undefined : child.text(D.DW_AT_name);
        if (value !== undefined && text !== undefined) names.set(BigInt.asUintN(size * 8, BigInt(value)), text);
      }
      return { name, size, kind: 'enumeration', names, isSigned };
    }
    case D.DW_TAG_pointer_type:
    case D.DW_TAG_reference_type:
    case D.DW_TAG_rvalue_reference_type:
      return { name, size: size || entry.unit.addressSize, kind: 'pointer', target: entry.reference(D.DW_AT_type) };
    case D.DW_TAG_array_type: {
      const element = entry.reference(D.DW_AT_type);
      const count = elementCount(debug, entry);
      const each = sizeOf(debug, element, 0);
      return { name, size: size || (count ?? 0) * each, kind: 'array', element, count };
    }
    case D.DW_TAG_structure_type:
    case D.DW_TAG_class_type:
      return { name, size, kind: 'struct', members: membersOf(debug, entry) };
    case D.DW_TAG_union_type:
      return { name, size, kind: 'union', members: membersOf(debug, entry) };
    case D.DW_TAG_subroutine_type:
      return { name, size: 0, kind: 'function' };
    default:
      return { name, size, kind: 'unknown' };
  }
}

function baseType(entry: Entry, name: string, size: number): CType {
  switch (entry.unsigned(D.DW_AT_encoding)) {
    case D.DW_ATE_boolean:
      return { name, size, kind: 'boolean' };
    case D.DW_ATE_signed:
      return { name, size, kind: 'integer', isSigned: true, isCharacter: false };
    case D.DW_ATE_signed_char:
      return { name, size, kind: 'integer', isSigned: true, isCharacter: isPlainChar(entry) };
    case D.DW_ATE_unsigned:
    case D.DW_ATE_address:
      return { name, size, kind: 'integer', isSigned: false, isCharacter: false };
    case D.DW_ATE_unsigned_char:
    case D.DW_ATE_UTF:
      return { name, size, kind: 'integer', isSigned: false, isCharacter: isPlainChar(entry) };
    default:
      return { name, size, kind: 'float' };
  }
}

/** `signed char` and `unsigned char` are what u8 is made of: numbers. */
function isPlainChar(entry: Entry): boolean {
  return entry.text(D.DW_AT_name) === 'char';
}

/** Compilers say it on the type below the enumeration, or by negative constants alone. */
function typeSign(debug: DebugInfo, entry: Entry): boolean {
  const under = strip(debug, entry.reference(D.DW_AT_type));
  if (under !== undefined) return under.unsigned(D.DW_AT_encoding) === D.DW_ATE_signed;
  return debug.children(entry.offset).some((child) => Number(child.constant(D.DW_AT_const_value) ?? 0) < 0);
}

/** Product of all dimensions; `undefined` where one is not constant. */
function elementCount(debug: DebugInfo, array: Entry): number | undefined {
  let count = 1;
  for (const child of debug.children(array.offset)) {
    if (child.tag !== D.DW_TAG_subrange_type) continue;
    const one = dimension(child);
    if (one === undefined) return undefined;
    count *= one;
  }
  return count;
}

function dimension(subrange: Entry): number | undefined {
  const isConstant = (attribute: number) =>
    subrange.has(attribute) && subrange.block(attribute) === undefined && !isReference(subrange, attribute);
  if (isConstant(D.DW_AT_count)) return subrange.unsigned(D.DW_AT_count);
  if (!isConstant(D.DW_AT_upper_bound)) return undefined;
  // GCC writes the bound of `[0]` as -1 in the width of the index type.
  const bound = BigInt(subrange.constant(D.DW_AT_upper_bound) ?? -1);
  return bound < 0n || bound >= 1n << 48n || bound === 0xffffffffn ? 0 : Number(bound) + 1;
}

function isReference(entry: Entry, attribute: number): boolean {
  const form = entry.form(attribute) ?? 0;
  return form === D.DW_FORM_ref_addr || (form >= D.DW_FORM_ref1 && form <= D.DW_FORM_ref_udata);
}

function membersOf(debug: DebugInfo, struct: Entry): Member[] {
  const members: Member[] = [];
  for (const child of debug.children(struct.offset)) {
    if (child.tag !== D.DW_TAG_member) continue;
    const name = child.text(D.DW_AT_name);
    const type = child.reference(D.DW_AT_type);
    const bitSize = child.unsigned(D.DW_AT_bit_size);
    const bitOffset = memberBits(debug, child, type, bitSize);
    if (bitOffset === undefined) continue;
    members.push({ type, bitOffset, ...(name === undefined ? {} : { name }), ...(bitSize === undefined ? {} : { bitSize }) });
  }
  return members;
}

const DW_AT_bit_offset = 0x0c;

/** DWARF 5 §5.7.6; before DWARF 4 bit fields count from the most significant bit of their storage. */
function memberBits(debug: DebugInfo, member: Entry, type: number | undefined, bitSize: number | undefined): number | undefined {
  const direct = member.unsigned(D.DW_AT_data_bit_offset);
  if (direct !== undefined) return direct;
  let bytes = 0;
  if (member.has(D.DW_AT_data_member_location)) {
    const block = member.block(D.DW_AT_data_member_location);
    // DWARF 2: DW_OP_plus_uconst
    if (block !== undefined && block[0] !== 0x23) return undefined;
    bytes = block === undefined ? (member.unsigned(D.DW_AT_data_member_location) ?? 0) : ulebAt(block, 1);
  }
  const fromTop = bitSize === undefined ? undefined : member.unsigned(DW_AT_bit_offset);
  if (fromTop === undefined || bitSize === undefined) return bytes * 8;
  const storage = member.unsigned(D.DW_AT_byte_size) ?? sizeOf(debug, type, 0);
  return bytes * 8 + storage * 8 - fromTop - bitSize;
}

function ulebAt(bytes: Uint8Array, from: number): number {
  let value = 0;
  for (let index = from, scale = 1; index < bytes.length && index < from + 5; index++, scale *= 128) {
    value += ((bytes[index] ?? 0) & 0x7f) * scale;
    if ((bytes[index] ?? 0) < 0x80) break;
  }
  return value;
}

/** Bytes of a type; 0 where they are not known. */
export function sizeOf(debug: DebugInfo, type: number | undefined, depth: number): number {
  const entry = strip(debug, type);
  if (entry === undefined || depth > limits.originDepth) return 0;
  const size = entry.unsigned(D.DW_AT_byte_size);
  if (size !== undefined) return size;
  if (entry.tag === D.DW_TAG_pointer_type || entry.tag === D.DW_TAG_reference_type) return entry.unit.addressSize;
  if (entry.tag !== D.DW_TAG_array_type) return 0;
  return (elementCount(debug, entry) ?? 0) * sizeOf(debug, entry.reference(D.DW_AT_type), depth + 1);
}

/** Element type of an array variable's type; `undefined` for another type. */
export function elementOf(debug: DebugInfo, type: number | undefined): number | undefined {
  const entry = strip(debug, type);
  return entry?.tag === D.DW_TAG_array_type ? entry.reference(D.DW_AT_type) : undefined;
}

/** Entries that one declaration may take: function types can name each other without end. */
const NAME_ENTRIES = 64;

/** C declaration without the variable's name: `struct _vcpu *`, `u8 [16]`, `void (*)(int)`. `inner` is what stands in the declarator. */
function declaredName(debug: DebugInfo, type: number | undefined, inner: string, depth: number, budget: { left: number }): string {
  const join = (word: string) => (inner === '' ? word : `${word} ${inner}`);
  const entry = type === undefined ? undefined : debug.entry(type);
  if (entry === undefined) return join('void');
  if (depth > limits.originDepth || --budget.left < 0) return join('...');
  const next = () => (entry.has(D.DW_AT_type) ? entry.reference(D.DW_AT_type) : undefined);
  const named = () => entry.text(D.DW_AT_name);
  switch (entry.tag) {
    case D.DW_TAG_pointer_type:
      return declaredName(debug, next(), needsBrackets(debug, next()) ? `(*${inner})` : `*${inner}`, depth + 1, budget);
    case D.DW_TAG_reference_type:
      return declaredName(debug, next(), `&${inner}`, depth + 1, budget);
    case D.DW_TAG_array_type: {
      const dimensions = debug.children(entry.offset).filter((child) => child.tag === D.DW_TAG_subrange_type);
      const text = dimensions.map((each) => `[${dimension(each) ?? ''}]`).join('');
      return declaredName(debug, next(), inner === '' ? text : `${inner}${text}`, depth + 1, budget);
    }
    case D.DW_TAG_subroutine_type: {
      const parameters = debug.children(entry.offset).filter((child) => child.tag === D.DW_TAG_formal_parameter);
      const words = parameters.map((each) => declaredName(debug, each.reference(D.DW_AT_type), '', depth + 1, budget));
      return declaredName(debug, next(), `${inner}(${words.length === 0 ? 'void' : words.join(', ')})`, depth + 1, budget);
    }
    case D.DW_TAG_structure_type:
      return join(`struct ${named() ?? '{...}'}`);
    case D.DW_TAG_union_type:
      return join(`union ${named() ?? '{...}'}`);
    case D.DW_TAG_enumeration_type:
      return join(`enum ${named() ?? '{...}'}`);
    default: {
      const qualifier = QUALIFIERS.get(entry.tag);
      if (qualifier === undefined) return join(named() ?? '?');
      const under = next();
      const isPointer = under !== undefined && debug.entry(under)?.tag === D.DW_TAG_pointer_type;
      if (isPointer) return declaredName(debug, under, inner === '' ? qualifier : `${qualifier} ${inner}`, depth + 1, budget);
      return `${qualifier} ${declaredName(debug, under, inner, depth + 1, budget)}`;
    }
  }
}

function needsBrackets(debug: DebugInfo, type: number | undefined): boolean {
  const tag = type === undefined ? undefined : debug.entry(type)?.tag;
  return tag === D.DW_TAG_array_type || tag === D.DW_TAG_subroutine_type;
}
