/** The stack on the first screen, the stacks of CPUs that crashed differently, and the whole of each with arguments and full paths. */
import type { Sentence } from '../sentence.js';
import { mergedTree } from './call-tree.js';
import { capped, visible } from './foreign-text.js';
import { trustWords, variableText } from './frame-words.js';
import { wordHex } from './json.js';
import { sourceLink } from './links.js';
import { type Block, type CodeLine, count, paragraph, type Rich, type RichPart, type Section, small } from './page.js';
import type { Report, ReportContext, ReportCrash, ReportFrame } from './report.js';
import { crashGroups, isSameFault, sharedFrames } from './same.js';
import { exceptionName, functionName } from './signature.js';
import { repeatKey, stackLines } from './stack-view.js';
import { isStackTrusted, leadingCrash } from './verdict-section.js';

/** Lines of the stack on the first screen, title and stop included. */
const firstScreenLines = 15;
/** Frames shown in full. */
const shownFrames = 64;
const shownGroups = 16;

export function stackSections(report: Report, context: ReportContext): readonly Section[] {
  const leading = leadingCrash(report);
  const entry = leading === undefined ? undefined : report.crashes[leading];
  if (leading === undefined || entry === undefined) return [];
  if (entry.frames.length === 0) return [];
  if (!isStackTrusted(report, entry)) return [insistSection(entry)];
  const first = stackLines(entry, firstScreenLines - 1);
  const sections: Section[] = [
    {
      name: 'stack',
      collapsed: false,
      blocks: [codeBlock([titleLine(report, leading, entry), ...first.lines]), ...legend(entry)],
      shorter: [codeBlock([titleLine(report, leading, entry), ...stackLines(entry, 10).lines])],
    },
    ...otherStacks(report, leading),
  ];
  if (entry.frames.some(({ functions, symbol }) => functions.length > 0 || symbol !== undefined)) {
    sections.push({
      name: 'whole-stack',
      heading: `Every frame with arguments and full paths (${count(entry.frames.length, 'frame')})`,
      collapsed: true,
      blocks: [{ kind: 'list', items: frameList(entry, context) }],
      ...(first.folded ? { shorter: [codeBlock(stackLines(entry, 60).lines)] } : {}),
    });
  }
  return sections;
}

function codeBlock(lines: readonly CodeLine[]): Block {
  return { kind: 'code', language: 'text', lines };
}

function titleLine(report: Report, index: number, { crash }: ReportCrash): CodeLine {
  const group = crashGroups(report.crashes).find(({ members }) => members.includes(index));
  const cpus = (group?.members ?? [index]).map((member) => report.crashes[member]?.crash.cpu ?? '').filter((cpu) => cpu !== '');
  const named = [...new Set(cpus)].sort();
  const who = named.length === 0 ? 'crash' : named.length === 1 ? `CPU ${named[0]}` : `CPUs ${cpuList(named)}, the same on each`;
  const code = crash.fault.errorCode === undefined ? '' : `, error code ${wordHex(crash.fault.errorCode, crash.arch)}`;
  const pc = crash.fault.pc === undefined ? '' : ` at ${wordHex(crash.fault.pc, crash.arch)}`;
  return { text: visible(`${who}: ${exceptionName(crash.fault)}${pc}${code}, log line ${crash.line}`), mark: 'title' };
}

const shownCpus = 16;

function cpuList(cpus: readonly string[]): string {
  if (cpus.length > shownCpus) return `${cpus.slice(0, shownCpus).join(', ')} and ${cpus.length - shownCpus} more`;
  return `${cpus.slice(0, -1).join(', ')} and ${cpus.at(-1)}`;
}

/** One line that explains the marks that are there, and no other. */
function legend({ frames }: ReportCrash): readonly Block[] {
  const calls = frames.filter(({ frame }) => frame.callVerified !== undefined);
  const parts: string[] = [];
  if (calls.some(({ frame }) => frame.callVerified === true))
    parts.push('\u2713: the return address follows a call that can reach the frame above it');
  if (calls.some(({ frame }) => frame.callVerified === false)) parts.push('\u2717: no such call, doubt this frame');
  if (frames.some(({ frame }) => frame.trust === 'scan')) parts.push('scan: found by searching the stack, weaker than the rest');
  if (frames.some(({ frame }) => frame.synthetic)) parts.push('tail call: not on the stack, worked out from the code');
  return parts.length === 0 ? [] : [small([`${parts.join('; ')}.`])];
}

/** CPUs that crashed in another way, each with what differs in its stack, and one tree of all. */
function otherStacks(report: Report, leading: number): readonly Section[] {
  const groups = crashGroups(report.crashes);
  const others = groups.filter(({ members }) => !members.includes(leading));
  const lead = report.crashes[leading];
  if (others.length === 0 || lead === undefined) return [];
  const shown = others.slice(0, shownGroups);
  const stackBlock = (index: number, most: number): readonly Block[] => {
    const entry = report.crashes[index];
    if (entry === undefined) return [];
    const title = titleLine(report, index, entry);
    if (entry.frames.length === 0 || !isStackTrusted(report, entry)) return [codeBlock([title])];
    const shared = sharedFrames(entry, lead);
    return [codeBlock([title, ...stackLines(entry, most, shared > 1 ? shared : 0).lines])];
  };
  const more = others.length - shown.length;
  const tail: Block[] =
    more > 0 ? [paragraph([`${count(more, 'more crash', 'more crashes')} of other kinds: the JSON report holds them.`])] : [];
  const firsts = groups.flatMap(({ first }) => report.crashes[first] ?? []);
  const tree = mergedTree(firsts.filter((entry) => isStackTrusted(report, entry)));
  const isSame = others.every(({ first }) => {
    const entry = report.crashes[first];
    return entry !== undefined && isSameFault(entry, lead);
  });
  const heading = isSame ? 'The same fault, reached in another way' : 'Other CPUs crashed differently';
  return [
    {
      name: 'other-stacks',
      heading: others.length > 1 ? `${heading} (${others.length})` : heading,
      collapsed: others.length > 2,
      blocks: [...shown.flatMap(({ first }) => stackBlock(first, firstScreenLines)), ...tail, ...(tree === undefined ? [] : [tree])],
      shorter: shown.flatMap(({ first }) => stackBlock(first, 5)),
    },
  ];
}

/** Names for an image that does not fit: closed, and said to be wrong. */
function insistSection(entry: ReportCrash): Section {
  return {
    name: 'if-you-insist',
    heading: 'If you insist: names from the image that does not fit',
    collapsed: true,
    blocks: [
      paragraph(['These names come from another build than the one that crashed. They are most likely wrong.']),
      codeBlock(stackLines(entry, 40).lines),
    ],
  };
}

/** One item a frame, one for a whole recursion. */
function frameList(entry: ReportCrash, context: ReportContext): readonly Rich[] {
  const { frames } = entry;
  const items: Rich[] = [];
  for (let index = 0; index < frames.length; ) {
    const frame = frames[index];
    if (frame === undefined) break;
    if (items.length === shownFrames) {
      items.push([`${frames.length - index} more frames are not shown; the JSON report holds them all.`]);
      break;
    }
    const key = repeatKey(frame);
    let last = index;
    for (let next = frames[last + 1]; next !== undefined && repeatKey(next) === key; next = frames[last + 1]) last += 1;
    items.push([
      { strong: last === index ? `Frame ${index}` : `Frames ${index} to ${last}` },
      ...frameItem(frame, index, entry, context),
      ...(hasValues(frame) && last > index ? [`; the values are those of frame ${index}`] : []),
    ]);
    index = last + 1;
  }
  return items;
}

function hasValues({ functions, locals }: ReportFrame): boolean {
  return locals.length > 0 || functions.some((called) => called.arguments.length > 0);
}

function howWords({ frame }: ReportFrame, index: number): string {
  if (index === 0) return 'fault';
  if (frame.synthetic) return 'tail call, inferred';
  return frame.trust === 'context' ? 'interrupted here' : `found by ${trustWords[frame.trust]}`;
}

function frameItem(entry: ReportFrame, index: number, { crash }: ReportCrash, context: ReportContext): Rich {
  const { frame, functions, locals } = entry;
  const address: Sentence = frame.address === undefined ? [] : [' ', { code: wordHex(frame.address.at, crash.arch) }];
  const check = frame.callVerified === undefined ? '' : frame.callVerified ? ', call checked' : ', no matching call';
  const chain = functions.flatMap((called, position): RichPart[] => {
    const link = sourceLink(called.file, called.line, context);
    const place = called.file === undefined ? undefined : `${called.file}${called.line === undefined ? '' : `:${called.line}`}`;
    const variables = called.arguments.map(variableText).join(', ');
    const name = capped(`${functionName(called.name)}${variables === '' ? '' : `(${variables})`}`, 180);
    const at: RichPart[] = place === undefined ? [] : [' at ', link === undefined ? { code: place } : { link, code: place }];
    return [position === 0 ? ' ' : ', inlined in ', { code: name }, ...at];
  });
  const symbol: RichPart[] =
    functions.length > 0 ? [] : entry.symbol === undefined ? [' no name'] : [' ', { code: functionName(entry.symbol) }];
  const local: RichPart[] =
    locals.length === 0 ? [] : ['; locals, perhaps not yet set: ', { code: capped(locals.map(variableText).join(', '), 180) }];
  const notes = [...(frame.callEvidence === undefined ? [] : [frame.callEvidence]), ...frame.notes.slice(0, 4)];
  const said = notes.flatMap((note): RichPart[] => ['; ', ...note]);
  return [...address, ` (${howWords(entry, index)}${check}):`, ...chain, ...symbol, ...local, ...said];
}
