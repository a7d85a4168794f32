/**
 * What a register or a stack word means: code as function and offset, data as symbol, strings as text, places of the stack as such.
 *
 * In: a value, the images with their bias, the crash. Out: a sentence, or `undefined` where nothing is known.
 * Refuses: to show data as code, and to guess: a value that lies nowhere stays unexplained.
 */
import { type Arch, hex, type LinkAddress, linkAddress, type RuntimeAddress, runtimeAddress, toLink, wordSize } from '../addresses.js';
import type { Image } from '../image/image.js';
import type { LoadedImage } from '../image/loaded-image.js';
import type { CpuCrash, StackMemory } from '../log/crash-log.js';
import { type Sentence, say } from '../sentence.js';
import type { ReportCrash, ReportFrame, WordMeaning } from './report.js';
import { functionName } from './signature.js';

export interface ValueMeaning {
  readonly kind: 'code' | 'data' | 'stack' | 'text';
  readonly text: Sentence;
}

/** Shorter runs of printable bytes are chance: one word in fifty of random bytes is printable on i386. */
const shortestText = 8;
const longestText = 64;
/** Below this every value is a count, a flag or an offset, even where an image is linked at 0. */
const lowestAddress = 0x1000n;

/** `undefined` where nothing covers the value. */
export function describeWord(value: bigint, images: readonly LoadedImage[], crash: CpuCrash): ValueMeaning | undefined {
  if (value < lowestAddress) return undefined;
  const { range } = crash.stack;
  if (range !== undefined && value >= range.start && value < range.end) {
    return { kind: 'stack', text: say`this stack +${hex(value - range.start)}` };
  }
  for (const placed of images) {
    if (placed.image.arch !== crash.arch) continue;
    const meaning = describeIn(value, placed);
    if (meaning === undefined) continue;
    return value === crash.vcpu ? { ...meaning, text: [...meaning.text, ', the VCPU of this CPU'] } : meaning;
  }
  return undefined;
}

function describeIn(value: bigint, { image, bias }: LoadedImage): ValueMeaning | undefined {
  const link = toLink(runtimeAddress(value), bias);
  if (link === undefined) return undefined;
  if (image.isCode(link)) {
    const found = image.symbolAt(link);
    if (found === undefined) return { kind: 'code', text: say`code without a name` };
    if (found.symbol.type === 'object') return { kind: 'data', text: say`data ${withOffset(found.symbol.name, found.offset)}` };
    return { kind: 'code', text: say`code ${withOffset(functionName(found.symbol.name), found.offset)}` };
  }
  const section = image.sectionAt(link);
  if (section === undefined) return undefined;
  const string = section.hasBytes ? stringAt(image, link) : undefined;
  const found = image.symbolAt(link);
  const place = found === undefined ? withOffset(section.name, link - section.address) : withOffset(found.symbol.name, found.offset);
  if (string !== undefined && found === undefined) return { kind: 'text', text: say`points to the text ${JSON.stringify(string)}` };
  return { kind: 'data', text: say`data ${place}` };
}

function withOffset(name: string, offset: number): string {
  return offset === 0 ? name : `${name}+${hex(offset)}`;
}

function isPrintable(byte: number): boolean {
  return (byte >= 0x20 && byte < 0x7f) || byte === 0x0a || byte === 0x09;
}

/** A NUL-terminated run of printable ASCII from `at` on, of at least four characters. */
function stringAt(image: Image, at: LinkAddress): string | undefined {
  let text = '';
  for (let offset = 0; offset < longestText; offset += 1) {
    const byte = image.bytesAt(linkAddress(at + offset), 1)?.[0];
    if (byte === undefined) return undefined;
    if (byte === 0) return text.length >= 4 ? text : undefined;
    if (!isPrintable(byte)) return undefined;
    text += String.fromCharCode(byte);
  }
  return `${text}...`;
}

/**
 * Registers that point somewhere known, by register name; `vcpu` for the structure that the log names. The printed stack pointer is
 * where the dump starts, which says nothing.
 */
export function registerMeanings(crash: CpuCrash, images: readonly LoadedImage[]): ReadonlyMap<string, Sentence> {
  const meanings = new Map<string, Sentence>();
  const values: Iterable<readonly [string, bigint]> =
    crash.vcpu === undefined ? crash.registers : [...crash.registers, ['vcpu', crash.vcpu]];
  for (const [name, value] of values) {
    if (name === 'esp' || name === 'rsp') continue;
    const meaning = describeWord(value, images, crash);
    if (meaning !== undefined) meanings.set(name, meaning.text);
  }
  return meanings;
}

/** The dumped words that mean something, in dump order. */
export function wordMeanings(
  { crash, frames }: Pick<ReportCrash, 'crash' | 'frames'>,
  images: readonly LoadedImage[],
): readonly WordMeaning[] {
  const roles = wordRoles(crash, frames);
  const texts = textRuns(crash.stack, crash.arch);
  const meanings: WordMeaning[] = [];
  for (const { address, value } of crash.stack.words) {
    const role = roles.get(address);
    if (role !== undefined) {
      meanings.push({ address, value, ...role });
      continue;
    }
    const meaning = describeWord(value, images, crash) ?? texts.get(address);
    if (meaning !== undefined) meanings.push({ address, value, ...meaning });
  }
  return meanings;
}

type Role = Pick<WordMeaning, 'kind' | 'frameIndex' | 'text'>;

/** Words that the walk has used: return addresses, hardware frames, saved frame pointers. */
function wordRoles(crash: CpuCrash, frames: readonly ReportFrame[]): ReadonlyMap<bigint, Role> {
  const roles = new Map<bigint, Role>();
  const size = BigInt(wordSize(crash.arch));
  if (crash.fault.frameAt !== undefined) addHardwareFrame(roles, crash.fault.frameAt, crash.arch, 0, crash.arch === 'amd64');
  frames.forEach((entry, index) => {
    const { frame } = entry;
    if (frame.slot === undefined || index === 0) return;
    if (frame.address?.kind === 'instruction-pointer') {
      addHardwareFrame(roles, frame.slot, crash.arch, index, crash.arch === 'amd64');
      return;
    }
    roles.set(frame.slot, { kind: 'frame', frameIndex: index, text: say`return address of frame ${index}: ${frameName(entry)}` });
    const saved = frame.slot - size;
    const name = crash.arch === 'i386' ? 'ebp' : 'rbp';
    const expected = frame.registers.get(name);
    if (expected !== undefined && crash.stack.wordAt(saved) === expected && pointsIntoStack(expected, crash.stack) && !roles.has(saved)) {
      roles.set(saved, { kind: 'saved-register', frameIndex: index, text: say`saved ${name} of frame ${index}` });
    }
  });
  return roles;
}

function pointsIntoStack(value: bigint, { range }: StackMemory): boolean {
  return range !== undefined && value >= range.start && value < range.end;
}

/** What the CPU pushed, lowest address first: PC, CS, flags, and on amd64 always stack pointer and SS (SDM vol 3, 6.12 and 6.14.2). */
function addHardwareFrame(roles: Map<bigint, Role>, at: RuntimeAddress, arch: Arch, frameIndex: number, withStack: boolean): void {
  const names = arch === 'i386' ? ['EIP', 'CS', 'EFLAGS'] : ['RIP', 'CS', 'RFLAGS', ...(withStack ? ['RSP', 'SS'] : [])];
  names.forEach((name, index) => {
    const address = at + BigInt(index * wordSize(arch));
    const text = index === 0 ? say`${name} of the hardware frame, frame ${frameIndex}` : say`${name} of the hardware frame`;
    roles.set(address, { kind: 'hardware-frame', frameIndex, text });
  });
}

function frameName({ functions, symbol, offset }: ReportFrame): string {
  const owner = functions.at(-1)?.name ?? symbol;
  if (owner === undefined) return 'no name';
  return offset === undefined ? functionName(owner) : withOffset(functionName(owner), offset);
}

/** Runs of printable bytes over neighbouring words, by the address of each word that takes part. */
function textRuns(stack: StackMemory, arch: Arch): ReadonlyMap<bigint, ValueMeaning> {
  const size = wordSize(arch);
  const runs = new Map<bigint, ValueMeaning>();
  let run: { addresses: bigint[]; text: string } = { addresses: [], text: '' };
  const close = (): void => {
    if (run.text.length >= shortestText) {
      for (const [index, address] of run.addresses.entries()) {
        const part = run.text.slice(index * size, (index + 1) * size);
        runs.set(address, { kind: 'text', text: say`text ${JSON.stringify(part)}` });
      }
    }
    run = { addresses: [], text: '' };
  };
  let next: bigint | undefined;
  for (const { address, value } of stack.words) {
    if (address !== next) close();
    next = address + BigInt(size);
    const text = printableWord(value, size);
    if (text === undefined) {
      close();
      continue;
    }
    run.addresses.push(address);
    run.text += text;
    if (text.length < size) close();
  }
  close();
  return runs;
}

/** The bytes of a word, little endian, as text: all printable, or printable up to a NUL after which all are NUL. */
function printableWord(value: bigint, size: number): string | undefined {
  let text = '';
  for (let index = 0; index < size; index += 1) {
    const byte = Number((value >> BigInt(index * 8)) & 0xffn);
    if (byte === 0 && text !== '') return value >> BigInt(index * 8) === 0n ? text : undefined;
    if (!isPrintable(byte)) return undefined;
    text += String.fromCharCode(byte);
  }
  return text;
}
