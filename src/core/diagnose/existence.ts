/**
 * Whether an MSR exists on the CPU that crashed: each condition of the table, worked out from the log.
 *
 * In: the rows of one address and the CPU's facts. Out: what each manual's condition is worth, with every input shown.
 */
import { hex } from '../addresses.js';
import { type Sentence, say } from '../sentence.js';
import { type BitField, evaluate, type InputUse, parseCondition } from './condition.js';
import type { CpuFacts } from './cpu-facts.js';
import type { Existence, Truth } from './diagnosis.js';
import type { MsrRow } from './msr-table.js';

export interface RowExistence {
  readonly row: MsrRow;
  /** Of the condition that holds. */
  readonly rule: Existence;
  /** Of the second condition that a manual prints. */
  readonly alsoStated?: Existence;
  /** Inputs of the rule that the log does not tell. */
  readonly missing: readonly InputUse[];
  /** Known inputs of the rule that are zero. */
  readonly zero: readonly InputUse[];
}

export function rowExistence(row: MsrRow, facts: CpuFacts): RowExistence {
  const rule = evaluate(parseCondition(row.existsWhen), facts);
  const also = row.alsoStated && evaluate(parseCondition(row.alsoStated.when), facts);
  return {
    row,
    rule: { when: row.existsWhen, source: statedBy(row), worth: rule.worth, because: because(rule.inputs, rule.worth) },
    ...(row.alsoStated &&
      also && {
        alsoStated: {
          when: row.alsoStated.when,
          source: row.alsoStated.source,
          worth: also.worth,
          because: because(also.inputs, also.worth),
        },
      }),
    missing: rule.inputs.filter((input) => input.known === undefined),
    zero: rule.inputs.filter((input) => input.known?.value === 0n),
  };
}

/** Rows that may be meant: those of the CPU's vendor. */
export function rowsOfVendor(rows: readonly MsrRow[], facts: CpuFacts): readonly MsrRow[] {
  const vendor = facts.vendor()?.value;
  return rows.filter((row) => vendor === undefined || row.vendor === 'both' || row.vendor === vendor);
}

function because(inputs: readonly InputUse[], worth: Truth): readonly Sentence[] {
  return inputs.map((input) => {
    if (input.known !== undefined) return say`${input.text} is ${shown(input)}: ${input.known.from}`;
    return worth === 'unknown' ? say`${input.text} is not in the log` : say`${input.text} is not in the log, and does not matter`;
  });
}

function shown(input: InputUse): string {
  const value = input.known?.value;
  if (typeof value === 'number' || (typeof value === 'bigint' && value > 9n)) return hex(value);
  return String(value);
}

/** What a person calls an input: `bit 45 of MSR 0x48b`. */
export function inputName(input: InputUse): Sentence {
  const { field } = input;
  if (field === undefined) return say`${input.text}`;
  return field.kind === 'msr'
    ? say`${[bitsOf(field)]} of MSR ${hex(field.address)}`
    : say`${[bitsOf(field)]} of ${input.text.replace(/\[.*/, '')}`;
}

function bitsOf(field: BitField): string {
  return field.high === field.low ? `bit ${field.high}` : `bits ${field.high}:${field.low}`;
}

const volume = /\bSDM vol ([34])\b/g;

/** The manual behind a row's rule, in short. The rule is never the second statement's. */
function statedBy(row: MsrRow): string {
  const other = row.alsoStated?.source;
  const named = [...row.source.matchAll(volume)].map((match) => `SDM vol ${match[1] ?? ''}`).filter((name) => name !== other);
  const unique = [...new Set(named)].sort();
  if (unique.length > 0) return unique.join(' and ');
  if (other !== undefined && /\bvol 3\b/.test(row.errata)) return 'SDM vol 3';
  return other === undefined ? row.source : row.source.split('; ').slice(1).join('; ') || row.source;
}
