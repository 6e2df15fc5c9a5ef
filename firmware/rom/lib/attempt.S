// Vectors that give up a call instead of the machine (Arm DDI 0487, D1.3), and how it begins and ends.

        .bss
        .balign 16
kept:                                   // X19 to X30, SP, VBAR_EL1, the result's place, DAIF
        .space  128

        .text
// u64 attempt(u64 (*code)(u64, u64), u64 a, u64 b, u64* result)
        .globl  attempt
attempt:
        adrp    x9, kept
        add     x9, x9, :lo12:kept
        stp     x19, x20, [x9]
        stp     x21, x22, [x9, #16]
        stp     x23, x24, [x9, #32]
        stp     x25, x26, [x9, #48]
        stp     x27, x28, [x9, #64]
        stp     x29, x30, [x9, #80]
        mov     x10, sp
        mrs     x11, vbar_el1
        stp     x10, x11, [x9, #96]
        mrs     x10, daif
        stp     x3, x10, [x9, #112]
        adrp    x10, attempt_vectors
        add     x10, x10, :lo12:attempt_vectors
        msr     vbar_el1, x10
        isb
        mov     x9, x0
        mov     x0, x1
        mov     x1, x2
        blr     x9
        adrp    x9, kept
        add     x9, x9, :lo12:kept
        ldr     x3, [x9, #112]
        str     x0, [x3]
        dsb     sy                      // an access that was not waited for ends before the vectors go
        isb
        mov     x0, #0
attempt_end:
        ldp     x19, x20, [x9]
        ldp     x21, x22, [x9, #16]
        ldp     x23, x24, [x9, #32]
        ldp     x25, x26, [x9, #48]
        ldp     x27, x28, [x9, #64]
        ldp     x29, x30, [x9, #80]
        ldp     x10, x11, [x9, #96]
        mov     sp, x10
        msr     vbar_el1, x11
        ldr     x10, [x9, #120]
        msr     daif, x10
        isb
        ret

        .balign 2048
attempt_vectors:
        .rept   16
        .balign 128
        adrp    x9, kept
        add     x9, x9, :lo12:kept
        mrs     x0, esr_el1
        orr     x0, x0, #1 << 25        // an SError's may be all zeroes
        b       attempt_end
        .endr
