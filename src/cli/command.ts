/** What the commands of the local tool share: their errors, their inputs, their exit status. */
import { readFileSync } from 'node:fs';
import { FormatError } from '../core/bytes/format-error.js';
import type { Gap } from '../core/gap.js';
import { limits } from '../core/limits.js';
import { decodeText } from '../core/log/decode-text.js';
import { plain } from '../core/sentence.js';

/** 0 done; 1 nothing found; 2 usage or unreadable input. */
export type ExitStatus = 0 | 1 | 2;

/** One line for standard error that names the file, the place in it and the remedy; ends the command with status 2. */
export class CommandError extends Error {
  override readonly name = 'CommandError';
}

const reasons: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file; check the path',
  EACCES: 'no permission to read it; check its mode and owner',
  EISDIR: 'it is a folder; name a file',
  EINVAL: 'it is no regular file; name a file',
};

/** Any failure to read `path`, as one line. Faults of ours pass through unchanged. */
export function unreadable(path: string, error: unknown): unknown {
  if (error instanceof FormatError) {
    const place = error.offset < 0 ? error.where : `${error.where} at offset 0x${error.offset.toString(16)}`;
    return new CommandError(`${path}: ${place}: ${error.problem}; ${remedyFor(error)}`);
  }
  if (error instanceof Error && 'code' in error && typeof error.code === 'string') {
    return new CommandError(`${path}: ${reasons[error.code] ?? `cannot be read (${error.code})`}`);
  }
  return error;
}

function remedyFor(error: FormatError): string {
  switch (error.kind) {
    case 'malformed':
      return 'copy or download the file again';
    case 'unsupported':
      return 'name the ELF file with debug information of the build that crashed';
    case 'limit':
      return 'the file is larger than any known build; check that it is the right one';
    default: {
      const never: never = error.kind;
      return never;
    }
  }
}

async function standardInput(): Promise<Uint8Array> {
  const pieces: Buffer[] = [];
  for await (const piece of process.stdin) pieces.push(piece as Buffer); // no encoding is set: pieces are buffers
  return Buffer.concat(pieces);
}

/** Text of a file, or of standard input for `-`. */
export async function readText(path: string): Promise<string> {
  const bytes = path === '-' ? await standardInput() : readBytes(path);
  if (bytes.length > limits.logBytes) {
    throw new CommandError(`${path}: ${bytes.length} bytes; at most ${limits.logBytes} are read: cut the log to the boot that crashed`);
  }
  return decodeText(bytes);
}

function readBytes(path: string): Uint8Array {
  try {
    return readFileSync(path);
  } catch (error) {
    throw unreadable(path, error);
  }
}

/** One gap as one line for standard error: what is missing and what would fix it. */
export function gapLine(gap: Gap): string {
  return oneLine(`${gap.where}: ${plain(gap.problem)}${gap.remedy ? `; ${plain(gap.remedy)}` : ''}`);
}

/** Foreign text on a terminal: control characters are shown, not obeyed. */
export function oneLine(text: string): string {
  return text.replace(/[\u0000-\u001f\u007f-\u009f]/g, (character) => `\\x${character.charCodeAt(0).toString(16).padStart(2, '0')}`);
}
