/** SHA-256 of an ELF's bytes, read in pieces: an image may be hundreds of MB. */
import type { ByteSource } from '../bytes/byte-source.js';
import type { Platform } from '../platform.js';

const pieceBytes = 1024 * 1024;

export function* piecesOf(source: ByteSource): Generator<Uint8Array> {
  for (let offset = 0; offset < source.size; offset += pieceBytes) {
    yield source.read(offset, Math.min(pieceBytes, source.size - offset));
  }
}

export function sha256Of(source: ByteSource, platform: Platform): string {
  return platform.sha256(piecesOf(source));
}
