#include "block/tool/bundle/bundle.h"

#include <glib.h>
#include <plist/plist.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>

namespace quince::block::tool {

namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

constexpr std::size_t kMaxFile = 1 * MiB;  // of a description

Result<std::string> read_text(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) return fail("could not read '{}'", path.string());
  std::string text(kMaxFile + 1, 0);
  in.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(in.gcount()));
  if (text.size() > kMaxFile) return fail("'{}' is too large for a description", path.string());
  return text;
}

std::string inside(const std::string& folder, const std::string& path) {
  return (fs::path(folder) / path).lexically_normal().string();
}

// ---- Property lists ----------------------------------------------------------------------------

struct FreePlist {
  void operator()(void* p) const { plist_free(p); }
};
using Plist = std::unique_ptr<void, FreePlist>;

/// A list must not nest deeper than the parser's stack can follow, which trusts it.
Result<Plist> parse_plist(std::string_view bytes) {
  if (bytes.size() > kMaxFile) return fail("the property list is too large");
  plist_t root = nullptr;
  plist_from_memory(bytes.data(), static_cast<u32>(bytes.size()), &root);
  if (root == nullptr) return fail("there is no property list");
  return Plist(root);
}

/// By keys, one below the other; null when there is none, or it has another type.
plist_t find(plist_t node, std::initializer_list<const char*> keys, plist_type type) {
  for (const char* key : keys) {
    if (node == nullptr || plist_get_node_type(node) != PLIST_DICT) return nullptr;
    node = plist_dict_get_item(node, key);
  }
  return node != nullptr && plist_get_node_type(node) == type ? node : nullptr;
}

std::string text_of(plist_t node) {
  if (node == nullptr) return "";
  uint64_t length = 0;
  const char* s = plist_get_string_ptr(node, &length);
  return s != nullptr ? std::string(s, length) : "";
}

u64 number_of(plist_t node) {
  uint64_t n = 0;
  if (node != nullptr) plist_get_uint_val(node, &n);
  return n;
}

// ---- JSON --------------------------------------------------------------------------------------

Result<Json> parse_json(std::string_view text) {
  Json j = Json::parse(text, nullptr, false);
  if (!j.is_object()) return fail("it is no JSON object");
  return j;
}

/// A member of a type, or nothing; another type is an error.
template <class T>
Result<std::optional<T>> member(const Json& j, const char* key) {
  const auto it = j.find(key);
  if (it == j.end() || it->is_null()) return std::optional<T>();
  if constexpr (std::is_same_v<T, u64>) {
    if (!it->is_number_unsigned()) return fail("'{}' is no number", key);
  } else {
    if (!it->is_string()) return fail("'{}' is no text", key);
  }
  return std::optional<T>(it->get<T>());
}

Result<u64> ecid_of_base64(const std::string& text) {
  gsize length = 0;
  const std::unique_ptr<guchar, decltype(&g_free)> bytes(g_base64_decode(text.c_str(), &length),
                                                         g_free);
  return parse_machine_identifier({reinterpret_cast<const char*>(bytes.get()), length});
}

Result<std::optional<MacAddress>> mac_of(const std::optional<std::string>& text) {
  if (!text) return std::optional<MacAddress>();
  return std::optional<MacAddress>(TRY(parse_mac("mac", *text)));
}

}  // namespace

Result<u64> parse_machine_identifier(std::string_view plist) {
  const Plist root = TRY(parse_plist(plist));
  const plist_t ecid = find(root.get(), {"ECID"}, PLIST_UINT);
  if (ecid == nullptr) return fail("the machine identifier has no ECID");
  return number_of(ecid);
}

Result<Bundle> parse_macosvm(std::string_view text, const std::string& folder) {
  const Json j = TRY(parse_json(text));
  Bundle b;
  const auto id = TRY(member<std::string>(j, "machineId"));
  if (!id) return fail("'machineId' is missing");
  b.ecid = TRY(ecid_of_base64(*id));
  b.memory = TRY(member<u64>(j, "ram")).value_or(0);
  b.cpus = TRY(member<u64>(j, "cpus")).value_or(0);
  if (const auto storage = j.find("storage"); storage != j.end())
    for (const Json& s : *storage) {
      if (!s.is_object()) return fail("'storage' has something that is no object");
      const auto type = TRY(member<std::string>(s, "type")),
                 file = TRY(member<std::string>(s, "file"));
      if (!type || !file) continue;
      if (*type == "disk" && b.disk.empty()) b.disk = inside(folder, *file);
      if (*type == "aux") b.aux = inside(folder, *file);
    }
  if (const auto networks = j.find("networks"); networks != j.end() && networks->is_array() &&
                                                !networks->empty() &&
                                                networks->front().is_object()) {
    const auto mac = TRY(member<std::string>(networks->front(), "mac"));
    b.mac = TRY(mac_of(mac));
  }
  return b;
}

Result<Bundle> parse_tart(std::string_view text, const std::string& folder) {
  const Json j = TRY(parse_json(text));
  Bundle b{.mac = {}, .disk = inside(folder, "disk.img"), .aux = inside(folder, "nvram.bin")};
  const auto ecid = TRY(member<std::string>(j, "ecid"));
  if (!ecid) return fail("'ecid' is missing");
  b.ecid = TRY(ecid_of_base64(*ecid));
  b.memory = TRY(member<u64>(j, "memorySize")).value_or(0);
  b.cpus = TRY(member<u64>(j, "cpuCount")).value_or(0);
  const auto mac = TRY(member<std::string>(j, "macAddress"));
  b.mac = TRY(mac_of(mac));
  return b;
}

Result<Bundle> parse_utm(std::string_view text, const std::string& folder) {
  const Plist root = TRY(parse_plist(text));
  const plist_t platform = find(root.get(), {"System", "MacPlatform"}, PLIST_DICT);
  const plist_t id = find(platform, {"MachineIdentifier"}, PLIST_DATA);
  if (id == nullptr) return fail("'System/MacPlatform/MachineIdentifier' is missing");
  Bundle b;
  uint64_t length = 0;
  const char* bytes = plist_get_data_ptr(id, &length);
  b.ecid = TRY(parse_machine_identifier({bytes, length}));
  b.cpus = number_of(find(root.get(), {"System", "CPUCount"}, PLIST_UINT));
  const u64 mebibytes = number_of(find(root.get(), {"System", "MemorySize"}, PLIST_UINT));
  if (mebibytes < ~u64{0} / MiB) b.memory = mebibytes * MiB;
  if (const std::string aux = text_of(find(platform, {"AuxiliaryStoragePath"}, PLIST_STRING));
      !aux.empty())
    b.aux = inside(folder, "Data/" + aux);
  const auto first = [&](const char* list) -> plist_t {
    const plist_t all = find(root.get(), {list}, PLIST_ARRAY);
    return all != nullptr && plist_array_get_size(all) != 0 ? plist_array_get_item(all, 0)
                                                            : nullptr;
  };
  if (const std::string disk = text_of(find(first("Drive"), {"ImageName"}, PLIST_STRING));
      !disk.empty())
    b.disk = inside(folder, "Data/" + disk);
  if (const std::string mac = text_of(find(first("Network"), {"MacAddress"}, PLIST_STRING));
      !mac.empty())
    b.mac = TRY(parse_mac("MacAddress", mac));
  return b;
}

namespace {

using Parse = Result<Bundle> (*)(std::string_view, const std::string&);

Result<Bundle> parse_sample(std::string_view plist, const std::string& folder) {
  Bundle b{
      .mac = {}, .disk = inside(folder, "Disk.img"), .aux = inside(folder, "AuxiliaryStorage")};
  b.ecid = TRY(parse_machine_identifier(plist));
  return b;
}

/// The description in a folder, and what reads it.
struct Description {
  fs::path file;
  Parse parse;
};

std::optional<Description> find_description(const fs::path& folder) {
  std::error_code error;
  constexpr std::pair<const char*, Parse> kFixed[] = {{"config.plist", parse_utm},
                                                      {"MachineIdentifier", parse_sample},
                                                      {"config.json", parse_tart}};
  for (const auto& [name, parse] : kFixed)
    if (fs::is_regular_file(folder / name, error)) return Description{folder / name, parse};
  // macosvm's has whatever name it was given.
  std::optional<Description> found;
  for (const auto& f : fs::directory_iterator(folder, error))
    if (f.path().extension() == ".json" && (!found || f.path() < found->file))
      found = Description{f.path(), parse_macosvm};
  return found;
}

}  // namespace

Result<Bundle> read_bundle(const std::string& folder) {
  const auto description = find_description(folder);
  if (!description)
    return fail("'{}' has no config.plist, MachineIdentifier, config.json or other *.json", folder);
  const std::string text = TRY(read_text(description->file));
  auto b = description->parse(text, folder);
  if (!b) return tl::unexpected(b.error().in(description->file.string()));
  for (const auto& [what, path] :
       {std::pair("disk", b->disk), std::pair("auxiliary storage", b->aux)}) {
    std::error_code error;
    if (path.empty()) return fail("{}: it names no {}", description->file.string(), what);
    if (!fs::is_regular_file(path, error)) return fail("the {} '{}' is not there", what, path);
  }
  return b;
}

}  // namespace quince::block::tool
