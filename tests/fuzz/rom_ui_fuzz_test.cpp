// What of the boot ROM reads bytes that somebody else wrote: keys, reports, and text from a disk.  Sanitizers
// are the judge, and these promises: no key that does not exist, nothing over the edges, and nothing that a
// terminal would take for a command.  QUINCE_FUZZ_ACCESSES and QUINCE_FUZZ_SEED as for devices.
#include <gtest/gtest.h>

#include <cstdlib>
#include <random>
#include <string>

#include "tests/unit/firmware/rom/ui/rom_ui.h"

extern "C" {
#include "firmware/rom/menu/menu.h"
#include "firmware/rom/ui/key_decode.h"
}

namespace {

using namespace quince::test;

u64 from_environment(const char* name, u64 usual) {
  const char* text = std::getenv(name);
  return text == nullptr ? usual : std::strtoull(text, nullptr, 10);
}
u64 rounds() { return from_environment("QUINCE_FUZZ_ACCESSES", 200'000); }
std::mt19937_64 random_numbers() {
  return std::mt19937_64(from_environment("QUINCE_FUZZ_SEED", 1));
}

bool is_key(u32 key) { return key < 0x80 || (key >= kKeyUp && key <= kKeyDelete); }

/// Bytes that are often of sequences.
u8 terminal_byte(std::mt19937_64& r) {
  static constexpr char often[] = "\x1b\x1b\x1b[[O;;~ABCDHFM0123456789\r\n";
  return static_cast<u8>(r() % 4 == 0 ? r() : static_cast<u64>(often[r() % (sizeof often - 1)]));
}

TEST(RomUiFuzz, TerminalBytes) {
  auto r = random_numbers();
  KeyBytes k{};
  for (u64 n = 0; n < rounds(); ++n) {
    ASSERT_TRUE(is_key(key_byte(&k, terminal_byte(r))));
    if (r() % 16 != 0 || !key_open(&k)) continue;
    ASSERT_TRUE(is_key(key_timeout(&k)));
  }
}

TEST(RomUiFuzz, KeyboardReports) {
  auto r = random_numbers();
  KeyReports k{};
  for (u64 n = 0; n < rounds(); ++n) {
    u8 report[kReportLength] = {};
    for (u8& byte : report)
      if (r() % 2 == 0) byte = static_cast<u8>(r());
    u32 keys[kReportUsages];
    const u32 count = key_report(&k, report, keys);
    ASSERT_LE(count, u32{kReportUsages});
    for (u32 i = 0; i < count; ++i) ASSERT_TRUE(is_key(keys[i]));
    ASSERT_TRUE(is_key(key_repeated(&k)));
  }
}

/// Text that is often UTF-8, and often nearly.
std::string text(std::mt19937_64& r) {
  std::string s;
  for (u64 n = r() % 120; n != 0; --n) {
    char bytes[3];
    if (r() % 4 == 0)
      s += static_cast<char>(r() | 1);
    else
      s.append(bytes, utf8_put(bytes, static_cast<u32>(r() % (r() % 2 == 0 ? 0x80 : 0x10000)) | 1));
  }
  return s;
}

std::string written;
void put(char c) { written += c; }

/// Only sequences of terminal.c, and no other control characters but ends of lines.
void expect_tame() {
  for (std::size_t at = 0; at < written.size(); ++at) {
    const auto byte = static_cast<u8>(written[at]);
    ASSERT_TRUE(byte >= 0x20 || byte == '\r' || byte == '\n' || byte == 0x1b);
    ASSERT_NE(byte, 0x7f);
    ASSERT_TRUE(byte != 0x1b || written.at(at + 1) == '[');
    // C1 in UTF-8.
    ASSERT_TRUE(byte != 0xc2 || static_cast<u8>(written.at(at + 1)) >= 0xa0);
  }
}

int nothing(void*) { return kMenuAgain; }

TEST(RomUiFuzz, TextOfAnywhere) {
  auto r = random_numbers();
  std::vector<u64> pixels(640 * 400 / 2 + 2);
  const Framebuffer fb{reinterpret_cast<u64>(pixels.data() + 1), 640, 400, 2560, 2560 * 400};
  for (u64 n = 0; n < rounds() / 2000 + 1; ++n) {
    TestMemory memory(u64{1} << 20);
    Console c{};
    written.clear();
    console_open(&c, put, &fb, &memory.arena);
    std::vector<std::string> words;
    std::vector<MenuItem> items;
    const u64 count = 1 + r() % 40;
    for (u64 i = 0; i < 2 * count + 3; ++i) words.push_back(text(r));
    for (u64 i = 0; i < count; ++i)
      items.push_back({words[2 * i].c_str(), r() % 2 == 0 ? nullptr : words[2 * i + 1].c_str(),
                       nothing, nullptr});
    Menu m{};
    m.title = words[2 * count].c_str();
    m.facts = words[2 * count + 1].c_str();
    m.status = words[2 * count + 2].c_str();
    m.items = items.data();
    m.count = static_cast<u32>(count);
    m.usual = static_cast<s32>(r() % count) - 1;
    u32 figures = 0;
    for (u32 i = 0; i < 4; ++i) {
      console_draw(
          &c, [](const void* of, Grid* g) { menu_draw(static_cast<const Menu*>(of), g); }, &m);
      menu_key(&m, static_cast<u32>(r() % 4 == 0 ? r() : '0' + r() % 10), &figures);
      ASSERT_LT(m.chosen, m.count);
    }
    console_page(&c, m.title);
    for (u32 i = 0; i < 30; ++i) console_print(&c, "%s\n", words[r() % words.size()].c_str());
    console_rest(&c);
    expect_tame();
    ASSERT_EQ(pixels.front(), 0u);
    ASSERT_EQ(pixels.back(), 0u);
  }
}

}  // namespace
