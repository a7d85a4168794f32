/**
 * One sentence: what happened, where, which MSR is suspected, how sure that is; then what the image's verdict allows us to say.
 */
import { hex } from '../addresses.js';
import { assertionBefore } from '../diagnose/assertion-site.js';
import type { Finding, Grade, MsrSuspect } from '../diagnose/diagnosis.js';
import { type Sentence, say } from '../sentence.js';
import { guiltyPlace, placeText } from './frame-words.js';
import { wordHex } from './json.js';
import { count, ended, paragraph, type Rich, type RichPart, type Section, sentences } from './page.js';
import type { Report, ReportCrash, ReportEvent, Verdict } from './report.js';
import { isSameFault } from './same.js';
import { exceptionName, functionName, suspectedMsr } from './signature.js';

/** CPUs named one by one; more are counted. */
const namedCpus = 8;

const msrGrades: Readonly<Record<Grade, string>> = {
  confirmed: 'confirmed by the instruction and ECX',
  likely: 'likely',
  possible: 'possible, not proved',
};

const grades: Readonly<Record<Grade, string>> = { confirmed: '', likely: 'likely: ', possible: 'possibly: ' };

const eventWords: Readonly<Record<ReportEvent['kind'], string>> = {
  assertion: 'an assertion failed',
  'vm-entry-failure': 'a VM entry failed',
  'vm-instruction-error': 'a VMX instruction failed',
  'unhandled-intercept': 'a VM exit had no handler',
  'guest-exception': 'the guest took an exception',
  'guest-panic': 'the guest panicked',
  halt: 'the hypervisor halted',
  'triple-fault': 'a triple fault',
};

export function verdictSection(report: Report): Section {
  return { name: 'verdict', collapsed: false, blocks: [paragraph(verdictText(report)), ...notesBlocks(report)] };
}

/** The index of the crash that leads; `undefined` without a crash. */
export function leadingCrash(report: Report): number | undefined {
  if (report.crashes.length === 0) return undefined;
  return report.leading !== undefined && report.leading < report.crashes.length ? report.leading : 0;
}

/** A stack may be shown as true unless its image is known to be another one. */
export function isStackTrusted(report: Report, entry: ReportCrash): boolean {
  const used = new Set(entry.frames.map(({ frame }) => frame.image).filter((image) => image !== undefined));
  if (used.size === 0) return !report.images.some(({ verdict }) => verdict === 'mismatch');
  return [...used].every((image) => report.images[image]?.verdict !== 'mismatch');
}

/** The event that leads an answer without a register dump: the last fatal one, else the last. */
export function leadingEvent({ events }: Report): ReportEvent | undefined {
  return events.findLast(({ fatal }) => fatal) ?? events.at(-1);
}

function verdictText(report: Report): Rich {
  const leading = leadingCrash(report);
  const entry = leading === undefined ? undefined : report.crashes[leading];
  if (leading !== undefined && entry !== undefined) return crashVerdict(report, leading, entry);
  const event = leadingEvent(report);
  if (event !== undefined) return eventVerdict(report, event);
  if (report.log.dialect === 'unknown') {
    return [
      { strong: 'This log is of no dialect known here' },
      `, so no crash can be read from it. ${count(report.log.source.lineCount, 'line')} were read.`,
    ];
  }
  return [{ strong: 'No crash and no fatal event' }, ` in the ${count(report.log.source.lineCount, 'line')} of this log.`];
}

function notesBlocks({ log, crashes, events }: Report): Section['blocks'] {
  if (log.notes.length === 0 || crashes.length > 0 || events.length > 0) return [];
  return [{ kind: 'list', items: log.notes.slice(0, 12) }];
}

function crashVerdict(report: Report, index: number, entry: ReportCrash): Rich {
  const trusted = isStackTrusted(report, entry);
  const findings = report.findings.filter(({ crash }) => crash === index);
  const what: RichPart[] = [{ strong: `${exceptionName(entry.crash.fault)}${cpuWords(report, entry)}` }];
  const where = trusted ? placeWords(entry) : undefined;
  const { pc } = entry.crash.fault;
  if (where !== undefined) what.push(...where);
  else if (pc !== undefined) what.push(' at ', { code: wordHex(pc, entry.crash.arch) });
  const suspect = suspectWords(findings, index);
  const [before, after] = suspect?.joint === ': suspect ' ? [suspect, undefined] : [undefined, suspect];
  if (before !== undefined) what.push(before.joint, ...before.text);
  return sentences(
    ended(what),
    assertionWords(report, entry),
    after === undefined ? undefined : ended(after.text),
    imageWords(report, entry),
    trusted ? undefined : remedyWords(report, entry),
  );
}

/** Every CPU of this boot that failed at the same instruction in the same way. */
function cpuWords(report: Report, entry: ReportCrash): string {
  const same = report.crashes.filter((other) => other === entry || (isSameFault(entry, other) && other.crash.boot === entry.crash.boot));
  const named = [...new Set([entry, ...same].map(({ crash }) => crash.cpu))].filter((cpu) => /^[0-9a-f]{2}$/.test(cpu)).sort();
  if (named.length === 0) return '';
  if (named.length === 1) return ` on CPU ${named[0]}`;
  if (named.length > namedCpus) return ` on ${named.length} CPUs`;
  return ` on CPUs ${named.slice(0, -1).join(', ')} and ${named.at(-1)}`;
}

/** Guilty function, its line, and the helper inside it that faulted; or where the CPU went astray, and from where. */
function placeWords(entry: ReportCrash): Sentence | undefined {
  const guilty = guiltyPlace(entry.frames);
  const innermost = entry.frames[0];
  const owner = guilty === undefined ? undefined : entry.frames[guilty.frame];
  if (guilty === undefined || owner === undefined || innermost === undefined) return undefined;
  const named = owner.functions[guilty.position];
  const name = named?.name ?? owner.symbol;
  if (name === undefined) return undefined;
  const place = placeText(named?.file, named?.line);
  const at = place === '' ? say`${functionName(name)}` : say`${functionName(name)} (${place})`;
  if (guilty.frame > 0 && innermost.functions.length === 0 && innermost.symbol === undefined) {
    const pc = innermost.frame.address;
    // a return address that is not on top of the stack: a jump or a return may have led here, not a call
    const { slot, callVerified } = owner.frame;
    const isCall = callVerified === true && slot !== undefined && slot === entry.crash.fault.interrupted.sp;
    const from = isCall ? 'called from ' : 'within a call by ';
    return pc === undefined ? [` ${from}`, ...at] : [' at ', { code: wordHex(pc.at, entry.crash.arch) }, `, ${from}`, ...at];
  }
  const helper = guilty.frame === 0 && guilty.position === 0 ? undefined : (innermost.functions[0]?.name ?? innermost.symbol);
  const inside = helper === undefined ? say`` : say`, through ${functionName(helper)}`;
  return [' in ', ...at, ...inside];
}

interface SuspectWords {
  /** Carries the first sentence on, or begins one of its own. */
  readonly joint: ': suspect ' | '';
  readonly text: Rich;
}

function suspectWords(findings: readonly Finding[], index: number): SuspectWords | undefined {
  const [top] = findings;
  const suspect = suspectedMsr(findings, index);
  if (suspect?.msr !== undefined && (top === suspect || top?.grade !== 'confirmed')) {
    const { msr, grade } = suspect;
    const guest = msr.origin === 'guest' ? ', asked for by the guest' : '';
    return { joint: ': suspect ', text: [{ strong: msrName(msr) }, `${guest}, ${msrGrades[grade]}`] };
  }
  if (top === undefined) return undefined;
  const claim = grades[top.grade] === '' ? top.claim : [capitalised(grades[top.grade]), ...top.claim];
  const { msr, grade } = suspect ?? {};
  if (msr === undefined || grade === undefined) return { joint: '', text: claim };
  return { joint: '', text: [...ended(claim), ' Suspect ', { strong: msrName(msr) }, `, ${msrGrades[grade]}`] };
}

function capitalised(text: string): string {
  return text.slice(0, 1).toUpperCase() + text.slice(1);
}

/** `RDMSR 0x491 IA32_VMX_VMFUNC`: number and a name from the table, both ours. */
export function msrName(msr: MsrSuspect): string {
  const access = msr.access === undefined ? 'MSR' : msr.access === 'read' ? 'RDMSR' : 'WRMSR';
  const name = msr.name !== undefined && /^[A-Za-z0-9_ /().-]{1,80}$/.test(msr.name) ? ` ${msr.name}` : '';
  return `${access} ${hex(msr.address)}${name}`;
}

const verdicts: Readonly<Record<Verdict, string>> = {
  match: 'The image fits this log (match).',
  probable: 'The image probably fits this log (probable): the checks that could be made pass, but they are few.',
  ambiguous: 'Several images fit this log equally well (ambiguous); the stack is read from one of them.',
  mismatch: 'The image is not the one that printed this log (mismatch), so no stack is shown as true.',
  unverifiable: 'Whether the image fits this log cannot be told (unverifiable): the log holds too little to check.',
};

/** The worst verdict among the images that the stack stands on. */
const verdictOrder: readonly Verdict[] = ['mismatch', 'ambiguous', 'unverifiable', 'probable', 'match'];

export function imageWords(report: Report, entry: ReportCrash | undefined): Sentence {
  if (report.images.length === 0) return ['No image was given, so functions and lines are unknown; this is what the log alone tells.'];
  const used = new Set(entry?.frames.map(({ frame }) => frame.image).filter((image) => image !== undefined) ?? []);
  const concerned = report.images.filter((_, index) => used.size === 0 || used.has(index));
  const worst = verdictOrder.find((verdict) => concerned.some((image) => image.verdict === verdict));
  if (worst === 'unverifiable' && concerned.some(({ evidence }) => evidence.some(({ passed, of }) => passed < of))) {
    return ['Whether the image fits this log cannot be told (unverifiable): most checks pass, but one does not; they are listed below.'];
  }
  return worst === undefined ? [] : [verdicts[worst]];
}

/** A condition that failed right before the dump: more telling than the exception that it ends in. */
export function toldAssertion({ events, crashes }: Report, { crash, frames }: ReportCrash): ReportEvent | undefined {
  const found = assertionBefore({ log: { events, crashes: crashes.map((entry) => entry.crash) }, crash, frames });
  const event = found === undefined ? undefined : events[found.index];
  return event?.condition === undefined ? undefined : event;
}

function assertionWords(report: Report, entry: ReportCrash): Rich {
  const event = toldAssertion(report, entry);
  const { crash } = entry;
  if (event?.condition === undefined) return [];
  const at =
    event.file === undefined ? [] : [' at ', { code: `${event.file}${event.sourceLine === undefined ? '' : `:${event.sourceLine}`}` }];
  const when = event.line === crash.line ? 'On the same line of the log' : `Just before, in log line ${event.line}`;
  return [`${when}, an assertion failed: `, { code: event.condition }, ...at, '.'];
}

/** What to hand in instead of an image that does not fit. */
function remedyWords({ log }: Report, { crash }: ReportCrash): Rich {
  const revision = log.boots[crash.boot ?? log.boots.length - 1]?.revision;
  if (revision === undefined) return ['The build that was running is needed.'];
  return ['The log says that it was built from ', { code: revision }, ': the build of that commit is needed.'];
}

function eventVerdict(report: Report, event: ReportEvent): Rich {
  const cpu = event.cpu !== undefined && /^[0-9a-f]{2}$/.test(event.cpu) ? ` on CPU ${event.cpu}` : '';
  const index = report.events.indexOf(event);
  const text: RichPart[] = [{ strong: `${capitalised(eventWords[event.kind])}${cpu}` }, ` (log line ${event.line})`];
  if (event.condition !== undefined) text.push(': ', { code: event.condition });
  if (event.function !== undefined) text.push(' in ', { code: functionName(event.function) });
  if (event.file !== undefined) text.push(' at ', { code: `${event.file}${event.sourceLine === undefined ? '' : `:${event.sourceLine}`}` });
  text.push('.');
  const finding = report.findings.find((one) => one.event === index && one.finding !== 'assertion');
  const claim =
    finding === undefined
      ? undefined
      : grades[finding.grade] === ''
        ? finding.claim
        : [capitalised(grades[finding.grade]), ...finding.claim];
  return sentences(
    text,
    claim === undefined ? undefined : ended(claim),
    ['There is no register dump, so there is no stack.'],
    event.fatal ? undefined : ['A hypervisor survives this by itself.'],
  );
}
