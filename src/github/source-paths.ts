/**
 * Files as a compiler named them to paths in the repository.
 *
 * In: names from line tables and logs, the paths of the repository's tree. Out: one path for each name that has exactly one.
 * Refuses to guess: an absolute name must hold a whole path of the tree behind the folder that the build was checked out to, and that
 * folder is the same for all; a relative name must be the end of one path only.
 */
import { repositoryPath } from '../core/report/links.js';

/** Without `.` and with `..` taken back; `undefined` for a name that climbs out of itself. */
function parts(file: string): readonly string[] | undefined {
  const kept: string[] = [];
  for (const part of file.split(/[\\/]/)) {
    if (part === '' || part === '.') continue;
    if (part !== '..') kept.push(part);
    else if (kept.pop() === undefined) return undefined;
  }
  return kept;
}

function isAbsolute(file: string): boolean {
  return /^(?:[\\/]|[A-Za-z]:[\\/])/.test(file);
}

/** Folders of the system, where no checkout lies. */
const system = /^\/usr\/(?:include|lib|lib32|lib64|libx32|share)\//;

/** The longest path of the tree that the name ends with, and what stands before it. */
function wholeSuffix(file: readonly string[], tree: ReadonlySet<string>): { readonly root: string; readonly path: string } | undefined {
  for (let from = 0; from < file.length; from += 1) {
    const path = file.slice(from).join('/');
    if (tree.has(path)) return { root: file.slice(0, from).join('/'), path };
  }
  return undefined;
}

/** The folder under which most names lie; `undefined` where two are equally likely. */
function checkoutRoot(roots: readonly string[]): string | undefined {
  const counts = new Map<string, number>();
  for (const root of roots) counts.set(root, (counts.get(root) ?? 0) + 1);
  const [best, second] = [...counts].sort((a, b) => b[1] - a[1]);
  return best === undefined || best[1] === second?.[1] ? undefined : best[0];
}

/** `complete`: the tree holds every path, so that what is found once stands once. */
export function resolvePaths(files: readonly string[], paths: readonly string[], complete: boolean): ReadonlyMap<string, string> {
  const tree = new Set(paths);
  const found = new Map<string, string>();
  const elsewhere: { readonly file: string; readonly root: string; readonly path: string }[] = [];
  const byName = new Map<string, string[]>();
  for (const path of paths) {
    const name = path.slice(path.lastIndexOf('/') + 1);
    const known = byName.get(name);
    if (known === undefined) byName.set(name, [path]);
    else known.push(path);
  }
  for (const file of files) {
    const direct = repositoryPath(file);
    if (direct !== undefined) {
      if (tree.has(direct)) found.set(file, direct);
      continue;
    }
    const split = parts(file);
    if (split === undefined || split.length === 0) continue;
    if (isAbsolute(file)) {
      const suffix = system.test(file) ? undefined : wholeSuffix(split, tree);
      if (suffix !== undefined) elsewhere.push({ file, ...suffix });
      continue;
    }
    if (!complete) continue;
    const tail = split.join('/');
    const fits = (byName.get(split.at(-1) ?? '') ?? []).filter((path) => path === tail || path.endsWith(`/${tail}`));
    if (fits.length === 1 && fits[0] !== undefined) found.set(file, fits[0]);
  }
  const root = checkoutRoot(elsewhere.map((one) => one.root));
  for (const one of elsewhere) if (one.root === root) found.set(one.file, one.path);
  return found;
}
