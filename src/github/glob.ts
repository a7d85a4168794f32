/**
 * Globs over artifact names and over paths inside a ZIP: `*` (not `/`), `**` (any folders, none too), `?`, `{a,b}`.
 * Matched by walking, never through a regular expression: both sides may be a stranger's.
 */

/** Alternatives of every brace written out, until there are 64; braces beyond that stay as text. */
function spread(pattern: string): readonly string[] {
  let patterns: readonly string[] = [pattern];
  for (;;) {
    const [first = ''] = patterns;
    const found = /\{([^{}]*)\}/.exec(first);
    if (found === null) return patterns;
    const [whole, inner = ''] = found;
    const choices = inner.split(',');
    if (patterns.length * choices.length > 64) return patterns;
    // every pattern holds the same braces at the same place in its order
    patterns = patterns.flatMap((one) => choices.map((choice) => one.replace(whole, () => choice)));
  }
}

/** One path segment against one pattern segment, in linear memory and at most length times length steps. */
function segmentMatches(pattern: string, name: string): boolean {
  let p = 0;
  let n = 0;
  let star = -1;
  let mark = 0;
  while (n < name.length) {
    if (p < pattern.length && (pattern[p] === '?' || (pattern[p] === name[n] && pattern[p] !== '*'))) {
      p += 1;
      n += 1;
    } else if (p < pattern.length && pattern[p] === '*') {
      star = p;
      mark = n;
      p += 1;
    } else if (star >= 0) {
      p = star + 1;
      mark += 1;
      n = mark;
    } else {
      return false;
    }
  }
  while (pattern[p] === '*') p += 1;
  return p === pattern.length;
}

function pathMatches(pattern: readonly string[], path: readonly string[]): boolean {
  // reachable[j]: the pattern so far can have eaten j segments
  let reachable = path.map(() => false);
  reachable = [true, ...reachable];
  for (const part of pattern) {
    const next = reachable.map(() => false);
    if (part === '**') {
      let open = false;
      reachable.forEach((from, j) => {
        open ||= from;
        next[j] = open;
      });
    } else {
      path.forEach((segment, j) => {
        if (reachable[j] === true && segmentMatches(part, segment)) next[j + 1] = true;
      });
    }
    reachable = next;
  }
  return reachable[path.length] === true;
}

export function matchesGlob(pattern: string, path: string): boolean {
  if (pattern.length > 1000 || path.length > 4096) return false;
  const parts = path.split('/');
  return spread(pattern).some((one) => pathMatches(one.split('/'), parts));
}
