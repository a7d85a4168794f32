/**
 * Does this image belong to this log? A verdict from independent signals, each with its count and its evidence.
 *
 * In: the log, placed images, the walks over them. Out: one verdict an image. Refuses: to call an image a match on words alone;
 * one signal that contradicts outweighs any number that agree (docs/decisions/0007).
 */
import {
  hex,
  type LinkAddress,
  linkAddress,
  linkAddressValue,
  type RuntimeAddress,
  runtimeAddress,
  toLink,
  wordSize,
} from '../addresses.js';
import type { CpuCrash, CrashLog } from '../log/crash-log.js';
import type { Platform } from '../platform.js';
import type { MatchEvidence, Verdict } from '../report/report.js';
import { say } from '../sentence.js';
import { callBefore } from '../unwind/call-sites.js';
import { codeMapOf } from '../unwind/code-map.js';
import type { Backtrace } from '../unwind/frame.js';
import { walk } from '../unwind/walk.js';
import { excludesAddressFault, fitsFault } from './fits-fault.js';
import type { Image } from './image.js';
import type { LoadedImage } from './loaded-image.js';
import { codeStart, runtimeBases } from './place-image.js';
import { runtimeSha1 } from './runtime-hash.js';
import { typeSize } from './type-size.js';
import { verdictOf } from './verdict.js';

export interface MatchInput {
  readonly log: CrashLog;
  readonly images: readonly Candidate[];
  readonly platform: Platform;
}

export interface Candidate {
  readonly loaded: LoadedImage;
  /** Length of the gunzipped hypervisor image built with it, where known. */
  readonly hypervisorLength?: number;
}

export interface ImageMatch {
  readonly verdict: Verdict;
  readonly evidence: readonly MatchEvidence[];
}

export interface Matches {
  /** One an image, in the order handed in. */
  readonly matches: readonly ImageMatch[];
  /** One a crash of the log, walked over the images that fit best at each place; `image` of a frame counts all images. */
  readonly backtraces: readonly Backtrace[];
}

/** XMHF links its runtime behind the bootloader's and the secure loader's windows. */
const isRuntime = (start: LinkAddress): boolean => start >= 0x200_0000 || start < 0;

const isBelieved = (verdict: Verdict): boolean => verdict === 'match' || verdict === 'probable';

/** Best first. */
const rank: readonly Verdict[] = ['match', 'probable', 'ambiguous', 'unverifiable', 'mismatch'];

export function matchImages({ log, images, platform }: MatchInput): Matches {
  const walks = new Map<string, readonly Backtrace[]>();
  const walkOver = (indexes: readonly number[]): readonly Backtrace[] => {
    const known = walks.get(indexes.join());
    if (known !== undefined) return known;
    const chosen = indexes.flatMap((index) => images[index]?.loaded ?? []);
    const made = log.crashes.map((crash) => inOrderOf(walk(crash, chosen, platform), indexes));
    walks.set(indexes.join(), made);
    return made;
  };
  const isRival = (one: number, other: number): boolean => {
    const [left, right] = [images[one], images[other]];
    return one !== other && left !== undefined && right !== undefined && samePlace(left.loaded, right.loaded);
  };
  const all = images.map((_, index) => index);
  // each image is tried without those that would have run at its place
  const alone = images.map((candidate, index) => {
    const backtraces = walkOver(all.filter((other) => !isRival(index, other)));
    const evidence = signals(log, candidate, index, backtraces, platform);
    const verdict = verdictOf(evidence);
    return { verdict: candidate.loaded.isMoved && isBelieved(verdict) ? ('ambiguous' as const) : verdict, evidence };
  });
  const better = (one: number, other: number): boolean => {
    const [left, right] = [one, other].map((index) => rank.indexOf(alone[index]?.verdict ?? 'mismatch'));
    return left !== undefined && right !== undefined && (left < right || (left === right && one < other));
  };
  const chosen = all.filter((index) => !all.some((other) => isRival(index, other) && better(other, index)));
  const matches = alone.map((match, index) => {
    const rivals = all.filter((other) => isRival(index, other) && alone[other]?.verdict === match.verdict);
    const tied = rivals.some((other) => !sameCode(images[index], images[other]));
    return tied && isBelieved(match.verdict) ? { ...match, verdict: 'ambiguous' as const } : match;
  });
  return { matches, backtraces: walkOver(chosen) };
}

/** A walk over some of the images numbers them from 0; the report numbers all. */
function inOrderOf(backtrace: Backtrace, indexes: readonly number[]): Backtrace {
  return {
    ...backtrace,
    frames: backtrace.frames.map((frame) => {
      const index = frame.image === undefined ? undefined : indexes[frame.image];
      return index === undefined ? frame : { ...frame, image: index };
    }),
  };
}

function samePlace(left: LoadedImage, right: LoadedImage): boolean {
  const [one, other] = [codeStart(left.image), codeStart(right.image)];
  return (
    one !== undefined &&
    other !== undefined &&
    left.image.arch === right.image.arch &&
    BigInt(one) + left.bias === BigInt(other) + right.bias
  );
}

function sameCode(one: Candidate | undefined, other: Candidate | undefined): boolean {
  if (one === undefined || other === undefined) return false;
  const [left, right] = [one.loaded.image, other.loaded.image];
  const sections = left.sections.filter(({ executable, hasBytes }) => executable && hasBytes);
  return sections.every(({ address, size }) => {
    const [mine, theirs] = [left.bytesAt(address, size), right.bytesAt(address, size)];
    return mine !== undefined && theirs !== undefined && mine.every((byte, at) => byte === theirs[at]);
  });
}

function signals(
  log: CrashLog,
  { loaded, hypervisorLength }: Candidate,
  index: number,
  backtraces: readonly Backtrace[],
  platform: Platform,
): MatchEvidence[] {
  const evidence: MatchEvidence[] = [];
  const start = codeStart(loaded.image);
  if (start === undefined) return evidence;
  const runtime = isRuntime(start);
  const crashes = log.crashes.filter((crash) => concerns(crash, loaded, runtime));
  if (runtime) {
    evidence.push(...width(log, loaded), ...linkAddressSignal(log, loaded, start));
  }
  if (crashes.length > 0) {
    evidence.push(
      ...pcInCode(crashes, loaded),
      ...bytesFitFault(crashes, loaded, platform),
      ...callsOfFrames(log, backtraces, index, crashes),
      ...codeWords(crashes, interruptedAt(backtraces), loaded, platform),
    );
  }
  if (runtime) {
    evidence.push(...vcpuInArray(log.crashes, loaded), ...stackInArray(log, loaded), ...imageHash(log, loaded, platform));
    if (hypervisorLength !== undefined && log.facts.imageLength !== undefined) {
      const { value, line } = log.facts.imageLength;
      const equal = value === hypervisorLength;
      evidence.push({
        check: 'image-length',
        passed: equal ? 1 : 0,
        of: 1,
        detail: say`the hypervisor image beside it has ${hex(hypervisorLength)} bytes, line ${line} says ${hex(value)}`,
      });
    }
  }
  return evidence;
}

/** A crash concerns the image that holds its PC; a wild PC concerns the runtime. */
function concerns(crash: CpuCrash, loaded: LoadedImage, runtime: boolean): boolean {
  const { pc } = crash.fault;
  if (pc === undefined) return false;
  const { low, high } = extent(loaded);
  return (pc >= low && pc < high) || (runtime && crash.stack.words.some(({ value }) => value >= low && value < high));
}

/** From the first to the last allocated byte, as runtime addresses. */
function extent({ image, bias }: LoadedImage): { readonly low: bigint; readonly high: bigint } {
  let low: bigint | undefined;
  let high = 0n;
  for (const { allocated, size, address } of image.sections) {
    if (!allocated || size === 0) continue;
    const at = linkAddressValue(address) + bias;
    if (low === undefined || at < low) low = at;
    if (at + BigInt(size) > high) high = at + BigInt(size);
  }
  return { low: low ?? 0n, high };
}

function width(log: CrashLog, { image }: LoadedImage): MatchEvidence[] {
  if (log.arch === undefined) return [];
  return [{ check: 'width', passed: log.arch === image.arch ? 1 : 0, of: 1, detail: say`the log is ${log.arch}, the image ${image.arch}` }];
}

function linkAddressSignal(log: CrashLog, loaded: LoadedImage, start: LinkAddress): MatchEvidence[] {
  const bases = runtimeBases(log);
  if (bases.length === 0) return [];
  const at = linkAddressValue(start) + loaded.bias;
  const found = bases.find(({ base }) => base === at);
  return [
    {
      check: 'link-address',
      passed: found === undefined ? 0 : 1,
      of: 1,
      detail: found
        ? say`code starts at ${hex(at)}, where the log's runtime starts`
        : say`code starts at ${hex(at)}, the log's runtime at ${bases.map(({ base }) => hex(base)).join(', ')}`,
    },
  ];
}

function pcInCode(crashes: readonly CpuCrash[], loaded: LoadedImage): MatchEvidence[] {
  const { low, high } = extent(loaded);
  const inside = crashes.filter(({ fault }) => fault.pc !== undefined && fault.pc >= low && fault.pc < high);
  if (inside.length === 0) return [];
  const passed = inside.filter(({ fault }) => isCode(loaded, fault.pc)).length;
  return [{ check: 'pc-in-code', passed, of: inside.length, detail: say`PC inside the code: ${passed} of ${inside.length}` }];
}

function isCode({ image, bias }: LoadedImage, address: RuntimeAddress | undefined): boolean {
  const link = address === undefined ? undefined : toLink(address, bias);
  return link !== undefined && image.isCode(link);
}

function bytesFitFault(crashes: readonly CpuCrash[], { image, bias }: LoadedImage, platform: Platform): MatchEvidence[] {
  let passed = 0;
  let of = 0;
  let detail = say`no instruction at a PC tells`;
  for (const crash of crashes) {
    const { fault } = crash;
    const link = fault.pc === undefined ? undefined : toLink(fault.pc, bias);
    if (link === undefined || fault.vector === undefined || !image.isCode(link)) continue;
    const fits = fault.vector === 3 ? followsInt3(image, link) : instructionFits(image, link, fault.vector, crash, platform);
    if (fits === undefined) continue;
    of += 1;
    if (fits.answer) passed += 1;
    if (fault.vector === 3) {
      if (of === 1 || !fits.answer) detail = say`${fits.text} at ${hex(linkAddressValue(link))}`;
    } else if (of === 1 || !fits.answer)
      detail = say`${fits.text} at ${hex(linkAddressValue(link))} ${fits.answer ? say`can` : say`cannot`} raise ${fault.mnemonic ?? `vector ${fault.vector}`}`;
  }
  return of === 0 ? [] : [{ check: 'bytes-fit-fault', passed, of, detail }];
}

interface Fit {
  readonly answer: boolean;
  readonly text: string;
}

/** #BP is a trap: the saved PC is after INT3 (CC) or INT 3 (CD 03). */
function followsInt3(image: Image, link: LinkAddress): Fit {
  const bytes = image.bytesAt(linkAddress(link - 2), 2);
  const answer = bytes !== undefined && (bytes[1] === 0xcc || (bytes[0] === 0xcd && bytes[1] === 0x03));
  return { answer, text: answer ? 'int3 before the PC' : 'no int3 before the PC' };
}

const longestInstruction = 15;

function instructionFits(image: Image, link: LinkAddress, vector: number, crash: CpuCrash, platform: Platform): Fit | undefined {
  const section = image.sectionAt(link);
  if (section === undefined) return undefined;
  const length = Math.min(longestInstruction, section.address + section.size - link);
  const bytes = image.bytesAt(link, length);
  const instruction = bytes === undefined ? undefined : platform.decode(bytes, link, image.arch, 1)[0];
  if (instruction === undefined) return undefined;
  if (!codeMapOf(image, platform.decode).isBoundary(link)) return { answer: false, text: 'the middle of an instruction' };
  const answer = fitsFault(instruction, vector, crash.fault.errorCode) && !excludesAddressFault(instruction, vector, crash);
  return answer === undefined ? undefined : { answer, text: instruction.text() };
}

/** The frames that the walk took from this image by their return addresses; a walk that found no caller at all counts as a failure. */
function callsOfFrames(log: CrashLog, backtraces: readonly Backtrace[], index: number, crashes: readonly CpuCrash[]): MatchEvidence[] {
  let passed = 0;
  let of = 0;
  backtraces.forEach((backtrace, at) => {
    const crash = log.crashes[at];
    if (crash === undefined || !crashes.includes(crash)) return;
    for (const frame of backtrace.frames) {
      if (frame.image !== index) continue;
      // a frame whose own slot holds no return address: the slot was overwritten, or the image is another
      const lost = frame.address === undefined && !frame.synthetic;
      if (!lost && frame.callVerified === undefined) continue;
      of += 1;
      if (frame.callVerified) passed += 1;
    }
    if (backtrace.stop.kind === 'no-plausible-caller') of += 1;
  });
  if (of === 0) return [];
  return [
    {
      check: 'call-before-return-address',
      passed,
      of,
      detail: say`return addresses of the stacks that follow a CALL which can reach the frame below: ${passed} of ${of}`,
    },
  ];
}

/** Real images hold one or two; each code-like word is held against all. */
const mostObjects = 1000;

/** PCs of hardware frames: an interrupted instruction follows no CALL. */
function interruptedAt(backtraces: readonly Backtrace[]): ReadonlySet<bigint> {
  return new Set(
    backtraces.flatMap(({ frames }) => frames.flatMap(({ address }) => (address?.kind === 'instruction-pointer' ? [address.at] : []))),
  );
}

/**
 * Every word of the dumps that points into the code, live frame or stale: most are return addresses of real calls, if the image
 * is the right one. Function entries (pointers) and PCs of hardware frames say nothing and are left out.
 */
function codeWords(crashes: readonly CpuCrash[], pcs: ReadonlySet<bigint>, loaded: LoadedImage, platform: Platform): MatchEvidence[] {
  const { image, bias } = loaded;
  const seen = new Set<bigint>();
  // data that is linked into .text: XMHF's runtime parameter block stands at its very start, and every stack points to it
  const objects = image.symbols.filter(({ type, address }) => type === 'object' && image.isCode(address)).slice(0, mostObjects);
  const isObject = (link: LinkAddress): boolean => objects.some(({ address, size }) => link >= address && link < address + size);
  let passed = 0;
  for (const { stack } of crashes) {
    for (const { value } of stack.words) {
      if (seen.has(value) || pcs.has(value)) continue;
      const link = toLink(runtimeAddress(value), bias);
      if (link === undefined || !image.isCode(link) || image.symbolAt(link)?.offset === 0 || isObject(link)) continue;
      seen.add(value);
      if (callBefore(image, link, platform.decode) !== undefined) passed += 1;
    }
  }
  if (seen.size === 0) return [];
  return [
    {
      check: 'code-words',
      passed,
      of: seen.size,
      detail: say`different stack words that point into the code and follow a CALL: ${passed} of ${seen.size}`,
    },
  ];
}

function vcpuInArray(crashes: readonly CpuCrash[], { image, bias }: LoadedImage): MatchEvidence[] {
  const array = image.symbolsNamed('g_vcpubuffers').find(({ size }) => size > 0);
  if (array === undefined) return [];
  const element = typeSize(image, array);
  let passed = 0;
  let of = 0;
  for (const { vcpu } of crashes) {
    const link = vcpu === undefined ? undefined : toLink(vcpu, bias);
    if (link === undefined) continue;
    of += 1;
    const offset = link - array.address;
    if (offset >= 0 && offset < array.size && (element === undefined || offset % element === 0)) passed += 1;
  }
  if (of === 0) return [];
  const detail = say`the address after ${'VCPU at'} lies in ${'g_vcpubuffers'}${element === undefined ? [] : say` at a multiple of ${element} bytes`}: ${passed} of ${of}`;
  return [{ check: 'vcpu-in-array', passed, of, detail }];
}

function stackInArray(log: CrashLog, { image, bias }: LoadedImage): MatchEvidence[] {
  const array = image.symbolsNamed('g_cpustacks').find(({ size }) => size > 0);
  if (array === undefined) return [];
  let passed = 0;
  let of = 0;
  const test = (address: bigint, word: number): void => {
    const link = toLink(runtimeAddress(address), bias);
    of += 1;
    if (link !== undefined && link >= array.address && link + word <= array.address + array.size) passed += 1;
  };
  for (const { stack, arch } of log.crashes) if (stack.range !== undefined) test(stack.range.start, wordSize(arch));
  if (of === 0) return [];
  return [{ check: 'stack-in-array', passed, of, detail: say`dumped stacks that lie in ${'g_cpustacks'}: ${passed} of ${of}` }];
}

function imageHash(log: CrashLog, loaded: LoadedImage, platform: Platform): MatchEvidence[] {
  const printed = log.facts.runtimeSha1;
  const size = log.facts.runtimeBase?.size;
  if (printed === undefined) return [];
  const computed = runtimeSha1(loaded.image, size, platform);
  if (computed === undefined) return [];
  const equal = computed === printed.value;
  return [
    {
      check: 'image-sha1',
      passed: equal ? 1 : 0,
      of: 1,
      detail: equal
        ? say`SHA-1 of the runtime is ${computed}, as line ${printed.line} says`
        : say`SHA-1 of the runtime is ${computed}, line ${printed.line} says ${printed.value}`,
    },
  ];
}
