/* SPDX-License-Identifier: MIT
 * Reads the capabilities that VMX reports. The fault is the one that began this project: IA32_VMX_VMFUNC is read wherever
 * the true controls exist, which is not enough. */
#include "fatal.h"
#include "print.h"
#include "runtime.h"

struct msr_window {
  const char *name;
  u32 first;
  u32 count;
};

static void print_capability(const VCPU *vcpu, u32 msr, u64 value) {
  printf("CPU(0x%02x): RDMSR(0x%08x) = 0x%016llx\n", vcpu->id, msr, value);
}

static u32 read_window(VCPU *vcpu, const struct msr_window *window, u32 at) {
  for (u32 i = 0; i < window->count; i++) {
    u64 value = rdmsr64(window->first + i);
    vcpu->vmx_msrs[at + i] = value;
    print_capability(vcpu, window->first + i, value);
  }
  return at + window->count;
}

static u32 read_window_always_inline(VCPU *vcpu, const struct msr_window *window, u32 at) {
  for (u32 i = 0; i < window->count; i++) {
    vcpu->vmx_msrs[at + i] = rdmsr64_always(window->first + i);
  }
  return at + window->count;
}

static u32 read_capabilities(VCPU *vcpu, bool8 always_inline) {
  struct msr_window basic = {"basic", MSR_IA32_VMX_BASIC, 13};
  struct msr_window true_controls = {"true controls", MSR_IA32_VMX_TRUE_PINBASED_CTLS, 4};
  struct msr_window vmfunc = {"VM functions", MSR_IA32_VMX_VMFUNC, 1};
  u32 count = 0;
  if (always_inline) {
    count = read_window_always_inline(vcpu, &basic, count);
    count = read_window_always_inline(vcpu, &vmfunc, count);
    return count;
  }
  count = read_window(vcpu, &basic, count);
  if ((vcpu->vmx_msrs[0] >> 55) & 1) count = read_window(vcpu, &true_controls, count);
  count = read_window(vcpu, &vmfunc, count);
  return count;
}

void vmx_init(VCPU *vcpu, bool8 always_inline) {
  u32 count = read_capabilities(vcpu, always_inline);
  REQUIRE(count <= ARRAY_LENGTH(vcpu->vmx_msrs));
  printf("CPU(0x%02x): %u capabilities read\n", vcpu->id, count);
}
