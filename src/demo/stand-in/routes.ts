/** The endpoints of GitHub's REST API that the action asks, over the state. Parameters are read as GitHub reads them. */
import { createHash } from 'node:crypto';
import { changeNamed } from './changes.js';
import * as shapes from './shapes.js';
import { compareShape, contentShape, graphqlAnswer, treeShape } from './source-routes.js';
import { addComment, type StandIn, type StandInComment, timeText } from './state.js';

export interface Asked {
  readonly method: string;
  /** Begins with `/`; without the API's own prefix. */
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

export interface Answered {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
}

const json = (status: number, value: unknown, headers: Readonly<Record<string, string>> = {}): Answered => ({
  status,
  headers: { 'content-type': 'application/json; charset=utf-8', ...headers },
  body: new TextEncoder().encode(JSON.stringify(value)),
});
const nothing = (status: number, headers: Readonly<Record<string, string>> = {}): Answered => ({ status, headers, body: new Uint8Array() });
const refused = (status: number, message: string, headers: Readonly<Record<string, string>> = {}): Answered =>
  json(status, { message, documentation_url: 'https://docs.github.com/rest', status: String(status) }, headers);
const notFound = (): Answered => refused(404, 'Not Found');

function page<T>(items: readonly T[], query: URLSearchParams): T[] {
  const size = Math.min(Math.max(Number(query.get('per_page') ?? 30), 1), 100);
  const number = Math.max(Number(query.get('page') ?? 1), 1);
  return items.slice((number - 1) * size, number * size);
}

export interface RouteContext {
  readonly standIn: StandIn;
  readonly origins: shapes.Origins;
  /** Of storage: another origin than the API's. */
  readonly storage: string;
}

/** Numbers of a path in order of their appearance. */
type Handler = (context: RouteContext, asked: Asked, id: number, rest: string) => Answered;

const maximum = 65_536;

function written(context: RouteContext, asked: Asked): string | Answered {
  if (context.standIn.archived) return refused(403, 'Repository was archived so is read-only.');
  let body: unknown;
  try {
    body = JSON.parse(asked.body);
  } catch {
    return refused(400, 'Problems parsing JSON');
  }
  const text = typeof body === 'object' && body !== null && 'body' in body ? body.body : undefined;
  if (typeof text !== 'string' || text === '') return refused(422, 'Validation Failed');
  if (text.length > maximum) return refused(422, 'Validation Failed: Body is too long (maximum is 65536 characters)');
  return text;
}

function issueOf({ standIn }: RouteContext, number: number) {
  return standIn.issues.get(number);
}

function reaction(context: RouteContext, asked: Asked, on: string): Answered {
  const body: unknown = JSON.parse(asked.body);
  const content = typeof body === 'object' && body !== null && 'content' in body ? String(body.content) : '';
  const { standIn, origins } = context;
  const known = standIn.reactions.findIndex((one) => one.on === on && one.content === content && one.login === standIn.login);
  if (known < 0) standIn.reactions.push({ on, content, login: standIn.login });
  const id = 1 + (known < 0 ? standIn.reactions.length - 1 : known);
  const shape = { id, node_id: `reaction${id}`, user: shapes.user(standIn.login, origins), content, created_at: timeText(standIn) };
  return json(known < 0 ? 201 : 200, shape);
}

function listed(context: RouteContext, asked: Asked, comments: readonly StandInComment[]): Answered {
  const since = asked.query.get('since');
  const kept = since === null ? comments : comments.filter((one) => Date.parse(one.updatedAt) >= Date.parse(since));
  const order = asked.query.get('direction') === 'desc' ? -1 : 1;
  const key = asked.query.get('sort') === 'updated' ? (one: StandInComment) => Date.parse(one.updatedAt) : (one: StandInComment) => one.id;
  const sorted = [...kept].sort((a, b) => (key(a) - key(b)) * order);
  return json(
    200,
    page(sorted, asked.query).map((one) => shapes.comment(context.standIn, one, context.origins)),
  );
}

const routes: readonly (readonly [string, RegExp, Handler])[] = [
  [
    'GET',
    /^\/issues$/,
    ({ standIn, origins }, { query }) => {
      const open = [...standIn.issues.values()].filter(
        (one) => query.get('state') === 'all' || one.state === (query.get('state') ?? 'open'),
      );
      const sorted = open.sort((a, b) => b.number - a.number);
      return json(
        200,
        page(sorted, query).map((one) => shapes.issue(standIn, one, origins)),
      );
    },
  ],
  [
    'GET',
    /^\/issues\/comments$/,
    (context, asked) =>
      listed(
        context,
        asked,
        [...context.standIn.comments.values()].filter((one) => !one.review),
      ),
  ],
  [
    'GET',
    /^\/issues\/comments\/([0-9]+)$/,
    ({ standIn, origins }, _, id) => {
      const found = standIn.comments.get(id);
      return found === undefined || found.review ? notFound() : json(200, shapes.comment(standIn, found, origins));
    },
  ],
  [
    'PATCH',
    /^\/issues\/comments\/([0-9]+)$/,
    (context, asked, id) => {
      const found = context.standIn.comments.get(id);
      if (found === undefined) return notFound();
      if (found.author !== context.standIn.login) return refused(403, 'Resource not accessible by integration');
      const text = written(context, asked);
      if (typeof text !== 'string') return text;
      found.body = text;
      found.updatedAt = timeText(context.standIn);
      return json(200, shapes.comment(context.standIn, found, context.origins));
    },
  ],
  ['DELETE', /^\/issues\/comments\/([0-9]+)$/, ({ standIn }, _, id) => (standIn.comments.delete(id) ? nothing(204) : notFound())],
  [
    'POST',
    /^\/issues\/comments\/([0-9]+)\/reactions$/,
    (context, asked, id) => (context.standIn.comments.get(id)?.review === false ? reaction(context, asked, `comment=${id}`) : notFound()),
  ],
  [
    'POST',
    /^\/pulls\/comments\/([0-9]+)\/reactions$/,
    (context, asked, id) => (context.standIn.comments.get(id)?.review === true ? reaction(context, asked, `review=${id}`) : notFound()),
  ],
  [
    'GET',
    /^\/pulls\/comments\/([0-9]+)$/,
    ({ standIn, origins }, _, id) => {
      const found = standIn.comments.get(id);
      return found?.review === true ? json(200, shapes.comment(standIn, found, origins)) : notFound();
    },
  ],
  [
    'GET',
    /^\/issues\/([0-9]+)$/,
    (context, _, number) => {
      const found = issueOf(context, number);
      return found === undefined ? notFound() : json(200, shapes.issue(context.standIn, found, context.origins));
    },
  ],
  [
    'GET',
    /^\/issues\/([0-9]+)\/comments$/,
    (context, asked, number) => {
      if (issueOf(context, number) === undefined) return notFound();
      return listed(
        context,
        asked,
        [...context.standIn.comments.values()].filter((one) => one.number === number && !one.review),
      );
    },
  ],
  [
    'POST',
    /^\/issues\/([0-9]+)\/comments$/,
    (context, asked, number) => {
      const found = issueOf(context, number);
      if (found === undefined) return notFound();
      if (found.locked) return refused(403, 'Unable to create comment because issue is locked.');
      const text = written(context, asked);
      if (typeof text !== 'string') return text;
      const added = addComment(context.standIn, { number, body: text, author: context.standIn.login });
      return json(201, shapes.comment(context.standIn, added, context.origins));
    },
  ],
  [
    'POST',
    /^\/issues\/([0-9]+)\/reactions$/,
    (context, asked, number) => (issueOf(context, number) === undefined ? notFound() : reaction(context, asked, `issue=${number}`)),
  ],
  [
    'GET',
    /^\/actions\/runs$/,
    ({ standIn, origins }, { query }) => {
      const [sha, branch, status] = [query.get('head_sha'), query.get('branch'), query.get('status')];
      const found = [...standIn.runs.values()]
        .filter((one) => (sha === null || one.headSha === sha) && (branch === null || one.branch === branch))
        .filter((one) => status === null || one.conclusion === status || one.status === status)
        .sort((a, b) => b.id - a.id);
      return json(200, { total_count: found.length, workflow_runs: page(found, query).map((one) => shapes.run(standIn, one, origins)) });
    },
  ],
  [
    'GET',
    /^\/actions\/runs\/([0-9]+)$/,
    ({ standIn, origins }, _, id) => {
      const found = standIn.runs.get(id);
      return found === undefined ? notFound() : json(200, shapes.run(standIn, found, origins));
    },
  ],
  [
    'GET',
    /^\/actions\/runs\/([0-9]+)\/artifacts$/,
    ({ standIn, origins }, { query }, id) => {
      if (!standIn.runs.has(id)) return notFound();
      const found = [...standIn.artifacts.values()].filter((one) => one.runId === id).sort((a, b) => b.id - a.id);
      return json(200, { total_count: found.length, artifacts: page(found, query).map((one) => shapes.artifact(standIn, one, origins)) });
    },
  ],
  [
    'GET',
    /^\/actions\/jobs\/([0-9]+)$/,
    ({ standIn, origins }, _, id) => {
      const runId = standIn.jobs.get(id);
      return runId === undefined ? notFound() : json(200, shapes.job(standIn, id, runId, origins));
    },
  ],
  [
    'GET',
    /^\/actions\/artifacts\/([0-9]+)\/zip$/,
    ({ standIn, storage }, _, id) => {
      const found = standIn.artifacts.get(id);
      if (found === undefined) return notFound();
      if (found.expired) return refused(410, 'Artifact has expired');
      // about a minute, as the service's own; the sum makes each address new
      const signature = createHash('sha256')
        .update(`${id}/${standIn.nextId++}`)
        .digest('hex');
      standIn.signed.set(signature, { artifact: id, until: standIn.now() + 60_000 });
      return nothing(302, { location: `${storage}/artifacts/${id}.zip?se=60&sig=${signature}` });
    },
  ],
  [
    'GET',
    /^\/commits\/([0-9a-f]+)$/,
    ({ standIn, origins }, { path }) => {
      const sha = path.slice('/commits/'.length);
      const parents = standIn.commits.get(sha);
      return parents === undefined
        ? refused(422, `No commit found for SHA: ${sha}`)
        : json(200, shapes.commit(standIn, sha, parents, origins));
    },
  ],
  [
    'GET',
    /^\/git\/trees\/[0-9a-f]+$/,
    ({ standIn, origins }, { path }) => {
      const change = changeNamed(standIn, path.slice('/git/trees/'.length));
      return change === undefined ? notFound() : json(200, treeShape(standIn, change, origins));
    },
  ],
  [
    'GET',
    /^\/contents\/.+$/,
    ({ standIn, origins }, { path, query }) => {
      const change = changeNamed(standIn, query.get('ref') ?? '');
      const file = decodeURIComponent(path.slice('/contents/'.length));
      const shape = change === undefined ? undefined : contentShape(standIn, change, file, origins);
      return shape === undefined ? notFound() : json(200, shape);
    },
  ],
  [
    'GET',
    /^\/compare\/.+$/,
    ({ standIn, origins }, { path }) => {
      const [good, bad] = decodeURIComponent(path.slice('/compare/'.length))
        .split('...')
        .map((name) => changeNamed(standIn, name));
      return good === undefined || bad === undefined ? notFound() : json(200, compareShape(standIn, good, bad, origins));
    },
  ],
  [
    'GET',
    /^\/collaborators\/[^/]+\/permission$/,
    ({ standIn, origins }, { path }) => {
      const login = decodeURIComponent(path.split('/')[2] ?? '');
      const role = standIn.permissions.get(login) ?? 'read';
      const permission = role === 'maintain' ? 'write' : role === 'triage' ? 'read' : role;
      return json(200, { permission, role_name: role, user: { ...shapes.user(login, origins), role_name: role } });
    },
  ],
];

/** Whether the token is there and right; everything here needs it. */
function authorised({ standIn }: RouteContext, asked: Asked): boolean {
  const given = asked.headers.authorization ?? '';
  return given === `token ${standIn.token}` || given === `Bearer ${standIn.token}`;
}

export function answerApi(context: RouteContext, asked: Asked): Answered {
  if (!authorised(context, asked)) return refused(401, 'Bad credentials');
  const { standIn, origins } = context;
  if (asked.path === '/user' && asked.method === 'GET') {
    if (standIn.login.endsWith('[bot]')) return refused(403, 'Resource not accessible by integration');
    return json(200, shapes.publicUser(standIn.login, origins));
  }
  if (asked.path === '/graphql' && asked.method === 'POST') return json(200, graphqlAnswer(standIn, asked.body));
  const base = `/repos/${standIn.owner}/${standIn.repo}`;
  if (!asked.path.startsWith(`${base}/`)) return notFound();
  const path = asked.path.slice(base.length);
  for (const [method, pattern, handler] of routes) {
    const match = method === asked.method ? pattern.exec(path) : null;
    if (match !== null) return handler(context, { ...asked, path }, Number(match[1]), match[2] ?? '');
  }
  return notFound();
}
