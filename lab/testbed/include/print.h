/* SPDX-License-Identifier: MIT
 * Serial output. One lock is held per call, so that a call is never torn by another CPU. */
#ifndef TESTBED_PRINT_H
#define TESTBED_PRINT_H

#include "types.h"

void serial_init(void);
/* %c %s %d %u %x %lx %llx %%, with zero padding and width. */
/* Set to print nothing: shortens the recorder's instruction traces. Dumps are always printed. */
extern volatile bool8 print_quiet;
int printf(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
