#include "tests/guest/xnu_like/hand_over.h"

#include <fmt/format.h>

#include <algorithm>

namespace quince::test {

namespace {

constexpr u64 kTreeOffset = 0x4000;         // from boot_args: the next page
constexpr u64 kSocBase = 0x1000'0000;       // the board's devices, docs/platform.md
constexpr u32 kTemplateFlag = 0x8000'0000;  // of a length: to be filled by the boot loader
constexpr std::size_t kNameBytes = 32;

void put(std::vector<u8>& out, u64 value, unsigned bytes) {
  for (unsigned i = 0; i < bytes; ++i) out.push_back(static_cast<u8>(value >> (8 * i)));
}

void put_at(std::vector<u8>& out, std::size_t at, u64 value, unsigned bytes) {
  for (unsigned i = 0; i < bytes; ++i) out.at(at + i) = static_cast<u8>(value >> (8 * i));
}

AppleNode device_tree(const HandOver& h) {
  AppleNode root;
  root.set("name", "device-tree");
  root.set("compatible", "VMA2MACOSAP");
  root.set("target-type", "VMA2MACOS");
  root.child("chosen").set32("chip-id", 0xfe00);
  AppleNode& cpus = root.child("cpus");
  for (unsigned n = 0; n < h.cpus; ++n) {
    AppleNode& cpu = cpus.child(fmt::format("cpu{}", n));
    cpu.set32("reg", n / 16 << 8 | n % 16);
    cpu.set("state", n == 0 ? "running" : "waiting");
    cpu.set("timebase-frequency", std::vector<u64>{h.timebase});
  }
  AppleNode& io = root.child("arm-io");
  io.set("compatible", "arm-io,vmapple1");
  io.set("ranges", std::vector<u64>{0, kSocBase, 0x6000'0000});
  AppleNode& gic = io.child("gic");
  gic.set("compatible", "gic,vmapple1");
  gic.set("reg", std::vector<u64>{0, 0x1'0000, 0x1'0000, 0x40'0000});
  io.child("uart0").set("reg", std::vector<u64>{0x1001'0000, 0x1'0000});
  io.child("rtc").set("reg", std::vector<u64>{0x2024'0000, 0x1000});
  return root;
}

}  // namespace

AppleNode& AppleNode::child(std::string_view name) {
  AppleNode& c = children.emplace_back();
  c.set("name", name);
  return c;
}

void AppleNode::set(std::string_view name, std::string_view text) {
  std::vector<u8> value(text.begin(), text.end());
  value.push_back(0);
  properties.emplace_back(name, std::move(value));
}

void AppleNode::set(std::string_view name, const std::vector<u64>& words) {
  std::vector<u8> value;
  for (const u64 w : words) put(value, w, 8);
  properties.emplace_back(name, std::move(value));
}

void AppleNode::set32(std::string_view name, u32 word) {
  std::vector<u8> value;
  put(value, word, 4);
  properties.emplace_back(name, std::move(value));
}

void AppleNode::append_to(std::vector<u8>& out) const {
  put(out, properties.size(), 4);
  put(out, children.size(), 4);
  for (const auto& [name, value] : properties) {
    std::vector<u8> padded(name.begin(), name.end());
    padded.resize(kNameBytes);
    out.insert(out.end(), padded.begin(), padded.end());
    // A reader has to ignore the flag: here on what a template leaves to the boot loader.
    const u32 flag = name == "timebase-frequency" ? kTemplateFlag : 0;
    put(out, static_cast<u32>(value.size()) | flag, 4);
    out.insert(out.end(), value.begin(), value.end());
    while (out.size() % 4 != 0) out.push_back(0);
  }
  for (const AppleNode& c : children) c.append_to(out);
}

std::vector<u8> HandOver::bytes() const {
  std::vector<u8> tree;
  device_tree(*this).append_to(tree);
  std::vector<u8> out(kTreeOffset);
  const u64 tree_pa = kHandOverAddress + kTreeOffset;
  put_at(out, 0, revision, 2);
  put_at(out, 2, version, 2);
  put_at(out, 8, virt_base, 8);
  put_at(out, 16, phys_base, 8);
  put_at(out, 24, ram, 8);
  put_at(out, 32, (tree_pa + tree.size() + 0x3fff) & ~u64{0x3fff}, 8);  // topOfKernelData
  put_at(out, 96, tree_pa - phys_base + virt_base, 8);
  put_at(out, 104, tree.size(), 4);
  const std::size_t length = std::min<std::size_t>(command_line.size(), 607);
  std::copy_n(command_line.begin(), length, out.begin() + 108);
  put_at(out, 728, ram, 8);  // memSizeActual
  out.insert(out.end(), tree.begin(), tree.end());
  return out;
}

}  // namespace quince::test
