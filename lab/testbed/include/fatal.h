/* SPDX-License-Identifier: MIT
 * A condition that must hold. The message bears the one leading and one trailing newline that XMHF's does. */
#ifndef TESTBED_FATAL_H
#define TESTBED_FATAL_H

#include "print.h"
#include "x86.h"

#define REQUIRE(condition)                                                                                   \
  do {                                                                                                       \
    if (!(condition)) {                                                                                      \
      printf("\nFatal: Halting! Condition '%s' failed, line %d, file %s\n", #condition, __LINE__, __FILE__); \
      halt_forever();                                                                                        \
    }                                                                                                        \
  } while (0)

/* The same with a ud2 behind the message, as one plants it to get a register dump. */
#define REQUIRE_UD2(condition)                                                                               \
  do {                                                                                                       \
    if (!(condition)) {                                                                                      \
      printf("\nFatal: Halting! Condition '%s' failed, line %d, file %s\n", #condition, __LINE__, __FILE__); \
      asm volatile("ud2");                                                                                   \
      halt_forever();                                                                                        \
    }                                                                                                        \
  } while (0)

#endif
