# Interrupt entries. Every vector runs on a stack of its own (IST), because prebuilt library code has a red zone.

.text
.macro exception number, has_code
.balign 16
exception_\number:
    .if \has_code == 0
    pushq $0
    .endif
    pushq $\number
    jmp exception_common
.endm
.irp number, 0,1,2,3,4,5,6,7,9,15,16,18,19,20,22,23,24,25,26,27,28,31
    exception \number, 0
.endr
.irp number, 8,10,11,12,13,14,17,21,29,30
    exception \number, 1
.endr

exception_common:
    pushq %rax
    pushq %rbx
    pushq %rcx
    pushq %rdx
    pushq %rsi
    pushq %rdi
    pushq %rbp
    pushq %r8
    pushq %r9
    pushq %r10
    pushq %r11
    pushq %r12
    pushq %r13
    pushq %r14
    pushq %r15
    movq %rsp, %rdi
    cld
    call exception_entry

.globl interrupt_serial, interrupt_wake, interrupt_ignore
.balign 16
interrupt_serial:
    pushq %rax
    movb $0x20, %al
    outb %al, $0x20
    popq %rax
    iretq

.balign 16
interrupt_wake:
    pushq %rax
    movabsq $0xffff8000fee000b0, %rax
    movl $0, (%rax)
    popq %rax
    iretq

.balign 16
interrupt_ignore:
    iretq

.section .rodata.exceptions, "a"
.globl exception_entries
.balign 8
exception_entries:
.irp number, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
    .quad exception_\number
.endr
.text
