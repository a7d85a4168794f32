/**
 * What the exit qualification and the fields beside it say of a VM exit.
 *
 * In: the basic exit reason and the fields that the log prints. Out: sentences, none where nothing is printed or the reason has no
 * qualification. Source: Intel SDM vol 3 §28.2.1 (exit qualifications), §27.8 (failed entries).
 */
import { hex } from '../addresses.js';
import { type Sentence, say } from '../sentence.js';
import { vectorName } from './fault.js';
import type { VmcsDump } from './vmcs-checks.js';

const exceptionExit = 0;
const controlRegisterExit = 28;
const debugRegisterExit = 29;
const ioExit = 30;
const guestStateFailure = 33;
const eptViolation = 48;
const eptMisconfiguration = 49;

function bits(value: bigint, high: number, low: number): number {
  return Number((value >> BigInt(low)) & ((1n << BigInt(high - low + 1)) - 1n));
}

/** `qualification` overrides the printed field: some lines carry it themselves. */
export function exitDetails(reason: number, dump: VmcsDump, qualification?: bigint): readonly Sentence[] {
  const value = qualification ?? dump.field('info_exit_qualification')?.value;
  switch (reason) {
    case exceptionExit:
      return interruption(dump);
    case controlRegisterExit:
      return value === undefined ? [] : [controlRegister(value)];
    case debugRegisterExit:
      return value === undefined ? [] : [[`The guest moved ${bits(value, 4, 4) === 1 ? 'from' : 'to'} DR${bits(value, 2, 0)}.`]];
    case ioExit:
      return value === undefined ? [] : [io(value)];
    case guestStateFailure:
      return entryFailure(value);
    case eptViolation:
      return [...(value === undefined ? [] : [eptAccess(value)]), ...guestPhysical(dump)];
    case eptMisconfiguration:
      return guestPhysical(dump);
    default:
      return [];
  }
}

/** VM-exit interruption information. SDM vol 3 §25.9.2. */
function interruption(dump: VmcsDump): readonly Sentence[] {
  const info = dump.field('info_vmexit_interrupt_information');
  if (info === undefined || bits(info.value, 31, 31) === 0) return [];
  const vector = bits(info.value, 7, 0);
  const code = bits(info.value, 11, 11) === 1 ? dump.field('info_vmexit_interrupt_error_code')?.value : undefined;
  return [
    say`The guest raised ${vectorName(vector)}${code === undefined ? [] : say` with error code ${hex(code)}`} (${[`line ${info.line}`]}).`,
  ];
}

function controlRegister(value: bigint): Sentence {
  const register = bits(value, 3, 0);
  switch (bits(value, 5, 4)) {
    case 0:
      return [`The guest moved a value to CR${register}.`];
    case 1:
      return [`The guest moved from CR${register}.`];
    case 2:
      return ['The guest executed CLTS.'];
    default:
      return ['The guest executed LMSW.'];
  }
}

function io(value: bigint): Sentence {
  const direction = bits(value, 3, 3) === 1 ? 'read' : 'wrote';
  const size = bits(value, 2, 0) + 1;
  return say`The guest ${[direction]} ${[size === 1 ? '1 byte' : `${size} bytes`]} at port ${hex(bits(value, 31, 16))}.`;
}

function eptAccess(value: bigint): Sentence {
  const did = [
    [0, 'read'],
    [1, 'write'],
    [2, 'instruction fetch'],
  ] as const;
  const access = did.filter(([bit]) => bits(value, bit, bit) === 1).map(([, name]) => name);
  const allowed = ['read', 'write', 'execute'].filter((_, index) => bits(value, 3 + index, 3 + index) === 1);
  const may = allowed.length === 0 ? 'the page is not present in the EPT' : `the EPT allows ${allowed.join(', ')}`;
  return [`The guest's access was a ${access.join(' and ') || 'page walk'}; ${may}.`];
}

function guestPhysical(dump: VmcsDump): readonly Sentence[] {
  const found = dump.wide('guest_paddr');
  return found === undefined ? [] : [say`The guest-physical address is ${hex(found.value)} (${[`line ${found.line}`]}).`];
}

function entryFailure(value: bigint | undefined): readonly Sentence[] {
  switch (value) {
    case 2n:
      return [['The exit qualification is 2: the PDPTEs could not be loaded.']];
    case 3n:
      return [['The exit qualification is 3: an NMI was to be injected while STI or MOV SS blocks events.']];
    case 4n:
      return [['The exit qualification is 4: the VMCS link pointer is bad.']];
    default:
      return [];
  }
}
