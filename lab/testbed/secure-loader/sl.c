/* SPDX-License-Identifier: MIT
 * The secure loader's only C function: says what it was handed and enters the runtime. */
#include "boot-params.h"
#include "fatal.h"
#include "print.h"

void sl_main(void);
void enter_runtime(uword entry, const struct boot_params *params) NORETURN;

void sl_main(void) {
  const struct boot_params *params = (const struct boot_params *)SL_PARAMS;
  u32 size = params->runtime_length;
  printf("SL(early-init): at 0x%08x, starting...\n", SL_BASE);
  printf("SL: slpb at = 0x%08x\n", SL_PARAMS - SL_BASE);
  REQUIRE(params->magic == BOOT_PARAMS_MAGIC);
  printf("\tnumCPUEntries=%u\n", params->cpu_count);
  printf("\truntime size= %u bytes\n", size);
  printf("\tcmdline = \"%s\"\n", params->cmdline);
  printf("SL: runtime at 0x%08x; size=0x%08x bytes adjusted to 0x%08x bytes (2M aligned)\n", RUNTIME_BASE, size,
         (size + 0x1fffff) & ~0x1fffffu);
  printf("Transferring control to runtime\n");
  enter_runtime(RUNTIME_BASE, params);
}
