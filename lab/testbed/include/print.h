/* SPDX-License-Identifier: MIT
 * Serial output. One lock is held per call, so that a call is never torn by another CPU. */
#ifndef TESTBED_PRINT_H
#define TESTBED_PRINT_H

#include "types.h"

void serial_init(void);
/* %c %s %d %u %x %lx %llx %%, with zero padding and width. */
/* Set by quiet=1 to print nothing but one '#' for each CPU that is done: keeps the recorder's instruction traces short. */
extern volatile bool8 print_quiet;
void print_quiet_mark(void);
int printf(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
