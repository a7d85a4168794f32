/* SPDX-License-Identifier: MIT
 * An intercept as a hypervisor sees it: a guest's WRMSR is carried out on the guest's behalf. */
#include "fatal.h"
#include "print.h"
#include "runtime.h"
#include "text.h"

#define EXIT_REASON_WRMSR 32

void enter_guest(VCPU *vcpu, const struct regs *guest) NORETURN;

static u32 pending_exit_reason;

static void handle_wrmsr(VCPU *vcpu, struct regs *r) {
#ifdef __x86_64__
  u32 msr = (u32)r->rcx;
  u64 value = ((u64)(u32)r->rdx << 32) | (u32)r->rax;
#else
  u32 msr = r->ecx;
  u64 value = ((u64)r->edx << 32) | r->eax;
#endif
  vcpu->intercepts++;
  wrmsr64(msr, value);
  printf("CPU(0x%02x): WRMSR(0x%08x) done\n", vcpu->id, msr);
}

void intercept_handler(VCPU *vcpu, struct regs *r) {
  switch (pending_exit_reason) {
    case EXIT_REASON_WRMSR:
      handle_wrmsr(vcpu, r);
      break;
    default:
      printf("CPU(0x%02x): Unhandled intercept: %u (0x%08x)\n", vcpu->id, pending_exit_reason, pending_exit_reason);
      halt_forever();
  }
}

void intercept_start(VCPU *vcpu, u32 exit_reason) {
  struct regs guest;
  memset(&guest, 0, sizeof(guest));
#ifdef __x86_64__
  guest.rax = 0x02020202;
  guest.rbx = 0xffff888000b0b0b0;
  guest.rcx = MSR_IA32_PAT;
  guest.rdx = 0x02020202;
  guest.rsi = 0x0000000000515151;
  guest.rdi = 0x0000000000d1d1d1;
  guest.rbp = 0xffffc90000013e50;
  guest.r8 = 8;
  guest.r9 = 9;
  guest.r12 = 0xffffffff81012120;
  guest.r15 = 0xf;
#else
  guest.eax = 0x02020202;
  guest.ebx = 0xc0b0b0b0;
  guest.ecx = MSR_IA32_PAT;
  guest.edx = 0x02020202;
  guest.esi = 0x00515151;
  guest.edi = 0x00d1d1d1;
  guest.ebp = 0xc1013e50;
  /* The VCPU pointer's word counts as outside the stack from the first entry on; on amd64 it does so earlier. */
  vcpu->esp -= sizeof(uword);
#endif
  pending_exit_reason = exit_reason;
  enter_guest(vcpu, &guest);
}
