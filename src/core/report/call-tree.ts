/**
 * Stacks of CPUs that crashed differently, merged from the outermost function inwards, as a drawing.
 *
 * In: one crash of each kind. Out: lines of Mermaid, or `undefined` where a drawing says nothing. Refuses: any character of a foreign
 * name but letters, digits, `_`, `.` and `:`, for GitHub runs the drawing.
 */
import { capped, visible } from './foreign-text.js';
import type { Block, CodeLine } from './page.js';
import type { ReportCrash } from './report.js';
import { exceptionName, functionNames } from './signature.js';

/** A drawing with more boxes than this is read by nobody, and GitHub draws it slowly. */
const mostNodes = 60;
const labelLength = 48;

interface Node {
  readonly id: string;
  readonly name: string;
  readonly children: Map<string, Node>;
}

interface End {
  readonly at: Node;
  readonly text: string;
}

export function mergedTree(crashes: readonly ReportCrash[]): Block | undefined {
  const named = crashes.map((crash) => {
    const names = functionNames(crash.frames, { synthetic: true });
    // a recursion is one box
    return { crash, names: names.filter((name, index) => name !== names[index - 1]).reverse() };
  });
  const drawn = named.filter(({ names }) => names.length > 0).slice(0, 8);
  if (drawn.length < 2) return undefined;
  let made = 0;
  const node = (name: string): Node => ({ id: `n${made++}`, name, children: new Map() });
  const root = node('');
  const ends: End[] = [];
  for (const { crash, names } of drawn) {
    let at = root;
    for (const name of names) {
      const known = at.children.get(name) ?? node(name);
      at.children.set(name, known);
      at = known;
    }
    ends.push({ at, text: `${exceptionName(crash.crash.fault)}${crash.crash.cpu === '' ? '' : ` on CPU ${crash.crash.cpu}`}` });
    if (made > mostNodes) return undefined;
  }
  // stacks with no outer function in common are not one tree
  if (root.children.size === drawn.length) return undefined;
  return {
    kind: 'diagram',
    lines: ['flowchart TD', ...treeLines(root), ...endLines(ends)],
    outline: [{ text: 'outermost first', mark: 'title' }, ...outlineLines(root, ends, '')],
  };
}

function treeLines(root: Node): readonly string[] {
  const lines: string[] = [];
  const waiting: Node[] = [...root.children.values()];
  for (let at = waiting.shift(); at !== undefined; at = waiting.shift()) {
    lines.push(`  ${at.id}["${label(at.name)}"]`);
    for (const child of at.children.values()) {
      lines.push(`  ${at.id} --> ${child.id}`);
      waiting.push(child);
    }
  }
  return lines;
}

function outlineLines(at: Node, ends: readonly End[], indent: string): readonly CodeLine[] {
  return [...at.children.values()].flatMap((child): readonly CodeLine[] => [
    { text: `${indent}${capped(visible(child.name), labelLength)}` },
    ...ends.filter((end) => end.at === child).map(({ text }): CodeLine => ({ text: `${indent}  => ${text}`, mark: 'guilty' })),
    // straight chains stay at one depth, so that a deep stack does not run off the page
    ...outlineLines(child, ends, child.children.size > 1 ? `${indent}  ` : indent),
  ]);
}

function endLines(ends: readonly End[]): readonly string[] {
  return ends.flatMap(({ at, text }, index) => [`  e${index}(["${label(text)}"])`, `  ${at.id} --> e${index}`]);
}

/** `#` begins an entity in Mermaid, so it goes too: `GP on CPU 00`. */
function label(text: string): string {
  const kept = text.replace(/[^A-Za-z0-9_.: ]/g, '').trim();
  return kept === '' ? 'unnamed' : kept.slice(0, labelLength);
}
