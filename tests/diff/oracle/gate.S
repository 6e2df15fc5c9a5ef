/* The way into a case and out of it, for the oracle (oracle.c): loads every register of a case and
 * jumps to it; a case that branches to ORACLE_EXIT has its registers saved.  Needs no signal, which
 * is what makes the oracle quick.  TPIDR_EL0 is the only register that it takes from the cases. */
#include "protocol.h"

#define SP_ 248
#define V 256
#define FLAGS 768

        .text
        .global gate_enter
        .global gate_exit
        .global gate_exit_end

/* void gate_enter(const struct OracleState* in, uint64_t entry, struct GateFrame* frame): returns
 * through gate_exit.  The frame, at ORACLE_EXIT + 0x1000, holds the callee-saved registers (x19 to
 * x30, sp) and at 104 the OracleState that gate_exit fills. */
gate_enter:
        stp     x19, x20, [x2]
        stp     x21, x22, [x2, #16]
        stp     x23, x24, [x2, #32]
        stp     x25, x26, [x2, #48]
        stp     x27, x28, [x2, #64]
        stp     x29, x30, [x2, #80]
        mov     x3, sp
        str     x3, [x2, #96]
        add     x3, x0, #V
        ld1     {v0.2d-v3.2d}, [x3], #64
        ld1     {v4.2d-v7.2d}, [x3], #64
        ld1     {v8.2d-v11.2d}, [x3], #64
        ld1     {v12.2d-v15.2d}, [x3], #64
        ld1     {v16.2d-v19.2d}, [x3], #64
        ld1     {v20.2d-v23.2d}, [x3], #64
        ld1     {v24.2d-v27.2d}, [x3], #64
        ld1     {v28.2d-v31.2d}, [x3], #64
        ldr     w4, [x0, #FLAGS]                /* pstate, fpcr */
        ldr     w5, [x0, #FLAGS + 4]
        ldr     w6, [x0, #FLAGS + 8]            /* fpsr */
        msr     nzcv, x4
        msr     fpcr, x5
        msr     fpsr, x6
        ldr     x3, [x0, #SP_]
        mov     sp, x3
        ldr     x3, [x0]
        msr     tpidr_el0, x3
        mov     x30, x0
        mov     x0, x1
        ldp     x1, x2, [x30, #8]
        ldp     x3, x4, [x30, #24]
        ldp     x5, x6, [x30, #40]
        ldp     x7, x8, [x30, #56]
        ldp     x9, x10, [x30, #72]
        ldp     x11, x12, [x30, #88]
        ldp     x13, x14, [x30, #104]
        ldp     x15, x16, [x30, #120]
        ldp     x17, x18, [x30, #136]
        ldp     x19, x20, [x30, #152]
        ldp     x21, x22, [x30, #168]
        ldp     x23, x24, [x30, #184]
        ldp     x25, x26, [x30, #200]
        ldp     x27, x28, [x30, #216]
        ldp     x29, x30, [x30, #232]
        br      x0                              /* to MRS X0, TPIDR_EL0 */

/* Copied to ORACLE_EXIT, so it refers to nothing but the frame in the next page. */
gate_exit:
        msr     tpidr_el0, x0
        movz    x0, #(ORACLE_EXIT + 0x1000) >> 16, lsl #16
        movk    x0, #(ORACLE_EXIT + 0x1000) & 0xffff
        ldr     x0, [x0, #104]
        stp     x1, x2, [x0, #8]
        stp     x3, x4, [x0, #24]
        stp     x5, x6, [x0, #40]
        stp     x7, x8, [x0, #56]
        stp     x9, x10, [x0, #72]
        stp     x11, x12, [x0, #88]
        stp     x13, x14, [x0, #104]
        stp     x15, x16, [x0, #120]
        stp     x17, x18, [x0, #136]
        stp     x19, x20, [x0, #152]
        stp     x21, x22, [x0, #168]
        stp     x23, x24, [x0, #184]
        stp     x25, x26, [x0, #200]
        stp     x27, x28, [x0, #216]
        stp     x29, x30, [x0, #232]
        mrs     x1, tpidr_el0
        str     x1, [x0]
        mov     x1, sp
        str     x1, [x0, #SP_]
        add     x1, x0, #V
        st1     {v0.2d-v3.2d}, [x1], #64
        st1     {v4.2d-v7.2d}, [x1], #64
        st1     {v8.2d-v11.2d}, [x1], #64
        st1     {v12.2d-v15.2d}, [x1], #64
        st1     {v16.2d-v19.2d}, [x1], #64
        st1     {v20.2d-v23.2d}, [x1], #64
        st1     {v24.2d-v27.2d}, [x1], #64
        st1     {v28.2d-v31.2d}, [x1], #64
        mrs     x2, nzcv
        mrs     x3, fpcr
        mrs     x4, fpsr
        str     w2, [x0, #FLAGS]
        str     w3, [x0, #FLAGS + 4]
        str     w4, [x0, #FLAGS + 8]
        movz    x2, #(ORACLE_EXIT + 0x1000) >> 16, lsl #16
        movk    x2, #(ORACLE_EXIT + 0x1000) & 0xffff
        ldp     x19, x20, [x2]
        ldp     x21, x22, [x2, #16]
        ldp     x23, x24, [x2, #32]
        ldp     x25, x26, [x2, #48]
        ldp     x27, x28, [x2, #64]
        ldr     x3, [x2, #96]
        mov     sp, x3
        ldp     x29, x30, [x2, #80]
        ret
gate_exit_end:
        .section .note.GNU-stack, "", %progbits
