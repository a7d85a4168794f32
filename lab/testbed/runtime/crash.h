/* SPDX-License-Identifier: MIT
 * Which fault is taken, by its name on the command line. crash=NAME: by the CPUs of cpus=MASK (bit n is the CPU with index
 * n; without it the first CPU, for rdmsr all). crash=NAME,NAME,...: one for each CPU in turn. */
#ifndef TESTBED_CRASH_H
#define TESTBED_CRASH_H
#include "vcpu.h"

enum crash_kind {
  CRASH_NONE,
  CRASH_RDMSR,
  CRASH_RDMSR_ALWAYS_INLINE,
  CRASH_WRMSR,
  CRASH_UD2,
  CRASH_NULL_WRITE,
  CRASH_ASSERT,
  CRASH_ASSERT_UD2,
  CRASH_NMI,
  CRASH_NORETURN,
  CRASH_FUNCTION_POINTER,
  CRASH_RECURSION,
  CRASH_TAIL,
  CRASH_ALLOCA,
  CRASH_ASM,
  CRASH_OVERFLOW,
  CRASH_JUMP_NULL,
  CRASH_JUMP_WILD,
  CRASH_VMEXIT,
  CRASH_AT,
};

enum crash_kind crash_kind_of(const char *value);
/* crash=at at=HEX[,HEX...]: the execution breakpoint of DR0 is put at this address, so that a fault is taken just before
 * it, by CPU index. */
extern uword g_crash_at[MAX_CPUS];

void crash_wrmsr(VCPU *vcpu);
void crash_ud2(VCPU *vcpu);
void crash_null_write(VCPU *vcpu);
void crash_assert(VCPU *vcpu);
void crash_assert_ud2(VCPU *vcpu);
void crash_nmi(VCPU *vcpu);
void crash_noreturn(VCPU *vcpu);
void crash_function_pointer(VCPU *vcpu);
void crash_recursion(VCPU *vcpu);
void crash_tail(VCPU *vcpu);
void crash_alloca(VCPU *vcpu);
void crash_asm(VCPU *vcpu);
void crash_overflow(VCPU *vcpu);
void crash_jump_null(VCPU *vcpu);
void crash_jump_wild(VCPU *vcpu);
void crash_at(VCPU *vcpu);

/* Called by the exception entry for vector 2, which is no crash of itself. */
void nmi_handler(VCPU *vcpu, struct regs *r);
uword checksum_words(const uword *words, u32 count);
#endif
