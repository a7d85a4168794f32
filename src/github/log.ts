/**
 * The one way to standard output. A runner takes `::name::` at the start of a line and `##[name]` anywhere in it for a command, on
 * both streams, so foreign text must not reach it whole.
 *
 * In: sentences of ours, with foreign text as code parts. Out: lines. Refuses: control characters, commands, more than 500 characters
 * a line or 200 lines, anything told to be secret, and the query of any address (signed addresses are secrets).
 */
import { plain, type Sentence } from '../core/sentence.js';

const lineCharacters = 500;
const lineCount = 200;

export interface Log {
  note(sentence: Sentence): void;
  warning(sentence: Sentence): void;
  error(sentence: Sentence): void;
  debug(sentence: Sentence): void;
  /** From here on this value never appears in a line. */
  hide(secret: string): void;
}

/** Line ends of any kind, which a terminal or the runner might take for one. */
const lineEnds = /\r\n|[\n\r\v\f\u0085\u2028\u2029]/;
const escapes = /\u001b\[[0-9;?]*[ -/]*[@-~]|\u001b\][^\u0007\u001b]{0,4096}(?:\u0007|\u001b\\)|[\u0000-\u0008\u000e-\u001f\u007f-\u009f]/g;
const invisible = /[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufeff]|\udb40[\udc00-\udc7f]/g;

/** The text as harmless lines. */
export function harmless(text: string): string[] {
  const lines = text.split(lineEnds);
  const kept = lines.slice(0, lineCount).map((line) => {
    const clean = line
      .replace(escapes, '')
      .replace(invisible, '')
      .replace(/:(?=:)/g, ': ')
      .replace(/##(?=\[)/g, '## ');
    return clean.length > lineCharacters ? `${clean.slice(0, lineCharacters)} (cut)` : clean;
  });
  if (lines.length > lineCount) kept.push(`(${lines.length - lineCount} more lines)`);
  return kept;
}

export function createLog(write: (text: string) => void, debug: boolean): Log {
  const secrets = new Set<string>();
  const clean = (sentence: Sentence): string[] => {
    let text = plain(sentence).replace(/(https?:\/\/[^\s?"'<>]*)\?[^\s"'<>]*/g, '$1');
    for (const secret of secrets) text = text.replaceAll(secret, '***');
    return harmless(text);
  };
  // `%` begins an escape in the text of a command
  const command = (name: string, sentence: Sentence): void => write(`::${name}::${clean(sentence).join(' ').replaceAll('%', '%25')}\n`);
  return {
    note: (sentence) => write(`${clean(sentence).join('\n')}\n`),
    warning: (sentence) => command('warning', sentence),
    error: (sentence) => command('error', sentence),
    debug: (sentence) => {
      if (debug) command('debug', sentence);
    },
    hide: (secret) => {
      if (secret.length >= 4) secrets.add(secret);
    },
  };
}
