/** `lookup`: addresses to functions and lines, printed as `llvm-symbolizer --inlining` prints them. */
import { parseArgs } from 'node:util';
import { hex, type LinkAddress, linkAddress, linkAddressOf, linkAddressValue } from '../core/addresses.js';
import type { Image } from '../core/image/image.js';
import { openImage } from '../core/image/open-image.js';
import type { SourceLookup } from '../core/image/symbolize.js';
import { openFile } from '../platform/file-source.js';
import { createPlatform } from '../platform/node.js';
import { CommandError, type ExitStatus, gapLine, readText, unreadable } from './command.js';

interface Asked {
  /** As given, for the answer. */
  readonly original: LinkAddress;
  readonly lookup: LinkAddress;
}

function parseAddress(text: string, place: string): LinkAddress {
  const digits = /^(?:0[xX])?([0-9a-fA-F]{1,16})$/.exec(text)?.[1];
  const address = digits === undefined ? undefined : linkAddressOf(BigInt(`0x${digits}`));
  if (address === undefined)
    throw new CommandError(`${place}: ${JSON.stringify(text.slice(0, 40))} is no address; give hexadecimal digits, with or without 0x`);
  return address;
}

async function addressesOf(positionals: readonly string[]): Promise<LinkAddress[]> {
  const addresses: LinkAddress[] = [];
  for (const [index, positional] of positionals.entries()) {
    if (positional !== '-') {
      addresses.push(parseAddress(positional, `argument ${index + 1}`));
      continue;
    }
    const lines = (await readText('-')).split('\n');
    lines.forEach((line, at) => {
      const text = line.trim();
      if (text !== '') addresses.push(parseAddress(text, `standard input, line ${at + 1}`));
    });
  }
  return addresses;
}

/** llvm-symbolizer prints `??` and zeros for what it does not know, and a blank line after each address. */
function printText({ original }: Asked, found: SourceLookup, withAddress: boolean): string {
  const lines = withAddress ? [hex(linkAddressValue(original))] : [];
  for (const { name, file, line, column } of found.functions) lines.push(name, `${file ?? '??'}:${line ?? 0}:${column ?? 0}`);
  if (found.functions.length === 0) lines.push('??', '??:0:0');
  return `${lines.join('\n')}\n\n`;
}

function toJson({ original, lookup }: Asked, { functions, symbol }: SourceLookup): object {
  return {
    address: hex(linkAddressValue(original)),
    functions: functions.map(({ name, inlined, file, line, column }) => ({
      name,
      inlined,
      file: file ?? null,
      line: line ?? null,
      column: column ?? null,
    })),
    symbol: symbol?.name ?? null,
    // of the address that was asked, as everything else in the answer
    offset: symbol === undefined ? null : symbol.offset + (original - lookup),
  };
}

function open(path: string): { readonly image: Image; close(): void } {
  try {
    const source = openFile(path);
    return { image: openImage(source, path, createPlatform()), close: source.close };
  } catch (error) {
    throw unreadable(path, error);
  }
}

export async function lookupCommand(args: readonly string[], write: (text: string) => void): Promise<ExitStatus> {
  const { values, positionals } = parseArgs({
    args: [...args],
    options: { image: { type: 'string' }, json: { type: 'boolean' }, 'return-addresses': { type: 'boolean' } },
    allowPositionals: true,
  });
  if (values.image === undefined) throw new CommandError('lookup: --image FILE is missing; name the ELF file');
  if (positionals.length === 0)
    throw new CommandError('lookup: no address; give addresses, or - to read them from standard input, one a line');
  const addresses = await addressesOf(positionals);
  const less = values['return-addresses'] === true ? 1 : 0;
  const { image, close } = open(values.image);
  try {
    let covered = 0;
    const answers: string[] = [];
    for (const original of addresses) {
      const asked: Asked = { original, lookup: linkAddress(original - less) };
      const found = image.lookup(asked.lookup);
      if (found.functions.length > 0) covered += 1;
      answers.push(values.json === true ? JSON.stringify(toJson(asked, found)) : printText(asked, found, less === 1));
    }
    write(values.json === true ? `[\n${answers.join(',\n')}\n]\n` : answers.join(''));
    for (const gap of image.gaps) process.stderr.write(`${values.image}: ${gapLine(gap)}\n`);
    return covered > 0 ? 0 : 1;
  } finally {
    close();
  }
}
