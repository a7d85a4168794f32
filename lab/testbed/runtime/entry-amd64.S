/* SPDX-License-Identifier: MIT
 * Entry of the runtime, of the application processors, of exceptions and of intercepts, amd64. */
#include "layout.h"

    .section .text.entry, "ax"
    .globl runtime_start
/* RDI: struct boot_params. No stack yet that is ours. */
runtime_start:
    lgdt runtime_gdt_pointer
    movq $boot_stack_top, %rsp
    pushq $SELECTOR_CODE
    pushq $1f
    lretq
1:  movl $SELECTOR_DATA, %eax
    movl %eax, %ds
    movl %eax, %es
    movl %eax, %fs
    movl %eax, %gs
    movl %eax, %ss
    call runtime_entry
2:  hlt
    jmp 2b

    .text
/* enter_common(VCPU *): puts the running CPU on its own stack. The VCPU pointer is the first word on it. */
    .globl enter_common
    .type enter_common, @function
enter_common:
    movq (%rdi), %rsp
    pushq %rdi
    call smp_common
3:  hlt
    jmp 3b
    .size enter_common, . - enter_common

/* An application processor in long mode, segments of the trampoline, no stack. */
    .globl ap_entry
ap_entry:
    lgdt runtime_gdt_pointer
    movl $SELECTOR_DATA, %eax
    movl %eax, %ds
    movl %eax, %es
    movl %eax, %fs
    movl %eax, %gs
    movl %eax, %ss
    movl $LAPIC_BASE + 0x20, %eax
    movl (%rax), %eax
    shrl $24, %eax
    movq $g_midtable, %rdx
    movl g_midtable_numentries, %ecx
5:  cmpl %eax, (%rdx)
    je gotvcpu
    addq $16, %rdx
    decl %ecx
    jnz 5b
6:  hlt
    jmp 6b
gotvcpu:
    movq 8(%rdx), %rdi
    movq (%rdi), %rsp
    pushq $SELECTOR_CODE
    pushq $7f
    lretq
7:  pushq %rdi
    call smp_common
8:  hlt
    jmp 8b

    .globl load_tables
    .type load_tables, @function
/* load_tables(const void *idt_pointer): IDT and task register. */
load_tables:
    lidt (%rdi)
    andb $0xfd, runtime_gdt + SELECTOR_TSS + 5
    movw $SELECTOR_TSS, %ax
    ltr %ax
    ret
    .size load_tables, . - load_tables

.macro push_registers
    pushq %rax
    pushq %rcx
    pushq %rdx
    pushq %rbx
    pushq %rsp
    pushq %rbp
    pushq %rsi
    pushq %rdi
    pushq %r8
    pushq %r9
    pushq %r10
    pushq %r11
    pushq %r12
    pushq %r13
    pushq %r14
    pushq %r15
.endm

.macro pop_registers
    popq %r15
    popq %r14
    popq %r13
    popq %r12
    popq %r11
    popq %r10
    popq %r9
    popq %r8
    popq %rdi
    popq %rsi
    popq %rbp
    addq $8, %rsp
    popq %rbx
    popq %rdx
    popq %rcx
    popq %rax
.endm

/* Exceptions: an error code or a zero, the general registers, then (vector, struct regs *). */
.macro exception vector, has_error
exception_stub_\vector:
    .if \has_error == 0
    pushq $0
    .endif
    push_registers
    movl $\vector, %edi
    movq %rsp, %rsi
    call exception_entry
    pop_registers
    addq $8, %rsp
    iretq
.endm

    .irp n, 0, 1, 2, 3, 4, 5, 6, 7, 9, 16, 18, 19
    exception \n, 0
    .endr
    .irp n, 8, 10, 11, 12, 13, 14, 17
    exception \n, 1
    .endr

/* enter_guest(VCPU *, const struct regs *): stands for VMLAUNCH. The "guest" is one instruction long: its registers are
 * loaded and the "exit" follows at once, on the host stack that the VCPU names. */
    .globl enter_guest
    .type enter_guest, @function
enter_guest:
    movq (%rdi), %rsp
    movq %rsi, %rax
    movq 0(%rax), %r15
    movq 8(%rax), %r14
    movq 16(%rax), %r13
    movq 24(%rax), %r12
    movq 32(%rax), %r11
    movq 40(%rax), %r10
    movq 48(%rax), %r9
    movq 56(%rax), %r8
    movq 64(%rax), %rdi
    movq 72(%rax), %rsi
    movq 80(%rax), %rbp
    movq 96(%rax), %rbx
    movq 104(%rax), %rdx
    movq 112(%rax), %rcx
    movq 120(%rax), %rax
    jmp intercept_entry
    .size enter_guest, . - enter_guest

/* The VCPU pointer is the word at the host stack pointer. */
    .globl intercept_entry
intercept_entry:
    push_registers
    movq 128(%rsp), %rdi
    movq %rsp, %rsi
    call intercept_handler
    pop_registers
    jmp intercept_entry

/* checksum_words(const uword *words, u32 count): adds up, and traps on purpose where a word is the poison value. It
 * pushes in the middle, keeps no frame pointer and says so in its call-frame information. */
    .globl checksum_words
    .type checksum_words, @function
checksum_words:
    .cfi_startproc
    pushq %rbx
    .cfi_adjust_cfa_offset 8
    .cfi_rel_offset rbx, 0
    movl %esi, %ecx
    xorl %ebx, %ebx
9:  addq (%rdi), %rbx
    pushq %rbx
    .cfi_adjust_cfa_offset 8
    cmpq $0x0badf00d, (%rdi)
    jne 10f
    ud2
10: popq %rax
    .cfi_adjust_cfa_offset -8
    addq $8, %rdi
    decl %ecx
    jnz 9b
    popq %rbx
    .cfi_adjust_cfa_offset -8
    .cfi_restore rbx
    ret
    .cfi_endproc
    .size checksum_words, . - checksum_words

/* Copied below 1 MiB; runs there, so it adds AP_TRAMPOLINE by hand. */
    .globl trampoline_start, trampoline_end, trampoline_cr3, trampoline_cr4
trampoline_start:
    .code16
    /* As in the secure loader: lets the recorder turn this CPU's instruction trace on. */
    xchgw %bx, %bx
    cli
    cld
    movw %cs, %ax
    movw %ax, %ds
    lgdtl trampoline_gdt_pointer - trampoline_start
    movl %cr0, %eax
    orl $1, %eax
    movl %eax, %cr0
    ljmpl $0x20, $(AP_TRAMPOLINE + trampoline_32 - trampoline_start)
    .code32
trampoline_32:
    movl $SELECTOR_DATA, %eax
    movl %eax, %ds
    movl %eax, %ss
    movl AP_TRAMPOLINE + trampoline_cr4 - trampoline_start, %eax
    movl %eax, %cr4
    movl AP_TRAMPOLINE + trampoline_cr3 - trampoline_start, %eax
    movl %eax, %cr3
    movl $0xc0000080, %ecx
    rdmsr
    orl $0x100, %eax
    wrmsr
    movl %cr0, %eax
    andl $0x9fffffff, %eax
    orl $0x80010000, %eax
    movl %eax, %cr0
    ljmpl $SELECTOR_CODE, $(AP_TRAMPOLINE + trampoline_64 - trampoline_start)
    .code64
trampoline_64:
    movq $ap_entry, %rax
    jmp *%rax
    .align 8
trampoline_gdt:
    .quad 0
    .quad 0x00af9a000000ffff
    .quad 0x00cf92000000ffff
    .quad 0
    .quad 0x00cf9a000000ffff
trampoline_gdt_pointer:
    .word . - trampoline_gdt - 1
    .long AP_TRAMPOLINE + trampoline_gdt - trampoline_start
    .align 4
trampoline_cr3:
    .long 0
trampoline_cr4:
    .long 0
trampoline_end:

    .section .rodata
    .align 8
    .globl exception_stubs
exception_stubs:
    .irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14
    .quad exception_stub_\n
    .endr
    .quad 0
    .irp n, 16, 17, 18, 19
    .quad exception_stub_\n
    .endr

    .data
    .align 8
runtime_gdt:
    .quad 0
    .quad 0x00af9a000000ffff
    .quad 0x00cf92000000ffff
    /* 64-bit TSS at address 0, never used for a stack switch: everything runs in ring 0. */
    .quad 0x0000890000000067
    .quad 0
runtime_gdt_pointer:
    .word . - runtime_gdt - 1
    .quad runtime_gdt

    .section .bss
    .align 16
    .skip 0x1000
boot_stack_top:

    .section .note.GNU-stack, "", @progbits
