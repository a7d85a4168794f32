/**
 * A file that a question names, as text.
 *
 * In: an address that `links.ts` recognised. Out: the text of the log in it, or one sentence why not and what to do. The token is not
 * sent, but for one second try on the server's own origin when the repository is private. Refuses: other hosts, more than three
 * redirects, files over 32 MiB, archives inside archives.
 */
import { gunzipSync } from 'node:zlib';
import { FormatError } from '../core/bytes/format-error.js';
import { limits } from '../core/limits.js';
import { decodeText } from '../core/log/decode-text.js';
import { type Sentence, say } from '../core/sentence.js';
import { memorySource, openArchive } from './archive.js';
import type { Environment } from './environment.js';
import { allowedAddress } from './hosts.js';
import { Problem } from './problem.js';
import type { FileMention } from './question.js';
import { type Exchange, exchange, type Net, TransferFault } from './transfer.js';

const fileBytes = 32 * 1024 * 1024;
const hops = 3;
const textsInArchive = 32;

export type FileText =
  | { readonly kind: 'texts'; readonly texts: readonly { readonly name: string; readonly text: string }[] }
  | { readonly kind: 'unreadable'; readonly problem: Sentence };

const unreadable = (problem: Sentence): FileText => ({ kind: 'unreadable', problem });

/** Worth a look without a command: what people attach logs as. */
export function mayHoldLog(file: FileMention): boolean {
  return file.from === 'gist' || /\.(?:txt|log|zip|gz|7z|md|out|cap|serial)$/i.test(file.name) || !/\.[a-z0-9]{1,5}$/i.test(file.name);
}

async function ask(environment: Environment, net: Net, file: FileMention, token: string | undefined): Promise<Exchange> {
  let url = allowedAddress(environment, file.url, 'attachment');
  const server = new URL(environment.serverUrl).origin;
  for (let hop = 0; ; hop += 1) {
    if (url === undefined)
      throw new Problem(
        'question',
        say`The file ${file.name} is kept at a host that is not asked. Paste the log into the text, between lines of three backticks.`,
      );
    // the token goes to the server itself and nowhere a redirect leads
    const mayAuthorize = token !== undefined && hop === 0 && url.origin === server;
    const headers: Record<string, string> = mayAuthorize ? { authorization: `token ${token}` } : {};
    const answer = await exchange(net, url.href, { headers }, fileBytes);
    if (answer.status < 301 || answer.status > 308 || answer.status === 304) return answer;
    if (hop >= hops)
      throw new Problem(
        'question',
        say`The file ${file.name} is redirected too often. Paste the log into the text, between lines of three backticks.`,
      );
    url = allowedAddress(environment, answer.headers.get('location') ?? '', 'attachment', url.href);
  }
}

const packed: readonly (readonly [string, string])[] = [
  ['377abcaf271c', '7z'],
  ['526172211a07', 'RAR'],
  ['fd377a585a00', 'xz'],
  ['28b52ffd', 'Zstandard'],
  ['425a68', 'bzip2'],
];
const pictures: readonly string[] = ['89504e47', 'ffd8ff', '47494638', '52494646', '25504446'];

function startsWith(bytes: Uint8Array, magic: string): boolean {
  return Buffer.from(bytes.subarray(0, magic.length / 2)).toString('hex') === magic;
}

function gunzip(bytes: Uint8Array, name: string): Uint8Array {
  try {
    return gunzipSync(bytes, { maxOutputLength: limits.logBytes });
  } catch (error) {
    throw new FormatError(
      'malformed',
      name.slice(0, 200),
      -1,
      `it cannot be gunzipped (${error instanceof Error ? error.message.slice(0, 100) : 'unknown'})`,
    );
  }
}

/** Bytes to texts; archives are opened once, not what lies inside them. */
async function textsOf(bytes: Uint8Array, name: string): Promise<FileText> {
  const other = packed.find(([magic]) => startsWith(bytes, magic));
  if (other !== undefined)
    return unreadable(
      say`The file ${name} is packed with ${[other[1]]}, which is not read. Attach it as ${'.zip'}, ${'.gz'} or plain ${'.txt'}.`,
    );
  if (pictures.some((magic) => startsWith(bytes, magic)))
    return unreadable(say`The file ${name} holds no text. Attach the log itself, as ${'.txt'}.`);
  if (startsWith(bytes, '504b')) {
    const archive = await openArchive(memorySource(bytes));
    const readable = [...archive.entries.values()].filter(
      (entry) => entry.size > 0 && !/\.(?:exe|bin|elf|o|a|gz|zip|png|jpe?g|pdf)$/i.test(entry.path),
    );
    const texts: { name: string; text: string }[] = [];
    for (const entry of readable.sort((a, b) => b.size - a.size).slice(0, textsInArchive)) {
      if (entry.size > limits.logBytes) continue;
      texts.push({ name: `${name}:${entry.path}`, text: decodeText(await archive.read(entry)) });
    }
    return texts.length > 0
      ? { kind: 'texts', texts }
      : unreadable(say`The file ${name} holds no text file. Put the log into it as ${'.txt'}.`);
  }
  const plainBytes = startsWith(bytes, '1f8b') ? gunzip(bytes, name) : bytes;
  return { kind: 'texts', texts: [{ name, text: decodeText(plainBytes) }] };
}

export async function readFile(
  environment: Environment,
  net: Net,
  file: FileMention,
  access: { readonly token: string; readonly isPrivate: boolean },
): Promise<FileText> {
  try {
    let answer = await ask(environment, net, file, undefined);
    if (answer.status === 404 && access.isPrivate && file.from === 'attachment') answer = await ask(environment, net, file, access.token);
    if (answer.status === 404 || answer.status === 401 || answer.status === 403) {
      return unreadable(
        access.isPrivate
          ? say`The file ${file.name} cannot be read: GitHub gives files of a private repository to people only. Paste the log into the text, between lines of three backticks, or start the workflow by hand with it.`
          : say`The file ${file.name} is not there. Attach it again, or paste the log into the text, between lines of three backticks.`,
      );
    }
    if (answer.status !== 200)
      return unreadable(say`The file ${file.name} could not be loaded: its host answered ${answer.status}. Edit the comment to try again.`);
    if (answer.body.length === 0) return unreadable(say`The file ${file.name} is empty.`);
    return await textsOf(answer.body, file.name);
  } catch (error) {
    if (error instanceof Problem && error.kind === 'question') return unreadable(error.sentence);
    if (error instanceof FormatError)
      return unreadable(say`The file ${file.name} is damaged: ${error.problem}. Attach it again, or paste the log into the text.`);
    if (error instanceof TransferFault) {
      const why = error.kind === 'too-large' ? `it is larger than ${fileBytes / 1024 / 1024} MiB` : error.message;
      return unreadable(say`The file ${file.name} could not be loaded: ${why}. Edit the comment to try again.`);
    }
    throw error;
  }
}
