/* SPDX-License-Identifier: MIT
 * Where the three stages lie in memory, for C, assembly and link scripts alike. */
#ifndef TESTBED_LAYOUT_H
#define TESTBED_LAYOUT_H

#define INIT_BASE 0x01e00000
#define SL_BASE 0x10000000
/* The secure loader is linked at 0, entered here, and owns the first 2 MiB. */
#define SL_ENTRY_OFFSET 0x00003080
#define SL_PARAMS (SL_BASE + 0x00010000)
#define SL_STACK_TOP (SL_BASE + 0x00010000)
#define SL_PAGING (SL_BASE + 0x00100000)
#define RUNTIME_BASE (SL_BASE + 0x00200000)
/* End of identity-mapped memory; page 0 is left out, so that a null pointer faults. */
#define MAPPED_END 0x20000000
#define LAPIC_BASE 0xfee00000
#define AP_TRAMPOLINE 0x00010000

#define MAX_CPUS 16
#define RUNTIME_STACK_SIZE 0x4000

#define SELECTOR_CODE 0x08
#define SELECTOR_DATA 0x10
#define SELECTOR_TSS 0x18

#endif
