/** The shape that docs and the contract promise for `report --format json`, as JSON Schema; closed, so that a new key is a decision. */
import type { FindingKind, Grade } from '../../../src/core/diagnose/diagnosis.js';
import type { Gap } from '../../../src/core/gap.js';
import type { DamageKind, Era, LogEventKind } from '../../../src/core/log/crash-log.js';
import type { MatchEvidence, Verdict } from '../../../src/core/report/report.js';
import type { FrameKind, FrameTrust, StopReason } from '../../../src/core/unwind/frame.js';

/** The members of a union, each once: one more or one less in the type does not compile here. */
function everyOf<Member extends string>(members: Readonly<Record<Member, true>>): readonly string[] {
  return Object.keys(members);
}

const hex = { type: 'string', pattern: '^0x[0-9a-f]+$' };
const word = (digits: 8 | 16) => ({ type: 'string', pattern: `^0x[0-9a-f]{${digits}}$` });
const anyWord = { anyOf: [word(8), word(16)] };
const selector = { type: 'string', pattern: '^0x[0-9a-f]{4}$' };
const cpu = { type: 'string', pattern: '^[0-9a-f]{2}$' };
const line = { type: 'integer', minimum: 1 };
const index = { type: 'integer', minimum: 0 };
const text = { type: 'string', minLength: 1 };
const orNull = (schema: object): object => ({ anyOf: [schema, { type: 'null' }] });
const closed = (properties: Record<string, object>, optional: readonly string[] = []): object => ({
  type: 'object',
  additionalProperties: false,
  properties,
  required: Object.keys(properties).filter((key) => !optional.includes(key)),
});
const list = (items: object): object => ({ type: 'array', items });

export const eras = everyOf<Era>({ 'newline-first': true, 'newline-last': true });
export const damageKinds = everyOf<DamageKind>({
  'foreign-tail': true,
  'foreign-line': true,
  'header-not-at-line-start': true,
  interleaved: true,
  'torn-line': true,
  'bad-digit': true,
  'missing-record': true,
  'repeated-record': true,
  'stack-gap': true,
  'stack-repeat': true,
  'stack-truncated': true,
  'no-end-marker': true,
  'printed-frame-wrong': true,
  'control-characters': true,
  'line-too-long': true,
  'log-too-long': true,
  'too-many': true,
  'newlines-lost': true,
  'line-prefix': true,
});
export const verdicts = everyOf<Verdict>({ match: true, probable: true, ambiguous: true, mismatch: true, unverifiable: true });
export const checks = everyOf<MatchEvidence['check']>({
  width: true,
  'pc-in-code': true,
  'bytes-fit-fault': true,
  'call-before-return-address': true,
  'code-words': true,
  'vcpu-in-array': true,
  'stack-in-array': true,
  'image-length': true,
  'image-sha1': true,
  'assertion-in-line-table': true,
  'link-address': true,
});
export const eventKinds = everyOf<LogEventKind>({
  assertion: true,
  'vm-entry-failure': true,
  'vm-instruction-error': true,
  'unhandled-intercept': true,
  'guest-exception': true,
  'guest-panic': true,
  halt: true,
  'triple-fault': true,
});
export const frameKinds = everyOf<FrameKind>({ call: true, exception: true, 'vm-exit': true });
export const trusts = everyOf<FrameTrust>({ context: true, cfi: true, code: true, 'frame-pointer': true, scan: true });
export const stopKinds = everyOf<StopReason['kind']>({
  'end-of-stack': true,
  'stack-not-in-dump': true,
  'no-progress': true,
  'no-plausible-caller': true,
  'no-image': true,
  'no-registers': true,
  'frame-limit': true,
});
export const findings = everyOf<FindingKind>({
  msr: true,
  'page-fault': true,
  'general-protection': true,
  'invalid-opcode': true,
  'stack-fault': true,
  'double-fault': true,
  'triple-fault': true,
  'machine-check': true,
  breakpoint: true,
  nmi: true,
  'privileged-instruction': true,
  assertion: true,
  'vm-entry-failure': true,
  'vm-instruction-error': true,
  'unhandled-intercept': true,
  'guest-fault': true,
  'stack-overflow': true,
  'wild-jump': true,
  'other-fault': true,
});
export const grades = everyOf<Grade>({ confirmed: true, likely: true, possible: true });
export const gapKinds = everyOf<Gap['kind']>({ missing: true, malformed: true, unsupported: true, limit: true });

const variable = closed({ name: text, type: orNull(text), value: orNull(text), reason: text }, ['reason']);
const registers = { type: 'object', additionalProperties: anyWord };

const frame = closed(
  {
    index,
    kind: { enum: frameKinds },
    trust: { enum: trusts },
    synthetic: { type: 'boolean' },
    pc: orNull(anyWord),
    isReturnAddress: { type: 'boolean' },
    callVerified: orNull({ type: 'boolean' }),
    functions: list(
      closed({
        name: text,
        inlined: { type: 'boolean' },
        file: orNull(text),
        line: orNull(line),
        column: orNull(line),
        arguments: list(variable),
      }),
    ),
    locals: list(variable),
    symbol: orNull(text),
    offset: orNull({ type: 'integer' }),
    image: orNull(index),
    slot: orNull(anyWord),
    interrupted: closed({ vector: orNull(index), cs: orNull(selector), flags: orNull(anyWord), sp: orNull(anyWord), ss: orNull(selector) }),
    guest: closed({ registers, orderFrom: text }),
    notes: list(text),
  },
  ['interrupted', 'guest'],
);

const stop = {
  oneOf: [
    closed({ kind: { const: 'end-of-stack' }, detail: text }),
    closed({ kind: { enum: ['stack-not-in-dump', 'no-progress'] }, at: anyWord }),
    closed({ kind: { const: 'no-plausible-caller' }, tried: list({ enum: trusts }), detail: text }),
    closed({ kind: { const: 'no-image' }, at: orNull(anyWord) }),
    closed({ kind: { const: 'no-registers' }, missing: list(text) }),
    closed({ kind: { const: 'frame-limit' }, limit: index }),
  ],
};

const crash = closed(
  {
    cpu: orNull(cpu),
    line,
    boot: orNull(index),
    arch: { enum: ['i386', 'amd64'] },
    vector: orNull(index),
    mnemonic: orNull(text),
    errorCode: orNull(anyWord),
    cs: orNull(selector),
    pc: orNull(anyWord),
    flags: orNull(anyWord),
    vcpu: orNull(anyWord),
    printed: orNull(closed({ cs: orNull(selector), pc: orNull(anyWord), flags: orNull(anyWord) })),
    interrupted: closed({ sp: orNull(anyWord), ss: orNull(selector) }),
    registers,
    segments: { type: 'object', additionalProperties: selector },
    stack: closed({
      first: orNull({ type: 'array', items: anyWord, minItems: 2, maxItems: 2 }),
      last: orNull({ type: 'array', items: anyWord, minItems: 2, maxItems: 2 }),
      words: index,
      complete: { type: 'boolean' },
      sha256: { type: 'string', pattern: '^[0-9a-f]{64}$' },
    }),
    frames: list(frame),
    doubtfulFrames: list(frame),
    stop,
    sameAs: orNull(index),
  },
  ['doubtfulFrames'],
);

export const reportSchema = closed({
  schema: { const: 1 },
  log: closed({
    dialect: { enum: ['xmhf', 'unknown'] },
    era: orNull({ enum: eras }),
    arch: orNull({ enum: ['i386', 'amd64'] }),
    boots: list(
      closed({
        line,
        product: text,
        branch: orNull(text),
        revision: orNull({ type: 'string', pattern: '^[0-9a-f]{40}$' }),
        subarch: orNull({ enum: ['i386', 'amd64'] }),
        slBase: orNull(hex),
      }),
    ),
    damage: list(closed({ kind: { enum: damageKinds }, line, cpu: orNull(cpu), detail: text })),
    notes: list(text),
  }),
  images: list(
    closed({
      path: text,
      arch: { enum: ['i386', 'amd64'] },
      sha256: { type: 'string', pattern: '^[0-9a-f]{64}$' },
      bias: hex,
      verdict: { enum: verdicts },
      evidence: list(closed({ check: { enum: checks }, passed: index, of: index, detail: text })),
    }),
  ),
  crashes: list(crash),
  events: list(
    closed({
      kind: { enum: eventKinds },
      line,
      cpu: orNull(cpu),
      boot: orNull(index),
      fatal: { type: 'boolean' },
      text: { type: 'string' },
      condition: orNull(text),
      file: orNull(text),
      sourceLine: orNull(line),
      function: orNull(text),
      code: orNull(hex),
      qualification: orNull(hex),
      range: orNull({ type: 'array', items: hex, minItems: 2, maxItems: 2 }),
    }),
  ),
  diagnosis: list(
    closed({
      crash: orNull(index),
      event: orNull(index),
      finding: { enum: findings },
      grade: { enum: grades },
      claim: text,
      msr: orNull(
        closed({
          address: hex,
          name: orNull(text),
          access: orNull({ enum: ['read', 'write'] }),
          value: orNull(hex),
          origin: { enum: ['host', 'guest'] },
        }),
      ),
      exists: list(closed({ when: text, source: text, worth: { enum: ['true', 'false', 'unknown'] }, because: list(text) })),
      errata: orNull(text),
      explanation: list(text),
      evidence: list(text),
      suggestion: orNull(closed({ text, code: orNull(text) })),
    }),
  ),
  unknown: list(text),
  gaps: list(closed({ kind: { enum: gapKinds }, where: text, problem: text, remedy: orNull(text) })),
  leading: orNull(index),
  signature: orNull(text),
});
