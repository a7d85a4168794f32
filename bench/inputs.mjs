// Inputs of the benchmarks, made anew and the same every time.
import { readFileSync } from 'node:fs';
import { runOnce } from './measure.mjs';

/** A seeded generator: the same addresses in every run. */
export function generator(seed) {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

/** `count` addresses spread over the executable sections, as readelf lists them. */
export async function codeAddresses(image, count) {
  const { output } = await runOnce({ command: 'readelf', args: ['-SW', image] });
  const sections = [...output.matchAll(/^\s*\[\s*\d+\]\s+\S+\s+PROGBITS\s+([0-9a-f]+)\s+[0-9a-f]+\s+([0-9a-f]+)\s+\S+\s+\w*X\w*\s/gm)].map(
    ([, start, size]) => ({ start: BigInt(`0x${start}`), size: Number.parseInt(size, 16) }),
  );
  const total = sections.reduce((sum, { size }) => sum + size, 0);
  if (total === 0) throw new Error(`${image}: no code`);
  const random = generator(491);
  return Array.from({ length: count }, () => {
    let at = Math.floor(random() * total);
    const section = sections.find(({ size }) => {
      if (at < size) return true;
      at -= size;
      return false;
    });
    return `0x${(section.start + BigInt(at)).toString(16)}`;
  });
}

const size = 21_000_000;

/** [name, text]: a clean log, one line, nothing but newlines, lines that nearly are records. */
export function* largeLogs() {
  const log = readFileSync('fixtures/cases/rdmsr-i386-O0/log.txt', 'latin1');
  yield ['clean', log.repeat(Math.ceil(size / log.length))];
  yield ['one line', 'x'.repeat(size)];
  yield ['all newlines', '\n'.repeat(size)];
  const near = '[00]  Stack(0x1d959aa8) - 0x10213ffa\n[0g]: unhandled exception\n[00] EAX=0x0000049';
  yield ['near misses', `${near}\n`.repeat(Math.ceil(size / near.length))];
}
