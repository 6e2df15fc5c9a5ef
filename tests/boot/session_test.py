#!/usr/bin/env python3
"""A person at the window: tests/boot/session_test.py QUINCE IMAGE [GLOB...]

Debian, from a disk that tests/images/make-debian-disk.sh made, in quince's window on a virtual desktop.  The tests read
the login prompt from the X server's screen, log in with keys, draw, and click.  `--keep DIR` saves the pictures.
"""

import argparse
import os
import random
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from console_text import READ_FONT, ConsoleText  # noqa: E402
from desktop import Desktop  # noqa: E402
from disk_guest import DiskGuest, Image, check_disk  # noqa: E402
from evdev_reader import EvdevReader  # noqa: E402
from machine import run_suite  # noqa: E402
from picture import CELL_HEIGHT, CELL_WIDTH, read_png, write_png  # noqa: E402

PASSWORD = "quince"  # of tests/images/configure.sh
TITLE = "quince"
PROMPT = "root@quince:~#"
# Linux's console has the colours of the VGA's text modes: drivers/tty/vt/vt.c, default_red and the others.
COLOURS = {1: (170, 0, 0), 2: (0, 170, 0), 3: (170, 85, 0), 4: (0, 0, 170), 5: (170, 0, 170), 6: (0, 170, 170)}
BARS = 16
# What a guest's keyboard holds while nobody reads it: a press and a release each.
KEYS_AT_ONCE = 7
TABLET = "Quince Quince USB Tablet"
# Decoding a screen costs the host more than a look at a pixel.
LOOK_SECONDS = 0.2


class Session:
    """One boot of Debian in a window, whose picture is a whole number of times as large as the guest's."""

    def __init__(self, desktop, guest, size, scale, shot):
        self.desktop, self.guest, self.size, self.scale, self.shot = desktop, guest, size, scale, shot
        self.text = None
        self.window = None

    def boot(self):
        """Until the login prompt is on the screen."""
        self.guest.boot()
        self.text = ConsoleText(self.guest.ssh("perl -", stdin=READ_FONT.encode()))
        width, height = self.size
        self.window = self.desktop.window(TITLE, self.guest, (width * self.scale, height * self.scale))
        self.await_line("quince login:")

    def has_framebuffer(self, name):
        """There is this one and no other."""
        names = self.guest.ssh("cat /sys/class/graphics/fb*/name").split()
        if names != [name]:
            self.guest.fail(f"the guest has the framebuffers {names}, not {name}")

    def picture(self):
        """The guest's picture as the screen has it; None while not all of its pixels are squares."""
        return self.desktop.shows(self.window).shrunk(self.scale)

    def lines(self):
        picture = self.picture()
        return self.text.lines(picture) if picture else []

    def await_line(self, start):
        """Waits until the last line with text begins so; what the window itself says near the end goes away."""
        last = []

        def shown():
            last[:] = [line for line in self.lines() if line] or [""]
            return last[-1].startswith(start)
        try:
            self.desktop.wait(self.guest, shown, f"line '{start}' on the screen", LOOK_SECONDS)
        except BaseException:
            print("the screen ends:", *last[-10:], sep="\n", flush=True)
            raise

    def log_in(self):
        self.desktop.type_text("root\n")
        self.await_line("Password:")
        self.desktop.type_text(PASSWORD + "\n")
        self.await_line(PROMPT)

    def run(self, command):
        """Types a command behind the prompt, no faster than its echo is on the screen, and Return."""
        for end in range(KEYS_AT_ONCE, len(command) + KEYS_AT_ONCE, KEYS_AT_ONCE):
            self.desktop.type_text(command[end - KEYS_AT_ONCE:end])
            self.await_echo("".join(command[:end].split()))
        self.desktop.type_text("\n")

    def await_echo(self, wanted):
        """Blanks are left out: lines are broken anywhere.  There may be a cursor."""
        def shown():
            text = "".join("".join(self.lines()).split()).rpartition("".join(PROMPT.split()))[2]
            return text.startswith(wanted) and len(text) <= len(wanted) + 1
        self.desktop.wait(self.guest, shown, f"echo '{wanted}' on the screen", LOOK_SECONDS)

    def draw(self):
        """Types a command that draws bars in colours that only this run knows; they are on the screen."""
        bars = [random.choice(list(COLOURS)) for _ in range(BARS)]
        figures = " ".join(map(str, bars))
        self.run(f"clear; for c in {figures}; do printf '\\e[4%sm  ' $c; done; printf '\\e[0m\\n'")
        wanted = [COLOURS[c] for c in bars]

        def drawn():
            picture = self.picture()
            if picture is None:
                return False
            cells = [picture.cell(column, 0) for column in range(2 * BARS + 1)]
            return cells == [{colour} for colour in wanted for _ in range(2)] + [{(0, 0, 0)}]
        self.desktop.wait(self.guest, drawn, f"bars {figures} on the screen", LOOK_SECONDS)
        self.await_line(PROMPT)
        return wanted

    def screenshot(self):
        """What the key for it writes: the guest's picture, however large the window is."""
        self.desktop.key("ctrl+alt+s")
        self.desktop.wait(self.guest, lambda: os.path.exists(self.shot), "screenshot")
        picture = read_png(self.shot)
        os.remove(self.shot)
        return picture

    def clicks_land(self, left, top, width, height, count=6):
        """Clicks corners and other places of the picture, which has this place on the screen, and compares what the
        tablet's driver says.  A pixel of the screen belongs to that of the guest which is under its middle."""
        places = [(0, 0), (width - 1, height - 1), (width - 1, 0)]
        places += [(random.randrange(width), random.randrange(height)) for _ in range(count)]
        with EvdevReader(self.guest, TABLET) as tablet:
            for x, y in places:
                self.desktop.click(left + x, top + y)
                got = tablet.click(self.size)
                wanted = (2 * x + 1) * self.size[0] // (2 * width), (2 * y + 1) * self.size[1] // (2 * height)
                if got != wanted:
                    self.guest.fail(f"a click at {x}, {y} of {width} x {height} came as {got}, not {wanted}")
        self.desktop.park()

    def full_screen(self):
        """Switches with the key, and waits until the window is the screen."""
        self.desktop.key("ctrl+alt+f")
        screen = self.desktop.screen.width, self.desktop.screen.height
        self.window = self.desktop.window(TITLE, self.guest, screen)

    def fills(self, size, bars):
        """Waits until the guest's picture has this size, and is, with these bars, as large as fits into the window, and
        smoothed.  Returns where it is on the screen."""
        width, height = self.size = size
        high = min(self.window.height, self.window.width * height // width)
        wide = min(self.window.width, self.window.height * width // height)
        left, top = (self.window.width - wide) // 2, (self.window.height - high) // 2
        middles = [(left + (2 * n + 1) * CELL_WIDTH * wide // width, top + CELL_HEIGHT * high // (2 * height))
                   for n in range(len(bars))]

        def shown():
            if [self.desktop.screen.pixel(*m) for m in middles] != bars:
                return False
            picture = self.screenshot()
            return (picture.width, picture.height) == size
        self.desktop.wait(self.guest, shown, f"bars of a picture of {size} on the full screen", LOOK_SECONDS)
        return left, top, wide, high

    def end(self):
        """Turned off from the keyboard."""
        self.desktop.type_text("halt -p\n")
        self.guest.expect("reboot: Power down")
        self.guest.finish()


class Suite:
    def __init__(self, options):
        self.options = options
        self.image = Image(options.image)

    def session(self, name, work, *extra, size, scale=1, display="sdl", machine="vmapple"):
        """Boots a fresh copy of the disk in a window, does `work`, and checks the disk."""
        with tempfile.TemporaryDirectory() as folder:
            disk = self.image.copy(folder, "raw")
            shot = os.path.join(folder, "screen.png")
            # What the kernel says of devices that it finds late must not come between prompts.
            append = "console=tty0 loglevel=4"
            with Desktop() as desktop, DiskGuest(
                    f"{self.options.quince} -M {machine}", self.image, disk, *extra, "-screenshot", shot,
                    display=display, append=append, env=desktop.env) as g:
                try:
                    session = Session(desktop, g, size, scale, shot)
                    session.boot()
                    self.keep(desktop.screen.picture(), name + "-desktop")
                    self.keep(session.screenshot(), name + "-login")
                    session.log_in()
                    work(session)
                    session.end()
                except BaseException:
                    self.keep(desktop.screen.picture(), name + "-failed")
                    raise
            check_disk(disk, "raw", folder)

    def keep(self, picture, name):
        if self.options.keep:
            write_png(picture, os.path.join(self.options.keep, name + ".png"))

    def test_virtio_gpu(self):
        """Debian's GPU driver, with the keyboard and tablet that the board has by itself."""
        size = (1280, 800)

        def work(s):
            s.has_framebuffer("virtio_gpudrmfb")
            bars = s.draw()
            self.keep(s.screenshot(), "virtio_gpu-drawn")
            s.clicks_land(s.window.x, s.window.y, *s.window.size)
            s.full_screen()
            # Linux's console cannot become larger than it was at first, and takes the largest of the EDID's other modes.
            s.clicks_land(*s.fills(size, bars))
        self.session("virtio_gpu", work, "-device", "virtio-gpu-pci", size=size)

    def test_boot_framebuffer(self):
        """The board's own framebuffer and nothing else, each pixel as a square of four."""
        size, scale = (640, 400), 2

        def work(s):
            s.has_framebuffer("simple")
            s.draw()
            self.keep(s.screenshot(), "boot_framebuffer-drawn")
            s.clicks_land(s.window.x, s.window.y, *s.window.size)
            s.full_screen()
            # The scale stays, the picture is in the middle.
            width, height = size[0] * scale, size[1] * scale
            left, top = (s.window.width - width) // 2, (s.window.height - height) // 2

            def shown():
                part = s.desktop.screen.picture(left, top, width, height).shrunk(scale)
                return part and any(line.startswith(PROMPT) for line in s.text.lines(part))
            s.desktop.wait(s.guest, shown, "the prompt in the middle of the full screen", LOOK_SECONDS)
            s.clicks_land(left, top, width, height)
        self.session("boot_framebuffer", work, size=size, scale=scale, display=f"sdl,scale={scale}",
                     machine=f"vmapple,display-mode={size[0]}x{size[1]}")


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    p.add_argument("quince")
    p.add_argument("image")
    p.add_argument("tests", nargs="*", metavar="GLOB")
    p.add_argument("--keep", metavar="DIR", help="save pictures here")
    options = p.parse_args()
    if options.keep:
        os.makedirs(options.keep, exist_ok=True)
    return run_suite(Suite(options), options.tests)


if __name__ == "__main__":
    sys.exit(main())
