/**
 * The report as the JSON that other tools rely on (`report --format json`, output `report` of the action).
 *
 * In: a `Report`. Out: a plain object, keys in the documented order, every address and register a string of lower-case hex with `0x`,
 * as wide as the machine's word; unknown things are null. Refuses: nothing.
 */
import { type Arch, hex, wordSize } from '../addresses.js';
import type { Finding, MsrSuspect } from '../diagnose/diagnosis.js';
import type { CrashLog, StackMemory } from '../log/crash-log.js';
import type { Platform } from '../platform.js';
import { plain } from '../sentence.js';
import type { Frame, StopReason } from '../unwind/frame.js';
import type { Report, ReportCrash, ReportEvent, ReportFrame, ReportFunction, ReportImage, ReportVariable } from './report.js';

type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };
export type JsonObject = { readonly [key: string]: Json };

const { asUintN } = BigInt;
const { fromEntries } = Object;

export const jsonSchemaVersion = 1;

/** Bytes of stack lines hashed at a time: keeps a dump of 65,536 words from being one string. */
const hashPiece = 64 * 1024;

export function toJson(report: Report, { sha256 }: Pick<Platform, 'sha256'>): JsonObject {
  return {
    schema: jsonSchemaVersion,
    log: logJson(report.log),
    images: report.images.map(imageJson),
    crashes: report.crashes.map((crash) => crashJson(crash, report.images, sha256)),
    events: report.events.map(eventJson),
    diagnosis: report.findings.map(findingJson),
    unknown: report.unknown.map(plain),
    gaps: report.gaps.map((gap) => ({
      kind: gap.kind,
      where: gap.where,
      problem: plain(gap.problem),
      remedy: gap.remedy === undefined ? null : plain(gap.remedy),
    })),
    leading: report.leading ?? null,
    signature: report.signature ?? null,
  };
}

/** `0x` and as many digits as a word of the machine has. */
export function wordHex(value: bigint, arch: Arch): string {
  return hex(asUintN(64, value), wordSize(arch) * 2);
}

/** Hex of the SHA-256 over a line `ADDRESS VALUE\n` for each word in the order printed, both without leading zeros. */
export function stackSha256(stack: StackMemory, sha256: Platform['sha256']): string {
  return sha256(stackLines(stack));
}

function* stackLines(stack: StackMemory): Iterable<Uint8Array> {
  const encoder = new TextEncoder();
  let lines = '';
  for (const word of stack.words) {
    lines += `${word.address.toString(16)} ${word.value.toString(16)}\n`;
    if (lines.length < hashPiece) continue;
    yield encoder.encode(lines);
    lines = '';
  }
  yield encoder.encode(lines);
}

function logJson(log: CrashLog): JsonObject {
  return {
    dialect: log.dialect,
    era: log.era ?? null,
    arch: log.arch ?? null,
    boots: log.boots.map((boot) => ({
      line: boot.line,
      product: boot.product,
      branch: boot.branch ?? null,
      revision: boot.revision ?? null,
      subarch: boot.subarch ?? null,
      slBase: boot.slBase === undefined ? null : hex(boot.slBase),
    })),
    damage: log.damage.map((damage) => ({
      kind: damage.kind,
      line: damage.line,
      cpu: damage.cpu ?? null,
      detail: plain(damage.detail),
    })),
    notes: log.notes.map(plain),
  };
}

function imageJson(image: ReportImage): JsonObject {
  return {
    path: image.path,
    arch: image.arch,
    sha256: image.sha256,
    bias: hex(asUintN(image.arch === 'i386' ? 32 : 64, image.bias)),
    verdict: image.verdict,
    evidence: image.evidence.map(({ check, passed, of, detail }) => ({ check, passed, of, detail: plain(detail) })),
  };
}

function crashJson(entry: ReportCrash, images: readonly ReportImage[], sha256: Platform['sha256']): JsonObject {
  const { crash } = entry;
  const believed = isStackBelieved(entry, images);
  const { fault, arch, stack } = crash;
  const word = (value: bigint | undefined): string | null => (value === undefined ? null : wordHex(value, arch));
  const first = stack.words[0];
  const last = stack.words.at(-1);
  return {
    cpu: crash.cpu === '' ? null : crash.cpu,
    line: crash.line,
    boot: crash.boot ?? null,
    arch,
    vector: fault.vector ?? null,
    mnemonic: fault.mnemonic ?? null,
    errorCode: word(fault.errorCode),
    cs: selector(fault.cs),
    pc: word(fault.pc),
    flags: word(fault.flags),
    vcpu: word(crash.vcpu),
    printed:
      fault.printed === undefined ? null : { cs: selector(fault.printed.cs), pc: word(fault.printed.pc), flags: word(fault.printed.flags) },
    interrupted: { sp: word(fault.interrupted.sp), ss: selector(fault.interrupted.ss) },
    registers: registersJson(crash.registers, arch),
    segments: fromEntries([...crash.segments].map(([name, value]) => [name, hex(value, 4)])),
    stack: {
      first: first === undefined ? null : [wordHex(first.address, arch), wordHex(first.value, arch)],
      last: last === undefined ? null : [wordHex(last.address, arch), wordHex(last.value, arch)],
      words: stack.words.length,
      complete: stack.complete,
      sha256: stackSha256(stack, sha256),
    },
    frames: (believed ? entry.frames : entry.frames.slice(0, 1).map(unnamed)).map((frame, index) => frameJson(frame, index, arch)),
    ...(believed ? {} : { doubtfulFrames: entry.frames.map((frame, index) => frameJson(frame, index, arch)) }),
    stop: believed ? stopJson(entry.stop, arch) : { kind: 'no-image' },
    sameAs: entry.sameAs ?? null,
  };
}

/** A walk over an image that does not fit the log is no stack: it stands apart, under a name that says so. */
function isStackBelieved({ frames }: ReportCrash, images: readonly ReportImage[]): boolean {
  return frames.every(({ frame }) => frame.image === undefined || images[frame.image]?.verdict !== 'mismatch');
}

/** What the log alone tells of the fault. */
function unnamed({ frame }: ReportFrame): ReportFrame {
  const { image: _image, lookup: _lookup, ...known } = frame;
  return { frame: known, functions: [], locals: [] };
}

function registersJson(registers: ReadonlyMap<string, bigint>, arch: Arch): JsonObject {
  return fromEntries([...registers].map(([name, value]) => [name, wordHex(value, arch)]));
}

function selector(value: bigint | undefined): string | null {
  return value === undefined ? null : hex(value, 4);
}

function frameJson(entry: ReportFrame, index: number, arch: Arch): JsonObject {
  const { frame } = entry;
  return {
    index,
    kind: frame.kind,
    trust: frame.trust,
    synthetic: frame.synthetic,
    pc: frame.address === undefined ? null : wordHex(frame.address.at, arch),
    isReturnAddress: frame.address?.kind === 'return-address',
    callVerified: frame.callVerified ?? null,
    functions: entry.functions.map(functionJson),
    locals: entry.locals.map(variableJson),
    symbol: entry.symbol ?? null,
    offset: entry.offset ?? null,
    image: frame.image ?? null,
    slot: frame.slot === undefined ? null : wordHex(frame.slot, arch),
    ...interruptedJson(frame, arch),
    ...(frame.guest === undefined
      ? {}
      : { guest: { registers: registersJson(frame.guest.registers, arch), orderFrom: frame.guest.orderFrom } }),
    notes: frame.notes.map(plain),
  };
}

function interruptedJson({ interrupted }: Frame, arch: Arch): JsonObject {
  if (interrupted === undefined) return {};
  const word = (value: bigint | undefined): string | null => (value === undefined ? null : wordHex(value, arch));
  return {
    interrupted: {
      vector: interrupted.vector ?? null,
      cs: selector(interrupted.cs),
      flags: word(interrupted.flags),
      sp: word(interrupted.sp),
      ss: selector(interrupted.ss),
    },
  };
}

function functionJson(entry: ReportFunction): JsonObject {
  return {
    name: entry.name,
    inlined: entry.inlined,
    file: entry.file ?? null,
    line: entry.line ?? null,
    column: entry.column ?? null,
    arguments: entry.arguments.map(variableJson),
  };
}

function variableJson(variable: ReportVariable): JsonObject {
  return {
    name: variable.name,
    type: variable.type ?? null,
    value: variable.value ?? null,
    ...(variable.reason === undefined ? {} : { reason: variable.reason }),
  };
}

function stopJson(stop: StopReason, arch: Arch): JsonObject {
  switch (stop.kind) {
    case 'end-of-stack':
      return { kind: stop.kind, detail: plain(stop.detail) };
    case 'stack-not-in-dump':
    case 'no-progress':
      return { kind: stop.kind, at: wordHex(stop.at, arch) };
    case 'no-plausible-caller':
      return { kind: stop.kind, tried: [...stop.tried], detail: plain(stop.detail) };
    case 'no-image':
      return { kind: stop.kind, at: stop.at === undefined ? null : wordHex(stop.at, arch) };
    case 'no-registers':
      return { kind: stop.kind, missing: [...stop.missing] };
    case 'frame-limit':
      return { kind: stop.kind, limit: stop.limit };
    default: {
      const never: never = stop;
      return never;
    }
  }
}

function eventJson(event: ReportEvent): JsonObject {
  return {
    kind: event.kind,
    line: event.line,
    cpu: event.cpu ?? null,
    boot: event.boot ?? null,
    fatal: event.fatal,
    text: event.text,
    condition: event.condition ?? null,
    file: event.file ?? null,
    sourceLine: event.sourceLine ?? null,
    function: event.function ?? null,
    code: event.code === undefined ? null : hex(event.code),
    qualification: event.qualification === undefined ? null : hex(event.qualification),
    range: event.range === undefined ? null : [hex(event.range.start), hex(event.range.end)],
  };
}

function findingJson(finding: Finding): JsonObject {
  return {
    crash: finding.crash ?? null,
    event: finding.event ?? null,
    finding: finding.finding,
    grade: finding.grade,
    claim: plain(finding.claim),
    msr: finding.msr === undefined ? null : msrJson(finding.msr),
    exists: (finding.exists ?? []).map(({ when, source, worth, because }) => ({ when, source, worth, because: because.map(plain) })),
    errata: finding.errata ?? null,
    explanation: finding.explanation.map(plain),
    evidence: finding.evidence.map(({ text, line }) => (line === undefined ? plain(text) : `line ${line}: ${plain(text)}`)),
    suggestion: finding.suggestion === undefined ? null : { text: plain(finding.suggestion.text), code: finding.suggestion.code ?? null },
  };
}

function msrJson(msr: MsrSuspect): JsonObject {
  return {
    address: hex(msr.address),
    name: msr.name ?? null,
    access: msr.access ?? null,
    value: msr.value === undefined ? null : hex(msr.value),
    origin: msr.origin,
  };
}
