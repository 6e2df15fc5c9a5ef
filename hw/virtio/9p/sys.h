// Outcomes of host calls: a value, or the errno that the guest is told.
#pragma once

#include <cerrno>
#include <tl/expected.hpp>

namespace quince::p9 {

/// A value or a positive errno.
template <class T>
using Sys = tl::expected<T, int>;

inline tl::unexpected<int> error(int number) { return tl::unexpected<int>(number); }
/// The error of a host call that has just failed.
inline tl::unexpected<int> last_error() { return tl::unexpected<int>(errno); }
/// The outcome of a host call that says -1 for an error.
inline Sys<void> outcome(int result) {
  if (result < 0) return last_error();
  return {};
}

}  // namespace quince::p9
