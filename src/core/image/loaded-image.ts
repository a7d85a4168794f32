/** An image at the place where it ran. */
import type { Sentence } from '../sentence.js';
import type { Image } from './image.js';

export interface LoadedImage {
  readonly image: Image;
  /** Runtime minus link address. */
  readonly bias: bigint;
  /** How the bias was found; absent where it is 0 because the image runs where it was linked. */
  readonly biasFrom?: Sentence;
  /** Linked for one place and found at another, by its calls alone: never more than `ambiguous`. */
  readonly isMoved?: boolean;
}
