/** The 64-bit CPU: registers, calling convention (System V psABI, 3.2.1), hardware frame (SDM vol. 3, 6.14.2). */
import type { RegisterSet } from './registers.js';

export const registers: RegisterSet = {
  arch: 'amd64',
  wordSize: 8,
  names: ['rax', 'rcx', 'rdx', 'rbx', 'rsp', 'rbp', 'rsi', 'rdi', 'r8', 'r9', 'r10', 'r11', 'r12', 'r13', 'r14', 'r15'],
  calleeSaved: [3, 5, 12, 13, 14, 15],
  callerSaved: [0, 1, 2, 6, 7, 8, 9, 10, 11],
  argumentRegisters: [7, 6, 2, 1, 8, 9],
  stackPointer: 'rsp',
  framePointer: 'rbp',
  programCounter: 'rip',
  flags: 'rflags',
  pushAll: [],
};

/** Words that the CPU pushes and IRETQ pops: RIP, CS, RFLAGS, RSP, SS. */
export const hardwareFrameWords = 5;

/** RSP after IRETQ from a frame whose RIP lies at `at`: popped from the frame, in every privilege change or none. */
export function interruptedStackPointer(at: bigint, wordAt: (address: bigint) => bigint | undefined): bigint | undefined {
  return wordAt(at + 24n);
}
