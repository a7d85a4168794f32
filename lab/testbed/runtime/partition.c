/* SPDX-License-Identifier: MIT
 * Brings one CPU's partition up: the place where the chosen fault begins. */
#include "fatal.h"
#include "print.h"
#include "runtime.h"

void partition_init(VCPU *vcpu, enum crash_kind kind) {
  u32 words = 0;
  for (u32 i = 0; i < ARRAY_LENGTH(vcpu->checks); i++) {
    vcpu->checks[i] = vcpu->id * 0x01010101u + i;
    words++;
  }
  REQUIRE(words == 32);
  switch (kind) {
    case CRASH_NONE:
      break;
    case CRASH_RDMSR:
      vmx_init(vcpu, 0);
      break;
    case CRASH_RDMSR_ALWAYS_INLINE:
      vmx_init(vcpu, 1);
      break;
    case CRASH_WRMSR:
      crash_wrmsr(vcpu);
      break;
    case CRASH_UD2:
      crash_ud2(vcpu);
      break;
    case CRASH_NULL_WRITE:
      crash_null_write(vcpu);
      break;
    case CRASH_ASSERT:
      crash_assert(vcpu);
      break;
    case CRASH_ASSERT_UD2:
      crash_assert_ud2(vcpu);
      break;
    case CRASH_NMI:
      crash_nmi(vcpu);
      break;
    case CRASH_NORETURN:
      crash_noreturn(vcpu);
      break;
    case CRASH_FUNCTION_POINTER:
      crash_function_pointer(vcpu);
      break;
    case CRASH_RECURSION:
      crash_recursion(vcpu);
      break;
    case CRASH_TAIL:
      crash_tail(vcpu);
      break;
    case CRASH_ALLOCA:
      crash_alloca(vcpu);
      break;
    case CRASH_ASM:
      crash_asm(vcpu);
      break;
    case CRASH_OVERFLOW:
      crash_overflow(vcpu);
      break;
    case CRASH_JUMP_NULL:
      crash_jump_null(vcpu);
      break;
    case CRASH_JUMP_WILD:
      crash_jump_wild(vcpu);
      break;
    case CRASH_VMEXIT:
      intercept_start(vcpu, 32);
      break;
    case CRASH_AT:
      crash_at(vcpu);
      break;
  }
  vcpu->checks[0] = words;
}
