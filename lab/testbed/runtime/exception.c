/* SPDX-License-Identifier: MIT
 * The exception handler. Its print-out is XMHF's, of the era with the newline last, to the letter: what is printed as the
 * stack pointer is the address of the hardware's frame, and the error code lies one word below it. */
#include "exception.h"
#include "crash.h"
#include "print.h"
#include "runtime.h"
#include "x86.h"

#ifdef __x86_64__
struct idt_gate {
  u16 offset_low, selector;
  u16 attributes, offset_middle;
  u32 offset_high, reserved;
} __attribute__((packed));
#define WORD "0x%016lx"
#else
struct idt_gate {
  u16 offset_low, selector;
  u16 attributes, offset_high;
} __attribute__((packed));
#define WORD "0x%08lx"
#endif

struct idt_pointer {
  u16 limit;
  uword base;
} __attribute__((packed));

extern const uword exception_stubs[20];

static struct idt_gate idt[32] __attribute__((aligned(16)));
static struct idt_pointer idt_pointer;
static volatile u32 load_lock;

void load_tables(const struct idt_pointer *pointer);

void exception_setup(void) {
  printf("exception_setup: setting up runtime IDT...\n");
  for (u32 i = 0; i < ARRAY_LENGTH(exception_stubs); i++) {
    uword stub = exception_stubs[i];
    if (stub == 0) continue;
    idt[i].offset_low = (u16)stub;
    idt[i].selector = SELECTOR_CODE;
    idt[i].attributes = 0x8e00;
#ifdef __x86_64__
    idt[i].offset_middle = (u16)(stub >> 16);
    idt[i].offset_high = (u32)(stub >> 32);
#else
    idt[i].offset_high = (u16)(stub >> 16);
#endif
  }
  idt_pointer.limit = sizeof(idt) - 1;
  idt_pointer.base = (uword)idt;
  printf("exception_setup: IDT setup done.\n");
}

void exception_load(void) {
  while (exchange32(&load_lock, 1) != 0) cpu_pause();
  load_tables(&idt_pointer);
  exchange32(&load_lock, 0);
}

static bool8 has_error_code(uword vector) {
  return vector == 8 || (vector >= 10 && vector <= 14) || vector == 17;
}

#define READ_SELECTOR(name)                              \
  static u32 read_##name(void) {                         \
    u16 value;                                           \
    asm volatile("movw %%" #name ", %0" : "=r"(value));  \
    return value;                                        \
  }
READ_SELECTOR(cs)
READ_SELECTOR(ds)
READ_SELECTOR(es)
READ_SELECTOR(ss)
READ_SELECTOR(fs)
READ_SELECTOR(gs)

static u32 read_task_register(void) {
  u16 value;
  asm volatile("str %0" : "=r"(value));
  return value;
}

static void print_registers(u32 cpu, const struct regs *r, uword frame_at) {
#ifdef __x86_64__
  printf("[%02x] RAX=" WORD " RBX=" WORD "\n", cpu, r->rax, r->rbx);
  printf("[%02x] RCX=" WORD " RDX=" WORD "\n", cpu, r->rcx, r->rdx);
  printf("[%02x] RSI=" WORD " RDI=" WORD "\n", cpu, r->rsi, r->rdi);
  printf("[%02x] RBP=" WORD " RSP=" WORD "\n", cpu, r->rbp, frame_at);
  printf("[%02x] R8 =" WORD " R9 =" WORD "\n", cpu, r->r8, r->r9);
  printf("[%02x] R10=" WORD " R11=" WORD "\n", cpu, r->r10, r->r11);
  printf("[%02x] R12=" WORD " R13=" WORD "\n", cpu, r->r12, r->r13);
  printf("[%02x] R14=" WORD " R15=" WORD "\n", cpu, r->r14, r->r15);
#else
  printf("[%02x] EAX=" WORD " EBX=" WORD " ECX=" WORD " EDX=" WORD "\n", cpu, r->eax, r->ebx, r->ecx, r->edx);
  printf("[%02x] ESI=" WORD " EDI=" WORD " EBP=" WORD " ESP=" WORD "\n", cpu, r->esi, r->edi, r->ebp, frame_at);
#endif
}

static void print_crash(VCPU *vcpu, u32 vector, const struct regs *r) {
  const struct exception_frame *frame = (const struct exception_frame *)(r + 1);
  uword frame_at = (uword)&frame->pc;
  u32 cpu = vcpu->id;
  if (print_quiet) return;
  printf("[%02x]: unhandled exception %d (0x%x), halting!\n", cpu, vector, vector);
  if (has_error_code(vector)) printf("[%02x]: error code: " WORD "\n", cpu, frame->error_code);
  printf("[%02x]: state dump follows...\n", cpu);
#ifdef __x86_64__
  printf("[%02x] CS:RIP 0x%04x:" WORD " with RFLAGS=" WORD "\n", cpu, (u32)frame->cs & 0xffff, frame->pc, frame->flags);
#else
  printf("[%02x] CS:EIP 0x%04x:" WORD " with EFLAGS=" WORD "\n", cpu, (u32)frame->cs & 0xffff, frame->pc, frame->flags);
#endif
  printf("[%02x]: VCPU at " WORD "\n", cpu, (uword)vcpu);
  print_registers(cpu, r, frame_at);
  printf("[%02x] CS=0x%04x, DS=0x%04x, ES=0x%04x, SS=0x%04x\n", cpu, read_cs(), read_ds(), read_es(), read_ss());
  printf("[%02x] FS=0x%04x, GS=0x%04x\n", cpu, read_fs(), read_gs());
  printf("[%02x] TR=0x%04x\n", cpu, read_task_register());
  printf("[%02x]-----stack dump-----\n", cpu);
  for (uword at = frame_at; at < VCPU_STACK_POINTER(vcpu); at += sizeof(uword)) {
    printf("[%02x]  Stack(" WORD ") -> " WORD "\n", cpu, at, *(const uword *)at);
  }
  printf("[%02x]-----end------------\n", cpu);
}

void exception_entry(uword vector, struct regs *r) {
  VCPU *vcpu = current_vcpu();
  if (vector == 2) {
    nmi_handler(vcpu, r);
    return;
  }
  vcpu->state = VCPU_HALTED;
  print_crash(vcpu, (u32)vector, r);
  print_quiet_mark();
  halt_forever();
}
