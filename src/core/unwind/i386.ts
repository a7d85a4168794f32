/** The 32-bit CPU: registers, calling convention (System V ABI i386 supplement, 3-11), hardware frame (SDM vol. 3, 6.12.1). */
import type { RegisterSet } from './registers.js';

export const registers: RegisterSet = {
  arch: 'i386',
  wordSize: 4,
  names: ['eax', 'ecx', 'edx', 'ebx', 'esp', 'ebp', 'esi', 'edi'],
  calleeSaved: [3, 5, 6, 7],
  callerSaved: [0, 1, 2],
  argumentRegisters: [],
  stackPointer: 'esp',
  framePointer: 'ebp',
  programCounter: 'eip',
  flags: 'eflags',
  pushAll: [0, 1, 2, 3, 4, 5, 6, 7],
};

/** Words that the CPU pushes without a change of privilege and IRET pops: EIP, CS, EFLAGS. */
export const hardwareFrameWords = 3;

/** ESP after IRET from a frame whose EIP lies at `at`: what lies above the frame, for the kernel interrupts itself. */
export function interruptedStackPointer(at: bigint, _wordAt: (address: bigint) => bigint | undefined): bigint | undefined {
  return at + 12n;
}
