/**
 * Compressed sections: SHF_COMPRESSED (gABI, `Elf32_Chdr` and `Elf64_Chdr`) and the older `.zdebug_*` of GNU.
 *
 * In: the stored bytes. Out: a `Region` over the inflated ones. Refuses: methods other than zlib (`unsupported`), a stream
 * whose length is not the declared one, and more than `limits.inflatedBytes`.
 */
import { bytesSource } from '../bytes/byte-source.js';
import { FormatError } from '../bytes/format-error.js';
import { Region } from '../bytes/region.js';
import { limits } from '../limits.js';
import type { Platform } from '../platform.js';

const ELFCOMPRESS_ZLIB = 1;
const ELFCOMPRESS_ZSTD = 2;
const SHF_COMPRESSED = 0x800;
/** Deflate cannot do better than about 1032 to 1. */
const BEST_RATIO = 1032;

export function inflateSection(
  stored: Region,
  header: { readonly flags: number },
  is64: boolean,
  platform: Pick<Platform, 'inflate'>,
): Region {
  const { where } = stored;
  const { size, start } = header.flags & SHF_COMPRESSED ? readHeader(stored, is64) : readGnuHeader(stored);
  if (size > limits.inflatedBytes) throw new FormatError('limit', where, 0, `declares ${size} bytes inflated`);
  const packed = stored.slice(start, stored.size - start);
  if (size > packed.length * BEST_RATIO + 64) {
    throw new FormatError('malformed', where, 0, `declares ${size} bytes inflated from ${packed.length}, more than deflate can hold`);
  }
  // The declared size is a cap, never an allocation.
  const bytes = platform.inflate(packed, size);
  if (bytes.length !== size) throw new FormatError('malformed', where, 0, `declares ${size} bytes inflated, holds ${bytes.length}`);
  return new Region(bytesSource(bytes), where, 0, bytes.length);
}

function readHeader(stored: Region, is64: boolean): { size: number; start: number } {
  const start = is64 ? 24 : 12;
  const cursor = stored.cursor(0, start);
  const method = cursor.u32();
  if (method === ELFCOMPRESS_ZSTD) throw new FormatError('unsupported', stored.where, 0, 'compressed with zstd');
  if (method !== ELFCOMPRESS_ZLIB) throw new FormatError('unsupported', stored.where, 0, `compression method ${method}`);
  if (is64) cursor.skip(4);
  return { size: cursor.offset(is64 ? 8 : 4), start };
}

/** `ZLIB`, then the size in 8 bytes, big endian. */
function readGnuHeader(stored: Region): { size: number; start: number } {
  const bytes = stored.slice(0, 12);
  if (bytes[0] !== 0x5a || bytes[1] !== 0x4c || bytes[2] !== 0x49 || bytes[3] !== 0x42) {
    throw new FormatError('malformed', stored.where, 0, 'compressed section without the ZLIB mark');
  }
  let size = 0;
  for (let index = 4; index < 12; index++) size = size * 256 + (bytes[index] ?? 0);
  if (!Number.isSafeInteger(size)) throw new FormatError('malformed', stored.where, 4, 'inflated size above 2^53');
  return { size, start: 12 };
}
