/**
 * From stack records to `StackMemory`: order, gaps, repeats, contradictions.
 *
 * In: the words as read. Out: memory that holds a word only where the log leaves no doubt about its address and value.
 * Refuses: to place a word at an address that the rows around it contradict.
 */
import { hex, type WordSize } from '../addresses.js';
import { limits } from '../limits.js';
import { say } from '../sentence.js';
import type { StackMemory, StackWord } from './crash-log.js';
import type { DumpNote, OpenDump } from './open-dump.js';
import { stackMemory } from './stack-memory.js';

export function checkStack(
  dump: OpenDump,
  width: WordSize,
  stackPointer: bigint | undefined,
  stackTop: bigint | undefined,
  notes: DumpNote[],
): StackMemory {
  const step = BigInt(width);
  const kept = isOneRow(dump.words, step, stackPointer) ? dump.words : withoutDoubt(dump.words, step, stackPointer, notes);
  if (dump.words.length >= limits.stackWords) {
    notes.push({
      kind: 'too-many',
      line: dump.lastLine,
      detail: say`The dump has more than ${limits.stackWords} words; the rest is left out.`,
    });
  }
  let gaps = 0;
  for (const [index, word] of kept.entries()) {
    const before = kept[index - 1];
    if (before === undefined || word.address === before.address + step) continue;
    gaps += 1;
    const lost = (word.address - before.address) / step - 1n;
    notes.push({
      kind: 'stack-gap',
      line: word.line,
      detail:
        lost > 0n
          ? say`Between ${hex(before.address)} and ${hex(word.address)} ${lost} words are missing.`
          : say`After ${hex(before.address)} the dump goes back to ${hex(word.address)}.`,
    });
  }
  const first = kept[0];
  const startsRight = first !== undefined && stackPointer !== undefined && first.address === stackPointer;
  if (first !== undefined && stackPointer !== undefined && first.address > stackPointer) {
    notes.push({
      kind: 'stack-gap',
      line: first.line,
      detail: say`The dump starts at ${hex(first.address)}, not at the printed stack pointer ${hex(stackPointer)}: its first words are missing.`,
    });
  }
  if (!dump.ended) {
    notes.push({
      kind: 'no-end-marker',
      line: dump.lastLine,
      detail: say`The end marker of this dump is missing.`,
    });
    notes.push({
      kind: 'stack-truncated',
      line: dump.lastLine,
      detail:
        first === undefined
          ? say`The dump ends before its first stack word.`
          : say`The dump may have gone on after ${hex(last(kept)?.address ?? first.address)}.`,
    });
  } else if (first === undefined) {
    notes.push({ kind: 'stack-truncated', line: dump.lastLine, detail: say`The dump holds no stack word that can be read.` });
  }
  // The handler dumps up to the stack pointer that the CPU started with: 0, 4 (i386) or 8 (amd64) bytes below the top.
  const top = stackTop === undefined || first === undefined ? undefined : stackTop - (last(kept)?.address ?? 0n) - step;
  if (top !== undefined && top > step && dump.ended) {
    notes.push({
      kind: 'stack-truncated',
      line: dump.lastLine,
      detail: say`The dump ends ${top} bytes below the top of this CPU's stack, which the log prints as ${hex(stackTop ?? 0n)}: its last words are missing.`,
    });
  }
  const complete =
    !dump.shortened &&
    (top === undefined || top <= step) &&
    dump.ended &&
    startsRight &&
    gaps === 0 &&
    dump.unreadWords === 0 &&
    kept.length === dump.words.length;
  return stackMemory(kept, width, complete);
}

/** From the printed stack pointer on, without a gap: nothing to doubt. */
function isOneRow(words: readonly StackWord[], step: bigint, stackPointer: bigint | undefined): boolean {
  let wanted = stackPointer;
  for (const { address } of words) {
    if (address !== wanted) return false;
    wanted += step;
  }
  return true;
}

function last<T>(items: readonly T[]): T | undefined {
  return items[items.length - 1];
}

function withoutDoubt(words: readonly StackWord[], step: bigint, stackPointer: bigint | undefined, notes: DumpNote[]): StackWord[] {
  const values = new Map<bigint, bigint>();
  const doubtful = new Set<bigint>();
  const kept: StackWord[] = [];
  for (const [index, word] of words.entries()) {
    if (isStray(words, index, step, stackPointer)) {
      notes.push({
        kind: 'bad-digit',
        line: word.line,
        detail: say`The address ${hex(word.address)} does not fit between the rows before and after it; the word is not used.`,
      });
      continue;
    }
    const known = values.get(word.address);
    if (known === undefined) {
      values.set(word.address, word.value);
      kept.push(word);
      continue;
    }
    if (known === word.value) {
      notes.push({ kind: 'stack-repeat', line: word.line, detail: say`The word at ${hex(word.address)} stands a second time.` });
      continue;
    }
    doubtful.add(word.address);
    notes.push({
      kind: 'stack-repeat',
      line: word.line,
      detail: say`The word at ${hex(word.address)} stands twice with different values; neither is used.`,
    });
  }
  return doubtful.size === 0 ? kept : kept.filter((word) => !doubtful.has(word.address));
}

/**
 * The rows around it tell: they leave exactly its own place between them and it is not there, or it is at no word's place.
 * Before the first row the printed stack pointer stands in.
 */
function isStray(words: readonly StackWord[], index: number, step: bigint, stackPointer: bigint | undefined): boolean {
  const word = words[index];
  if (word === undefined) return false;
  const before = words[index - 1]?.address ?? (index === 0 && stackPointer !== undefined ? stackPointer - step : undefined);
  const after = words[index + 1]?.address;
  const { address } = word;
  if (before !== undefined && after !== undefined) {
    if (after === before + 2n * step) return address !== before + step && address !== before;
    if (after === before + step) return address !== before && address !== after;
  }
  const neighbour = before ?? after;
  if (neighbour === undefined) return false;
  const distance = address - neighbour;
  return distance % step !== 0n || distance > widestDump || -distance > widestDump;
}

/** A dump spans one CPU's stack: 16 KiB on i386, 64 KiB on amd64; four times that. */
const widestDump = 0x4_0000n;
