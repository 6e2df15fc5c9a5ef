// The boot ROM's first instructions and its exception vectors (Arm DDI 0487, D1.3).
//
// Entry: EL1h, D, A, I and F masked, MMU off, and on this platform nothing in registers.  The emulator
// knows the ROM by its name, which follows the first instruction, and hands over a device tree in X0
// and the start of the kernel of -kernel in X1; each may be 0.

        .section .text.start, "ax"
        .globl _start
_start:
        b       1f
        .balign 8
        .ascii  "Quince boot ROM\0"
1:      adrp    x2, rom_stack_top
        add     x2, x2, :lo12:rom_stack_top
        mov     sp, x2
        adrp    x2, rom_bss_start
        add     x2, x2, :lo12:rom_bss_start
        adrp    x3, rom_bss_end
        add     x3, x3, :lo12:rom_bss_end
1:      cmp     x2, x3
        b.hs    2f
        stp     xzr, xzr, [x2], #16
        b       1b
2:      adrp    x2, rom_vectors
        add     x2, x2, :lo12:rom_vectors
        msr     vbar_el1, x2
        isb
        bl      rom_main
3:      wfi
        b       3b

        .bss
        .balign 16
        .space  65536
rom_stack_top:

// bool probe_read32(u64 address, u32 *value), bool probe_read8(u64 address, u8 *value): a load that
// may abort, after which the vector goes on behind it with X0 at zero.
        .text
        .globl  probe_read32, probe_read8
probe_read32:
        mov     x2, x0
        mov     x0, #1
probe_load32:
        ldr     w2, [x2]
        cbz     x0, 1f
        str     w2, [x1]
1:      ret
probe_read8:
        mov     x2, x0
        mov     x0, #1
probe_load8:
        ldrb    w2, [x2]
        cbz     x0, 1f
        strb    w2, [x1]
1:      ret

// Interrupts are never taken: the ROM looks at them where it waits.  What gets here is a fault, or the
// answer to a probe.
        .macro  vector number
        .balign 128
        .if     \number == 4
        mrs     x16, elr_el1
        adr     x17, probe_load32
        cmp     x16, x17
        b.eq    2f
        adr     x17, probe_load8
        cmp     x16, x17
        b.eq    2f
        .endif
        mov     x0, #\number
        b       1f
        .endm

        .balign 2048
rom_vectors:
        .irp    n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
        vector  \n
        .endr
        .balign 128
1:      mrs     x1, esr_el1
        mrs     x2, elr_el1
        mrs     x3, far_el1
        adrp    x4, rom_stack_top
        add     x4, x4, :lo12:rom_stack_top
        mov     sp, x4
        b       rom_fault
2:      mov     x0, #0
        add     x16, x16, #4
        msr     elr_el1, x16
        eret

// void enter_kernel(u64 pc, u64 x0): leaves the ROM with the MMU off and X1 to X3 zero, as the Arm64
// boot protocol wants.  What was written is in memory already: see mmu_off().
        .globl  enter_kernel
enter_kernel:
        mov     x4, x0
        mov     x0, x1
        mov     x1, #0
        mov     x2, #0
        mov     x3, #0
        br      x4
