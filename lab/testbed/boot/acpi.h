/* SPDX-License-Identifier: MIT */
#ifndef TESTBED_ACPI_H
#define TESTBED_ACPI_H
#include "types.h"
/* Local APIC ids of the enabled CPUs from ACPI's MADT, at most `room`; the count found. */
u32 acpi_lapic_ids(u32 *ids, u32 room);
#endif
