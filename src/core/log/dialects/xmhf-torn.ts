/**
 * Records without a CPU tag, and records that were torn: what can be said of them, and when two pieces are one record.
 *
 * In: segments and pieces. Out: records. Refuses: pieces that do not make a whole record together.
 */
import { say } from '../../sentence.js';
import { longestPrefix } from '../line-prefix.js';
import { addNote, expectedAddress, type OpenDump } from '../open-dump.js';
import { nextTag } from './cpu-tag.js';
import { type RecordRead, recordAt, restOfRow } from './xmhf-records.js';

/** What quoting puts before the rest of a broken line. */
const quote = /^[>|\s]{0,16}/;
/** No record is longer. */
const longestRecord = 200;

/** The two pieces with a blank or nothing between them, when they are one whole record. */
export function joinRecords(
  head: string,
  next: string,
): { readonly text: string; readonly cpu: string; readonly read: RecordRead } | undefined {
  const start = head.trimEnd();
  const rest = next.replace(quote, '');
  if (start.length > longestRecord || rest.startsWith('[')) return undefined;
  for (const text of [`${start} ${rest}`, `${start}${rest}`]) {
    const tag = nextTag(text, 0);
    const read = tag === undefined ? undefined : recordAt(text, tag.end);
    if (tag !== undefined && read !== undefined && read.faults.length === 0 && read.end > start.length) return { text, cpu: tag.cpu, read };
  }
  return undefined;
}

const pairStart = /^[>|,\s]{0,16}(?=(?:[ER][A-Z]{2}|R\d{1,2}|[C-G]S|SS) ?=0x)/;

/** Two pieces of a broken line with a blank between them, without what quoting put before the second. */
export function unquoted(head: string, next: string): string {
  return `${head} ${next.replace(quote, '')}`;
}

/** The rest of a row of registers: pairs at the start of a line, without a tag. */
export function pairsGoOn(text: string): RecordRead | undefined {
  const start = pairStart.exec(text);
  const read = start === null ? undefined : restOfRow(text, start[0].length);
  return read === undefined || read.faults.length > 0 ? undefined : read;
}

/** `FUNC: unhandled exception, halting!` (2012) and `unhandled exception d, halting!` (2014), and headers whose tag is damaged. */
export function untaggedHeader(text: string): RecordRead | undefined {
  const at = text.indexOf('unhandled exception');
  if (at < 0 || text.indexOf('halting!', at) < 0) return undefined;
  const read = recordAt(text, at);
  if (read?.record.kind !== 'header') return undefined;
  return /(?:^|\s|[\]:>|]\s?)$/.test(text.slice(at > 2 ? at - 2 : 0, at)) ? read : undefined;
}

const untaggedStart =
  /(?<![\w.>])(?:CS:EIP 0x|[ER][ABCD]X=0x|[ER]SI=0x|[ER]BP=0x|R(?:8|1[0-5]) ?=0x|CS=0x|FS=0x|TR=0x|VCPU at 0x|error code: 0x|-{2,8}stack dump|-{2,8}end-|state dump|Stack\(0x)/;

/** A record of a dump without tags: its first word anywhere in the line. */
export function untaggedRecord(text: string): RecordRead | undefined {
  const start = untaggedStart.exec(text);
  return start === null ? undefined : recordAt(text, start.index);
}

const tagRemains = /(?:^|[^\w])(?:\[?\S{1,2}\]|\[\S{1,3}|\S\S[\])}]|[[({]\S{2}\S)[: ]{0,3}$/;

/** A record of a tagged dump whose tag cannot be read: a stack record, or another with the remains of a tag before it. */
export function damagedRecord(text: string): RecordRead | undefined {
  const stack = text.indexOf('Stack(');
  // Behind a prefix and a tag at most, and every record but a marker holds a number or dashes.
  const head = stack >= 0 || (!text.includes('0x') && !text.includes('--')) ? undefined : text.slice(0, longestPrefix + 40);
  const at = head === undefined ? stack : (untaggedStart.exec(head)?.index ?? -1);
  if (at < 0) return undefined;
  if (!tagRemains.test(text.slice(at > 12 ? at - 12 : 0, at)) && stack < 0) return undefined;
  return recordAt(text, at);
}

/** How many lines a damaged header may stand before the dump that it belongs to. */
const nearby = 64;

/**
 * A header whose tag was damaged looks like a dump of its own without a CPU. The first dump behind it that has no header is its
 * dump; the tag of the other records tells the CPU.
 */
export function mergeHeaders(dumps: readonly OpenDump[]): readonly OpenDump[] {
  const merged = new Map<OpenDump, OpenDump | undefined>();
  for (const header of dumps) {
    if (header.cpu !== '' || header.own !== 1 || !header.recordLines.has('header')) continue;
    const body = dumps.find(
      (dump) =>
        dump.cpu !== '' &&
        !dump.recordLines.has('header') &&
        !merged.has(dump) &&
        dump.line >= header.line &&
        dump.line - header.line <= nearby,
    );
    if (body === undefined) continue;
    const whole: OpenDump = {
      ...body,
      line: header.line,
      from: header.from,
      own: body.own + 1,
      ...(header.vector === undefined ? {} : { vector: header.vector }),
      ...(header.headerStyle === undefined ? {} : { headerStyle: header.headerStyle }),
      recordLines: new Map([['header', header.line], ...body.recordLines]),
    };
    for (const note of header.notes) addNote(whole, note);
    addNote(whole, {
      kind: 'torn-line',
      line: header.line,
      detail: say`The CPU tag of this header cannot be read; the dump of CPU ${body.cpu} that follows has none, so it is taken for that.`,
    });
    merged.set(header, undefined);
    merged.set(body, whole);
  }
  return dumps.flatMap((dump) => (merged.has(dump) ? (merged.get(dump) ?? []) : [dump]));
}

/**
 * A dump whose second half was pasted before its first: pieces of one CPU where the words of one go on exactly where those of the
 * other stop.
 */
export function mergeHalves(dumps: readonly OpenDump[]): readonly OpenDump[] {
  const gone = new Set<OpenDump>();
  const merged = dumps.map((dump) => {
    const wanted = dump.ended || !dump.recordLines.has('pc') ? undefined : expectedAddress(dump);
    if (wanted === undefined) return dump;
    const half = dumps.find(
      (other) =>
        other.cpu === dump.cpu &&
        other !== dump &&
        !gone.has(other) &&
        isHalf(other) &&
        other.words[0]?.address === wanted &&
        other.line < dump.line,
    );
    if (half === undefined) return dump;
    gone.add(half);
    const whole: OpenDump = {
      ...dump,
      ended: half.ended,
      own: dump.own + half.own,
      unreadWords: dump.unreadWords + half.unreadWords,
      shortened: dump.shortened || half.shortened,
      words: [...dump.words, ...half.words],
      recordLines: new Map([...half.recordLines, ...dump.recordLines]),
      notes: [...dump.notes, ...half.notes],
    };
    addNote(whole, {
      kind: 'torn-line',
      line: half.line,
      detail: say`The second half of this dump stands before the first; its words go on where those stop.`,
    });
    return whole;
  });
  return merged.filter((dump) => !gone.has(dump));
}

/** Stack words and nothing that starts a dump. */
function isHalf(dump: OpenDump): boolean {
  return !dump.recordLines.has('header') && !dump.recordLines.has('pc') && dump.words.length > 0;
}
