/**
 * The bias of an image that runs elsewhere than it was linked, found from the dump alone: the one at which stack words that
 * point into the code follow a CALL.
 *
 * In: the image, crashes whose PCs no image covers. Out: the bias, or `undefined` where none leads clearly. Refuses to guess:
 * a bias needs several different words behind CALLs, and twice as many as the next best.
 */
import { hex, linkAddressOf, linkAddressValue, type RuntimeAddress } from '../addresses.js';
import type { CpuCrash } from '../log/crash-log.js';
import type { Platform } from '../platform.js';
import { say } from '../sentence.js';
import { callBefore } from '../unwind/call-sites.js';
import type { Image } from './image.js';
import type { LoadedImage } from './loaded-image.js';
import { codeStart } from './place-image.js';

/** Images are moved by whole pages. */
const pageBytes = 4096n;
/** Different words behind a CALL below which a bias may be chance: one word in fifteen follows a CALL anywhere. */
const enoughWords = 4;
/** Words taken from the dumps: each is looked at once for every bias. */
const mostWords = 2048;
/** A runtime's code has under 1,000 pages; a bias is tried for each. */
const mostPages = 16_384n;

export function findBias(image: Image, crashes: readonly CpuCrash[], platform: Platform): LoadedImage | undefined {
  const start = codeStart(image);
  const pcs = new Set(crashes.flatMap(({ fault }) => fault.pc ?? []));
  const [pc] = pcs;
  if (start === undefined || pc === undefined) return undefined;
  const words = wordsOf(crashes);
  const scores: { readonly bias: bigint; readonly score: number }[] = [];
  for (const bias of biases(image, pc)) {
    if (![...pcs].every((other) => isCode(image, other, bias))) continue;
    scores.push({ bias, score: score(image, words, bias, platform) });
  }
  const [best, second] = scores.sort((one, other) => other.score - one.score);
  if (best === undefined || best.score < enoughWords || (second !== undefined && second.score * 2 > best.score)) return undefined;
  return {
    image,
    bias: best.bias,
    isMoved: image.type === 'executable',
    biasFrom: say`moved by ${hex(best.bias)}: there ${best.score} different stack words follow a CALL, at the next best place ${second?.score ?? 0}`,
  };
}

/** Every bias of whole pages at which `pc` lies in an executable section. */
function* biases(image: Image, pc: RuntimeAddress): Generator<bigint> {
  for (const { executable, hasBytes, address, size } of image.sections) {
    if (!executable || !hasBytes) continue;
    const first = linkAddressValue(address);
    const last = first + BigInt(size) - 1n;
    // bias = pc - link address, rounded to pages
    const lowest = (pc - last + pageBytes - 1n) / pageBytes;
    const highest = (pc - first) / pageBytes;
    for (let page = lowest; page <= highest && page - lowest < mostPages; page += 1n) yield page * pageBytes;
  }
}

function isCode(image: Image, address: bigint, bias: bigint): boolean {
  const link = linkAddressOf(address - bias);
  return link !== undefined && image.isCode(link);
}

function wordsOf(crashes: readonly CpuCrash[]): readonly bigint[] {
  const words = new Set<bigint>();
  for (const { stack } of crashes) for (const { value } of stack.words) if (value >= pageBytes && words.size < mostWords) words.add(value);
  return [...words];
}

function score(image: Image, words: readonly bigint[], bias: bigint, platform: Platform): number {
  return words.filter((word) => {
    const link = linkAddressOf(word - bias);
    return link !== undefined && image.isCode(link) && callBefore(image, link, platform.decode) !== undefined;
  }).length;
}
