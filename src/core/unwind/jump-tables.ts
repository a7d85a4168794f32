/**
 * Targets of jumps through tables.
 *
 * In: a table's address and how its words make targets. Out: the targets. Refuses to run on: reading stops at the first word that
 * does not lead to an instruction of the same function, and where the next table begins.
 */
import type { LinkAddress } from '../addresses.js';
import { linkAddress } from '../addresses.js';
import type { Image } from '../image/image.js';
import type { Instruction, Operand } from '../platform.js';
import { registerPart } from './registers.js';
import type { Value } from './values.js';

export interface JumpTable {
  readonly address: number;
  readonly entrySize: 4 | 8;
  /** Added to each word; absent where the words are addresses themselves. */
  readonly relativeTo?: number;
}

/** The largest switch of a kernel seen has 512 cases. */
const ENTRIES = 4096;

export function tableOf(value: Value): JumpTable | undefined {
  if (value.kind === 'table-word' && (value.size === 4 || value.size === 8)) return { address: value.table, entrySize: value.size };
  if (value.kind === 'table-target') return { address: value.table, entrySize: 4, relativeTo: value.relativeTo };
  return undefined;
}

export function readTable(
  image: Image,
  table: JumpTable,
  lands: (target: number) => boolean,
  otherTables: ReadonlySet<number>,
  most = ENTRIES,
): readonly LinkAddress[] {
  const targets: LinkAddress[] = [];
  for (let index = 0; index < most; index++) {
    const at = table.address + index * table.entrySize;
    if (index > 0 && otherTables.has(at)) break;
    const bytes = image.bytesAt(linkAddress(at), table.entrySize);
    if (bytes === undefined) break;
    const target = targetOf(image, table, bytes);
    if (!lands(target)) break;
    targets.push(linkAddress(target));
  }
  return targets;
}

/** Instructions between the comparison and the jump. */
const BOUND_DISTANCE = 16;

/**
 * Entries that the bounds check before the jump lets through: `cmp index, N` and `ja` to the default case. `before` are the
 * instructions up to the jump, nearest last. `undefined` where no check of the same value stands there.
 */
export function boundOf(before: readonly Instruction[]): number | undefined {
  const from = Math.max(1, before.length - BOUND_DISTANCE);
  for (let index = before.length - 1; index >= from; index--) {
    const branch = before[index];
    if (branch?.flow !== 'branch') continue;
    const compare = before[index - 1];
    if (compare?.mnemonic !== 'cmp' || (branch.mnemonic !== 'ja' && branch.mnemonic !== 'jae')) return undefined;
    const [value, limit] = compare.operands;
    if (value === undefined || limit?.kind !== 'immediate' || limit.value < 0n) return undefined;
    if (!flowsToEnd(value, before.slice(index + 1))) return undefined;
    return Number(limit.value) + (branch.mnemonic === 'ja' ? 1 : 0);
  }
  return undefined;
}

/** Whether the compared value is what the table is indexed with: followed through copies, extensions and scaling. */
function flowsToEnd(value: Operand, path: readonly Instruction[]): boolean {
  const holding = new Set<number>();
  if (value.kind === 'register') holding.add(registerNumber(value.register));
  for (const instruction of path) {
    const memory = instruction.operands.find((operand) => operand.kind === 'memory');
    const indexed = memory !== undefined && memory.access !== 'none' && usesAny(memory, holding);
    if (indexed) return true;
    const carries =
      instruction.reads.some((name) => holding.has(registerNumber(name))) ||
      (memory !== undefined && value.kind === 'memory' && isSamePlace(memory, value));
    for (const name of instruction.writes) {
      if (carries) holding.add(registerNumber(name));
      else holding.delete(registerNumber(name));
    }
  }
  return false;
}

function registerNumber(name: string): number {
  return registerPart(name)?.index ?? -1;
}

type Memory = Extract<Operand, { kind: 'memory' }>;

function usesAny(memory: Memory, holding: ReadonlySet<number>): boolean {
  return [memory.base, memory.index].some((name) => name !== undefined && holding.has(registerNumber(name)));
}

function isSamePlace(a: Memory, b: Memory): boolean {
  return a.base === b.base && a.index === b.index && a.displacement === b.displacement;
}

function targetOf(image: Image, table: JumpTable, bytes: Uint8Array): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const low = view.getInt32(0, true);
  if (table.relativeTo !== undefined) return image.arch === 'i386' ? (table.relativeTo + low) >>> 0 : table.relativeTo + low;
  if (table.entrySize === 4) return image.arch === 'i386' ? low >>> 0 : low;
  return view.getInt32(4, true) * 2 ** 32 + (low >>> 0);
}
