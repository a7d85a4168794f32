/**
 * As much of GraphQL as the action's queries use: one operation with variables, fields with arguments and aliases, inline fragments.
 *
 * In: the text of a query. Out (`parseQuery`): its fields; (`execute`): the answer from a tree of values, functions for fields with
 * arguments. Refuses, by throwing: what it does not know. Whether the fields exist at all is checked in the tests against the schema.
 */

export interface Field {
  readonly name: string;
  readonly alias: string;
  readonly arguments: Readonly<Record<string, Argument>>;
  readonly selections: readonly Selection[];
}

export type Argument = { readonly variable: string } | { readonly literal: number | string };

export type Selection =
  | ({ readonly kind: 'field' } & Field)
  | { readonly kind: 'on'; readonly type: string; readonly selections: readonly Selection[] };

export interface ParsedQuery {
  /** Type by name of the variable. */
  readonly variables: Readonly<Record<string, string>>;
  readonly selections: readonly Selection[];
}

export function parseQuery(text: string): ParsedQuery {
  const tokens = text.match(/\.\.\.|[A-Za-z_]\w*|\$[A-Za-z_]\w*|"[^"\\\n]*"|-?\d+|[{}():![\]]/g) ?? [];
  let at = 0;
  const peek = (): string => tokens[at] ?? '';
  const take = (wanted?: string): string => {
    const token = peek();
    if (token === '' || (wanted !== undefined && token !== wanted)) throw new Error(`Expected ${wanted ?? 'more'}, found ${token}`);
    at += 1;
    return token;
  };
  const argument = (): Argument => {
    const token = take();
    if (token.startsWith('$')) return { variable: token.slice(1) };
    if (token.startsWith('"')) return { literal: token.slice(1, -1) };
    return { literal: Number(token) };
  };
  const selections = (): Selection[] => {
    const found: Selection[] = [];
    take('{');
    while (peek() !== '}') {
      if (peek() === '...') {
        take();
        take('on');
        const type = take();
        found.push({ kind: 'on', type, selections: selections() });
        continue;
      }
      let name = take();
      const alias = name;
      if (peek() === ':') {
        take();
        name = take();
      }
      const given: Record<string, Argument> = {};
      if (peek() === '(') {
        take();
        while (peek() !== ')') {
          const key = take();
          take(':');
          given[key] = argument();
        }
        take();
      }
      found.push({ kind: 'field', name, alias, arguments: given, selections: peek() === '{' ? selections() : [] });
    }
    take('}');
    return found;
  };
  const variables: Record<string, string> = {};
  take('query');
  if (peek() !== '(' && peek() !== '{') take();
  if (peek() === '(') {
    take();
    while (peek() !== ')') {
      const name = take().slice(1);
      take(':');
      let type = '';
      while (peek() !== ')' && !peek().startsWith('$')) type += take();
      variables[name] = type;
    }
    take();
  }
  return { variables, selections: selections() };
}

export type Arguments = Readonly<Record<string, unknown>>;

/** `__typename` tells which inline fragments apply. */
export interface Node {
  readonly [field: string]: unknown;
}

export function execute(selections: readonly Selection[], node: Node, variables: Arguments): Record<string, unknown> {
  const result: Record<string, unknown> = {};
  for (const selection of selections) {
    if (selection.kind === 'on') {
      if (selection.type === node.__typename) Object.assign(result, execute(selection.selections, node, variables));
      continue;
    }
    const given = Object.fromEntries(Object.entries(selection.arguments).map(([name, value]) => [name, argumentOf(value, variables)]));
    const found = node[selection.name];
    result[selection.alias] = complete(typeof found === 'function' ? found(given) : found, selection, variables);
  }
  return result;
}

function argumentOf(argument: Argument, variables: Arguments): unknown {
  return 'variable' in argument ? variables[argument.variable] : argument.literal;
}

function complete(value: unknown, field: Field, variables: Arguments): unknown {
  if (value === undefined || value === null) return null;
  if (Array.isArray(value)) return value.map((one) => complete(one, field, variables));
  // an object of the tree that stands behind a field with selections
  return field.selections.length === 0 ? value : execute(field.selections, value as Node, variables);
}
