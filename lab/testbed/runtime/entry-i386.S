/* SPDX-License-Identifier: MIT
 * Entry of the runtime, of the application processors, of exceptions and of intercepts, i386. */
#include "layout.h"

    .section .text.entry, "ax"
    .globl runtime_start
/* EDX: struct boot_params. No stack yet that is ours. */
runtime_start:
    lgdtl runtime_gdt_pointer
    ljmpl $SELECTOR_CODE, $1f
1:  movl $SELECTOR_DATA, %eax
    movl %eax, %ds
    movl %eax, %es
    movl %eax, %fs
    movl %eax, %gs
    movl %eax, %ss
    movl $boot_stack_top, %esp
    pushl %edx
    call runtime_entry
2:  hlt
    jmp 2b

    .text
/* enter_common(VCPU *): puts the running CPU on its own stack; the VCPU pointer is the argument and the first word. */
    .globl enter_common
    .type enter_common, @function
enter_common:
    movl 4(%esp), %esi
    movl (%esi), %esp
    pushl %esi
    call smp_common
3:  hlt
    jmp 3b
    .size enter_common, . - enter_common

/* An application processor, paging on, flat segments of the trampoline, no stack. */
    .globl ap_entry
ap_entry:
    lgdtl runtime_gdt_pointer
    ljmpl $SELECTOR_CODE, $4f
4:  movl $SELECTOR_DATA, %eax
    movl %eax, %ds
    movl %eax, %es
    movl %eax, %fs
    movl %eax, %gs
    movl %eax, %ss
    movl LAPIC_BASE + 0x20, %eax
    shrl $24, %eax
    movl $g_midtable, %edi
    movl g_midtable_numentries, %ecx
5:  cmpl %eax, (%edi)
    je gotvcpu
    addl $12, %edi
    decl %ecx
    jnz 5b
6:  hlt
    jmp 6b
gotvcpu:
    movl 8(%edi), %esi
    movl (%esi), %esp
    pushl %esi
    call smp_common
7:  hlt
    jmp 7b

    .globl load_tables
    .type load_tables, @function
/* load_tables(const void *idt_pointer): IDT and task register. */
load_tables:
    movl 4(%esp), %eax
    lidtl (%eax)
    andb $0xfd, runtime_gdt + SELECTOR_TSS + 5
    movw $SELECTOR_TSS, %ax
    ltr %ax
    ret
    .size load_tables, . - load_tables

/* Exceptions: an error code or a zero, the general registers, then (struct regs *, vector). */
.macro exception vector, has_error
exception_stub_\vector:
    .if \has_error == 0
    pushl $0
    .endif
    pushal
    movl %esp, %eax
    pushl %eax
    pushl $\vector
    call exception_entry
    addl $8, %esp
    popal
    addl $4, %esp
    iretl
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
    movl 4(%esp), %ecx
    movl 8(%esp), %eax
    movl (%ecx), %esp
    movl 0(%eax), %edi
    movl 4(%eax), %esi
    movl 8(%eax), %ebp
    movl 16(%eax), %ebx
    movl 20(%eax), %edx
    movl 24(%eax), %ecx
    movl 28(%eax), %eax
    jmp intercept_entry
    .size enter_guest, . - enter_guest

/* The VCPU pointer is the word at the host stack pointer. */
    .globl intercept_entry
intercept_entry:
    pushal
    movl 32(%esp), %eax
    movl %esp, %edx
    pushl %edx
    pushl %eax
    call intercept_handler
    addl $8, %esp
    popal
    jmp intercept_entry

/* checksum_words(const uword *words, u32 count): adds up, and traps on purpose where a word is the poison value. It
 * pushes in the middle, keeps no frame pointer and says so in its call-frame information. */
    .globl checksum_words
    .type checksum_words, @function
checksum_words:
    .cfi_startproc
    pushl %esi
    .cfi_adjust_cfa_offset 4
    .cfi_rel_offset esi, 0
    movl 8(%esp), %esi
    movl 12(%esp), %ecx
    xorl %eax, %eax
8:  addl (%esi), %eax
    pushl %eax
    .cfi_adjust_cfa_offset 4
    cmpl $0x0badf00d, (%esi)
    jne 9f
    ud2
9:  popl %eax
    .cfi_adjust_cfa_offset -4
    addl $4, %esi
    decl %ecx
    jnz 8b
    popl %esi
    .cfi_adjust_cfa_offset -4
    .cfi_restore esi
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
    ljmpl $SELECTOR_CODE, $(AP_TRAMPOLINE + trampoline_32 - trampoline_start)
    .code32
trampoline_32:
    movl $SELECTOR_DATA, %eax
    movl %eax, %ds
    movl %eax, %ss
    movl AP_TRAMPOLINE + trampoline_cr4 - trampoline_start, %eax
    movl %eax, %cr4
    movl AP_TRAMPOLINE + trampoline_cr3 - trampoline_start, %eax
    movl %eax, %cr3
    movl %cr0, %eax
    andl $0x9fffffff, %eax
    orl $0x80010000, %eax
    movl %eax, %cr0
    movl $ap_entry, %eax
    jmp *%eax
    .align 8
trampoline_gdt:
    .quad 0
    .quad 0x00cf9a000000ffff
    .quad 0x00cf92000000ffff
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
    .align 4
    .globl exception_stubs
exception_stubs:
    .irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14
    .long exception_stub_\n
    .endr
    .long 0
    .irp n, 16, 17, 18, 19
    .long exception_stub_\n
    .endr

    .data
    .align 8
runtime_gdt:
    .quad 0
    .quad 0x00cf9a000000ffff
    .quad 0x00cf92000000ffff
    /* 32-bit TSS at address 0, never used for a stack switch: everything runs in ring 0. */
    .quad 0x0000890000000067
runtime_gdt_pointer:
    .word . - runtime_gdt - 1
    .long runtime_gdt

    .section .bss
    .align 16
    .skip 0x1000
boot_stack_top:

    .section .note.GNU-stack, "", @progbits
