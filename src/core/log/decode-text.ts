/**
 * Bytes of a log file to text. UTF-8 with or without a mark, UTF-16 of either order (with a mark, or told by its NULs),
 * else Windows-1252: serial captures hold line noise, and one bad byte must not cost the rest.
 */
const decodeWith = (encoding: string, bytes: Uint8Array): string => new TextDecoder(encoding).decode(bytes);

/** Of the first bytes, how many at even and odd offsets are NUL. */
function nulsByParity(bytes: Uint8Array): { readonly even: number; readonly odd: number; readonly pairs: number } {
  const length = Math.min(bytes.length, 512);
  let even = 0;
  let odd = 0;
  for (let at = 0; at < length; at += 1) {
    if (bytes[at] !== 0) continue;
    if (at % 2 === 0) even += 1;
    else odd += 1;
  }
  return { even, odd, pairs: length >> 1 };
}

export function decodeText(bytes: Uint8Array): string {
  if (bytes[0] === 0xff && bytes[1] === 0xfe) return decodeWith('utf-16le', bytes);
  if (bytes[0] === 0xfe && bytes[1] === 0xff) return decodeWith('utf-16be', bytes);
  const { even, odd, pairs } = nulsByParity(bytes);
  // Latin text in UTF-16 has a NUL in nearly every pair, always on the same side
  if (pairs >= 8 && odd > pairs * 0.8 && even === 0) return decodeWith('utf-16le', bytes);
  if (pairs >= 8 && even > pairs * 0.8 && odd === 0) return decodeWith('utf-16be', bytes);
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    // not UTF-8: every byte has a meaning in Windows-1252
    return decodeWith('windows-1252', bytes);
  }
}
