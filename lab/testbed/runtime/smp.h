/* SPDX-License-Identifier: MIT */
#ifndef TESTBED_SMP_H
#define TESTBED_SMP_H
#include "vcpu.h"
void smp_setup(u32 count, const u32 *lapic_ids);
void smp_wake(void);
/* Every CPU comes here, each on its own stack. */
void smp_common(VCPU *vcpu) NORETURN;
void enter_common(VCPU *vcpu) NORETURN;
#endif
