/** Call-frame information beside the code: tables.S says in words what each function is for. */
import { readFileSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import { linkAddressValue } from '../../../src/core/addresses.js';
import { bytesSource } from '../../../src/core/bytes/byte-source.js';
import { openImage } from '../../../src/core/image/open-image.js';
import { plain } from '../../../src/core/sentence.js';
import type { Backtrace } from '../../../src/core/unwind/frame.js';
import { walk } from '../../../src/core/unwind/walk.js';
import { createPlatform } from '../../../src/platform/node.js';
import { crashOf, stackOf } from '../../build/crash-log.js';

const platform = createPlatform();
const SP = 0x7000n;

function run(damage?: (bytes: Uint8Array) => void): Backtrace {
  const bytes = Uint8Array.from(readFileSync('fixtures/unwind/tables/tables.elf'));
  damage?.(bytes);
  const image = openImage(bytesSource(bytes), 'tables.elf', platform);
  const at = (name: string): bigint => {
    const [symbol] = image.symbolsNamed(name);
    if (symbol === undefined) throw new Error(`no ${name}`);
    return linkAddressValue(symbol.address);
  };
  const words = [0x1111n, at('in_by_expression'), 1n, 2n, 3n, at('in_wrong'), 0xaan, at('in_agrees'), 0xbbn, at('in_start'), 0n, 0n];
  const crash = crashOf({ pc: at('fault'), sp: 0x5000n, registers: { rbx: SP }, stack: stackOf('amd64', SP, words) });
  return walk(crash, [{ image, bias: 0n }], platform);
}

const trusts = ({ frames }: Backtrace): string[] => frames.map((frame) => frame.trust);

describe('call-frame information and the code', () => {
  const backtrace = run();

  test('what only the table knows is found by it; both agree elsewhere; where it is wrong the code holds', () => {
    // fault <- by_expression (table alone) <- wrong (expression and code) <- agrees (the table of `wrong` is wrong) <- _start
    expect(trusts(backtrace)).toEqual(['context', 'cfi', 'cfi', 'code', 'cfi']);
    expect(backtrace.frames.map((frame) => frame.callVerified)).toEqual([undefined, true, true, true, true]);
    expect(backtrace.frames.map((frame) => frame.cfa)).toEqual([SP + 0x10n, SP + 0x30n, SP + 0x40n, SP + 0x50n, SP + 0x58n]);
  });

  test('the disagreement is told', () => {
    const [note] = backtrace.frames[2]?.notes.map(plain) ?? [];
    expect(note).toBe('the code of wrong puts its frame at 0x7040, its call-frame information at 0x7038');
  });

  test('registers come back through both', () => {
    expect(backtrace.frames.map((frame) => frame.registers.get('rbx'))).toEqual([SP, 0x1111n, 0x1111n, 0x1111n, 0xbbn]);
  });

  test('a function that the table says nothing called is the bottom', () => {
    expect(backtrace.stop.kind).toBe('end-of-stack');
    expect(backtrace.stop.kind === 'end-of-stack' && plain(backtrace.stop.detail)).toBe(
      'the call-frame information of _start says that nothing called it',
    );
  });

  test('a damaged expression is no step: what only the table knew is lost, nothing is thrown', () => {
    const found = run((bytes) => {
      // DW_CFA_def_cfa_register rbx (0x0d 0x03) of knows_more becomes an opcode that does not exist
      for (let index = 0; index + 1 < bytes.length; index++) if (bytes[index] === 0x0d && bytes[index + 1] === 0x03) bytes[index] = 0x3f;
    });
    expect(trusts(found)).toEqual(['context']);
    expect(found.stop.kind).not.toBe('no-plausible-caller');
  });
});
