/* SPDX-License-Identifier: MIT
 * One CPU as the runtime sees it, and the registers that its entry stubs save. */
#ifndef TESTBED_VCPU_H
#define TESTBED_VCPU_H

#include "layout.h"
#include "types.h"

enum vcpu_state { VCPU_STARTING, VCPU_RUNNING, VCPU_QUIESCED, VCPU_HALTED };

/* The assembly knows the offset of the first member: stack pointer at the top of this CPU's stack. */
typedef struct _vcpu {
#ifdef __x86_64__
  uword rsp;
#else
  uword esp;
#endif
  u32 id;
  u32 idx;
  bool8 isbsp;
  bool8 quiesced;
  enum vcpu_state state;
  u32 intercepts;
  u64 vmx_msrs[20];
  uword checks[32];
} VCPU;

/* Saved by the exception stubs, in the order of `pushal`; on amd64 the same eight first, then the new ones. */
struct regs {
#ifdef __x86_64__
  uword r15, r14, r13, r12, r11, r10, r9, r8;
  uword rdi, rsi, rbp, rsp, rbx, rdx, rcx, rax;
#else
  uword edi, esi, ebp, esp, ebx, edx, ecx, eax;
#endif
};

/* What lies above the saved registers: pushed by the stub, then by the CPU. */
struct exception_frame {
  uword error_code;
  uword pc;
  uword cs;
  uword flags;
};

#ifdef __x86_64__
#define VCPU_STACK_POINTER(vcpu) ((vcpu)->rsp)
#else
#define VCPU_STACK_POINTER(vcpu) ((vcpu)->esp)
#endif

struct midtable_entry {
  u32 lapic_id;
  u32 isbsp;
  uword vcpu;
};

extern VCPU g_vcpubuffers[MAX_CPUS];
extern u8 g_cpustacks[MAX_CPUS][RUNTIME_STACK_SIZE];
extern struct midtable_entry g_midtable[MAX_CPUS];
extern u32 g_midtable_numentries;

/* The VCPU whose local APIC id is the running CPU's. */
VCPU *current_vcpu(void);

#endif
