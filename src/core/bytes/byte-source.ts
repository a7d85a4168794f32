/**
 * Random access to bytes that somebody else holds: a file on disk, a buffer, a range of a ZIP entry.
 *
 * Core asks for what it needs by offset and length; a source is never loaded whole.
 */
export interface ByteSource {
  /** Bytes in all. */
  readonly size: number;
  /**
   * The `length` bytes from `offset` on. Both are whole numbers and `offset + length <= size`;
   * the caller (ELF and DWARF readers, through their cursor) has checked that. May be a view: do not write.
   */
  read(offset: number, length: number): Uint8Array;
}

export function bytesSource(bytes: Uint8Array): ByteSource {
  return { size: bytes.length, read: (offset, length) => bytes.subarray(offset, offset + length) };
}
