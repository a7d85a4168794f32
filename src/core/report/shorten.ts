/**
 * Room is made by meaning: whole sections are said shorter or fall away in a fixed order, so that no cut ever lies inside a sentence,
 * a table or a fence.
 *
 * In: a page, the size of each section as it will be drawn, a limit. Out: the page that fits and what was left out.
 * Refuses: to drop the verdict.
 */
import type { Page, Section, SectionName } from './page.js';

type Step = readonly [name: SectionName, how: 'shorter' | 'drop'];

/** First what a reader misses least. The JSON report and the job summary still hold it. */
const steps: readonly Step[] = [
  ['words', 'shorter'],
  ['events', 'drop'],
  ['boot', 'drop'],
  ['whole-stack', 'shorter'],
  ['other-findings', 'shorter'],
  ['words', 'drop'],
  ['other-stacks', 'shorter'],
  ['damage', 'drop'],
  ['candidates', 'drop'],
  ['if-you-insist', 'drop'],
  ['whole-stack', 'drop'],
  ['image', 'shorter'],
  ['registers', 'drop'],
  ['commits', 'shorter'],
  ['other-findings', 'drop'],
  ['gaps', 'drop'],
  ['source', 'shorter'],
  ['commits', 'drop'],
  ['why', 'shorter'],
  ['other-stacks', 'drop'],
  ['provenance', 'drop'],
  ['image', 'drop'],
  ['source', 'drop'],
  ['seen-before', 'drop'],
  ['why', 'drop'],
  ['warnings', 'drop'],
  ['stack', 'shorter'],
  ['stack', 'drop'],
];

/** How a reader knows the sections. */
const titles: Readonly<Record<SectionName, string>> = {
  verdict: 'verdict',
  warnings: 'warnings',
  stack: 'stack',
  'seen-before': 'earlier answers',
  why: 'reasons',
  source: 'where it comes from',
  commits: 'commits that touch the stack',
  'other-stacks': 'stacks of other CPUs',
  'other-findings': 'other findings',
  'if-you-insist': 'names from the image that does not fit',
  'whole-stack': 'frames in full',
  registers: 'registers',
  words: 'stack words',
  candidates: 'artifacts weighed',
  image: 'checks of the image',
  boot: 'boot',
  events: 'other events',
  damage: 'damage of the log',
  gaps: 'what could not be read',
  provenance: 'what was done',
  footer: 'foot',
};

export interface Shortened {
  readonly page: Page;
  /** Titles of sections that were left out or said shorter, in page order. */
  readonly leftOut: readonly string[];
}

/** `sizeOf` gives the size of a drawn section, with what stands between sections. A footer that tells what was left out must fit `noteSize`. */
export function shorten(page: Page, sizeOf: (section: Section) => number, limit: number, noteSize: number): Shortened {
  const kept: { section: Section; size: number; cut: boolean; gone: boolean }[] = page.map((section) => ({
    section,
    size: sizeOf(section),
    cut: false,
    gone: false,
  }));
  let total = kept.reduce((sum, { size }) => sum + size, 0);
  if (total <= limit) return { page, leftOut: [] };
  for (const [name, how] of steps) {
    if (total + noteSize <= limit) break;
    for (const entry of kept) {
      if (entry.section.name !== name || entry.gone) continue;
      const { shorter, ...rest } = entry.section;
      if (how === 'shorter' && shorter === undefined) continue;
      const next = how === 'drop' || shorter === undefined || shorter.length === 0 ? undefined : { ...rest, blocks: shorter };
      const size = next === undefined ? 0 : sizeOf(next);
      if (next !== undefined && size >= entry.size) continue;
      total += size - entry.size;
      entry.cut = true;
      entry.gone = next === undefined;
      entry.size = size;
      if (next !== undefined) entry.section = next;
    }
  }
  const leftOut = kept.filter(({ cut }) => cut).map(({ section }) => titles[section.name]);
  return { page: kept.filter(({ gone }) => !gone).map(({ section }) => section), leftOut: [...new Set(leftOut)] };
}
