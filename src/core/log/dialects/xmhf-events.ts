/**
 * Fatal and telling conditions of XMHF that are no register dump and no condition of its own assertions.
 *
 * In: segments. Out: `LogEvent`s. Refuses: lines of which the number cannot be read.
 * Printed by the intercept handlers, by `libxmhfc/assert.h` and by guests.
 */
import { limits } from '../../limits.js';
import type { LogEventKind } from '../crash-log.js';
import { withoutPrefix } from '../line-prefix.js';
import { addEvent, type EventState } from './event-state.js';
import { ofCpu } from './fact-state.js';
import { type Row, type RowContext, type RowTable, rowTable } from './row.js';

const { max } = Math;

/** The line from the match on, or from its CPU label. */
function textFrom({ text, at, cpu }: RowContext): string {
  const start = cpu === undefined ? at : at - 11;
  return text.slice(start, start + limits.stringBytes).trimEnd();
}

/** Where the line's CPU label starts, not far before the words. */
function labelBefore({ text, at }: RowContext): number | undefined {
  const from = max(0, at - farthestLabel);
  const found = text.slice(from, at).lastIndexOf('CPU(0x');
  return found < 0 ? undefined : from + found;
}

const farthestLabel = 160;

function cpuIn(context: RowContext): string | undefined {
  const label = labelBefore(context);
  return label === undefined ? undefined : /^([0-9a-f]{2})\)/.exec(context.text.slice(label + 6, label + 9))?.[1];
}

function halt(probe: string, pattern: RegExp, worth = 1): Row<EventState> {
  return {
    probe,
    pattern,
    worth,
    take: (state, _match, context) => {
      // One line that says it twice is one event; the header of a register dump halts too, and is a crash.
      if (state.haltLine === context.line) return;
      state.haltLine = context.line;
      if (context.text.includes("Condition '") || context.text.includes('unhandled exception')) return;
      addEvent(state, { kind: 'halt', line: context.line, ...ofCpu(cpuIn(context)), text: wholeLine(context), fatal: true });
    },
  };
}

/** From the CPU label, or not far before the words, to the line's end. */
function wholeLine(context: RowContext): string {
  const start = labelBefore(context) ?? max(0, context.at - farthestLabel);
  return withoutPrefix(context.text.slice(start, start + limits.stringBytes)).trim();
}

function guest(kind: LogEventKind, probe: string, pattern: RegExp): Row<EventState> {
  return {
    probe,
    pattern,
    worth: 0,
    take: (state, _match, context) =>
      addEvent(state, { kind, line: context.line, ...ofCpu(context.cpu), text: textFrom(context), fatal: false }),
  };
}

export const eventRows: RowTable<EventState> = rowTable([
  {
    probe: ': assert failed: ',
    pattern: /: assert failed: ([^\r\n]{0,1024})/y,
    worth: 1,
    take: (state, match, { line, text, at }) => {
      const lead = /(?:^|\s)([^\s]{1,1024}):(\d{1,9})$/.exec(text.slice(Math.max(0, at - 1100), at));
      if (lead === null) return;
      const [, file = '', sourceLine = '0'] = lead;
      // No newline behind it: the next header is glued to the condition.
      const condition = (match[1] ?? '').replace(/\[[0-9a-fA-F]{2}\]: unhandled exception.*$/, '').trimEnd();
      addEvent(state, {
        kind: 'assertion',
        line,
        text: `${file}:${sourceLine}: assert failed: ${condition}`.slice(0, limits.stringBytes),
        condition,
        file,
        sourceLine: Number(sourceLine),
        fatal: true,
      });
    },
  },
  {
    probe: 'VM-ENTRY error',
    pattern: /VM-ENTRY error[:,] ?reason=0x([0-9a-f]{8})(?:, ?qualification=0x([0-9a-f]{16}|[0-9a-f]{8}))?/y,
    worth: 3,
    take: (state, match, context) => {
      if (context.text.startsWith(',', context.at + 14)) state.era += 3;
      const qualification = match[2] === undefined ? {} : { qualification: BigInt(`0x${match[2]}`) };
      addEvent(state, {
        kind: 'vm-entry-failure',
        line: context.line,
        ...ofCpu(context.cpu),
        text: textFrom(context),
        code: Number.parseInt(match[1] ?? '0', 16),
        ...qualification,
        fatal: true,
      });
    },
  },
  {
    probe: 'Unhandled intercept',
    pattern: /Unhandled intercept( in long mode)?: (?:(\d{1,5}) \(0x([0-9a-f]{8})\)|0x([0-9a-f]{8}))/y,
    worth: 3,
    take: (state, match, context) => {
      // The bare hexadecimal form is the older one (until da54b32fe, 2022-01-22).
      if (match[4] !== undefined) state.era += 3;
      const code = Number.parseInt(match[3] ?? match[4] ?? '0', 16);
      addEvent(state, {
        kind: 'unhandled-intercept',
        line: context.line,
        ...ofCpu(context.cpu),
        text: textFrom(context),
        code,
        fatal: true,
      });
    },
  },
  {
    probe: 'Unhandled Intercept:0x',
    pattern: /Unhandled Intercept:0x([0-9a-f]{8,16})/y,
    worth: 3,
    take: (state, match, context) =>
      addEvent(state, {
        kind: 'unhandled-intercept',
        line: context.line,
        text: textFrom(context),
        code: Number.parseInt(match[1] ?? '0', 16),
        fatal: true,
      }),
  },
  {
    probe: ' error; code=0x',
    pattern: / error; code=0x([0-9a-f]{1,16})/y,
    worth: 2,
    take: (state, match, { line, text, at }) => {
      const lead = /(?:CPU\(0x([0-9a-f]{2})\): )?(?:VMLAUNCH|VMRESUME)$/.exec(text.slice(Math.max(0, at - 32), at));
      if (lead === null) return;
      addEvent(state, {
        kind: 'vm-instruction-error',
        line,
        ...ofCpu(lead[1]),
        text: text
          .slice(at - lead[0].length)
          .trimEnd()
          .slice(0, limits.stringBytes),
        code: Number.parseInt(match[1] ?? '0', 16),
        fatal: true,
      });
    },
  },
  {
    probe: 'is_resume = ',
    pattern: /is_resume = (\d{1,10}), valid = (\d{1,10}), err = (\d{1,10})/y,
    worth: 2,
    take: (state, match, context) =>
      addEvent(state, {
        kind: 'vm-instruction-error',
        line: context.line,
        ...ofCpu(context.cpu),
        text: textFrom(context),
        code: Number(match[3]),
        fatal: true,
      }),
  },
  {
    probe: 'Error: HALT_ON_ERRORCOND(',
    pattern: /Error: HALT_ON_ERRORCOND\(/y,
    worth: 4,
    take: (state, match, { line, text, at }) => {
      // SHV: `Error: HALT_ON_ERRORCOND(EXPR) @ FILE:LINE failed`
      const start = at + match[0].length;
      let stop = text.indexOf(') @ ', start);
      let tail: RegExpExecArray | null = null;
      // The condition may hold the same characters; more than a few times it does not.
      for (let tries = 0; stop >= 0 && tries < 8; tries += 1) {
        tail = /^([^\s]{1,1024}):(\d{1,9}) failed/.exec(text.slice(stop + 4, stop + 1100));
        if (tail !== null) break;
        stop = text.indexOf(') @ ', stop + 1);
      }
      if (tail === null) return;
      const [whole, file = '', sourceLine = '0'] = tail;
      const condition = text.slice(start, stop).slice(0, limits.stringBytes);
      const shown = text.slice(at, stop + 4 + whole.length).slice(0, limits.stringBytes);
      addEvent(state, { kind: 'assertion', line, text: shown, condition, file, sourceLine: Number(sourceLine), fatal: true });
    },
  },
  {
    probe: 'riple fault',
    pattern: /riple fault/y,
    worth: 0,
    take: (state, _match, context) =>
      addEvent(state, { kind: 'triple-fault', line: context.line, ...ofCpu(cpuIn(context)), text: wholeLine(context), fatal: true }),
  },
  guest('guest-exception', 'VMEXIT-EXCEPTION:', /VMEXIT-EXCEPTION:/y),
  {
    probe: 'Guest: interrupt / exception vector ',
    pattern: /Guest: interrupt \/ exception vector (\d{1,3})/y,
    worth: 1,
    take: (state, match, context) =>
      addEvent(state, { kind: 'guest-exception', line: context.line, text: textFrom(context), code: Number(match[1]), fatal: false }),
  },
  {
    probe: 'interruption information=0x',
    pattern: /interruption information=0x([0-9a-f]{8})/y,
    worth: 1,
    take: (state, match, { line }) => {
      // Two lines below its heading; the low byte is the vector (SDM vol. 3, 25.9.2).
      const last = state.events[state.events.length - 1];
      if (last?.kind !== 'guest-exception' || last.code !== undefined || line - last.line > 8) return;
      state.events[state.events.length - 1] = { ...last, code: Number.parseInt(match[1] ?? '0', 16) & 0xff };
    },
  },
  guest('guest-panic', 'Kernel panic - not syncing', /(?<!end )Kernel panic - not syncing/y),
  guest('guest-panic', 'Oops: ', /Oops: [0-9a-f]{4} \[#\d{1,4}\]/y),
  guest('guest-panic', 'BUG: unable to handle ', /BUG: unable to handle /y),
  halt('HALT; Nested events unhandled', /HALT; Nested events unhandled/y),
  halt(' HALT!', / HALT!/y),
  halt('HALT: ', /HALT: \S/y),
  halt('alting!', /alting!/y),
  halt('HALTING!', /HALTING!/y),
  halt('Unhandled Task Switch. Halt!', /Unhandled Task Switch\. Halt!/y),
]);
