/* SPDX-License-Identifier: MIT
 * The bootloader stage: takes the hypervisor image that GRUB loaded as a module, says which one it is, puts it where it
 * was linked for and enters the secure loader. */
#include "acpi.h"
#include "boot-params.h"
#include "fatal.h"
#include "print.h"
#include "sha1.h"
#include "text.h"

#define MULTIBOOT_BOOTLOADER_MAGIC 0x2badb002u

struct multiboot_module {
  u32 start, end, string, reserved;
};

struct multiboot_info {
  u32 flags, mem_lower, mem_upper, boot_device, cmdline, module_count, modules;
};

/* SHA-1 of the runtime as it was built, for the machine's own to be compared with. */
static const u8 gold_runtime[20] = {GOLD_RUNTIME};

static u8 init_stacks[MAX_CPUS][0x1000] __attribute__((aligned(4096)));
static u8 init_vcpus[MAX_CPUS][0x100];

void enter_secure_loader(u32 entry) NORETURN;

static void print_hex(const u8 *bytes, u32 count) {
  char text[64];
  u32 at = 0;
  for (u32 i = 0; i < count; i++) {
    text[at++] = "0123456789abcdef"[bytes[i] >> 4];
    text[at++] = "0123456789abcdef"[bytes[i] & 15];
    text[at++] = ' ';
  }
  text[at - 1] = '\0';
  printf("%s", text);
}

static void print_runtime_hashes(u32 length) {
  u8 computed[20];
  printf("    INIT(early): *UNTRUSTED* gold runtime: ");
  print_hex(gold_runtime, 16);
  printf("\n    INIT(early): *UNTRUSTED* gold runtime: ");
  print_hex(gold_runtime + 16, 4);
  printf("\nhashandprint: processing 0x%08x bytes at addr 0x%08x\n", length, RUNTIME_BASE);
  sha1((const u8 *)RUNTIME_BASE, length, computed);
  printf("    INIT(early): *UNTRUSTED* comp runtime: : ");
  print_hex(computed, 20);
  printf("\n");
}

static void print_cpu_tables(const struct boot_params *params) {
  uword stacks = (uword)init_stacks;
  uword vcpus = (uword)init_vcpus;
  printf("setupvcpus: cpustacks range 0x%08lx-0x%08lx in 0x%08x chunks\n", stacks, stacks + sizeof(init_stacks), 0x1000);
  printf("setupvcpus: vcpubuffers range 0x%08lx-0x%08lx in 0x%08x chunks\n", vcpus, vcpus + sizeof(init_vcpus), 0x100);
  for (u32 i = 0; i < params->cpu_count; i++) {
    printf("CPU #%u: vcpu_vaddr_ptr=0x%08lx, esp=0x%08lx\n", i, vcpus + i * 0x100, stacks + (i + 1) * 0x1000);
  }
}

void init_main(u32 magic, const struct multiboot_info *info);

void init_main(u32 magic, const struct multiboot_info *info) {
  serial_init();
  printf("eXtensible Modular Hypervisor Framework (XMHF) v6.1.0\n");
  printf("Build revision: %s\n", BUILD_REVISION);
  printf("Subarch: %s\n\n", SUBARCH);
  REQUIRE(magic == MULTIBOOT_BOOTLOADER_MAGIC);
  printf("INIT(early): initializing, total modules=%u\n", info->module_count);
  REQUIRE(info->module_count >= 1);
  u32 eax, ebx, ecx, edx;
  cpuid(0, &eax, &ebx, &ecx, &edx);
  printf("INIT(early): detected an %s CPU\n", ebx == 0x756e6547 ? "Intel" : "AMD");

  struct boot_params *params = (struct boot_params *)SL_PARAMS;
  const struct multiboot_module *module = (const struct multiboot_module *)info->modules;
  u32 length = module->end - module->start;
  u32 lapic_ids[MAX_CPUS];
  u32 cpu_count = acpi_lapic_ids(lapic_ids, MAX_CPUS);
  REQUIRE(cpu_count > 0);
  memcpy((void *)SL_BASE, (const void *)module->start, length);
  print_runtime_hashes(length - (RUNTIME_BASE - SL_BASE));
  printf("INIT(early): relocated hypervisor binary image to 0x%08x\n", SL_BASE);
  printf("INIT(early): 2M aligned size = 0x%08x\n", (length + 0x1fffff) & ~0x1fffffu);
  printf("INIT(early): un-aligned size = 0x%08x\n", length);

  memset(params, 0, sizeof(*params));
  params->magic = BOOT_PARAMS_MAGIC;
  params->image_length = length;
  params->runtime_length = length - (RUNTIME_BASE - SL_BASE);
  params->cpu_count = cpu_count;
  memcpy(params->lapic_ids, lapic_ids, sizeof(lapic_ids));
  uword cmdline_length = text_length((const char *)info->cmdline);
  if (cmdline_length > sizeof(params->cmdline) - 1) cmdline_length = sizeof(params->cmdline) - 1;
  memcpy(params->cmdline, (const void *)info->cmdline, cmdline_length);
  print_cpu_tables(params);

  printf("****** NO DRTM startup ******\n");
  printf("slbase=0x%08x, sl_entry_point_offset=0x%08x\n", SL_BASE, SL_ENTRY_OFFSET);
  printf("SL entry point to transfer control to: 0x%08x\n", SL_BASE + SL_ENTRY_OFFSET);
  enter_secure_loader(SL_BASE + SL_ENTRY_OFFSET);
}
