/**
 * Words about one frame: where it is, how it was found, why a walk ended, and which frame is to be looked at first.
 *
 * In: frames of a report. Out: short plain text without control characters. Refuses: nothing.
 */
import { hex } from '../addresses.js';
import { vectorName } from '../diagnose/fault.js';
import { plain } from '../sentence.js';
import type { FrameTrust, StopReason } from '../unwind/frame.js';
import { capped, visible } from './foreign-text.js';
import { wordHex } from './json.js';
import type { ReportCrash, ReportFrame, ReportFunction, ReportVariable } from './report.js';
import { functionName } from './signature.js';

/** Widest place: folder, file and line. */
export const placeWidth = 34;

export const trustWords: Readonly<Record<FrameTrust, string>> = {
  context: 'registers',
  cfi: 'CFI',
  code: 'code',
  'frame-pointer': 'frame pointer',
  scan: 'scan',
};

/** A helper that only wraps the instruction: the function that called it is the one to look at. */
const msrHelper = /(?:rd|wr|read|write)_?msr/i;
/** Handlers of a guest's RDMSR bear the same words, and do much else. */
const notHelper = /intercept|handle|emulat|guest|exit|trap/i;
/** Of another privileged register, likewise. */
const registerHelper = /^_*(?:rd|wr|read|write|get|set|load|store)_?(?:x?cr\d|dr\d)$/i;
/** Where an assertion or a panic ends up: the function that called it is the one to look at. */
const fatalHelper = /^(?:_*assert(?:ion)?(?:_fail(?:ed)?)?|__assert_func|abort|panic|bug|halt|fatal|__stack_chk_fail)$/i;

/** Frame and function that a person should look at first: innermost, helpers passed over. */
export function guiltyPlace(frames: readonly ReportFrame[]): { readonly frame: number; readonly position: number } | undefined {
  for (const [frame, entry] of frames.entries()) {
    for (const [position, { name }] of namesOf(entry).entries()) {
      const bare = functionName(name);
      if (!isHelper(bare)) return { frame, position };
    }
    // helpers are called within a few frames; past these the fault itself is the best place
    if (frame >= 3) break;
  }
  return frames.length > 0 && namesOf(frames[0]).length > 0 ? { frame: 0, position: 0 } : undefined;
}

function isHelper(name: string): boolean {
  return fatalHelper.test(name) || registerHelper.test(name) || (msrHelper.test(name) && !notHelper.test(name));
}

function namesOf(entry: ReportFrame | undefined): readonly Pick<ReportFunction, 'name'>[] {
  if (entry === undefined) return [];
  if (entry.functions.length > 0) return entry.functions;
  return entry.symbol === undefined ? [] : [{ name: entry.symbol }];
}

/** Frame 0 is the fault itself: its own hardware frame is no boundary within this stack. */
export function isBoundary(frames: readonly ReportFrame[], { frame }: ReportFrame, index: number): boolean {
  if (frame.kind === 'vm-exit') return true;
  if (frame.kind !== 'exception') return false;
  return index > 0 || frames[index + 1]?.frame.trust === 'context';
}

/** What the line between two frames says. */
export function boundaryText({ crash: { arch } }: ReportCrash, { frame }: ReportFrame): string {
  if (frame.kind === 'vm-exit') {
    const guest = frame.guest;
    if (guest === undefined) return 'VM exit: below runs the guest';
    const shown = [...guest.registers].filter(([name]) => /^[er][abcd]x$/.test(name)).map(([name, value]) => `${name}=${hex(value)}`);
    return `VM exit: below runs the guest (${shown.join(' ')})`;
  }
  const interrupted = frame.interrupted;
  const vector = interrupted?.vector;
  const what = vector === undefined ? 'exception or interrupt' : vectorName(vector);
  const sp = interrupted?.sp === undefined ? '' : `, stack pointer ${wordHex(interrupted.sp, arch)}`;
  return `${what} interrupted what follows${sp}`;
}

export function variableText({ name, value, reason }: ReportVariable): string {
  return `${name}=${value ?? `<${reason ?? 'unknown'}>`}`;
}

/** File and line in little room: its folder and name, or what is left of the path behind `shared`, cut from the left where too long. */
export function placeText(file: string | undefined, line: number | undefined, shared?: number): string {
  if (file === undefined) return '';
  const suffix = line === undefined ? '' : `:${line}`;
  const parts = pathParts(file);
  const least = Math.max(0, parts.length - 2);
  let shown = parts.at(-1) ?? '';
  for (const part of parts.slice(shared === undefined ? least : Math.min(shared, least), -1).reverse()) {
    if (part === '..' || part.length + 1 + shown.length + suffix.length > placeWidth) break;
    shown = `${part}/${shown}`;
  }
  return `${capped(shown, placeWidth)}${suffix}`;
}

function pathParts(file: string): readonly string[] {
  return visible(file)
    .split(/[\\/]/)
    .filter((part) => part !== '' && part !== '.');
}

/** How many leading folders all files of a stack have in common. */
export function sharedFolders(frames: readonly ReportFrame[]): number {
  const paths = frames.flatMap(({ functions }) =>
    functions.flatMap(({ file }) => (file === undefined ? [] : [pathParts(file).slice(0, -1)])),
  );
  const [first] = paths;
  if (first === undefined) return 0;
  const differs = first.findIndex((part, index) => paths.some((path) => path[index] !== part));
  return differs < 0 ? first.length : differs;
}

export function stopText({ stop, crash: { arch } }: ReportCrash): string {
  return visible(capped(`${stopReason(stop, arch)}`, 160));
}

function stopReason(stop: StopReason, arch: ReportCrash['crash']['arch']): string {
  switch (stop.kind) {
    case 'end-of-stack':
      return `end of the stack: ${plain(stop.detail)}`;
    case 'stack-not-in-dump':
      return `stops: the stack goes on at ${wordHex(stop.at, arch)}, which is not in the dump`;
    case 'no-progress':
      return `stops: the next frame, at ${wordHex(stop.at, arch)}, would lie inside this one`;
    case 'no-plausible-caller':
      return `stops: no plausible caller (tried ${stop.tried.map((trust) => trustWords[trust]).join(', ')}): ${plain(stop.detail)}`;
    case 'no-image':
      return stop.at === undefined ? 'stops: no image to walk with' : `stops: no image covers ${wordHex(stop.at, arch)}`;
    case 'no-registers':
      return `stops: the log does not hold ${stop.missing.join(', ')}`;
    case 'frame-limit':
      return `stops after ${stop.limit} frames, the limit`;
    default: {
      const never: never = stop;
      return never;
    }
  }
}
