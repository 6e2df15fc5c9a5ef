// The head of the benchmark image, and the loops that it times.
//
// Linux, Documentation/arch/arm64/booting.rst: the image header and the state at entry.
// Arm ARM DDI 0487 D8 (translation tables), D19.2 (SCTLR_EL1, TCR_EL1, MAIR_EL1, CPACR_EL1).
// The MMU is on with an identity map, because memory is Device memory without it and no program
// runs like that.  Deliberately missing: vectors; an exception is a bug of this program.

    .section .head, "ax"
    .global _start
_start:
    b       1f
    .long   0
    .quad   0                       // text_offset
    .quad   _end - _start           // image_size
    .quad   2                       // flags: little-endian, 4 KiB pages
    .quad   0, 0, 0
    .ascii  "ARM\x64"
    .long   0

1:  adrp    x1, stack_top
    add     x1, x1, :lo12:stack_top
    mov     sp, x1

    adrp    x1, table               // level 1, 1 GiB blocks
    mov     x2, #0x401              // 0: Device-nGnRnE (AttrIndx 0), AF
    str     x2, [x1]
    mov     x2, #0x705              // 1: RAM (AttrIndx 1), AF, inner shareable
    orr     x2, x2, #0x40000000
    str     x2, [x1, #8]
    dmb     ish

    mov     x2, #0xff00             // Attr1: Normal, write-back; Attr0: Device-nGnRnE
    msr     mair_el1, x2
    ldr     x2, =0x200803519        // T0SZ 25, write-back, shareable, EPD1, IPS 40 bits
    msr     tcr_el1, x2
    msr     ttbr0_el1, x1
    mov     x2, #0x300000           // FPEN
    msr     cpacr_el1, x2
    isb
    tlbi    vmalle1
    dsb     ish
    isb
    mrs     x2, sctlr_el1
    ldr     x3, =0x1005             // I, C, M
    orr     x2, x2, x3
    bic     x2, x2, #2              // no alignment checks
    msr     sctlr_el1, x2
    isb
    bl      bench_main
2:  wfi
    b       2b

// Each loop gets its number of turns in x0, of which the last three instructions are part.  The
// instructions of a turn are counted in bench.c.
    .macro  turn label
    subs    x0, x0, #1
    b.ne    \label
    ret
    .endm

    .macro  function name
    .balign 4096                    // all of a loop in one page
    .global \name
\name:
    .endm

    .text
// ALU instructions with two branches of their own: one taken, one not.  20 a turn.
    function loop_integer
    mov     x1, #1
    mov     x2, #3
    mov     x12, #0
1:  add     x1, x1, x2
    eor     x3, x1, x2, lsl #3
    and     x4, x3, #0xff
    sub     x5, x4, x1
    orr     x2, x2, x4
    lsr     x6, x5, #7
    add     w7, w6, w4
    cmp     x7, x6
    csel    x8, x7, x6, hi
    cbz     x0, 3f                  // not taken
    madd    x9, x8, x4, x1
    ubfx    x10, x9, #4, #9
    tbz     x10, #9, 2f             // taken
    nop
2:  adds    x11, x10, x9
    cinc    x12, x12, cs
    ror     x1, x1, #13
    mvn     x2, x2
    movz    x3, #77
3:  turn    1b

// The shortest loop there is.  2 a turn.
    function loop_branch
1:  turn    1b

// Copies 4 KiB with LDP and STP, 32 bytes a turn of the inner loop.  128 * 6 + 6 a turn.
    function loop_copy
    adrp    x9, buffer
    add     x9, x9, :lo12:buffer
1:  mov     x1, x9
    add     x2, x9, #4096
    mov     x3, #128
    nop
2:  ldp     x4, x5, [x1], #16
    ldp     x6, x7, [x1], #16
    stp     x4, x5, [x2], #16
    stp     x6, x7, [x2], #16
    subs    x3, x3, #1
    b.ne    2b
    turn    1b

// Single loads and stores of every size, 12 a turn.
    function loop_memory
    adrp    x9, buffer
    add     x9, x9, :lo12:buffer
1:  and     x1, x0, #0xff
    ldr     x2, [x9, x1, lsl #3]
    ldrb    w3, [x9, #17]
    str     x2, [x9, #4000]
    ldrsw   x4, [x9, #100]
    strh    w3, [x9, #3002]
    ldr     w5, [x9, #32]
    str     w5, [x9, #36]
    strb    w3, [x9, #18]
    ldur    x6, [x9, #9]
    turn    1b

// A call with a stack frame, into another page and back.  8 a turn.
    function loop_call
    mov     x15, x30
1:  bl      callee
    subs    x0, x0, #1
    b.ne    1b
    ret     x15
    function callee
    stp     x29, x30, [sp, #-16]!
    mov     x29, sp
    add     x1, x1, #1
    ldp     x29, x30, [sp], #16
    ret

// Scalar double precision, nothing of it exceptional.  12 a turn.
    function loop_fp
    fmov    d1, #1.5
    fmov    d2, #0.5
    fmov    d3, #3.0
1:  fmul    d4, d1, d2
    fadd    d4, d4, d3
    fsub    d5, d4, d1
    fmadd   d6, d5, d2, d1
    fdiv    d7, d6, d3
    fcmp    d7, d6
    fcsel   d0, d7, d6, lt
    scvtf   d5, x0
    fsqrt   d6, d5
    fcvtzs  x1, d6
    turn    1b

// Integer and floating-point vectors.  12 a turn.
    function loop_neon
    movi    v1.16b, #3
    movi    v2.8h, #7
    fmov    v3.4s, #1.5
    fmov    v4.4s, #0.5
1:  add     v5.4s, v1.4s, v2.4s
    mul     v6.8h, v5.8h, v2.8h
    eor     v7.16b, v6.16b, v5.16b
    umax    v1.16b, v7.16b, v1.16b
    ext     v0.16b, v7.16b, v6.16b, #5
    fmul    v5.4s, v3.4s, v4.4s
    fmla    v5.4s, v3.4s, v4.4s
    tbl     v6.16b, {v0.16b}, v1.16b
    addv    s0, v6.4s
    sshr    v2.8h, v7.8h, #3
    turn    1b

// A system call's worth of system instructions: what the kernel runs all the time.  8 a turn.
    function loop_system
1:  mrs     x1, sp_el0
    mrs     x2, daif
    msr     daifset, #2
    msr     daif, x2
    mrs     x3, tpidr_el1
    msr     tpidr_el1, x3
    turn    1b

// Atomics and exclusives without contention.  8 a turn.
    function loop_atomic
    adrp    x9, buffer
    add     x9, x9, :lo12:buffer
1:  ldxr    x1, [x9]
    add     x1, x1, #1
    stxr    w2, x1, [x9]
    ldadd   x1, x3, [x9]
    ldar    x4, [x9]
    stlr    x4, [x9]
    turn    1b

    .ltorg

    .bss
    .balign 8192
    .global buffer
buffer:
    .skip   8192
table:
    .skip   4096
stack:
    .skip   16384
stack_top:
    .balign 4096
