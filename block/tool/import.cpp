// import: what another tool's virtual machine is called here.
#include <sys/stat.h>

#include <fmt/format.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "block/tool/bundle/bundle.h"
#include "block/tool/tool.h"

namespace quince::block::tool {

namespace {

/// As an option's value, in which a comma is written twice, and quoted for a shell.
std::string quoted(const std::string& path) {
  std::string s = "'";
  for (const char c : path) {
    if (c == ',') s += ',';
    if (c == '\'')
      s += "'\\''";
    else
      s += c;
  }
  return s + "'";
}

std::string mac_text(const MacAddress& m) {
  return fmt::format("{:02x}:{:02x}:{:02x}:{:02x}:{:02x}:{:02x}", m[0], m[1], m[2], m[3], m[4],
                     m[5]);
}

std::string command_line(const Bundle& b) {
  std::string s = fmt::format("quince -M vmapple,ecid={:#x},aux={},root={}", b.ecid, quoted(b.aux),
                              quoted(b.disk));
  if (b.memory != 0) s += fmt::format(" -m {}M", b.memory / MiB);
  if (b.cpus != 0) s += fmt::format(" -smp {}", b.cpus);
  s += b.mac ? fmt::format(" -nic user,mac={}", mac_text(*b.mac)) : " -nic user";
  return s + " -bios AVPBooter.vmapple2.bin -serial mon:stdio";
}

/// A script that a shell runs; `"$@"` so that it takes more options.
Result<void> write_script(const std::string& path, const std::string& line) {
  std::FILE* const f = std::fopen(path.c_str(), "wxe");
  if (f == nullptr) return fail("could not create '{}': {}", path, std::strerror(errno));
  const bool written = std::fprintf(f, "#!/bin/sh\nexec %s \"$@\"\n", line.c_str()) > 0;
  const bool runs = ::fchmod(::fileno(f), 0755) == 0;
  if (std::fclose(f) == 0 && written && runs) return {};
  const std::string why = std::strerror(errno);
  std::remove(path.c_str());
  return fail("could not write '{}': {}", path, why);
}

}  // namespace

Result<int> import_command(int argc, char** argv) {
  const Args args = TRY(Args::parse(argc, argv, "o:"));
  if (args.names().size() != 1) return fail("import: needs one folder");
  const Bundle b = TRY(read_bundle(args.names()[0]));
  const std::string line = command_line(b);
  if (args.has('o')) TRY_VOID(write_script(args.value('o'), line));
  std::printf("ECID: %#llx\nUUID: %llu\nMAC: %s\n", static_cast<unsigned long long>(b.ecid),
              static_cast<unsigned long long>(b.ecid), b.mac ? mac_text(*b.mac).c_str() : "none");
  if (!args.has('o')) std::printf("%s\n", line.c_str());
  return 0;
}

}  // namespace quince::block::tool
