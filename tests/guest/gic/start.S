// Entry and exception vectors (Arm DDI 0487, D1.3).  The MMU stays off: every access is to Device
// memory, so that device registers need no map and CPUs see each other's stores in order.

#define FRAME_SIZE 192

        .section .text.start, "ax"
        .globl  _start
_start:
        msr     daifset, #15
        msr     spsel, #1
        adrp    x1, stack_top
        add     sp, x1, :lo12:stack_top
        adrp    x1, bss_start
        add     x1, x1, :lo12:bss_start
        adrp    x2, bss_end
        add     x2, x2, :lo12:bss_end
1:      cmp     x1, x2
        b.hs    2f
        str     xzr, [x1], #8
        b       1b
2:      mov     x0, #0
        bl      cpu_begin
        bl      run_suite
3:      wfi
        b       3b

// PSCI CPU_ON enters here with X0 = the CPU's number.  Its stack is above its predecessor's.
        .globl  secondary_start
secondary_start:
        msr     daifset, #15
        msr     spsel, #1
        adrp    x1, stack_top
        add     x1, x1, :lo12:stack_top
        add     x1, x1, x0, lsl #14
        mov     sp, x1
        mov     x19, x0
        bl      cpu_begin
        mov     x0, x19
        bl      secondary_main
3:      wfi
        b       3b

        .section .stacks, "aw", %nobits
        .balign 4096
        .space  16384
stack_top:
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
save:   // what a C function may change; see struct Frame
        stp     x2, x3, [sp, #16]
        stp     x4, x5, [sp, #32]
        stp     x6, x7, [sp, #48]
        stp     x8, x9, [sp, #64]
        stp     x10, x11, [sp, #80]
        stp     x12, x13, [sp, #96]
        stp     x14, x15, [sp, #112]
        stp     x16, x17, [sp, #128]
        stp     x18, x30, [sp, #144]
        mrs     x2, elr_el1
        mrs     x3, spsr_el1
        stp     x2, x3, [sp, #160]
        str     x1, [sp, #176]
        mov     x0, sp
        bl      exception
        ldp     x2, x3, [sp, #160]
        msr     elr_el1, x2
        msr     spsr_el1, x3
        ldp     x18, x30, [sp, #144]
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

// void run_at_el0(void (*code)(void)): `code` has no stack and ends with SVC, after which the handler
// makes the exception return to el0_done at EL1.
        .globl  run_at_el0
run_at_el0:
        stp     x29, x30, [sp, #-16]!
        mrs     x2, daif
        orr     x2, x2, #0x3c0
        msr     spsr_el1, x2            // EL0t, everything masked
        msr     elr_el1, x0
        isb
        eret
        .globl  el0_done
el0_done:
        ldp     x29, x30, [sp], #16
        ret
