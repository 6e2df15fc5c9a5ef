"""What Linux's input layer has of a pointer's device, read in the guest from /dev/input over ssh."""

import os
import select
import subprocess
import time

from machine import PATIENCE_SECONDS

# For perl in the guest: events of linux/input.h, as the lines `axis NUMBER VALUE MAXIMUM`, which the ioctl EVIOCGABS
# says, `ready`, and then `TYPE CODE VALUE`.
READ_EVENTS = r"""
$| = 1;
my ($name) = @ARGV;
for my $path (glob "/sys/class/input/event*") {
  open my $f, "<", "$path/device/name" or next;
  chomp(my $its = <$f>);
  next if $its ne $name;
  $path =~ s,.*/,/dev/input/,;
  open my $device, "<:raw", $path or die "$path: $!";
  for my $axis (0, 1) {
    my $info = "\0" x 24;
    ioctl $device, 0x80184540 + $axis, $info or die "EVIOCGABS: $!";
    my ($value, undef, $maximum) = unpack "lll", $info;
    print "axis $axis $value $maximum\n";
  }
  print "ready\n";
  while (sysread $device, my $event, 24) { printf "%d %d %d\n", unpack "x16SSl", $event; }
}
die "no $name";
"""
EV_SYN, EV_KEY, EV_ABS, BTN_LEFT = 0, 1, 3, 0x110


class EvdevReader:
    """A tablet's events, from the moment this is made until it ends."""

    def __init__(self, guest, name):
        self._guest = guest
        self._place, self._maximum, self._buffer = [0, 0], [0, 0], b""
        guest.ssh("cat >/run/read-events", stdin=READ_EVENTS.encode())
        self._reader = subprocess.Popen(guest.ssh_line(f"perl /run/read-events '{name}'"), stdin=subprocess.DEVNULL,
                                        stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        for line in self._lines("the tablet's axes"):
            if line == ["ready"]:
                return
            if line[0] != "axis":
                guest.fail(f"the reader of events said {line}")
            axis, value, maximum = map(int, line[1:])
            self._place[axis], self._maximum[axis] = value, maximum

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self._reader.kill()
        self._reader.stdout.close()
        self._reader.wait()

    def _lines(self, awaited):
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            while b"\n" not in self._buffer:
                # The emulator's own output is read meanwhile, so that it never waits.
                ready, _, _ = select.select([self._reader.stdout, self._guest.process.stdout], [], [],
                                            max(0.0, deadline - time.monotonic()))
                if not ready:
                    self._guest.fail(f"no {awaited} in {PATIENCE_SECONDS:.0f} s")
                if self._guest.process.stdout in ready:
                    self._guest.drain(0)
                if self._guest.process.poll() is not None:
                    self._guest.fail(f"ended before {awaited}")
                if self._reader.stdout in ready:
                    data = os.read(self._reader.stdout.fileno(), 65536)
                    self._buffer += data
                    if not data:
                        self._guest.fail(f"the reader of events ended before {awaited}: {self._buffer}")
            line, self._buffer = self._buffer.split(b"\n", 1)
            yield line.decode(errors="replace").split()

    def click(self, size):
        """Waits for a press of the left button and its release.  Returns the pixel of a screen of `size` that the press
        was at, as desktops work it out: the axis's range is spread over the screen's width."""
        pressed_at, button = None, None
        for line in self._lines("click"):
            kind, code, value = map(int, line)
            if kind == EV_ABS and code in (0, 1):
                self._place[code] = value
            elif (kind, code) == (EV_KEY, BTN_LEFT):
                button = value
            elif kind == EV_SYN and button is not None:
                # What is in one report happened at once.
                if button == 0:
                    return pressed_at
                button = None
                pressed_at = tuple(v * s // (m + 1) for v, s, m in zip(self._place, size, self._maximum))
