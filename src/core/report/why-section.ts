/** Why: the findings with what they stand on, the conditions under which the suspected MSR exists, what could not be told. */
import type { Existence, Finding } from '../diagnose/diagnosis.js';
import { plain, type Sentence } from '../sentence.js';
import { type Block, ended, lines, paragraph, type Rich, type Section, small } from './page.js';
import type { Report } from './report.js';
import { leadingCrash, leadingEvent, toldAssertion } from './verdict-section.js';

const shownFindings = 24;
const shownEvidence = 12;
const shownConditions = 12;
const shownReasons = 8;

const gradeWords: Readonly<Record<Finding['grade'], string>> = { confirmed: 'Confirmed', likely: 'Likely', possible: 'Possible' };

/** The strongest finding about what leads the answer; the rest stands closed. */
export function whySections(report: Report): readonly Section[] {
  const crash = leadingCrash(report);
  const event = leadingEvent(report);
  const eventIndex = event === undefined ? undefined : report.events.indexOf(event);
  const isLeading = (finding: Finding): boolean =>
    crash === undefined ? finding.event !== undefined && finding.event === eventIndex : finding.crash === crash;
  const leading = report.findings.filter(isLeading);
  const [top] = leading;
  // what else is found about the crash that leads, an MSR beside its fault or an interrupted function, belongs to the answer
  const also = crash === undefined ? [] : leading.filter((finding) => finding !== top).slice(0, 2);
  const told = toldIndex(report);
  const rest = report.findings.filter(
    (finding) =>
      finding !== top && !also.includes(finding) && !isRepeat(report, finding, leading) && !isTold(finding, told) && !isBare(finding),
  );
  const sections: Section[] = [];
  const unknown: Block[] = report.unknown.length === 0 ? [] : [{ kind: 'list', items: report.unknown.slice(0, shownEvidence) }];
  if (top !== undefined) {
    const intro = unknown.length === 0 ? [] : [paragraph(['What could not be told:'])];
    // the verdict has said the claim of all but an MSR in full
    const isSaid = top.msr === undefined;
    const shorter = [...(isSaid ? [] : claimBlocks(top)), ...conditionBlocks(top, false), ...suggestionBlocks(top)];
    const blocks = [...findingBlocks(top, isSaid), ...also.flatMap((finding) => findingBlocks(finding)), ...intro, ...unknown];
    if (blocks.length > 0) sections.push({ name: 'why', heading: 'Why', collapsed: false, blocks, shorter });
  } else if (unknown.length > 0) {
    sections.push({ name: 'why', heading: 'What could not be told', collapsed: false, blocks: unknown, shorter: [] });
  }
  if (rest.length > 0) {
    sections.push({
      name: 'other-findings',
      heading: `Other findings (${rest.length})`,
      collapsed: true,
      blocks: rest.slice(0, shownFindings).flatMap((finding) => [aboutBlock(report, finding), ...findingBlocks(finding)]),
      shorter: [{ kind: 'list', items: rest.slice(0, shownFindings).map(claimText) }],
    });
  }
  return sections;
}

/** The verdict tells the assertion before a dump: a finding that adds nothing to it is not told again. */
function isTold({ event, finding, explanation }: Finding, told: number | undefined): boolean {
  return told !== undefined && event === told && finding === 'assertion' && explanation.length === 0;
}

/** Nothing but the exception's name, which stands with each stack. */
function isBare({ finding, crash, explanation, evidence }: Finding): boolean {
  return finding === 'other-fault' && crash !== undefined && explanation.length === 0 && evidence.length === 0;
}

function toldIndex(report: Report): number | undefined {
  const entry = report.crashes[leadingCrash(report) ?? -1];
  const event = entry === undefined ? undefined : toldAssertion(report, entry);
  return event === undefined ? undefined : report.events.indexOf(event);
}

/** The same finding about a CPU that crashed in the same way says nothing new. */
function isRepeat(report: Report, finding: Finding, leading: readonly Finding[]): boolean {
  if (finding.crash === undefined || leading.includes(finding)) return false;
  const first = report.crashes[finding.crash]?.sameAs ?? finding.crash;
  return leading.some(
    (one) =>
      one.crash !== undefined &&
      (report.crashes[one.crash]?.sameAs ?? one.crash) === first &&
      one.finding === finding.finding &&
      one.grade === finding.grade &&
      one.msr?.address === finding.msr?.address,
  );
}

function aboutBlock(report: Report, { crash, event }: Finding): Block {
  const cpu = crash === undefined ? undefined : report.crashes[crash]?.crash.cpu;
  const line = crash === undefined ? report.events[event ?? -1]?.line : report.crashes[crash]?.crash.line;
  const who = crash === undefined ? 'About the event' : cpu === undefined || cpu === '' ? 'About the crash' : `About CPU ${cpu}`;
  return small([line === undefined ? `${who}:` : `${who}, line ${line}:`]);
}

function claimText(finding: Finding): Rich {
  return [{ strong: gradeWords[finding.grade] }, ': ', ...ended(finding.claim)];
}

function claimBlocks(finding: Finding): readonly Block[] {
  return [paragraph(claimText(finding))];
}

function findingBlocks(finding: Finding, isSaid = false): readonly Block[] {
  const { explanation, evidence, errata, grade } = finding;
  const blocks: Block[] = isSaid ? [] : [...claimBlocks(finding)];
  if (explanation.length > 0) blocks.push({ kind: 'list', items: explanation });
  blocks.push(...conditionBlocks(finding, true));
  if (errata !== undefined) blocks.push(paragraph(ended([`Known about this MSR: ${errata}`])));
  blocks.push(...suggestionBlocks(finding));
  if (evidence.length > 0) {
    const items = evidence
      .slice(0, shownEvidence)
      .map(({ text, line }): Rich => (line === undefined || namesLine(text, line) ? text : [...text, ` (line ${line})`]));
    const more = evidence.length - items.length;
    blocks.push(paragraph([isSaid ? `Evidence (${grade}):` : 'Evidence:']), {
      kind: 'list',
      items: more > 0 ? [...items, [`${more} more`]] : items,
    });
  }
  return blocks;
}

function namesLine(text: Sentence, line: number): boolean {
  return new RegExp(`\\bline ${line}\\b`).test(plain(text));
}

function conditionBlocks({ exists, msr }: Finding, withReasons: boolean): readonly Block[] {
  if (exists === undefined || exists.length === 0) return [];
  const rows = exists.slice(0, shownConditions).map((one) => conditionRow(one, withReasons));
  const head = ['Source', 'Condition', 'On this machine', ...(withReasons ? ['Because'] : [])];
  return [
    paragraph([`${msr?.access === 'write' ? 'When this register can be written' : 'When this register exists'}, by each source:`]),
    { kind: 'table', head, rows },
  ];
}

const worthWords: Readonly<Record<Existence['worth'], string>> = { true: 'holds', false: 'does not hold', unknown: 'unknown' };

function conditionRow({ source, when, worth, because }: Existence, withReasons: boolean): readonly Rich[] {
  const row: Rich[] = [[source], [{ code: when }], [{ strong: worthWords[worth] }]];
  if (withReasons) row.push(because.slice(0, shownReasons).flatMap((reason, index) => [...(index === 0 ? [] : ['; ']), ...reason]));
  return row;
}

function suggestionBlocks({ suggestion }: Finding): readonly Block[] {
  if (suggestion === undefined) return [];
  const blocks: Block[] = [paragraph(suggestion.text)];
  if (suggestion.code !== undefined) blocks.push({ kind: 'code', language: 'c', lines: lines(suggestion.code.split('\n').slice(0, 40)) });
  return blocks;
}
