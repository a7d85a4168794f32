/* SPDX-License-Identifier: MIT
 * Entry of the runtime in C, and what every CPU does when all are awake. */
#include "runtime.h"
#include "exception.h"
#include "fatal.h"
#include "print.h"
#include "smp.h"
#include "text.h"

static enum crash_kind g_crash_kinds[MAX_CPUS];

static const char *const crash_names[] = {
  "none", "rdmsr", "rdmsr-always-inline", "wrmsr", "ud2", "null-write", "assert", "assert-ud2", "nmi", "noreturn",
  "function-pointer", "recursion", "tail", "alloca", "asm", "overflow", "jump-null", "jump-wild", "vmexit", "at",
};

enum crash_kind crash_kind_of(const char *value) {
  for (u32 i = 0; i < ARRAY_LENGTH(crash_names); i++) {
    if (option_is(value, crash_names[i])) return (enum crash_kind)i;
  }
  return CRASH_NONE;
}

static void choose_crashes(const char *cmdline) {
  const char *kind = option_value(cmdline, "crash");
  const char *at = option_value(cmdline, "at");
  if (option_next(kind) != NULL) {
    for (u32 i = 0; i < MAX_CPUS && kind != NULL; i++, kind = option_next(kind)) g_crash_kinds[i] = crash_kind_of(kind);
  } else {
    uword mask = option_number(option_value(cmdline, "cpus"), crash_kind_of(kind) == CRASH_RDMSR ? 0xffff : 1);
    for (u32 i = 0; i < MAX_CPUS; i++) g_crash_kinds[i] = (mask >> i) & 1 ? crash_kind_of(kind) : CRASH_NONE;
  }
  for (u32 i = 0; i < MAX_CPUS && at != NULL; i++, at = option_next(at)) g_crash_at[i] = option_number(at, 0);
}

void runtime_entry(const struct boot_params *params) {
  REQUIRE(params->magic == BOOT_PARAMS_MAGIC);
  print_quiet = option_is(option_value(params->cmdline, "quiet"), "1");
  printf("runtime initializing...\n");
  choose_crashes(params->cmdline);
  smp_setup(params->cpu_count, params->lapic_ids);
  exception_setup();
  smp_wake();
  printf("Relinquishing BSP thread and moving to common...\n");
  enter_common(&g_vcpubuffers[0]);
}

void runtime_main(VCPU *vcpu) {
  enum crash_kind kind = g_crash_kinds[vcpu->idx];
  vcpu->state = VCPU_RUNNING;
  if (kind != CRASH_NONE) partition_init(vcpu, kind);
  printf("CPU(0x%02x): nothing left to do\n", vcpu->id);
  print_quiet_mark();
  vcpu->state = VCPU_HALTED;
}
