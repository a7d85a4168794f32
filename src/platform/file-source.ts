/** A file on disk as a ByteSource: read by offset and length, never loaded whole. */
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import type { ByteSource } from '../core/bytes/byte-source.js';

export interface FileSource extends ByteSource {
  close(): void;
}

/** Throws what `node:fs` throws (ENOENT, EACCES, EISDIR), and Error for what is no regular file. */
export function openFile(path: string): FileSource {
  const descriptor = openSync(path, 'r');
  const status = fstatSync(descriptor);
  if (!status.isFile()) {
    closeSync(descriptor);
    throw Object.assign(new Error(`${path} is no regular file`), { code: status.isDirectory() ? 'EISDIR' : 'EINVAL' });
  }
  return {
    size: status.size,
    read(offset, length) {
      const bytes = new Uint8Array(length);
      let got = 0;
      while (got < length) {
        const count = readSync(descriptor, bytes, got, length - got, offset + got);
        if (count === 0) throw new Error(`${path} became shorter while it was read`);
        got += count;
      }
      return bytes;
    },
    close: () => closeSync(descriptor),
  };
}
