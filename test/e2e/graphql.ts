/** Queries of GraphQL and their answers against GitHub's published schema (test/openapi/github.graphql; its source stands in it). */
import { readFileSync } from 'node:fs';
import { type Argument, parseQuery, type Selection } from '../../src/demo/stand-in/graphql.js';

interface FieldType {
  readonly arguments: ReadonlyMap<string, string>;
  readonly type: string;
}

const types = new Map<string, Map<string, FieldType>>();
const unions = new Map<string, readonly string[]>();
for (const [, name = '', body = ''] of readFileSync(new URL('../openapi/github.graphql', import.meta.url), 'utf8').matchAll(
  /^type (\w+) \{\n([\s\S]*?)^\}/gm,
)) {
  const fields = new Map<string, FieldType>();
  for (const [, field = '', given = '', type = ''] of body.matchAll(/^ {2}(\w+)(?:\(([^)]*)\))?: (\S+)$/gm)) {
    const list = [...given.matchAll(/(\w+): ([^,\s]+)/g)].map(([, key = '', value = '']): [string, string] => [key, value]);
    fields.set(field, { arguments: new Map(list), type });
  }
  types.set(name, fields);
}
for (const [, name = '', members = ''] of readFileSync(new URL('../openapi/github.graphql', import.meta.url), 'utf8').matchAll(
  /^union (\w+) = (.+)$/gm,
)) {
  unions.set(name, members.split(' | '));
}

const bare = (type: string): string => type.replace(/[[\]!]/g, '');

function argumentProblem(given: Argument, wanted: string, variables: Readonly<Record<string, string>>): boolean {
  if ('variable' in given) return bare(variables[given.variable] ?? '') !== bare(wanted);
  return (typeof given.literal === 'number') !== (bare(wanted) === 'Int');
}

function scalarFits(value: unknown, type: string): boolean {
  switch (type) {
    case 'Int':
      return Number.isInteger(value);
    case 'Boolean':
      return typeof value === 'boolean';
    case 'GitObjectID':
      return typeof value === 'string' && /^[0-9a-f]{40}$/.test(value);
    case 'DateTime':
      return typeof value === 'string' && /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d/.test(value);
    default:
      return typeof value === 'string';
  }
}

/** What a query breaks, and, where an answer is there, what that breaks. */
export function graphqlViolations(body: string, answer: unknown): string[] {
  // what a client sends
  const { query, variables: values } = JSON.parse(body) as { query: string; variables: Record<string, unknown> };
  const { variables, selections } = parseQuery(query);
  const problems = Object.entries(variables).flatMap(([name, type]) =>
    type.endsWith('!') && (values[name] === undefined || values[name] === null) ? [`$${name} has no value`] : [],
  );
  const check = (within: string, chosen: readonly Selection[], value: unknown, where: string): void => {
    for (const selection of chosen) {
      if (selection.kind === 'on') {
        const fits = unions.get(within)?.includes(selection.type) ?? within === selection.type;
        if (!fits || !types.has(selection.type)) problems.push(`${where}: ${within} is never ${selection.type}`);
        // the other members of a union answer nothing here
        const holds = isRecord(value) && selection.selections.some((one) => one.kind === 'field' && one.alias in value);
        check(selection.type, selection.selections, holds ? value : undefined, where);
        continue;
      }
      const field = types.get(within)?.get(selection.name);
      const here = `${where}.${selection.name}`;
      if (field === undefined) {
        problems.push(`${here}: not described`);
        continue;
      }
      for (const [name, given] of Object.entries(selection.arguments)) {
        const wanted = field.arguments.get(name);
        if (wanted === undefined || argumentProblem(given, wanted, variables)) problems.push(`${here}(${name}): not of the schema`);
      }
      for (const [name, wanted] of field.arguments) {
        if (wanted.endsWith('!') && !(name in selection.arguments)) problems.push(`${here}(${name}): is needed`);
      }
      const isObject = types.has(bare(field.type)) || unions.has(bare(field.type));
      if (isObject !== selection.selections.length > 0) problems.push(`${here}: ${isObject ? 'needs' : 'has no'} fields`);
      checkValue(field.type, selection.selections, isRecord(value) ? value[selection.alias] : undefined, here, isRecord(value));
    }
  };
  const checkValue = (type: string, chosen: readonly Selection[], value: unknown, where: string, isAnswered: boolean): void => {
    if (isAnswered && (value === undefined || value === null)) {
      if (value === undefined || type.endsWith('!')) problems.push(`${where}: answered with ${value}`);
    } else if (isAnswered && type.startsWith('[') !== Array.isArray(value)) {
      problems.push(`${where}: is ${type}`);
    } else if (chosen.length === 0) {
      if (isAnswered && !scalarFits(value, bare(type))) problems.push(`${where}: ${JSON.stringify(value)} is no ${type}`);
    }
    if (chosen.length === 0) return;
    const items = Array.isArray(value) && value.length > 0 ? value.slice(0, 20) : [value];
    for (const item of items) check(bare(type), chosen, item, where);
  };
  const data = isRecord(answer) ? answer.data : undefined;
  if (isRecord(answer) && data === undefined) problems.push(`errors: ${JSON.stringify(answer.errors)}`);
  check('Query', selections, data, 'query');
  return [...new Set(problems)];
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
