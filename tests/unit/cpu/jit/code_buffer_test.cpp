// Memory for code: in one view or two, and where the host refuses what can be written and run.
#include "cpu/jit/code_buffer.h"

#include <gtest/gtest.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include <cerrno>
#include <cstddef>
#include <cstring>

#include "cpu/jit/jit.h"
#include "tests/support/vcpu_harness.h"

namespace quince::cpu::jit {
namespace {

constexpr u8 kFortyTwo[] = {0xb8, 42, 0, 0, 0, 0xc3};  // mov eax, 42; ret

int call(const u8* code) { return reinterpret_cast<int (*)()>(reinterpret_cast<u64>(code))(); }

TEST(CodeBuffer, WhatIsWrittenInOneViewRunsInTheOther) {
  for (const auto views : {CodeBuffer::Views::Auto, CodeBuffer::Views::Two}) {
    auto buffer = CodeBuffer::create(64 * KiB, views);
    ASSERT_TRUE(buffer) << buffer.error().message();
    CodeBuffer& b = **buffer;
    EXPECT_TRUE(b.has_two_views() || views == CodeBuffer::Views::Auto);
    EXPECT_EQ(b.room(), 64 * KiB);
    b.take(3);
    u8* const at = b.next();
    std::memcpy(at, kFortyTwo, sizeof kFortyTwo);
    EXPECT_EQ(b.write_view(b.run_view(at)), at);
    EXPECT_EQ(call(b.run_view(at)), 42);
    at[1] = 43;  // as jumps are patched
    EXPECT_EQ(call(b.run_view(at)), 43);
    b.reset(16);
    EXPECT_EQ(b.next(), at);
  }
}

/// From here on this process gets no memory that can be written and run, as with SELinux's execmem.
void refuse_writable_code() {
  constexpr u32 kNumber = offsetof(seccomp_data, nr);
  constexpr u32 kProtection = offsetof(seccomp_data, args) + 2 * sizeof(u64);
  sock_filter code[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, kNumber),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_mmap, 1, 0),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_mprotect, 0, 3),
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, kProtection),
      BPF_STMT(BPF_ALU | BPF_AND | BPF_K, PROT_WRITE | PROT_EXEC),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, PROT_WRITE | PROT_EXEC, 1, 0),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EACCES),
  };
  const sock_fprog program{.len = std::size(code), .filter = code};
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
      ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0)
    std::_Exit(77);
}

/// Counts to 1000 in translated code; the status says what went wrong.
int run_a_loop() {
  if (::mmap(nullptr, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1,
             0) != MAP_FAILED)
    return 1;
  CpuModel model;
  model.name = "everything";
  model.features.set();
  const quince::test::VcpuHarness::Translation translation;
  quince::test::VcpuHarness harness(model, quince::test::VcpuHarness::kDataBlock, 0x1000,
                                    &translation);
  constexpr u32 kLoop[] = {0xd280'7d01,   // mov x1, #1000
                           0x9100'0400,   // add x0, x0, #1
                           0xf100'0421,   // subs x1, x1, #1
                           0x54ff'ffc1};  // b.ne
  for (unsigned n = 0; n < std::size(kLoop); ++n)
    harness.write_insn(quince::test::VcpuHarness::kCode + 4 * n, kLoop[n]);
  harness.code_changed();
  harness.prepare(quince::test::VcpuHarness::kCode);
  if (!harness.run_to_exception(10'000)) return 2;
  if (harness.vcpu().s.x[0] != 1000) return 3;
  const JitCounters& counters = harness.vcpu().translator()->counters();
  return counters.entries > 0 && counters.regions > 0 ? 0 : 4;
}

TEST(CodeBuffer, AHostThatRefusesWritableCodeRunsTwoViews) {
  if (!Jit::supported()) GTEST_SKIP() << "nothing is translated on this host";
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(
      {
        refuse_writable_code();
        std::_Exit(run_a_loop());
      },
      testing::ExitedWithCode(0), "");
}

}  // namespace
}  // namespace quince::cpu::jit
