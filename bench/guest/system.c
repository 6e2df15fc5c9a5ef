// The operating system: system calls, page faults, signals, processes, pipes and switches between threads.
#define _GNU_SOURCE
#include "bench.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static u64 get_pid(u64 n) {
  const pid_t me = getpid();
  u64 same = 0;
  for (u64 i = 0; i < n; ++i) same += syscall(SYS_getpid) == me;
  return same;
}

/// The C library's clock, which reads the counter without a system call.
static u64 read_clock(u64 n) {
  u64 ordered = 0, last = 0;
  for (u64 i = 0; i < n; ++i) {
    const u64 now = now_ns();
    ordered += now >= last;
    last = now;
  }
  return ordered;
}

/// 4 KiB each of zeros from a device.
static u64 read_zero(u64 n) {
  u8 block[4096];
  memset(block, 1, sizeof block);
  const int f = open("/dev/zero", O_RDONLY | O_CLOEXEC);
  if (f < 0) die("/dev/zero");
  u64 bytes = 0;
  for (u64 i = 0; i < n; ++i) bytes += (u64)read(f, block, sizeof block);
  close(f);
  return mix_bytes(bytes, block, sizeof block);
}

static u64 look_up_file(u64 n) {
  u64 found = 0;
  struct stat s;
  for (u64 i = 0; i < n; ++i) found += stat(i % 2 == 0 ? "/proc/self/exe" : "/dev/none", &s) == 0;
  return found;
}

/// Maps 64 pages, touches each, and gives them back; an iteration is a page.
static u64 page_fault(u64 n) {
  enum { kPages = 64, kPage = 4096 };
  u64 check = 0;
  for (u64 i = 0; i < n; i += kPages) {
    u8* p = mmap(NULL, kPages * kPage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED) die("mmap");
    for (u64 k = 0; k < kPages; ++k) p[k * kPage] = (u8)(k + 1);
    for (u64 k = 0; k < kPages; ++k) check += p[k * kPage];
    munmap(p, kPages * kPage);
  }
  return check;
}

/// Takes a page's write permission away, is caught writing to it, and gives it back.
static u8* guarded;
static volatile sig_atomic_t faults;
static void on_fault(int signal) {
  (void)signal;
  faults = faults + 1;
  mprotect(guarded, 4096, PROT_READ | PROT_WRITE);
}

static u64 protection_fault(u64 n) {
  guarded = map_memory(4096, false);
  faults = 0;
  struct sigaction action = {.sa_handler = on_fault}, old;
  sigaction(SIGSEGV, &action, &old);
  for (u64 i = 0; i < n; ++i) {
    mprotect(guarded, 4096, PROT_READ);
    *(volatile u8*)guarded = (u8)i;
  }
  sigaction(SIGSEGV, &old, NULL);
  const u64 check = mix((u64)faults, guarded[0]);
  munmap(guarded, 4096);
  return check;
}

static volatile sig_atomic_t signals;
static void on_signal(int signal) { signals = signals + (signal == SIGUSR1); }

static u64 send_signal(u64 n) {
  signals = 0;
  struct sigaction action = {.sa_handler = on_signal};
  sigaction(SIGUSR1, &action, NULL);
  const pid_t me = getpid();
  for (u64 i = 0; i < n; ++i) kill(me, SIGUSR1);
  return (u64)signals;
}

static u64 await(pid_t child) {
  int status;
  if (child < 0 || waitpid(child, &status, 0) != child) die("fork or wait");
  return WIFEXITED(status) ? (u64)WEXITSTATUS(status) : 255;
}

static u64 fork_wait(u64 n) {
  u64 check = CHECK_START;
  for (u64 i = 0; i < n; ++i) {
    const pid_t child = fork();
    if (child == 0) _exit((int)(i % 100));
    check = mix(check, await(child));
  }
  return check;
}

/// Starts this very program, which ends at once.
static u64 exec(u64 n) {
  char* const arguments[] = {(char*)"bench", (char*)"--exit", NULL};
  u64 check = CHECK_START;
  for (u64 i = 0; i < n; ++i) {
    pid_t child;
    if (posix_spawn(&child, "/proc/self/exe", NULL, NULL, arguments, NULL) != 0) die("posix_spawn");
    check = mix(check, await(child));
  }
  return check;
}

static void read_byte(int f, u8* byte) {
  while (read(f, byte, 1) != 1)
    if (errno != EINTR) die("pipe");
}

static void write_byte(int f, u8 byte) {
  if (write(f, &byte, 1) != 1) die("pipe");
}

/// A byte to another process and back.
static u64 pipe_round_trip(u64 n) {
  int there[2], back[2];
  u8 byte = 1;
  if (pipe(there) != 0 || pipe(back) != 0) die("pipe");
  const pid_t child = fork();
  if (child == 0) {
    for (u64 i = 0; i < n; ++i) {
      read_byte(there[0], &byte);
      write_byte(back[1], (u8)(byte * 3 + 1));
    }
    _exit(0);
  }
  u64 check = CHECK_START;
  for (u64 i = 0; i < n; ++i) {
    write_byte(there[1], byte);
    read_byte(back[0], &byte);
    check = mix(check, byte);
  }
  check = mix(check, await(child));
  for (int i = 0; i < 2; ++i) close(there[i]), close(back[i]);
  return check;
}

static u32 turn;

static void await_turn(u32 mine) {
  u32 now;
  while ((now = __atomic_load_n(&turn, __ATOMIC_ACQUIRE)) != mine)
    syscall(SYS_futex, &turn, FUTEX_WAIT_PRIVATE, now, NULL, NULL, 0);
}

static void give_turn(u32 whose) {
  __atomic_store_n(&turn, whose, __ATOMIC_RELEASE);
  syscall(SYS_futex, &turn, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

static u64 handovers;

static void* other_thread(void* count) {
  for (u64 i = *(u64*)count; i > 0; --i) {
    await_turn(1);
    handovers = handovers * 3 + 1;
    give_turn(0);
  }
  return NULL;
}

/// Two threads take turns; each iteration is two switches.
static u64 futex_switch(u64 n) {
  pthread_t other;
  turn = 0, handovers = 0;
  if (pthread_create(&other, NULL, other_thread, &n) != 0) die("pthread_create");
  for (u64 i = 0; i < n; ++i) {
    await_turn(0);
    handovers += i;
    give_turn(1);
  }
  pthread_join(other, NULL);
  return handovers;
}

static void* no_work(void* p) { return p; }

static u64 thread_start(u64 n) {
  u64 check = 0;
  for (u64 i = 0; i < n; ++i) {
    pthread_t t;
    void* result;
    if (pthread_create(&t, NULL, no_work, (void*)(uintptr_t)i) != 0) die("pthread_create");
    pthread_join(t, &result);
    check += (uintptr_t)result;
  }
  return check;
}

const struct Benchmark kSystem[] = {
    {"os/getpid", 15000, get_pid, NULL, NULL, false},
    {"os/clock", 200000, read_clock, NULL, NULL, false},
    {"os/read-zero", 7500, read_zero, NULL, NULL, false},
    {"os/stat", 2000, look_up_file, NULL, NULL, false},
    {"os/page-fault", 2500, page_fault, NULL, NULL, false},
    {"os/protection-fault", 1000, protection_fault, NULL, NULL, false},
    {"os/signal", 2000, send_signal, NULL, NULL, false},
    {"os/fork-wait", 37, fork_wait, NULL, NULL, false},
    {"os/exec", 12, exec, NULL, NULL, false},
    {"os/thread", 200, thread_start, NULL, NULL, false},
    {"os/pipe", 250, pipe_round_trip, NULL, NULL, false},
    {"os/futex-switch", 1000, futex_switch, NULL, NULL, false},
    {0}};
