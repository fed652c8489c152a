# From QEMU's PVH entry (32 bits, no paging, ebx = hvm_start_info) to kmain in long mode.

.set IMAGE_OFFSET, 0xffffffff80000000

.section .note.Xen, "a", @note
.balign 4
.long 4, 8, 18
.asciz "Xen"
.quad pvh_start

.section .boot, "ax"
.code32
.globl pvh_start
pvh_start:
    cli
    cld
    movl %ebx, %ebp
    lgdt boot_gdt_pointer
    ljmp $0x08, $1f
1:  movw $0x10, %ax
    movw %ax, %ds
    movw %ax, %es
    movw %ax, %fs
    movw %ax, %gs
    movw %ax, %ss

    movl $(__bss_start - IMAGE_OFFSET), %edi
    movl $(__bss_end - IMAGE_OFFSET), %ecx
    subl %edi, %ecx
    shrl $2, %ecx
    xorl %eax, %eax
    rep stosl

    # PML4[0] and [256] share a table that maps the first 32 GiB, [511] has the same first GiB at -2 GiB.
    movl $(boot_pml4 - IMAGE_OFFSET), %edi
    movl $(boot_pdpt_low - IMAGE_OFFSET + 3), %eax
    movl %eax, (%edi)
    movl %eax, 2048(%edi)
    movl $(boot_pdpt_high - IMAGE_OFFSET + 3), %eax
    movl %eax, 4088(%edi)
    movl $(boot_directories - IMAGE_OFFSET + 3), %eax
    movl %eax, boot_pdpt_high - IMAGE_OFFSET + 510 * 8
    movl $(boot_pdpt_low - IMAGE_OFFSET), %edi
    movl $32, %ecx
2:  movl %eax, (%edi)
    addl $4096, %eax
    addl $8, %edi
    decl %ecx
    jnz 2b
    movl $(boot_directories - IMAGE_OFFSET), %edi
    xorl %ecx, %ecx
3:  movl %ecx, %eax
    shll $21, %eax
    orl $0x83, %eax
    movl %eax, (%edi)
    movl %ecx, %eax
    shrl $11, %eax
    movl %eax, 4(%edi)
    addl $8, %edi
    incl %ecx
    cmpl $(32 * 512), %ecx
    jne 3b

    movl $0x620, %eax               # PAE, OSFXSR, OSXMMEXCPT
    movl %eax, %cr4
    movl $(boot_pml4 - IMAGE_OFFSET), %eax
    movl %eax, %cr3
    movl $0xc0000080, %ecx
    rdmsr
    orl $0x900, %eax                # LME, NXE
    wrmsr
    movl $0x80010033, %eax          # PG, WP, NE, ET, MP, PE
    movl %eax, %cr0
    ljmp $0x18, $4f
.code64
4:  movw $0x10, %ax
    movw %ax, %ss
    movabsq $boot_stack_end, %rsp
    movl %ebp, %edi
    xorl %ebp, %ebp
    movabsq $kmain, %rax
    pushq $0                        # where a backtrace ends
    jmpq *%rax

.balign 8
boot_gdt:
    .quad 0, 0x00cf9a000000ffff, 0x00cf92000000ffff, 0x00af9a000000ffff
boot_gdt_pointer:
    .word 31
    .long boot_gdt

# Other vCPUs start here in real mode; the bytes are copied to 0x8000 first.
.section .rodata.trampoline, "a"
.globl ap_start, ap_end, ap_cr3, ap_stack, ap_entry, ap_argument
.code16
ap_start:
    cli
    cld
    xorw %ax, %ax
    movw %ax, %ds
    lgdtl ap_gdt_pointer - ap_start + 0x8000
    movl %cr0, %eax
    orl $1, %eax
    movl %eax, %cr0
    ljmpl $0x08, $(1f - ap_start + 0x8000)
.code32
1:  movw $0x10, %ax
    movw %ax, %ds
    movw %ax, %es
    movw %ax, %ss
    movl $0x620, %eax
    movl %eax, %cr4
    movl ap_cr3 - ap_start + 0x8000, %eax
    movl %eax, %cr3
    movl $0xc0000080, %ecx
    rdmsr
    orl $0x900, %eax
    wrmsr
    movl $0x80010033, %eax
    movl %eax, %cr0
    ljmp $0x18, $(2f - ap_start + 0x8000)
.code64
2:  movq ap_stack - ap_start + 0x8000, %rsp
    movq ap_argument - ap_start + 0x8000, %rdi
    movq ap_entry - ap_start + 0x8000, %rax
    xorl %ebp, %ebp
    pushq $0
    jmpq *%rax
.balign 8
ap_gdt:
    .quad 0, 0x00cf9a000000ffff, 0x00cf92000000ffff, 0x00af9a000000ffff
ap_gdt_pointer:
    .word 31
    .long ap_gdt - ap_start + 0x8000
.balign 8
ap_cr3: .quad 0
ap_stack: .quad 0
ap_entry: .quad 0
ap_argument: .quad 0
ap_end:

.section .bss.boot, "aw", @nobits
.balign 4096
.globl boot_pml4
boot_pml4: .skip 4096
boot_pdpt_low: .skip 4096
boot_pdpt_high: .skip 4096
boot_directories: .skip 32 * 4096
boot_stack: .skip 65536
boot_stack_end:
