/* SPDX-License-Identifier: MIT
 * RSDP, RSDT and MADT by the ACPI specification, sections 5.2.5 to 5.2.12. */
#include "acpi.h"
#include "print.h"
#include "text.h"

struct table_header {
  char signature[4];
  u32 length;
  u8 rest[28];
} __attribute__((packed));

struct madt_entry {
  u8 type;
  u8 length;
  u8 processor_id;
  u8 lapic_id;
  u32 flags;
} __attribute__((packed));

static const u8 *find_rsdp(void) {
  for (uword at = 0xe0000; at < 0x100000; at += 16) {
    if (memcmp((const void *)at, "RSD PTR ", 8) == 0) return (const u8 *)at;
  }
  return NULL;
}

u32 acpi_lapic_ids(u32 *ids, u32 room) {
  u32 count = 0;
  const u8 *rsdp = find_rsdp();
  if (rsdp == NULL) return 0;
  printf("ACPI RSDP at 0x%08lx\n", (uword)rsdp);
  const struct table_header *rsdt = (const struct table_header *)(uword)(*(const u32 *)(rsdp + 16));
  u32 entries = (rsdt->length - sizeof(*rsdt)) / 4;
  for (u32 i = 0; i < entries; i++) {
    uword address = ((const u32 *)(rsdt + 1))[i];
    const struct table_header *table = (const struct table_header *)address;
    if (memcmp(table->signature, "APIC", 4) != 0) continue;
    printf("ACPI MADT at 0x%08lx\n", address);
    for (uword at = address + 44; at < address + table->length;) {
      const struct madt_entry *entry = (const struct madt_entry *)at;
      if (entry->length < 2) break;
      if (entry->type == 0 && (entry->flags & 1) != 0 && count < room) ids[count++] = entry->lapic_id;
      at += entry->length;
    }
  }
  return count;
}
