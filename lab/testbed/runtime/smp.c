/* SPDX-License-Identifier: MIT
 * CPU tables, INIT-SIPI-SIPI, and the meeting point of all CPUs. */
#include "smp.h"
#include "exception.h"
#include "fatal.h"
#include "print.h"
#include "runtime.h"
#include "text.h"

VCPU g_vcpubuffers[MAX_CPUS];
u8 g_cpustacks[MAX_CPUS][RUNTIME_STACK_SIZE] __attribute__((aligned(4096)));
struct midtable_entry g_midtable[MAX_CPUS];
u32 g_midtable_numentries;

static volatile u32 cpus_awake;
static volatile u32 cpus_released;

extern u8 trampoline_start[], trampoline_end[];
extern u32 trampoline_cr3, trampoline_cr4;

#ifdef __x86_64__
#define STACK_POINTER_NAME "RSP"
#define STACK_POINTER_FORMAT "%016lx"
#else
#define STACK_POINTER_NAME "ESP"
#define STACK_POINTER_FORMAT "%08lx"
#endif

VCPU *current_vcpu(void) {
  u32 id = lapic_read(LAPIC_ID) >> 24;
  for (u32 i = 0; i < g_midtable_numentries; i++) {
    if (g_midtable[i].lapic_id == id) return (VCPU *)g_midtable[i].vcpu;
  }
  return NULL;
}

void smp_setup(u32 count, const u32 *lapic_ids) {
  printf("Number of MP entries = %u\n", count);
  for (u32 i = 0; i < count; i++) {
    VCPU *vcpu = &g_vcpubuffers[i];
    vcpu->id = lapic_ids[i];
    vcpu->idx = i;
    vcpu->isbsp = i == 0;
    vcpu->state = VCPU_STARTING;
    VCPU_STACK_POINTER(vcpu) = (uword)g_cpustacks[i] + RUNTIME_STACK_SIZE;
    g_midtable[i].lapic_id = lapic_ids[i];
    g_midtable[i].isbsp = vcpu->isbsp;
    g_midtable[i].vcpu = (uword)vcpu;
    printf("CPU #%u: bsp=%u, lapic_id=0x%02x\n", i, vcpu->isbsp, vcpu->id);
  }
  g_midtable_numentries = count;
}

static void wait_a_little(u32 turns) {
  for (u32 i = 0; i < turns; i++) cpu_pause();
}

void smp_wake(void) {
  uword cr3, cr4;
  asm volatile("mov %%cr3, %0" : "=r"(cr3));
  asm volatile("mov %%cr4, %0" : "=r"(cr4));
  trampoline_cr3 = (u32)cr3;
  trampoline_cr4 = (u32)cr4;
  memcpy((void *)AP_TRAMPOLINE, trampoline_start, (uword)(trampoline_end - trampoline_start));
  printf("BSP: Using APIC to awaken APs...\n");
  lapic_write(LAPIC_ICR_LOW, ICR_INIT_OTHERS);
  wait_a_little(5000);
  lapic_write(LAPIC_ICR_LOW, ICR_STARTUP_OTHERS | (AP_TRAMPOLINE >> 12));
  wait_a_little(5000);
  lapic_write(LAPIC_ICR_LOW, ICR_STARTUP_OTHERS | (AP_TRAMPOLINE >> 12));
  wait_a_little(2000);
  printf("BSP: APs should be awake.\n");
}

static void rally(VCPU *vcpu) {
  if (vcpu->isbsp) {
    atomic_increment32(&cpus_awake);
    printf("BSP rallying APs...\n");
    printf("BSP(0x%02x): My " STACK_POINTER_NAME " is 0x" STACK_POINTER_FORMAT "\n", vcpu->id, VCPU_STACK_POINTER(vcpu));
    while (cpus_awake < g_midtable_numentries) cpu_pause();
    printf("APs all awake...Setting them free...\n");
    cpus_released = 1;
  } else {
    atomic_increment32(&cpus_awake);
    while (cpus_released == 0) cpu_pause();
    printf("AP(0x%02x): My " STACK_POINTER_NAME " is 0x" STACK_POINTER_FORMAT ", proceeding...\n", vcpu->id,
           VCPU_STACK_POINTER(vcpu));
  }
}

void smp_common(VCPU *vcpu) {
  exception_load();
  rally(vcpu);
#ifdef __x86_64__
  /* From here on the VCPU pointer's own word counts as outside the stack, as XMHF has it. */
  vcpu->rsp -= sizeof(uword);
#endif
  runtime_main(vcpu);
  halt_forever();
}
