/**
 * The exit from a guest: an entry that no CALL made, below which lie the guest's registers.
 *
 * In: the state of an assembly entry. Out: the registers of the guest and where their order comes from. Refuses to guess: only an entry that
 * saves every register and never goes back is one.
 */
import type { FrameAddress } from '../addresses.js';
import { type RegisterStruct, registerStructOf } from '../image/register-struct.js';
import type { Registers } from '../log/crash-log.js';
import { type Sentence, say } from '../sentence.js';
import type { AddressSpace } from './address-space.js';
import { savedAt } from './call-effects.js';
import { baseAddress, type CodeStep, type RegisterValues } from './caller.js';
import { allRegisters, neverLeaves } from './hardware-frame.js';
import { cfaBase, sameValue, slotKey } from './values.js';

const toBigInt = BigInt;
const { asUintN } = BigInt;

/** Registers of a guest. `orderFrom`: the struct or the stub that tells where each lies. */
export interface GuestRegisters {
  readonly registers: Registers;
  readonly orderFrom: string;
  readonly notes: readonly Sentence[];
}

/**
 * The entry from a guest: it saves every general register before anything else, and never comes back by RET or IRET. Out: the guest's registers,
 * as the struct tells that the called handler is handed, else as the entry pushed them. SP is not among them: what is saved there is the
 * host's, the guest's lies in the VMCS.
 * @param address of the frame in the entry
 */
export function guestRegistersOf(
  space: AddressSpace,
  step: CodeStep,
  registers: RegisterValues,
  address: FrameAddress,
  name: string,
): GuestRegisters | undefined {
  const { set, stack } = space;
  const { from, cfa } = step;
  if (!neverLeaves(from)) return undefined;
  const wanted = allRegisters(set);
  if (!wanted.every((index) => savedAt(from.state, index) !== undefined)) return undefined;
  const struct = handedStruct(space, step, registers, address);
  const byStruct = new Map<string, bigint>();
  const byStub = new Map<string, bigint>();
  let other: string | undefined;
  for (const index of wanted) {
    const register = set.names[index] ?? '';
    const slot = savedAt(from.state, index);
    const pushed = slot?.baseId === 0 ? asUintN(64, cfa + toBigInt(slot.offset)) : undefined;
    const offset = struct?.offsets.get(register);
    const place = struct === undefined || offset === undefined ? undefined : struct.at + toBigInt(offset);
    if (pushed !== undefined && place !== undefined && pushed !== place) other ??= register;
    const value = pushed === undefined ? undefined : stack.wordAt(pushed);
    if (value !== undefined) byStub.set(register, value);
    const told = place === undefined ? undefined : stack.wordAt(place);
    if (told !== undefined) byStruct.set(register, told);
  }
  if (struct !== undefined && byStruct.size > 0) {
    const note = say`${name} saves the registers of the guest in another order than ${struct.type} names them (${other ?? ''} is the first that differs): shown is the order of ${struct.type}`;
    return { registers: byStruct, orderFrom: struct.type, notes: other === undefined ? [] : [note] };
  }
  for (const index of wanted) {
    const register = set.names[index] ?? '';
    const held = from.state.register(index);
    const value = registers.get(index);
    if (!byStub.has(register) && value !== undefined && sameValue(held, { kind: 'entry', register: index })) byStub.set(register, value);
  }
  return { registers: byStub, orderFrom: name, notes: [] };
}

/** The struct of registers that the CALL in the entry hands on, and where it lies: by what the entry put into the argument. */
function handedStruct(
  space: AddressSpace,
  { from, cfa }: CodeStep,
  registers: RegisterValues,
  address: FrameAddress,
): (RegisterStruct & { readonly at: bigint }) | undefined {
  const { set } = space;
  const { state } = from;
  const called = address.kind === 'return-address' ? space.returnSiteAt(address.at) : undefined;
  if (called?.site.target === undefined) return undefined;
  const names = allRegisters(set).map((index) => set.names[index] ?? '');
  const struct = registerStructOf(called.place.map.image, called.site.target, names);
  if (struct === undefined) return undefined;
  const { sp } = state;
  const passed = set.argumentRegisters[struct.argument];
  const stacked = sp.kind === 'pointer' ? state.slots.get(slotKey(sp.base, sp.offset + struct.argument * set.wordSize)) : undefined;
  const held = set.arch === 'i386' ? stacked : passed === undefined ? undefined : state.register(passed);
  if (held?.kind !== 'pointer') return undefined;
  const base = held.base.id === cfaBase.id ? cfa : baseAddress(set, state, registers, held.base.id);
  return base === undefined ? undefined : { ...struct, at: asUintN(set.wordSize * 8, base + toBigInt(held.offset)) };
}
