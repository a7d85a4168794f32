/* SPDX-License-Identifier: MIT
 * A small printf on COM1. */
#include <stdarg.h>
#include "print.h"
#include "x86.h"

#define COM1 0x3f8

static volatile u32 print_lock;
volatile bool8 print_quiet;

void serial_init(void) {
  outb(COM1 + 1, 0x00);
  outb(COM1 + 3, 0x80);
  outb(COM1 + 0, 0x01);
  outb(COM1 + 1, 0x00);
  outb(COM1 + 3, 0x03);
  outb(COM1 + 2, 0xc7);
  outb(COM1 + 4, 0x0b);
}

static void serial_putc(char c) {
  while ((inb(COM1 + 5) & 0x20) == 0) cpu_pause();
  outb(COM1, (u8)c);
}

static void put_text(const char *text, u32 width) {
  u32 length = 0;
  for (; text[length] != '\0'; length++) serial_putc(text[length]);
  for (; length < width; length++) serial_putc(' ');
}

/* Digits of `value` in base 10 or 16, most significant first. Base 10 takes 32 bits only: there is no 64-bit division here. */
static void put_number(u64 value, u32 base, u32 width, char pad, bool8 negative) {
  char digits[24];
  u32 count = 0;
  if (base == 16) {
    do {
      digits[count++] = "0123456789abcdef"[(u32)value & 15];
      value >>= 4;
    } while (value != 0);
  } else {
    u32 rest = (u32)value;
    do {
      digits[count++] = (char)('0' + rest % 10);
      rest /= 10;
    } while (rest != 0);
  }
  if (negative) digits[count++] = '-';
  for (u32 i = count; i < width; i++) serial_putc(pad);
  while (count > 0) serial_putc(digits[--count]);
}

static void print_arguments(const char *format, va_list arguments) {
  for (; *format != '\0'; format++) {
    if (*format != '%') {
      serial_putc(*format);
      continue;
    }
    format++;
    char pad = ' ';
    u32 width = 0;
    u32 longs = 0;
    if (*format == '0') {
      pad = '0';
      format++;
    }
    for (; *format >= '0' && *format <= '9'; format++) width = width * 10 + (u32)(*format - '0');
    for (; *format == 'l'; format++) longs++;
    switch (*format) {
      case 'c':
        serial_putc((char)va_arg(arguments, int));
        break;
      case 's':
        put_text(va_arg(arguments, const char *), width);
        break;
      case 'd': {
        s32 value = va_arg(arguments, s32);
        put_number((u32)(value < 0 ? -value : value), 10, width, pad, value < 0);
        break;
      }
      case 'u':
        put_number(va_arg(arguments, u32), 10, width, pad, 0);
        break;
      case 'x': {
        u64 value = longs >= 2 ? va_arg(arguments, u64) : longs == 1 ? va_arg(arguments, uword) : va_arg(arguments, u32);
        put_number(value, 16, width, pad, 0);
        break;
      }
      default:
        serial_putc(*format);
        break;
    }
  }
}

int printf(const char *format, ...) {
  va_list arguments;
  if (print_quiet) return 0;
  va_start(arguments, format);
  while (exchange32(&print_lock, 1) != 0) cpu_pause();
  print_arguments(format, arguments);
  exchange32(&print_lock, 0);
  va_end(arguments);
  return 0;
}

void print_quiet_mark(void) {
  if (print_quiet) serial_putc('#');
}
