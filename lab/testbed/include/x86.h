/* SPDX-License-Identifier: MIT
 * Instructions that C has no word for. The `static inline` ones get a body of their own at -O0 and vanish from -O1 on;
 * rdmsr64_always vanishes at every level. */
#ifndef TESTBED_X86_H
#define TESTBED_X86_H

#include "types.h"

static inline u8 inb(u16 port) {
  u8 value;
  asm volatile("inb %1, %0" : "=a"(value) : "Nd"(port));
  return value;
}

static inline void outb(u16 port, u8 value) {
  asm volatile("outb %0, %1" : : "a"(value), "Nd"(port));
}

static inline u64 rdmsr64(u32 msr) {
  u32 low, high;
  asm volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(msr));
  return ((u64)high << 32) | low;
}

static inline ALWAYS_INLINE u64 rdmsr64_always(u32 msr) {
  u32 low, high;
  asm volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(msr));
  return ((u64)high << 32) | low;
}

static inline void wrmsr64(u32 msr, u64 value) {
  asm volatile("wrmsr" : : "c"(msr), "a"((u32)value), "d"((u32)(value >> 32)));
}

static inline void cpuid(u32 leaf, u32 *eax, u32 *ebx, u32 *ecx, u32 *edx) {
  asm volatile("cpuid" : "=a"(*eax), "=b"(*ebx), "=c"(*ecx), "=d"(*edx) : "a"(leaf), "c"(0));
}

static inline void cpu_pause(void) {
  asm volatile("pause" : : : "memory");
}

static inline NORETURN void halt_forever(void) {
  for (;;) asm volatile("cli\n\thlt");
}

static inline u32 exchange32(volatile u32 *at, u32 value) {
  asm volatile("xchgl %0, %1" : "+r"(value), "+m"(*at) : : "memory");
  return value;
}

static inline void atomic_increment32(volatile u32 *at) {
  asm volatile("lock incl %0" : "+m"(*at) : : "memory");
}

static inline u32 lapic_read(u32 offset) {
  return *(volatile u32 *)(uword)(0xfee00000u + offset);
}

static inline void lapic_write(u32 offset, u32 value) {
  *(volatile u32 *)(uword)(0xfee00000u + offset) = value;
}

#define LAPIC_ID 0x20
#define LAPIC_ICR_LOW 0x300
#define LAPIC_ICR_HIGH 0x310
#define ICR_INIT_OTHERS 0x000c4500u
#define ICR_STARTUP_OTHERS 0x000c4600u
#define ICR_NMI_SELF_PHYSICAL 0x00004400u

#define MSR_IA32_PAT 0x277u
#define MSR_IA32_VMX_BASIC 0x480u
#define MSR_IA32_VMX_TRUE_PINBASED_CTLS 0x48du
#define MSR_IA32_VMX_VMFUNC 0x491u

#endif
