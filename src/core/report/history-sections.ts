/**
 * Where it comes from: source lines, who changed them last, the commits since a good revision, and the same crash elsewhere.
 *
 * In: what the edge looked up. Out: sections, none where there is nothing to say. Refuses: text of commits and files outside code;
 * pull requests as links, for each would leave a mention there.
 */
import type { BlamedLine, RankedCommit, SeenBefore, SourceExcerpt } from './history.js';
import { answerLink, commitLink, compareLink, pathLink } from './links.js';
import { type Block, type CodeLine, count, paragraph, type Rich, type RichPart, type Section, small } from './page.js';
import type { ReportContext } from './report.js';

const shownCommits = 10;
const shownSeen = 3;
const shownBlame = 4;
const shortHash = 10;

export function sourceSection(context: ReportContext): readonly Section[] {
  const { source = [], blame = [], notLookedUp = [] } = context;
  const blocks: Block[] = [
    ...source.flatMap((excerpt) => excerptBlocks(excerpt, context)),
    ...(blame.length === 0 ? [] : [{ kind: 'list', items: blame.slice(0, shownBlame).map((line) => blameItem(line, context)) } as const]),
    ...(notLookedUp.length === 0 ? [] : [small(['Not looked up: ', ...joinedBy('; ', notLookedUp), '.'])]),
  ];
  if (blocks.length === 0) return [];
  // alone it is nothing that anybody must read first
  if (source.length + blame.length === 0) return [{ name: 'source', heading: 'What was not looked up', collapsed: true, blocks }];
  const guilty = blame.find((line) => line.guilty) ?? blame[0];
  const shorter: Block[] = guilty === undefined ? [] : [paragraph(blameItem(guilty, context))];
  return [{ name: 'source', heading: 'Where it comes from', collapsed: false, blocks, shorter }];
}

function joinedBy(joint: string, sentences: readonly Rich[]): Rich {
  return sentences.flatMap((sentence, index): Rich => (index === 0 ? sentence : [joint, ...sentence]));
}

const checkWords: Readonly<Record<SourceExcerpt['check'], string>> = {
  same: 'the same file as was compiled, by its checksum',
  differs: 'not the file that was compiled, by its checksum, so its lines are not shown',
  'not-verified': 'not verified: the debug information holds no checksum of it',
};

function excerptBlocks(excerpt: SourceExcerpt, context: ReportContext): readonly Block[] {
  const { path, line, first, lines, role, check } = excerpt;
  const code = `${path}:${line}`;
  const link = pathLink(path, line, context);
  const at: RichPart = link === undefined ? { code } : { link, code };
  const what = role === 'guilty' ? 'The line to look at first is ' : 'The fault itself is at ';
  const text = paragraph([what, at, `, ${checkWords[check]}.`]);
  if (lines.length === 0) return [text];
  const width = String(first + lines.length - 1).length;
  const shown = lines.map((content, index): CodeLine => {
    const number = first + index;
    const here = number === line;
    return { text: `${here ? '=>' : '  '} ${String(number).padStart(width)}  ${content}`, ...(here ? { mark: 'guilty' } : {}) };
  });
  return [text, { kind: 'code', language: 'c', lines: shown }];
}

function commitPart(commit: string, context: ReportContext): RichPart {
  const link = commitLink(commit, context);
  const code = commit.slice(0, shortHash);
  return link === undefined ? { code } : { link, code };
}

function blameItem(line: BlamedLine, context: ReportContext): Rich {
  const { path, function: name, commit, date, author, subject, pullRequest } = line;
  const through = pullRequest === undefined ? '' : `, in pull request ${pullRequest}`;
  return [
    'Last changed: ',
    { code: `${path}:${line.line}` },
    ' (',
    { code: name },
    ') by ',
    { code: author },
    ` on ${date}${through}: `,
    commitPart(commit, context),
    ' ',
    { code: subject },
  ];
}

export function commitsSection(context: ReportContext): readonly Section[] {
  const { commits } = context;
  if (commits === undefined) return [];
  const { good, bad, goodFrom, total, seen, ranked, more } = commits;
  const link = compareLink(good, bad, context);
  const span = `${good.slice(0, shortHash)}...${bad.slice(0, shortHash)}`;
  const looked = seen < total ? ` ${count(seen, 'of them was', 'of them were')} looked at.` : '';
  const intro = paragraph([
    ...goodFrom,
    ` ${count(total, 'commit lies', 'commits lie')} between it and the build: `,
    link === undefined ? { code: span } : { link, code: span },
    `.${looked}`,
  ]);
  const heading =
    ranked.length === 0 ? 'Commits since the good revision' : `Commits that touch this stack (${ranked.length + more} of ${total})`;
  if (ranked.length === 0) {
    return [
      { name: 'commits', heading, collapsed: true, blocks: [intro, paragraph(['None of them was found to touch a file of this stack.'])] },
    ];
  }
  const items = ranked.slice(0, shownCommits).map((commit) => commitItem(commit, context));
  const hidden = more + Math.max(0, ranked.length - shownCommits);
  if (hidden > 0) items.push([`${hidden} more touch it less.`]);
  const shorter: Block[] = [intro, { kind: 'list', items: items.slice(0, 3) }];
  return [{ name: 'commits', heading, collapsed: true, blocks: [intro, { kind: 'list', items }], shorter }];
}

function commitItem({ commit, date, author, subject, reasons }: RankedCommit, context: ReportContext): Rich {
  return [commitPart(commit, context), ` ${date} `, { code: author }, ' ', { code: subject }, ': ', ...joinedBy('; ', reasons)];
}

const stateWords: Readonly<Record<'open' | 'closed', string>> = { open: ', still open', closed: ', closed' };

export function seenBeforeSection(context: ReportContext): readonly Section[] {
  const { seenBefore = [] } = context;
  if (seenBefore.length === 0) return [];
  const shown = seenBefore.slice(0, shownSeen).map((one) => seenWords(one, context));
  const more = seenBefore.length - shown.length;
  const text: Rich = [
    'Seen before, with the same exception and innermost functions: ',
    ...joinedBy('; ', shown),
    more > 0 ? `; and in ${more} more.` : '.',
  ];
  return [{ name: 'seen-before', collapsed: false, blocks: [paragraph(text)] }];
}

function seenWords(one: SeenBefore, context: ReportContext): Rich {
  const words = `${one.isPullRequest ? 'pull request' : 'issue'} ${one.issue}`;
  const link = answerLink(one, context);
  const state = one.state === undefined ? '' : stateWords[one.state];
  return [link === undefined ? words : { link, words }, ` (${one.age} earlier, ${one.date}${state})`];
}
