/**
 * The only addresses that an answer links to: source lines of the build's own repository at the build's commit, and the tool's own page.
 *
 * In: addresses that the edge has validated, paths of strangers. Out: an address built from parts, or `undefined`.
 * Refuses: any other server or repository, a commit that is not 40 hex digits, a path that climbs.
 */
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
  const { repositoryUrl, commit } = context;
  if (file === undefined || repositoryUrl === undefined || commit === undefined) return undefined;
  if (!repository.test(repositoryUrl) || !/^[0-9a-f]{40}$/.test(commit)) return undefined;
  const path = repositoryPath(file);
  if (path === undefined || path.length > 400) return undefined;
  const encoded = path.split('/').map(percentEncoded).join('/');
  return `${repositoryUrl}/blob/${commit}/${encoded}${line === undefined ? '' : `#L${line}`}`;
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
