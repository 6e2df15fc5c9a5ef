#include "firmware/boot_rom.h"

#include <cstring>
#include <string_view>

// QUINCE_BOOT_ROM is the file's name.
asm(".pushsection .rodata\n"
    ".balign 16\n"
    ".globl quince_boot_rom, quince_boot_rom_end\n"
    "quince_boot_rom: .incbin \"" QUINCE_BOOT_ROM
    "\"\n"
    "quince_boot_rom_end:\n"
    ".popsection");
extern "C" const unsigned char quince_boot_rom[], quince_boot_rom_end[];

namespace quince::firmware {

std::span<const u8> boot_rom() {
  return {quince_boot_rom, static_cast<std::size_t>(quince_boot_rom_end - quince_boot_rom)};
}

bool is_boot_rom(std::span<const u8> image) {
  constexpr std::string_view kName = "Quince boot ROM";
  constexpr std::size_t kAt = 8;
  return image.size() > kAt + kName.size() &&
         std::memcmp(image.data() + kAt, kName.data(), kName.size() + 1) == 0;
}

}  // namespace quince::firmware
