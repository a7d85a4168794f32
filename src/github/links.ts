/**
 * Addresses in a question, told apart by their literal spelling: nothing is decoded or normalised first, so `%2f`, `..`, a user name,
 * a port or a look-alike host make no address of ours.
 *
 * In: a piece of text that begins like an address. Out: what it names in this repository, or that it names another one.
 */
import type { Environment } from './environment.js';

export type Link =
  | { readonly kind: 'run'; readonly runId: number; readonly attempt?: number; readonly artifactId?: number; readonly jobId?: number }
  /** A job or check run: its run is found by asking. */
  | { readonly kind: 'job'; readonly jobId: number }
  | { readonly kind: 'foreign-run'; readonly repository: string }
  | { readonly kind: 'file'; readonly url: string; readonly name: string; readonly from: 'attachment' | 'gist' | 'repository' }
  | { readonly kind: 'picture' };

const number = '([0-9]{1,16})';
const end = '(?:[/?#].*)?$';

function id(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const value = Number(text);
  return Number.isSafeInteger(value) && value > 0 ? value : undefined;
}

function escaped(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\/-]/g, '\\$&');
}

/** A file name for people; the address itself stays as written. */
function nameOf(path: string): string {
  const last = path.split(/[?#]/)[0]?.split('/').at(-1) ?? '';
  try {
    return decodeURIComponent(last);
  } catch (error) {
    if (error instanceof URIError) return last;
    throw error;
  }
}

export interface LinkReader {
  read(address: string): Link | undefined;
}

export function createLinkReader(environment: Environment): LinkReader {
  const server = escaped(environment.serverUrl);
  const here = escaped(`${environment.owner}/${environment.repo}`);
  const isDotCom = environment.serverUrl === 'https://github.com';
  const repository = new RegExp(`^${server}/([\\w.-]{1,100}/[\\w.-]{1,100})/(?:actions/runs|runs|actions/artifacts|suites)/[0-9]`, 'i');
  const run = new RegExp(
    `^${server}/${here}/actions/runs/${number}(?:/attempts/([0-9]{1,6}))?(?:/(job|artifacts)s?/${number})?(?:/[a-z_]+)?/?(?:[?#].*)?$`,
    'i',
  );
  const checkRun = new RegExp(
    `^${server}/${here}/(?:runs|pull/[0-9]{1,10}/checks\\?check_run_id=|commit/[0-9a-f]{7,40}/checks)/?${number}${end}`,
    'i',
  );
  const checkQuery = new RegExp(`^${server}/${here}/pull/[0-9]{1,10}/checks\\?(?:[a-z_]+=[\\w-]+&)?check_run_id=${number}(?:&.*)?$`, 'i');
  const attachment = new RegExp(`^${server}/(?:user-attachments/files|${here}/files)/[0-9]{1,16}/[^/?#\\s]{1,500}$`, 'i');
  const picture = new RegExp(`^${server}/(?:user-attachments/assets|${here}/assets)/[\\w/-]+$`, 'i');
  const raw = new RegExp(`^${server}/${here}/(?:raw|blob)/([^?#\\s]{1,1000})$`, 'i');
  const rawDotCom = new RegExp(`^https://raw\\.githubusercontent\\.com/${here}/([^?#\\s]{1,1000})$`, 'i');
  const gist = isDotCom
    ? /^https:\/\/gist\.github\.com\/(?:[\w-]{1,100}\/)?([0-9a-f]{20,40})(?:\/raw(?:\/[\w./%+ -]{0,300})?)?\/?(?:#[\w-]*)?$/i
    : new RegExp(`^${server}/gist/(?:[\\w-]{1,100}/)?([0-9a-f]{20,40})(?:/raw)?/?(?:#[\\w-]*)?$`, 'i');
  const gistRaw = /^https:\/\/gist\.githubusercontent\.com\/[\w-]{1,100}\/[0-9a-f]{20,40}\/raw(?:\/[\w./%+-]{0,300})?$/i;

  const clean = (path: string): boolean => !path.split('/').some((part) => part === '..' || part === '.') && !/%2f|%5c|\\/i.test(path);

  return {
    read(address) {
      if (address.length > 2048) return undefined;
      const runMatch = run.exec(address);
      const runId = id(runMatch?.[1]);
      if (runMatch !== null && runId !== undefined) {
        const attempt = id(runMatch[2]);
        const last = id(runMatch[4]);
        const isJob = runMatch[3]?.toLowerCase() === 'job';
        return {
          kind: 'run',
          runId,
          ...(attempt === undefined ? {} : { attempt }),
          ...(last === undefined ? {} : isJob ? { jobId: last } : { artifactId: last }),
        };
      }
      const jobId = id((checkRun.exec(address) ?? checkQuery.exec(address))?.[1]);
      if (jobId !== undefined) return { kind: 'job', jobId };
      const other = repository.exec(address)?.[1];
      if (other !== undefined && other.toLowerCase() !== `${environment.owner}/${environment.repo}`.toLowerCase()) {
        return { kind: 'foreign-run', repository: other };
      }
      if (attachment.test(address) && clean(address)) return { kind: 'file', url: address, name: nameOf(address), from: 'attachment' };
      if (picture.test(address) || /^https:\/\/(?:private-)?user-images\.githubusercontent\.com\//i.test(address))
        return { kind: 'picture' };
      const gistId = gist.exec(address)?.[1];
      if (gistId !== undefined) {
        const base = isDotCom ? 'https://gist.githubusercontent.com/raw' : `${environment.serverUrl}/raw/gist`;
        return { kind: 'file', url: gistAddress(address, base, gistId), name: `gist ${gistId.slice(0, 7)}`, from: 'gist' };
      }
      if (isDotCom && gistRaw.test(address) && clean(address)) return { kind: 'file', url: address, name: nameOf(address), from: 'gist' };
      const path = raw.exec(address)?.[1];
      if (path !== undefined && clean(path)) {
        return { kind: 'file', url: address.replace(/\/blob\//i, '/raw/'), name: nameOf(address), from: 'repository' };
      }
      const rawPath = isDotCom ? rawDotCom.exec(address)?.[1] : undefined;
      if (rawPath !== undefined && clean(rawPath)) return { kind: 'file', url: address, name: nameOf(address), from: 'repository' };
      return undefined;
    },
  };
}

/** The first file of a gist as text: `…/USER/ID/raw` where the user is known, else the short form the site redirects. */
function gistAddress(address: string, base: string, gistId: string): string {
  const user = /^https?:\/\/[^/]+(?:\/gist)?\/([\w-]{1,100})\/[0-9a-f]{20,40}/i.exec(address)?.[1];
  const short = base === 'https://gist.githubusercontent.com/raw' ? `https://gist.github.com/${gistId}/raw` : `${base}/${gistId}`;
  if (user === undefined || !base.startsWith('https://gist.')) return short;
  return `https://gist.githubusercontent.com/${user}/${gistId}/raw`;
}
