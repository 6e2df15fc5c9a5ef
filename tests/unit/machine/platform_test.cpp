// What only 'vmapple' has: its devices on the bus, its hypercalls, its options.
#include <gtest/gtest.h>

#include <cstring>
#include <filesystem>
#include <fstream>

#include "guest.h"
#include "hw/core/dma.h"
#include "machine/cli/command_line.h"
#include "machine/machine.h"
#include "tests/support/temp_dir.h"

namespace quince::machine {
namespace {

using namespace test;
using Args = std::vector<const char*>;

std::unique_ptr<Machine> machine(Args args) {
  args.insert(args.end(), {"-m", "16", "-device", "loader,addr=0x70000000,cpu-num=0"});
  auto line = parse_command_line(args, Dialect::Quince);
  if (!line) {
    ADD_FAILURE() << line.error().message();
    return nullptr;
  }
  auto m = Machine::create(std::move(line->config));
  if (!m) ADD_FAILURE() << m.error().message();
  return m ? std::move(*m) : nullptr;
}

std::string error(Args args) {
  args.insert(args.end(), {"-kernel", "K"});
  const auto line = parse_command_line(args, Dialect::Quince);
  return line ? "" : line.error().message();
}

/// A file of so many bytes; its path.
std::string file_of(const quince::test::TempDir& folder, const char* name, u64 size,
                    char fill = 0) {
  const std::string path = folder / name;
  std::ofstream(path, std::ios::binary) << std::string(size, fill);
  return path;
}

/// Of memory or of a device.
u64 read(Machine& m, u64 address, unsigned size = 4) {
  u64 v = 0;
  const hw::IoLock::Guard held(m.io_lock());
  std::array<u8, 8> bytes{};
  if (hw::DmaPort(m.space(), 0).read(PhysAddr(address), std::span(bytes).first(size)))
    return load_le<u64>(bytes.data());
  EXPECT_EQ(m.space().read(held, PhysAddr(address), {size}, v), hw::AddressSpace::Outcome::Ok);
  return v;
}

// 001a: each device answers at its place with what tells it from others.
TEST(Platform, EveryDeviceIsThere) {
  const auto m =
      machine({"-M", "vmapple,ecid=0x1122334455667788,mac-en0=00:11:22:33:44:55", "-smp", "3"});
  ASSERT_NE(m, nullptr);
  EXPECT_EQ(read(*m, 0x0040'0000), 2u);
  EXPECT_EQ(read(*m, 0x0040'0004), 3u);
  EXPECT_EQ(read(*m, 0x0040'0018, 8), 0x1122'3344'5566'7788u);
  EXPECT_EQ(read(*m, 0x0040'0020, 8), 16 * MiB);
  EXPECT_EQ(read(*m, 0x0040'0040, 4), 0x3322'1100u);
  EXPECT_NE(read(*m, 0x0040'05c8, 8), 0u);
  EXPECT_EQ(read(*m, 0x2007'0000, 1), 3u);
  EXPECT_EQ(read(*m, 0x3000'0008), 0x420u);
  EXPECT_EQ(read(*m, 0x3000'0420), 0u);
  EXPECT_EQ(read(*m, 0x3021'1018), 0u);
  EXPECT_EQ(read(*m, 0x3022'000c), 0x3f80u);
  EXPECT_EQ(read(*m, 0x3023'000c), 0u);
  EXPECT_EQ(read(*m, 0x3024'0040), 0xf001u);
}

TEST(Platform, AResetRefillsTheConfigurationBlock) {
  const auto m = machine({});
  ASSERT_NE(m, nullptr);
  const u64 rnd = read(*m, 0x0040'0038);
  const u8 other[] = {9};
  EXPECT_TRUE(hw::DmaPort(m->space(), 0).write(PhysAddr(0x0040'0000), other));
  m->reset();
  EXPECT_EQ(read(*m, 0x0040'0000), 2u);
  EXPECT_EQ(read(*m, 0x0040'0038), rnd);
}

// ---- Hypercalls

u64 call(Machine& m, unsigned cpu, u64 function, u64 x1 = 0) {
  cpu::Vcpu& c = *m.cpus()[cpu];
  c.s.x[0] = function;
  c.s.x[1] = x1;
  m.hvc(c, 0);
  return c.s.x[0];
}

TEST(Platform, EveryCpuGetsTheKeysOfTheFirst) {
  const auto m = machine({"-smp", "2"});
  ASSERT_NE(m, nullptr);
  auto &a = m->cpus()[0]->s.sys.apkeys, &b = m->cpus()[1]->s.sys.apkeys;
  for (u64 i = 0; i < a.size(); ++i) a[i] = 0x100 + i;  // firmware's
  EXPECT_EQ(call(*m, 0, 0xc100'0000), 0u);
  EXPECT_EQ(a[9], 0x109u);
  EXPECT_EQ(call(*m, 1, 0xc100'0000), 0u);
  EXPECT_EQ(a, b);
}

TEST(Platform, KeysAreRandomWhenFirmwareHasNone) {
  const auto m = machine({"-smp", "2"});
  ASSERT_NE(m, nullptr);
  auto &a = m->cpus()[0]->s.sys.apkeys, &b = m->cpus()[1]->s.sys.apkeys;
  EXPECT_EQ(call(*m, 1, 0xc100'0000), 0u);
  EXPECT_EQ(call(*m, 0, 0xc100'0000), 0u);
  EXPECT_EQ(a, b);
  const auto before = a;
  for (unsigned i = 1; i < 10; ++i) EXPECT_NE(a[i], a[0]);
  m->reset();
  EXPECT_EQ(call(*m, 0, 0xc100'0000), 0u);
  EXPECT_NE(a, before) << "another boot";
}

TEST(Platform, TheOtherCallsSucceed) {
  const auto m = machine({});
  ASSERT_NE(m, nullptr);
  cpu::Vcpu& c = *m->cpus()[0];
  EXPECT_EQ(call(*m, 0, 0xc100'0001), 0u);
  EXPECT_NE(c.s.x[2], 0u);
  EXPECT_NE(c.s.x[3], 0u);
  EXPECT_NE(c.s.x[2], c.s.x[3]);
  for (u64 f = 0xc100'0002; f <= 0xc100'0006; ++f) EXPECT_EQ(call(*m, 0, f, 77), 0u);
  // There is no OEM service, and PAC_NOP says so.
  for (const u64 f : {0xc100'00f0u, 0xc300'0003u, 0x8300'ff01u, 0x8100'ff01u})
    EXPECT_EQ(call(*m, 0, f), ~u64{0}) << std::hex << f;
}

TEST(Platform, OtherBoardsHaveNoSuchCalls) {
  const auto m = machine({"-M", "virt"});
  ASSERT_NE(m, nullptr);
  EXPECT_EQ(call(*m, 0, 0xc100'0000), ~u64{0});
}

// ---- pvpanic (001j)

int run_with(PanicAction action, u8 events) {
  MachineConfig c = config();
  c.actions.panic = action;
  Program p;
  p.mov(1, 0x2007'0000).mov(2, events).word(0x3900'0022);  // STRB W2, [X1]
  load(c, p.off());
  const auto m = make(std::move(c));
  if (m == nullptr) return -1;
  ::testing::internal::CaptureStderr();
  const int status = m->run();
  EXPECT_EQ(::testing::internal::GetCapturedStderr(),
            (events & 1) != 0
                ? "quince: the guest has panicked\n"
                : "quince: the guest has crashed, and a kernel that saves the evidence goes on\n");
  return status;
}

TEST(Platform, WhatAPanicDoes) {
  EXPECT_EQ(run_with(PanicAction::ExitFailure, 1), 1);
  EXPECT_EQ(run_with(PanicAction::Shutdown, 1), 0);
  EXPECT_EQ(run_with(PanicAction::None, 1), 0);
  EXPECT_EQ(run_with(PanicAction::ExitFailure, 2), 0);
}

// ---- Options

TEST(Platform, DisksOfTheShortForm) {
  const quince::test::TempDir folder;
  const std::string aux = file_of(folder, "aux", 33'570'816),
                    root = file_of(folder, "root", 5 * MiB, 'r');
  const std::string option = "vmapple,aux=" + aux + ",root=" + root;
  const auto m = machine({"-M", option.c_str()});
  ASSERT_NE(m, nullptr);
  // The header of the framework's file is not part of the storage.
  EXPECT_EQ(read(*m, 0x3001'0420), 65536u);
  EXPECT_EQ(read(*m, 0x3000'0420), 5 * MiB / 512);
  // Behind the controller, as functions of Apple's: aux, then root.
  const auto id = [&](unsigned slot) { return read(*m, 0x4000'0000 + slot * 0x8000); };
  EXPECT_EQ(id(1), 0x000d'1b36u);
  EXPECT_EQ(id(2), 0x1a00'106bu);
  EXPECT_EQ(id(3), 0x1a00'106bu);
}

/// A table with one partition of a type, as it is on the disk.
std::vector<u8> table_with(std::array<u8, 16> type) {
  std::vector<u8> disk(1 * MiB);
  disk[510] = 0x55, disk[511] = 0xaa;
  u8* const header = &disk[512];
  std::memcpy(header, "EFI PART", 8);
  store_le<u64>(header + 72, 2);
  store_le<u32>(header + 80, 128);
  store_le<u32>(header + 84, 128);
  std::copy(type.begin(), type.end(), disk.begin() + 1024 + 5 * 128);
  return disk;
}

// macOS has a driver for Apple's disks, and Linux for the others.
TEST(Platform, TheRootDiskIsWhatItsSystemCanDrive) {
  const quince::test::TempDir folder;
  const auto id_of = [&](const std::vector<u8>& disk, const char* more = "") {
    std::ofstream(folder / "root", std::ios::binary | std::ios::trunc)
        .write(reinterpret_cast<const char*>(disk.data()),
               static_cast<std::streamsize>(disk.size()));
    const std::string option = "vmapple,root=" + (folder / "root") + more;
    const auto m = machine({"-M", option.c_str()});
    return m != nullptr ? read(*m, 0x4000'0000 + 2 * 0x8000) : 0;
  };
  constexpr u64 kApple = 0x1a00'106b, kVirtio = 0x1042'1af4;
  const auto apfs = table_with(
      {0xef, 0x57, 0x34, 0x7c, 0, 0, 0xaa, 0x11, 0xaa, 0x11, 0, 0x30, 0x65, 0x43, 0xec, 0xac});
  const auto linux = table_with({0xaf, 0x3d, 0xc6, 0x0f, 0x83, 0x84, 0x72, 0x47, 0x8e, 0x79, 0x3d,
                                 0x69, 0xd8, 0x47, 0x7d, 0xe4});
  EXPECT_EQ(id_of(apfs), kApple);
  EXPECT_EQ(id_of(linux), kVirtio);
  EXPECT_EQ(id_of(std::vector<u8>(1 * MiB)), kApple);
  EXPECT_EQ(id_of(table_with({})), kApple);
  EXPECT_EQ(id_of(apfs, ",root-disk=virtio"), kVirtio);
  EXPECT_EQ(id_of(linux, ",root-disk=apple"), kApple);
  std::vector<u8> mbr(1 * MiB);
  mbr[510] = 0x55, mbr[511] = 0xaa;
  EXPECT_EQ(id_of(mbr), kVirtio);
  auto wild = linux;
  store_le<u64>(&wild[512 + 72], ~u64{0} / 256);
  EXPECT_EQ(id_of(wild), kApple);
}

TEST(Platform, AHeaderIsLeftOutAsAsked) {
  const quince::test::TempDir folder;
  const std::string aux = file_of(folder, "aux", 33'570'816);
  const auto sectors = [&](const char* skip) {
    const std::string option = "vmapple,aux=" + aux + ",aux-skip=" + skip;
    const auto m = machine({"-M", option.c_str()});
    return m != nullptr ? read(*m, 0x3001'0420) : 0;
  };
  EXPECT_EQ(sectors("0"), 33'570'816u / 512);
  EXPECT_EQ(sectors("1M"), 33'570'816u / 512 - 2048);
}

// The command line of QEMU's documentation, without its accelerator; each file twice.
TEST(Platform, DisksOfTheDocumentedForm) {
  const quince::test::TempDir folder;
  const std::string aux = file_of(folder, "aux", 2 * MiB), root = file_of(folder, "root", 5 * MiB);
  const auto drive = [](const std::string& file, const char* rest) {
    return "file=" + file + "," + rest;
  };
  const std::string a = drive(aux, "if=pflash,format=raw"), b = drive(root, "if=pflash,format=raw"),
                    c = drive(aux, "if=none,id=aux,format=raw"),
                    d = drive(root, "if=none,id=root,format=raw");
  const auto m = machine({"-serial", "null",
                          "-M",      "vmapple,uuid=0x1234",
                          "-drive",  a.c_str(),
                          "-drive",  b.c_str(),
                          "-drive",  c.c_str(),
                          "-device", "vmapple-virtio-blk-pci,variant=aux,drive=aux",
                          "-drive",  d.c_str(),
                          "-device", "vmapple-virtio-blk-pci,variant=root,drive=root",
                          "-netdev", "user,id=net0,ipv6=off,hostfwd=tcp::0-:22",
                          "-device", "virtio-net-pci,netdev=net0"});
  ASSERT_NE(m, nullptr);
  EXPECT_EQ(read(*m, 0x3001'0420), 2 * MiB / 512);
  EXPECT_EQ(read(*m, 0x3000'0420), 5 * MiB / 512);
  EXPECT_EQ(read(*m, 0x0040'0018, 8), 0x1234u);
  const auto id = [&](unsigned slot) { return read(*m, 0x4000'0000 + slot * 0x8000); };
  EXPECT_EQ(id(2), 0x1a00'106bu);
  EXPECT_EQ(id(3), 0x1a00'106bu);
  EXPECT_EQ(id(4), 0x1041'1af4u);
}

TEST(Platform, AnOrdinaryDiskIsTheRootWhenThereIsNoOther) {
  const quince::test::TempDir folder;
  const std::string disk = "format=raw,file=" + file_of(folder, "disk", 3 * MiB);
  const auto m = machine({"-drive", disk.c_str()});
  ASSERT_NE(m, nullptr);
  EXPECT_EQ(read(*m, 0x3000'0420), 3 * MiB / 512);
}

TEST(Platform, WrongOptions) {
  const std::string long_name = "vmapple,serial=" + std::string(32, 'x');
  EXPECT_EQ(error({"-M", long_name.c_str()}),
            "-M: serial= has 32 bytes, and the platform has room for 31");
  EXPECT_EQ(error({"-M", "vmapple,mac-en0=1:2:3"}),
            "-M: mac-en0=1:2:3 is not six bytes like 52:54:00:12:34:56");
  EXPECT_EQ(error({"-M", "vmapple,ecid=zz"}), "-M: ecid: 'zz' is not a number");
  EXPECT_EQ(error({"-M", "vmapple,run-installer1=0x100000000"}),
            "-M: run-installer1=4294967296 has more than 32 bits");
  EXPECT_EQ(error({"-M", "vmapple,aux-skip=512"}), "-M: aux-skip= is without aux=");
  EXPECT_EQ(error({"-M", "virt,ecid=1"}), "-M: property 'ecid' is not known for machine 'virt'");
  EXPECT_EQ(error({"-M", "vmapple,aux=A", "-drive", "if=pflash,unit=0,file=B"}),
            "-M: aux= and if=pflash,unit=0 are the same storage");
  EXPECT_EQ(error({"-M", "vmapple,root=A", "-drive", "if=pflash,unit=1,file=B"}),
            "-M: root= and if=pflash,unit=1 are the same disk");
  EXPECT_EQ(error({"-drive", "if=none,id=d,file=x,format=raw,offset=100"}),
            "-drive: offset=100 is no multiple of 512");
  EXPECT_EQ(error({"-drive", "if=none,id=d,file=x,offset=512"}),
            "-drive: offset= is of raw images (format=raw)");
}

}  // namespace
}  // namespace quince::machine
