// Memory with a name: what the host is asked for, and what it says.
#include "machine/memory_backend.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <sstream>

namespace quince::machine {
namespace {

class MemoryBackendTest : public ::testing::Test {
 protected:
  MemoryBackendTest() {
    std::string name = (std::filesystem::temp_directory_path() / "quince-memory-XXXXXX").string();
    folder = ::mkdtemp(name.data());
  }
  ~MemoryBackendTest() override { std::filesystem::remove_all(folder); }

  std::string file(const std::string& name) const { return folder + "/" + name; }

  /// From the text behind -object.
  static Result<std::unique_ptr<hw::GuestRam>> make(const std::string& text) {
    PropertyList list = split_options(text, "qom-type");
    const std::string type = list.front().second;
    list.erase(list.begin());
    const auto options = parse_memory_backend(type, Properties(std::move(list)));
    if (!options) return tl::unexpected(options.error().in("parse"));
    return create_memory(*options);
  }
  static std::unique_ptr<hw::GuestRam> open(const std::string& text) {
    auto ram = make(text);
    if (!ram) ADD_FAILURE() << text << ": " << ram.error().message();
    return ram ? std::move(*ram) : nullptr;
  }
  static std::string error(const std::string& text) {
    const auto ram = make(text);
    return ram ? "accepted" : ram.error().message();
  }
  static int seals(const hw::GuestRam& ram) { return ::fcntl(ram.host().fd(), F_GET_SEALS); }

  std::string folder;
};

/// The lines of /proc/self/smaps about the mapping that begins at `p`.
std::string smaps(const void* p) {
  std::ostringstream head;
  head << std::hex << reinterpret_cast<std::uintptr_t>(p) << '-';
  std::ifstream in("/proc/self/smaps");
  std::string out;
  bool inside = false;
  for (std::string line; std::getline(in, line);) {
    const bool title = line.find('-') < line.find(' ') && line[0] >= '0' && line[0] <= 'f' &&
                       !(line[0] >= 'A' && line[0] <= 'Z');
    if (title) inside = line.starts_with(head.str());
    if (inside) out += line + "\n";
  }
  return out;
}

u64 number_in(const std::string& path) {
  std::ifstream in(path);
  u64 n = 0;
  in >> n;
  return n;
}

// 003m
TEST_F(MemoryBackendTest, AMemfdIsSharedAndSealed) {
  const auto ram = open("memory-backend-memfd,id=m,size=4M");
  ASSERT_NE(ram, nullptr);
  EXPECT_EQ(ram->name(), "m");
  EXPECT_EQ(ram->size(), 4 * MiB);
  EXPECT_TRUE(ram->host().shared());
  EXPECT_EQ(seals(*ram), F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL);
  EXPECT_NE(::ftruncate(ram->host().fd(), 0), 0);
  EXPECT_EQ(::fcntl(ram->host().fd(), F_GETFD), FD_CLOEXEC);
  const auto loose = open("memory-backend-memfd,id=m,size=4M,seal=off");
  EXPECT_EQ(seals(*loose), F_SEAL_SEAL);  // what Linux says of a memfd that cannot be sealed
}

// 003m: as the peer of vhost-user does, by /proc or by a descriptor that was sent to it.
TEST_F(MemoryBackendTest, AnotherProcessMapsWhatIsShared) {
  for (const char* text :
       {"memory-backend-memfd,id=m,size=1M", "memory-backend-ram,id=m,size=1M,share=on"}) {
    const auto ram = open(text);
    ASSERT_NE(ram, nullptr) << text;
    const std::string path = "/proc/self/fd/" + std::to_string(ram->host().fd());
    const Fd peer(::open(path.c_str(), O_RDWR | O_CLOEXEC));
    ASSERT_TRUE(peer) << text;
    void* p = ::mmap(nullptr, MiB, PROT_READ | PROT_WRITE, MAP_SHARED, peer.get(), 0);
    ASSERT_NE(p, MAP_FAILED);
    const Mapping theirs(static_cast<u8*>(p), MiB);
    ram->data()[12345] = 77;
    EXPECT_EQ(theirs.data()[12345], 77);
    theirs.data()[MiB - 1] = 78;
    EXPECT_EQ(ram->data()[MiB - 1], 78);
  }
}

TEST_F(MemoryBackendTest, WhatIsNotSharedIsPrivate) {
  const auto anonymous = open("memory-backend-ram,id=m,size=1M");
  EXPECT_EQ(anonymous->host().fd(), -1);
  EXPECT_FALSE(anonymous->host().shared());
  const auto memfd = open("memory-backend-memfd,id=m,size=1M,share=off");
  EXPECT_FALSE(memfd->host().shared());
  memfd->data()[0] = 5;
  u8 byte = 99;
  ASSERT_EQ(::pread(memfd->host().fd(), &byte, 1, 0), 1);
  EXPECT_EQ(byte, 0);
}

TEST_F(MemoryBackendTest, AFileHoldsTheMemory) {
  const std::string text = "memory-backend-file,id=m,size=64K,mem-path=" + file("f");
  {
    const auto ram = open(text + ",share=on");
    ASSERT_NE(ram, nullptr);
    ram->data()[100] = 42;
  }
  EXPECT_EQ(std::filesystem::file_size(file("f")), 64 * KiB);
  {
    const auto ram = open(text);  // share=off is the default
    EXPECT_EQ(ram->data()[100], 42);
    ram->data()[100] = 43;
  }
  EXPECT_EQ(open(text + ",share=on")->data()[100], 42);
  EXPECT_EQ(error("memory-backend-file,id=m,size=128K,mem-path=" + file("f")),
            "mem-path: '" + file("f") + "' has 65536 bytes, which is less than size=131072");
  const auto nameless = open("memory-backend-file,id=m,size=64K,share=on,mem-path=" + folder);
  EXPECT_NE(nameless, nullptr);
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder), {}), 1);
}

// 003m
TEST_F(MemoryBackendTest, DiscardDataLeavesAnEmptyFileBehind) {
  for (const bool discard : {false, true}) {
    const std::string path = file(discard ? "discarded" : "kept");
    {
      const auto ram = open("memory-backend-file,id=m,size=64K,share=on,mem-path=" + path +
                            (discard ? ",discard-data=on" : ""));
      std::fill(ram->data(), ram->data() + ram->size(), 7);
    }
    std::ifstream in(path, std::ios::binary);
    const std::string data{std::istreambuf_iterator<char>(in), {}};
    EXPECT_EQ(data, std::string(64 * KiB, discard ? '\0' : '\7'));
  }
}

TEST_F(MemoryBackendTest, AFileIsNotLeftBehindByAnError) {
  const u64 absurd = u64{1} << 46;
  EXPECT_NE(error("memory-backend-file,id=m,share=on,mem-path=" + file("f") +
                  ",size=" + std::to_string(absurd)),
            "accepted");
  EXPECT_FALSE(std::filesystem::exists(file("f")));
  EXPECT_EQ(error("memory-backend-file,id=m,size=4K,mem-path=" + file("none/f")),
            "mem-path: cannot open '" + file("none/f") + "': No such file or directory");
  EXPECT_EQ(error("memory-backend-file,id=m,size=4K,mem-path=/dev/null"),
            "mem-path: '/dev/null' is not a file");
}

// 003m: a host without huge pages says so, in one line that names the option.
TEST_F(MemoryBackendTest, HugePagesAreThereOrRefused) {
  const std::string pages = "/sys/kernel/mm/hugepages/hugepages-2048kB/";
  const bool has_any =
      number_in(pages + "free_hugepages") != 0 || number_in(pages + "nr_overcommit_hugepages") != 0;
  const auto ram = make("memory-backend-memfd,id=m,size=4M,hugetlb=on,hugetlbsize=2M");
  if (has_any) {
    ASSERT_TRUE(ram) << ram.error().message();
    EXPECT_EQ((*ram)->host().page_size(), 2 * MiB);
    (*ram)->data()[3 * MiB] = 1;
  } else {
    ASSERT_FALSE(ram);
    EXPECT_TRUE(ram.error().message().starts_with("hugetlb")) << ram.error().message();
    EXPECT_EQ(ram.error().message().find('\n'), std::string::npos);
  }
  EXPECT_TRUE(error("memory-backend-memfd,id=m,size=4M,hugetlb=on,hugetlbsize=64K")
                  .starts_with("hugetlbsize: the host has no pages of 65536 bytes: "));
  EXPECT_EQ(error("memory-backend-memfd,id=m,size=64K,hugetlb=on,hugetlbsize=2M"),
            std::filesystem::exists(pages)
                ? "size: 65536 is not a multiple of the page size 2097152"
                : error("memory-backend-memfd,id=m,size=64K,hugetlb=on,hugetlbsize=2M"));
}

// 003n: transparent huge pages are asked for, whatever the host then makes of it.
TEST_F(MemoryBackendTest, TransparentHugePagesAreAskedFor) {
  if (!std::filesystem::exists("/sys/kernel/mm/transparent_hugepage"))
    GTEST_SKIP() << "this kernel has no transparent huge pages";
  for (const char* text :
       {"memory-backend-ram,id=m,size=8M", "memory-backend-memfd,id=m,size=8M"}) {
    const auto ram = open(text);
    const std::string lines = smaps(ram->data());
    const std::size_t flags = lines.find("VmFlags:");
    ASSERT_NE(flags, std::string::npos) << text << "\n" << lines;
    EXPECT_NE(lines.find(" hg", flags), std::string::npos) << text << "\n" << lines;
  }
}

TEST_F(MemoryBackendTest, PreallocTakesEveryPageNow) {
  for (const char* type : {"memory-backend-ram", "memory-backend-memfd"})
    for (const bool prealloc : {false, true}) {
      const auto ram =
          open(std::string(type) + ",id=m,size=1M,prealloc=" + (prealloc ? "on" : "off"));
      std::vector<unsigned char> present(MiB / 4096);
      ASSERT_EQ(::mincore(ram->data(), MiB, present.data()), 0);
      const auto n =
          std::count_if(present.begin(), present.end(), [](u8 p) { return (p & 1) != 0; });
      EXPECT_EQ(n, prealloc ? static_cast<s64>(present.size()) : 0) << type;
    }
}

TEST_F(MemoryBackendTest, ErrorsNameTheProperty) {
  const std::pair<const char*, const char*> cases[] = {
      {"memory-backend-epc,id=m,size=4K", "parse: 'memory-backend-epc' is not a memory backend"},
      {"memory-backend-ram,size=4K", "parse: id= is missing"},
      {"memory-backend-ram,id=m", "parse: size= is missing"},
      {"memory-backend-ram,id=m,size=0",
       "parse: size: 0 is not a multiple of 4096 up to 70368744177664"},
      {"memory-backend-ram,id=m,size=100",
       "parse: size: 100 is not a multiple of 4096 up to 70368744177664"},
      {"memory-backend-ram,id=m,size=100T",
       "parse: size: 109951162777600 is not a multiple of 4096 up to 70368744177664"},
      {"memory-backend-ram,id=m,size=x", "parse: size: 'x' is not a size"},
      {"memory-backend-ram,id=m,size=4K,seal=on", "parse: there is no property 'seal'"},
      {"memory-backend-ram,id=m,size=4K,policy=bind", "parse: policy is not implemented"},
      {"memory-backend-ram,id=m,size=4K,share=2", "parse: share: '2' is neither on nor off"},
      {"memory-backend-file,id=m,size=4K", "parse: mem-path= is missing"},
      {"memory-backend-memfd,id=m,size=4K,hugetlbsize=2M", "parse: hugetlbsize needs hugetlb=on"},
      {"memory-backend-memfd,id=m,size=4K,hugetlb=on,hugetlbsize=3M",
       "parse: hugetlbsize: 3145728 is not the size of a page"},
      {"memory-backend-memfd,id=m,size=4K,hugetlb=on,hugetlbsize=0",
       "parse: hugetlbsize: 0 is not the size of a page"},
  };
  for (const auto& [text, expected] : cases) EXPECT_EQ(error(text), expected) << text;
}

}  // namespace
}  // namespace quince::machine
