/**
 * The language of `exists_when` in msr.csv: what it says, and what it is worth for one CPU.
 *
 * In: the text of a condition, and what is known about the CPU. Out: true, false or unknown (Kleene's rules), with every input
 * that was asked for, known or not. Refuses: a text that does not follow the grammar throws `FormatError` (`malformed`).
 *
 *     expr  = and { "||" and }          unary = "!" unary | "(" expr ")" | test
 *     and   = unary { "&&" unary }      test  = value [ relop number ] | word
 */
import { FormatError } from '../bytes/format-error.js';
import type { Sentence } from '../sentence.js';
import type { Truth } from './diagnosis.js';

export type CpuidRegister = 'EAX' | 'EBX' | 'ECX' | 'EDX';

/** Bits `high` down to `low` of a CPUID register or of an MSR. */
export type BitField =
  | {
      readonly kind: 'cpuid';
      readonly leaf: number;
      readonly subleaf: number;
      readonly register: CpuidRegister;
      readonly high: number;
      readonly low: number;
    }
  | { readonly kind: 'msr'; readonly address: number; readonly high: number; readonly low: number };

export type Relation = '==' | '!=' | '>=' | '<=' | '>' | '<';
export type Hypervisor = 'kvm' | 'hyperv' | 'xen';

export type Expression =
  | { readonly kind: 'constant'; readonly worth: Truth; readonly text: string }
  | { readonly kind: 'not'; readonly operand: Expression }
  | { readonly kind: 'and' | 'or'; readonly operands: readonly Expression[] }
  | {
      readonly kind: 'test';
      readonly value: BitField | { readonly kind: 'family' };
      /** Absent: "not zero". */
      readonly compare?: { readonly relation: Relation; readonly number: bigint };
      readonly text: string;
    }
  | { readonly kind: 'vendor'; readonly vendor: 'intel' | 'amd'; readonly text: string }
  | { readonly kind: 'hypervisor'; readonly name: Hypervisor; readonly text: string }
  | {
      readonly kind: 'model';
      /** `model` absent: every model of the family. */
      readonly models: readonly { readonly family: number; readonly model?: number }[];
      readonly text: string;
    }
  | { readonly kind: 'since'; readonly family: number; readonly model: number; readonly text: string };

/** A known value and where it was read. */
export interface Known<T> {
  readonly value: T;
  /** Such as "line 310: RDMSR(0x00000482) = ...". */
  readonly from: Sentence;
  readonly line?: number;
}

/** What is known about one CPU. Every answer is `undefined` where the log does not tell. */
export interface ConditionInputs {
  bits(field: BitField): Known<bigint> | undefined;
  family(): Known<number> | undefined;
  model(): Known<number> | undefined;
  vendor(): Known<'intel' | 'amd'> | undefined;
  hypervisor(name: Hypervisor): Known<boolean> | undefined;
}

/** One input that a condition asked for. */
export interface InputUse {
  /** In the grammar: `MSR[48BH][45]`, `family`. */
  readonly text: string;
  /** Absent: not known. */
  readonly known?: Known<bigint | number | string | boolean>;
  readonly field?: BitField;
}

export interface Evaluation {
  readonly worth: Truth;
  /** In the order of the text, each once. */
  readonly inputs: readonly InputUse[];
}

const where = 'MSR condition';
const token =
  /\|\||&&|!=|==|>=|<=|[!()<>]|CPUID\.[0-9A-F]+H(?:\.[0-9A-F]+)?:E[ABCD]X\[\d+(?::\d+)?\]|MSR\[[0-9A-F]+H\]\[\d+(?::\d+)?\]|model:[0-9A-F_H*,]+|since:[0-9A-F]{2}_[0-9A-F]{2}H|vendor:\w+|hv:\w+|family|always|never|unknown|[0-9][0-9A-F]*H|\d+/y;
const cpuidShape = /^CPUID\.([0-9A-F]+)H(?:\.([0-9A-F]+))?:(E[ABCD]X)\[(\d+)(?::(\d+))?\]$/;
const msrShape = /^MSR\[([0-9A-F]+)H\]\[(\d+)(?::(\d+))?\]$/;
const familyModel = /^([0-9A-F]{2})_(?:([0-9A-F]{2})H|\*)$/;
/** Deepest nesting in the table is 2. */
const maxDepth = 64;

interface Token {
  readonly text: string;
  readonly at: number;
}

export function tokenize(text: string): readonly Token[] {
  const tokens: Token[] = [];
  let at = 0;
  while (at < text.length) {
    if (text[at] === ' ') {
      at += 1;
      continue;
    }
    token.lastIndex = at;
    const match = token.exec(text);
    if (match === null) throw new FormatError('malformed', where, at, `no token at "${text.slice(at, at + 20)}"`);
    tokens.push({ text: match[0], at });
    at += match[0].length;
  }
  return tokens;
}

export function parseCondition(text: string): Expression {
  const tokens = tokenize(text);
  let next = 0;

  const peek = (): string | undefined => tokens[next]?.text;
  const fail = (problem: string): FormatError => new FormatError('malformed', where, tokens[next]?.at ?? text.length, problem);
  const take = (): string => {
    const found = tokens[next];
    if (found === undefined) throw fail('the condition ends too soon');
    next += 1;
    return found.text;
  };

  const chain = (kind: 'and' | 'or', operator: string, operand: (depth: number) => Expression, depth: number): Expression => {
    const first = operand(depth);
    if (peek() !== operator) return first;
    const operands = [first];
    while (peek() === operator) {
      next += 1;
      operands.push(operand(depth));
    }
    return { kind, operands };
  };
  const either = (depth: number): Expression => chain('or', '||', both, depth);
  const both = (depth: number): Expression => chain('and', '&&', unary, depth);
  const unary = (depth: number): Expression => {
    if (depth > maxDepth) throw new FormatError('limit', where, tokens[next]?.at ?? -1, `nested deeper than ${maxDepth}`);
    const text = take();
    if (text === '!') return { kind: 'not', operand: unary(depth + 1) };
    if (text !== '(') return test(text);
    const inner = either(depth + 1);
    if (take() !== ')') {
      next -= 1;
      throw fail('a closing parenthesis is missing');
    }
    return inner;
  };
  const test = (text: string): Expression => {
    const value = text === 'family' ? ({ kind: 'family' } as const) : bitField(text);
    if (value === undefined) return word(text);
    const relation = peek();
    if (!isRelation(relation)) return { kind: 'test', value, text };
    next += 1;
    const number = take();
    return { kind: 'test', value, compare: { relation, number: numberOf(number) }, text };
  };
  const numberOf = (text: string): bigint => {
    if (/^[0-9][0-9A-F]*H$/.test(text)) return BigInt(`0x${text.slice(0, -1)}`);
    if (/^\d+$/.test(text)) return BigInt(text);
    next -= 1;
    throw fail(`"${text}" is no number`);
  };
  const word = (text: string): Expression => {
    const found = wordOf(text);
    if (found !== undefined) return found;
    next -= 1;
    throw fail(`"${text}" is no test`);
  };

  const expression = either(0);
  if (next < tokens.length) throw fail(`"${peek() ?? ''}" stands after the end of the condition`);
  return expression;
}

function isRelation(text: string | undefined): text is Relation {
  return text === '==' || text === '!=' || text === '>=' || text === '<=' || text === '>' || text === '<';
}

function bitField(text: string): BitField | undefined {
  const cpuid = cpuidShape.exec(text);
  if (cpuid !== null) {
    const [, leaf = '', subleaf = '0', register, high = '', low = high] = cpuid;
    return {
      kind: 'cpuid',
      leaf: Number.parseInt(leaf, 16),
      subleaf: Number.parseInt(subleaf, 16),
      register: register as CpuidRegister, // the shape admits these four only
      high: Number(high),
      low: Number(low),
    };
  }
  const msr = msrShape.exec(text);
  if (msr === null) return undefined;
  const [, address = '', high = '', low = high] = msr;
  return { kind: 'msr', address: Number.parseInt(address, 16), high: Number(high), low: Number(low) };
}

function wordOf(text: string): Expression | undefined {
  switch (text) {
    case 'always':
      return { kind: 'constant', worth: 'true', text };
    case 'never':
      return { kind: 'constant', worth: 'false', text };
    case 'unknown':
      return { kind: 'constant', worth: 'unknown', text };
    case 'vendor:intel':
      return { kind: 'vendor', vendor: 'intel', text };
    case 'vendor:amd':
      return { kind: 'vendor', vendor: 'amd', text };
    case 'hv:kvm':
      return { kind: 'hypervisor', name: 'kvm', text };
    case 'hv:hyperv':
      return { kind: 'hypervisor', name: 'hyperv', text };
    case 'hv:xen':
      return { kind: 'hypervisor', name: 'xen', text };
    default:
  }
  if (text.startsWith('since:')) {
    const [family, model] = models(text.slice(6))[0] ?? [];
    return family === undefined || model === undefined ? undefined : { kind: 'since', family, model, text };
  }
  if (!text.startsWith('model:')) return undefined;
  const list = models(text.slice(6));
  if (list.length === 0) return undefined;
  return { kind: 'model', models: list.map(([family, model]) => (model === undefined ? { family } : { family, model })), text };
}

/** Empty where any item is none. */
function models(list: string): (readonly [number, number | undefined])[] {
  const found: (readonly [number, number | undefined])[] = [];
  for (const item of list.split(',')) {
    const match = familyModel.exec(item);
    if (match === null) return [];
    const [, family = '', model] = match;
    found.push([Number.parseInt(family, 16), model === undefined ? undefined : Number.parseInt(model, 16)]);
  }
  return found;
}

export function not(worth: Truth): Truth {
  switch (worth) {
    case 'true':
      return 'false';
    case 'false':
      return 'true';
    case 'unknown':
      return 'unknown';
    default:
      return worth satisfies never;
  }
}

export function evaluate(expression: Expression, inputs: ConditionInputs): Evaluation {
  const used = new Map<string, InputUse>();
  const note = (text: string, known: Known<bigint | number | string | boolean> | undefined, field?: BitField): void => {
    used.set(text, { text, ...(known && { known }), ...(field && { field }) });
  };

  const worthOf = (of: Expression): Truth => {
    switch (of.kind) {
      case 'constant':
        return of.worth;
      case 'not':
        return not(worthOf(of.operand));
      case 'and':
      case 'or': {
        // Every operand is asked, so that every input is listed.
        const worths = of.operands.map(worthOf);
        const decisive = of.kind === 'and' ? 'false' : 'true';
        if (worths.includes(decisive)) return decisive;
        return worths.includes('unknown') ? 'unknown' : not(decisive);
      }
      case 'test': {
        const known = of.value.kind === 'family' ? inputs.family() : inputs.bits(of.value);
        note(of.text, known, of.value.kind === 'family' ? undefined : of.value);
        if (known === undefined) return 'unknown';
        return compare(BigInt(known.value), of.compare) ? 'true' : 'false';
      }
      case 'vendor': {
        const known = inputs.vendor();
        note(of.text, known);
        return known === undefined ? 'unknown' : known.value === of.vendor ? 'true' : 'false';
      }
      case 'hypervisor': {
        const known = inputs.hypervisor(of.name);
        note(of.text, known);
        return known === undefined ? 'unknown' : known.value ? 'true' : 'false';
      }
      case 'model': {
        const family = inputs.family();
        const model = inputs.model();
        note('family', family);
        note('model', model);
        // A missing model proves nothing: the lists are not complete.
        const listed = of.models.some((m) => m.family === family?.value && (m.model === undefined || m.model === model?.value));
        return listed ? 'true' : 'unknown';
      }
      case 'since': {
        const family = inputs.family();
        const model = inputs.model();
        note('family', family);
        note('model', model);
        return isSince(of.family, of.model, family?.value, model?.value) ? 'true' : 'unknown';
      }
      default:
        return of satisfies never;
    }
  };

  const worth = worthOf(expression);
  return { worth, inputs: [...used.values()] };
}

function compare(value: bigint, against: { readonly relation: Relation; readonly number: bigint } | undefined): boolean {
  if (against === undefined) return value !== 0n;
  switch (against.relation) {
    case '==':
      return value === against.number;
    case '!=':
      return value !== against.number;
    case '>=':
      return value >= against.number;
    case '<=':
      return value <= against.number;
    case '>':
      return value > against.number;
    case '<':
      return value < against.number;
    default:
      return against.relation satisfies never;
  }
}

/** "First seen at": a hint, for model numbers are only roughly in order of time. */
function isSince(family: number, model: number, ofFamily: number | undefined, ofModel: number | undefined): boolean {
  if (ofFamily === undefined) return false;
  if (ofFamily > family) return true;
  if (ofModel === undefined) return false;
  if (ofFamily === family) return ofModel >= model;
  return family === 0x0f && ofFamily === 6 && ofModel >= 0x0e;
}
