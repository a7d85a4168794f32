/* SPDX-License-Identifier: MIT
 * What each stage hands to the next one, at SL_PARAMS. */
#ifndef TESTBED_BOOT_PARAMS_H
#define TESTBED_BOOT_PARAMS_H

#include "types.h"
#include "layout.h"

#define BOOT_PARAMS_MAGIC 0x7e57bed1u

struct boot_params {
  u32 magic;
  u32 image_length;
  u32 runtime_length;
  u32 cpu_count;
  u32 lapic_ids[MAX_CPUS];
  char cmdline[256];
};

#endif
