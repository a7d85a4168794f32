/**
 * Arguments and locals of the recorded crashes against what `gdb` said over a core file of the same log and image
 * (fixtures/cases/*\/gdb.json, made by the lab; its version stands in the image's gdb.jsonl.gz).
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import { analyze } from '../../../src/core/analyze.js';
import { readLog } from '../../../src/core/log/read-log.js';
import type { ReportFrame, ReportVariable } from '../../../src/core/report/report.js';
import { openFile } from '../../../src/platform/file-source.js';
import { createPlatform } from '../../../src/platform/node.js';

const CASES = new URL('../../../fixtures/cases/', import.meta.url);
const IMAGES = new URL('../../../fixtures/images/', import.meta.url);
const slugs = readdirSync(CASES)
  .filter((slug) => existsSync(new URL(`${slug}/gdb.json`, CASES)) && existsSync(new URL(`${slug}/case.json`, CASES)))
  .sort();

interface GdbVariable {
  readonly name: string;
  readonly type: string;
  readonly value: string | null;
  readonly optimizedOut: boolean;
}

interface GdbFrame {
  readonly function: string;
  readonly pc: string;
  /** Tells the frames of a recursion apart. */
  readonly cfa?: string | null;
  readonly inlined: boolean;
  readonly arguments: readonly GdbVariable[];
  readonly locals?: readonly GdbVariable[];
}

interface GdbThread {
  readonly cpu: string;
  readonly frames: readonly GdbFrame[];
}

/** gdb's text as we would write it: numbers in hex, characters without their code, offsets in hex. */
function normalized(value: string): string {
  return value
    .split(/("(?:[^"\\]|\\.)*")/)
    .map((part, index) =>
      index % 2 === 1
        ? part
        : part.replace(/ '(?:[^'\\]|\\.+?)'/g, '').replace(/(?<![\w.])-?\d+(?![\w.])/g, (digits) => {
            const number = BigInt(digits);
            return number < 0n ? `-0x${(-number).toString(16)}` : `0x${number.toString(16)}`;
          }),
    )
    .join('');
}

/** What is told by its place is not compared: gdb prints the content, which is not in the dump. */
function differs(ours: ReportVariable | undefined, theirs: GdbVariable): boolean {
  if (ours === undefined) return true;
  if (theirs.optimizedOut || theirs.value === null || /<error|<optimized out>|<synthetic pointer>/.test(theirs.value)) return false;
  if (ours.value === undefined) return ours.reason !== 'not in the dump';
  return !ours.value.startsWith('at 0x') && normalized(ours.value) !== normalized(theirs.value);
}

/**
 * Clang's location lists name a register that calls may overwrite until behind the CALL. gdb takes such a register for unchanged and prints
 * what the callee left there; ours is "not saved", or the value that call-frame information or the caller tells. Those are listed:
 * the builds with GCC give the same values with gdb's agreement.
 */
const known: readonly (readonly [string, string, RegExp])[] = [
  ['crash_asm', 'vcpu', /<g_vcpubuffers\+/],
  ['crash_at', 'vcpu', /<g_vcpubuffers\+/],
  ['mixer', 'rounds', /^0x6$/],
];

function isStale(image: string, name: string, ours: ReportVariable | undefined): boolean {
  if (!image.includes('-clang-') || ours === undefined) return false;
  if (ours.reason === 'not saved') return true;
  return known.some(([owner, variable, value]) => owner === name && variable === ours.name && value.test(ours.value ?? ''));
}

const platform = createPlatform();

describe.each(slugs)('%s', (slug) => {
  const image = (JSON.parse(readFileSync(new URL(`${slug}/case.json`, CASES), 'utf8')) as { readonly image: string }).image; // written by the lab
  const threads = JSON.parse(readFileSync(new URL(`${slug}/gdb.json`, CASES), 'utf8')) as GdbThread[]; // written by the lab
  const log = readLog(readFileSync(new URL(`${slug}/log.txt`, CASES), 'latin1'));
  const report = analyze(log, [{ path: 'image.elf', source: openFile(new URL(`${image}/image.elf`, IMAGES).pathname) }], platform);

  test('arguments of every frame, and locals of the fault', () => {
    let compared = 0;
    const differences: unknown[] = [];
    for (const { cpu, frames } of threads) {
      const crash = report.crashes.find((each) => each.crash.cpu === cpu);
      for (const theirs of frames) {
        const ours = crash?.frames.find((frame) => isSame(frame, theirs));
        // a frame that the walk does not have is the walk's matter, tested there
        const place = ours?.functions.findIndex(({ name }) => name.split('.')[0] === theirs.function) ?? -1;
        const own = place < 0 ? undefined : ours?.functions[place];
        if (ours === undefined || own === undefined) continue;
        const check = (kind: string, mine: readonly ReportVariable[], wanted: readonly GdbVariable[]) => {
          for (const each of wanted) {
            const found = mine.find(({ name }) => name === each.name);
            compared++;
            if (differs(found, each) && !isStale(image, theirs.function, found))
              differences.push({ cpu, function: theirs.function, kind, ours: found, theirs: each });
          }
        };
        check('argument', own.arguments, theirs.arguments);
        if (ours === crash?.frames[0] && place === 0) check('local', ours.locals, theirs.locals ?? []);
      }
    }
    expect(differences).toEqual([]);
    expect(compared).toBeGreaterThan(0);
  });
});

function isSame({ frame }: ReportFrame, theirs: GdbFrame): boolean {
  if (frame.address?.at !== BigInt(theirs.pc)) return false;
  return frame.cfa === undefined || !theirs.cfa || frame.cfa === BigInt(theirs.cfa);
}
