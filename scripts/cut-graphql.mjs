// Cuts GitHub's published GraphQL schema down to the fields that the action asks for.
//   npm pack @octokit/graphql-schema@15.26.1 && tar xzf octokit-graphql-schema-15.26.1.tgz
//   node scripts/cut-graphql.mjs package/schema.graphql 15.26.1 > test/openapi/github.graphql
// Kept: the fields below with all their arguments and types. Dropped: descriptions, directives and every other field.
import { readFileSync } from 'node:fs';

const [, , source, version] = process.argv;
const full = readFileSync(source, 'utf8')
  .replace(/"""[\s\S]*?"""/g, '')
  .replace(/ @[a-zA-Z]+(?:\([^)]*\))?/g, '');

const wanted = {
  Query: ['repository'],
  Repository: ['issueOrPullRequest', 'nameWithOwner', 'object'],
  Commit: ['associatedPullRequests', 'author', 'blame', 'committedDate', 'history', 'messageHeadline', 'oid'],
  Blame: ['ranges'],
  BlameRange: ['commit', 'endingLine', 'startingLine'],
  CommitHistoryConnection: ['nodes'],
  GitActor: ['name', 'user'],
  User: ['login'],
  PullRequestConnection: ['nodes'],
  PullRequest: ['baseRepository', 'closed', 'merged', 'number'],
  Issue: ['closed'],
};

const lines = [`# schema.graphql of @octokit/graphql-schema ${version}, cut by scripts/cut-graphql.mjs`];
for (const [type, fields] of Object.entries(wanted)) {
  const body = new RegExp(`^type ${type}(?: implements [^{]*)? \\{\\n([\\s\\S]*?)^\\}`, 'm').exec(full)?.[1];
  if (body === undefined) throw new Error(`${type} is not described`);
  lines.push(`type ${type} {`);
  for (const field of fields) {
    const found = new RegExp(`^  ${field}(\\([^)]*\\))?: ([\\w![\\]]+)`, 'm').exec(body);
    if (found === null) throw new Error(`${type}.${field} is not described`);
    const list = (found[1] ?? '').replace(/[()]/g, '').split('\n');
    const given = list.map((line) => line.trim().replace(/ = .*$/, '')).filter((line) => line !== '');
    lines.push(`  ${field}${given.length === 0 ? '' : `(${given.join(', ')})`}: ${found[2]}`);
  }
  lines.push('}');
}
for (const [interfaceName, members] of [
  ['GitObject', ['Commit']],
  ['IssueOrPullRequest', ['Issue', 'PullRequest']],
]) {
  lines.push(`union ${interfaceName} = ${members.join(' | ')}`);
}
process.stdout.write(`${lines.join('\n')}\n`);
