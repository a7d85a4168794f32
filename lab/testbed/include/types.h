/* SPDX-License-Identifier: MIT
 * Fixed-width integers and the machine word of the testbed. */
#ifndef TESTBED_TYPES_H
#define TESTBED_TYPES_H

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;
typedef signed int s32;
/* As wide as a general register: 4 bytes on i386, 8 on amd64. */
typedef unsigned long uword;

typedef u8 bool8;

#define NULL ((void *)0)
#define ARRAY_LENGTH(a) (sizeof(a) / sizeof((a)[0]))
#define NOINLINE __attribute__((noinline))
#define ALWAYS_INLINE __attribute__((always_inline))
#define NORETURN __attribute__((noreturn))

#endif
