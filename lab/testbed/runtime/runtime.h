/* SPDX-License-Identifier: MIT */
#ifndef TESTBED_RUNTIME_H
#define TESTBED_RUNTIME_H
#include "boot-params.h"
#include "crash.h"
#include "vcpu.h"
void runtime_entry(const struct boot_params *params) NORETURN;
void runtime_main(VCPU *vcpu);
void partition_init(VCPU *vcpu, enum crash_kind kind);
void vmx_init(VCPU *vcpu, bool8 always_inline);
void intercept_start(VCPU *vcpu, u32 exit_reason);
void intercept_handler(VCPU *vcpu, struct regs *r);
#endif
