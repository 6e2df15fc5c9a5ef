// Lockstep finds what is translated wrong and says which instruction it is; chaos changes nothing.
//
// An instruction is translated as if it were another one (TranslationOptions::mistake), which is what an
// error of the translator looks like from outside.
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <sstream>
#include <string>

#include "cpu/jit/jit.h"
#include "tests/unit/cpu/system/bench.h"

namespace quince::cpu::test {
namespace {

constexpr u64 kData = 0x10'0000;

/// A vCPU with options of its own, whose log can be read.
class Pair : public Bench {
 public:
  explicit Pair(const TranslationOptions& options) : Bench("max") {
    const int fd = ::mkstemp(path_.data());
    EXPECT_GE(fd, 0);
    ::close(fd);
    EXPECT_TRUE(log.open(path_));
    c = std::make_unique<Vcpu>(0, 0, model, ports);
    EXPECT_TRUE(c->use_jit(options));
    restart();
    c->s.x[1] = kData;
    c->s.x[2] = 3;
    store64(kData + 8, 0x1111);
    store64(kData + 16, 0x2222);
  }
  ~Pair() { std::remove(path_.c_str()); }
  /// Runs instructions without looking at the result.
  RunExit run_code(std::initializer_list<u32> code, u64 budget = 100) {
    u64 at = kCode;
    for (const u32 insn : code) store_le(ram->data() + at, insn), at += 4;
    store_le(ram->data() + at, u32{0x1400'0000});  // b .
    for (u64 v = kVectors; v < kVectors + 0x800; v += 0x80)
      store_le(ram->data() + v, u32{0x1400'0000});
    c->invalidate_all_code(false);
    c->s.pc = kCode;
    return c->run(budget);
  }
  std::string said() const {
    std::ostringstream all;
    all << std::ifstream(path_).rdbuf();
    return all.str();
  }

 private:
  std::string path_ = "/tmp/quince-lockstep-XXXXXX";
};

TranslationOptions lockstep() { return {.threshold = 1, .lockstep = true}; }

struct Mistake {
  const char* name;
  u32 insn, taken_for;
  const char* found;        ///< in the report's first line
  const char* instruction;  ///< that the report names
};

const Mistake kMistakes[] = {
    {"flags", 0xab020020, 0x8b020020, "differ: NZCV", "adds x0, x1, x2"},            // ADD
    {"register", 0x8b020020, 0xcb020020, "differ: X0", "add x0, x1, x2"},            // SUB
    {"vector", 0x4e228420, 0x6e228420, "differ: V0", "add v0.16b, v1.16b, v2.16b"},  // SUB
    {"address", 0xf9400420, 0xf9400820, "loads 8 bytes from 0x100010", "ldr x0, [x1, #8]"},
    {"size", 0xf9400420, 0xb9400820, "does not load 8 bytes at 0x100008", "ldr x0, [x1, #8]"},
    {"value", 0xf9000422, 0xf9000421, "stores", "str x2, [x1, #8]"},                     // of X1
    {"no store", 0xf9000422, 0xd503201f, "does not store 8 bytes", "str x2, [x1, #8]"},  // NOP
    {"writeback", 0xf8408420, 0xf8410420, "differ: X1", "ldr x0, [x1], #8"},             // #16
    {"branch", 0xb4000040, 0xb5000040, "differ: PC", "cbz x0, .+8"},                     // CBNZ
};

TEST(Lockstep, NamesTheInstructionThatIsTranslatedWrong) {
  for (const Mistake& m : kMistakes) {
    TranslationOptions options = lockstep();
    options.mistake = {m.insn, m.taken_for};
    Pair p(options);
    p.c->s.nzcv = 15;
    p.c->s.v[1] = {{5, 6}}, p.c->s.v[2] = {{1, 1}};
    constexpr u32 kNop = 0xd503'201f, kSvc = 0xd400'0001;
    EXPECT_EQ(p.run_code({kNop, m.insn, kNop, kSvc}), RunExit::Differs) << m.name;
    const std::string said = p.said();
    const std::string first = said.substr(0, said.find('\n'));
    EXPECT_NE(first.find(m.found), std::string::npos) << m.name << ": " << said;
    EXPECT_NE(said.find(m.instruction), std::string::npos) << m.name << ": " << said;
    EXPECT_NE(said.find("Host code of the region"), std::string::npos) << m.name;
    EXPECT_LT(std::ranges::count(said, '\n'), 400) << m.name;
    // And that is the end.
    EXPECT_EQ(p.c->run(100), RunExit::Differs) << m.name;
    EXPECT_EQ(p.said(), said) << m.name;
  }
}

/// Everything that is done once only, and what an exception leaves behind.
const std::initializer_list<u32> kProgram = {
    0xd53b2400,  // mrs x0, rndr
    0xf9000420,  // str x0, [x1, #8]
    0xf8220023,  // ldadd x2, x3, [x1]
    0xc85f7c24,  // ldxr x4, [x1]
    0xc8057c24,  // stxr w5, x4, [x1]
    0xa9400c22,  // ldp x2, x3, [x1]
    0x4c402020,  // ld1 { v0.16b - v3.16b }, [x1]
    0x4e228420,  // add v0.16b, v1.16b, v2.16b
    0xd40000e1,  // svc #7
};

TEST(Lockstep, AccessesAreDoneOnce) {
  Pair p(lockstep());
  p.store64(kData, 40);
  EXPECT_EQ(p.run_code(kProgram), RunExit::Budget);
  EXPECT_EQ(p.said(), "");
  EXPECT_EQ(p.exception(), 0x15);
  EXPECT_EQ(p.load64(kData), 43u);          // by LDADD, once
  EXPECT_NE(p.load64(kData + 8), 0x1111u);  // a random number, the same for both
  EXPECT_EQ(p.c->s.x[5], 0u);               // STXR went well
  EXPECT_EQ(p.c->s.x[2], 43u);
  EXPECT_GT(p.c->translator()->counters().entries, 0u);
}

TEST(Lockstep, CountsInstructionsOnce) {
  for (const bool both : {false, true}) {
    Pair p(both ? lockstep() : TranslationOptions{.threshold = 1});
    p.run_code(kProgram, 1000);
    EXPECT_GE(p.c->instructions(), 1000u) << both;
    EXPECT_LT(p.c->instructions(), 1000u + 64) << both;
  }
}

/// Sums numbers by a loop with loads and stores: 5000 turns of 6 instructions.
const std::initializer_list<u32> kLoop = {
    0xd2827103,  // movz x3, #5000
    0xf9400420,  // ldr x0, [x1, #8]
    0x8b030000,  // add x0, x0, x3
    0xf9000420,  // str x0, [x1, #8]
    0xf1000463,  // subs x3, x3, #1
    0x54ffff81,  // b.ne .-16
};

TEST(Chaos, ChangesNothing) {
  for (const bool both : {false, true})
    for (const u64 seed : {1, 2, 3}) {
      Pair p({.threshold = 1, .lockstep = both, .chaos = seed});
      while (p.c->instructions() < 40'000) {
        const RunExit why = p.c->instructions() == 0 ? p.run_code(kLoop, 10'000) : p.c->run(10'000);
        ASSERT_EQ(why, RunExit::Budget) << p.said();
      }
      EXPECT_EQ(p.load64(kData + 8), 0x1111u + 5000 * 5001 / 2) << seed;
      const jit::JitCounters& n = p.c->translator()->counters();
      EXPECT_GT(n.entries, 100u) << "stays are short";
      EXPECT_GT(n.regions, 2u) << "regions are forgotten";
    }
}

TEST(Chaos, IsTheSameForTheSameSeed) {
  const auto entries = [](u64 seed) {
    Pair p({.threshold = 1, .chaos = seed});
    (void)p.run_code(kLoop, 30'000);
    return p.c->translator()->counters().entries;
  };
  EXPECT_EQ(entries(7), entries(7));
  EXPECT_NE(entries(7), entries(8));
}

}  // namespace
}  // namespace quince::cpu::test
