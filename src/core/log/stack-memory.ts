/**
 * The dumped stack words of one CPU.
 *
 * In: words in the order printed, each address once. Out: `StackMemory`. Refuses: nothing; a hole answers `undefined`.
 */
import { runtimeAddress, type WordSize } from '../addresses.js';
import type { StackMemory, StackWord } from './crash-log.js';

const { asUintN } = BigInt;
const toBigInt = BigInt;
const toNumber = Number;
const { isInteger } = Number;

export function stackMemory(words: readonly StackWord[], wordSize: WordSize, complete: boolean): StackMemory {
  const size = toBigInt(wordSize);
  const [first] = words;
  let lowest = first?.address;
  let highest = first?.address;
  let inRow = true;
  let wanted: bigint | undefined = first?.address;
  for (const { address } of words) {
    if (address !== wanted) inRow = false;
    else wanted += size;
    if (lowest !== undefined && address < lowest) lowest = address;
    if (highest !== undefined && address > highest) highest = address;
  }
  const phase = lowest === undefined ? 0n : lowest % size;
  let map: Map<bigint, bigint> | undefined;

  function wordAt(address: bigint): bigint | undefined {
    if (!inRow) {
      map ??= new Map(words.map((word) => [word.address, word.value]));
      return map.get(address);
    }
    if (lowest === undefined || highest === undefined || address < lowest || address > highest) return undefined;
    const offset = toNumber(address - lowest);
    return offset % wordSize === 0 ? words[offset / wordSize]?.value : undefined;
  }

  function read(address: bigint, length: number): bigint | undefined {
    if (!isInteger(length) || length < 1 || length > 16) return undefined;
    const skip = (((address - phase) % size) + size) % size;
    let at = address - skip;
    let taken = -toNumber(skip);
    let result = 0n;
    while (taken < length) {
      const value = wordAt(at);
      if (value === undefined) return undefined;
      result |= taken < 0 ? value >> toBigInt(-taken * 8) : value << toBigInt(taken * 8);
      taken += wordSize;
      at += size;
    }
    return asUintN(length * 8, result);
  }

  return {
    words,
    wordSize,
    complete,
    range: lowest === undefined || highest === undefined ? undefined : { start: lowest, end: runtimeAddress(highest + size) },
    wordAt,
    read: (address, length) => (length === wordSize ? (wordAt(address) ?? read(address, length)) : read(address, length)),
  };
}
