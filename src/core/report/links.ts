/**
 * The only addresses that an answer links to: source lines of the build's own repository at the build's commit, its commits, our
 * earlier answers there, and the tool's own page.
 *
 * In: addresses that the edge has validated, paths of strangers. Out: an address built from parts, or `undefined`.
 * Refuses: any other server or repository, a commit that is not 40 hex digits, a path that climbs.
 */
import type { SeenBefore } from './history.js';
import type { ReportContext } from './report.js';

const repository = /^https?:\/\/[A-Za-z0-9.-]+(?::\d{1,5})?\/[A-Za-z0-9_.-]{1,100}\/[A-Za-z0-9_.-]{1,100}$/;

/** Where a runner checks a repository out: the path from there on is the path in the repository. */
const checkout =
  /^(?:\/home\/runner\/work|\/__w|\/github\/workspace|\/Users\/runner\/work|[A-Z]:[\\/]a)[\\/]([^\\/]+)[\\/]([^\\/]+)[\\/](.+)$/;

/** Path inside the repository of a file that a runner compiled; `undefined` where the path does not tell. */
export function repositoryPath(file: string): string | undefined {
  const found = checkout.exec(file);
  const path = found?.[3];
  if (path === undefined || found?.[1] !== found?.[2]) return undefined;
  const parts: string[] = [];
  for (const part of path.split(/[\\/]/)) {
    if (part === '' || part === '.') continue;
    if (part !== '..') parts.push(part);
    else if (parts.pop() === undefined) return undefined;
  }
  return parts.length === 0 ? undefined : parts.join('/');
}

/** Address of a source line at the build's commit. */
export function sourceLink(file: string | undefined, line: number | undefined, context: ReportContext): string | undefined {
  const { sourcePaths } = context;
  if (file === undefined) return undefined;
  const path = sourcePaths === undefined ? repositoryPath(file) : sourcePaths.find(([known]) => known === file)?.[1];
  return path === undefined ? undefined : pathLink(path, line, context);
}

/** Address of a line of a file of the repository, by its path there. */
export function pathLink(path: string, line: number | undefined, { repositoryUrl, commit }: ReportContext): string | undefined {
  if (repositoryUrl === undefined || commit === undefined || !repository.test(repositoryUrl) || !isCommit(commit)) return undefined;
  if (path === '' || path.length > 400 || path.split('/').some((part) => part === '' || part === '.' || part === '..')) return undefined;
  const encoded = path.split('/').map(percentEncoded).join('/');
  return `${repositoryUrl}/blob/${commit}/${encoded}${line === undefined ? '' : `#L${line}`}`;
}

function isCommit(text: string): boolean {
  return /^[0-9a-f]{40}$/.test(text);
}

export function commitLink(commit: string, { repositoryUrl }: ReportContext): string | undefined {
  if (repositoryUrl === undefined || !repository.test(repositoryUrl) || !isCommit(commit)) return undefined;
  return `${repositoryUrl}/commit/${commit}`;
}

export function compareLink(good: string, bad: string, { repositoryUrl }: ReportContext): string | undefined {
  if (repositoryUrl === undefined || !repository.test(repositoryUrl) || !isCommit(good) || !isCommit(bad)) return undefined;
  return `${repositoryUrl}/compare/${good}...${bad}`;
}

/** An earlier answer. GitHub notes on that issue that it is mentioned here, which is wanted: it is the same crash. */
export function answerLink(
  { issue, comment, isPullRequest }: Pick<SeenBefore, 'issue' | 'comment' | 'isPullRequest'>,
  { repositoryUrl }: ReportContext,
): string | undefined {
  if (repositoryUrl === undefined || !repository.test(repositoryUrl)) return undefined;
  if (!Number.isSafeInteger(issue) || !Number.isSafeInteger(comment) || issue < 1 || comment < 1) return undefined;
  return `${repositoryUrl}/${isPullRequest ? 'pull' : 'issues'}/${issue}#issuecomment-${comment}`;
}

/** Where a wrong answer is told. */
export function feedbackLink({ toolRepositoryUrl }: ReportContext): string | undefined {
  if (toolRepositoryUrl === undefined || !repository.test(toolRepositoryUrl)) return undefined;
  return `${toolRepositoryUrl}/issues/new?title=Wrong%20answer`;
}

function percentEncoded(part: string): string {
  let text = '';
  for (const byte of new TextEncoder().encode(part)) {
    const character = String.fromCharCode(byte);
    text += /[A-Za-z0-9_.-]/.test(character) ? character : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
  }
  return text;
}
