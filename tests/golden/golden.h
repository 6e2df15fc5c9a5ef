// Files of the repository that the code can write: documentation made from tables, and schemas.
// A test makes the text and compares; QUINCE_UPDATE_GOLDEN=1 writes the file instead.
#pragma once

#include <string>

namespace quince::test {

/// Fails the current test, with the first line that differs, unless the file at `path` (from the
/// root of the sources) holds exactly `text`.  With QUINCE_UPDATE_GOLDEN=1, makes it so.
void expect_golden(const std::string& path, const std::string& text);

}  // namespace quince::test
