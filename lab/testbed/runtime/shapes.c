/* SPDX-License-Identifier: MIT
 * Faults whose point is the shape of the stack above them. */
#include "crash.h"
#include "print.h"
#include "text.h"
#include "x86.h"

uword g_crash_at[MAX_CPUS];

/* Function pointers */

struct operation {
  const char *name;
  u32 (*run)(VCPU *vcpu, u32 operand);
};

static u32 operation_add(VCPU *vcpu, u32 operand) {
  return (u32)vcpu->checks[10] + operand;
}

static u32 operation_divide(VCPU *vcpu, u32 operand) {
  /* Division by zero where the operand is. */
  return (u32)vcpu->checks[11] / operand;
}

static const struct operation operations[] = {{"add", operation_add}, {"divide", operation_divide}};

static NOINLINE u32 run_operations(VCPU *vcpu, const struct operation *list, u32 count, u32 operand) {
  u32 result = 0;
  for (u32 i = 0; i < count; i++) result += list[i].run(vcpu, operand);
  return result;
}

void crash_function_pointer(VCPU *vcpu) {
  const struct operation *list = operations;
  asm volatile("" : "+r"(list));
  vcpu->checks[12] = run_operations(vcpu, list, 2, vcpu->id & 0);
}

/* Recursion: every third step goes through a second function */

static NOINLINE u32 descend(VCPU *vcpu, u32 depth, u32 limit);

static NOINLINE u32 descend_third(VCPU *vcpu, u32 depth, u32 limit) {
  u32 below = descend(vcpu, depth + 1, limit);
  return below * 3 + depth;
}

static NOINLINE u32 descend(VCPU *vcpu, u32 depth, u32 limit) {
  if (depth == limit) {
    asm volatile("ud2");
    return depth;
  }
  u32 below = depth % 3 == 2 ? descend_third(vcpu, depth, limit) : descend(vcpu, depth + 1, limit);
  return below + (u32)vcpu->checks[depth % 32];
}

void crash_recursion(VCPU *vcpu) {
  vcpu->checks[13] = descend(vcpu, 0, 10);
}

/* Tail calls: from -O2 on, the two steps in the middle leave no frame */

static NOINLINE u32 last_step(VCPU *vcpu, u32 value) {
  if (value != 0) asm volatile("ud2");
  return (u32)vcpu->checks[14] + value;
}

static NOINLINE u32 second_step(VCPU *vcpu, u32 value) {
  vcpu->checks[15] = value;
  return last_step(vcpu, value * 2);
}

static NOINLINE u32 first_step(VCPU *vcpu, u32 value) {
  vcpu->checks[14] = value;
  return second_step(vcpu, value + 1);
}

void crash_tail(VCPU *vcpu) {
  u32 result = first_step(vcpu, 20);
  vcpu->checks[16] = result + 1;
}

/* alloca, a variable-length array and a stricter alignment */

static NOINLINE void fill_and_trap(uword *words, u32 count) {
  for (u32 i = 0; i < count; i++) words[i] = i;
  asm volatile("ud2" : : : "memory");
}

static NOINLINE uword use_aligned(VCPU *vcpu, u32 count) {
  uword aligned[8] __attribute__((aligned(64)));
  uword variable[count];
  fill_and_trap(aligned, 8);
  fill_and_trap(variable, count);
  return aligned[1] + variable[count - 1] + vcpu->checks[17];
}

static NOINLINE uword use_alloca(VCPU *vcpu, u32 bytes) {
  uword *room = __builtin_alloca(bytes);
  room[0] = bytes;
  asm volatile("" : : "r"(room) : "memory");
  uword below = use_aligned(vcpu, bytes / 16);
  return below + room[0];
}

void crash_alloca(VCPU *vcpu) {
  vcpu->checks[17] = use_alloca(vcpu, 208 + vcpu->idx * 16);
}

/* Assembly */

void crash_asm(VCPU *vcpu) {
  uword words[6] = {1, 2, 3, 0x0badf00d, 5, 6};
  vcpu->checks[18] = checksum_words(words, ARRAY_LENGTH(words));
}

/* Stack overflow: there is no guard page, so it runs into the stack of the CPU below before it is noticed */

static NOINLINE u32 overflow_step(VCPU *vcpu, u32 depth) {
  uword padding[56];
  padding[0] = depth;
  padding[55] = vcpu->id;
  asm volatile("" : : "r"(padding) : "memory");
  if ((uword)padding < (uword)g_cpustacks[vcpu->idx] - 0x200) asm volatile("ud2");
  if (depth == 100000) return depth;
  u32 below = overflow_step(vcpu, depth + 1);
  return below + (u32)padding[0];
}

void crash_overflow(VCPU *vcpu) {
  volatile enum vcpu_state *below = vcpu->idx > 0 ? &g_vcpubuffers[vcpu->idx - 1].state : NULL;
  while (below != NULL && *below != VCPU_HALTED) cpu_pause();
  vcpu->checks[19] = overflow_step(vcpu, 0);
}

/* Calls through bad pointers */

static NOINLINE u32 call_through(VCPU *vcpu, u32 (*target)(VCPU *vcpu, u32 operand)) {
  u32 result = target(vcpu, 3);
  return result + 1;
}

void crash_jump_null(VCPU *vcpu) {
  u32 (*target)(VCPU *, u32) = NULL;
  asm volatile("" : "+r"(target));
  vcpu->checks[20] = call_through(vcpu, target);
}

void crash_jump_wild(VCPU *vcpu) {
  u32 (*target)(VCPU *, u32) = (u32 (*)(VCPU *, u32))(uword)0x5a5a5a5a;
  asm volatile("" : "+r"(target));
  vcpu->checks[21] = call_through(vcpu, target);
}

/* A fault at any instruction: DR0 breaks before it is executed. The callee has a shrink-wrapped body, a loop that
 * calls, a switch and two ways out, to be stopped in at will. */

static NOINLINE u32 leaf_mix(u32 a, u32 b) {
  return (a ^ (b << 3)) + (b >> 2);
}

static NOINLINE u32 mixer(VCPU *vcpu, u32 seed, u32 rounds) {
  if (rounds == 0) return seed;
  uword history[6];
  u32 state = seed;
  for (u32 i = 0; i < rounds; i++) {
    state = leaf_mix(state, i);
    history[i % 6] = state;
  }
  switch (state & 7) {
    case 0:
      state += leaf_mix(state, 11);
      break;
    case 1:
      state -= leaf_mix(seed, 13);
      break;
    case 2:
      state ^= (u32)history[2];
      break;
    case 3:
      state += (u32)vcpu->checks[3];
      break;
    case 5:
      state = leaf_mix((u32)history[1], 17) + 1;
      break;
    default:
      state = leaf_mix((u32)history[0], state) * 3;
      break;
  }
  if (state == 0x12345678) {
    printf("CPU(0x%02x): a rare mix\n", vcpu->id);
    return leaf_mix(state, seed);
  }
  return state + (u32)history[5 % rounds];
}

void crash_at(VCPU *vcpu) {
  uword control = 0x00000402;
  asm volatile("mov %0, %%dr0" : : "r"(g_crash_at[vcpu->idx]));
  asm volatile("mov %0, %%dr7" : : "r"(control));
  u32 result = 0;
  for (u32 i = 0; i < 8; i++) result += mixer(vcpu, 0x1234 + i * 77, 6 + i);
  vcpu->checks[22] = result;
}
