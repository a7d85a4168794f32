/**
 * Source line to code: the line table read backwards.
 *
 * In: a file as a log prints it (any tail of its path) and a line. Out: the pieces of code of that line. Reads the line tables of all units
 * whose files fit, so it is for the few lines that a log names.
 */
import { type LinkAddress, linkAddress } from '../addresses.js';
import { fileName } from '../dwarf/line-header.js';
import type { Image } from './image.js';
import { OpenedImage } from './open-image.js';

export interface LinePlace {
  readonly file: string;
  readonly start: LinkAddress;
  readonly end: LinkAddress;
}

/** Pieces of one line that are told; a line of a header stands in many units. */
const MOST_PLACES = 256;

/** `undefined` where the image has no line table at all. */
export function codeAtLine(image: Image, file: string, line: number): readonly LinePlace[] | undefined {
  if (!(image instanceof OpenedImage)) return undefined;
  const debug = image.debugInfo;
  if (debug === undefined) return undefined;
  const wanted = parts(file);
  const found: LinePlace[] = [];
  let hasTable = false;
  for (const open of debug.allUnits()) {
    const table = debug.lines(open);
    if (table === undefined) continue;
    hasTable = true;
    const { files, lines, addresses, fileNumbers, sequences } = table;
    const fits = new Map<number, string | undefined>();
    for (const sequence of sequences) {
      for (let row = sequence.first; row < sequence.last; row++) {
        if (lines[row] !== line) continue;
        const number = fileNumbers[row] ?? 0;
        if (!fits.has(number)) {
          const name = image.attempt('file name', () => fileName(files, number, open.compilationDirectory, debug.sections));
          fits.set(number, name !== undefined && endsWith(parts(name), wanted) ? name : undefined);
        }
        const name = fits.get(number);
        if (name === undefined) continue;
        const start = addresses[row] ?? 0;
        const end = row + 1 < sequence.last ? (addresses[row + 1] ?? start) : sequence.high;
        const last = found.at(-1);
        // Rows of one line after the other are one piece: an assembly macro has one for each instruction.
        if (last !== undefined && last.end === start && last.file === name) found[found.length - 1] = { ...last, end: linkAddress(end) };
        else if (found.length < MOST_PLACES) found.push({ file: name, start: linkAddress(start), end: linkAddress(end) });
      }
    }
  }
  return hasTable ? found : undefined;
}

/** Without `.` and with `..` taken back, so that `../a/b.c` and `/x/a/b.c` agree. */
function parts(path: string): string[] {
  const kept: string[] = [];
  for (const part of path.split('/')) {
    if (part === '..') {
      kept.pop();
    } else if (part !== '.' && part !== '') kept.push(part);
  }
  return kept;
}

function endsWith(path: readonly string[], tail: readonly string[]): boolean {
  const start = path.length - tail.length;
  return tail.length > 0 && start >= 0 && tail.every((part, index) => part === path[start + index]);
}
