/** Exchanges of the stand-in against GitHub's published description (test/openapi/github.json; its source and version stand in it). */
import { readFileSync } from 'node:fs';
import { Ajv, type ValidateFunction } from 'ajv';
import addFormats from 'ajv-formats';
import type { Recorded } from '../../src/demo/stand-in/server.js';
import { graphqlViolations } from './graphql.js';

interface Parameter {
  readonly $ref?: string;
  readonly name: string;
  readonly in: string;
  readonly required?: boolean;
  readonly schema: { readonly type?: string };
}

interface Operation {
  readonly parameters?: readonly Parameter[];
  readonly requestBody?: unknown;
  readonly responses: Readonly<Record<string, { readonly $ref?: string; readonly content?: Readonly<Record<string, unknown>> }>>;
}

interface Description {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
}

// the file is made by scripts/cut-openapi.mjs in this shape
const description = JSON.parse(readFileSync(new URL('../openapi/github.json', import.meta.url), 'utf8')) as Description;
const ajv = new Ajv({ strict: false, allErrors: true });
// the package's own types miss its default export under NodeNext
(addFormats as unknown as (instance: Ajv) => void)(ajv);

/** OpenAPI 3.0 lets `nullable` stand beside `allOf` and its like; ajv only beside `type`. */
function forAjv(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(forAjv);
  if (typeof value !== 'object' || value === null) return value;
  const made = Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, forAjv(inner)]));
  if (made.nullable !== true || 'type' in made) return made;
  const { nullable: _, ...rest } = made;
  return { anyOf: [rest, { enum: [null] }] };
}
ajv.addSchema(forAjv(description) as object, 'github'); // an object in, an object out

const compiled = new Map<string, ValidateFunction>();

function validator(pointer: string): ValidateFunction {
  const known = compiled.get(pointer);
  if (known !== undefined) return known;
  const made = ajv.compile({ $ref: `github#${pointer}` });
  compiled.set(pointer, made);
  return made;
}

const escaped = (part: string): string => encodeURIComponent(part.replaceAll('~', '~0').replaceAll('/', '~1'));

function operationOf(method: string, path: string): { readonly template: string; readonly operation: Operation } | undefined {
  const parts = path.split('/');
  const fits = Object.keys(description.paths).filter((template) => {
    const wanted = template.split('/');
    return wanted.length === parts.length && wanted.every((part, at) => part.startsWith('{') || part === parts[at]);
  });
  // literal parts win over parameters
  const [template] = fits.sort((a, b) => (a.match(/\{/g)?.length ?? 0) - (b.match(/\{/g)?.length ?? 0));
  const operation = template === undefined ? undefined : description.paths[template]?.[method.toLowerCase()];
  return template === undefined || operation === undefined ? undefined : { template, operation };
}

function parameterOf(parameter: Parameter): Parameter {
  if (parameter.$ref === undefined) return parameter;
  const name = parameter.$ref.split('/').at(-1) ?? '';
  return description.components.parameters?.[name] as Parameter; // a reference in the description leads there
}

function errorsOf(validate: ValidateFunction, value: unknown, where: string): string[] {
  return validate(value) ? [] : (validate.errors ?? []).slice(0, 5).map((error) => `${where}${error.instancePath}: ${error.message}`);
}

/** What an exchange breaks; empty where it fits. */
export function violations({ asked, answer }: Recorded): string[] {
  const where = `${asked.method} ${asked.path}`;
  if (asked.path === '/graphql') {
    const body: unknown = answer === undefined ? undefined : JSON.parse(new TextDecoder().decode(answer.body));
    return graphqlViolations(asked.body, body).map((problem) => `${where}: ${problem}`);
  }
  const found = operationOf(asked.method, asked.path);
  if (found === undefined) return [`${where}: not described`];
  const { template, operation } = found;
  const base = `/paths/${escaped(template)}/${asked.method.toLowerCase()}`;
  const problems: string[] = [];
  const parameters = (operation.parameters ?? []).map(parameterOf);
  for (const [name, value] of asked.query) {
    const at = parameters.findIndex((parameter) => parameter.in === 'query' && parameter.name === name);
    const parameter = parameters[at];
    if (parameter === undefined) {
      problems.push(`${where}: no query parameter ${name}`);
      continue;
    }
    const typed = parameter.schema.type === 'integer' ? Number(value) : parameter.schema.type === 'boolean' ? value === 'true' : value;
    const check = ajv.compile(JSON.parse(JSON.stringify(parameter.schema).replaceAll('"#/', '"github#/')));
    problems.push(...errorsOf(check, typed, `${where}?${name}`));
  }
  if (asked.body !== '') {
    if (operation.requestBody === undefined) problems.push(`${where}: takes no body`);
    else
      problems.push(
        ...errorsOf(
          validator(`${base}/requestBody/content/${escaped('application/json')}/schema`),
          JSON.parse(asked.body),
          `${where} body`,
        ),
      );
  }
  if (answer === undefined) return problems;
  const response = operation.responses[String(answer.status)];
  if (response === undefined) return [...problems, `${where}: ${answer.status} is not described`];
  const pointer = response.$ref === undefined ? `${base}/responses/${answer.status}` : response.$ref.slice(1);
  if (response.content?.['application/json'] !== undefined && answer.body.length > 0) {
    const check = validator(`${pointer}/content/${escaped('application/json')}/schema`);
    problems.push(...errorsOf(check, JSON.parse(new TextDecoder().decode(answer.body)), `${where} ${answer.status}`));
  }
  return problems;
}
