// The options -fsdev and -virtfs, in QEMU's words.
//
//   -fsdev local,id=ID,path=FOLDER,security_model=none|passthrough|mapped|mapped-xattr
//          [,readonly=on|off][,multidevs=warn|remap|forbid][,fmode=OCTAL][,dmode=OCTAL]
//          [,writeout=immediate]
//   -virtfs local,mount_tag=TAG,...   the same, and a virtio-9p device
//
// Refused by name: the drivers proxy and synth, mapped-file, and throttling.
#pragma once

#include <string>
#include <string_view>

#include "base/option_values.h"
#include "hw/virtio/9p/folder.h"

namespace quince::p9 {

struct FsdevOptions {
  std::string id = {};
  std::string option = "-fsdev";  ///< for messages
  FolderConfig folder = {};

  /// `text`: the option's value.
  static Result<FsdevOptions> parse(std::string_view text);
};

struct VirtfsOptions {
  FsdevOptions fsdev = {};  ///< its id is the mount tag when none was given
  std::string mount_tag = {};

  static Result<VirtfsOptions> parse(std::string_view text);
};

}  // namespace quince::p9
