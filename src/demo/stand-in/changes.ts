/** The stand-in's commits with their files: one line of history, each commit a whole tree, each line with the commit that wrote it. */
import { createHash } from 'node:crypto';
import { type StandIn, timeText } from './state.js';

export interface Line {
  readonly text: string;
  /** The commit that wrote it. */
  readonly commit: string;
}

export interface Change {
  readonly sha: string;
  readonly parent?: string;
  readonly message: string;
  /** Login. */
  readonly author: string;
  readonly date: string;
  /** Paths that it wrote. */
  readonly wrote: readonly string[];
  readonly tree: ReadonlyMap<string, readonly Line[]>;
  /** The pull request that it came in. */
  readonly pullRequest?: number;
}

export interface GivenChange {
  readonly sha: string;
  /** Whole files by path. */
  readonly write: Readonly<Record<string, string>>;
  readonly message?: string;
  readonly author?: string;
  readonly date?: string;
  readonly pullRequest?: number;
  /** The commit before; left out, the one added last. */
  readonly parent?: string;
}

/** Lines that stood there before keep their commit. */
function written(before: readonly Line[], text: string, commit: string): Line[] {
  const left = [...before];
  return text.split('\n').map((line) => {
    const at = left.findIndex((one) => one.text === line);
    const [kept] = at < 0 ? [] : left.splice(at, 1);
    return kept ?? { text: line, commit };
  });
}

export function addChange(standIn: StandIn, given: GivenChange): Change {
  const parent = given.parent ?? [...standIn.changes.keys()].at(-1);
  const tree = new Map(parent === undefined ? [] : standIn.changes.get(parent)?.tree);
  for (const [path, text] of Object.entries(given.write)) tree.set(path, written(tree.get(path) ?? [], text, given.sha));
  const change: Change = {
    sha: given.sha,
    message: given.message ?? 'Change',
    author: given.author ?? 'developer',
    date: given.date ?? timeText(standIn, -86_400_000),
    wrote: Object.keys(given.write),
    tree,
    ...(parent === undefined ? {} : { parent }),
    ...(given.pullRequest === undefined ? {} : { pullRequest: given.pullRequest }),
  };
  standIn.changes.set(change.sha, change);
  return change;
}

/** A commit by its whole or shortened name. */
export function changeNamed(standIn: StandIn, name: string): Change | undefined {
  const exact = standIn.changes.get(name);
  if (exact !== undefined) return exact;
  const found = name.length < 7 ? [] : [...standIn.changes.values()].filter(({ sha }) => sha.startsWith(name));
  return found.length === 1 ? found[0] : undefined;
}

/** Itself and what came before, newest first. */
export function pastOf(standIn: StandIn, change: Change): Change[] {
  const past: Change[] = [];
  for (let here: Change | undefined = change; here !== undefined; ) {
    past.push(here);
    here = here.parent === undefined ? undefined : standIn.changes.get(here.parent);
  }
  return past;
}

export function textOf(lines: readonly Line[]): string {
  return lines.map(({ text }) => text).join('\n');
}

/** As git names a file's content. */
export function blobSha(text: string): string {
  const bytes = Buffer.from(text);
  return createHash('sha1').update(`blob ${bytes.length}\0`).update(bytes).digest('hex');
}
