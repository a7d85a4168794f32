/** Stretches of addresses that do not overlap, sorted by their start, as three arrays side by side. */

/** The owner of the stretch that holds the address, `end` excluded; -1 for none. */
export function ownerAt(starts: Float64Array, ends: Float64Array, owners: ArrayLike<number>, address: number): number {
  let low = 0;
  let high = starts.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((starts[middle] ?? 0) <= address) low = middle + 1;
    else high = middle;
  }
  const place = low - 1;
  return place >= 0 && address < (ends[place] ?? 0) ? (owners[place] ?? -1) : -1;
}
