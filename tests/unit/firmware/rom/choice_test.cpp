// The default that a person chose, in auxiliary storage.
#include <gtest/gtest.h>

#include <cstring>
#include <string>
#include <vector>

#include "base/types.h"

extern "C" {
#include "firmware/rom/boot/choice.h"
}

namespace quince::test {
namespace {

constexpr u64 kSectors = 64, kSector = 512;

/// The storage of the test that runs: the ROM's functions have no owner.
struct Aux {
  std::vector<u8> bytes = std::vector<u8>(kSectors * kSector);
  bool readable = true, writable = true;
  std::vector<u64> written;
};
Aux* aux = nullptr;

bool read(u64 sector, void* to) {
  EXPECT_LT(sector, kSectors);
  if (aux->readable) std::memcpy(to, &aux->bytes[sector * kSector], kSector);
  return aux->readable;
}
bool write(u64 sector, const void* from) {
  EXPECT_LT(sector, kSectors);
  if (aux->writable) std::memcpy(&aux->bytes[sector * kSector], from, kSector);
  aux->written.push_back(sector);
  return aux->writable;
}

struct Choice : ::testing::Test {
  Choice() { aux = &store; }
  std::string load() {
    char name[kChoiceName];
    std::memset(name, 'x', sizeof name);
    choice_load(&storage, name);
    return name;
  }
  std::string save(const std::string& name) {
    const char* const why = choice_save(&storage, name.c_str());
    return why != nullptr ? why : "";
  }

  Aux store;
  ChoiceStorage storage{read, write, kSectors};
};

TEST_F(Choice, IsKeptAndChanged) {
  EXPECT_EQ(load(), "");
  for (int n = 0; n < 20; ++n) {
    const std::string name = "1/entry " + std::to_string(n);
    EXPECT_EQ(save(name), "");
    EXPECT_EQ(load(), name);
  }
  EXPECT_EQ(save(""), "");
  EXPECT_EQ(load(), "");
}

TEST_F(Choice, NothingButTheLastTwoSectorsIsWritten) {
  for (std::size_t i = 0; i < (kSectors - 2) * kSector; ++i) store.bytes[i] = static_cast<u8>(i * 7 + 1);
  const auto before = store.bytes;
  for (const char* name : {"a", "b", "c"}) EXPECT_EQ(save(name), "");
  EXPECT_TRUE(std::equal(before.begin(), before.end() - 2 * kSector, store.bytes.begin()));
  EXPECT_EQ(store.written, (std::vector<u64>{62, 63, 62}));
}

// Power fails in the middle of a sector: the choice before it still counts.
TEST_F(Choice, AHalfWrittenSectorLosesNothing) {
  ASSERT_EQ(save("first"), "");
  ASSERT_EQ(save("second"), "");
  const auto good = store.bytes;
  ASSERT_EQ(save("third"), "");
  const std::size_t at = store.written.back() * kSector;
  for (std::size_t cut = 0; cut < kSector; ++cut) {
    auto torn = good;
    std::copy_n(store.bytes.begin() + static_cast<std::ptrdiff_t>(at), cut,
                torn.begin() + static_cast<std::ptrdiff_t>(at));
    Aux half;
    half.bytes = torn;
    aux = &half;
    const std::string name = load();
    EXPECT_TRUE(name == "second" || name == "third") << cut << " " << name;
    EXPECT_EQ(save("fourth"), "");
    EXPECT_EQ(load(), "fourth") << cut;
  }
}

TEST_F(Choice, WhatBelongsToSomebodyElseIsNotTouched) {
  store.bytes.back() = 1;
  const auto before = store.bytes;
  EXPECT_EQ(save("a"), "auxiliary storage holds something else where it would go");
  EXPECT_EQ(store.bytes, before);
  EXPECT_EQ(load(), "");
}

TEST_F(Choice, Refusals) {
  EXPECT_EQ(save(std::string(kChoiceName, 'x')), "its name is too long to be kept");
  EXPECT_EQ(save(std::string(kChoiceName - 1, 'x')), "");
  EXPECT_EQ(load(), std::string(kChoiceName - 1, 'x'));
  store.writable = false;
  EXPECT_EQ(save("a"), "auxiliary storage cannot be written");
  store.readable = false;
  EXPECT_EQ(save("a"), "auxiliary storage cannot be read");
  EXPECT_EQ(load(), "");
  storage.sectors = 0;
  EXPECT_EQ(save("a"), "there is no auxiliary storage (-M vmapple,aux=FILE)");
  EXPECT_EQ(load(), "");
}

}  // namespace
}  // namespace quince::test
