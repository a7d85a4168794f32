/**
 * Shapes of other projects' crash output, counted for the notes on a log of no known dialect.
 *
 * In: segments. Out: sentences. Refuses: to read values out of them; they only help a person to see what came in.
 */
import { type Sentence, say } from '../sentence.js';

interface Shape {
  readonly name: string;
  readonly probe: string;
}

const shapes: readonly Shape[] = [
  { name: 'Linux call trace', probe: 'Call Trace:' },
  { name: 'Linux oops', probe: 'Oops: ' },
  { name: 'kernel panic', probe: 'panic' },
  { name: 'Linux registers', probe: 'RIP: 0010:' },
  { name: 'Xen registers', probe: 'Xen call trace' },
  { name: 'backtrace', probe: 'Backtrace' },
  { name: 'segmentation fault', probe: 'egmentation fault' },
  { name: 'unhandled exception', probe: 'nhandled exception' },
  { name: 'stack dump', probe: 'tack dump' },
  { name: 'assertion', probe: 'ssert' },
  { name: 'guru meditation', probe: 'Guru Meditation' },
  { name: 'stack word of XMHF', probe: 'Stack(0x' },
];

/** Lines beyond this many do not change what a person learns from the notes. */
const enoughLines = 20_000;
const longest = 4096;

export interface ShapeCounter {
  take(text: string): void;
  notes(): readonly Sentence[];
}

export function shapeCounter(): ShapeCounter {
  const counts = new Map<string, number>();
  let hexWords = 0;
  let lines = 0;

  return {
    take(text) {
      lines += 1;
      if (lines > enoughLines) return;
      const part = text.length > longest ? text.slice(0, longest) : text;
      for (const { name, probe } of shapes) if (part.includes(probe)) counts.set(name, (counts.get(name) ?? 0) + 1);
      let at = part.indexOf('0x');
      while (at >= 0) {
        hexWords += 1;
        at = part.indexOf('0x', at + 2);
      }
    },
    notes() {
      const read = lines > enoughLines ? say`the first ${enoughLines} lines` : say`it`;
      const notes: Sentence[] = [say`In ${read} stand ${hexWords} numbers written with 0x.`];
      for (const [name, count] of counts) notes.push(say`Lines that look like ${name}: ${count}.`);
      return notes;
    },
  };
}
