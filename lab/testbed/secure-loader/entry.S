/* SPDX-License-Identifier: MIT
 * Secure loader: entered at SL_BASE + SL_ENTRY_OFFSET in 32-bit protected mode. Linked at 0, so every reference is
 * relative to the instruction or adds SL_BASE. Builds the identity map without page 0, turns paging on (amd64: long
 * mode) and calls sl_main on the same stack. */
#include "layout.h"

#define PAGES SL_PAGING

    .section .text.entry, "ax"
    .code32
    .globl sl_start
    .type sl_start, @function
sl_start:
    cli
    cld
    lgdtl SL_BASE + sl_gdt_pointer
    ljmpl $SELECTOR_CODE, $(SL_BASE + 1f)
1:  movl $SELECTOR_DATA, %eax
    movl %eax, %ds
    movl %eax, %es
    movl %eax, %fs
    movl %eax, %gs
    movl %eax, %ss

    movl $PAGES, %edi
    movl $(0x8000 / 4), %ecx
    xorl %eax, %eax
    rep stosl

#ifdef __x86_64__
    /* 4-level: PML4, PDPT, four page directories, one page table for the first 2 MiB. */
    movl $(PAGES + 0x1003), PAGES
    movl $(PAGES + 0x2003), PAGES + 0x1000
    movl $(PAGES + 0x3003), PAGES + 0x1008
    movl $(PAGES + 0x4003), PAGES + 0x1010
    movl $(PAGES + 0x5003), PAGES + 0x1018
    movl $(PAGES + 0x2000), %edi
    movl $0x83, %eax
2:  movl %eax, (%edi)
    addl $8, %edi
    addl $0x200000, %eax
    cmpl $(MAPPED_END + 0x83), %eax
    jb 2b
    movl $(0xfec00000 + 0x9b), PAGES + 0x5000 + 8 * 502
    movl $(0xfee00000 + 0x9b), PAGES + 0x5000 + 8 * 503
    movl $(PAGES + 0x6003), PAGES + 0x2000
    movl $(PAGES + 0x6008), %edi
    movl $0x1003, %eax
3:  movl %eax, (%edi)
    addl $8, %edi
    addl $0x1000, %eax
    cmpl $0x200003, %eax
    jb 3b
    movl $PAGES, %eax
    movl %eax, %cr3
    movl %cr4, %eax
    orl $0x20, %eax
    movl %eax, %cr4
    movl $0xc0000080, %ecx
    rdmsr
    orl $0x100, %eax
    wrmsr
    movl %cr0, %eax
    orl $0x80010000, %eax
    movl %eax, %cr0
    ljmpl $SELECTOR_TSS, $(SL_BASE + 4f)
    .code64
4:  movl $SL_STACK_TOP, %esp
    call sl_main
#else
    /* 4 MiB pages, one page table for the first 4 MiB. */
    movl $PAGES, %edi
    movl $0x83, %eax
2:  movl %eax, (%edi)
    addl $4, %edi
    addl $0x400000, %eax
    cmpl $(MAPPED_END + 0x83), %eax
    jb 2b
    movl $(0xfec00000 + 0x9b), PAGES + 4 * 1019
    movl $(PAGES + 0x1003), PAGES
    movl $(PAGES + 0x1004), %edi
    movl $0x1003, %eax
3:  movl %eax, (%edi)
    addl $4, %edi
    addl $0x1000, %eax
    cmpl $0x400003, %eax
    jb 3b
    movl $PAGES, %eax
    movl %eax, %cr3
    movl %cr4, %eax
    orl $0x10, %eax
    movl %eax, %cr4
    movl %cr0, %eax
    orl $0x80010000, %eax
    movl %eax, %cr0
    jmp 4f
4:  movl $SL_STACK_TOP, %esp
    call sl_main
#endif
5:  hlt
    jmp 5b
    .size sl_start, . - sl_start

/* enter_runtime(uword entry, void *params): the runtime takes its parameters in a register and brings its own stack. */
    .text
    .globl enter_runtime
    .type enter_runtime, @function
enter_runtime:
    /* Does nothing on a CPU; Bochs stops here (magic_break), where lab/run.sh turns the instruction trace on. */
    xchgw %bx, %bx
#ifdef __x86_64__
    movq %rdi, %rax
    movq %rsi, %rdi
    jmp *%rax
#else
    movl 4(%esp), %eax
    movl 8(%esp), %edx
    jmp *%eax
#endif
    .size enter_runtime, . - enter_runtime

    .section .rodata
    .align 8
sl_gdt:
    .quad 0
    .quad 0x00cf9a000000ffff
    .quad 0x00cf92000000ffff
    .quad 0x00af9a000000ffff
sl_gdt_pointer:
    .word . - sl_gdt - 1
    .long SL_BASE + sl_gdt

    .section .note.GNU-stack, "", @progbits
