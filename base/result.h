// Errors of the host environment (a missing file, a bad option) as values with context.
#pragma once

#include <fmt/core.h>

#include <string>
#include <tl/expected.hpp>
#include <utility>

namespace quince {

/// What went wrong, as one line for the person at the terminal.
class [[nodiscard]] Error {
 public:
  explicit Error(std::string message) : message_(std::move(message)) {}
  const std::string& message() const { return message_; }

  /// The same error with "context: " before it.
  Error in(std::string_view context) const { return Error(fmt::format("{}: {}", context, message_)); }

 private:
  std::string message_;
};

template <class T>
using Result = tl::expected<T, Error>;

/// Makes the error side of a Result from a format string.
template <class... A>
tl::unexpected<Error> fail(fmt::format_string<A...> format, A&&... args) {
  return tl::unexpected<Error>(Error(fmt::format(format, std::forward<A>(args)...)));
}

}  // namespace quince

/// The value of a Result expression, or return its error from the enclosing function.
#define TRY(expression)                                             \
  __extension__({                                                   \
    auto try_result = (expression);                                 \
    if (!try_result) return ::tl::unexpected(try_result.error());   \
    std::move(try_result).value();                                  \
  })

/// The same for Result<void>, which has no value to move.
#define TRY_VOID(expression)                                        \
  do {                                                              \
    auto try_result = (expression);                                 \
    if (!try_result) return ::tl::unexpected(try_result.error());   \
  } while (false)
