/**
 * The stack as lines of fixed width: guilty frame marked, inline frames in their place, trust and call check beside each frame,
 * boundaries drawn, the stop told; folded to a number of lines.
 *
 * In: one crash with its frames. Out: lines. Refuses: to drop a frame without saying how many are folded.
 */
import { hex } from '../addresses.js';
import { capped, visible } from './foreign-text.js';
import {
  boundaryText,
  guiltyPlace,
  isBoundary,
  placeText,
  placeWidth,
  sharedFolders,
  stopText,
  trustWords,
  variableText,
} from './frame-words.js';
import { wordHex } from './json.js';
import { type CodeLine, count } from './page.js';
import type { ReportCrash, ReportFrame, ReportVariable } from './report.js';
import { functionName } from './signature.js';
import { fold, type Item, type Row } from './stack-fold.js';

const nameWidth = 56;
/** A name with arguments may be this long: they shall not push the places of all frames away. */
const argumentsWidth = 38;

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
    if (repeat !== undefined && repeat.times > 0)
      items.push({ kind: 'fold', text: `... the same frame ${count(repeat.times, 'more time')}` });
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
