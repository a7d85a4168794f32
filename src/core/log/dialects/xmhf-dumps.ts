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
import { addRecord, expectedAddress, type OpenDump, openDump, startsAnother } from '../open-dump.js';
import { type RecordRead, recordAt } from './xmhf-records.js';

export interface DumpScan {
  /** True when the segment held a record. */
  take(text: string, line: LineNumber, boot: number | undefined, oddCharacters: boolean): boolean;
  finish(): DumpScanResult;
}

export interface DumpScanResult {
  readonly dumps: readonly OpenDump[];
  readonly damage: readonly Damage[];
  /** How many dumps there would be without the limit. */
  readonly left: number;
}

/** What stood before a record in its line, with digits and blanks made alike, and how often. */
interface Prefixes {
  readonly counts: Map<string, number>;
  records: number;
}

interface Carry {
  readonly text: string;
  readonly line: LineNumber;
}

/** No prefix of a logger is longer than this; what is longer is other text. */
const longestPrefix = 100;

export function dumpScan(): DumpScan {
  const dumps: OpenDump[] = [];
  const open = new Map<string, OpenDump>();
  const damage: Damage[] = [];
  const prefixes: Prefixes = { counts: new Map(), records: 0 };
  const gluedHeaders: { readonly dump: OpenDump; readonly line: LineNumber; readonly before: string }[] = [];
  const tails: { readonly dump: OpenDump; readonly line: LineNumber; readonly tail: string }[] = [];
  let left = 0;
  let foreign = 0;
  let records = 0;
  let carry: Carry | undefined;
  /** Lines that hold records of more than one kind in a row: newlines became blanks. */
  let crowdedRecords = 0;
  let crowdedLine: LineNumber | undefined;
  const oddDumps = new Set<OpenDump>();

  function dumpFor(cpu: string, read: RecordRead, line: LineNumber, boot: number | undefined): OpenDump | undefined {
    const current = open.get(cpu);
    if (current !== undefined && !startsAnother(current, read.record)) return current;
    if (current === undefined && (read.record.kind === 'stack-end' || read.record.kind === 'stack-begin')) return undefined;
    if (dumps.length >= limits.crashes) {
      left += 1;
      open.delete(cpu);
      return undefined;
    }
    const dump = openDump(cpu, line, { foreign, records }, boot);
    dumps.push(dump);
    open.set(cpu, dump);
    return dump;
  }

  function add(cpu: string, read: RecordRead, line: LineNumber, boot: number | undefined): OpenDump | undefined {
    const dump = dumpFor(cpu, read, line, boot);
    if (dump === undefined) return undefined;
    if (dump.words.length >= limits.stackWords && read.record.kind === 'stack') return dump;
    addRecord(dump, read.record, read.faults, line, { foreign, records });
    return dump;
  }

  /** A stack record without a readable tag goes on the one open dump that waits for exactly its address. */
  function ownerOf(read: RecordRead): OpenDump | undefined {
    if (read.record.kind !== 'stack' || read.record.address === undefined) return undefined;
    let owner: OpenDump | undefined;
    for (const dump of open.values()) {
      if (expectedAddress(dump) !== read.record.address) continue;
      if (owner !== undefined) return undefined;
      owner = dump;
    }
    return owner;
  }

  function orphan(read: RecordRead, line: LineNumber): void {
    const owner = ownerOf(read);
    if (owner === undefined) {
      damage.push({ kind: 'torn-line', line, detail: say`A stack record without a readable CPU tag fits no open dump and is not used.` });
      return;
    }
    addRecord(owner, read.record, read.faults, line, { foreign, records });
    owner.notes.push({
      kind: 'torn-line',
      line,
      detail: say`The CPU tag of this stack record cannot be read; its address is the next one of CPU ${owner.cpu}, so it is taken for that.`,
    });
  }

  function take(given: string, line: LineNumber, boot: number | undefined, oddCharacters: boolean): boolean {
    let text = given;
    let found = 0;
    let from = 0;
    if (carry !== undefined) {
      const joined = join(carry, given);
      if (joined !== undefined) {
        text = joined.text;
        const dump = add(joined.cpu, joined.read, carry.line, boot);
        dump?.notes.push({
          kind: 'torn-line',
          line: carry.line,
          detail: say`This record was broken in two lines and is put together again.`,
        });
        found += 1;
        records += 1;
        from = joined.read.end;
      } else giveUp(carry, boot);
      carry = undefined;
    }
    let tailOf: OpenDump | undefined;
    let tailFrom = from;
    let tag = nextTag(text, from);
    while (tag !== undefined) {
      const read = recordAt(text, tag.end);
      if (read === undefined) {
        tag = nextTag(text, tag.at + 1);
        continue;
      }
      const before = text.slice(found === 0 ? 0 : tailFrom, tag.at);
      if (tailOf !== undefined) noteTail(tailOf, line, before);
      if (read.faults.some((fault) => fault.kind === 'cut')) {
        carry = { text: text.slice(tag.at), line };
        found += 1;
        tailOf = undefined;
        break;
      }
      const first = found === 0;
      found += 1;
      records += 1;
      const dump = add(tag.cpu, read, line, boot);
      if (first) learn(before);
      if (dump !== undefined && read.record.kind === 'header' && dump.line === line && before.trim() !== '') {
        gluedHeaders.push({ dump, line, before });
      }
      if (dump !== undefined && oddCharacters && !oddDumps.has(dump)) {
        oddDumps.add(dump);
        dump.notes.push({ kind: 'control-characters', line, detail: say`Control characters stand inside this dump; they are left out.` });
      }
      tailOf = dump;
      tailFrom = read.end;
      tag = nextTag(text, read.end);
    }
    if (tailOf !== undefined) noteTail(tailOf, line, text.slice(tailFrom));
    if (found > 2) {
      crowdedRecords += found;
      crowdedLine ??= line;
    }
    if (found === 0) found += takeUntagged(text, line, boot);
    if (found === 0) foreign += 1;
    return found > 0;
  }

  /** Dumps of the eras without a CPU tag, and records whose tag is damaged. */
  function takeUntagged(text: string, line: LineNumber, boot: number | undefined): number {
    const headerAt = text.indexOf('unhandled exception');
    if (headerAt >= 0 && text.includes('halting!', headerAt)) {
      const read = recordAt(text, headerAt);
      const lead = text.slice(0, headerAt);
      if (read !== undefined && read.record.kind === 'header' && /^(?:.{0,80}\s)?(?:\w{1,64}: )?$/.test(lead)) {
        records += 1;
        open.delete('');
        const dump = add('', read, line, boot);
        if (dump !== undefined) noteTail(dump, line, text.slice(read.end));
        return 1;
      }
    }
    const untagged = open.get('');
    const stackAt = text.indexOf('Stack(0x');
    if (stackAt >= 0) {
      const read = recordAt(text, stackAt);
      if (read === undefined) return 0;
      records += 1;
      if (untagged !== undefined && !untagged.ended) add('', read, line, boot);
      else if (open.size > 0 || dumps.length > 0) orphan(read, line);
      else return 0;
      return 1;
    }
    if (untagged === undefined || untagged.ended) return 0;
    const start = /(?:CS:EIP 0x|E[ABCD]X=0x|ESI=0x|CS=0x|FS=0x|TR=0x|VCPU at 0x|-----stack dump|-----end---|state dump)/.exec(text);
    if (start === null) return 0;
    const read = recordAt(text, start.index);
    if (read === undefined) return 0;
    records += 1;
    add('', read, line, boot);
    noteTail(untagged, line, text.slice(read.end));
    return 1;
  }

  function giveUp(torn: Carry, boot: number | undefined): void {
    const tag = nextTag(torn.text, 0);
    const read = tag === undefined ? undefined : recordAt(torn.text, tag.end);
    if (tag === undefined || read === undefined) return;
    records += 1;
    add(tag.cpu, read, torn.line, boot);
  }

  function noteTail(dump: OpenDump, line: LineNumber, tail: string): void {
    const text = tail.trim();
    if (text !== '' && tails.length < limits.damage) tails.push({ dump, line, tail: text });
  }

  function learn(before: string): void {
    prefixes.records += 1;
    if (before === '' || before.length > longestPrefix) return;
    const shape = shapeOf(before);
    if (prefixes.counts.size < 4096 || prefixes.counts.has(shape)) prefixes.counts.set(shape, (prefixes.counts.get(shape) ?? 0) + 1);
  }

  function finish(): DumpScanResult {
    if (carry !== undefined) giveUp(carry, undefined);
    const learned = learnedPrefix(prefixes);
    const crowded = crowdedRecords >= 6 && crowdedRecords * 2 > records;
    if (crowded && crowdedLine !== undefined) {
      damage.push({
        kind: 'newlines-lost',
        line: crowdedLine,
        detail: say`Many records stand in one line: the line ends were lost, so all of them carry the same line number.`,
      });
    }
    if (learned !== undefined) {
      const line = dumps[0]?.line ?? 1;
      damage.push({
        kind: 'line-prefix',
        line,
        detail: say`A prefix like ${learned.trimEnd()} stands before the records; it is passed over.`,
      });
    }
    for (const { dump, line, before } of gluedHeaders) {
      if (crowded || (learned !== undefined && shapeOf(before) === learned)) continue;
      dump.notes.push({
        kind: 'header-not-at-line-start',
        line,
        detail: say`The header stands behind other text in its line: ${shorten(before)}`,
      });
    }
    for (const { dump, line, tail } of tails) {
      if (crowded) continue;
      dump.notes.push({ kind: 'foreign-tail', line, detail: say`Other text stands behind the record: ${shorten(tail)}` });
    }
    return { dumps, damage, left };
  }

  return { take, finish };
}

interface Tag {
  readonly at: number;
  readonly end: number;
  readonly cpu: string;
}

/** `[hh]`: the local APIC id in two hex digits. */
function nextTag(text: string, from: number): Tag | undefined {
  let at = text.indexOf('[', from);
  while (at >= 0) {
    if (text.charCodeAt(at + 3) === 0x5d && isHex(text.charCodeAt(at + 1)) && isHex(text.charCodeAt(at + 2))) {
      return { at, end: at + 4, cpu: text.slice(at + 1, at + 3).toLowerCase() };
    }
    at = text.indexOf('[', at + 1);
  }
  return undefined;
}

function isHex(code: number): boolean {
  return (code >= 0x30 && code <= 0x39) || (code >= 0x61 && code <= 0x66) || (code >= 0x41 && code <= 0x46);
}

/** The record that a mail reader broke, with the first text of the next line: blank or nothing between them. */
function join(carry: Carry, next: string): { readonly text: string; readonly cpu: string; readonly read: RecordRead } | undefined {
  const rest = next.replace(/^[>|\s]{0,16}/, '');
  if (carry.text.length > 200 || rest.startsWith('[')) return undefined;
  const head = carry.text.trimEnd();
  for (const text of [`${head} ${rest}`, `${head}${rest}`]) {
    const tag = nextTag(text, 0);
    const read = tag === undefined ? undefined : recordAt(text, tag.end);
    if (tag !== undefined && read !== undefined && read.faults.length === 0 && read.end > head.length) return { text, cpu: tag.cpu, read };
  }
  return undefined;
}

function shapeOf(before: string): string {
  return before.replace(/\d+/g, '0').replace(/[ \t]+/g, ' ');
}

/** One shape before at least three records and before most of them. */
function learnedPrefix(prefixes: Prefixes): string | undefined {
  let best: string | undefined;
  let most = 2;
  for (const [shape, count] of prefixes.counts) {
    if (count > most && shape.trim() !== '') {
      best = shape;
      most = count;
    }
  }
  return best !== undefined && most * 2 > prefixes.records ? best : undefined;
}

function shorten(text: string): string {
  const trimmed = text.trim();
  return trimmed.length > 80 ? `${trimmed.slice(0, 77)}...` : trimmed;
}
