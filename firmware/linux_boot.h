// Direct boot: a kernel, an initrd and a device tree in RAM, and the CPU's first registers.
//
// Modelled: the arm64 boot protocol (Linux, Documentation/arch/arm64/booting.rst) with the places
// that users of QEMU's `-kernel` know: an Image at the first 2 MiB boundary plus text_offset (one
// boundary later when text_offset is small), a raw binary at RAM + 512 KiB, the initrd at
// RAM + min(size / 2, 128 MiB), the device tree behind it or, for ELF, at the start of RAM.  When
// RAM is too small for that, initrd and device tree follow the kernel closely.
// Deliberately missing: a boot stub (the CPU starts at the kernel itself), ACPI, EFI.
#pragma once

#include <string>

#include "firmware/fdt.h"
#include "firmware/image.h"
#include "firmware/load_list.h"

namespace quince::firmware {

/// A file that an option named; an empty name means that the option was not given.
struct NamedFile {
  std::string name;
  std::vector<u8> bytes;
};

/// What direct boot starts from.  `dtb` is the generated tree when its name is empty.
struct BootInputs {
  Range ram;  ///< the bank that everything goes to
  std::string kernel_name;
  Image kernel;
  NamedFile initrd;
  NamedFile dtb;
  std::string append;  ///< `-append`; empty leaves the tree's own bootargs alone
};

/// Everything that a (re)start needs.
struct BootPlan {
  LoadList memory;                ///< to be written at start and at every reset
  PhysAddr pc;                    ///< the first instruction
  u64 x0 = 0;                     ///< the device tree's address, 0 without one; x1, x2 and x3 are 0
  Range kernel;                   ///< with what it zeroes itself
  Range initrd;                   ///< size 0 without one
  Range dtb;                      ///< likewise
  std::span<const u8> dtb_bytes;  ///< the final tree, inside `memory`
};

/// Reads the files of -kernel, -initrd and -dtb.  Errors name the option and the file.
Result<Image> read_kernel(const std::string& path);
Result<NamedFile> read_initrd(const std::string& path);
Result<NamedFile> read_dtb(const std::string& path);

/// Decides where everything goes and completes the device tree.  Errors name the option.
Result<BootPlan> plan_boot(BootInputs inputs);

/// What a device tree is completed with.
struct DtbPatch {
  Range ram;
  Range initrd;        ///< size 0: none
  std::string append;  ///< empty: the tree's own bootargs stay
};

/// A copy of a tree whose /memory is the RAM and whose /chosen has the command line and the initrd;
/// everything else is as it was.  Errors do not name the file.
Result<std::vector<u8>> patch_dtb(std::span<const u8> dtb, const DtbPatch& patch);

}  // namespace quince::firmware
