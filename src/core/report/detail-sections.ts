/** What stands closed below the answer: registers, stack words, candidates, the image's evidence, the boot, damage, what we did. */
import { hex } from '../addresses.js';
import type { Damage, DamageKind } from '../log/crash-log.js';
import { plain, type Sentence } from '../sentence.js';
import { capped, visible } from './foreign-text.js';
import { wordHex } from './json.js';
import { feedbackLink } from './links.js';
import { type Block, count, lines, paragraph, type Rich, type Section, small } from './page.js';
import type { MatchEvidence, Report, ReportContext, ReportCrash } from './report.js';
import { exceptionName, functionName } from './signature.js';
import { isStackTrusted, leadingCrash, toldAssertion } from './verdict-section.js';

const shownWords = 400;
const shownWordsShort = 60;
const shownCandidates = 20;
const shownEvents = 20;
const shownDamage = 24;
const shownMilestones = 24;
const shownEnds = 16;
const shownGaps = 24;

export function registersSection(report: Report): readonly Section[] {
  const entry = entryOf(report);
  if (entry === undefined || entry.crash.registers.size === 0) return [];
  const texts = registerLines(isStackTrusted(report, entry) ? entry : { ...entry, frames: [], registerMeanings: new Map() });
  return [
    {
      name: 'registers',
      heading: `Registers${entry.crash.cpu === '' ? '' : ` of CPU ${entry.crash.cpu}`}`,
      collapsed: true,
      blocks: [{ kind: 'code', language: 'text', lines: lines(texts) }, ...guestBlocks(report, entry)],
    },
  ];
}

/** What the guest's registers held when it exited, and how their order is known. */
function guestBlocks(report: Report, entry: ReportCrash): readonly Block[] {
  const guest = isStackTrusted(report, entry) ? entry.frames.find(({ frame }) => frame.guest !== undefined)?.frame.guest : undefined;
  if (guest === undefined) return [];
  const texts = [...guest.registers].map(([name, value]) => `${name.padEnd(7)} ${wordHex(value, entry.crash.arch)}`);
  return [
    paragraph(['Registers of the guest at its exit, in the order that ', { code: guest.orderFrom }, ' tells:']),
    { kind: 'code', language: 'text', lines: lines(texts) },
  ];
}

function entryOf(report: Report): ReportCrash | undefined {
  const leading = leadingCrash(report);
  return leading === undefined ? undefined : report.crashes[leading];
}

function registerLines({ crash, frames, registerMeanings }: ReportCrash): readonly string[] {
  const { fault, arch } = crash;
  const texts: string[] = [];
  const add = (name: string, value: string, meaning: string): void => {
    texts.push(`${name.padEnd(7)} ${value}${meaning === '' ? '' : `  ${meaning}`}`);
  };
  for (const [name, value] of crash.registers) {
    const meaning = registerMeanings.get(name);
    const isPrintedSp = name === 'esp' || name === 'rsp';
    const note =
      isPrintedSp && fault.interrupted.sp !== undefined ? `as printed; at the fault it was ${wordHex(fault.interrupted.sp, arch)}` : '';
    add(name, wordHex(value, arch), [note, meaning === undefined ? '' : plain(meaning)].filter((text) => text !== '').join('; '));
  }
  const [first] = frames;
  const place =
    first?.symbol === undefined ? '' : `code ${functionName(first.symbol)}${first.offset === undefined ? '' : `+${hex(first.offset)}`}`;
  if (fault.pc !== undefined) add('pc', wordHex(fault.pc, arch), place);
  if (fault.flags !== undefined) add('flags', wordHex(fault.flags, arch), '');
  if (crash.vcpu !== undefined) add('vcpu', wordHex(crash.vcpu, arch), plain(registerMeanings.get('vcpu') ?? []));
  for (const [name, value] of crash.segments)
    add(
      name,
      hex(value, 4),
      name === 'cs' && fault.cs !== undefined && fault.cs !== value ? `handler's own; at the fault it was ${hex(fault.cs, 4)}` : '',
    );
  return texts;
}

export function wordsSection(report: Report): readonly Section[] {
  const entry = entryOf(report);
  // names from an image that does not fit mean nothing
  if (entry === undefined || entry.wordMeanings.length === 0 || !isStackTrusted(report, entry)) return [];
  return [
    {
      name: 'words',
      heading: `Stack words that mean something (${entry.wordMeanings.length} of ${entry.crash.stack.words.length})`,
      collapsed: true,
      blocks: wordBlocks(entry, shownWords),
      shorter: wordBlocks(entry, shownWordsShort),
    },
  ];
}

/** Words in dump order, with a line for each run that is left out. */
function wordBlocks({ crash, wordMeanings }: ReportCrash, most: number): readonly Block[] {
  const meanings = new Map(wordMeanings.map((meaning) => [meaning.address, meaning]));
  const texts: string[] = [];
  let silent = 0;
  let shown = 0;
  for (const { address, value } of crash.stack.words) {
    const meaning = meanings.get(address);
    if (meaning === undefined) {
      silent += 1;
      continue;
    }
    if (shown === most) break;
    if (silent > 0) texts.push(`... ${count(silent, 'word')}`);
    silent = 0;
    shown += 1;
    const frame = meaning.kind === 'frame' || meaning.kind === 'hardware-frame' ? '=> ' : '   ';
    texts.push(`${frame}${wordHex(address, crash.arch)}  ${wordHex(value, crash.arch)}  ${capped(visible(plain(meaning.text)), 120)}`);
  }
  if (shown < wordMeanings.length) texts.push(`... ${wordMeanings.length - shown} more words that mean something`);
  return [
    { kind: 'code', language: 'text', lines: texts.map((text) => (text.startsWith('=>') ? { text, mark: 'guilty' as const } : { text })) },
  ];
}

function evidenceTable(evidence: readonly MatchEvidence[]): Block {
  return {
    kind: 'table',
    head: ['Check', 'Passed', 'What was compared'],
    rows: evidence.map(({ check, passed, of, detail }): readonly Rich[] => [
      [check],
      [passed < of ? { strong: `${passed} of ${of}` } : `${passed} of ${of}`],
      detail,
    ]),
  };
}

/** Open where the image does not fit: then it is the answer. */
export function imageSections(report: Report): readonly Section[] {
  if (report.images.length === 0) return [];
  const isMismatch = report.images.some(({ verdict }) => verdict === 'mismatch');
  const blocks = report.images
    .slice(0, 8)
    .flatMap((image): Block[] => [
      paragraph([
        { code: image.path },
        `: ${image.arch}, `,
        { strong: image.verdict },
        ...biasWords(image.bias, image.biasFrom),
        ', SHA-256 ',
        { code: image.sha256 },
      ]),
      ...(image.evidence.length === 0 ? [] : [evidenceTable(image.evidence)]),
    ]);
  const shorter = report.images.slice(0, 8).map(({ path, verdict }): Block => paragraph([{ code: path }, ': ', { strong: verdict }]));
  return [
    {
      name: 'image',
      heading: isMismatch ? 'Why the image does not fit' : 'How well the image fits',
      collapsed: !isMismatch,
      blocks,
      shorter,
    },
  ];
}

function biasWords(bias: bigint, from: Sentence | undefined): Sentence {
  if (bias === 0n && from === undefined) return [];
  const size = bias < 0n ? `-${hex(-bias)}` : hex(bias);
  return [', moved by ', { code: size }, ...(from === undefined ? [] : [' (', ...from, ')'])];
}

export function candidatesSection({ candidates }: ReportContext): readonly Section[] {
  if (candidates.length < 2) return [];
  const shown = candidates.slice(0, shownCandidates);
  const rows = shown.map(({ artifact, verdict, evidence, chosen }): readonly Rich[] => [
    [{ code: artifact }],
    [verdict],
    [`${evidence.reduce((sum, { passed }) => sum + passed, 0)} of ${evidence.reduce((sum, { of }) => sum + of, 0)}`],
    [chosen ? { strong: 'used' } : ''],
  ]);
  const more = candidates.length - shown.length;
  const blocks: Block[] = [{ kind: 'table', head: ['Artifact', 'Verdict', 'Checks passed', ''], rows }];
  if (more > 0) blocks.push(paragraph([`${more} more artifacts fit less well.`]));
  return [{ name: 'candidates', heading: `Artifacts weighed (${candidates.length})`, collapsed: true, blocks }];
}

export function bootSection({ log, crashes, events }: Report): readonly Section[] {
  const { milestones } = log.facts;
  if (log.boots.length === 0 && milestones.length === 0) return [];
  const boots = log.boots.slice(0, 8).map(({ line, product, branch, revision, subarch }): Rich => {
    return [
      `Line ${line}: `,
      { code: product },
      ...(subarch === undefined ? [] : [`, ${subarch}`]),
      ...(branch === undefined ? [] : [', branch ', { code: branch }]),
      ...(revision === undefined ? [', revision not printed'] : [', revision ', { code: revision }]),
    ];
  });
  const ends = [
    ...events.filter(({ fatal }) => fatal).map(({ kind, line, cpu }) => ({ name: kind, line, cpu })),
    ...crashes.map(({ crash }) => ({ name: exceptionName(crash.fault), line: crash.line, cpu: crash.cpu })),
  ].slice(0, shownEnds);
  const passed = [...milestones.slice(-shownMilestones), ...ends]
    .sort((one, other) => one.line - other.line)
    .map(
      ({ name, line, cpu }) =>
        `line ${String(line).padEnd(7)} ${visible(cpu === undefined || cpu === '' ? '' : `CPU ${cpu}`).padEnd(6)}  ${name}`,
    );
  const blocks: Block[] = [{ kind: 'list', items: boots }];
  if (milestones.length > 0)
    blocks.push(
      paragraph([ends.length === 0 ? 'How far it came, last stages passed:' : 'The stages that it passed, and what came then:']),
      { kind: 'code', language: 'text', lines: lines(passed) },
    );
  return [{ name: 'boot', heading: 'The boot', collapsed: true, blocks: boots.length === 0 ? blocks.slice(1) : blocks }];
}

export function eventsSection(report: Report): readonly Section[] {
  const { events } = report;
  const entry = entryOf(report);
  // a single event is told above: as the verdict, or as the assertion before the dump
  if (events.length === 0 || (events.length === 1 && (entry === undefined || toldAssertion(report, entry) !== undefined))) return [];
  const ordered = [...events].sort((one, other) => Number(other.fatal) - Number(one.fatal) || one.line - other.line);
  const shown = ordered.slice(0, shownEvents);
  const items = shown.map(
    ({ line, kind, text, fatal, function: name }): Rich => [
      `Line ${line}, ${kind}${fatal ? '' : ' (survived)'}: `,
      { code: text },
      ...(name === undefined ? [] : [' in ', { code: name }]),
    ],
  );
  if (events.length > shown.length) items.push([`${events.length - shown.length} more.`]);
  return [{ name: 'events', heading: `Events in the log (${events.length})`, collapsed: true, blocks: [{ kind: 'list', items }] }];
}

/** Damage by kind: how often, and where first. */
export function damageSection({ log, crashes }: Report): readonly Section[] {
  const all = [...new Set([...log.damage, ...crashes.flatMap(({ crash }) => crash.damage)])];
  if (all.length === 0) return [];
  const kinds = new Map<DamageKind, Damage[]>();
  for (const damage of all) {
    const known = kinds.get(damage.kind);
    if (known === undefined) kinds.set(damage.kind, [damage]);
    else known.push(damage);
  }
  const items = [...kinds].slice(0, shownDamage).map(([kind, found]): Rich => {
    const [first] = found;
    if (first === undefined) return [kind];
    return [
      { strong: kind },
      found.length === 1 ? ` (line ${first.line}): ` : ` (${found.length} times, first in line ${first.line}): `,
      ...first.detail,
    ];
  });
  return [
    { name: 'damage', heading: `Damage of the log (${count(all.length, 'note')})`, collapsed: true, blocks: [{ kind: 'list', items }] },
  ];
}

/** Open where there is no stack to show: then the remedy is what a reader needs. */
export function gapsSection(report: Report): readonly Section[] {
  if (report.gaps.length === 0) return [];
  const items = report.gaps
    .slice(0, shownGaps)
    .map(({ where, problem, remedy }): Rich => [{ code: where }, ': ', ...problem, ...(remedy === undefined ? [] : [' ', ...remedy])]);
  const more = report.gaps.length - items.length;
  if (more > 0) items.push([`${more} more.`]);
  const hasStack = report.crashes.some(({ frames }) => frames.length > 1);
  return [{ name: 'gaps', heading: 'What could not be read', collapsed: hasStack, blocks: [{ kind: 'list', items }] }];
}

export function provenanceSection({ provenance }: ReportContext): readonly Section[] {
  if (provenance.length === 0) return [];
  return [{ name: 'provenance', heading: 'What was done', collapsed: true, blocks: [{ kind: 'list', items: provenance.slice(0, 24) }] }];
}

export function footerSection(context: ReportContext): Section {
  const link = feedbackLink(context);
  const wrong = wrongWords(link, context.marker !== undefined);
  return {
    name: 'footer',
    collapsed: false,
    blocks: [small([`symbolize-serial-crash${/^[0-9A-Za-z.+() -]{1,80}$/.test(context.tool) ? ` ${context.tool}` : ''}.`, ...wrong])],
  };
}

/** Only an answer to a question follows its edits: a local report and a job summary have none. */
function wrongWords(link: string | undefined, isAnswer: boolean): Rich {
  if (link === undefined) return isAnswer ? [' Wrong? Edit the question, name the right run or image, and this answer follows.'] : [];
  const tell: Rich = [' Wrong? ', { link, words: 'Tell us with one click' }];
  return isAnswer ? [...tell, ', or edit the question, and this answer follows.'] : [...tell, '.'];
}
