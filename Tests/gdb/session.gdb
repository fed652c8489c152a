# A session with the kernel of Tests/Guest (variant debug), started with -S: run once at QEMU's stub and once through the proxy.
# $target is set before: the address.
set pagination off
set confirm off
set width 0
set height 0
set prompt
set trace-commands on
eval "target remote %s", $target
info threads
info registers rip rsp cs
x/4i $pc
x/8xb $pc
monitor info version
monitor info status
monitor info roms
maintenance packet qqemu.sstepbits
maintenance packet qqemu.sstep
hbreak kmain
info breakpoints
continue
bt
info registers
info registers cr0 cr3 cr4 efer
info all-registers xmm0 mxcsr
print $pc
print $eflags
print/x start_info
x/6i $pc
stepi
stepi
nexti
x/i $pc
step
next
info line
tbreak strat9_kernel::memory::init
continue
bt
info frame
info args
info locals
finish
up
down
thread
thread 1
break strat9_kernel::arch::smp::start_all
continue
info breakpoints
set language c
watch *(unsigned long *)($rsp - 64)
continue
info watchpoints
delete 4
tbreak strat9_kernel::churn::init
rwatch -l *(unsigned long *)($rsp - 128)
continue
awatch -l *(unsigned long *)$rsp
continue
info breakpoints
delete 6 7
continue
info threads
thread 2
info registers rip cs
x/2i $pc
bt 2
thread 1
thread apply all print $pc
set var $rax = 0x1234
print/x $rax
print *(unsigned char *)$sp
set var *(unsigned char *)$sp = *(unsigned char *)$sp
maintenance packet Qqemu.sstep=7
stepi
maintenance packet Qqemu.sstep=1
stepi
maintenance packet Qqemu.sstep=7
maintenance packet qqemu.PhyMemMode
maintenance packet Qqemu.PhyMemMode:1
maintenance packet m200000,10
maintenance packet Qqemu.PhyMemMode:0
dump binary memory memory.bin $pc $pc+8192
shell cksum memory.bin
find $pc, +4096, (unsigned char)0xc3
x/3i 0xffffffffffff0000
print *(int *)0x4000000000000000
monitor info registers -a
monitor help info roms
monitor nonsense
break 1000000
break strat9_kernel::commands::announce if start_info == 1
delete
tbreak strat9_kernel::commands::announce
continue
until
advance strat9_kernel::commands::run
info symbol $pc
detach
info threads
shell sleep 1
eval "target remote %s", $target
bt 1
info threads
monitor stop
x/2i $pc
monitor info status
disconnect
eval "target remote %s", $target
print $pc
detach
quit
