/**
 * The stack as lines of fixed width: guilty frame marked, inline frames in their place, trust and call check beside each frame,
 * boundaries drawn, the stop told; folded to a number of lines.
 *
 * In: one crash with its frames. Out: lines. Refuses: to drop a frame without saying how many are folded.
 */
import { hex } from '../addresses.js';
import { plain } from '../sentence.js';
import type { FrameTrust, StopReason } from '../unwind/frame.js';
import { capped, visible } from './foreign-text.js';
import { wordHex } from './json.js';
import type { CodeLine } from './page.js';
import type { ReportCrash, ReportFrame, ReportFunction, ReportVariable } from './report.js';
import { functionName } from './signature.js';

/** Columns of one line, before they are padded. */
interface Row {
  readonly mark: string;
  readonly number: string;
  readonly name: string;
  readonly place: string;
  readonly how: string;
  readonly guilty: boolean;
  readonly weak: boolean;
}

type Item =
  | { readonly kind: 'row'; readonly row: Row; readonly handler: boolean }
  | { readonly kind: 'boundary'; readonly text: string }
  | { readonly kind: 'fold'; readonly text: string };

const nameWidth = 56;
/** A name with arguments may be this long: they shall not push the places of all frames away. */
const argumentsWidth = 38;
const placeWidth = 34;

export const trustWords: Readonly<Record<FrameTrust, string>> = {
  context: 'registers',
  cfi: 'CFI',
  code: 'code',
  'frame-pointer': 'frame pointer',
  scan: 'scan',
};

/** A helper that only wraps the instruction: the function that called it is the one to look at. */
const msrHelper = /(?:rd|wr|read|write)_?msr/i;
/** Where an assertion or a panic ends up: the function that called it is the one to look at. */
const fatalHelper = /^(?:_*assert(?:ion)?(?:_fail(?:ed)?)?|__assert_func|abort|panic|bug|halt|fatal|__stack_chk_fail)$/i;

/** Frame and function that a person should look at first: innermost, helpers passed over. */
export function guiltyPlace(frames: readonly ReportFrame[]): { readonly frame: number; readonly position: number } | undefined {
  for (const [frame, entry] of frames.entries()) {
    for (const [position, { name }] of namesOf(entry).entries()) {
      const bare = functionName(name);
      if (!msrHelper.test(bare) && !fatalHelper.test(bare)) return { frame, position };
    }
    // helpers are called within a few frames; past these the fault itself is the best place
    if (frame >= 3) break;
  }
  return frames.length > 0 && namesOf(frames[0]).length > 0 ? { frame: 0, position: 0 } : undefined;
}

function namesOf(entry: ReportFrame | undefined): readonly Pick<ReportFunction, 'name'>[] {
  if (entry === undefined) return [];
  if (entry.functions.length > 0) return entry.functions;
  return entry.symbol === undefined ? [] : [{ name: entry.symbol }];
}

/**
 * Lines of the whole stack, folded to at most `most` lines where it is longer; `folded` tells whether it was. The first `shownBefore`
 * frames stand elsewhere and are only counted.
 */
export function stackLines(
  entry: ReportCrash,
  most = Number.POSITIVE_INFINITY,
  shownBefore = 0,
): { readonly lines: readonly CodeLine[]; readonly folded: boolean } {
  const items = stackItems(entry, shownBefore);
  const room = Math.max(4, most - 1);
  const shown = items.length > room ? fold(items, room) : items;
  const rows = shown.flatMap((item) => (item.kind === 'row' ? [item.row] : []));
  const widths = {
    number: widest(
      rows.map(({ number }) => number),
      1,
      4,
    ),
    name: widest(
      rows.map(({ name }) => name),
      12,
      nameWidth,
    ),
    place: widest(
      rows.map(({ place }) => place),
      0,
      placeWidth,
    ),
  };
  const drawn = shown.map((item): CodeLine => {
    if (item.kind === 'boundary') return { text: `   ---- ${item.text} ----`, mark: 'boundary' };
    if (item.kind === 'fold') return { text: `   ${' '.repeat(widths.number)}  ${item.text}`, mark: 'weak' };
    const { row } = item;
    const text = `${row.mark.padEnd(3)}${row.number.padStart(widths.number)}  ${pad(row.name, widths.name)}  ${pad(row.place, widths.place)}  ${row.how}`;
    return { text: text.trimEnd(), ...(row.guilty ? { mark: 'guilty' } : row.weak ? { mark: 'weak' } : {}) };
  });
  return { lines: [...drawn, { text: `   ${stopText(entry)}`, mark: 'boundary' }], folded: shown !== items };
}

function widest(texts: readonly string[], least: number, most: number): number {
  return texts.reduce((width, text) => Math.min(most, Math.max(width, text.length)), least);
}

function pad(text: string, width: number): string {
  return text.padEnd(width);
}

function stackItems(entry: ReportCrash, shownBefore: number): readonly Item[] {
  const { frames } = entry;
  const guilty = guiltyPlace(frames);
  const shared = sharedFolders(frames);
  const lastHandler = frames.findLastIndex((frame, index) => isBoundary(frames, frame, index));
  const items: Item[] = [];
  if (shownBefore > 0) items.push({ kind: 'fold', text: `... frames 0 to ${shownBefore - 1} as above` });
  let repeat: { key: string; times: number } | undefined;
  const closeRepeat = (): void => {
    if (repeat !== undefined && repeat.times > 0) items.push({ kind: 'fold', text: `... the same frame ${repeat.times} more times` });
    repeat = undefined;
  };
  frames.forEach((frame, index) => {
    if (index < shownBefore) return;
    const key = repeatKey(frame);
    if (repeat !== undefined && key === repeat.key && !isBoundary(frames, frame, index) && index !== frames.length - 1) {
      repeat.times += 1;
      return;
    }
    closeRepeat();
    for (const row of frameRows(entry, frame, index, { guilty, shared }))
      items.push({ kind: 'row', row, handler: index > 0 && index <= lastHandler });
    repeat = { key, times: 0 };
    if (isBoundary(frames, frame, index)) {
      items.push({ kind: 'boundary', text: boundaryText(entry, frame) });
      repeat = undefined;
    }
  });
  closeRepeat();
  return items;
}

/** Equal for frames that look alike: a recursion. */
export function repeatKey(frame: ReportFrame): string {
  return JSON.stringify([frame.frame.trust, frame.frame.address?.at.toString(16) ?? null, frame.functions.map(({ name }) => name)]);
}

/** Frame 0 is the fault itself: its own hardware frame is no boundary within this stack. */
function isBoundary(frames: readonly ReportFrame[], { frame }: ReportFrame, index: number): boolean {
  if (frame.kind === 'vm-exit') return true;
  if (frame.kind !== 'exception') return false;
  return index > 0 || frames[index + 1]?.frame.trust === 'context';
}

const vectorNames: ReadonlyMap<number, string> = new Map([
  [0, '#DE'],
  [1, '#DB'],
  [2, 'NMI'],
  [3, '#BP'],
  [6, '#UD'],
  [8, '#DF'],
  [11, '#NP'],
  [12, '#SS'],
  [13, '#GP'],
  [14, '#PF'],
  [18, '#MC'],
]);

function boundaryText({ crash: { arch } }: ReportCrash, { frame }: ReportFrame): string {
  if (frame.kind === 'vm-exit') {
    const guest = frame.guest;
    if (guest === undefined) return 'VM exit: below runs the guest';
    const shown = [...guest.registers].filter(([name]) => /^[er][abcd]x$/.test(name)).map(([name, value]) => `${name}=${hex(value)}`);
    return `VM exit: below runs the guest (${shown.join(' ')})`;
  }
  const interrupted = frame.interrupted;
  const vector = interrupted?.vector;
  const what = vector === undefined ? 'exception or interrupt' : (vectorNames.get(vector) ?? `vector ${vector}`);
  const sp = interrupted?.sp === undefined ? '' : `, stack pointer ${wordHex(interrupted.sp, arch)}`;
  return `${what} interrupted what follows${sp}`;
}

interface View {
  readonly guilty: ReturnType<typeof guiltyPlace>;
  /** Leading folders that all files share. */
  readonly shared: number;
}

function frameRows(entry: ReportCrash, frame: ReportFrame, index: number, { guilty, shared }: View): readonly Row[] {
  const weak = frame.frame.trust === 'scan' || frame.frame.callVerified === false;
  const rows = frame.functions.map((called, position): Row => {
    const isOwner = position === frame.functions.length - 1;
    const isGuilty = guilty?.frame === index && guilty.position === position;
    return {
      mark: isGuilty ? '=>' : '',
      number: position === 0 ? String(index) : '',
      name: nameText(called.name, index === 0 || isGuilty ? called.arguments : []),
      place: placeText(called.file, called.line, shared),
      how: rowHow(frame, index, position, isOwner),
      guilty: isGuilty,
      weak,
    };
  });
  if (rows.length > 0) return rows;
  const at = frame.frame.address === undefined ? 'address lost' : wordHex(frame.frame.address.at, entry.crash.arch);
  const isGuilty = guilty?.frame === index;
  const name = frame.symbol === undefined ? at : withOffset(functionName(frame.symbol), frame.offset);
  return [
    {
      mark: isGuilty ? '=>' : '',
      number: String(index),
      name,
      place: frame.symbol === undefined ? '' : at,
      how: howText(frame, index),
      guilty: isGuilty,
      weak,
    },
  ];
}

function withOffset(name: string, offset: number | undefined): string {
  return capped(visible(offset === undefined || offset === 0 ? name : `${name}+${hex(offset)}`), nameWidth);
}

/** Name with as many arguments as fit. */
function nameText(name: string, variables: readonly ReportVariable[]): string {
  const bare = capped(visible(functionName(name)), nameWidth);
  const known = variables.filter(({ value }) => value !== undefined);
  let shown = '';
  for (const variable of known) {
    const next = `${shown}${shown === '' ? '' : ', '}${visible(variableText(variable))}`;
    if (bare.length + next.length + 2 > argumentsWidth) return shown === '' ? bare : `${bare}(${shown}, ..)`;
    shown = next;
  }
  return shown === '' ? bare : `${bare}(${shown})`;
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
function sharedFolders(frames: readonly ReportFrame[]): number {
  const paths = frames.flatMap(({ functions }) =>
    functions.flatMap(({ file }) => (file === undefined ? [] : [pathParts(file).slice(0, -1)])),
  );
  const [first] = paths;
  if (first === undefined) return 0;
  const differs = first.findIndex((part, index) => paths.some((path) => path[index] !== part));
  return differs < 0 ? first.length : differs;
}

/** The fault lies in the innermost function, inlined or not. */
function rowHow(frame: ReportFrame, index: number, position: number, isOwner: boolean): string {
  if (index > 0) return isOwner ? howText(frame, index) : 'inlined';
  const inlined = isOwner ? '' : 'inlined';
  if (position > 0) return inlined;
  return inlined === '' ? 'fault' : `fault, ${inlined}`;
}

function howText({ frame }: ReportFrame, index: number): string {
  if (index === 0) return 'fault';
  if (frame.synthetic) return 'tail call, inferred';
  if (frame.trust === 'context') return 'interrupted here';
  const check = frame.callVerified === undefined ? '' : frame.callVerified ? ' \u2713' : ' \u2717 no matching call';
  const lost = frame.address === undefined ? ', address lost' : '';
  return `${trustWords[frame.trust]}${check}${lost}`;
}

/** Folds until `room` lines are left: handler frames first, then runs of weak frames, then the middle. */
function fold(items: readonly Item[], room: number): readonly Item[] {
  const guiltyAt = items.findIndex((item) => item.kind === 'row' && item.row.guilty);
  const keepHead = Math.max(3, Math.min(guiltyAt + 1, room - 3));
  let shown = items;
  const handler = (item: Item, index: number): boolean => item.kind === 'row' && item.handler && index >= keepHead;
  const weak = (item: Item, index: number): boolean => item.kind === 'row' && item.row.weak && index >= keepHead;
  for (const [test, word] of [
    [handler, 'handler frames'],
    [weak, 'weak frames'],
  ] as const) {
    if (shown.length > room) shown = foldRuns(shown, test, word);
  }
  if (shown.length <= room) return shown;
  const tail = Math.max(1, Math.floor((room - keepHead - 1) / 2));
  const head = room - tail - 1;
  return [...shown.slice(0, head), { kind: 'fold', text: `... ${framesIn(shown.slice(head, -tail))} more frames` }, ...shown.slice(-tail)];
}

function framesIn(items: readonly Item[]): number {
  return items.filter((item) => item.kind === 'row').length;
}

function foldRuns(items: readonly Item[], test: (item: Item, index: number) => boolean, word: string): readonly Item[] {
  const shown: Item[] = [];
  let run: Item[] = [];
  const close = (): void => {
    if (run.length > 2) shown.push({ kind: 'fold', text: `... ${run.length} ${word}` });
    else shown.push(...run);
    run = [];
  };
  items.forEach((item, index) => {
    if (test(item, index)) run.push(item);
    else {
      close();
      shown.push(item);
    }
  });
  close();
  return shown;
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
