// The three functions of bluebird that unzipper calls, on the language's own promises. bluebird builds functions
// from text at run time; nothing in dist/ may (docs/SECURITY.md).
async function props(object) {
  const entries = await Promise.all(Object.entries(object).map(async ([key, value]) => [key, await value]));
  return Object.fromEntries(entries);
}

async function mapSeries(items, task) {
  const results = [];
  // by index: unzipper hands in a sparse array of the right length
  for (let index = 0; index < items.length; index += 1) results.push(await task(await items[index], index));
  return results;
}

async function map(items, task, { concurrency = Number.POSITIVE_INFINITY } = {}) {
  const list = Array.from(await items);
  const results = new Array(list.length);
  let next = 0;
  const worker = async () => {
    while (next < list.length) {
      const index = next++;
      results[index] = await task(await list[index], index);
    }
  };
  await Promise.all(Array.from({ length: Math.min(concurrency, list.length) }, worker));
  return results;
}

module.exports = { props, map, mapSeries };
