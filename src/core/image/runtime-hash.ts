/**
 * The SHA-1 that XMHF computes over its runtime at boot, from the ELF alone: the bytes of the loaded sections at their
 * addresses, zeros between and after them, to the size that the log prints or else to the end of the last allocated section.
 */

import type { Platform } from '../platform.js';
import type { Image } from './image.js';

/** Zeros are hashed in pieces of this many bytes: the image may be 225 MB of mostly .bss. */
const pieceBytes = 1024 * 1024;
/** Beyond this the size in the log is damage. */
const largestImage = 1024n * 1024n * 1024n;

/** `undefined` where a section's bytes are not in the file or the size makes no sense. */
export function runtimeSha1(image: Image, printedSize: bigint | undefined, platform: Platform): string | undefined {
  const sections = image.sections.filter(({ allocated, size }) => allocated && size > 0).sort((one, other) => one.address - other.address);
  const [first] = sections;
  if (first === undefined) return undefined;
  const end = sections.reduce<number>((last, { address, size }) => Math.max(last, address + size), first.address);
  if (printedSize !== undefined && (printedSize > largestImage || printedSize < 1n)) return undefined;
  const size = printedSize === undefined ? end - first.address : Number(printedSize);
  const pieces = piecesOf(image, first.address, size);
  return pieces === undefined ? undefined : platform.sha1(pieces);
}

function piecesOf(image: Image, start: number, size: number): Iterable<Uint8Array> | undefined {
  const pieces: { readonly at: number; readonly bytes: Uint8Array }[] = [];
  for (const { allocated, hasBytes, address, size: length } of image.sections) {
    if (!allocated || !hasBytes || length === 0) continue;
    const bytes = image.bytesAt(address, length);
    if (bytes === undefined || address < start || address + length > start + size) return undefined;
    pieces.push({ at: address - start, bytes });
  }
  pieces.sort((one, other) => one.at - other.at);
  return withZeros(pieces, size);
}

function* withZeros(pieces: readonly { readonly at: number; readonly bytes: Uint8Array }[], size: number): Generator<Uint8Array> {
  const zeros = new Uint8Array(pieceBytes);
  let at = 0;
  function* fill(until: number): Generator<Uint8Array> {
    while (at < until) {
      const length = Math.min(pieceBytes, until - at);
      yield zeros.subarray(0, length);
      at += length;
    }
  }
  for (const piece of pieces) {
    yield* fill(piece.at);
    yield piece.bytes;
    at = piece.at + piece.bytes.length;
  }
  yield* fill(size);
}
