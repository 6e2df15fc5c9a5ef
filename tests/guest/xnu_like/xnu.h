// A guest that expects of the platform what an XNU kernel for VMAPPLE expects (its public sources:
// osfmk/arm64/start.s, proc_reg.h, machine_routines_asm.s, pexpert/arm/pe_fiq.c; docs/platform.md).
//
// The kernel runs as XNU does: at kernel addresses of TTBR1 with an identity map in TTBR0, SPSel 0,
// interrupts masked but where a step waits for one.  start.S knows the layout of CpuData.
#pragma once

#ifdef __ASSEMBLER__
#define MAX_CPUS 8
#else
#include "guest.h"
#endif

// Control registers as XNU computes them.
#define XNU_SCTLR 0x00001000fc14713d
#define XNU_TCR_16K 0x000800226511a511
#define XNU_TCR_4K 0x0008002265112511
#define XNU_MAIR 0x0c08044f00bb44ff

// Offsets in CpuData.
#define CPU_EXCEPTION_STACK 0
#define CPU_INTERRUPT_STACK 8
#define CPU_PAC_RESULT 16
#define CPU_ENTRY 24
#define CPU_SELF 32
#define CPU_MPIDR 40
#define CPU_ENTRY_SCTLR 48
#define CPU_VBAR 56
#define CPU_CATCH 64
#define CPU_CAUGHT 72
#define CPU_SIZE 256
#define STACK_SIZE 16384

#ifndef __ASSEMBLER__

void* memcpy(void* to, const void* from, u64 n);
void* memset(void* to, int c, u64 n);

struct CpuData {
  u64 exception_stack, interrupt_stack;  ///< kernel addresses of their tops
  u64 pac_result;                        ///< what PAC_SET_INITIAL_STATE answered
  u64 entry, self, mpidr, entry_sctlr, vbar;
  u64 catch, caught;  ///< attempt()'s innermost frame, and the syndrome that ended it
  // Not known to start.S:
  u64 number, gicr;
  volatile u64 arrived, stage, died;
  volatile u64 timer_fiqs, timer_iar, timer_spurious, timer_at, ipis, ipi_iar;
  volatile u64 pan_seen, pan_asked;
  volatile u64 pac_good;
} __attribute__((aligned(CPU_SIZE)));

extern struct CpuData cpus[MAX_CPUS];
static inline struct CpuData* self(void) { return (struct CpuData*)READ(tpidr_el1); }

// ---- The hand-over (boot_args.c) ---------------------------------------------------------------

/// boot_args of revision 2 (pexpert/arm64/boot.h), with 608 bytes of command line.
struct BootArgs {
  u16 revision, version;
  u64 virt_base, phys_base, mem_size, top_of_kernel_data;
  u64 video[6];
  u32 machine_type;
  u64 device_tree;  ///< a kernel address
  u32 device_tree_length;
  char command_line[608];
  u64 boot_flags, mem_size_actual;
};
_Static_assert(__builtin_offsetof(struct BootArgs, command_line) == 108, "boot_args");
_Static_assert(__builtin_offsetof(struct BootArgs, boot_flags) == 720, "boot_args");

/// What the device tree says; zero is what was not found.
struct Platform {
  u64 soc_base, gicd, gicd_size, gicr, gicr_size, rtc, uart;  ///< physical addresses
  u64 cpus, timebase;
  u64 cpu_mpidr[MAX_CPUS];
  bool boot_cpu_runs;
};
extern struct Platform platform;
extern const struct BootArgs* boot_args;

void boot_args_step(void);
void device_tree_step(void);
void config_step(void);

// ---- Memory (maps.c) ---------------------------------------------------------------------------

#define DEVICE_WINDOW 0xfffffe1000000000ul
/// Where the kernel has a device's registers.
static inline u64 io(u64 pa) { return DEVICE_WINDOW + pa; }
extern u64 kernel_slide;  ///< kernel address less physical address
static inline u64 to_pa(const volatile void* p) { return (u64)p - kernel_slide; }

/// With the MMU off.
void make_maps(const struct BootArgs* args);
/// A VA of TTBR0 with one 16 KiB page that EL0 may use, and of TTBR1 with kPages kernel pages.
#define USER_PAGE (200ul << 25)
#define PAGES_VA (0xfffffe0000000000ul + (100ul << 25))
enum { kPages = 8, kPageSize = 16384 };
/// The entries of PAGES_VA and two frames of memory for them.
extern volatile u64 pages_table[2048];
u64 page_entry(unsigned frame);
extern u64 frames[2][kPageSize / 8], user_frame[kPageSize / 8];
/// Back to the 16 KiB map after a step that may have left another.
void restore_map(void);

void registers_step(void);
void kernel_map_step(void);
void granule_4k_step(void);
void tlbi_range_step(void);

// ---- Exceptions and calls ----------------------------------------------------------------------

/// Calls `code(arg)`: zero, with what it returned in `*result` if that is not null; or the syndrome
/// of the exception that it raised.
u64 attempt(void* code, u64 arg, u64* result);
/// attempt() of a load of four bytes.
u64 attempt_load(u64 va);

struct Regs {
  u64 x0, x1, x2, x3;
};
/// HVC #0.
struct Regs hvc(u64 function, u64 a, u64 b, u64 c);
/// HVC #0 with known values in X4 to X30: a bit for each that came back changed.
u64 hvc_changes(u64 function, u64 a, u64 b);

/// Runs a step, and reports it.
void step(const char* name, void (*run)(void));

// ---- Steps -------------------------------------------------------------------------------------

void pac_initial_state_step(void);
void pac_signing_step(void);
void pac_default_keys_step(void);
void pac_calls_step(void);
void pac_preserves_step(void);
void pac_nop_step(void);
/// Pointers signed by CPU 0, which every CPU authenticates.
void sign_for_all(void);
bool authenticate_all(void);

void gic_frame_step(void);
void gic_groups_step(void);
void gic_enable_step(void);
void gic_interface_step(void);
/// What the four steps do, on a secondary CPU; false when its frame is not there or sleeps on.
bool start_gic(void);
void counter_step(void);
void timer_fiq_step(void);
void timer_drops_step(void);
void wfe_step(void);
/// Sets the timer to `counts` and takes one FIQ of it: its INTID, or ~0 after ten seconds.
u64 take_timer(u32 counts, bool wfi);
void handle_fiq(void);
void handle_irq(void);
void send_ipi(u64 mpidr, u32 intid);

void psci_version_step(void);
void psci_features_step(void);
void cpu_on_step(void);
void secondary_pac_step(void);
void secondary_timer_step(void);
void ipi_step(void);
void cpu_off_step(void);
void secondary_main(void);

void pan_step(void);
void lse_step(void);
void dit_step(void);
void sb_step(void);
void uao_step(void);
void apple_registers_step(void);

#endif
