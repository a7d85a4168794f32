/** SHA-256 of an ELF's bytes, read in pieces (an image may be hundreds of MB), and of its code alone. */
import type { ByteSource } from '../bytes/byte-source.js';
import type { Platform } from '../platform.js';
import type { Image } from './image.js';

const pieceBytes = 1024 * 1024;

export function* piecesOf(source: ByteSource): Generator<Uint8Array> {
  for (let offset = 0; offset < source.size; offset += pieceBytes) {
    yield source.read(offset, Math.min(pieceBytes, source.size - offset));
  }
}

export function sha256Of(source: ByteSource, platform: Platform): string {
  return platform.sha256(piecesOf(source));
}

/** Sections that overlap could ask for any number of times the file's length. */
const codeBytes = 256 * 1024 * 1024;

/**
 * Of width, and addresses and bytes of the executable sections; names, data and debugging information are left out. `undefined` for
 * more than 256 MiB, or bytes that are not in the file.
 */
export function codeSha256Of(image: Image, platform: Platform): string | undefined {
  const pieces: Uint8Array[] = [];
  const places: string[] = [image.arch];
  let total = 0;
  for (const { address, size, executable, hasBytes } of image.sections) {
    if (!executable || !hasBytes) continue;
    total += size;
    const bytes = total > codeBytes ? undefined : image.bytesAt(address, size);
    if (bytes === undefined) return undefined;
    pieces.push(bytes);
    places.push(`${address}+${size}`);
  }
  return platform.sha256([Uint8Array.from(places.join(' '), (character) => character.charCodeAt(0)), ...pieces]);
}
