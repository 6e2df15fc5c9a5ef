// Exceptions of the ROM's own code: Arm DDI 0487, D1.3 (vectors), D17.2.37 (ESR_EL1).
#include "firmware/rom/fault.h"

#include "firmware/rom/drivers/uart.h"
#include "firmware/rom/lib/cpu.h"
#include "firmware/rom/lib/format.h"

static struct Console* console;
static bool failed;

void fault_console(struct Console* c) { console = c; }

static const struct {
  u8 class;
  const char* words;
} classes[] = {
    {0x00, "unknown instruction"},
    {0x01, "trapped WFI or WFE"},
    {0x07, "trapped vector instruction"},
    {0x0e, "illegal execution state"},
    {0x15, "SVC"},
    {0x16, "HVC"},
    {0x18, "trapped system register"},
    {0x20, "instruction abort at EL0"},
    {0x21, "instruction abort"},
    {0x22, "misaligned PC"},
    {0x24, "data abort at EL0"},
    {0x25, "data abort"},
    {0x26, "misaligned SP"},
    {0x2c, "floating-point exception"},
    {0x2f, "SError"},
    {0x30, "breakpoint at EL0"},
    {0x31, "breakpoint"},
    {0x33, "single step"},
    {0x35, "watchpoint"},
    {0x3c, "BRK"},
};

const char* fault_class(u64 esr) {
  for (u32 i = 0; i < sizeof classes / sizeof classes[0]; ++i)
    if (classes[i].class == (esr >> 26 & 63)) return classes[i].words;
  return "an exception of another class";
}

void rom_fault(u64 vector, u64 esr, u64 elr, u64 far) {
  static const char* const kinds[] = {"synchronous", "IRQ", "FIQ", "SError"};
  static const char* const levels[] = {"EL1 with SP_EL0", "EL1", "EL0, AArch64", "EL0, AArch32"};
  char text[320];
  // The report itself may be what fails.
  if (failed)
    for (;;) WFI();
  failed = true;
  format_text(text, sizeof text,
              "\nThe boot ROM has failed, and stays here: %s\n"
              "vector %lu (%s, from %s)\nESR_EL1 0x%lx\nELR_EL1 0x%lx\nFAR_EL1 0x%lx\n",
              fault_class(esr), vector, kinds[vector & 3], levels[vector >> 2 & 3], esr, elr, far);
  if (console != 0) {
    console_rest(console);
    console_write(console, kOnBoth, kStyleBad, "%s", text);
  } else {
    uart_start();
    for (const char* s = text; *s != 0; ++s) uart_put(*s);
  }
  for (;;) WFI();
}
