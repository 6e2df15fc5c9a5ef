// The built command: what it does with input that is wrong, and how it ends.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <libfdt.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "base/fd.h"
#include "base/types.h"

namespace quince {
namespace {

namespace fs = std::filesystem;
using Args = std::vector<std::string>;

/// How a run of the command ended.
struct Outcome {
  int status = -1;  ///< exit status, or 1000 + the signal that killed it
  std::string out, err;
};

std::string contents(int fd) {
  std::string s(static_cast<std::size_t>(::lseek(fd, 0, SEEK_END)), '\0');
  EXPECT_EQ(::pread(fd, s.data(), s.size(), 0), static_cast<ssize_t>(s.size()));
  return s;
}

/// Runs the command; `prepare` runs in the child before it.
Outcome quince(const Args& args, void (*prepare)() = nullptr) {
  std::vector<char*> argv;
  std::string name = "quince";
  argv.push_back(name.data());
  Args copies = args;
  for (std::string& a : copies) argv.push_back(a.data());
  argv.push_back(nullptr);
  const Fd out(::memfd_create("out", MFD_CLOEXEC)), err(::memfd_create("err", MFD_CLOEXEC));
  const pid_t pid = ::fork();
  if (pid == 0) {
    const int null = ::open("/dev/null", O_RDONLY);
    ::dup2(null, 0);
    ::dup2(out.get(), 1);
    ::dup2(err.get(), 2);
    if (prepare != nullptr) prepare();
    ::execv(QUINCE_BINARY, argv.data());
    ::_exit(99);
  }
  int status = 0;
  EXPECT_EQ(::waitpid(pid, &status, 0), pid);
  return {WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status), contents(out.get()),
          contents(err.get())};
}

/// A SIGTERM that waits for the command to look at it.
void pending_sigterm() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGTERM);
  ::sigprocmask(SIG_BLOCK, &set, nullptr);
  ::kill(::getpid(), SIGTERM);
}

struct Cli : ::testing::Test {
  Cli() {
    fs::create_directory(dir);
    fs::create_directory(dir / "directory");
    write("empty", "");
    write("spin", std::string("\x00\x00\x00\x14", 4));  // B .
    write("corrupt.gz", std::string("\x1f\x8b\x08\x00garbage that is no deflate stream", 36));
    write("short.gz", std::string("\x1f\x8b\x08\x00", 4));
    std::string elf("\x7f" "ELF\x02\x01\x01", 7);
    elf.resize(64);
    elf[16] = 2;   // ET_EXEC
    elf[18] = 62;  // EM_X86_64
    write("x86.elf", elf);
    write("short.elf", elf.substr(0, 20));
    write("large", "");
    fs::resize_file(dir / "large", 64 * MiB);
    write("small", std::string(1000, 's'));
  }
  ~Cli() override { fs::remove_all(dir); }

  void write(const std::string& name, const std::string& bytes) {
    std::ofstream(dir / name, std::ios::binary) << bytes;
  }
  std::string file(const std::string& name) const { return (dir / name).string(); }
  std::string read(const std::string& name) const {
    std::ifstream in(dir / name, std::ios::binary);
    return std::string(std::istreambuf_iterator<char>(in), {});
  }
  /// '@' at the start of a word or behind '=' or ':' stands for the test's folder.
  std::string expand(std::string s) const {
    for (std::size_t at = 0; (at = s.find("@/", at)) != std::string::npos;)
      s.replace(at, 2, dir.string() + "/");
    return s;
  }
  Args expand(Args args) const {
    for (std::string& a : args) a = expand(a);
    return args;
  }
  std::vector<std::string> files() const {
    std::vector<std::string> names;
    for (const auto& f : fs::directory_iterator(dir)) names.push_back(f.path().filename());
    std::sort(names.begin(), names.end());
    return names;
  }

  fs::path dir = fs::temp_directory_path() / ("quince-cli-" + std::to_string(::getpid()));
};

struct Wrong {
  Args args;
  std::vector<std::string> says;  ///< all of them, behind "quince: "
};

// clang-format off
const Wrong kWrong[] = {
    {{"-M", "virt"}, {"nothing to boot"}},
    {{"-bogus"}, {"-bogus: invalid option"}},
    {{"-kernel"}, {"-kernel: requires an argument"}},
    {{"-kernel", "@/spin", "-M", "vmapple,display=off", "-display", "sdl"}, {"-display: sdl: the machine has no display device"}},
    {{"-kernel", "@/none"}, {"-kernel: could not load kernel '@/none'", "No such file"}},
    {{"-kernel", "@/directory"}, {"-kernel: could not load kernel '@/directory'", "is a directory"}},
    {{"-kernel", "@/empty"}, {"-kernel: could not load kernel '@/empty'", "empty"}},
    {{"-kernel", "@/corrupt.gz"}, {"-kernel: could not load kernel '@/corrupt.gz'", "gzip data is corrupt"}},
    {{"-kernel", "@/short.gz"}, {"-kernel: could not load kernel '@/short.gz'", "truncated"}},
    {{"-kernel", "@/x86.elf"}, {"-kernel: could not load kernel '@/x86.elf'", "x86-64", "not for AArch64"}},
    {{"-kernel", "@/short.elf"}, {"-kernel: could not load kernel '@/short.elf'", "truncated"}},
    {{"-kernel", "/bin/true"}, {"-kernel: could not load kernel '/bin/true'", "not for AArch64"}},
    {{"-kernel", "@/large", "-m", "32"}, {"-kernel: could not load kernel '@/large'", "do not fit in RAM", "32 MiB"}},
    {{"-kernel", "@/spin", "-initrd", "@/none"}, {"-initrd: could not load initrd '@/none'", "No such file"}},
    {{"-kernel", "@/spin", "-initrd", "@/directory"}, {"-initrd: could not load initrd '@/directory'", "is a directory"}},
    {{"-kernel", "@/spin", "-initrd", "@/empty"}, {"-initrd: could not load initrd '@/empty'", "empty"}},
    {{"-kernel", "@/spin", "-initrd", "@/large", "-m", "32"}, {"-initrd: could not load initrd '@/large'", "do not fit"}},
    {{"-initrd", "@/small", "-bios", "@/small"}, {"-initrd: only with -kernel"}},
    {{"-kernel", "@/spin", "-dtb", "@/none"}, {"-dtb: could not load device tree '@/none'", "No such file"}},
    {{"-kernel", "@/spin", "-dtb", "@/small"}, {"-dtb: could not load device tree '@/small'"}},
    {{"-kernel", "@/spin", "-dtb", "@/empty"}, {"-dtb: could not load device tree '@/empty'"}},
    {{"-bios", "@/none"}, {"-bios: ", "'@/none'", "No such file"}},
    {{"-bios", "@/directory"}, {"-bios: ", "'@/directory'", "is a directory"}},
    {{"-bios", "@/empty"}, {"-bios: ", "'@/empty'", "empty"}},
    {{"-bios", "@/large"}, {"-bios: ", "'@/large'", "too large"}},
    {{"-device", "loader,file=@/none,addr=0x70000000"}, {"-device loader: ", "'@/none'", "No such file"}},
    {{"-device", "loader,file=@/spin"}, {"-device loader: ", "'@/spin'", "needs an addr"}},
    {{"-device", "loader,file=@/x86.elf,cpu-num=0"}, {"-device loader: ", "'@/x86.elf'", "x86-64"}},
    {{"-device", "loader,file=@/spin,addr=0x100"}, {"loader file '@/spin'", "0x100"}},
    {{"-device", "loader,file=@/spin,addr=0x70000000,cpu-num=1"}, {"-device loader: there is no CPU 1"}},
    {{"-device", "loader,file=@/spin,addr=0x70000000", "-device", "loader,file=@/small,addr=0x70000000"}, {"overlaps", "'@/spin'", "'@/small'"}},
    {{"-device", "bogus"}, {"-device: 'bogus'"}},
    {{"-kernel", "@/spin", "-device", "ramfb"}, {"-device ramfb: ", "no fw_cfg"}},
    {{"-kernel", "@/spin", "-M", "virt", "-device", "ramfb", "-device", "ramfb"}, {"-device ramfb: ", "etc/ramfb"}},
    {{"-kernel", "@/spin", "-device", "virtio-gpu-pci,max_outputs=17"}, {"max_outputs"}},
    {{"-kernel", "@/spin", "-device", "virtio-gpu-pci,xres=1"}, {"xres"}},
    {{"-kernel", "@/spin", "-device", "virtio-gpu-pci,display-modes=800"}, {"display-modes: ", "'800'"}},
    {{"-kernel", "@/spin", "-device", "virtio-gpu-pci,display-modes=800x600/800x600"}, {"display-modes: 2 heads", "max_outputs is 1"}},
    {{"-kernel", "@/spin", "-device", "virtio-gpu-pci,xres=800,display-modes=800x600"}, {"xres"}},
    {{"-kernel", "@/spin", "-device", "virtio-gpu-pci,max_outputs=2,serials=A/A"}, {"serials: two heads have 'A'"}},
    {{"-kernel", "@/spin", "-device", "virtio-gpu-pci,serials=12345678901234"}, {"serial number", "13"}},
    {{"-kernel", "@/spin", "-device", "virtio-gpu-pci,blob=on"}, {"blob=on is not implemented"}},
    {{"-kernel", "@/spin", "-M", "virt,display=on"}, {"-M: display=on: machine 'virt'"}},
    {{"-kernel", "@/spin", "-M", "vmapple,display=maybe"}, {"-M: display=maybe"}},
    {{"-kernel", "@/spin", "-M", "vmapple,display-mode=wide"}, {"-M: 'wide' is not a mode"}},
    {{"-kernel", "@/spin", "-M", "vmapple,display=off", "-screenshot", "@/x.png"}, {"-screenshot: the machine has no display device"}},
    {{"-kernel", "@/spin", "-M", "bogus"}, {"-M: machine 'bogus'"}},
    {{"-kernel", "@/spin", "-cpu", "bogus"}, {"-cpu: unknown model 'bogus'"}},
    {{"-kernel", "@/spin", "-cpu", "max,bogus=on"}, {"-cpu: unknown feature 'bogus'"}},
    {{"-kernel", "@/spin", "-smp", "33"}, {"-smp: Invalid SMP CPUs 33", " is 32"}},
    {{"-kernel", "@/spin", "-m", "8"}, {"-m: 8 MiB is too little"}},
    {{"-kernel", "@/spin", "-m", "1T"}, {"-m: ", "too much"}},
    {{"-kernel", "@/spin", "-d", "bogus"}, {"-d: log item 'bogus'"}},
    {{"-kernel", "@/spin", "-D", "@/none/log"}, {"-D: ", "'@/none/log'", "No such file"}},
    {{"-kernel", "@/spin", "-D", "@/directory"}, {"-D: ", "'@/directory'", "directory"}},
    {{"-kernel", "@/spin", "-serial", "file:@/none/x"}, {"-serial: ", "'@/none/x'", "No such file"}},
    {{"-kernel", "@/spin", "-serial", "file:@/directory"}, {"-serial: ", "'@/directory'", "directory"}},
    {{"-M", "virt,dumpdtb=@/none/x"}, {"-M: dumpdtb: ", "'@/none/x'", "No such file"}},
    {{"-M", "virt,dumpdtb=@/directory"}, {"-M: dumpdtb: ", "'@/directory'", "directory"}},
    {{"-M", "virt,dumpdtb=/dev/full"}, {"-M: dumpdtb: ", "'/dev/full'", "No space left"}},
    {{"-kernel", "@/spin", "-pidfile", "@/none/x"}, {"-pidfile: ", "'@/none/x'", "No such file"}},
    {{"-kernel", "@/spin", "-pidfile", "@/directory"}, {"-pidfile: ", "'@/directory'", "directory"}},
    {{"-kernel", "@/spin", "-pidfile", "/dev/full"}, {"-pidfile: ", "'/dev/full'", "No space left"}},
    {{"-kernel", "@/two\nlines"}, {"could not load kernel '@/two?lines'"}},
};
// clang-format on

TEST_F(Cli, WrongInputIsOneLineAndStatusOne) {
  const auto before = files();
  for (const Wrong& w : kWrong) {
    // What is wrongly taken for right ends by the signal.
    const Outcome o = quince(expand(w.args), pending_sigterm);
    std::string line;
    for (const std::string& a : w.args) line += a + " ";
    SCOPED_TRACE(line + "\n" + o.err);
    EXPECT_EQ(o.status, 1);
    EXPECT_EQ(o.out, "");
    EXPECT_TRUE(o.err.starts_with("quince: "));
    EXPECT_EQ(o.err.find('\n'), o.err.size() - 1);  // one line, and all of it
    for (const std::string& s : w.says)
      EXPECT_NE(o.err.find(expand(s)), std::string::npos) << "wants: " << s;
    EXPECT_EQ(files(), before);  // nothing half done is left
  }
}

TEST_F(Cli, HelpAndVersion) {
  for (const char* flag : {"-version", "--version", "-help", "--help", "-h"}) {
    const Outcome o = quince({flag});
    EXPECT_EQ(o.status, 0) << flag;
    EXPECT_TRUE(o.out.starts_with("quince ")) << flag;
    EXPECT_EQ(o.err, "") << flag;
  }
  // What labgrid takes the version from: three numbers on the first line.
  const std::string version = quince({"-version"}).out;
  unsigned a = 0, b = 0, c = 0;
  EXPECT_EQ(std::sscanf(version.c_str(), "quince %u.%u.%u\n", &a, &b, &c), 3) << version;
}

/// A property's big-endian cells.
std::vector<u64> cells(const std::string& dtb, int node, const char* name) {
  int length = 0;
  const void* p = fdt_getprop(dtb.data(), node, name, &length);
  std::vector<u64> v;
  for (int i = 0; p != nullptr && i + 4 <= length; i += 4)
    v.push_back(fdt32_to_cpu(reinterpret_cast<const fdt32_t*>(p)[i / 4]));
  return v;
}

TEST_F(Cli, DumpedDeviceTree) {
  const struct {
    const char* board;
    u64 ram;
    const char* uart;
  } kBoards[] = {{"vmapple,display=off", 0x7000'0000, "pl011@20010000"},
                 {"virt", 0x4000'0000, "pl011@9000000"}};
  for (const auto& board : kBoards) {
    const Outcome o = quince({"-M", std::string(board.board) + ",dumpdtb=" + file("dtb"), "-smp",
                              "17", "-m", "6G"});
    EXPECT_EQ(o.status, 0);
    EXPECT_EQ(o.out + o.err, "");
    const std::string dtb = read("dtb");
    ASSERT_EQ(fdt_check_full(dtb.data(), dtb.size()), 0) << board.board;
    const int cpus = fdt_path_offset(dtb.data(), "/cpus");
    std::vector<u64> ids;
    int node = 0;
    fdt_for_each_subnode(node, dtb.data(), cpus) {
      const std::string name = fdt_get_name(dtb.data(), node, nullptr);
      if (name.starts_with("cpu@")) ids.push_back(cells(dtb, node, "reg").back());
    }
    std::sort(ids.begin(), ids.end());
    std::vector<u64> expected;
    for (u64 i = 0; i < 17; ++i) expected.push_back(i < 16 ? i : 0x100);
    EXPECT_EQ(ids, expected) << board.board;
    const int memory = fdt_node_offset_by_prop_value(dtb.data(), -1, "device_type", "memory", 7);
    EXPECT_EQ(cells(dtb, memory, "reg"), (std::vector<u64>{0, board.ram, 1, 0x8000'0000}));
    EXPECT_GT(fdt_path_offset(dtb.data(), (std::string("/") + board.uart).c_str()), 0);
  }
}

TEST_F(Cli, DumpedDeviceTreeIsTheSameForTheSameSeed) {
  for (const char* name : {"a", "b"})
    EXPECT_EQ(quince({"-seed", "5", "-M", "virt,dumpdtb=" + file(name)}).status, 0);
  EXPECT_EQ(read("a"), read("b"));
  EXPECT_EQ(quince({"-M", "virt,dumpdtb=" + file("a")}).status, 0);
  EXPECT_EQ(quince({"-M", "virt,dumpdtb=" + file("b")}).status, 0);
  EXPECT_NE(read("a"), read("b"));
}

TEST_F(Cli, ClosedAndFullOutputs) {
  const Args wrong = {"-kernel", file("none")};
  const struct {
    Args args;
    void (*prepare)();
    int status;
  } kCases[] = {
      {{"-help"}, [] { ::close(1); }, 0},
      {{"-help"}, [] { ::close(2); }, 0},
      {{"-help"}, [] { ::close(0); ::close(1); ::close(2); }, 0},
      {{"-help"}, [] { ::dup2(::open("/dev/full", O_WRONLY), 1); }, 1},
      {wrong, [] { ::close(1); }, 1},
      {wrong, [] { ::close(2); }, 1},
      {wrong, [] { ::dup2(::open("/dev/full", O_WRONLY), 2); }, 1},
      {{"-bogus"}, [] { ::close(0); ::close(1); ::close(2); }, 1},
      {{"-help"}, [] {  // a pipe that nobody reads
         int ends[2];
         if (::pipe(ends) != 0) ::_exit(98);
         ::close(ends[0]);
         ::dup2(ends[1], 1);
       }, 1},
  };
  for (std::size_t i = 0; i < std::size(kCases); ++i)
    EXPECT_EQ(quince(kCases[i].args, kCases[i].prepare).status, kCases[i].status) << i;
}

/// MOVZ W0, #0x8400, LSL #16; MOVK W0, #8; HVC #0: SYSTEM_OFF.
const std::string kPowerOff("\x00\x80\xb0\x52\x00\x01\x80\x72\x02\x00\x00\xd4", 12);

// What a guest prints goes nowhere when stdout is closed, and not into a file that took its number.
TEST_F(Cli, ClosedStandardDescriptorsStayClosedToOthers) {
  // MOVZ X1, #0x2001, LSL #16; MOV W2, #0x301; STR W2, [X1, #0x30]; MOV W2, #'!'; STR W2, [X1]
  write("bang", std::string("\x21\x00\xa4\xd2\x22\x60\x80\x52\x22\x30\x00\xb9\x22\x04\x80\x52"
                            "\x22\x00\x00\xb9", 20) + kPowerOff);
  const Args args = {"-device", "loader,file=" + file("bang") + ",addr=0x70000000,cpu-num=0",
                     "-serial", "stdio", "-D", file("log"), "-d", "guest_errors"};
  const Outcome open = quince(args);
  EXPECT_EQ(open.status, 0) << open.err;
  EXPECT_EQ(open.out, "!");
  EXPECT_EQ(read("log"), "");
  const Outcome closed = quince(args, [] { ::close(0); ::close(1); ::close(2); });
  EXPECT_EQ(closed.status, 0);
  EXPECT_EQ(read("log"), "");
}

TEST_F(Cli, GuestPowersOff) {
  write("off", kPowerOff);
  for (const Args& more : {Args{}, Args{"-icount", "3"}, Args{"-accel", "tcg,thread=single"},
                           Args{"-no-reboot", "-nodefaults", "-monitor", "none", "-nographic"}}) {
    Args args = {"-device", "loader,file=" + file("off") + ",addr=0x70000000,cpu-num=0"};
    args.insert(args.end(), more.begin(), more.end());
    const Outcome o = quince(args);
    EXPECT_EQ(o.status, 0) << o.err;
    EXPECT_EQ(o.out + o.err, "");
  }
}

// MOV X1, #1000; SUBS X1, X1, #1; B.NE .-4: often enough to be translated.
TEST_F(Cli, TranslatedCodeIsListed) {
  write("loop", std::string("\x01\x7d\x80\xd2\x21\x04\x00\xf1\xe1\xff\xff\x54", 12) + kPowerOff);
  const std::string loader = "loader,file=" + file("loop") + ",addr=0x70000000,cpu-num=0";
  const Args args = {"-device", loader,      "-engine", "jit",
                     "-D",      file("log"), "-d",      "in_asm,out_asm"};
  const Outcome o = quince(args);
  if (o.err.find("-engine jit") != o.err.npos) GTEST_SKIP() << o.err;
  EXPECT_EQ(o.status, 0) << o.err;
  const std::string log = read("log");
  EXPECT_NE(log.find("IN: cpu 0\n"), log.npos) << log;
  EXPECT_NE(log.find("0x70000004:  f1000421  subs x1, x1, #1\n"), log.npos) << log;
  EXPECT_NE(log.find("  -- guest addr 0x70000004  subs x1, x1, #1\n"), log.npos) << log;
  Args filtered = args;
  filtered.insert(filtered.end(), {"-dfilter", "0..0x6fffffff"});
  EXPECT_EQ(quince(filtered).status, 0);
  EXPECT_EQ(read("log"), "");
}

TEST_F(Cli, NothingIsListedByTheInterpreter) {
  for (const auto& [option, value] : {std::pair("-d", "in_asm"), std::pair("-d", "out_asm")}) {
    const Outcome o = quince({"-kernel", file("spin"), "-engine", "interp", option, value});
    EXPECT_EQ(o.status, 1);
    EXPECT_EQ(o.err, std::string("quince: -d ") + value +
                         ": the interpreter translates nothing; -engine jit does\n");
  }
  EXPECT_EQ(quince({"-kernel", file("spin"), "-engine", "interp", "-perfmap"}).err,
            "quince: -perfmap: the interpreter translates nothing; -engine jit does\n");
  EXPECT_EQ(quince({"-kernel", file("spin"), "-dfilter", "0+1"}).err,
            "quince: -dfilter: there is nothing to filter without -d in_asm or -d out_asm\n");
}

TEST_F(Cli, SigtermEndsAPausedMachineWithStatusZero) {
  for (const Args& more : {Args{"-S"}, Args{"-S", "-icount", "3"}, Args{"-S", "-smp", "4"}, Args{}}) {
    Args args = {"-kernel", file("spin"), "-m", "64"};
    args.insert(args.end(), more.begin(), more.end());
    const Outcome o = quince(args, pending_sigterm);
    EXPECT_EQ(o.status, 0) << o.err;
    EXPECT_EQ(o.out, "");
    EXPECT_TRUE(o.err.starts_with("quince: terminating on signal 15 from pid ")) << o.err;
    EXPECT_EQ(o.err.find('\n'), o.err.size() - 1);
  }
}

TEST_F(Cli, ThePidFileIsThereWhileTheMachineIs) {
  const auto before = files();
  Outcome o =
      quince({"-kernel", file("spin"), "-m", "64", "-S", "-pidfile", file("pid")}, pending_sigterm);
  EXPECT_EQ(o.status, 0) << o.err;
  EXPECT_EQ(files(), before);
  // What was in it, by a pipe, which keeps it and is not removed.
  ASSERT_EQ(::mkfifo(file("pipe").c_str(), 0600), 0);
  const Fd pipe(::open(file("pipe").c_str(), O_RDWR | O_NONBLOCK | O_CLOEXEC));
  o = quince({"-kernel", file("spin"), "-m", "64", "-S", "-pidfile", file("pipe")},
             pending_sigterm);
  EXPECT_EQ(o.status, 0) << o.err;
  char text[32] = {};
  ASSERT_GT(::read(pipe.get(), text, sizeof text - 1), 0);
  int pid = 0, length = 0;
  EXPECT_EQ(std::sscanf(text, "%d\n%n", &pid, &length), 1) << text;
  EXPECT_EQ(std::string(text), std::to_string(pid) + "\n");
  EXPECT_TRUE(fs::is_fifo(file("pipe")));
}

TEST_F(Cli, EchrChoosesTheEscapeKey) {
  const Outcome o =
      quince({"-kernel", file("spin"), "-m", "64", "-serial", "mon:stdio", "-echr", "0x14"}, [] {
        ::alarm(100);  // without the key it runs for ever
        int ends[2];
        if (::pipe(ends) != 0 || ::write(ends[1], "\x14hx\x14x", 5) != 5 || ::dup2(ends[0], 0) != 0)
          ::_exit(98);
      });
  EXPECT_EQ(o.status, 0);
  EXPECT_NE(o.out.find("C-t x    exit the emulator"), std::string::npos) << o.out;
}

TEST_F(Cli, TheNameStandsInWhatTheMachineSaysOfItself) {
  const Outcome o = quince({"-kernel", file("spin"), "-m", "64", "-S", "-name", "job 7"}, pending_sigterm);
  EXPECT_EQ(o.status, 0);
  EXPECT_TRUE(o.err.starts_with("quince (job 7): terminating on signal 15 from pid ")) << o.err;
}

// The guest powers off, the machine waits, the signal ends it.
TEST_F(Cli, NoShutdownWaitsForASignal) {
  write("off", kPowerOff);
  const Outcome o = quince({"-no-shutdown", "-icount", "3", "-device",
                            "loader,file=" + file("off") + ",addr=0x70000000,cpu-num=0"},
                           pending_sigterm);
  EXPECT_EQ(o.status, 0) << o.err;
  EXPECT_TRUE(o.err.starts_with("quince: terminating on signal 15 ")) << o.err;
}

}  // namespace
}  // namespace quince
