/**
 * The answer as a page: what is said, in which order, and what may go when there is no room. How it looks is another matter.
 *
 * In (`buildPage`): a report and what the edge knows. Out: sections of blocks, which `markdown.ts`, `text.ts` and `html.ts` draw.
 * Refuses: Markdown, HTML or terminal codes in here; foreign text stands only in code parts and code blocks.
 */
import type { SentencePart } from '../sentence.js';

/** `strong`: our own words or values checked by us, set bold. `link`: an address that `links.ts` has built, round code. */
export type RichPart =
  | SentencePart
  | { readonly strong: string }
  | { readonly link: string; readonly code: string }
  | { readonly link: string; readonly words: string };
export type Rich = readonly RichPart[];

export type Block =
  | { readonly kind: 'paragraph'; readonly text: Rich; readonly small?: boolean }
  | { readonly kind: 'list'; readonly items: readonly Rich[] }
  | { readonly kind: 'table'; readonly head: readonly string[]; readonly rows: readonly (readonly Rich[])[] }
  /** Lines of fixed width; a line may be marked so that a drawing with colours can make it stand out. */
  | { readonly kind: 'code'; readonly language: 'text' | 'c'; readonly lines: readonly CodeLine[] }
  /** A drawing of call trees: lines of Mermaid, built from harmless names alone, and the same tree as text. */
  | { readonly kind: 'diagram'; readonly lines: readonly string[]; readonly outline: readonly CodeLine[] };

export interface CodeLine {
  readonly text: string;
  readonly mark?: 'guilty' | 'title' | 'boundary' | 'weak';
}

/** The closed list of sections, in the order in which they stand. */
export type SectionName =
  | 'verdict'
  | 'warnings'
  | 'seen-before'
  | 'stack'
  | 'why'
  | 'source'
  | 'commits'
  | 'other-stacks'
  | 'other-findings'
  | 'if-you-insist'
  | 'whole-stack'
  | 'registers'
  | 'words'
  | 'candidates'
  | 'image'
  | 'boot'
  | 'events'
  | 'damage'
  | 'gaps'
  | 'provenance'
  | 'footer';

export interface Section {
  readonly name: SectionName;
  /** Absent for what needs none: verdict, stack, footer. Our own words. */
  readonly heading?: string;
  /** Shown closed, opened by a click, where the medium can. */
  readonly collapsed: boolean;
  readonly blocks: readonly Block[];
  /** The same in fewer words, for when there is little room; absent where it cannot be said shorter. */
  readonly shorter?: readonly Block[];
}

export type Page = readonly Section[];

export function paragraph(text: Rich): Block {
  return { kind: 'paragraph', text };
}

export function small(text: Rich): Block {
  return { kind: 'paragraph', text, small: true };
}

export function lines(texts: readonly string[]): readonly CodeLine[] {
  return texts.map((text) => ({ text }));
}

/** Sentences joined by a blank. */
export function sentences(...parts: readonly (Rich | undefined)[]): Rich {
  const joined: RichPart[] = [];
  for (const part of parts) {
    if (part === undefined || part.length === 0) continue;
    if (joined.length > 0) joined.push(' ');
    joined.push(...part);
  }
  return joined;
}

/** With a full stop where the sentence has no end of its own. */
export function ended(text: Rich): Rich {
  const last = text.at(-1);
  return text.length === 0 || (typeof last === 'string' && /[.!?:]\s*$/.test(last)) ? text : [...text, '.'];
}

export function count(number: number, one: string, many = `${one}s`): string {
  // Intl would cost 45 ms at its first use
  const digits = String(number).replace(/\B(?=(?:\d{3})+$)/g, ',');
  return `${digits} ${number === 1 ? one : many}`;
}
