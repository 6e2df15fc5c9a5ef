#include "tests/unit/firmware/rom/rom_disk.h"

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "tests/support/command.h"

namespace quince::test {

namespace fs = std::filesystem;

void RomDisk::set(std::vector<u8> bytes) {
  bytes.resize((bytes.size() + kSectorBytes - 1) / kSectorBytes * kSectorBytes);
  bytes.shrink_to_fit();
  bytes_ = std::move(bytes);
  source_ = {&RomDisk::read, this, bytes_.size() / kSectorBytes};
}

void RomDisk::load(const std::string& path) {
  std::vector<u8> all(fs::file_size(path));
  std::ifstream in(path, std::ios::binary);
  in.read(reinterpret_cast<char*>(all.data()), static_cast<std::streamsize>(all.size()));
  EXPECT_TRUE(in) << path;
  set(std::move(all));
}

bool RomDisk::read(void* owner, u64 sector, u32 count, void* to) {
  auto& d = *static_cast<RomDisk*>(owner);
  // The contract of BlockSource::read.
  EXPECT_GT(count, 0u);
  EXPECT_LE(count, u32{kRequestSectors});
  EXPECT_LE(sector, d.sectors());
  EXPECT_LE(count, d.sectors() - sector);
  if (sector >= d.sectors() || count > d.sectors() - sector) return false;
  d.requests_.push_back({sector, count, to});
  if (sector + count > d.fail_from_) return false;
  std::memcpy(to, d.bytes_.data() + sector * kSectorBytes, std::size_t{count} * kSectorBytes);
  return true;
}

RomVolume::RomVolume(const RomDisk& disk, u64 first, u64 sectors) {
  const char* const why = volume_mount(volume_.get(), &disk.source(), first, sectors);
  if (why != nullptr) error_ = why;
}

std::string RomVolume::read(const std::string& path) {
  VolumeNode file{};
  const char* why = volume_find(get(), path.c_str(), &file);
  if (why != nullptr) return std::string("error: ") + why;
  if (file.size > (u64{64} << 20)) return "error: too large for a test";
  std::string contents(file.size, '\0');
  why = volume_read(get(), &file, 0, contents.data(), file.size);
  return why != nullptr ? std::string("error: ") + why : contents;
}

std::vector<std::string> RomVolume::list(const std::string& path) {
  VolumeNode folder{};
  const char* why = volume_find(get(), path.c_str(), &folder);
  if (why != nullptr) return {std::string("error: ") + why};
  std::vector<std::string> names;
  const auto entry = std::make_unique<VolumeEntry>();
  VolumeCursor cursor = volume_list(&folder);
  for (bool more = true;;) {
    why = volume_next(get(), &cursor, entry.get(), &more);
    if (why != nullptr) return {std::string("error: ") + why};
    if (!more) break;
    names.push_back(std::string(entry->name) + (entry->node.kind == kVolumeFolder ? "/" : ""));
  }
  std::sort(names.begin(), names.end());
  return names;
}

std::string rom_text(std::size_t bytes, u64 seed) {
  std::string s(bytes, '\0');
  u64 x = seed * 0x9e3779b97f4a7c15 + 1;
  for (char& c : s) {
    x = x * 6364136223846793005 + 1442695040888963407;
    c = static_cast<char>('!' + (x >> 40) % 90);
  }
  return s;
}

void write_file(const std::string& path, const std::string& contents) {
  std::ofstream(path, std::ios::binary) << contents;
}

std::string read_file(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  EXPECT_TRUE(in) << path;
  std::ostringstream all;
  all << in.rdbuf();
  return std::move(all).str();
}

// The tools for file systems are not in every user's path.
const std::string kEnvironment = "export PATH=$PATH:/usr/sbin:/sbin LC_ALL=C.UTF-8; ";

void NeedsTools::SetUp() {
  for (const std::string& tool : tools_)
    if (run_command(kEnvironment + "command -v " + tool).status != 0) GTEST_SKIP() << "no " << tool;
}

std::string must_run(const std::string& command) {
  const CommandResult r = run_command(kEnvironment + command);
  EXPECT_EQ(r.status, 0) << command << "\n" << r.output;
  return r.output;
}

void expect_same_tree(RomVolume& volume, const std::string& host, const std::string& path) {
  std::error_code none;  // of links that lead nowhere
  std::vector<std::string> names;
  for (const auto& e : fs::directory_iterator(host)) {
    const std::string name = e.path().filename().string();
    names.push_back(name + (!e.is_symlink() && e.is_directory() ? "/" : ""));
  }
  std::sort(names.begin(), names.end());
  std::vector<std::string> found = volume.list(path);
  std::erase(found, "lost+found/");
  ASSERT_EQ(found, names) << path;
  for (const std::string& name : names) {
    const std::string there = host + "/" + name;
    if (name.ends_with('/')) {
      expect_same_tree(volume, there.substr(0, there.size() - 1), path + name);
    } else if (fs::is_regular_file(there, none)) {
      EXPECT_EQ(volume.read(path + name), read_file(there)) << path + name;
    } else if (fs::is_directory(there, none)) {
      const auto entries = std::distance(fs::directory_iterator(there), {});
      EXPECT_EQ(volume.list(path + name).size(), static_cast<std::size_t>(entries)) << path + name;
    }
  }
}

void make_tree(const std::string& folder) {
  fs::create_directories(folder + "/one/two/three/four/five/six");
  fs::create_directories(folder + "/empty");
  u64 seed = 1;
  for (const std::size_t n :
       {0,    1,    59,   60,   61,   100,  150,   511,   512,   513,
        1023, 1024, 1025, 4095, 4096, 4097, 12288, 13312, 65536, 1048576 + 13})
    write_file(folder + "/size" + std::to_string(n), rom_text(n, ++seed));
  write_file(folder + "/one/two/three/four/five/six/deep", rom_text(777, 99));
  write_file(folder + "/one/README.TXT", rom_text(33, 98));
  write_file(folder + "/one/lower.txt", rom_text(34, 97));
  write_file(folder + "/one/A longer name, with spaces and two.dots.conf", rom_text(35, 96));
  write_file(folder + "/one/\xc3\xbcml\xc3\xa4ut \xe2\x82\xac.conf", rom_text(36, 95));
  write_file(folder + "/one/" + std::string(200, 'x'), rom_text(37, 94));
}

}  // namespace quince::test
