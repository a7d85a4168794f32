/**
 * Which crashes are the same: equal vector, error code, PC and stack of functions.
 *
 * In: crashes with their frames, in log order. Out: for each the index of the first equal one before it.
 * Refuses: to call crashes equal whose PC is unknown.
 */
import type { ReportCrash, ReportFrame } from './report.js';
import { functionNames } from './signature.js';

type Comparable = Pick<ReportCrash, 'crash' | 'frames'>;

/** One entry a crash: the index of the first crash it equals, or `undefined` where it is the first of its kind. */
export function sameAs(crashes: readonly Comparable[]): readonly (number | undefined)[] {
  const first = new Map<string, number>();
  return crashes.map((entry, index) => {
    const key = keyOf(entry);
    if (key === undefined) return undefined;
    const earlier = first.get(key);
    if (earlier === undefined) first.set(key, index);
    return earlier;
  });
}

function keyOf({ crash, frames }: Comparable): string | undefined {
  const { fault, arch } = crash;
  if (fault.pc === undefined) return undefined;
  return JSON.stringify([
    arch,
    fault.vector ?? null,
    fault.errorCode === undefined ? null : fault.errorCode.toString(16),
    fault.pc.toString(16),
    frames.map(frameKey),
  ]);
}

/** A frame that no name covers counts by its address. */
function frameKey(frame: ReportFrame): readonly string[] {
  const names = functionNames([frame], { synthetic: true });
  if (names.length > 0) return names;
  return [frame.frame.address === undefined ? '' : frame.frame.address.at.toString(16)];
}

/** Crashes grouped: the first of each kind with the indexes of all that equal it, itself included. */
export function crashGroups(crashes: readonly ReportCrash[]): readonly { readonly first: number; readonly members: readonly number[] }[] {
  const groups = new Map<number, number[]>();
  crashes.forEach((crash, index) => {
    const first = crash.sameAs ?? index;
    const members = groups.get(first);
    if (members === undefined) groups.set(first, [index]);
    else members.push(index);
  });
  return [...groups].map(([first, members]) => ({ first, members }));
}

/** The same instruction failed in the same way, by whatever path it was reached. */
export function isSameFault({ crash: one }: Comparable, { crash: other }: Comparable): boolean {
  return (
    one.fault.pc !== undefined &&
    one.arch === other.arch &&
    one.fault.pc === other.fault.pc &&
    one.fault.vector === other.fault.vector &&
    one.fault.errorCode === other.fault.errorCode
  );
}

/** How many innermost frames of two stacks are the same: functions and lines. */
export function sharedFrames({ frames: one }: Comparable, { frames: other }: Comparable): number {
  const differs = one.findIndex((frame, index) => {
    const twin = other[index];
    return twin === undefined || placeKey(frame) !== placeKey(twin);
  });
  return differs < 0 ? one.length : differs;
}

function placeKey({ frame, functions, symbol }: ReportFrame): string {
  const lines = functions.map(({ name, line }) => [name, line ?? null]);
  return JSON.stringify([frame.kind, frame.synthetic, lines.length > 0 ? lines : (symbol ?? frame.address?.at.toString(16) ?? null)]);
}
