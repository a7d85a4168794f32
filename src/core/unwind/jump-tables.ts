/**
 * Targets of jumps through tables.
 *
 * In: a table's address and how its words make targets. Out: the targets. Refuses to run on: reading stops at the first word that
 * does not lead to an instruction of the same function, and where the next table begins.
 */
import type { LinkAddress } from '../addresses.js';
import { linkAddress } from '../addresses.js';
import type { Image } from '../image/image.js';
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

function targetOf(image: Image, table: JumpTable, bytes: Uint8Array): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const low = view.getInt32(0, true);
  if (table.relativeTo !== undefined) return image.arch === 'i386' ? (table.relativeTo + low) >>> 0 : table.relativeTo + low;
  if (table.entrySize === 4) return image.arch === 'i386' ? low >>> 0 : low;
  return view.getInt32(4, true) * 2 ** 32 + (low >>> 0);
}
