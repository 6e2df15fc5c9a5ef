// The boot ROM from reset to its menu.
#include "firmware/rom/drivers/cfg.h"
#include "firmware/rom/drivers/psci.h"
#include "firmware/rom/drivers/uart.h"
#include "firmware/rom/drivers/wait.h"
#include "firmware/rom/lib/cpu.h"
#include "firmware/rom/start/mmu.h"

void rom_main(u64 device_tree, u64 kernel);
void rom_fault(u64 vector, u64 esr, u64 elr, u64 far);

static void put(const char* s) {
  for (; *s != 0; ++s) uart_put(*s);
}

void rom_main(u64 device_tree, u64 kernel) {
  (void)device_tree;
  (void)kernel;
  uart_start();
  mmu_on(RAM_BASE + CFG->ram_bytes);
  wait_start();
  put("hello from the ROM\r\n");
}

void rom_fault(u64 vector, u64 esr, u64 elr, u64 far) {
  (void)vector;
  (void)esr;
  (void)elr;
  (void)far;
  put("fault\r\n");
  for (;;) WFI();
}
