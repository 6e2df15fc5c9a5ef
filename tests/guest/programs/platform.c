// The devices of Apple's platform from a guest's side (docs/platform.md): the configuration block, bdif,
// the AES engine with its interrupt, the clock, pvpanic, the disks' PCI functions.
//
// guest_test gives the images; each sector of root begins with its number, and aux is all 0xa5.  What the
// options decide is reported as values.
#include "firmware/rom/checks/aes_vectors.h"
#include "firmware/rom/drivers/aes.h"
#include "firmware/rom/drivers/bdif.h"
#include "firmware/rom/drivers/pci.h"
#include "firmware/rom/drivers/wait.h"
#include "guest.h"

#define CFG 0x00400000ul
#define PVPANIC 0x20070000ul
#define AVP_RTC 0x30240000ul

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

static u8 buffer[2 * kBdifSector] __attribute__((aligned(64)));

static void bdif_registers(void) {
  EXPECT(get32(BDIF_REGISTER(kBdifRoot, kBdifStatus)), 1);
  EXPECT(get32(BDIF_REGISTER(kBdifRoot, kBdifCfg)), 2);
  EXPECT(get32(BDIF_REGISTER(kBdifRoot, kBdifBusy)), 1);
  EXPECT(get32(BDIF_REGISTER(kBdifUsb, kBdifCfg)), 0x1a01);
  EXPECT(get32(BDIF_REGISTER(kBdifUsb, kBdifBusy)), 0);
  report("root_sectors", bdif_sectors(kBdifRoot));
  report("aux_sectors", bdif_sectors(kBdifAux));
}

static void bdif_reads(void) {
  const u64 sectors = bdif_sectors(kBdifRoot);
  for (u64 n = 0; n < sectors; n += sectors / 8) {
    const u64 at = n < sectors - 2 ? n : sectors - 2;
    EXPECT(bdif_read(kBdifRoot, at, buffer, sizeof buffer), 0);
    EXPECT(get32((u64)buffer), at);
    EXPECT(get32((u64)buffer + kBdifSector), at + 1);
  }
  // Part of a sector, as no file system asks for it.
  put32((u64)buffer, 0xffffffff);
  EXPECT(bdif_read(kBdifRoot, 1, buffer, 1), 0);
  EXPECT(get32((u64)buffer), 0xffffff01);
  EXPECT_TRUE(bdif_read(kBdifRoot, sectors, buffer, kBdifSector) != 0);
  EXPECT_TRUE(bdif_read(kBdifRoot, sectors - 1, buffer, 2 * kBdifSector) != 0);
  EXPECT_TRUE(bdif_read(kBdifRoot + 2, 0, buffer, kBdifSector) != 0);
  EXPECT(bdif_request(kBdifRoot, sectors, (u64)buffer, kBdifSector, kBdifRead), kBdifFailed);
  EXPECT(bdif_request(kBdifRoot, 0, (u64)buffer, kBdifSector, 0x20001), kBdifFailed);
  EXPECT_TRUE(bdif_read(kBdifRoot, 0, 0, kBdifSector) != 0);  // no memory
}

static void bdif_writes(void) {
  for (u32 i = 0; i < sizeof buffer; ++i) buffer[i] = (u8)(i * 7);
  EXPECT(bdif_write(kBdifAux, 3, buffer, sizeof buffer), 0);
  for (u32 i = 0; i < sizeof buffer; ++i) buffer[i] = 0;
  EXPECT(bdif_read(kBdifAux, 4, buffer, kBdifSector), 0);
  for (u32 i = 0; i < kBdifSector && !case_failed(); ++i)
    EXPECT(buffer[i], (u8)((i + kBdifSector) * 7));
  EXPECT(bdif_read(kBdifAux, 5, buffer, kBdifSector), 0);
  EXPECT(buffer[0], 0xa5);
  EXPECT_TRUE(bdif_write(kBdifAux, bdif_sectors(kBdifAux), buffer, kBdifSector) != 0);
}

// ---- AES ---------------------------------------------------------------------------------------

static u8 result[kAesVectorBytes];
static void expect_result(const u8 *wanted) {
  for (u32 i = 0; i < sizeof result && !case_failed(); ++i)
    EXPECT(*(volatile u8 *)&result[i], wanted[i]);
}

static void aes_known_answers(void) {
  wait_start();
  EXPECT(get32(AES_BASE + kAesStatus), 0x3f80);
  EXPECT(get32(AES_2_BASE + kAesStatus), 0);
  EXPECT(aes_start(), 0);
  for (u32 n = 0; n < kAesVectors && !case_failed(); ++n) {
    const struct AesVector *v = &aes_vectors[n];
    struct AesKey key = {.context = n % 2, .bits = v->bits, .bytes = v->key, .encrypts = true,
                         .cbc = v->cbc};
    const struct AesPiece there[] = {{aes_vector_plain, result, 16},
                                     {aes_vector_plain + 16, result + 16, 48}};
    EXPECT(aes_run(&key, n % 4, v->cbc ? aes_vector_iv : 0, there, 2), 0);
    expect_result(v->cipher);
    key.encrypts = false;
    const struct AesPiece back = {result, result, sizeof result};
    EXPECT(aes_run(&key, 3 - n % 4, v->cbc ? aes_vector_iv : 0, &back, 1), 0);
    expect_result(aes_vector_plain);
  }
  aes_stop();
  EXPECT(get32(AES_BASE + kAesIrqStatus), 0);
}

/// After an error the next word is a command, and an engine that was left in the middle of one begins anew.
static void aes_errors(void) {
  const struct AesVector *v = &aes_vectors[0];
  const struct AesKey key = {.bits = v->bits, .bytes = v->key, .encrypts = true};
  const struct AesPiece piece = {aes_vector_plain, result, sizeof result};
  wait_start();
  EXPECT(aes_start(), 0);
  aes_push(7u << 28);
  EXPECT_TRUE(aes_finish() != 0);
  EXPECT(aes_finish(), 0);
  for (u32 words = 1; words <= 8 && !case_failed(); ++words) {
    aes_push(1u << 28 | 2u << 22);  // KEY of 256 bits: eight words belong to it
    for (u32 i = 1; i < words; ++i) aes_push(~0u);
    EXPECT(aes_start(), 0);
    EXPECT(aes_run(&key, 0, 0, &piece, 1), 0);
    expect_result(v->cipher);
  }
  aes_stop();
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
