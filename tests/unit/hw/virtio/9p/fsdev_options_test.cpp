// -fsdev and -virtfs as labgrid and virtme-ng write them, and what is refused.
#include "hw/virtio/9p/fsdev_options.h"

#include <gtest/gtest.h>

namespace quince::p9 {
namespace {

TEST(FsdevOptions9p, AllProperties) {
  const auto o = FsdevOptions::parse(
      "local,id=root,path=/srv/a,,b,security_model=mapped-xattr,readonly=on,multidevs=remap,"
      "fmode=0640,dmode=0750,writeout=immediate");
  ASSERT_TRUE(o) << o.error().message();
  EXPECT_EQ(o->id, "root");
  EXPECT_EQ(o->folder.path, "/srv/a,b");
  EXPECT_EQ(o->folder.model, SecurityModel::Mapped);
  EXPECT_TRUE(o->folder.read_only);
  EXPECT_EQ(o->folder.multidevs, MultiDevs::Remap);
  EXPECT_EQ(o->folder.fmode, 0640u);
  EXPECT_EQ(o->folder.dmode, 0750u);
  EXPECT_TRUE(o->folder.write_out);
}

TEST(FsdevOptions9p, Defaults) {
  const auto o = FsdevOptions::parse("local,id=rootfs,security_model=none,path=/srv");
  ASSERT_TRUE(o);
  EXPECT_EQ(o->folder.model, SecurityModel::None);
  EXPECT_FALSE(o->folder.read_only);
  EXPECT_EQ(o->folder.multidevs, MultiDevs::Warn);
  EXPECT_EQ(o->folder.fmode, 0600u);
  EXPECT_EQ(o->folder.dmode, 0700u);
  EXPECT_FALSE(o->folder.write_out);
  EXPECT_EQ(
      FsdevOptions::parse("fsdriver=local,id=a,path=/,security_model=passthrough")->folder.model,
      SecurityModel::Passthrough);
  EXPECT_EQ(FsdevOptions::parse("local,id=a,path=/,security_model=mapped,fmode=384")->folder.fmode,
            0600u);
}

TEST(FsdevOptions9p, WhatIsWrongIsNamed) {
  const auto wrong = [](std::string_view text) {
    const auto o = FsdevOptions::parse(text);
    return o ? std::string("accepted") : o.error().message();
  };
  EXPECT_EQ(wrong("proxy,id=a,socket=x"), "'proxy' is not implemented (only local)");
  EXPECT_EQ(wrong("remote,id=a"), "'remote' is not a file system driver (local)");
  EXPECT_EQ(wrong(""), "'' is not a file system driver (local)");
  EXPECT_EQ(wrong("local,id=a,security_model=none"), "path= is missing");
  EXPECT_EQ(wrong("local,id=a,path=/"),
            "security_model= is missing (none, passthrough, mapped, mapped-xattr)");
  EXPECT_EQ(wrong("local,path=/,security_model=none"), "id= is missing");
  EXPECT_EQ(wrong("local,id=a,path=/,security_model=mapped-file"),
            "security_model=mapped-file is not implemented (mapped-xattr is)");
  EXPECT_NE(wrong("local,id=a,path=/,security_model=strict").find("security_model=strict"),
            std::string::npos);
  EXPECT_EQ(wrong("local,id=a,path=/,security_model=none,fmode=0644"),
            "fmode= and dmode= go with security_model=mapped only");
  for (const char* bad : {"01777", "8z", "0888", "", "-1"})
    EXPECT_NE(
        wrong(std::string("local,id=a,path=/,security_model=mapped,dmode=") + bad).find("dmode="),
        std::string::npos)
        << bad;
  EXPECT_NE(wrong("local,id=a,path=/,security_model=none,multidevs=x").find("multidevs=x"),
            std::string::npos);
  EXPECT_NE(wrong("local,id=a,path=/,security_model=none,readonly=maybe").find("readonly"),
            std::string::npos);
  EXPECT_NE(wrong("local,id=a,path=/,security_model=none,writeout=x").find("writeout=x"),
            std::string::npos);
  EXPECT_EQ(wrong("local,id=a,path=/,security_model=none,throttling.bps-total=1"),
            "there is no property 'throttling.bps-total'");
}

TEST(FsdevOptions9p, Virtfs) {
  const auto o = VirtfsOptions::parse("local,path=/srv,mount_tag=host0,security_model=mapped");
  ASSERT_TRUE(o) << o.error().message();
  EXPECT_EQ(o->mount_tag, "host0");
  EXPECT_EQ(o->fsdev.id, "host0");
  EXPECT_EQ(VirtfsOptions::parse("local,path=/,mount_tag=t,security_model=none,id=x")->fsdev.id,
            "x");
  EXPECT_EQ(VirtfsOptions::parse("local,path=/,security_model=none").error().message(),
            "mount_tag= is missing");
}

}  // namespace
}  // namespace quince::p9
