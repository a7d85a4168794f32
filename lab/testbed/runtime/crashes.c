/* SPDX-License-Identifier: MIT
 * The faults that need no more than C: bad writes, traps, failed conditions, an NMI. */
#include "crash.h"
#include "fatal.h"
#include "print.h"
#include "text.h"

#define PAT_WITH_RESERVED_TYPES 0x0202020202020202ull

static void set_memory_types(VCPU *vcpu, u64 types) {
  vcpu->checks[1] = (uword)types;
  wrmsr64(MSR_IA32_PAT, types);
}

void crash_wrmsr(VCPU *vcpu) {
  set_memory_types(vcpu, PAT_WITH_RESERVED_TYPES);
  printf("CPU(0x%02x): memory types set\n", vcpu->id);
}

static NOINLINE u32 trap_on_odd(u32 value) {
  if (value & 1) asm volatile("ud2");
  return value / 2;
}

static NOINLINE u32 sum_of_halves(const u32 *values, u32 count) {
  u32 sum = 0;
  for (u32 i = 0; i < count; i++) sum += trap_on_odd(values[i]);
  return sum;
}

void crash_ud2(VCPU *vcpu) {
  u32 values[4] = {2, 4, 6, 7};
  vcpu->checks[2] = sum_of_halves(values, ARRAY_LENGTH(values));
}

static NOINLINE void clear_intercepts(VCPU *target, u32 reason) {
  target->intercepts = reason;
}

void crash_null_write(VCPU *vcpu) {
  VCPU *target = vcpu->idx < MAX_CPUS ? NULL : vcpu;
  /* Keeps the compiler from seeing the null. */
  asm volatile("" : "+r"(target));
  clear_intercepts(target, vcpu->id + 7);
  vcpu->checks[3] = 1;
}

static NOINLINE u32 checked_index(const VCPU *vcpu, u32 index) {
  REQUIRE(index < ARRAY_LENGTH(vcpu->checks) && "index out of range");
  return (u32)vcpu->checks[index];
}

void crash_assert(VCPU *vcpu) {
  vcpu->checks[4] = checked_index(vcpu, 4) + checked_index(vcpu, 99);
}

static NOINLINE u32 checked_count(const VCPU *vcpu, u32 count) {
  REQUIRE_UD2(count <= ARRAY_LENGTH(vcpu->vmx_msrs));
  return count;
}

void crash_assert_ud2(VCPU *vcpu) {
  vcpu->checks[5] = checked_count(vcpu, 20) + checked_count(vcpu, 21);
}

/* Waits in a loop that an NMI must interrupt. */
static NOINLINE u32 wait_for_quiesce(VCPU *vcpu, u32 turns) {
  u32 waited = 0;
  volatile u32 seen = 0;
  while (waited < turns) {
    seen += vcpu->quiesced;
    waited++;
  }
  return waited + seen;
}

static void send_nmi(u32 lapic_id) {
  lapic_write(LAPIC_ICR_HIGH, lapic_id << 24);
  lapic_write(LAPIC_ICR_LOW, ICR_NMI_SELF_PHYSICAL);
}

void crash_nmi(VCPU *vcpu) {
  send_nmi(vcpu->id);
  vcpu->checks[6] = wait_for_quiesce(vcpu, 100000);
}

static NOINLINE u64 read_pending_work(u32 msr) {
  return rdmsr64(msr);
}

void nmi_handler(VCPU *vcpu, struct regs *r) {
  vcpu->quiesced = 1;
  vcpu->state = VCPU_QUIESCED;
  vcpu->checks[7] = (uword)read_pending_work(MSR_IA32_VMX_VMFUNC);
  vcpu->checks[8] = (uword)r;
}

static NOINLINE NORETURN void give_up(u32 reason) {
  volatile u32 kept = reason;
  asm volatile("ud2" : : "r"(kept));
  __builtin_unreachable();
}

/* Its last instruction is the call: the return address already belongs to whatever comes next. */
static NOINLINE NORETURN void give_up_on(const VCPU *vcpu) {
  give_up(vcpu->id + 0x100);
}

void crash_noreturn(VCPU *vcpu) {
  if (vcpu->state == VCPU_RUNNING) give_up_on(vcpu);
  vcpu->checks[9] = 1;
}
