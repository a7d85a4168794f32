import { plain, type Sentence } from '../core/sentence.js';

/**
 * Why an answer cannot be given as asked. What becomes of it is decided once, in `main.ts`:
 *
 * - `input`, `permission`: a person must act on the workflow. The step fails.
 * - `question`: a person can mend the question. Told in the comment, the step passes with a warning.
 * - `gone`: nobody to answer to (the issue or the question was deleted, locked, archived). The step passes with a warning.
 * - `unreachable`, `rate-limit`: GitHub's bad day. The step passes with a warning, the summary says so.
 * - `cancelled`: the job was told to stop. Nothing more is sent.
 */
export type ProblemKind = 'input' | 'permission' | 'question' | 'gone' | 'unreachable' | 'rate-limit' | 'cancelled';

export class Problem extends Error {
  override readonly name = 'Problem';
  constructor(
    readonly kind: ProblemKind,
    /** What is wrong and what to do, in plain words. */
    readonly sentence: Sentence,
    cause?: unknown,
  ) {
    super(plain(sentence), cause === undefined ? undefined : { cause });
  }
}
