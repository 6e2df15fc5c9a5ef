// How a CPU comes into the kernel: in the order of XNU's start.s.  CPU 0 is entered as by iBoot, with
// X0 = boot_args; the others by CPU_ON at the reset vector page, which doubles as vector table.
#include "xnu.h"

#define FRAME_SIZE 304

        .section .text.start, "ax"
        .globl  _start
// The last instruction of a boot loader: the test has put boot_args there.
_start: ldr     x0, =guest_ram + 0x1000000

        .globl  boot_start
boot_start:
        msr     oslar_el1, xzr
        msr     daifset, #15
        mrs     x21, sctlr_el1
        mov     x20, x0
        adrp    x1, reset_vector
        msr     vbar_el1, x1
        msr     tpidrro_el0, xzr
        msr     tpidr_el0, xzr
        adrp    x1, bss_start
        add     x1, x1, :lo12:bss_start
        adrp    x2, bss_end
        add     x2, x2, :lo12:bss_end
1:      cmp     x1, x2
        b.hs    2f
        stp     xzr, xzr, [x1], #16
        b       1b
2:      adrp    x1, stacks
        add     x1, x1, :lo12:stacks
        add     x1, x1, #STACK_SIZE
        msr     spsel, #1
        mov     sp, x1
        add     x1, x1, #STACK_SIZE
        msr     spsel, #0
        mov     sp, x1
        mov     x0, x20
        bl      prepare                 // the maps, and every CPU's data
        mov     x19, x0
        b       start_common

        .balign 16384
        .globl  reset_vector
reset_vector:
        b       secondary_start
        .balign 0x200
        .rept   8                       // 0x200 to 0x380: spin
        b       .
        .balign 128
        .endr
        .balign 2048

secondary_start:
        msr     oslar_el1, xzr
        msr     daifset, #15
        mrs     x21, sctlr_el1
        adrp    x1, reset_vector
        msr     vbar_el1, x1
        msr     tpidrro_el0, xzr
        msr     tpidr_el0, xzr
        mrs     x1, mpidr_el1
        and     x1, x1, #0xffffff
        adrp    x19, cpus
        add     x19, x19, :lo12:cpus
        mov     x2, #MAX_CPUS
1:      ldr     x3, [x19, #CPU_MPIDR]
        cmp     x3, x1
        b.eq    start_common
        add     x19, x19, #CPU_SIZE
        subs    x2, x2, #1
        b.ne    1b
        b       .                       // nobody's data: it is never seen to arrive

// X19 = the CPU's data, X21 = SCTLR_EL1 at the entry.
start_common:
        str     x21, [x19, #CPU_ENTRY_SCTLR]
        ldr     x1, =XNU_TCR_16K
        msr     tcr_el1, x1
        adrp    x1, identity_level1
        msr     ttbr0_el1, x1
        adrp    x1, kernel_level1
        msr     ttbr1_el1, x1
        ldr     x1, =XNU_MAIR
        msr     mair_el1, x1
        isb
        tlbi    vmalle1
        dsb     ish
        isb
        ldr     x1, [x19, #CPU_VBAR]
        msr     vbar_el1, x1
        movz    x0, #0xc100, lsl #16    // PAC_SET_INITIAL_STATE
        hvc     #0
        str     x0, [x19, #CPU_PAC_RESULT]
        ldr     x1, =XNU_SCTLR
        msr     sctlr_el1, x1
        isb
        mov     x1, #3 << 20
        msr     cpacr_el1, x1
        mov     x1, #1 << 12
        msr     mdscr_el1, x1
        ldr     x1, [x19, #CPU_SELF]
        msr     tpidr_el1, x1
        msr     spsel, #1
        ldr     x2, [x19, #CPU_EXCEPTION_STACK]
        mov     sp, x2
        msr     spsel, #0
        ldr     x2, [x19, #CPU_INTERRUPT_STACK]
        mov     sp, x2
        ldr     x2, [x19, #CPU_ENTRY]
        isb
        br      x2

        .bss
        .balign 16384
        .globl  stacks
stacks: .space  STACK_SIZE * 2 * MAX_CPUS

        .text
        .macro  vector number
        .balign 128
        sub     sp, sp, #FRAME_SIZE
        stp     x0, x1, [sp]
        mov     x1, #\number
        b       save
        .endm

        .balign 2048
        .globl  kernel_vectors
kernel_vectors:
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
        cbnz    x0, recover
        ldr     x2, [sp, #248]
        msr     elr_el1, x2
        ldr     x2, [sp, #256]
        msr     spsr_el1, x2
        ldr     x30, [sp, #240]
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

// An exception in attempt()'s call: back there, with the exception stack empty again.
recover:
        mrs     x9, tpidr_el1
        ldr     x10, [x9, #CPU_EXCEPTION_STACK]
        mov     sp, x10
        msr     spsel, #0
        ldr     x10, [x9, #CPU_CATCH]
        mov     sp, x10
        ldr     x0, [x9, #CPU_CAUGHT]
        b       attempt_end

        .globl  attempt
attempt:
        stp     x29, x30, [sp, #-128]!
        stp     x19, x20, [sp, #16]
        stp     x21, x22, [sp, #32]
        stp     x23, x24, [sp, #48]
        stp     x25, x26, [sp, #64]
        stp     x27, x28, [sp, #80]
        mrs     x9, tpidr_el1
        ldr     x10, [x9, #CPU_CATCH]
        stp     x10, x2, [sp, #96]
        mov     x11, sp
        str     x11, [x9, #CPU_CATCH]
        mov     x9, x0
        mov     x0, x1
        blr     x9
        ldr     x2, [sp, #104]
        cbz     x2, 1f
        str     x0, [x2]
1:      mov     x0, #0
attempt_end:
        mrs     x9, tpidr_el1
        ldr     x10, [sp, #96]
        str     x10, [x9, #CPU_CATCH]
        ldp     x27, x28, [sp, #80]
        ldp     x25, x26, [sp, #64]
        ldp     x23, x24, [sp, #48]
        ldp     x21, x22, [sp, #32]
        ldp     x19, x20, [sp, #16]
        ldp     x29, x30, [sp], #128
        ret

// u64 hvc_changes(u64 function, u64 a, u64 b)
        .globl  hvc_changes
hvc_changes:
        stp     x29, x30, [sp, #-112]!
        stp     x19, x20, [sp, #16]
        stp     x21, x22, [sp, #32]
        stp     x23, x24, [sp, #48]
        stp     x25, x26, [sp, #64]
        stp     x27, x28, [sp, #80]
        str     x18, [sp, #96]
        .irp    n, 4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30
        mov     x\n, #0x5a00 + \n
        .endr
        hvc     #0
        mov     x0, #0
        .irp    n, 4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30
        mov     x1, #0x5a00 + \n
        cmp     x\n, x1
        cset    x1, ne
        orr     x0, x0, x1, lsl #\n
        .endr
        ldr     x18, [sp, #96]
        ldp     x27, x28, [sp, #80]
        ldp     x25, x26, [sp, #64]
        ldp     x23, x24, [sp, #48]
        ldp     x21, x22, [sp, #32]
        ldp     x19, x20, [sp, #16]
        ldp     x29, x30, [sp], #112
        ret
