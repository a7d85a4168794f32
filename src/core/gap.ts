import type { Sentence } from './sentence.js';

/** Something missing, malformed or unsupported, and what would fix it. Never swallowed: every gap reaches the report. */
export interface Gap {
  readonly kind: 'missing' | 'malformed' | 'unsupported' | 'limit';
  /** What it is about: an image path, a section, a log line. */
  readonly where: string;
  /** One plain sentence. */
  readonly problem: Sentence;
  /** One plain sentence that says what a person can do; absent where nobody can do anything. */
  readonly remedy?: Sentence;
}
