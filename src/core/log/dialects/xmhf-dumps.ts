/**
 * Register dumps of several CPUs, taken out of the lines of a log.
 *
 * In: segments in order. Out: dumps, and notes on lines that belong to no dump although they look like it.
 * Refuses: to move a record to another CPU without the word's address as evidence.
 *
 * A record is looked for anywhere in a line: printers that put their newline first leave their last line open, so other
 * text lies before and behind it, and loggers put their prefix in front. It belongs to the open dump of its CPU tag.
 */
import { limits } from '../../limits.js';
import { say } from '../../sentence.js';
import type { Damage, LineNumber } from '../crash-log.js';
import { longestPrefix, prefixLearner, shapeOf } from '../line-prefix.js';
import { addNote, addRecord, expectedAddress, type OpenDump, openDump, startsAnother } from '../open-dump.js';
import { type CpuTag, nextTag } from './cpu-tag.js';
import { isShortRow, type RecordRead, recordAt } from './xmhf-records.js';
import { damagedRecord, joinRecords, mergeHalves, mergeHeaders, pairsGoOn, unquoted, untaggedHeader, untaggedRecord } from './xmhf-torn.js';

export interface DumpScan {
  /** What the segment held: no record, records among other text, or records alone. */
  take(text: string, line: LineNumber, boot: number | undefined, controls: boolean): 'none' | 'some' | 'whole';
  finish(): DumpScanResult;
}

export interface DumpScanResult {
  readonly dumps: readonly OpenDump[];
  readonly damage: readonly Damage[];
  /** How many dumps there would be without the limit. */
  readonly left: number;
}

/** A record that its segment ends inside of, or a row of registers that may go on in the next line. */
interface Carry {
  readonly text: string;
  readonly line: LineNumber;
  readonly pairsOf?: OpenDump;
}

export function dumpScan(): DumpScan {
  const dumps: OpenDump[] = [];
  const open = new Map<string, OpenDump>();
  const damage: Damage[] = [];
  const prefix = prefixLearner();
  const gluedHeaders: { readonly dump: OpenDump; readonly line: LineNumber; readonly before: string }[] = [];
  const tails: { readonly dump: OpenDump; readonly line: LineNumber; readonly tail: string }[] = [];
  const noted = new Set<OpenDump>();
  let left = 0;
  let foreign = 0;
  let records = 0;
  let carry: Carry | undefined;
  /** What `someOpen` found, and at which count of records. */
  let waits = false;
  let waitingAt = 0;
  /** Records in lines that hold more than two: newlines became blanks. */
  let crowded = 0;
  let crowdedLine: LineNumber | undefined;

  function dumpFor(cpu: string, read: RecordRead, line: LineNumber, boot: number | undefined): OpenDump | undefined {
    const current = open.get(cpu);
    if (current !== undefined && !startsAnother(current, read.record)) return current;
    // A marker alone starts nothing, nor does a damaged record that is no header.
    const { kind } = read.record;
    if (current === undefined && (kind === 'stack-end' || kind === 'stack-begin' || (kind !== 'header' && read.faults.length > 0)))
      return undefined;
    if (dumps.length >= limits.crashes) {
      if (kind === 'header') left += 1;
      open.delete(cpu);
      return undefined;
    }
    const dump = openDump(cpu, line, { foreign, records }, boot);
    dumps.push(dump);
    open.set(cpu, dump);
    return dump;
  }

  function add(cpu: string, read: RecordRead, line: LineNumber, boot: number | undefined): OpenDump | undefined {
    records += 1;
    const dump = dumpFor(cpu, read, line, boot);
    if (dump !== undefined) addRecord(dump, read.record, read.faults, line, { foreign, records });
    return dump;
  }

  /** A stack record without a readable tag goes on the one open dump that waits for exactly its address. */
  function addOrphan(read: RecordRead, line: LineNumber): void {
    records += 1;
    const { record } = read;
    const waiting = [...open.values()].filter(
      (dump) => record.kind === 'stack' && record.address !== undefined && expectedAddress(dump) === record.address,
    );
    const [owner] = waiting;
    if (owner === undefined || waiting.length > 1) {
      if (damage.length < limits.damage) {
        damage.push({
          kind: 'torn-line',
          line,
          detail: say`A record without a readable CPU tag fits no open dump for certain and is not used.`,
        });
      }
      return;
    }
    addRecord(owner, record, read.faults, line, { foreign, records });
    addNote(owner, {
      kind: 'torn-line',
      line,
      detail: say`The CPU tag of this stack record cannot be read; its address is the next one of CPU ${owner.cpu}, so it is taken for that.`,
    });
  }

  function take(given: string, line: LineNumber, boot: number | undefined, controls: boolean): 'none' | 'some' | 'whole' {
    const waiting = carry;
    carry = undefined;
    const rest = waiting === undefined ? { text: given, from: 0, found: 0 } : goOn(waiting, given, line, boot);
    const { text } = rest;
    let { found } = rest;
    let tailFrom = rest.from;
    let owner: OpenDump | undefined;
    let unread = false;
    let whole = rest.found === 0;
    for (let tag = nextTag(text, rest.from); tag !== undefined; ) {
      const read = recordAt(text, tag.end);
      if (read === undefined) {
        if (found === 0 && !unread) unread = noteUnread(text, tag, line);
        tag = nextTag(text, tag.at + 1);
        continue;
      }
      const before = text.slice(tailFrom, tag.at);
      if (tailFrom < tag.at) whole = false;
      if (owner !== undefined) noteTail(owner, line, before);
      else if (found === 0) prefix.add(before);
      found += 1;
      tailFrom = read.end;
      if (read.faults.some((fault) => fault.kind === 'cut')) {
        carry = { text: text.slice(tag.at), line };
        owner = undefined;
        tailFrom = text.length;
        break;
      }
      owner = add(tag.cpu, read, line, boot);
      if (owner !== undefined && read.record.kind === 'header' && owner.line === line && before.trim() !== '') {
        gluedHeaders.push({ dump: owner, line, before });
      }
      if (owner !== undefined && controls && !noted.has(owner)) {
        noted.add(owner);
        addNote(owner, {
          kind: 'control-characters',
          line,
          detail: say`Control characters or invisible ones stand inside this dump; they are left out.`,
        });
      }
      if (owner !== undefined && isShortRow(read.record) && text.length - read.end < 4)
        carry = { text: text.slice(read.end).trim(), line, pairsOf: owner };
      tag = nextTag(text, read.end);
      if (tag !== undefined) carry = undefined;
    }
    if (tailFrom < text.length) {
      whole = false;
      if (owner !== undefined && carry === undefined) noteTail(owner, line, text.slice(tailFrom));
    }
    if (found > 2) {
      crowded += found;
      crowdedLine ??= line;
    }
    if (found === 0) {
      whole = false;
      found = takeUntagged(text, line, boot);
    }
    if (found === 0 && !unread) takeForeign(text, line);
    return found === 0 ? 'none' : whole ? 'whole' : 'some';
  }

  /** The next segment after a broken record: the two are put together where that makes the record whole. */
  function goOn(torn: Carry, given: string, line: LineNumber, boot: number | undefined): { text: string; from: number; found: number } {
    if (torn.pairsOf !== undefined) {
      const text = torn.text === '' ? given : unquoted(torn.text, given);
      const read = pairsGoOn(text);
      if (read === undefined) return { text: given, from: 0, found: 0 };
      records += 1;
      addRecord(torn.pairsOf, read.record, read.faults, line, { foreign, records });
      addNote(torn.pairsOf, {
        kind: 'torn-line',
        line: torn.line,
        detail: say`This row of registers was broken in two lines and is put together again.`,
      });
      return { text, from: read.end, found: 1 };
    }
    const joined = joinRecords(torn.text, given);
    if (joined === undefined) {
      giveUp(torn, boot);
      return { text: given, from: 0, found: 0 };
    }
    const dump = add(joined.cpu, joined.read, torn.line, boot);
    if (dump !== undefined) {
      addNote(dump, { kind: 'torn-line', line: torn.line, detail: say`This record was broken in two lines and is put together again.` });
    }
    return { text: joined.text, from: joined.read.end, found: 1 };
  }

  /** True while a dump waits for records. */
  function someOpen(): boolean {
    if (waitingAt !== records) {
      waitingAt = records;
      waits = false;
      for (const dump of open.values()) waits ||= !dump.ended;
    }
    return waits;
  }

  function giveUp(torn: Carry, boot: number | undefined): void {
    const tag = nextTag(torn.text, 0);
    const read = tag === undefined ? undefined : recordAt(torn.text, tag.end);
    if (tag !== undefined && read !== undefined) add(tag.cpu, read, torn.line, boot);
  }

  /** Dumps of the eras without a CPU tag, and records whose tag is damaged. */
  function takeUntagged(text: string, line: LineNumber, boot: number | undefined): number {
    const header = untaggedHeader(text);
    if (header !== undefined) {
      open.delete('');
      const dump = add('', header, line, boot);
      if (dump !== undefined) noteTail(dump, line, text.slice(header.end));
      return 1;
    }
    const untagged = open.get('');
    if (untagged !== undefined && !untagged.ended) {
      const read = untaggedRecord(text);
      if (read !== undefined) {
        add('', read, line, boot);
        noteTail(untagged, line, text.slice(read.end));
        return 1;
      }
    }
    if (!someOpen()) return 0;
    const read = damagedRecord(text);
    if (read === undefined) return 0;
    addOrphan(read, line);
    return 1;
  }

  /** A tag of a CPU that is dumping, at the line's start, with words behind it that no record has. */
  function noteUnread(text: string, tag: CpuTag, line: LineNumber): boolean {
    const dump = open.get(tag.cpu);
    if (dump === undefined || dump.ended || tag.at > longestPrefix || /[\w)]$/.test(text.slice(0, tag.at))) return false;
    // It may have been a stack word.
    if (dump.beginSeen) dump.unreadWords += 1;
    addNote(dump, {
      kind: 'torn-line',
      line,
      detail: say`The line has the tag of CPU ${tag.cpu}, but what follows is no record of a dump that can be read.`,
    });
    return true;
  }

  function takeForeign(text: string, line: LineNumber): void {
    foreign += 1;
    if (
      text.length > 40 ||
      !/^[^\w.]{0,8}(?:\.{3,}|\[\.{3}\]|\(\.{3}\)|(?:\[|<|\()?(?:snip|cut|omitted|truncated)(?:\]|>|\))?)\s{0,8}$/i.test(text)
    )
      return;
    for (const dump of open.values()) {
      if (!dump.beginSeen || dump.ended) continue;
      dump.shortened = true;
      addNote(dump, { kind: 'stack-truncated', line, detail: say`Someone shortened the log here: words of the stack may be missing.` });
    }
  }

  function noteTail(dump: OpenDump, line: LineNumber, tail: string): void {
    const text = tail.trim();
    if (text !== '' && tails.length < limits.damage) tails.push({ dump, line, tail: text });
  }

  function finish(): DumpScanResult {
    if (carry !== undefined && carry.pairsOf === undefined) giveUp(carry, undefined);
    const learned = prefix.learned();
    const lost = crowded >= 6 && crowded * 2 > records;
    if (lost && crowdedLine !== undefined) {
      damage.push({
        kind: 'newlines-lost',
        line: crowdedLine,
        detail: say`Many records stand in one line: the line ends were lost, so all of them carry the same line number.`,
      });
    }
    if (learned !== undefined) {
      damage.push({
        kind: 'line-prefix',
        line: dumps[0]?.line ?? 1,
        detail: say`A prefix like ${learned.trim()} stands before the records; it is passed over.`,
      });
    }
    for (const { dump, line, before } of gluedHeaders) {
      if (lost || (learned !== undefined && shapeOf(before) === learned)) continue;
      addNote(dump, {
        kind: 'header-not-at-line-start',
        line,
        detail: say`The header stands behind other text in its line: ${shorten(before)}`,
      });
    }
    for (const { dump, line, tail } of tails) {
      if (!lost) addNote(dump, { kind: 'foreign-tail', line, detail: say`Other text stands behind the record: ${shorten(tail)}` });
    }
    return { dumps: mergeHalves(mergeHeaders(dumps)), damage, left };
  }

  return { take, finish };
}

function shorten(text: string): string {
  const trimmed = text.trim();
  return trimmed.length > 80 ? `${trimmed.slice(0, 77)}...` : trimmed;
}
