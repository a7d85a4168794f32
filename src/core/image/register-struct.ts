/**
 * The struct in which a function is handed the registers that its caller saved: `handler(VCPU *vcpu, struct regs *r)`.
 *
 * In: an image, the entry of a function, and the registers looked for. Out: which argument points to the struct, and where in it each register
 * lies. `undefined` where no parameter is such a pointer, where two are, and where the debug information does not say.
 */
import { type LinkAddress, wordSize } from '../addresses.js';
import * as D from '../dwarf/constants.js';
import type { DebugInfo } from '../dwarf/debug-info.js';
import { type CType, type Member, typeAt } from '../dwarf/types.js';
import type { Image } from './image.js';
import { OpenedImage } from './open-image.js';

export interface RegisterStruct {
  /** As declared: `struct regs`. */
  readonly type: string;
  /** Words of arguments before the pointer: registers on amd64, stack words on i386. */
  readonly argument: number;
  /** Byte offset of each register, by lower-case SDM name. */
  readonly offsets: ReadonlyMap<string, number>;
}

/** Structs and unions without a name, one inside the other. */
const NESTING = 4;
/** More members than any CPU has registers. */
const MOST_MEMBERS = 256;

/** @param names full-width names that the struct must all have, as words of the CPU */
export function registerStructOf(image: Image, entry: LinkAddress, names: readonly string[]): RegisterStruct | undefined {
  if (!(image instanceof OpenedImage)) return undefined;
  return image.attempt('register struct', () => {
    const debug = image.debugInfo;
    const die = image.lookup(entry).functions.at(-1)?.die;
    if (debug === undefined || die === undefined || debug.entry(die)?.ranges()[0] !== entry) return undefined;
    const word = wordSize(image.arch);
    const found: RegisterStruct[] = [];
    let argument = 0;
    for (const parameter of parameterTypes(debug, die)) {
      if (parameter.kind === 'pointer') {
        const target = typeAt(debug, parameter.target);
        const offsets = registerOffsets(debug, target, names, word);
        if (offsets !== undefined) found.push({ type: target.name, argument, offsets });
      }
      const words = argumentWords(parameter, word);
      // what lies behind a struct or a floating-point number is passed by rules of its own
      if (words === undefined) break;
      argument += words;
    }
    return found.length === 1 ? found[0] : undefined;
  });
}

/** As declared: a copy may leave some out. */
function parameterTypes(debug: DebugInfo, die: number): CType[] {
  const abstract = debug.entry(die)?.reference(D.DW_AT_abstract_origin);
  const parameters = debug.children(abstract ?? die).filter(({ tag }) => tag === D.DW_TAG_formal_parameter);
  return parameters.map(({ offset }) => typeAt(debug, debug.find(offset, [D.DW_AT_type])?.reference(D.DW_AT_type)));
}

/** Of class INTEGER on amd64 (psABI 3.2.3); whole words of the stack on i386. */
function argumentWords({ kind, size }: CType, word: number): number | undefined {
  const isInteger = kind === 'pointer' || kind === 'integer' || kind === 'boolean' || kind === 'enumeration';
  if (!isInteger || size === 0 || size > 8) return undefined;
  return Math.ceil(size / word);
}

function registerOffsets(debug: DebugInfo, type: CType, names: readonly string[], word: number): Map<string, number> | undefined {
  if (type.kind !== 'struct') return undefined;
  const offsets = new Map<string, number>();
  const budget = { left: MOST_MEMBERS };
  const collect = (members: readonly Member[], base: number, depth: number): boolean => {
    for (const member of members) {
      if (--budget.left < 0) return false;
      const at = base + member.bitOffset;
      const own = typeAt(debug, member.type);
      if (member.name === undefined) {
        if ((own.kind === 'struct' || own.kind === 'union') && (depth >= NESTING || !collect(own.members, at, depth + 1))) return false;
        continue;
      }
      const name = member.name.toLowerCase();
      if (!names.includes(name)) continue;
      // a register twice, or as something that is no word of the CPU: another kind of struct
      const isWord = (own.kind === 'integer' || own.kind === 'pointer') && own.size === word && member.bitSize === undefined;
      if (!isWord || at % 8 !== 0 || offsets.has(name)) return false;
      offsets.set(name, at / 8);
    }
    return true;
  };
  if (!collect(type.members, 0, 0) || offsets.size !== names.length) return undefined;
  return new Set(offsets.values()).size === names.length ? offsets : undefined;
}
