/* SPDX-License-Identifier: MIT
 * Multiboot entry: 32-bit protected mode, paging off. GRUB leaves the magic in EAX and the information in EBX. */
#include "layout.h"

#define MULTIBOOT_MAGIC 0x1badb002
#define MULTIBOOT_FLAGS 0x00000003

    .section .multiboot, "a"
    .align 4
    .long MULTIBOOT_MAGIC
    .long MULTIBOOT_FLAGS
    .long -(MULTIBOOT_MAGIC + MULTIBOOT_FLAGS)

    .section .text.entry, "ax"
    .globl init_start
    .type init_start, @function
init_start:
    cli
    cld
    movl $init_stack_top, %esp
    pushl %ebx
    pushl %eax
    call init_main
1:  hlt
    jmp 1b
    .size init_start, . - init_start

/* enter_secure_loader(u32 entry): never comes back. */
    .text
    .globl enter_secure_loader
    .type enter_secure_loader, @function
enter_secure_loader:
    movl 4(%esp), %eax
    movl $SL_STACK_TOP, %esp
    jmp *%eax
    .size enter_secure_loader, . - enter_secure_loader

    .section .bss
    .align 16
    .skip 0x4000
init_stack_top:

    .section .note.GNU-stack, "", @progbits
