// What every test here does with a target.
#pragma once

#include <fmt/core.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "tests/support/device_fuzz.h"

namespace quince::test {

/// Fuzzes a target as the environment says; every register of its windows must be reached.
inline void fuzz(const char* name, std::function<void(FuzzBench&)> build, u16 requesters = 1) {
  const FuzzOptions options = FuzzOptions::from_environment();
  fmt::print("{}: {} accesses, seed {}\n", name, options.accesses, options.seed);
  const auto report = fuzz_device({name, std::move(build), requesters}, options);
  ASSERT_TRUE(report) << report.error().message();
  fmt::print("{}: {}\n", name, report->text());
  EXPECT_EQ(report->untouched, std::vector<std::string>{});
}

}  // namespace quince::test
