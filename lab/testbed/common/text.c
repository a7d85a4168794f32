/* SPDX-License-Identifier: MIT */
#include "text.h"

void *memcpy(void *to, const void *from, uword length) {
  void *end = to;
  asm volatile("rep movsb" : "+D"(end), "+S"(from), "+c"(length) : : "memory");
  return to;
}

void *memset(void *to, int byte, uword length) {
  void *end = to;
  asm volatile("rep stosb" : "+D"(end), "+c"(length) : "a"(byte) : "memory");
  return to;
}

int memcmp(const void *a, const void *b, uword length) {
  const u8 *left = a;
  const u8 *right = b;
  for (uword i = 0; i < length; i++) {
    if (left[i] != right[i]) return left[i] - right[i];
  }
  return 0;
}

uword text_length(const char *text) {
  uword length = 0;
  while (text[length] != '\0') length++;
  return length;
}

bool8 text_starts(const char *text, const char *prefix) {
  for (; *prefix != '\0'; prefix++, text++) {
    if (*text != *prefix) return 0;
  }
  return 1;
}

const char *option_next(const char *value) {
  while (value != NULL && *value != '\0' && *value != ' ' && *value != ',') value++;
  return value != NULL && *value == ',' ? value + 1 : NULL;
}

const char *option_value(const char *cmdline, const char *key) {
  uword length = text_length(key);
  for (const char *word = cmdline; *word != '\0';) {
    if (text_starts(word, key) && word[length] == '=') return word + length + 1;
    while (*word != '\0' && *word != ' ') word++;
    while (*word == ' ') word++;
  }
  return NULL;
}

static bool8 ends_value(char c) {
  return c == '\0' || c == ' ' || c == ',';
}

bool8 option_is(const char *value, const char *word) {
  uword length = text_length(word);
  return value != NULL && text_starts(value, word) && ends_value(value[length]);
}

uword option_number(const char *value, uword otherwise) {
  if (value == NULL) return otherwise;
  uword number = 0;
  if (value[0] == '0' && value[1] == 'x') value += 2;
  for (; !ends_value(*value); value++) {
    u32 digit;
    if (*value >= '0' && *value <= '9') digit = (u32)(*value - '0');
    else if (*value >= 'a' && *value <= 'f') digit = (u32)(*value - 'a') + 10;
    else return otherwise;
    number = number * 16 + digit;
  }
  return number;
}
