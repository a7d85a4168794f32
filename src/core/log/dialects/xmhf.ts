/**
 * The XMHF dialect: XMHF, LHV and SHV, both widths, from 2012 on. docs/LOG-DIALECTS.md tells its eras and shapes.
 *
 * In: the segments of a log. Out: boots, crashes, events, facts, damage and how much evidence there is.
 * Refuses: text of other projects; without enough evidence `readLog` drops all of it.
 */
import type { Arch } from '../../addresses.js';
import { limits } from '../../limits.js';
import { say } from '../../sentence.js';
import { cleanText } from '../clean-text.js';
import { archOf, closeDump, isDump, type LogContext } from '../close-dump.js';
import type { CpuCrash, Damage, Era, LogFacts, LogSource } from '../crash-log.js';
import { lettersOf, type Segment } from '../log-text.js';
import { dumpWidth, type OpenDump } from '../open-dump.js';
import type { DialectReader, DialectReading } from './dialect.js';
import { type EventState, eventState } from './event-state.js';
import { bootIndex, type FactState, factState } from './fact-state.js';
import { runRows } from './row.js';
import { finishAssertions, takeAssertion } from './xmhf-assertions.js';
import { cpuFactRows } from './xmhf-cpu-facts.js';
import { dumpScan } from './xmhf-dumps.js';
import { eventRows } from './xmhf-events.js';
import { banners, factRows, takeRevision } from './xmhf-facts.js';

/** One dump header, one banner or one `Fatal:` line is enough; so are a few lines of boot text. */
const enough = 4;
const cpuLabel = lettersOf('CPU(0x');
/** Every condition is quoted. */
const quoted = lettersOf("ti '");
/** No line of this dialect is shorter. */
const shortest = 6;

export function xmhfReader(): DialectReader {
  const facts = factState();
  const events = eventState();
  const dumps = dumpScan();
  const damage: Damage[] = [];
  let score = 0;
  let oddLine: number | undefined;
  let oddLines = 0;
  let long = 0;

  function take(segment: Segment): void {
    const { line } = segment;
    if (segment.dropped > 0) {
      long += 1;
      if (long <= 16) {
        damage.push({
          kind: 'line-too-long',
          line,
          detail: say`The line has ${segment.dropped} characters beyond the ${limits.logLineBytes} that are read.`,
        });
      }
    }
    let { text, letters } = segment;
    let controls = false;
    if (segment.odd !== 0) {
      const clean = cleanText(text, segment.odd);
      if (clean.text !== text) letters = lettersOf(clean.text);
      text = clean.text;
      controls = clean.controls;
      if (controls) {
        oddLine ??= line;
        oddLines += 1;
      }
    }
    for (const piece of atBanners(text)) takePiece(piece, text.length === piece.length ? letters : lettersOf(piece), line, controls);
  }

  function takePiece(text: string, letters: number, line: number, controls: boolean): void {
    // Most lines of a log with crashes are records and nothing else; where other text comes first it may hold the banner.
    const early = text.startsWith('[') ? dumps.take(text, line, bootIndex(facts), controls) : undefined;
    if (early === 'whole' || text.length < shortest) {
      if (early === undefined) dumps.take(text, line, bootIndex(facts), controls);
      else score += 1;
      if (events.torn !== undefined) takeAssertion(events, text, line);
      return;
    }
    if (facts.revisionNext) takeRevision(facts, text);
    score += runRows(factRows, facts, text, letters, line);
    if ((letters & cpuLabel) === cpuLabel && text.includes('CPU(0x')) score += runRows(cpuFactRows, facts, text, letters, line);
    const boot = bootIndex(facts);
    events.boot = boot;
    if (events.torn !== undefined || (letters & quoted) === quoted) score += takeAssertion(events, text, line);
    score += runRows(eventRows, events, text, letters, line);
    if ((early ?? dumps.take(text, line, boot, controls)) !== 'none') score += 1;
  }

  function finish(source: LogSource): DialectReading {
    const scan = dumps.finish();
    finishAssertions(events);
    damage.push(...scan.damage);
    for (const line of events.torns) damage.push({ kind: 'torn-line', line, detail: say`The end of this condition is missing.` });
    if (oddLine !== undefined) {
      damage.push({
        kind: 'control-characters',
        line: oddLine,
        detail: say`Control characters or invisible ones stand in ${oddLines} lines; they are left out for reading.`,
      });
    }
    events.events.sort((a, b) => a.line - b.line);
    const real = scan.dumps.filter(isDump).sort((a, b) => a.line - b.line);
    const arch = archOfLog(real, facts);
    const printsErrorCodes = real.some((dump) => dump.recordLines.has('error-code'));
    const crashes = real.map((dump) =>
      closeDump({ ...dump, boot: bootOf(dump, facts) }, { ...contextOf(dump, facts, arch), printsErrorCodes }),
    );
    score += real.reduce((sum, dump) => sum + (dump.recordLines.has('header') || dump.pc !== undefined ? 4 : 1), 0);
    for (const crash of crashes) damage.push(...crash.damage);
    noteLimits(damage, scan.left, events, facts);
    damage.sort((a, b) => a.line - b.line);
    const era = eraOf(source, real, crashes, facts, events);
    return {
      dialect: 'xmhf',
      score,
      enough,
      log: {
        ...(era === undefined ? {} : { era }),
        ...(arch === undefined ? {} : { arch }),
        boots: facts.boots,
        crashes,
        events: events.events,
        damage: capped(damage),
        facts: factsOf(facts, crashes.at(-1)?.boot ?? events.events.findLast((event) => event.fatal)?.boot ?? bootIndex(facts) ?? -1),
      },
    };
  }

  return { take, finish };
}

/** A line that lost its line ends may hold several boots: each banner starts a piece, so that what follows is of its boot. */
function atBanners(text: string): readonly string[] {
  if (text.length < 200 || !text.includes('visor')) return [text];
  const starts = new Set([0]);
  for (const banner of banners) {
    for (let at = text.indexOf(banner); at >= 0; at = text.indexOf(banner, at + banner.length)) starts.add(at);
  }
  const sorted = [...starts].sort((a, b) => a - b);
  return sorted.map((start, index) => text.slice(start, sorted[index + 1]));
}

/** Dumps tell the width best: early amd64 builds print `Subarch: i386`. */
function archOfLog(dumps: readonly OpenDump[], facts: FactState): Arch | undefined {
  let i386 = 0;
  let amd64 = 0;
  for (const dump of dumps) {
    const arch = archOf(dump);
    if (arch === 'i386') i386 += 1;
    if (arch === 'amd64') amd64 += 1;
  }
  if (i386 !== amd64) return i386 > amd64 ? 'i386' : 'amd64';
  if (i386 > 0) return dumps[0] === undefined ? undefined : archOf(dumps[0]);
  if (facts.amd64 === facts.i386) return undefined;
  return facts.amd64 > facts.i386 ? 'amd64' : 'i386';
}

/**
 * The boot whose runtime holds the crash. Of two hypervisors in one log (L0 and L1) either may crash after both banners, so
 * the last banner counts only where no earlier boot's runtime holds the PC and the last one's does not.
 */
function bootOf(dump: OpenDump, facts: FactState): number | undefined {
  const { boot } = dump;
  const pc = dump.pc?.pc;
  if (boot === undefined || boot === 0 || pc === undefined || holds(facts, boot, pc) !== false) return boot;
  for (let earlier = boot - 1; earlier >= 0; earlier -= 1) if (holds(facts, earlier, pc) === true) return earlier;
  return boot;
}

function runtimeOf(facts: FactState, boot: number): { readonly start: bigint; readonly end: bigint } | undefined {
  const base = facts.runtimeBase.get(boot);
  return base?.size === undefined ? undefined : { start: base.value, end: base.value + base.size };
}

function holds(facts: FactState, boot: number, pc: bigint): boolean | undefined {
  const range = runtimeOf(facts, boot);
  return range === undefined ? undefined : pc >= range.start && pc < range.end;
}

function contextOf(dump: OpenDump, facts: FactState, arch: Arch | undefined): Omit<LogContext, 'printsErrorCodes'> {
  const runtime = runtimeOf(facts, bootOf(dump, facts) ?? -1);
  return {
    stackTops: facts.stackTops,
    ...(arch === undefined ? {} : { arch }),
    ...(runtime === undefined ? {} : { runtime }),
  };
}

/**
 * Weighs what tells d8f2220a6 (2022-06-06, newline last) from what was before it; positive is newline first.
 * Formats changed at known commits; a heading of the bootloader keeps its blank line on the side where the newline stood.
 */
function eraOf(
  source: LogSource,
  dumps: readonly OpenDump[],
  crashes: readonly CpuCrash[],
  facts: FactState,
  events: EventState,
): Era | undefined {
  let first = facts.era + events.era;
  for (const [index, dump] of dumps.entries()) {
    if (dump.headerStyle === 'bare') first += 4;
    if (dump.headerStyle === 'none' && dump.vector === undefined && dump.recordLines.has('header')) first += 2;
    if (dump.padding === 'blanks') first += 4;
    if (dumpWidth(dump) === 8 && dump.pc !== undefined && (dump.pc.label === 'EIP' || dump.pc.flagsLabel === 'EFLAGS')) first += 4;
    if (crashes[index]?.damage.some((damage) => damage.kind === 'header-not-at-line-start') === true) first -= 2;
  }
  for (const line of facts.headings) {
    const before = line > 1 && source.line(line - 1).trim() === '';
    const after = line < source.lineCount && source.line(line + 1).trim() === '';
    if (before !== after) first += after ? 4 : -4;
  }
  const { text, lineCount } = source;
  if (facts.boots.length > 0 && text.endsWith('\n') && dumps.some((dump) => dump.ended && dump.lastLine === lineCount)) first -= 2;
  if (Math.abs(first) < 2) return undefined;
  return first > 0 ? 'newline-first' : 'newline-last';
}

function noteLimits(damage: Damage[], crashesLeft: number, events: EventState, facts: FactState): void {
  const line = 1;
  if (crashesLeft > 0)
    damage.push({ kind: 'too-many', line, detail: say`The log holds ${crashesLeft} dumps more than the ${limits.crashes} that are read.` });
  if (events.left > 0)
    damage.push({ kind: 'too-many', line, detail: say`The log holds ${events.left} events more than the ${limits.events} that are kept.` });
  if (facts.left > 0)
    damage.push({
      kind: 'too-many',
      line,
      detail: say`The log holds ${facts.left} facts more than the ${limits.facts} of a kind that are kept.`,
    });
}

function capped(damage: readonly Damage[]): readonly Damage[] {
  if (damage.length <= limits.damage) return damage;
  const left = damage.length - limits.damage;
  return [
    ...damage.slice(0, limits.damage),
    { kind: 'too-many', line: damage[limits.damage]?.line ?? 1, detail: say`${left} more notes on damage are left out.` },
  ];
}

/** `lead` is the boot that the answer is about: that of the last crash. Another boot's image is another image. */
function factsOf(state: FactState, lead: number): LogFacts {
  // gold is written into the bootloader by the build; what the machine computed differs where memory was changed since
  const sha1 = state.goldSha1.get(lead) ?? state.computedSha1.get(lead);
  const imageLength = state.imageLength.get(lead);
  const runtimeBase = state.runtimeBase.get(lead);
  return {
    msrs: state.msrs,
    cpuid: state.cpuid,
    vmcs: state.vmcs,
    stackTops: state.stackTops,
    ...(imageLength === undefined ? {} : { imageLength }),
    ...(sha1 === undefined ? {} : { runtimeSha1: sha1 }),
    ...(runtimeBase === undefined ? {} : { runtimeBase }),
    apicIds: [...state.apicIds].sort(),
    ...(state.vendor === undefined ? {} : { vendor: state.vendor }),
    guestMsrAccesses: state.guestMsrAccesses,
    milestones: state.milestones,
  };
}
