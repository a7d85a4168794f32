/** ZIPs with labels for every field that may lie. */
import { crc32, deflateRawSync } from 'node:zlib';

export interface EntryPlan {
  readonly path: string;
  readonly bytes: Uint8Array;
  readonly method?: number;
  /** What the directory says, where it is not the truth. */
  readonly central?: {
    readonly crc32?: number;
    readonly compressedSize?: number;
    readonly size?: number;
    readonly offset?: number;
    readonly flags?: number;
    readonly method?: number;
    readonly zip64?: boolean;
    readonly disk?: number;
  };
  /** What the local header says, where it is not the truth. */
  readonly local?: {
    readonly path?: string;
    readonly crc32?: number;
    readonly compressedSize?: number;
    readonly size?: number;
    readonly flags?: number;
    readonly method?: number;
    readonly signature?: number;
  };
  /** Sizes after the data, zeros before it. */
  readonly descriptor?: boolean;
  readonly descriptorCrc?: number;
  /** In place of the deflated bytes. */
  readonly data?: Uint8Array;
}

export interface ArchivePlan {
  readonly entries: readonly EntryPlan[];
  readonly end?: {
    readonly entries?: number;
    readonly entriesHere?: number;
    readonly directorySize?: number;
    readonly directoryOffset?: number;
    readonly disk?: number;
  };
  readonly comment?: Uint8Array;
  /** After everything. */
  readonly trailing?: Uint8Array;
  readonly zip64?: boolean | { readonly entries?: bigint; readonly recordOffset?: bigint };
  /** Between the directory and the end record. */
  readonly gap?: Uint8Array;
}

function le(...fields: readonly (readonly [number, number | bigint])[]): Buffer {
  const buffer = Buffer.alloc(fields.reduce((sum, [size]) => sum + size, 0));
  let at = 0;
  for (const [size, value] of fields) {
    if (size === 8) buffer.writeBigUInt64LE(BigInt(value), at);
    else buffer.writeUIntLE(Number(value), at, size);
    at += size;
  }
  return buffer;
}

export function buildZip({
  entries,
  end = {},
  comment = new Uint8Array(),
  trailing = new Uint8Array(),
  zip64 = false,
  gap = new Uint8Array(),
}: ArchivePlan): Buffer {
  const pieces: Uint8Array[] = [];
  const directory: Uint8Array[] = [];
  let offset = 0;
  const put = (piece: Uint8Array): void => {
    pieces.push(piece);
    offset += piece.length;
  };
  for (const { path, bytes, method = 8, central = {}, local = {}, descriptor = false, descriptorCrc, data } of entries) {
    const name = Buffer.from(path);
    const localName = Buffer.from(local.path ?? path);
    const packed = data ?? (method === 8 ? deflateRawSync(bytes) : bytes);
    const sum = crc32(bytes);
    const flags = 0x0800 | (descriptor ? 8 : 0);
    const start = offset;
    const told = descriptor ? { crc: 0, packed: 0, size: 0 } : { crc: sum, packed: packed.length, size: bytes.length };
    put(
      le(
        [4, local.signature ?? 0x04034b50],
        [2, 20],
        [2, local.flags ?? flags],
        [2, local.method ?? method],
        [4, 0],
        [4, local.crc32 ?? told.crc],
        [4, local.compressedSize ?? told.packed],
        [4, local.size ?? told.size],
        [2, localName.length],
        [2, 0],
      ),
    );
    put(localName);
    put(packed);
    if (descriptor) put(le([4, 0x08074b50], [4, descriptorCrc ?? sum], [4, packed.length], [4, bytes.length]));
    const size = central.size ?? bytes.length;
    const compressedSize = central.compressedSize ?? packed.length;
    const at = central.offset ?? start;
    const long = central.zip64 === true;
    const extra = long ? le([2, 1], [2, 24], [8, size], [8, compressedSize], [8, at]) : Buffer.alloc(0);
    const all = 0xffffffff;
    directory.push(
      le(
        [4, 0x02014b50],
        [2, 45],
        [2, 20],
        [2, central.flags ?? flags],
        [2, central.method ?? method],
        [4, 0],
        [4, central.crc32 ?? sum],
        [4, long ? all : compressedSize],
        [4, long ? all : size],
      ),
      le([2, name.length], [2, extra.length], [2, 0], [2, central.disk ?? 0], [2, 0], [4, 0], [4, long ? all : at]),
      name,
      extra,
    );
  }
  const size = directory.reduce((sum, piece) => sum + piece.length, 0);
  const directoryOffset = end.directoryOffset ?? offset;
  for (const piece of directory) put(piece);
  put(gap);
  const count = end.entries ?? entries.length;
  const told = end.directorySize ?? size;
  if (zip64 !== false) {
    const plan = zip64 === true ? {} : zip64;
    const record = offset;
    put(
      le(
        [4, 0x06064b50],
        [8, 44],
        [2, 45],
        [2, 45],
        [4, 0],
        [4, 0],
        [8, plan.entries ?? count],
        [8, plan.entries ?? count],
        [8, told],
        [8, directoryOffset],
      ),
    );
    put(le([4, 0x07064b50], [4, 0], [8, plan.recordOffset ?? record], [4, 1]));
    put(le([4, 0x06054b50], [2, 0xffff], [2, 0xffff], [2, 0xffff], [2, 0xffff], [4, 0xffffffff], [4, 0xffffffff], [2, comment.length]));
  } else {
    put(
      le(
        [4, 0x06054b50],
        [2, end.disk ?? 0],
        [2, 0],
        [2, end.entriesHere ?? count],
        [2, count],
        [4, told],
        [4, directoryOffset],
        [2, comment.length],
      ),
    );
  }
  put(comment);
  put(trailing);
  return Buffer.concat(pieces);
}
