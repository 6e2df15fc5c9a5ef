// lib/format.h against the C library, where both know a form.
#include <gtest/gtest.h>

#include <cstdio>
#include <string>

extern "C" {
#include "firmware/rom/lib/format.h"
}

namespace {

#define EXPECT_AS_PRINTF(...)                                             \
  do {                                                                    \
    char ours[128], theirs[128];                                          \
    const u64 used = format_text(ours, sizeof ours, __VA_ARGS__);         \
    const int length = std::snprintf(theirs, sizeof theirs, __VA_ARGS__); \
    EXPECT_STREQ(ours, theirs);                                           \
    EXPECT_EQ(used, static_cast<u64>(length));                            \
  } while (false)

TEST(Format, IsAsPrintf) {
  EXPECT_AS_PRINTF("plain %% text");
  EXPECT_AS_PRINTF("[%s] [%8s] [%-8s] [%2s]", "abc", "abc", "abc", "abc");
  EXPECT_AS_PRINTF("[%c] [%3c] [%-3c]", 'x', 'y', 'z');
  EXPECT_AS_PRINTF("[%d] [%d] [%6d] [%-6d]", 0, -17, -17, -17);
  EXPECT_AS_PRINTF("[%u] [%5u] [%05u] [%x] [%08x]", 4000000000u, 7u, 7u, 0xbeefu, 0xbeefu);
  EXPECT_AS_PRINTF("[%lu] [%lx] [%016lx] [%ld]", ~0ul, ~0ul, 0x123ul, -9223372036854775807l - 1);
}

TEST(Format, CutsAtTheRoom) {
  char text[6] = "?????";
  EXPECT_EQ(format_text(text, sizeof text, "%s", "longer than that"), 5u);
  EXPECT_STREQ(text, "longe");
  EXPECT_EQ(format_text(text, 1, "%u", 12u), 0u);
  EXPECT_STREQ(text, "");
  text[0] = '!';
  EXPECT_EQ(format_text(text, 0, "%u", 12u), 0u);
  EXPECT_EQ(text[0], '!');
}

}  // namespace
