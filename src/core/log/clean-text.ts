/**
 * What terminals, editors, browsers and trackers do to the characters of a log, undone for matching only.
 *
 * In: one segment. Out: the same with every look-alike turned into the ASCII that the printer sent, and whether characters
 * were met that no printer sends. Refuses: nothing. Digits are never repaired: `px10` stays `px10`.
 */

import { odd } from './log-text.js';

export interface CleanText {
  readonly text: string;
  /** NUL, ESC, other control characters or zero-width ones were left out. */
  readonly controls: boolean;
}

/** CSI, OSC and two-character escape sequences (ECMA-48), each with a bounded length. */
const escapes = /\x1b(?:\[[0-9;:?<=>]{0,32}[ -/]{0,4}[@-~]|\][^\x07\x1b]{0,256}(?:\x07|\x1b\\)|[ -/]{0,4}[0-~])/g;
const controls = /[\x00-\x08\x0b-\x1f\x7f\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff\ufff9-\ufffb]/g;
const blanks = /[\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000]/g;
const lookalikes = /[\uff01-\uff5e\u2018-\u201f\u2032\u2033\u2010-\u2015\u2212\u2026\u2192\u21d2\u00d7]/g;
const entities = /&(?:gt|lt|amp|quot|apos|nbsp|#39|#x27|#34);/g;
/** Markdown's escape of characters that records are made of. */
const markdownEscapes = /\\(?=[[\]()_*#<>|{}~-])/g;

const entityText: Readonly<Record<string, string>> = {
  '&gt;': '>',
  '&lt;': '<',
  '&amp;': '&',
  '&quot;': '"',
  '&apos;': "'",
  '&#39;': "'",
  '&#x27;': "'",
  '&#34;': '"',
  '&nbsp;': ' ',
};

/** `oddness`: sum of the `odd` values of what `text` holds; what it does not hold is not looked for. */
export function cleanText(text: string, oddness: number): CleanText {
  let clean = text;
  if ((oddness & (odd.control | odd.foreign)) !== 0) clean = clean.replace(escapes, '').replace(controls, '');
  const found = clean.length !== text.length;
  if ((oddness & odd.foreign) !== 0) clean = clean.replace(blanks, ' ').replace(lookalikes, plainForm);
  if ((oddness & odd.ampersand) !== 0) clean = clean.replace(entities, (entity) => entityText[entity] ?? entity);
  if ((oddness & odd.backslash) !== 0) clean = clean.replace(markdownEscapes, '');
  if ((oddness & odd.caret) !== 0 && clean.endsWith('^M')) clean = clean.slice(0, -2);
  return { text: clean, controls: found };
}

function plainForm(character: string): string {
  const code = character.charCodeAt(0);
  if (code >= 0xff01 && code <= 0xff5e) return String.fromCharCode(code - 0xfee0);
  switch (code) {
    case 0x2018:
    case 0x2019:
    case 0x201a:
    case 0x201b:
    case 0x2032:
      return "'";
    case 0x201c:
    case 0x201d:
    case 0x201e:
    case 0x201f:
    case 0x2033:
      return '"';
    case 0x2026:
      return '...';
    case 0x2192:
    case 0x21d2:
      return '->';
    case 0x00d7:
      return 'x';
    default:
      // Hyphens and dashes: editors make one of `--`, so the marker patterns take any number.
      return '-';
  }
}
