#include "hw/core/archive.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "base/bits.h"

namespace quince {

namespace {
constexpr char kMagic[8] = {'Q', 'U', 'I', 'N', 'C', 'E', 'S', '1'};
constexpr std::size_t kMaxName = 4096;
}  // namespace

void Archive::set_mode(Mode mode) {
  mode_ = mode;
  for (auto& [_, e] : entries_) e.consumed = false;
  error_.clear();
}

void Archive::error(std::string text) {
  if (error_.empty()) error_ = std::move(text);
}

void Archive::refuse(std::string_view name, std::string_view why) {
  error(fmt::format("snapshot field '{}{}': {}", prefix_, name, why));
}

void Archive::bytes(std::string_view name, const std::string& type, std::span<u8> data,
                    const void* missing) {
  std::string path = prefix_ + std::string(name);
  if (mode_ == Mode::Save) {
    const bool fresh = entries_.try_emplace(path, Entry{type, {data.begin(), data.end()}}).second;
    if (!fresh) error(fmt::format("snapshot field '{}' is visited twice", path));
    return;
  }
  const auto it = entries_.find(path);
  if (it == entries_.end()) {
    if (missing != nullptr)
      std::memcpy(data.data(), missing, data.size());
    else
      error(fmt::format("snapshot has no field '{}'", path));
    return;
  }
  it->second.consumed = true;
  if (it->second.type != type || it->second.data.size() != data.size()) {
    error(fmt::format("snapshot field '{}' is {}, not {}", path, it->second.type, type));
    return;
  }
  if (type.starts_with("bool"))  // any other bit pattern would be undefined behaviour
    for (u8& b : it->second.data) b = b != 0 ? 1 : 0;
  std::copy(it->second.data.begin(), it->second.data.end(), data.begin());
}

void Archive::blob(std::string_view name, std::vector<u8>& data, std::size_t max) {
  std::string path = prefix_ + std::string(name);
  if (mode_ == Mode::Save) {
    if (!entries_.try_emplace(path, Entry{"blob", data}).second)
      error(fmt::format("snapshot field '{}' is visited twice", path));
    return;
  }
  const auto it = entries_.find(path);
  if (it == entries_.end()) return error(fmt::format("snapshot has no field '{}'", path));
  it->second.consumed = true;
  if (it->second.type != "blob" || it->second.data.size() > max)
    return error(fmt::format("snapshot field '{}' is no blob of at most {} bytes", path, max));
  data = it->second.data;
}

Result<void> Archive::finish() const {
  if (!error_.empty()) return fail("{}", error_);
  if (mode_ == Mode::Load)
    for (const auto& [path, e] : entries_)
      if (!e.consumed) return fail("snapshot field '{}' is unknown here", path);
  return {};
}

std::vector<u8> Archive::encode() const {
  std::vector<u8> out(std::begin(kMagic), std::end(kMagic));
  const auto number = [&](u64 v) {
    for (unsigned i = 0; i < 8; ++i) out.push_back(static_cast<u8>(v >> (8 * i)));
  };
  const auto text = [&](std::string_view s) {
    number(s.size());
    out.insert(out.end(), s.begin(), s.end());
  };
  number(entries_.size());
  for (const auto& [path, e] : entries_) {
    text(path);
    text(e.type);
    number(e.data.size());
    out.insert(out.end(), e.data.begin(), e.data.end());
  }
  return out;
}

Result<Archive> Archive::decode(std::span<const u8> image) {
  std::size_t pos = sizeof kMagic;
  if (image.size() < pos || std::memcmp(image.data(), kMagic, pos) != 0)
    return fail("not a quince snapshot");
  const auto number = [&](u64& v) {
    if (image.size() - pos < 8) return false;
    v = load_le<u64>(image.data() + pos);
    pos += 8;
    return true;
  };
  const auto run = [&](u64 n, const u8*& p) {
    if (image.size() - pos < n) return false;
    p = image.data() + pos;
    pos += n;
    return true;
  };
  const auto text = [&](std::string& s) {
    u64 n = 0;
    const u8* p = nullptr;
    if (!number(n) || n > kMaxName || !run(n, p)) return false;
    s.assign(p, p + n);
    return true;
  };
  Archive ar(Mode::Load);
  u64 count = 0;
  if (!number(count)) return fail("snapshot is cut short");
  for (u64 i = 0; i < count; ++i) {
    std::string path, type;
    u64 n = 0;
    const u8* p = nullptr;
    if (!text(path) || !text(type) || !number(n) || !run(n, p)) return fail("snapshot is cut short");
    if (!ar.entries_.try_emplace(path, Entry{type, {p, p + n}}).second)
      return fail("snapshot field '{}' appears twice", path);
  }
  if (pos != image.size()) return fail("snapshot has {} bytes too many", image.size() - pos);
  return ar;
}

std::string Archive::schema() const {
  std::string out;
  for (const auto& [path, e] : entries_) out += fmt::format("{} {}\n", path, e.type);
  return out;
}

std::string Archive::dump() const {
  std::string out;
  for (const auto& [path, e] : entries_) {
    out += path + " = ";
    for (auto it = e.data.rbegin(); it != e.data.rend(); ++it) out += fmt::format("{:02x}", *it);
    out += '\n';
  }
  return out;
}

std::optional<std::string> Archive::diff(const Archive& a, const Archive& b) {
  for (const auto& [path, e] : a.entries_) {
    const auto it = b.entries_.find(path);
    if (it == b.entries_.end()) return fmt::format("'{}' is only in the first", path);
    if (it->second.type != e.type) return fmt::format("'{}': {} and {}", path, e.type, it->second.type);
    if (it->second.data != e.data) return fmt::format("'{}' differs", path);
  }
  for (const auto& [path, _] : b.entries_)
    if (!a.entries_.contains(path)) return fmt::format("'{}' is only in the second", path);
  return std::nullopt;
}

u64 Archive::hash() const {
  u64 h = 0xcbf29ce484222325;
  for (const u8 b : encode()) h = (h ^ b) * 0x100000001b3;
  return h;
}

}  // namespace quince
