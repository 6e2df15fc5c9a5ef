#include "guest.h"

#include <gtest/gtest.h>

#include <array>

#include "base/bits.h"
#include "machine/cli/command_line.h"
#include "tests/support/engine.h"

namespace quince::machine::test {

Program& Program::word(u32 w) {
  words.push_back(w);
  return *this;
}

Program& Program::mov(unsigned d, u64 value) {
  word(0xd280'0000 | static_cast<u32>(value & 0xffff) << 5 | d);
  for (unsigned i = 1; i < 4; ++i)
    if (const u32 part = static_cast<u32>(value >> (16 * i)) & 0xffff; part != 0)
      word(0xf280'0000 | i << 21 | part << 5 | d);
  return *this;
}

namespace {
u32 imm19(int distance) { return (static_cast<u32>(distance) & 0x7'ffff) << 5; }
u32 sysreg(unsigned op0, unsigned op1, unsigned crn, unsigned crm, unsigned op2, unsigned t) {
  return op0 << 19 | op1 << 16 | crn << 12 | crm << 8 | op2 << 5 | t;
}
}  // namespace

Program& Program::cbnz(unsigned t, int distance) { return word(0xb500'0000 | imm19(distance) | t); }
Program& Program::cbz(unsigned t, int distance) { return word(0xb400'0000 | imm19(distance) | t); }
Program& Program::b(int distance) {
  return word(0x1400'0000 | (static_cast<u32>(distance) & 0x3ff'ffff));
}
Program& Program::msr(unsigned op0, unsigned op1, unsigned crn, unsigned crm, unsigned op2,
                      unsigned t) {
  return word(0xd500'0000 | sysreg(op0, op1, crn, crm, op2, t));
}
Program& Program::mrs(unsigned t, unsigned op0, unsigned op1, unsigned crn, unsigned crm,
                      unsigned op2) {
  return word(0xd520'0000 | sysreg(op0, op1, crn, crm, op2, t));
}

Program& Program::off() {
  mov(20, kData + 8).mov(21, 0xbad);
  return psci(0x8400'0008).str(21, 20).b(-1);
}

EngineConfig engine() {
  if (!quince::test::engine_was_chosen()) return {};
  const std::string name = quince::test::test_engine();
  const auto line = parse_command_line(std::array{"-engine", name.c_str()});
  EXPECT_TRUE(line) << (line ? "" : line.error().message());
  return line ? line->config.engine : EngineConfig{};
}

MachineConfig config(unsigned cpus) {
  MachineConfig c;
  c.engine = engine();
  c.cpus = cpus;
  c.ram = 16 * MiB;
  c.clock.deterministic = true;
  c.rtc_fixed = true;
  c.boot_time = 1'000'000;
  return c;
}

void load(MachineConfig& c, const Program& p, u64 address, std::optional<unsigned> start) {
  for (std::size_t i = 0; i < p.words.size(); ++i) {
    firmware::LoaderOptions l;
    l.addr = PhysAddr(address + 4 * i);
    l.data = p.words[i];
    l.data_len = 4;
    c.loaders.push_back(l);
  }
  if (!start) return;
  firmware::LoaderOptions entry;
  entry.addr = PhysAddr(address);
  entry.cpu_num = start;
  c.loaders.push_back(entry);
}

std::unique_ptr<Machine> make(MachineConfig c) {
  auto m = Machine::create(std::move(c));
  EXPECT_TRUE(m) << (m ? "" : m.error().message());
  return m ? std::move(*m) : nullptr;
}

u64 peek(Machine& m, u64 address) {
  const u8* p = m.cpus()[0]->host_pointer(PhysAddr(address), 8);
  EXPECT_NE(p, nullptr);
  return p != nullptr ? load_le<u64>(p) : 0;
}

}  // namespace quince::machine::test
