/** Order of numbers: the places of a list from its least number to its greatest, equal ones as they stand. */

/**
 * As numbers that hold value and place both, where 53 bits suffice: a typed array sorts those without calling back for each comparison,
 * which is ten times as fast. Else by comparison.
 */
export function sortedPlaces(values: ArrayLike<number>): Uint32Array {
  const count = values.length;
  let lowest = Number.POSITIVE_INFINITY;
  let highest = Number.NEGATIVE_INFINITY;
  for (let place = 0; place < count; place++) {
    const value = values[place] ?? 0;
    if (value < lowest) lowest = value;
    if (value > highest) highest = value;
  }
  const order = new Uint32Array(count);
  if ((highest - lowest + 1) * count < 2 ** 53) {
    const keys = new Float64Array(count);
    for (let place = 0; place < count; place++) keys[place] = ((values[place] ?? 0) - lowest) * count + place;
    keys.sort();
    for (let place = 0; place < count; place++) order[place] = (keys[place] ?? 0) % count;
    return order;
  }
  for (let place = 0; place < count; place++) order[place] = place;
  return order.sort((one, other) => (values[one] ?? 0) - (values[other] ?? 0) || one - other);
}
