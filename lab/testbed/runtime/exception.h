/* SPDX-License-Identifier: MIT */
#ifndef TESTBED_EXCEPTION_H
#define TESTBED_EXCEPTION_H
#include "vcpu.h"
void exception_setup(void);
/* Loads the IDT and the task register of the running CPU. */
void exception_load(void);
#ifdef __x86_64__
void exception_entry(uword vector, struct regs *r);
#else
void exception_entry(uword vector, struct regs *r) __attribute__((cdecl));
#endif
#endif
