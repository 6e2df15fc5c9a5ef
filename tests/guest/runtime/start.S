// Entry, exception vectors and the way into and out of a trapped call (Arm DDI 0487, D1.3).
//
// The vectors keep every general register in a Frame (guest.h) on the stack of SP_EL1, which must
// be good; code under test that breaks its stack pointer runs with SPSel = 0 or at EL0.

#define FRAME_SIZE 304

        .section .text.start, "ax"
        .globl _start
_start:
        msr     daifset, #15
        msr     spsel, #1
        adrp    x1, boot_stack_top
        add     sp, x1, :lo12:boot_stack_top
        adrp    x1, bss_start
        add     x1, x1, :lo12:bss_start
        adrp    x2, bss_end
        add     x2, x2, :lo12:bss_end
1:      cmp     x1, x2
        b.hs    2f
        stp     xzr, xzr, [x1], #16
        b       1b
2:      mov     x0, #0
        mov     x1, #0
        bl      cpu_begin
        bl      runtime_main
3:      wfi
        b       3b

// PSCI CPU_ON enters here with X0 = the CPU's number.  Its stack is above its predecessor's.
        .globl  secondary_start
secondary_start:
        mrs     x2, daif
        msr     daifset, #15
        msr     spsel, #1
        adrp    x1, boot_stack_top
        add     x1, x1, :lo12:boot_stack_top
        add     x1, x1, x0, lsl #14
        mov     sp, x1
        mov     x19, x0
        mov     x1, x2
        bl      cpu_begin
        mov     x0, x19
        bl      secondary_main
3:      wfi
        b       3b

        .bss
        .balign 4096
        .space  16384
boot_stack_top:
        .space  16384 * 8

        .text
        .macro  vector number
        .balign 128
        sub     sp, sp, #FRAME_SIZE
        stp     x0, x1, [sp]
        mov     x1, #\number
        b       save
        .endm

        .balign 2048
        .globl  vectors
vectors:
        .irp    n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
        vector  \n
        .endr

        .balign 128
save:
        stp     x2, x3, [sp, #16]
        stp     x4, x5, [sp, #32]
        stp     x6, x7, [sp, #48]
        stp     x8, x9, [sp, #64]
        stp     x10, x11, [sp, #80]
        stp     x12, x13, [sp, #96]
        stp     x14, x15, [sp, #112]
        stp     x16, x17, [sp, #128]
        stp     x18, x19, [sp, #144]
        stp     x20, x21, [sp, #160]
        stp     x22, x23, [sp, #176]
        stp     x24, x25, [sp, #192]
        stp     x26, x27, [sp, #208]
        stp     x28, x29, [sp, #224]
        mrs     x2, elr_el1
        stp     x30, x2, [sp, #240]
        mrs     x2, spsr_el1
        mrs     x3, esr_el1
        stp     x2, x3, [sp, #256]
        mrs     x2, far_el1
        mrs     x3, sp_el0
        stp     x2, x3, [sp, #272]
        str     x1, [sp, #288]
        mov     x0, sp
        bl      exception
        ldp     x2, x3, [sp, #272]
        msr     sp_el0, x3
        ldp     x30, x2, [sp, #240]
        msr     elr_el1, x2
        ldr     x2, [sp, #256]
        msr     spsr_el1, x2
        ldp     x28, x29, [sp, #224]
        ldp     x26, x27, [sp, #208]
        ldp     x24, x25, [sp, #192]
        ldp     x22, x23, [sp, #176]
        ldp     x20, x21, [sp, #160]
        ldp     x18, x19, [sp, #144]
        ldp     x16, x17, [sp, #128]
        ldp     x14, x15, [sp, #112]
        ldp     x12, x13, [sp, #96]
        ldp     x10, x11, [sp, #80]
        ldp     x8, x9, [sp, #64]
        ldp     x6, x7, [sp, #48]
        ldp     x4, x5, [sp, #32]
        ldp     x2, x3, [sp, #16]
        ldp     x0, x1, [sp]
        add     sp, sp, #FRAME_SIZE
        eret

// void trap_enter(u64 *saved, void *code, u64 arg, u64 spsr): keeps what a call must keep in
// saved[0..12] and goes to `code` by ERET.  The next synchronous exception returns from here, by
// trap_return.  Code that just returns ends in trap_end's SVC.
        .globl  trap_enter
trap_enter:
        stp     x19, x20, [x0]
        stp     x21, x22, [x0, #16]
        stp     x23, x24, [x0, #32]
        stp     x25, x26, [x0, #48]
        stp     x27, x28, [x0, #64]
        stp     x29, x30, [x0, #80]
        mov     x9, sp
        str     x9, [x0, #96]
        msr     elr_el1, x1
        msr     spsr_el1, x3
        mov     x0, x2
        adr     x30, trap_end
        eret

        .globl  trap_end
trap_end:
        svc     #0xdead

// Back at EL1 with SP_EL1 wherever it was: X0 = saved.
        .globl  trap_return
trap_return:
        ldp     x19, x20, [x0]
        ldp     x21, x22, [x0, #16]
        ldp     x23, x24, [x0, #32]
        ldp     x25, x26, [x0, #48]
        ldp     x27, x28, [x0, #64]
        ldp     x29, x30, [x0, #80]
        ldr     x9, [x0, #96]
        mov     sp, x9
        ret
