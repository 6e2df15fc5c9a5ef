#include "firmware/linux_boot.h"

#include <algorithm>
#include <limits>
#include <optional>

#include "base/bits.h"
#include "base/fd.h"

namespace quince::firmware {
namespace {

constexpr u64 kPage = 4 * KiB;
constexpr u64 kBlock = 2 * MiB;
constexpr u64 kRawOffset = 512 * KiB;
/// What patch_dtb may add besides the command line.
constexpr u64 kPatchRoom = 4 * KiB;

/// `start + distance` rounded up, as a range of `size` bytes inside RAM; nothing when it does not
/// fit.  No sum in here can wrap.
std::optional<Range> place(const Range& ram, u64 distance, u64 align, u64 size) {
  if (distance > ram.size) return std::nullopt;
  const u64 wanted = ram.start.raw() + distance;
  if (wanted > std::numeric_limits<u64>::max() - align) return std::nullopt;
  const PhysAddr at(align_up(wanted, align));
  const u64 skipped = at - ram.start;
  if (skipped > ram.size || size > ram.size - skipped) return std::nullopt;
  return Range{at, size};
}

std::string describe(const Range& ram) {
  return ram.size % MiB == 0 ? fmt::format("{} MiB at {:#x}", ram.size / MiB, ram.start.raw())
                             : fmt::format("{:#x} bytes at {:#x}", ram.size, ram.start.raw());
}

/// Where the kernel may go, best first.  A Linux Image takes a 2 MiB boundary plus text_offset.
std::vector<Range> kernel_places(const Range& ram, const Image& image) {
  if (image.kind == ImageKind::Elf) return {Range{image.lowest(), image.size}};
  std::vector<Range> places;
  const auto add = [&](u64 distance) {
    if (const auto at = place(ram, distance, 1, image.size)) places.push_back(*at);
  };
  if (image.kind == ImageKind::Raw) {
    add(kRawOffset);
  } else if (const auto first = place(ram, 0, kBlock, 0); first && image.text_offset <= ram.size) {
    const u64 distance = first->start - ram.start + image.text_offset;
    if (image.text_offset < kPage) add(distance + kBlock);
    add(distance);
  }
  return places;
}

tl::unexpected<Error> no_place(const BootInputs& in) {
  const std::string offset = in.kernel.kind == ImageKind::Linux
                                 ? fmt::format(" and a text offset of {:#x}", in.kernel.text_offset)
                                 : "";
  return fail(
      "-kernel: could not load kernel '{}': it needs {:#x} bytes{}, which do not fit in RAM ({})",
      in.kernel_name, in.kernel.size, offset, describe(in.ram));
}

/// The places of everything.
struct Layout {
  Range kernel, initrd, dtb;
};

/// Initrd and device tree from a distance on.
std::optional<Layout> place_behind(const Range& ram, const Range& kernel, u64 distance, u64 align,
                                   u64 initrd_size, u64 dtb_room) {
  const auto initrd = place(ram, distance, align, initrd_size);
  if (!initrd) return std::nullopt;
  const auto dtb = place(ram, initrd->end() - ram.start, align, dtb_room);
  if (!dtb) return std::nullopt;
  return Layout{kernel, *initrd, *dtb};
}

/// The device tree of an ELF program: at the start of RAM, where such programs look for it.
std::optional<Range> place_elf_dtb(const Range& ram, const Image& image, u64 room) {
  const Range low{ram.start, room};
  if (room > ram.size) return std::nullopt;
  for (const Segment& s : image.segments)
    if (low.overlaps({s.address, s.memory_size})) return std::nullopt;
  return low;
}

/// Where the kernel's part of RAM ends; an ELF program may lie elsewhere, or in several places.
PhysAddr end_in_ram(const BootInputs& in, const Range& kernel) {
  if (in.kernel.kind != ImageKind::Elf) return kernel.end();
  PhysAddr end = in.ram.start;
  for (const Segment& s : in.kernel.segments)
    if (const Range r{s.address, s.memory_size}; in.ram.contains(r)) end = std::max(end, r.end());
  return end;
}

/// The layout for one place of the kernel.
Result<Layout> lay_out(const BootInputs& in, const Range& kernel) {
  const u64 initrd_size = in.initrd.bytes.size();
  const u64 dtb_room = in.dtb.bytes.empty()
                           ? 0
                           : align_up(in.dtb.bytes.size() + in.append.size() + kPatchRoom, kPage);
  const u64 kernel_end = end_in_ram(in, kernel) - in.ram.start;
  const u64 usual = std::max(kernel_end, std::min(in.ram.size / 2, 128 * MiB));
  auto found = place_behind(in.ram, kernel, usual, kBlock, initrd_size, dtb_room);
  if (!found) found = place_behind(in.ram, kernel, kernel_end, kPage, initrd_size, dtb_room);
  if (found && in.kernel.kind == ImageKind::Elf)
    found->dtb = place_elf_dtb(in.ram, in.kernel, dtb_room).value_or(found->dtb);
  if (found) return *found;
  const std::string room = fmt::format("behind the kernel, which ends at {:#x}, in RAM ({})",
                                       (in.ram.start + kernel_end).raw(), describe(in.ram));
  if (initrd_size == 0 || place_behind(in.ram, kernel, kernel_end, kPage, initrd_size, 0))
    return fail("-dtb: the device tree needs {:#x} bytes, which do not fit {}", dtb_room, room);
  return fail("-initrd: could not load initrd '{}': its {:#x} bytes do not fit {}", in.initrd.name,
              initrd_size, room);
}

/// The first place of the kernel that leaves room for the rest, or why the last one does not.
Result<Layout> lay_out(const BootInputs& in) {
  Result<Layout> layout = no_place(in);
  for (const Range& kernel : kernel_places(in.ram, in.kernel)) {
    layout = lay_out(in, kernel);
    if (layout) break;
  }
  return layout;
}

/// Moves the kernel's bytes, which stay in place, and its segments to the list.
Result<void> add_kernel(BootInputs& in, const Range& kernel, LoadList& list) {
  const bool absolute = in.kernel.kind == ImageKind::Elf;
  list.keep(std::move(in.kernel.data));
  for (const Segment& s : in.kernel.segments) {
    const PhysAddr at = absolute ? s.address : kernel.start + s.address.raw();
    const auto added =
        list.add(fmt::format("kernel '{}'", in.kernel_name), at, s.bytes, s.memory_size);
    if (!added) return tl::unexpected(added.error().in("-kernel"));
  }
  return {};
}

/// A property value of big-endian cells, where a number may be too large for them.
Result<std::vector<u8>> reg(const Range& range, unsigned address_cells, unsigned size_cells) {
  std::vector<u8> out;
  if (!append_cells(out, range.start.raw(), address_cells))
    return fail("its #address-cells of {} cannot say {:#x}", address_cells, range.start.raw());
  if (!append_cells(out, range.size, size_cells))
    return fail("its #size-cells of {} cannot say {:#x}", size_cells, range.size);
  return out;
}

}  // namespace

Result<Image> read_kernel(const std::string& path) {
  auto file = read_file(path, kMaxUnpacked);
  if (!file) return fail("-kernel: could not load kernel '{}': {}", path, file.error().message());
  auto image = parse_image(std::move(*file));
  if (!image) return fail("-kernel: could not load kernel '{}': {}", path, image.error().message());
  return image;
}

Result<NamedFile> read_initrd(const std::string& path) {
  auto file = read_file(path);
  if (!file) return fail("-initrd: could not load initrd '{}': {}", path, file.error().message());
  if (file->empty()) return fail("-initrd: could not load initrd '{}': the file is empty", path);
  return NamedFile{path, std::move(*file)};
}

Result<NamedFile> read_dtb(const std::string& path) {
  auto file = read_file(path, kMaxFdtBytes);
  if (!file) return fail("-dtb: could not load device tree '{}': {}", path, file.error().message());
  if (auto sound = FdtEditor::open(*file); !sound)
    return fail("-dtb: could not load device tree '{}': {}", path, sound.error().message());
  return NamedFile{path, std::move(*file)};
}

Result<std::vector<u8>> patch_dtb(std::span<const u8> dtb, const DtbPatch& patch) {
  FdtEditor tree = TRY(FdtEditor::open(dtb));
  const unsigned address_cells = TRY(tree.address_cells());
  const unsigned size_cells = TRY(tree.size_cells());
  const std::vector<u8> ram = TRY(reg(patch.ram, address_cells, size_cells));

  tree.remove_nodes("memory");
  const std::string memory = fmt::format("memory@{:x}", patch.ram.start.raw());
  const std::string memory_path = "/" + memory;
  tree.ensure_node(memory.c_str());
  tree.string(memory_path.c_str(), "device_type", "memory");
  tree.bytes(memory_path.c_str(), "reg", ram);

  tree.ensure_node("chosen");
  if (!patch.append.empty()) tree.string("/chosen", "bootargs", patch.append);
  if (patch.initrd.size != 0) {
    // Linux takes one or two cells here, whatever the root says.
    const unsigned cells = std::min(address_cells, 2u);
    tree.number("/chosen", "linux,initrd-start", patch.initrd.start.raw(), cells);
    tree.number("/chosen", "linux,initrd-end", patch.initrd.end().raw(), cells);
  }
  return tree.finish();
}

Result<BootPlan> plan_boot(BootInputs in) {
  BootPlan plan;
  const Layout at = TRY(lay_out(in));
  plan.kernel = at.kernel;
  plan.initrd = at.initrd;

  TRY_VOID(add_kernel(in, plan.kernel, plan.memory));
  plan.pc = in.kernel.kind == ImageKind::Elf ? in.kernel.entry
                                             : plan.kernel.start + in.kernel.entry.raw();
  if (!in.initrd.bytes.empty())
    TRY_VOID(plan.memory.add(fmt::format("initrd '{}'", in.initrd.name), at.initrd.start,
                             std::move(in.initrd.bytes)));
  if (!in.dtb.bytes.empty()) {
    auto tree = patch_dtb(in.dtb.bytes, {in.ram, at.initrd, in.append});
    if (!tree)
      return in.dtb.name.empty()
                 ? tl::unexpected(tree.error().in("the generated device tree"))
                 : tl::unexpected(tree.error().in(fmt::format("-dtb: '{}'", in.dtb.name)));
    plan.dtb = {at.dtb.start, tree->size()};
    if (plan.dtb.size > at.dtb.size) return fail("-dtb: the completed device tree is too large");
    plan.dtb_bytes = plan.memory.keep(std::move(*tree));
    plan.x0 = plan.dtb.start.raw();
    TRY_VOID(plan.memory.add("device tree", plan.dtb.start, plan.dtb_bytes, plan.dtb.size));
  }
  // Only an ELF program can be where something else is.
  if (const auto apart = plan.memory.check_overlaps(); !apart)
    return fail("-kernel: could not load kernel '{}': {}", in.kernel_name, apart.error().message());
  return plan;
}

}  // namespace quince::firmware
