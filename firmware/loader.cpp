#include "firmware/loader.h"

#include <algorithm>
#include <charconv>
#include <string_view>

#include "base/fd.h"
#include "firmware/image.h"

namespace quince::firmware {
namespace {

/// A decimal, hexadecimal (0x) or octal (0) number that is the whole text.
Result<u64> number(std::string_view name, std::string_view text) {
  std::string_view digits = text;
  int base = 10;
  if (digits.starts_with("0x") || digits.starts_with("0X")) {
    digits.remove_prefix(2);
    base = 16;
  } else if (digits.size() > 1 && digits[0] == '0') {
    digits.remove_prefix(1);
    base = 8;
  }
  u64 value = 0;
  const char* end = digits.data() + digits.size();
  const auto [at, error] = std::from_chars(digits.data(), end, value, base);
  if (error != std::errc() || at != end)
    return fail("'{}' is not a number that {} can be", text, name);
  return value;
}

Result<bool> on_off(std::string_view name, std::string_view text) {
  if (text == "on" || text == "yes" || text == "true") return true;
  if (text == "off" || text == "no" || text == "false") return false;
  return fail("{} is 'on' or 'off', not '{}'", name, text);
}

Result<void> check(const LoaderOptions& o, bool has_data_len) {
  if (o.data.has_value() != has_data_len) return fail("data and data-len come together");
  if (has_data_len && (o.data_len < 1 || o.data_len > 8)) return fail("data-len is 1 to 8 bytes");
  if (has_data_len && o.data_len < 8 && *o.data >> (8 * o.data_len) != 0)
    return fail("the data {:#x} is longer than data-len of {} bytes", *o.data, o.data_len);
  if (o.data && !o.file.empty()) return fail("file and data exclude each other");
  if (o.data_be && !o.data) return fail("data-be needs data");
  if (o.force_raw && o.file.empty()) return fail("force-raw needs a file");
  if (o.data && !o.addr) return fail("data needs an addr");
  if (o.force_raw && !o.addr) return fail("force-raw needs an addr");
  if (o.file.empty() && !o.data && !(o.addr && o.cpu_num))
    return fail("it needs a file, data, or both addr and cpu-num");
  return {};
}

Result<LoaderOptions> parse_properties(
    std::span<const std::pair<std::string, std::string>> properties) {
  LoaderOptions o;
  bool has_data_len = false;
  for (const auto& [name, value] : properties) {
    if (name == "file") {
      if (value.empty()) return fail("file has no name");
      o.file = value;
    } else if (name == "addr") {
      o.addr = PhysAddr(TRY(number(name, value)));
    } else if (name == "force-raw") {
      o.force_raw = TRY(on_off(name, value));
    } else if (name == "data") {
      o.data = TRY(number(name, value));
    } else if (name == "data-len") {
      o.data_len = static_cast<unsigned>(std::min<u64>(TRY(number(name, value)), 9));
      has_data_len = true;
    } else if (name == "data-be") {
      o.data_be = TRY(on_off(name, value));
    } else if (name == "cpu-num") {
      const u64 cpu = TRY(number(name, value));
      if (cpu > 0xffff) return fail("cpu-num {} is too large", cpu);
      o.cpu_num = static_cast<unsigned>(cpu);
    } else {
      return fail("there is no property '{}'", name);
    }
  }
  TRY_VOID(check(o, has_data_len));
  return o;
}

constexpr const char* kOption = "-device loader";

Result<LoaderPlan> plan(const LoaderOptions& o) {
  LoaderPlan plan;
  if (o.cpu_num) {
    plan.cpu = *o.cpu_num;
    plan.pc = o.addr;
  }
  if (o.data) {
    std::vector<u8> bytes;
    for (unsigned n = 0; n < o.data_len; ++n)
      bytes.push_back(static_cast<u8>(*o.data >> (8 * (o.data_be ? o.data_len - 1 - n : n))));
    // Data says what is there, not where a CPU starts.
    plan.pc.reset();
    TRY_VOID(plan.memory.add("loader data", *o.addr, std::move(bytes)));
  }
  if (o.file.empty()) return plan;

  std::vector<u8> file = TRY(read_file(o.file));
  const std::string what = fmt::format("loader file '{}'", o.file);
  if (o.force_raw || !is_elf(file)) {
    if (!o.addr) return fail("'{}' is not an ELF file and needs an addr", o.file);
    TRY_VOID(plan.memory.add(what, *o.addr, std::move(file)));
    return plan;
  }
  auto elf = parse_elf(std::move(file));
  if (!elf) return tl::unexpected(elf.error().in(fmt::format("'{}'", o.file)));
  if (o.cpu_num) plan.pc = elf->entry;
  const std::vector<Segment> segments = elf->segments;
  plan.memory.keep(std::move(elf->data));  // a vector that moves keeps its bytes in place
  for (const Segment& s : segments)
    TRY_VOID(plan.memory.add(what, s.address, s.bytes, s.memory_size));
  return plan;
}

}  // namespace

Result<LoaderOptions> LoaderOptions::parse(
    std::span<const std::pair<std::string, std::string>> properties) {
  auto options = parse_properties(properties);
  if (!options) return tl::unexpected(options.error().in(kOption));
  return options;
}

Result<LoaderPlan> plan_loader(const LoaderOptions& options) {
  auto made = plan(options);
  if (!made) return tl::unexpected(made.error().in(kOption));
  return made;
}

}  // namespace quince::firmware
