/**
 * C code that asks before it reads: the guard for an MSR, made from the rule under which it exists.
 *
 * In: a condition. Out: C with `rdmsr64` and `cpuid_*`. Refuses: rules that name CPU models, a hypervisor, or say nothing give no guard.
 */
import { hex } from '../addresses.js';
import { type BitField, type Expression, parseCondition } from './condition.js';
import type { MsrRow } from './msr-table.js';

/** `undefined` where the rule cannot be asked of the CPU. */
export function guardFor(row: MsrRow, address: number, access: 'read' | 'write'): string | undefined {
  const test = conditionInC(parseCondition(row.existsWhen), 0);
  if (test === undefined) return undefined;
  const use = access === 'read' ? `value = rdmsr64(${hex(address)});` : `wrmsr64(${hex(address)}, value);`;
  return [`/* ${row.name} exists when ${row.existsWhen} */`, `if (${test}) {`, `    ${use}`, '}'].join('\n');
}

function conditionInC(of: Expression, depth: number): string | undefined {
  switch (of.kind) {
    case 'constant':
    case 'hypervisor':
    case 'model':
    case 'since':
    case 'vendor':
      return undefined;
    case 'not': {
      const inner = conditionInC(of.operand, depth + 1);
      return inner === undefined ? undefined : `!${inner}`;
    }
    case 'and':
    case 'or': {
      const parts: string[] = [];
      for (const operand of of.operands) {
        const part = conditionInC(operand, depth + 1);
        if (part === undefined) return undefined;
        parts.push(part);
      }
      const joined = parts.join(of.kind === 'and' ? ' &&\n    ' : ' || ');
      return depth === 0 ? joined : `(${joined})`;
    }
    case 'test': {
      if (of.value.kind === 'family') return undefined;
      const bits = bitsInC(of.value);
      if (of.compare === undefined) return `(${bits})`;
      return `((${bits}) ${of.compare.relation} ${hex(of.compare.number)})`;
    }
    default:
      return of satisfies never;
  }
}

function bitsInC(field: BitField): string {
  const [read, suffix] =
    field.kind === 'msr'
      ? [`rdmsr64(${hex(field.address)})`, 'ULL']
      : [`cpuid_${field.register.toLowerCase()}(${hex(field.leaf)}, ${field.subleaf})`, 'U'];
  if (field.high === field.low) return `(${read} >> ${field.low}) & 1`;
  const mask = (1n << BigInt(field.high - field.low + 1)) - 1n;
  return field.low === 0 ? `${read} & ${hex(mask)}${suffix}` : `(${read} >> ${field.low}) & ${hex(mask)}${suffix}`;
}
