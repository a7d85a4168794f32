/**
 * The dumped stack words of one CPU.
 *
 * In: words in the order printed, each address once. Out: `StackMemory`. Refuses: nothing; a hole answers `undefined`.
 */
import { type RuntimeAddress, runtimeAddress, type WordSize } from '../addresses.js';
import type { StackMemory, StackWord } from './crash-log.js';

const { asUintN } = BigInt;
const toBigInt = BigInt;

export function stackMemory(words: readonly StackWord[], wordSize: WordSize, complete: boolean): StackMemory {
  const values = new Map<bigint, bigint>();
  let lowest: RuntimeAddress | undefined;
  let highest: RuntimeAddress | undefined;
  for (const word of words) {
    values.set(word.address, word.value);
    if (lowest === undefined || word.address < lowest) lowest = word.address;
    if (highest === undefined || word.address > highest) highest = word.address;
  }
  const size = toBigInt(wordSize);
  const phase = lowest === undefined ? 0n : lowest % size;

  function read(address: bigint, length: number): bigint | undefined {
    if (!Number.isInteger(length) || length < 1 || length > 16) return undefined;
    const skip = (((address - phase) % size) + size) % size;
    let at = address - skip;
    let taken = -Number(skip);
    let result = 0n;
    while (taken < length) {
      const value = values.get(at);
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
    wordAt: (address) => values.get(address),
    read: (address, length) => (length === wordSize ? (values.get(address) ?? read(address, length)) : read(address, length)),
  };
}
