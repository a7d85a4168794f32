// Cuts GitHub's published API description down to the endpoints that the action uses.
//   npm pack @octokit/openapi@23.0.2 && tar xzf octokit-openapi-23.0.2.tgz
//   node scripts/cut-openapi.mjs package/generated/api.github.com.json 23.0.2 > test/openapi/github.json
// Kept: paths, parameters, schemas of requests and answers. Dropped: descriptions, examples and what only editors read.
import { readFileSync } from 'node:fs';

const [, , source, version] = process.argv;
const full = JSON.parse(readFileSync(source, 'utf8'));

const endpoints = {
  '/repos/{owner}/{repo}/issues': ['get'],
  '/repos/{owner}/{repo}/issues/comments': ['get'],
  '/repos/{owner}/{repo}/issues/comments/{comment_id}': ['get', 'patch', 'delete'],
  '/repos/{owner}/{repo}/issues/comments/{comment_id}/reactions': ['post'],
  '/repos/{owner}/{repo}/issues/{issue_number}': ['get'],
  '/repos/{owner}/{repo}/issues/{issue_number}/comments': ['get', 'post'],
  '/repos/{owner}/{repo}/issues/{issue_number}/reactions': ['post'],
  '/repos/{owner}/{repo}/pulls/comments/{comment_id}': ['get'],
  '/repos/{owner}/{repo}/pulls/comments/{comment_id}/reactions': ['post'],
  '/repos/{owner}/{repo}/actions/runs': ['get'],
  '/repos/{owner}/{repo}/actions/runs/{run_id}': ['get'],
  '/repos/{owner}/{repo}/actions/runs/{run_id}/artifacts': ['get'],
  '/repos/{owner}/{repo}/actions/jobs/{job_id}': ['get'],
  '/repos/{owner}/{repo}/actions/artifacts/{artifact_id}/{archive_format}': ['get'],
  '/repos/{owner}/{repo}/commits/{ref}': ['get'],
  '/repos/{owner}/{repo}/compare/{basehead}': ['get'],
  '/repos/{owner}/{repo}/contents/{path}': ['get'],
  '/repos/{owner}/{repo}/git/trees/{tree_sha}': ['get'],
  '/repos/{owner}/{repo}/collaborators/{username}/permission': ['get'],
  '/user': ['get'],
};

const dropped = new Set([
  'description',
  'summary',
  'example',
  'examples',
  'externalDocs',
  'x-github',
  'x-multi-segment',
  'tags',
  'title',
  'deprecated',
]);
const needed = new Set();

/** `inProperties`: keys there are names of fields, not of the description's own language. */
function cut(value, inProperties = false) {
  if (Array.isArray(value)) return value.map((one) => cut(one));
  if (typeof value !== 'object' || value === null) return value;
  const kept = {};
  for (const [key, inner] of Object.entries(value)) {
    if (!inProperties && dropped.has(key)) continue;
    if (key === '$ref' && typeof inner === 'string') needed.add(inner);
    kept[key] = cut(inner, !inProperties && (key === 'properties' || key === 'patternProperties'));
  }
  return kept;
}

const paths = {};
for (const [path, methods] of Object.entries(endpoints)) {
  if (full.paths[path] === undefined) throw new Error(`${path} is not described`);
  paths[path] = Object.fromEntries(methods.map((method) => [method, cut(full.paths[path][method])]));
}
const components = {};
for (const done = new Set(); ; ) {
  const open = [...needed].filter((ref) => !done.has(ref));
  if (open.length === 0) break;
  for (const ref of open) {
    done.add(ref);
    const [, , kind, name] = ref.split('/');
    components[kind] ??= {};
    components[kind][name] = cut(full.components[kind][name]);
  }
}
const sorted = Object.fromEntries(
  Object.entries(components)
    .sort()
    .map(([kind, named]) => [kind, Object.fromEntries(Object.entries(named).sort())]),
);
const info = { ...cut(full.info), 'x-source': `api.github.com.json of @octokit/openapi ${version}, cut by scripts/cut-openapi.mjs` };
process.stdout.write(`${JSON.stringify({ openapi: full.openapi, info, paths, components: sorted }, null, 1)}\n`);
