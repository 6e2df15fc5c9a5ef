// The names and types of everything that a snapshot holds.  A change here is a change of the
// format: what older snapshots lack must become Archive::optional.
#include <gtest/gtest.h>

#include "hw/core/archive.h"
#include "machine/machine.h"
#include "tests/golden/golden.h"

namespace quince::test {
namespace {

TEST(SnapshotSchema, IsTheOneInTheFile) {
  machine::MachineConfig config;
  config.ram = 16 * MiB;
  config.clock.deterministic = true;
  auto m = machine::Machine::create(std::move(config));
  ASSERT_TRUE(m) << m.error().message();
  Archive saved(Archive::Mode::Save);
  (*m)->snapshot(saved);
  const std::string schema = saved.schema();
  // Every unit is in it.
  for (const hw::Device* d : (*m)->devices())
    EXPECT_NE(("\n" + schema).find("\n" + d->name() + "."), std::string::npos) << d->name();
  EXPECT_NE(schema.find("cpu0.pc u64\n"), std::string::npos);
  expect_golden("tests/golden/snapshot_schema.txt", schema);
}

}  // namespace
}  // namespace quince::test
