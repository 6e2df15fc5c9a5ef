// quince-img: makes, shows, converts and checks disk images.
#include <array>
#include <cstdio>
#include <string_view>

#include "block/tool/tool.h"

namespace {

using namespace quince::block::tool;

struct Command {
  std::string_view name;
  quince::Result<int> (*run)(int, char**);
  int error_status;  // what a failure to do it ends with
  const char* usage;
};
constexpr std::array<Command, 8> kCommands{{
    {"check", check_command, 1, "[-f FMT] [-r leaks|all] [-q] [--output=json] FILE"},
    {"commit", commit_command, 1, "[-f FMT] [-d] [-p] [-q] FILE"},
    {"compare", compare_command, 2, "[-f FMT] [-F FMT] [-s] [-p] [-q] FILE1 FILE2"},
    {"convert", convert_command, 1,
     "[-f FMT] [-O FMT] [-o OPTIONS] [-B FILE -F FMT] [-c] [-n] [-p] [-q] SOURCE TARGET"},
    {"create", create_command, 1, "[-f FMT] [-o OPTIONS] [-b FILE -F FMT] [-q] FILE [SIZE]"},
    {"import", import_command, 1, "[-o SCRIPT] FOLDER"},
    {"info", info_command, 1, "[-f FMT] [--output=json] FILE"},
    {"resize", resize_command, 1, "[-f FMT] [--shrink] [-q] FILE [+|-]SIZE"},
}};

void print_usage() {
  std::printf("usage: quince-img COMMAND [OPTION]... FILE...\n\n");
  for (const Command& c : kCommands) std::printf("  %s %s\n", c.name.data(), c.usage);
  std::printf(
      "\nFormats: raw, qcow2.  -o for qcow2: size, compat=0.10|1.1, cluster_size, refcount_bits,\n"
      "lazy_refcounts, compression_type=zlib|zstd, backing_file, backing_fmt.\n"
      "check ends with 0, or 2 for corruptions, 3 for leaks, 63 for formats without checks;\n"
      "compare with 0, or 1 for different images, 2 and more for errors.\n"
      "import reads the folder of a virtual machine of macosvm, tart, UTM or Apple's sample code, "
      "and\n"
      "prints its ECID (QEMU calls it UUID), its MAC address and a command line.\n");
}

}  // namespace

int main(int argc, char** argv) {
  const std::string_view name = argc > 1 ? argv[1] : "";
  if (name == "--help" || name == "-h" || name == "help") {
    print_usage();
    return 0;
  }
  for (const Command& c : kCommands) {
    if (c.name != name) continue;
    const auto status = c.run(argc - 1, argv + 1);
    if (status) return *status;
    std::fprintf(stderr, "quince-img: %s\n", status.error().message().c_str());
    return c.error_status;
  }
  std::fprintf(stderr, "quince-img: unknown command '%.*s' (--help lists them)\n",
               static_cast<int>(name.size()), name.data());
  return 1;
}
