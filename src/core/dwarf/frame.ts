/**
 * Call-frame instructions (DWARF 5 §6.4.2): the rules that hold at one address.
 *
 * In: an FDE and an address inside it. Out: how to find the CFA and each saved register. Refuses: unknown instructions and
 * states that are restored but were never remembered. Nothing is computed here; expressions are handed on as bytes.
 */
import { Cursor } from '../bytes/cursor.js';
import type { Fde } from './frame-entries.js';
import { readPointer } from './frame-entries.js';

/** Register numbers are those of the psABI: `dwarfRegisterName`. */
export type CfaRule =
  | { readonly kind: 'register'; readonly register: number; readonly offset: number }
  | { readonly kind: 'expression'; readonly expression: Uint8Array };

/** DWARF 5 §6.4.1. `offset`: saved at CFA + offset. `value-offset`: is CFA + offset. `expression`: saved at that address. */
export type RegisterRule =
  | { readonly kind: 'undefined' }
  | { readonly kind: 'same-value' }
  | { readonly kind: 'offset'; readonly offset: number }
  | { readonly kind: 'value-offset'; readonly offset: number }
  | { readonly kind: 'register'; readonly register: number }
  | { readonly kind: 'expression'; readonly expression: Uint8Array }
  | { readonly kind: 'value-expression'; readonly expression: Uint8Array };

export interface FrameRules {
  readonly cfa: CfaRule;
  /** Registers without a rule keep their value if the psABI says so. */
  readonly registers: ReadonlyMap<number, RegisterRule>;
  readonly returnAddressRegister: number;
  /** The frame below is a signal's or an interrupt's: its pc is exact, not a return address. */
  readonly signalFrame: boolean;
  /** [start, end) of the code of the FDE. */
  readonly start: number;
  readonly end: number;
  /** Section that holds the table. */
  readonly where: string;
}

/** States remembered at once; compilers nest one or two. */
const MOST_REMEMBERED = 64;

interface State {
  cfa: CfaRule | undefined;
  registers: Map<number, RegisterRule>;
}

export function frameRules(fde: Fde, address: number): FrameRules {
  const { section, cie } = fde;
  const state: State = { cfa: undefined, registers: new Map() };
  run(fde, cie.from, cie.to, state, undefined, Number.POSITIVE_INFINITY);
  const initial = new Map(state.registers);
  run(fde, fde.from, fde.to, state, initial, address);
  if (state.cfa === undefined)
    throw new Cursor(section.bytes, section.where, section.base, fde.from).fail('malformed', 'FDE without a rule for the CFA');
  return {
    cfa: state.cfa,
    registers: state.registers,
    returnAddressRegister: cie.returnAddressRegister,
    signalFrame: cie.isSignalFrame,
    start: fde.start,
    end: fde.end,
    where: section.where,
  };
}

/** Runs instructions until the location would pass `address`. `initial`: the CIE's rules, for DW_CFA_restore; absent in the CIE itself. */
function run(
  fde: Fde,
  from: number,
  to: number,
  state: State,
  initial: ReadonlyMap<number, RegisterRule> | undefined,
  address: number,
): void {
  const { section, cie } = fde;
  const cursor = new Cursor(section.bytes.subarray(0, to), section.where, section.base, from);
  const remembered: State[] = [];
  let location = fde.start;
  const set = (register: number, rule: RegisterRule) => state.registers.set(register, rule);
  const restore = (register: number) => {
    if (initial === undefined) throw cursor.fail('malformed', 'DW_CFA_restore in a CIE');
    const rule = initial.get(register);
    if (rule === undefined) state.registers.delete(register);
    else state.registers.set(register, rule);
  };
  const cfaRegister = () => {
    if (state.cfa?.kind !== 'register') throw cursor.fail('malformed', 'CFA offset or register changed where the CFA is an expression');
    return state.cfa;
  };
  const daf = cie.dataAlignment;
  while (cursor.left > 0) {
    const opcode = cursor.u8();
    const low = opcode & 0x3f;
    let advance = 0;
    switch (opcode >> 6) {
      case 1:
        advance = low;
        break;
      case 2:
        set(low, { kind: 'offset', offset: cursor.uleb() * daf });
        continue;
      case 3:
        restore(low);
        continue;
      default:
        switch (low) {
          case 0x00: // DW_CFA_nop
            continue;
          case 0x01: // DW_CFA_set_loc
            location = readPointer(cursor, cie.pointerEncoding, section, cie.addressSize);
            if (location > address) return;
            continue;
          case 0x02:
            advance = cursor.u8();
            break;
          case 0x03:
            advance = cursor.u16();
            break;
          case 0x04:
            advance = cursor.u32();
            break;
          case 0x1d: // DW_CFA_MIPS_advance_loc8
            advance = cursor.u64();
            break;
          case 0x05: // DW_CFA_offset_extended
            set(cursor.uleb(), { kind: 'offset', offset: cursor.uleb() * daf });
            continue;
          case 0x06: // DW_CFA_restore_extended
            restore(cursor.uleb());
            continue;
          case 0x07: // DW_CFA_undefined
            set(cursor.uleb(), { kind: 'undefined' });
            continue;
          case 0x08: // DW_CFA_same_value
            set(cursor.uleb(), { kind: 'same-value' });
            continue;
          case 0x09: // DW_CFA_register
            set(cursor.uleb(), { kind: 'register', register: cursor.uleb() });
            continue;
          case 0x0a: // DW_CFA_remember_state
            if (remembered.length >= MOST_REMEMBERED) throw cursor.fail('limit', `more than ${MOST_REMEMBERED} remembered states`);
            remembered.push({ cfa: state.cfa, registers: new Map(state.registers) });
            continue;
          case 0x0b: {
            // DW_CFA_restore_state; GCC and Clang mean the CFA too.
            const back = remembered.pop();
            if (back === undefined) throw cursor.fail('malformed', 'DW_CFA_restore_state without a remembered state');
            state.cfa = back.cfa;
            state.registers = back.registers;
            continue;
          }
          case 0x0c: // DW_CFA_def_cfa
            state.cfa = { kind: 'register', register: cursor.uleb(), offset: cursor.uleb() };
            continue;
          case 0x0d: // DW_CFA_def_cfa_register
            state.cfa = { ...cfaRegister(), register: cursor.uleb() };
            continue;
          case 0x0e: // DW_CFA_def_cfa_offset
            state.cfa = { ...cfaRegister(), offset: cursor.uleb() };
            continue;
          case 0x0f: // DW_CFA_def_cfa_expression
            state.cfa = { kind: 'expression', expression: cursor.take(cursor.uleb()) };
            continue;
          case 0x10: // DW_CFA_expression
            set(cursor.uleb(), { kind: 'expression', expression: cursor.take(cursor.uleb()) });
            continue;
          case 0x11: // DW_CFA_offset_extended_sf
            set(cursor.uleb(), { kind: 'offset', offset: cursor.sleb() * daf });
            continue;
          case 0x12: // DW_CFA_def_cfa_sf
            state.cfa = { kind: 'register', register: cursor.uleb(), offset: cursor.sleb() * daf };
            continue;
          case 0x13: // DW_CFA_def_cfa_offset_sf
            state.cfa = { ...cfaRegister(), offset: cursor.sleb() * daf };
            continue;
          case 0x14: // DW_CFA_val_offset
            set(cursor.uleb(), { kind: 'value-offset', offset: cursor.uleb() * daf });
            continue;
          case 0x15: // DW_CFA_val_offset_sf
            set(cursor.uleb(), { kind: 'value-offset', offset: cursor.sleb() * daf });
            continue;
          case 0x16: // DW_CFA_val_expression
            set(cursor.uleb(), { kind: 'value-expression', expression: cursor.take(cursor.uleb()) });
            continue;
          case 0x2e: // DW_CFA_GNU_args_size
            cursor.skipLeb();
            continue;
          case 0x2f: // DW_CFA_GNU_negative_offset_extended
            set(cursor.uleb(), { kind: 'offset', offset: -cursor.uleb() * daf });
            continue;
          default:
            throw cursor.fail('unsupported', `call-frame instruction 0x${opcode.toString(16)}`);
        }
    }
    location += advance * cie.codeAlignment;
    if (location > address) return;
  }
}

const AMD64_NAMES = ['rax', 'rdx', 'rcx', 'rbx', 'rsi', 'rdi', 'rbp', 'rsp', 'r8', 'r9', 'r10', 'r11', 'r12', 'r13', 'r14', 'r15', 'rip'];
const I386_NAMES = ['eax', 'ecx', 'edx', 'ebx', 'esp', 'ebp', 'esi', 'edi', 'eip'];

/** psABI amd64 figure 3.36 and i386 table 2.14; the number behind the last is the return address. `undefined` for others (vector, x87). */
export function dwarfRegisterName(arch: 'i386' | 'amd64', register: number): string | undefined {
  return (arch === 'amd64' ? AMD64_NAMES : I386_NAMES)[register];
}
