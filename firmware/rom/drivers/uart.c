#include "firmware/rom/drivers/uart.h"

#include "firmware/rom/lib/cpu.h"

enum {
  kDr = 0x00,
  kFr = 0x18,
  kLcrH = 0x2c,
  kCr = 0x30,
  kImsc = 0x38,
  kIcr = 0x44,
  kFrRxfe = 1 << 4,
  kFrTxff = 1 << 5,
  kEightBits = 3 << 5,
  kFifos = 1 << 4,
  kEnable = 1,
  kTransmit = 1 << 8,
  kReceive = 1 << 9,
  kReceiveInterrupts = 1 << 4 | 1 << 6,  // RXIM, RTIM
};

void uart_start(void) {
  put32(UART_BASE + kCr, 0);
  put32(UART_BASE + kLcrH, kEightBits | kFifos);
  put32(UART_BASE + kIcr, 0x7ff);
  put32(UART_BASE + kImsc, kReceiveInterrupts);
  put32(UART_BASE + kCr, kEnable | kTransmit | kReceive);
}

void uart_put(char c) {
  while (get32(UART_BASE + kFr) & kFrTxff) {
  }
  put32(UART_BASE + kDr, (u8)c);
}

int uart_get(void) {
  if (get32(UART_BASE + kFr) & kFrRxfe) return -1;
  return (int)(get32(UART_BASE + kDr) & 0xff);
}
