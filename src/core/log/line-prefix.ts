/**
 * Prefixes that loggers, terminals, mail and editors put before every line, learned from repetition.
 *
 * In: what stood before each record in its line. Out: the one shape that most records share, if any. Refuses: a list of known
 * loggers; digits and blanks are made alike, so a clock or a counter is one shape.
 */

/** No logger's prefix is longer; what is longer is other text. */
export const longestPrefix = 100;
/** Different shapes kept; a log with more has no prefix. */
const mostShapes = 4096;
/** Fewer records than this show no repetition. */
const fewest = 3;

export interface PrefixLearner {
  add(before: string): void;
  /** The shape, when at least three records and more than half of all have it. */
  learned(): string | undefined;
}

export function prefixLearner(): PrefixLearner {
  const counts = new Map<string, number>();
  let records = 0;
  return {
    add(before) {
      records += 1;
      if (before === '' || before.length > longestPrefix) return;
      const shape = shapeOf(before);
      if (counts.size < mostShapes || counts.has(shape)) counts.set(shape, (counts.get(shape) ?? 0) + 1);
    },
    learned() {
      for (const [shape, count] of counts) if (count >= fewest && count * 2 > records && shape.trim() !== '') return shape;
      return undefined;
    },
  };
}

export function shapeOf(before: string): string {
  return before.replace(/\d+/g, '0').replace(/[ \t]+/g, ' ');
}

const knownPrefix = /^(?:[>|\s]{1,16}|\[[\d\s:.,TZ+-]{3,40}\]\s{0,4}|<\d>|[\d:.,TZ+-]{8,40}\s{1,4}|TTY>\s{0,4})/;

/** For lines that show no repetition: without quotes, clocks and priorities at the start. */
export function withoutPrefix(text: string): string {
  let rest = text;
  for (let pieces = 0; pieces < 4; pieces += 1) {
    const found = knownPrefix.exec(rest);
    if (found === null) break;
    rest = rest.slice(found[0].length);
  }
  return rest;
}
