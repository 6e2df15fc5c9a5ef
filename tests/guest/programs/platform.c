// The devices of Apple's platform from a guest's side (docs/platform.md): the configuration block, bdif,
// the AES engine with its interrupt, the clock, pvpanic, the disks' PCI functions.
//
// guest_test gives the images; each sector of root begins with its number, and aux is all 0xa5.  What the
// options decide is reported as values.
#include "firmware/rom/drivers/pci.h"
#include "guest.h"

#define CFG 0x00400000ul
#define PVPANIC 0x20070000ul
#define BDIF 0x30000000ul
#define AES 0x30220000ul
#define AES_2 0x30230000ul
#define AVP_RTC 0x30240000ul
enum { kAesIntid = 50, kSector = 512, kRoot = 0, kAux = 1 };

// ---- The configuration block -------------------------------------------------------------------

static void configuration(void) {
  EXPECT(get32(CFG), 2);
  report("cpus", get32(CFG + 0x04));
  report("ecid", get32(CFG + 0x18) | (u64)get32(CFG + 0x1c) << 32);
  report("ram", get32(CFG + 0x20) | (u64)get32(CFG + 0x24) << 32);
  report("mac", get32(CFG + 0x40) | (u64)get16(CFG + 0x44) << 32);
  report("serial", get32(CFG + 0x500));
  put32(CFG, 77);  // it is memory
  EXPECT(get32(CFG), 77);
  put32(CFG, 2);
}

// ---- bdif --------------------------------------------------------------------------------------

static struct Descriptor {
  u64 addr;
  u32 len, flags;
} request[3];
static u32 where[4];
static volatile u8 retval;
static u8 buffer[2 * kSector] __attribute__((aligned(64)));
enum { kRead = 0x30001, kWrite = 0x10001 };

/// The status byte of a request.
static u8 transfer(u32 id, u64 sector, u32 length, u32 flags) {
  where[2] = (u32)sector;
  where[3] = (u32)(sector >> 32);
  request[0] = (struct Descriptor){(u64)where, sizeof where, 0x10001};
  request[1] = (struct Descriptor){(u64)buffer, length, flags};
  request[2] = (struct Descriptor){(u64)&retval, 1, 0x20002};
  retval = 0xee;
  DSB();
  put64(BDIF + (id << 16) + 0x408, (u64)request);
  DSB();
  return retval;
}

static void bdif_registers(void) {
  EXPECT(get32(BDIF), 1);
  EXPECT(get32(BDIF + 0x04), 2);
  EXPECT(get32(BDIF + 0x10), 1);
  EXPECT(get32(BDIF + 0x100004), 0x1a01);
  EXPECT(get32(BDIF + 0x100010), 0);
  report("root_sectors", get32(BDIF + 0x420));
  report("aux_sectors", get32(BDIF + 0x10420));
}

static void bdif_reads(void) {
  const u32 sectors = get32(BDIF + 0x420);
  for (u32 n = 0; n < sectors; n += sectors / 8) {
    const u32 at = n < sectors - 2 ? n : sectors - 2;
    EXPECT(transfer(kRoot, at, 2 * kSector, kRead), 0);
    EXPECT(get32((u64)buffer), at);
    EXPECT(get32((u64)buffer + kSector), at + 1);
  }
  EXPECT(transfer(kRoot, sectors, kSector, kRead), 1);
  EXPECT(transfer(kRoot, 0, kSector, 0x20001), 1);
}

static void bdif_writes(void) {
  for (u32 i = 0; i < 2 * kSector; ++i) buffer[i] = (u8)(i * 7);
  EXPECT(transfer(kAux, 3, 2 * kSector, kWrite), 0);
  for (u32 i = 0; i < 2 * kSector; ++i) buffer[i] = 0;
  EXPECT(transfer(kAux, 4, kSector, kRead), 0);
  for (u32 i = 0; i < kSector && !case_failed(); ++i) EXPECT(buffer[i], (u8)((i + kSector) * 7));
  EXPECT(transfer(kAux, 5, kSector, kRead), 0);
  EXPECT(buffer[0], 0xa5);
}

// ---- AES: NIST SP 800-38A, F.1.1 and F.2.5 -----------------------------------------------------

static const u32 kKey128[4] = {0x16157e2b, 0xa6d2ae28, 0x8815f7ab, 0x3c4fcf09};
static const u32 kKey256[8] = {0x10eb3d60, 0xbe71ca15, 0xf0ae732b, 0x81777d85,
                               0x072c351f, 0xd708613b, 0xa310982d, 0xf4df1409};
static const u32 kIv[4] = {0x03020100, 0x07060504, 0x0b0a0908, 0x0f0e0d0c};
static const u32 kPlain[8] = {0xe2bec16b, 0x969f402e, 0x117e3de9, 0x2a179373,
                              0x578a2dae, 0x9cac031e, 0xac6fb79e, 0x518eaf45};
static const u32 kEcb128[8] = {0xb47bd73a, 0x60367a0d, 0xf3ca9ea8, 0x97ef6624,
                               0x85d5d3f5, 0x9d69b903, 0x5a8985e7, 0xafbafd96};
static const u32 kCbc256[8] = {0x044c8cf5, 0xbaf1e5d6, 0xfbab9e77, 0xd6fb7b5f,
                               0x964efc9c, 0x8d80db7e, 0x7b779f67, 0x7d2c70c6};

static volatile u64 interrupts;
static volatile u32 irq_status, flag_info;
static bool on_irq(struct Frame *f) {
  if (f->vector != kIrq) return false;
  const u32 id = (u32)GIC_READ(ICC_IAR1);
  if (id == kAesIntid) {
    irq_status = get32(AES + 0x18);
    flag_info = get32(AES + 0x30);
    put32(AES + 0x18, irq_status);
    ++interrupts;
  }
  GIC_WRITE(ICC_EOIR1, id);
  return id == kAesIntid;
}

static void push(u32 word) { put32(AES + 0x200, word); }
static void push_words(const u32 *words, u32 n) {
  while (n-- != 0) push(*words++);
}
static void aes_data(u32 contexts, const u32 *from, u32 *to, u32 length) {
  push(5u << 28 | contexts | length);
  push((u32)((u64)from >> 32) << 16 | (u32)((u64)to >> 32));
  push((u32)(u64)from);
  push((u32)(u64)to);
}
/// A flag command; its interrupt says that everything before it is done.
static bool aes_done(u32 info) {
  const u64 before = interrupts;
  push(8u << 28 | 1u << 27 | info);
  return wait_for(&interrupts, before + 1, 1000000) && irq_status == 1 << 5 && flag_info == info;
}

static u32 result[8];
static void expect_result(const u32 *wanted) {
  for (u32 i = 0; i < 8; ++i) EXPECT(*(volatile u32 *)&result[i], wanted[i]);
}

static void aes_listen(void) {
  gic_init();
  gic_enable(kAesIntid, true);
  set_handler(on_irq);
  IRQ_ON();
}

static void aes_known_answers(void) {
  aes_listen();
  EXPECT(get32(AES + 0x0c), 0x3f80);
  EXPECT(get32(AES_2 + 0x0c), 0);
  put32(AES + 0x1c, 1 << 5 | 1 << 2);
  push(1u << 28 | 1 << 20);
  push_words(kKey128, 4);
  aes_data(0, kPlain, result, 32);
  EXPECT_TRUE(aes_done(0x21));
  expect_result(kEcb128);
  // The other contexts, in two pieces.
  push(1u << 28 | 1u << 27 | 2 << 22 | 1 << 20 | 1 << 16);
  push_words(kKey256, 8);
  push(2u << 28 | 3u << 26);
  push_words(kIv, 4);
  aes_data(1u << 27 | 3u << 25, kPlain, result, 16);
  aes_data(1u << 27 | 3u << 25, kPlain + 4, result + 4, 16);
  EXPECT_TRUE(aes_done(0x42));
  expect_result(kCbc256);
  // And back, with the key of the first context.
  push(1u << 28);
  push_words(kKey128, 4);
  aes_data(0, kEcb128, result, 32);
  EXPECT_TRUE(aes_done(0));
  expect_result(kPlain);
}

/// After an error the next word is a command.
static void aes_errors(void) {
  aes_listen();
  const u64 before = interrupts;
  push(7u << 28);
  EXPECT_TRUE(wait_for(&interrupts, before + 1, 1000000));
  EXPECT(irq_status, 1 << 2);
  EXPECT_TRUE(aes_done(9));
  IRQ_OFF();
}

// ---- The rest ----------------------------------------------------------------------------------

static void clock(void) {
  EXPECT(get32(AVP_RTC + 0x40), 0xf001);
  const u64 first = *(volatile u64 *)AVP_RTC;
  delay_us(5000);  // guest_test relies on a run that takes so long
  const u64 passed = *(volatile u64 *)AVP_RTC - first;
  EXPECT_TRUE(passed >= 4999);
  report("microseconds", first);
}

static void panic_register(void) {
  EXPECT(get8(PVPANIC), 3);
  EXPECT(get8(PVPANIC + 1), 3);
}

static void disks(void) {
  u32 found = 0;
  for (u32 slot = 1; slot < 32; ++slot) found += get32(PCI_ECAM + (slot << 15)) == 0x1a00106b;
  report("apple_disks", found);
}

void test_main(void) {
  mmu_off();
  RUN(configuration);
  RUN(bdif_registers);
  RUN(bdif_reads);
  RUN(bdif_writes);
  RUN(aes_known_answers);
  RUN(aes_errors);
  RUN(clock);
  RUN(panic_register);
  RUN(disks);
}
