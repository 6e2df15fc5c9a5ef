// ELF64 programs for AArch64 (System V ABI, chapters 4 "Object Files" and 5 "Program Loading";
// ELF for the Arm 64-bit Architecture, IHI 0056).  Only the program headers are looked at: no
// sections, symbols, notes or relocations.
#include <algorithm>
#include <limits>

#include "base/bits.h"
#include "firmware/image.h"

namespace quince::firmware {
namespace {

constexpr std::size_t kHeaderSize = 64, kProgramHeaderSize = 56;
// Offsets in the file header.
constexpr std::size_t kClass = 4, kData = 5, kType = 16, kMachine = 18, kEntry = 24, kPhoff = 32,
                      kPhentsize = 54, kPhnum = 56;
// Offsets in a program header.
constexpr std::size_t kSegmentType = 0, kOffset = 8, kVaddr = 16, kPaddr = 24, kFilesz = 32,
                      kMemsz = 40;
constexpr u8 kElfClass64 = 2, kElfDataLittle = 1;
constexpr u16 kEtExec = 2, kEtDyn = 3, kEmAarch64 = 183;
constexpr u32 kPtLoad = 1;

const char* machine_name(u16 machine) {
  switch (machine) {
    case 3:
      return "32-bit x86";
    case 8:
      return "MIPS";
    case 21:
      return "64-bit POWER";
    case 40:
      return "32-bit Arm";
    case 62:
      return "x86-64";
    case 243:
      return "RISC-V";
    case 258:
      return "LoongArch";
    default:
      return "another machine";
  }
}

Result<void> check_header(std::span<const u8> f) {
  if (f.size() < kHeaderSize) return fail("the ELF header is truncated");
  const u16 machine = load_le<u16>(&f[kMachine]);
  if (f[kData] != kElfDataLittle) return fail("it is a big-endian ELF file");
  if (machine != kEmAarch64)
    return fail("it is an ELF file for {} (machine {}), not for AArch64", machine_name(machine),
                machine);
  if (f[kClass] != kElfClass64) return fail("it is not a 64-bit ELF file");
  const u16 type = load_le<u16>(&f[kType]);
  if (type != kEtExec && type != kEtDyn)
    return fail("it is an ELF file but not a program (type {})", type);
  if (load_le<u16>(&f[kPhentsize]) != kProgramHeaderSize && load_le<u16>(&f[kPhnum]) != 0)
    return fail("its ELF program headers have an unknown size");
  const u64 offset = load_le<u64>(&f[kPhoff]);
  const u64 size = u64{load_le<u16>(&f[kPhnum])} * kProgramHeaderSize;
  if (offset > f.size() || size > f.size() - offset)
    return fail("its ELF program headers lie outside the file");
  return {};
}

/// A PT_LOAD header.
struct Load {
  u64 offset, vaddr, paddr, file_size, memory_size;
};

Result<Load> read_load(std::span<const u8> f, const u8* header, unsigned index) {
  const Load l{load_le<u64>(header + kOffset), load_le<u64>(header + kVaddr),
               load_le<u64>(header + kPaddr), load_le<u64>(header + kFilesz),
               load_le<u64>(header + kMemsz)};
  if (l.offset > f.size() || l.file_size > f.size() - l.offset)
    return fail("the bytes of ELF segment {} lie outside the file", index);
  if (l.memory_size < l.file_size)
    return fail("ELF segment {} is larger in the file than in memory", index);
  if (l.memory_size > std::numeric_limits<u64>::max() - l.paddr)
    return fail("ELF segment {} runs past the last address", index);
  return l;
}

}  // namespace

bool is_elf(std::span<const u8> file) {
  return file.size() >= 4 && file[0] == 0x7f && file[1] == 'E' && file[2] == 'L' && file[3] == 'F';
}

Result<Image> parse_elf(std::vector<u8> file) {
  if (!is_elf(file)) return fail("it is not an ELF file");
  TRY_VOID(check_header(file));
  Image image;
  image.kind = ImageKind::Elf;
  image.format = "ELF";
  image.data = std::move(file);
  const std::span<const u8> f = image.data;
  const u64 entry = load_le<u64>(&f[kEntry]);
  image.entry = PhysAddr(entry);

  const u64 headers = load_le<u64>(&f[kPhoff]);
  const unsigned count = load_le<u16>(&f[kPhnum]);
  u64 low = std::numeric_limits<u64>::max();
  u64 high = 0;
  bool entry_found = false;
  for (unsigned n = 0; n < count; ++n) {
    const u8* header = f.data() + headers + u64{n} * kProgramHeaderSize;
    if (load_le<u32>(header + kSegmentType) != kPtLoad) continue;
    const Load l = TRY(read_load(f, header, n));
    if (l.memory_size == 0) continue;
    image.segments.push_back({PhysAddr(l.paddr), f.subspan(l.offset, l.file_size), l.memory_size});
    if (!entry_found && entry >= l.vaddr && entry - l.vaddr < l.memory_size) {
      image.entry = PhysAddr(l.paddr + (entry - l.vaddr));
      entry_found = true;
    }
    low = std::min(low, l.paddr);
    high = std::max(high, l.paddr + l.memory_size);
  }
  if (image.segments.empty()) return fail("it is an ELF file with nothing to load");
  image.size = high - low;
  return image;
}

}  // namespace quince::firmware
