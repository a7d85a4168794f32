/** `/symbolize` at the start of a comment, and its keys. */
import { type Sentence, say } from '../core/sentence.js';

export interface Command {
  /** Number or address, as written. */
  readonly run?: string;
  readonly artifact?: string;
  readonly image?: string;
  /** 7 to 40 hex digits. */
  readonly good?: string;
  /** What was not understood; one sentence each. */
  readonly problems: readonly Sentence[];
}

const known = ['run', 'artifact', 'image', 'good'] as const;
const word = /([A-Za-z][\w-]{0,40})=(?:"([^"\n]{0,500})"|'([^'\n]{0,500})'|`([^`\n]{0,500})`|([^\s]{0,500}))|(\S{1,500})/g;

/** `undefined` where the text does not start with the command. */
export function readCommand(body: string): Command | undefined {
  const start = /^[\s\ufeff\u200b]*\/symbolize(?![\w/-])([^\n]*)/i.exec(body);
  if (start === null) return undefined;
  const values: { run?: string; artifact?: string; image?: string; good?: string } = {};
  const problems: Sentence[] = [];
  for (const match of (start[1] ?? '').matchAll(word)) {
    const key = match[1]?.toLowerCase();
    const value = (match[2] ?? match[3] ?? match[4] ?? match[5] ?? '').trim();
    if (key === undefined) {
      const loose = (match[6] ?? '').replace(/^[#<(]+|[>),.;]+$/g, '');
      if (values.run === undefined && (/^[0-9]{5,16}$/.test(loose) || /^https?:\/\//.test(loose))) values.run = loose;
      continue;
    }
    const name = key === 'run-id' || key === 'run_id' ? 'run' : known.find((one) => one === key);
    if (name === undefined) {
      problems.push(say`The command has no key ${key}. It knows ${'run='}, ${'artifact='}, ${'image='} and ${'good='}.`);
    } else if (value === '') {
      problems.push(say`The key ${`${name}=`} has no value. Write it without a blank, like ${'run=1234567890'}.`);
    } else if (name === 'good' && !/^[0-9a-f]{7,40}$/i.test(value)) {
      problems.push(say`The value of ${'good='} must be a revision of 7 to 40 hex digits, and ${value.slice(0, 60)} is not.`);
    } else {
      values[name] = value;
    }
  }
  return { ...values, problems };
}
