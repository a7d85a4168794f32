/**
 * From the signals of one image to its verdict.
 *
 * In: evidence as counts. Out: one word. Refuses: a match on words alone, and any belief against a signal that refutes
 * (docs/decisions/0007).
 */
import type { MatchEvidence, Verdict } from '../report/report.js';

/** Signals that one failure refutes. The others (calls, code words) have honest failures: an overwritten slot, a pointer. */
const refuting = new Set<MatchEvidence['check']>([
  'width',
  'pc-in-code',
  'bytes-fit-fault',
  'vcpu-in-array',
  'stack-in-array',
  'link-address',
  'image-sha1',
  'image-length',
]);

/** Fewer verified frames than this can be chance: about one word in fifteen of foreign code follows a CALL. */
const enoughFrames = 3;
/** Right images pass 80 % of their code words and more; an image that only shares its beginning passes half (docs/UNWINDING.md). */
const enoughCodeWords = 0.7;

export function verdictOf(evidence: readonly MatchEvidence[]): Verdict {
  const by = (check: MatchEvidence['check']): MatchEvidence | undefined => evidence.find((entry) => entry.check === check);
  const holds = (check: MatchEvidence['check']): boolean => by(check) !== undefined && by(check)?.passed === by(check)?.of;
  const calls = by('call-before-return-address') ?? { passed: 0, of: 0 };
  const words = by('code-words') ?? { passed: 0, of: 0 };
  const chain = calls.passed >= enoughFrames && calls.passed === calls.of;
  const manyWords = words.passed >= words.of * enoughCodeWords;
  const refuted = evidence.filter(({ check, passed, of }) => refuting.has(check) && passed < of);
  if (refuted.length > 0) {
    // another image by its hash or length, yet every address agrees: the same code with other data, or a difference elsewhere
    const onlyElsewhere = refuted.every(({ check }) => check === 'image-sha1' || check === 'image-length');
    return onlyElsewhere && chain && manyWords && words.passed >= 2 * enoughFrames ? 'ambiguous' : 'mismatch';
  }
  if (calls.of > 0 && calls.passed * 2 < calls.of) return 'mismatch';
  if (words.of >= 2 * enoughFrames && words.passed * 2 < words.of) return 'mismatch';
  if (holds('image-sha1')) return 'match';
  const data = holds('vcpu-in-array') || holds('stack-in-array');
  if (chain && data && manyWords) return 'match';
  // a short stack, but whole, and nothing that could be tested disagrees
  const all = calls.passed >= 2 && calls.passed === calls.of && words.passed === words.of;
  if (all && holds('bytes-fit-fault') && holds('vcpu-in-array') && holds('stack-in-array')) return 'probable';
  return manyWords && (chain || (holds('image-length') && calls.passed === calls.of)) ? 'probable' : 'unverifiable';
}
