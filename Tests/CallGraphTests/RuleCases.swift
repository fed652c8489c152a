import CallGraph

/// Pieces of code with what must be said of them.
enum RuleCases {
    typealias Case = HookProofRuleTests.Case

    static let all = plain + calls + jumpTables + locks + interrupts + endings

    static func hook(_ body: String, _ rest: String = "") -> String { "FN hook\n\(body)\nEND hook\n\(rest)\n" }
    static let panics = "FN panic_now\n ud2\nEND panic_now\n"
    static let allocates = "FN allocate\n ret\nEND allocate\n"

    static let plain: [Case] = [
        Case(name: "nothing", code: hook("ret"), verdict: .clean),
        Case(
            name: "a frame", code: hook("push rbp; mov rbp, rsp; sub rsp, 32; mov [rbp-8], rdi; leave; ret"),
            verdict: .clean),
        Case(
            name: "saved registers", code: hook("push rbx; push r12; xor ebx, ebx; pop r12; pop rbx; ret"),
            verdict: .clean),
        Case(
            name: "an aligned frame",
            code: hook("push rbp; mov rbp, rsp; and rsp, -32; sub rsp, 64; lea rsp, [rbp]; pop rbp; ret"),
            verdict: .clean),
        Case(
            name: "a counted loop", code: hook("mov ecx, 10\n1: dec ecx; jne 1b; ret"), verdict: .clean),
        Case(name: "the loop instruction", code: hook("mov ecx, 10\n1: loop 1b; ret"), verdict: .clean),
        Case(
            name: "a list", code: hook("1: test rdi, rdi; je 2f; mov rdi, [rdi]; jmp 1b\n2: ret"), verdict: .clean),
        Case(
            name: "a counter on the stack",
            code: hook(
                "push rbp; mov rbp, rsp; sub rsp, 16; mov qword ptr [rbp-8], 9\n"
                    + "1: mov rax, [rbp-8]; sub rax, 1; mov [rbp-8], rax; pause; test rax, rax; jne 1b; leave; ret"),
            verdict: .clean),
        Case(
            name: "no way back", code: hook("and rsp, -16; ret"), verdict: .unproven, gaps: [.strayReturn]),
        Case(name: "push and ret", code: hook("push rdi; ret"), verdict: .unproven, gaps: [.strayReturn]),
        Case(
            name: "return address overwritten", code: hook("mov [rsp], rdi; ret"), verdict: .unproven,
            gaps: [.strayReturn]),
        Case(
            name: "string instructions", code: hook("mov ecx, 8; xor eax, eax; rep stosq; ret"), verdict: .clean),
    ]

    static let calls: [Case] = [
        Case(
            name: "a call three deep",
            code: hook("call f; ret", "FN f\n call g; ret\nEND f\nFN g\n call allocate; ret\nEND g\n" + allocates),
            verdict: .violates, kinds: [.allocation]),
        Case(
            name: "a clean call three deep",
            code: hook("call f; ret", "FN f\n call g; ret\nEND f\nFN g\n inc qword ptr [rdi]; ret\nEND g\n"),
            verdict: .clean),
        Case(
            name: "a tail jump", code: hook("jmp f", "FN f\n jmp allocate\nEND f\n" + allocates), verdict: .violates,
            kinds: [.allocation]),
        Case(
            name: "a conditional tail jump", code: hook("test rdi, rdi; je panic_now; ret", panics),
            verdict: .violates, kinds: [.panic]),
        Case(
            name: "behind a condition", code: hook("cmp rdi, 5; jne 1f; call panic_now\n1: ret", panics),
            verdict: .violates, kinds: [.panic]),
        Case(
            name: "code behind a call that does not return",
            code: hook(
                "test rdi, rdi; je 1f; ret\n1: call f",
                "FN dead\n call allocate; ret\nEND dead\n"
                    + "FN f\n jmp panic_now\nEND f\n" + panics + allocates),
            verdict: .violates, kinds: [.panic]),
        Case(
            name: "dead code that panics", code: hook("xor eax, eax; ret; call panic_now", panics), verdict: .clean),
        Case(
            name: "recursion with an end",
            code: hook("test rdi, rdi; je 1f; dec rdi; call hook\n1: ret"), verdict: .clean),
        Case(
            name: "mutual recursion",
            code: hook("test rdi, rdi; je 1f; call g\n1: ret", "FN g\n call hook; ret\nEND g\n"),
            verdict: .clean),
        Case(
            name: "recursion without an end", code: hook("call hook; ret"), verdict: .violates, kinds: [.blocking]),
        Case(
            name: "a call through a register", code: hook("call rsi; ret"), verdict: .unproven,
            gaps: [.indirectCall]),
        Case(
            name: "a jump through a register", code: hook("jmp rsi"), verdict: .unproven, gaps: [.indirectJump]),
        Case(
            name: "a panic and a gap", code: hook("call rsi; call panic_now", panics), verdict: .violates,
            kinds: [.panic], gaps: [.indirectCall]),
        Case(
            name: "a constant address in a register",
            code: hook("lea rax, [rip + f]; call rax; ret", "FN f\n ret\nEND f\n"), verdict: .clean),
        Case(
            name: "a constant address kept over a call",
            code: hook(
                "push rbx; mov rbx, offset g; call f; call rbx; pop rbx; ret",
                "FN f\n ret\nEND f\nFN g\n jmp allocate\nEND g\n" + allocates),
            verdict: .violates, kinds: [.allocation]),
        Case(
            name: "one of two addresses",
            code: hook(
                "mov rax, offset f; test rdi, rdi; je 1f; mov rax, offset g\n1: call rax; ret",
                "FN f\n ret\nEND f\nFN g\n ret\nEND g\n"),
            verdict: .unproven, gaps: [.indirectCall]),
        Case(
            name: "a pointer in constant memory",
            code: hook("call [rip + slot]; ret", "FN f\n ret\nEND f\n.section .rodata\nslot: .quad f\n"),
            verdict: .clean),
        Case(
            name: "a pointer to a panic in constant memory",
            code: hook("jmp [rip + slot]", panics + ".section .rodata\nslot: .quad panic_now\n"),
            verdict: .violates, kinds: [.panic]),
        Case(
            name: "a pointer in memory that changes",
            code: hook("call [rip + slot]; ret", "FN f\n ret\nEND f\n.data\nslot: .quad f\n"),
            verdict: .unproven, gaps: [.indirectCall]),
        Case(
            name: "a call at the end that does not return as far as is known",
            code: hook("nop; call rsi", panics), verdict: .unproven, gaps: [.indirectCall]),
        Case(
            name: "a call at the end that returns", code: hook("call f", "FN f\n ret\nEND f\n"),
            verdict: .unproven, gaps: [.strayReturn]),
        Case(name: "a landing pad", code: hook("endbr64; ret"), verdict: .clean),
        Case(
            name: "a conditional move ends a constant",
            code: hook("mov rax, offset f; test rdi, rdi; cmove rax, rsi; call rax; ret", "FN f\n ret\nEND f\n"),
            verdict: .unproven, gaps: [.indirectCall]),
        Case(
            name: "a call to nowhere", code: hook("call 0xffffffff90000000; ret"), verdict: .unproven,
            gaps: [.unnamed, .unreadable]),
        Case(
            name: "no instruction", code: hook(".byte 0x06; ret"), verdict: .unproven, gaps: [.undecodable]),
        Case(
            name: "code that ends with the memory", code: hook("nop"), verdict: .unproven, gaps: [.unreadable]),
        Case(
            name: "one instruction in another",
            code: hook("test rdi, rdi; je 1f+2\n1: mov eax, 0x00c3c031; ret"), verdict: .unproven,
            gaps: [.overlapping]),
        Case(name: "a system call", code: hook("syscall; ret"), verdict: .unproven, gaps: [.systemCall]),
        Case(name: "a software interrupt", code: hook("int 0x80; ret"), verdict: .unproven, gaps: [.systemCall]),
    ]

    static let jumpTables: [Case] = [
        Case(
            name: "a table of addresses",
            code: hook(
                "cmp rdi, 2; ja 9f; jmp [table + rdi*8]\n1: inc eax; ret\n2: jmp allocate\n3: dec eax\n9: ret",
                allocates + ".section .rodata\ntable: .quad 1b, 2b, 3b, 0\n"),
            verdict: .violates, kinds: [.allocation]),
        Case(
            name: "a clean table of addresses",
            code: hook(
                "cmp rdi, 2; ja 9f; jmp [table + rdi*8]\n1: inc eax; ret\n2: xor eax, eax\n3: dec eax\n9: ret",
                ".section .rodata\ntable: .quad 1b, 2b, 3b, 0\n"),
            verdict: .clean),
        Case(
            name: "a table of distances",
            code: hook(
                "mov eax, edi; cmp eax, 2; ja 9f; lea rcx, [rip + table]; movsxd rax, dword ptr [rcx + rax*4]\n"
                    + "add rax, rcx; jmp rax\n1: inc eax; ret\n2: call panic_now\n3: dec eax\n9: ret",
                panics + ".section .rodata\ntable: .long 1b - table, 2b - table, 3b - table\n"),
            verdict: .violates, kinds: [.panic]),
        Case(
            name: "a clean table of distances, masked",
            code: hook(
                "and edi, 1; lea rcx, [rip + table]; movsxd rax, dword ptr [rcx + rdi*4]\n"
                    + "add rcx, rax; jmp rcx\n1: inc eax; ret\n2: dec eax; ret",
                ".section .rodata\ntable: .long 1b - table, 2b - table\n"),
            verdict: .clean),
        Case(
            name: "an index checked in its copy on the stack",
            code: hook(
                "push rbp; mov rbp, rsp; sub rsp, 16; mov [rbp-8], rdi; sub rdi, 1; ja 9f; mov rax, [rbp-8]\n"
                    + "mov rax, [table + rax*8]; jmp rax\n1: leave; ret\n2: dec eax\n9: leave; ret",
                ".section .rodata\ntable: .quad 1b, 2b, 0\n"),
            verdict: .clean),
        Case(
            name: "an index nothing checks, of a byte",
            code: hook(
                "movzx eax, dil; jmp [table + rax*8]\n1: inc eax; ret\n2: ret",
                ".section .rodata\ntable: .quad 1b, 2b, 0\n"),
            verdict: .clean),
        Case(
            name: "a table that is too short",
            code: hook(
                "cmp rdi, 4; ja 9f; jmp [table + rdi*8]\n1: inc eax; ret\n2: ret\n9: ret",
                ".section .rodata\ntable: .quad 1b, 2b\n"),
            verdict: .unproven, gaps: [.indirectJump]),
        Case(
            name: "a table that leads nowhere",
            code: hook(
                "cmp rdi, 1; ja 9f; jmp [table + rdi*8]\n1: inc eax; ret\n9: ret",
                ".section .rodata\ntable: .quad 1b, 0x1234\n"),
            verdict: .unproven, gaps: [.indirectJump]),
        Case(
            name: "a table that changes",
            code: hook(
                "cmp rdi, 1; ja 9f; jmp [table + rdi*8]\n1: inc eax; ret\n9: ret",
                ".data\ntable: .quad 1b, 1b\n"),
            verdict: .unproven, gaps: [.indirectJump]),
        Case(
            name: "a table of functions",
            code: hook(
                "and edi, 1; call [table + rdi*8]; ret",
                "FN f\n ret\nEND f\n" + allocates + ".section .rodata\ntable: .quad f, allocate\n"),
            verdict: .violates, kinds: [.allocation]),
        Case(
            name: "a table of functions that nothing bounds",
            code: hook("call [table + rdi*8]; ret", "FN f\n ret\nEND f\n.section .rodata\ntable: .quad f, f\n"),
            verdict: .unproven, gaps: [.indirectCall]),
        Case(
            name: "an index that changed after the check",
            code: hook(
                "cmp rdi, 1; ja 9f; add rdi, rsi; jmp [table + rdi*8]\n1: inc eax; ret\n2: ret\n9: ret",
                ".section .rodata\ntable: .quad 1b, 2b, 0x1234\n"),
            verdict: .clean),
        Case(
            name: "an index that nothing bounds, into no code",
            code: hook("jmp [table + rdi*8]", ".section .rodata\ntable: .quad 0x1234\n"),
            verdict: .unproven, gaps: [.indirectJump]),
        Case(
            name: "a table within a loop",
            code: hook(
                "mov esi, 9\n0: mov eax, esi; and eax, 1; jmp [table + rax*8]\n1: inc edx\n2: dec esi; jne 0b; ret",
                ".section .rodata\ntable: .quad 1b, 2b\n"),
            verdict: .clean),
    ]

    static let locks: [Case] = [
        Case(
            name: "a lock by name", code: hook("call lock_it; ret", "FN lock_it\n ret\nEND lock_it\n"),
            verdict: .violates, kinds: [.lock]),
        Case(
            name: "test and set with pause",
            code: hook(
                "1: mov al, 1; xchg [rdi], al; test al, al; je 2f; pause; jmp 1b\n2: mov byte ptr [rdi], 0; ret"),
            verdict: .violates, kinds: [.lock]),
        Case(
            name: "test, test and set",
            code: hook(
                "mov cl, 1\n1: xor eax, eax; lock cmpxchg [rdi], cl; je 3f\n"
                    + "2: pause; cmp byte ptr [rdi], 0; jne 2b; jmp 1b\n3: mov byte ptr [rdi], 0; ret"),
            verdict: .violates, kinds: [.lock]),
        Case(
            name: "a lock without pause",
            code: hook("mov cl, 1\n1: xor eax, eax; lock cmpxchg [rdi], cl; jne 1b; mov byte ptr [rdi], 0; ret"),
            verdict: .violates, kinds: [.lock]),
        Case(
            name: "a lock of a whole word without pause",
            code: hook("1: xor eax, eax; mov ecx, 1; lock cmpxchg [rdi], ecx; jne 1b; mov dword ptr [rdi], 0; ret"),
            verdict: .violates, kinds: [.lock]),
        Case(
            name: "a lock of a bit", code: hook("1: lock bts qword ptr [rdi], 0; jc 1b; btr qword ptr [rdi], 0; ret"),
            verdict: .violates, kinds: [.lock]),
        Case(
            name: "a ticket lock",
            code: hook(
                "mov eax, 1; lock xadd [rdi], eax\n1: cmp [rdi+4], eax; je 2f; pause; jmp 1b\n"
                    + "2: inc dword ptr [rdi+4]; ret"),
            verdict: .violates, kinds: [.lock]),
        Case(
            name: "a lock of calls",
            code: hook(
                "push rbx; mov rbx, rdi\n1: mov rdi, rbx; call f; test al, al; jne 2f; call g; jmp 1b\n2: pop rbx; ret",
                "FN f\n mov cl, 1; xor eax, eax; lock cmpxchg [rdi], cl; sete al; ret\nEND f\nFN g\n pause; ret\nEND g\n"
            ),
            verdict: .violates, kinds: [.lock]),
        Case(
            name: "compare and exchange until it fits",
            code: hook("mov rax, [rdi]\n1: lea rcx, [rax + rsi]; lock cmpxchg [rdi], rcx; jne 1b; ret"),
            verdict: .clean),
        Case(
            name: "compare and exchange of two words until it fits",
            code: hook(
                "push rbx; mov rax, [rdi]; mov rdx, [rdi+8]\n1: lea rbx, [rax+1]; lea rcx, [rdx+1]\n"
                    + "lock cmpxchg16b [rdi]; jne 1b; pop rbx; ret"),
            verdict: .clean),
        Case(
            name: "atomic counters",
            code: hook(
                "mov eax, 1; lock xadd [rdi], eax; lock inc dword ptr [rdi+4]; lock or dword ptr [rdi+8], 1; ret"),
            verdict: .clean),
        Case(
            name: "one exchange", code: hook("mov eax, 1; xchg [rdi], eax; ret"), verdict: .clean),
        Case(
            name: "waiting for a flag", code: hook("1: cmp byte ptr [rdi], 0; je 1b; ret"), verdict: .violates,
            kinds: [.blocking]),
        Case(
            name: "waiting for a flag with pause",
            code: hook("1: pause; mov al, [rdi]; test al, al; je 1b; ret"), verdict: .violates, kinds: [.blocking]),
        Case(
            name: "pauses that are counted", code: hook("mov ecx, 100\n1: pause; dec ecx; jne 1b; ret"),
            verdict: .clean),
        Case(
            name: "pauses until a time",
            code: hook("1: pause; rdtsc; cmp eax, edi; jb 1b; ret"), verdict: .clean),
    ]

    static let interrupts: [Case] = [
        Case(name: "sti", code: hook("sti; ret"), verdict: .violates, kinds: [.interrupts]),
        Case(name: "cli", code: hook("cli; ret"), verdict: .clean),
        Case(name: "iretq", code: hook("iretq"), verdict: .violates, kinds: [.interrupts]),
        Case(
            name: "saved and restored", code: hook("pushfq; cli; inc qword ptr [rdi]; popfq; ret"), verdict: .clean),
        Case(
            name: "saved in a register",
            code: hook("pushfq; pop rax; cli; inc qword ptr [rdi]; push rax; popfq; ret"), verdict: .clean),
        Case(
            name: "saved over a call",
            code: hook("pushfq; cli; call f; popfq; ret", "FN f\n inc qword ptr [rdi]; ret\nEND f\n"),
            verdict: .clean),
        Case(
            name: "saved and changed", code: hook("pushfq; or qword ptr [rsp], 0x200; popfq; ret"),
            verdict: .violates, kinds: [.interrupts]),
        Case(
            name: "changed in a register", code: hook("pushfq; pop rax; or rax, 0x200; push rax; popfq; ret"),
            verdict: .violates, kinds: [.interrupts]),
        Case(
            name: "flags from elsewhere", code: hook("push rdi; popfq; ret"), verdict: .violates,
            kinds: [.interrupts]),
        Case(
            name: "sti where interrupts had been enabled",
            code: hook("pushfq; pop rbx; cli; inc qword ptr [rdi]; test ebx, 0x200; je 1f; sti\n1: ret"),
            verdict: .clean),
        Case(
            name: "sti where interrupts had been disabled",
            code: hook("pushfq; pop rax; cli; test eax, 0x200; jne 1f; sti\n1: ret"), verdict: .violates,
            kinds: [.interrupts]),
        Case(
            name: "sti by a kept bit",
            code: hook("pushfq; pop rax; shr rax, 9; and eax, 1; mov r8d, eax; cli; test r8b, r8b; je 1f; sti\n1: ret"),
            verdict: .clean),
    ]

    static let endings: [Case] = [
        Case(name: "ud2", code: hook("ud2"), verdict: .violates, kinds: [.panic]),
        Case(name: "int3", code: hook("int3"), verdict: .violates, kinds: [.panic]),
        Case(name: "hlt", code: hook("hlt; ret"), verdict: .violates, kinds: [.blocking]),
        Case(name: "mwait", code: hook("mwait; ret"), verdict: .violates, kinds: [.blocking]),
        Case(name: "for ever", code: hook("1: jmp 1b"), verdict: .violates, kinds: [.blocking]),
        Case(
            name: "for ever, counting", code: hook("1: inc qword ptr [rdi]; jmp 1b"), verdict: .violates,
            kinds: [.blocking]),
        Case(
            name: "into a function that never returns",
            code: hook("call f", "FN f\n 1: pause; jmp 1b\nEND f\n"), verdict: .violates, kinds: [.blocking]),
    ]
}
