/* SPDX-License-Identifier: MIT
 * SHA-1 by FIPS 180-4, section 6.1. */
#include "sha1.h"
#include "text.h"

static u32 rotate_left(u32 value, u32 count) {
  return (value << count) | (value >> (32 - count));
}

static void sha1_block(u32 state[5], const u8 *block) {
  u32 w[80];
  for (u32 t = 0; t < 16; t++) {
    const u8 *b = block + 4 * t;
    w[t] = ((u32)b[0] << 24) | ((u32)b[1] << 16) | ((u32)b[2] << 8) | b[3];
  }
  for (u32 t = 16; t < 80; t++) w[t] = rotate_left(w[t - 3] ^ w[t - 8] ^ w[t - 14] ^ w[t - 16], 1);
  u32 a = state[0], b = state[1], c = state[2], d = state[3], e = state[4];
  for (u32 t = 0; t < 80; t++) {
    u32 f, k;
    if (t < 20) {
      f = (b & c) | (~b & d);
      k = 0x5a827999;
    } else if (t < 40) {
      f = b ^ c ^ d;
      k = 0x6ed9eba1;
    } else if (t < 60) {
      f = (b & c) | (b & d) | (c & d);
      k = 0x8f1bbcdc;
    } else {
      f = b ^ c ^ d;
      k = 0xca62c1d6;
    }
    u32 next = rotate_left(a, 5) + f + e + k + w[t];
    e = d;
    d = c;
    c = rotate_left(b, 30);
    b = a;
    a = next;
  }
  state[0] += a;
  state[1] += b;
  state[2] += c;
  state[3] += d;
  state[4] += e;
}

void sha1(const u8 *data, u32 length, u8 digest[20]) {
  u32 state[5] = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0};
  u8 tail[128];
  u32 whole = length & ~63u;
  u32 rest = length - whole;
  u32 tail_length = rest < 56 ? 64 : 128;
  for (u32 at = 0; at < whole; at += 64) sha1_block(state, data + at);
  memset(tail, 0, sizeof(tail));
  memcpy(tail, data + whole, rest);
  tail[rest] = 0x80;
  u64 bits = (u64)length << 3;
  for (u32 i = 0; i < 8; i++) tail[tail_length - 1 - i] = (u8)(bits >> (8 * i));
  for (u32 at = 0; at < tail_length; at += 64) sha1_block(state, tail + at);
  for (u32 i = 0; i < 20; i++) digest[i] = (u8)(state[i / 4] >> (24 - 8 * (i % 4)));
}
