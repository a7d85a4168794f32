// Wall time and peak memory of whole processes, repeated in turn so that a slow moment of the machine hits all alike.
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';

/** Peak resident bytes so far, by the kernel's own high-water mark; 0 where there is no /proc or the process has gone. */
function peakOf(pid) {
  try {
    const kilobytes = /^VmHWM:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
    return kilobytes === undefined ? 0 : Number(kilobytes) * 1024;
  } catch {
    return 0;
  }
}

/** Runs once. `input` goes to standard input. Resolves to seconds, peak bytes, status and standard output. */
export function runOnce({ command, args, input, env }) {
  return new Promise((resolve, reject) => {
    const started = process.hrtime.bigint();
    const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'ignore'], env: { ...process.env, ...env } });
    let peak = 0;
    const timer = setInterval(() => {
      peak = Math.max(peak, peakOf(child.pid));
    }, 4);
    const output = [];
    child.stdout.on('data', (piece) => output.push(piece));
    child.stdin.on('error', () => undefined); // a tool that reads no input closes the pipe
    child.stdin.end(input ?? '');
    child.on('error', reject);
    child.on('close', (status) => {
      clearInterval(timer);
      resolve({ seconds: Number(process.hrtime.bigint() - started) / 1e9, peak, status, output: Buffer.concat(output).toString() });
    });
  });
}

const median = (values) => [...values].sort((one, other) => one - other)[Math.floor(values.length / 2)];

/** `runs`: name → process. Every process `repeat` times, round robin; the median of each. */
export async function compare(runs, repeat = 7) {
  const results = new Map(Object.keys(runs).map((name) => [name, []]));
  for (let round = 0; round < repeat; round += 1) {
    for (const [name, run] of Object.entries(runs)) results.get(name).push(await runOnce(run));
  }
  return new Map(
    [...results].map(([name, all]) => [
      name,
      { seconds: median(all.map(({ seconds }) => seconds)), peak: Math.max(...all.map(({ peak }) => peak)), last: all.at(-1) },
    ]),
  );
}
