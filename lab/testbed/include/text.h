/* SPDX-License-Identifier: MIT
 * The few functions of string.h that the testbed and the compiler need. */
#ifndef TESTBED_TEXT_H
#define TESTBED_TEXT_H

#include "types.h"

void *memcpy(void *to, const void *from, uword length);
void *memset(void *to, int byte, uword length);
int memcmp(const void *a, const void *b, uword length);
uword text_length(const char *text);
bool8 text_starts(const char *text, const char *prefix);
/* The value after `key` in a command line of `key=value` words, or NULL. It ends at a comma, a space or the end. */
const char *option_value(const char *cmdline, const char *key);
/* The value after the next comma, or NULL. */
const char *option_next(const char *value);
bool8 option_is(const char *value, const char *word);
uword option_number(const char *value, uword otherwise);

#endif
