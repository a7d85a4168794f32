/* SPDX-License-Identifier: MIT */
#ifndef TESTBED_SHA1_H
#define TESTBED_SHA1_H
#include "types.h"
/* FIPS 180-4 SHA-1 of `length` bytes, 20 bytes of digest. */
void sha1(const u8 *data, u32 length, u8 digest[20]);
#endif
