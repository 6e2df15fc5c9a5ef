// Runs in the guest: when Linux says that keys were pressed, in counts of the guest's counter.
//
//   key-times COUNT    waits for COUNT presses and releases of the keyboards of /dev/input, and says
//                      each as `key CODE VALUE COUNTER`, after `keys ready` and before `keys end`
//
// evdev's time stamps are of CLOCK_MONOTONIC here.  What that clock and CNTVCT_EL0 show at one
// moment is read with every event, so that a stamp can be told as a count: the two run at fixed
// rates, and the moment is some milliseconds after the stamp.  Nothing is printed before the end,
// because the serial port would disturb what is measured.
#include <errno.h>
#include <fcntl.h>
#include <linux/input.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

enum { kDevices = 32, kMostKeys = 100000, kTries = 16 };

struct key {
  unsigned code, value;
  uint64_t counter;
};

static struct pollfd devices[kDevices];
static nfds_t device_count;
static struct key* keys;

static void fail(const char* what) {
  printf("keys error %s: %s\n", what, strerror(errno));
  exit(1);
}

static uint64_t counter(void) {
  uint64_t v;
  __asm__ volatile("isb; mrs %0, cntvct_el0" : "=r"(v)::"memory");
  return v;
}

static uint64_t frequency(void) {
  uint64_t v;
  __asm__("mrs %0, cntfrq_el0" : "=r"(v));
  return v;
}

static uint64_t monotonic_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

// The counter and the clock at one moment: the closest of some tries, because the host may take the
// CPU away between the two.  The count is the later one, so that a latency is never too small.
static void both_clocks(uint64_t* count, uint64_t* ns) {
  uint64_t best = UINT64_MAX;
  for (int i = 0; i < kTries; ++i) {
    const uint64_t before = counter(), now = monotonic_ns(), after = counter();
    if (after - before >= best) continue;
    best = after - before;
    *count = after;
    *ns = now;
  }
}

static void open_keyboards(void) {
  for (int n = 0; n < kDevices; ++n) {
    char path[64], name[128] = "";
    snprintf(path, sizeof path, "/dev/input/event%d", n);
    const int fd = open(path, O_RDONLY | O_NONBLOCK);
    if (fd < 0) continue;
    int clock = CLOCK_MONOTONIC;
    if (ioctl(fd, EVIOCGNAME(sizeof name), name) < 0 || strstr(name, "Keyboard") == NULL) {
      close(fd);
      continue;
    }
    if (ioctl(fd, EVIOCSCLOCKID, &clock) < 0) fail("EVIOCSCLOCKID");
    devices[device_count++] = (struct pollfd){.fd = fd, .events = POLLIN};
  }
  if (device_count == 0) fail("no keyboard");
}

int main(int argc, char** argv) {
  const int wanted = argc == 2 ? atoi(argv[1]) : 0;
  if (wanted < 1 || wanted > kMostKeys) fail("COUNT");
  keys = calloc((size_t)wanted, sizeof *keys);
  if (keys == NULL) fail("memory");
  open_keyboards();
  printf("keys ready %llu\n", (unsigned long long)frequency());
  fflush(stdout);
  for (int n = 0; n < wanted;) {
    if (poll(devices, device_count, -1) < 0) fail("poll");
    for (nfds_t d = 0; d < device_count; ++d) {
      struct input_event e;
      while (n < wanted && read(devices[d].fd, &e, sizeof e) == sizeof e) {
        if (e.type == EV_SYN && e.code == SYN_DROPPED) fail("dropped");
        if (e.type != EV_KEY || e.value > 1) continue;  // 2: the kernel's own repetition
        uint64_t count = 0, ns = 0;
        both_clocks(&count, &ns);
        const uint64_t stamp =
            (uint64_t)e.input_event_sec * 1000000000u + (uint64_t)e.input_event_usec * 1000u;
        keys[n++] = (struct key){e.code, (unsigned)e.value,
                                 count - (ns - stamp) * frequency() / 1000000000u};
      }
    }
  }
  for (int n = 0; n < wanted; ++n)
    printf("key %u %u %llu\n", keys[n].code, keys[n].value, (unsigned long long)keys[n].counter);
  printf("keys end\n");
  return 0;
}
