/**
 * Our answer for every address of the fixtures' code against what other tools recorded (fixtures/images/*, made by the lab).
 *
 * `llvm-symbolizer` is the first witness and must agree in everything: names, inline chain, files, lines, columns. GNU `addr2line` and
 * `gdb` are second witnesses; where they differ in a way that is theirs, the table `explained` says why, and nothing else may differ.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { describe, expect, test } from '@jest/globals';
import { type LinkAddress, linkAddress } from '../src/core/addresses.js';
import type { Image } from '../src/core/image/image.js';
import { openImage } from '../src/core/image/open-image.js';
import type { SourceLookup } from '../src/core/image/symbolize.js';
import { openFile } from '../src/platform/file-source.js';
import { createPlatform } from '../src/platform/node.js';

const ROOT = new URL('../fixtures/images/', import.meta.url);
const slugs = readdirSync(ROOT, { withFileTypes: true })
  .filter((entry) => entry.isDirectory() && existsSync(new URL(`${entry.name}/image.elf`, ROOT)))
  .map((entry) => entry.name)
  .sort();

const platform = createPlatform();

interface RecordedFrame {
  readonly function?: string | null;
  readonly file?: string | null;
  readonly line?: number;
  readonly column?: number;
}

/** All addresses from `first` to `last` have this answer. */
interface Recorded {
  readonly first: string;
  readonly last: string;
  readonly frames: readonly RecordedFrame[];
  /** gdb: of the address itself. */
  readonly file?: string | null;
  readonly line?: number;
}

function recorded(slug: string, tool: string): Recorded[] {
  const text = gunzipSync(readFileSync(new URL(`${slug}/${tool}.jsonl.gz`, ROOT))).toString();
  const [, ...records] = text.trimEnd().split('\n');
  return records.map((line) => JSON.parse(line) as Recorded); // written by the lab, shape as above
}

function openFixture(slug: string): Image {
  return openImage(openFile(new URL(`${slug}/image.elf`, ROOT).pathname), 'image.elf', platform);
}

const { parseInt: toNumber } = Number;

/** Calls `check` for each recorded address; answers how many there were. */
function eachAddress(
  image: Image,
  records: readonly Recorded[],
  check: (found: SourceLookup, record: Recorded, at: LinkAddress) => void,
): number {
  let count = 0;
  for (const record of records) {
    const last = toNumber(record.last, 16);
    for (let at = toNumber(record.first, 16); at <= last; at++, count++) check(image.lookup(linkAddress(at)), record, linkAddress(at));
  }
  return count;
}

function codeBytes(image: Image): number {
  return image.sections.filter((section) => section.executable && section.hasBytes).reduce((sum, section) => sum + section.size, 0);
}

/** `name file:line:column` for each function, innermost first. */
function llvmWords(frames: readonly RecordedFrame[]): string {
  return frames.map((frame) => `${frame.function || '??'} ${frame.file || '??'}:${frame.line ?? 0}:${frame.column ?? 0}`).join('\n');
}

function ourWords(found: SourceLookup): string {
  const functions = found.functions.length === 0 ? [{ name: '??' }] : found.functions;
  return llvmWords(functions.map((each) => ({ ...each, function: each.name })));
}

interface Difference {
  readonly at: string;
  readonly ours: string;
  readonly theirs: string;
}

interface Case {
  readonly image: Image;
  readonly at: LinkAddress;
  readonly found: SourceLookup;
  readonly record: Recorded;
}

function sameLines({ found, record }: Case): boolean {
  return (
    found.functions.length === record.frames.length &&
    found.functions.every(
      ({ name, line }, index) => name === record.frames[index]?.function && (line ?? 0) === (record.frames[index]?.line ?? 0),
    )
  );
}

function samePlace({ found, record }: Case): boolean {
  return (found.functions[0]?.file ?? null) === (record.file ?? null) && (found.functions[0]?.line ?? 0) === (record.line ?? 0);
}

/** GCC's copies of a function bear a suffix in the symbol table, which the first witness prints and the others leave out. */
function sourceName(name: string | null | undefined): string {
  return (name ?? '').replace(/(?:\.(?:constprop|isra|part|cold)(?:\.\d+)?)+$/, '');
}

function sameNames({ found, record }: Case): boolean {
  return (
    found.functions.map(({ name }) => sourceName(name)).join('<') === record.frames.map((frame) => sourceName(frame.function)).join('<')
  );
}

/** Fewer functions than ours, the owner of the code among them, at the same place. */
function lacksInlined({ found, record }: Case): boolean {
  const ours = found.functions.map(({ name }) => sourceName(name));
  const theirs = record.frames.map((frame) => sourceName(frame.function));
  const place = record.file === undefined ? record.frames[0] : record;
  return (
    theirs.length < ours.length &&
    theirs.at(-1) === ours.at(-1) &&
    theirs.every((name) => ours.includes(name)) &&
    (found.functions[0]?.file ?? null) === place?.file &&
    (found.functions[0]?.line ?? 0) === place.line
  );
}

function unnamed({ found }: Case): boolean {
  return found.functions.every(({ name }) => name === '??');
}

function inAssembly({ found }: Case): boolean {
  return found.functions.at(-1)?.file?.endsWith('.S') === true;
}

/** Why a second witness may say something else. The first rule that fits a difference explains it. */
const explained: readonly { readonly tool: 'addr2line' | 'gdb'; readonly why: string; fits(each: Case): boolean }[] = [
  {
    tool: 'addr2line',
    why: 'names the source file of the unit for a function that was defined in a header and not inlined; lines and names agree',
    fits: (each) => {
      const ours = each.found.functions.at(-1)?.file;
      const theirs = each.record.frames.at(-1)?.file;
      return sameLines(each) && ours?.endsWith('.h') === true && theirs?.endsWith('.c') === true;
    },
  },
  {
    tool: 'addr2line',
    why: 'names a copy of a function as the source does; files and lines agree',
    fits: (each) =>
      sameNames(each) &&
      each.found.functions.every(({ file, line }, index) => {
        const theirs = each.record.frames[index];
        return (file ?? null) === theirs?.file && (line ?? 0) === theirs.line;
      }),
  },
  {
    tool: 'addr2line',
    why: "gives the padding after a function that function's name",
    fits: (each) => unnamed(each) && each.record.frames.length === 1,
  },
  {
    tool: 'addr2line',
    why: 'reads no line of an assembly unit of clang; the name agrees',
    fits: (each) => inAssembly(each) && sameNames(each) && each.record.frames[0]?.file === null,
  },
  {
    tool: 'addr2line',
    why: 'leaves out inlined functions of several ranges where the list is named by index; place and owner agree',
    fits: lacksInlined,
  },
  {
    tool: 'gdb',
    why: 'leaves out inlined functions of several ranges in some units; place and owner agree',
    fits: lacksInlined,
  },
  {
    tool: 'gdb',
    why: 'has no frame for assembly; file and line agree',
    fits: (each) => each.record.frames.length === 0 && samePlace(each) && (inAssembly(each) || each.record.file === null),
  },
  {
    tool: 'gdb',
    why: 'has no frame for padding, and takes its line from a row that begins a statement',
    fits: (each) => unnamed(each) && each.record.frames.length === 0,
  },
  {
    tool: 'gdb',
    why: 'names a copy of a function as the source does, and leaves out line rows that do not begin a statement',
    fits: sameNames,
  },
];

function explain(tool: 'addr2line' | 'gdb', each: Case): boolean {
  return explained.some((rule) => rule.tool === tool && rule.fits(each));
}

describe('every address of the fixtures', () => {
  test('there are fixtures', () => {
    expect(slugs.length).toBeGreaterThanOrEqual(2);
  });

  test.each(slugs)('%s: as llvm-symbolizer', (slug) => {
    const image = openFixture(slug);
    const differences: Difference[] = [];
    const count = eachAddress(image, recorded(slug, 'llvm-symbolizer'), (found, record, at) => {
      const ours = ourWords(found);
      const theirs = llvmWords(record.frames.length === 0 ? [{}] : record.frames);
      if (ours !== theirs && differences.length < 10) differences.push({ at: at.toString(16), ours, theirs });
    });
    expect(differences).toEqual([]);
    expect(count).toBe(codeBytes(image));
    expect(image.gaps).toEqual([]);
  });

  test.each(slugs)('%s: as addr2line, but for what is explained', (slug) => {
    const image = openFixture(slug);
    const differences: Difference[] = [];
    eachAddress(image, recorded(slug, 'addr2line'), (found, record, at) => {
      const words = (frames: readonly RecordedFrame[]) =>
        frames.map((frame) => `${frame.function || '??'} ${frame.file || '??'}:${frame.line ?? 0}`).join('\n');
      const ours = words(found.functions.length === 0 ? [{}] : found.functions.map((each) => ({ ...each, function: each.name })));
      const theirs = words(record.frames.length === 0 ? [{}] : record.frames);
      if (ours === theirs || explain('addr2line', { image, at, found, record })) return;
      if (differences.length < 10) differences.push({ at: at.toString(16), ours, theirs });
    });
    expect(differences).toEqual([]);
  });

  test.each(slugs)('%s: as gdb, but for what is explained', (slug) => {
    const image = openFixture(slug);
    const differences: Difference[] = [];
    eachAddress(image, recorded(slug, 'gdb'), (found, record, at) => {
      const [innermost] = found.functions;
      const ours = `${found.functions.map(({ name }) => name).join('<')} ${innermost?.file ?? '??'}:${innermost?.line ?? 0}`;
      const theirs = `${record.frames.map((frame) => frame.function).join('<')} ${record.file ?? '??'}:${record.line ?? 0}`;
      if (ours === theirs || explain('gdb', { image, at, found, record })) return;
      if (differences.length < 10) differences.push({ at: at.toString(16), ours, theirs });
    });
    expect(differences).toEqual([]);
  });
});
