// Times whole programs: what they write is their check value.
#define _GNU_SOURCE
#include "bench.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/// Runs a command once.  False, after a line that says why, when it fails.
static bool run_once(const char* name, char** command, u64* ns, u64* check) {
  int output[2];
  if (pipe2(output, O_CLOEXEC) != 0) die("pipe");
  const u64 start = now_ns();
  const pid_t child = fork();
  if (child == 0) {
    const int nothing = open("/dev/null", O_RDWR);
    if (nothing < 0 || dup2(nothing, 0) < 0 || dup2(output[1], 1) < 0) _exit(127);
    execvp(command[0], command);
    _exit(127);
  }
  close(output[1]);
  if (child < 0) die("fork");
  *check = CHECK_START;
  // By the byte: how the output comes in pieces says nothing.
  u8 block[65536];
  for (ssize_t got; (got = read(output[0], block, sizeof block)) > 0;)
    for (ssize_t i = 0; i < got; ++i) *check = mix(*check, block[i]);
  close(output[0]);
  int status;
  if (waitpid(child, &status, 0) != child) die("wait");
  *ns = now_ns() - start;
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return true;
  if (WIFEXITED(status))
    printf("%s FAILED: '%s' ended with %d\n", name, command[0], WEXITSTATUS(status));
  else
    printf("%s FAILED: '%s' was ended by signal %d\n", name, command[0], WTERMSIG(status));
  return false;
}

int time_program(const char* name, unsigned rounds, char** command) {
  u64 best = UINT64_MAX, first = 0;
  for (unsigned round = 0; round < rounds; ++round) {
    u64 ns, check;
    if (!run_once(name, command, &ns, &check)) return 1;
    if (ns < best) best = ns;
    if (round == 0) first = check;
    if (check != first) {
      printf("%s WRONG: its output differs from run to run\n", name);
      return 1;
    }
  }
  printf("%s 1 %" PRIu64 " %016" PRIx64 "\n", name, best, first);
  return 0;
}
