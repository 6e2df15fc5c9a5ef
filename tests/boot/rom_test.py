#!/usr/bin/env python3
"""The boot ROM and its menu: tests/boot/rom_test.py QUINCE [GLOB...]

On the serial port as a person or a script uses it, and in a window on a virtual desktop, whose text is read from the
screen.  `--keep DIR` saves the pictures; `--rom FILE` is a ROM that is not the emulator's own.
"""

import argparse
import gzip
import os
import re
import struct
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from console_text import GLYPH_BYTES, ConsoleText  # noqa: E402
from desktop import Desktop  # noqa: E402
from disk_guest import tool  # noqa: E402
from machine import Failure, Guest, run_suite, slowness  # noqa: E402
from picture import CELL_HEIGHT, CELL_WIDTH, write_png  # noqa: E402

FONT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../ui/font_8x16.inc")
OWN_ROM = os.path.join(os.path.dirname(FONT), "../firmware/rom/boot-rom.bin")
ROM_BASE, WFI = 0x100000, 0xd503207f
UP, DOWN, HOME, END = "\x1b[A", "\x1b[B", "\x1b[H", "\x1b[F"
ITEMS = ("Device tests", "Memory map", "Restart", "Power off")
HINT = "Enter: do it"
BACK = "Any key goes back to the menu."
TITLE = "Quince boot ROM 0.1"
# A window's text is looked at so often.
LOOK_SECONDS = 0.1


def rom_font():
    """The ROM's font as ConsoleText wants to be told of one."""
    glyphs = [bytes(GLYPH_BYTES)] * 256
    with open(FONT, encoding="utf-8") as f:
        for code, rows in re.findall(r"^\{(0x\w+), \{(.*)\}\},$", f.read(), re.MULTILINE):
            if int(code, 16) < 256:
                glyphs[int(code, 16)] = bytes(int(row, 16) for row in rows.split(", ")).ljust(GLYPH_BYTES, b"\0")
    return f"{CELL_WIDTH} {CELL_HEIGHT} 256 {b''.join(glyphs).hex()}"


def plain(log):
    """What a terminal's log says, without its control sequences."""
    return re.sub("\x1b\\[[?0-9;]*[A-Za-z]", "", log.decode(errors="replace")).replace("\r", "")


CONF = """\
default two
label one
  menu label First
  linux /A
label two
  menu label Second
  linux /B
  append console=ttyAMA0
"""


def kernel(letter):
    """An Arm64 Image that writes "kernel X" to the serial port and powers the machine off."""
    code = [0xd2a40021]  # MOVZ X1, #0x2001, LSL #16
    for c in f"kernel {letter}\n":
        code += [0x52800002 | ord(c) << 5, 0xb9000022]  # MOVZ W2, #c; STR W2, [X1]
    code += [0x52b08000, 0x72800100, 0xd4000002]  # MOVZ W0, #0x8400, LSL #16; MOVK W0, #8; HVC #0
    header = struct.pack("<IIQQQQQQ4sI", 0x14000010, 0, 0, 1 << 20, 10, 0, 0, 0, b"ARM\x64", 0)
    return header + struct.pack(f"<{len(code)}I", *code)


class Window:
    """The ROM on the screen of a desktop."""

    def __init__(self, desktop, guest, size):
        self.desktop, self.guest = desktop, guest
        width, height = size
        scale = max(1, min(width // 960, height // 512))
        self.scale, self.size = scale, size
        self.left = (width - width // (CELL_WIDTH * scale) * CELL_WIDTH * scale) // 2
        self.top = (height - height // (CELL_HEIGHT * scale) * CELL_HEIGHT * scale) // 2
        self.text = ConsoleText(rom_font())
        self.window = desktop.window("quince", guest, size)

    def picture(self):
        return self.desktop.shows(self.window)

    def lines(self):
        width, height = self.size
        inside = self.picture().part(self.left, self.top, width - 2 * self.left, height - 2 * self.top)
        small = inside.shrunk(self.scale)
        return self.text.lines(small) if small else []

    def expect(self, *texts):
        """Waits until lines have these texts, in this order."""
        last = []

        def shown():
            last[:] = self.lines()
            rest = iter(last)
            return all(any(text in line for line in rest) for text in texts)
        try:
            self.desktop.wait(self.guest, shown, f"{texts} on the screen", LOOK_SECONDS)
        except BaseException:
            print("the screen:", *[line for line in last if line], sep="\n", flush=True)
            raise

    def expect_chosen(self, label):
        """The item is highlighted: its line has the mark."""
        n = ITEMS.index(label) + 1
        self.expect(f">  {n}  {label}")

    def press_until(self, key, text):
        """Presses a key until a line has a text: what is pressed before the ROM has found the keyboard is lost.  More
        often does what once does."""
        def shown():
            if any(text in line for line in self.lines()):
                return True
            self.desktop.key(key)
            return False
        self.desktop.wait(self.guest, shown, f"'{text}' by the key {key}", LOOK_SECONDS)

    def choose(self, label):
        """By the item's number."""
        n = ITEMS.index(label) + 1
        self.press_until(str(n), f">  {n}  {label}")


class Suite:
    def __init__(self, options):
        self.options = options

    def start(self, *args, display="none", ram="256M", machine="vmapple", **kw):
        rom = ["-bios", self.options.rom] if self.options.rom else []
        return Guest(self.options.quince, "-M", machine, "-m", ram, "-display", display, "-serial", "stdio", *rom, *args,
                     **kw)

    def keep(self, picture, name):
        if self.options.keep:
            write_png(picture, os.path.join(self.options.keep, name + ".png"))

    def checks_pass(self, g):
        """The device tests' lines so far: none failed, and their sum is right."""
        text = plain(g.log)
        last = text[text.rindex("Device tests\n"):]
        lines = re.findall(r"^(ok|absent|FAIL) (\S.*)$", last, re.MULTILINE)
        done = re.findall(r"^done: (\d+) passed, (\d+) failed$", last, re.MULTILINE)
        passed = sum(verdict == "ok" for verdict, _ in lines)
        if done != [(str(passed), "0")] or passed == 0:
            g.fail(f"the device tests ended with {done}, after {lines}")

    # ---- The serial port

    def test_serial(self):
        """The whole menu with keys of a terminal."""
        with self.start("-smp", "3", machine="vmapple,serial=Q1,model=VM7,ecid=0x1234") as g:
            g.expect(TITLE)
            g.expect("VM7   serial Q1   ECID 0x1234   3 CPUs   256 MiB")
            for n, label in enumerate(ITEMS):
                g.expect(f"{n + 1} {label}")
            g.expect(HINT)
            g.send(DOWN + "\r")
            g.expect("0x030200000")
            g.expect("256 MiB  ram")
            g.expect(BACK)
            g.send(" ")
            g.expect(HINT)
            g.send("\x1b[1~\r")
            g.expect("done: ")
            g.expect(BACK)
            self.checks_pass(g)
            g.send("\x1b")  # a key of its own when nothing follows
            g.expect(HINT)
            g.send(END + "\r")
            g.expect("The machine is off.")
            g.finish()

    def test_numbers(self):
        """Without cursor keys: figures and Enter, as on a terminal of lines."""
        with self.start() as g:
            g.expect(HINT)
            g.send("2\n")
            g.expect("pcie-ecam")
            g.expect(BACK)
            g.send("\n")
            g.expect(HINT)
            g.send("4\n")
            g.finish()

    def test_restart(self):
        with self.start() as g:
            for _ in range(2):
                g.expect(TITLE)
                g.expect(HINT)
                g.send("3\r")
                g.expect("The machine starts again.")
            g.expect(TITLE)
            g.expect(HINT)
            g.send("4\r")
            g.finish()

    def test_log(self):
        """A log without a person: lines once, the menu once, and then nothing."""
        with self.start(stdin=subprocess.DEVNULL) as g:
            g.expect(HINT)
            size = len(g.log)
            g.drain(1)
            if len(g.log) > size + 64:
                g.fail("the menu is written again and again")
            text = plain(g.log)
            if "\n\n\n" in text or any(text.count(f" {label}") != 2 for label in ITEMS):
                g.fail("the log does not read well")
            g.terminate()
            g.finish()

    def test_absent(self):
        """A machine without a display, messages and USB."""
        with self.start(machine="vmapple,display=off,msi=off,usb=off", ram="32M") as g:
            g.expect(HINT)
            g.send("2\r")
            g.expect(BACK)
            lines = plain(g.log).split("\n")
            absent = [line.split()[3] for line in lines if line.endswith("  absent")]
            if absent != ["msi-frame", "gpu"]:
                g.fail(f"absent are {absent}")
            g.send("q1\r")
            g.expect("done: ")
            g.expect(BACK)
            self.checks_pass(g)
            g.send("x4\r")
            g.finish()

    def test_few_interrupters(self):
        """As macOS's firmware, the ROM does not use such a controller, and says so."""
        with self.start("-device", "qemu-xhci,intrs=2", "-device", "usb-kbd", machine="vmapple,usb=off") as g:
            g.expect("the USB controller has 2 interrupters, not 4: not used")
            g.send("4\r")
            g.finish()

    def test_small_ram(self):
        """Too little for a framebuffer: the serial port alone."""
        with self.start(ram="16M") as g:
            g.expect("16 MiB")
            g.expect(HINT)
            g.send("4\r")
            g.finish()

    def test_idle(self):
        """A menu that waits takes nothing of the host."""
        with self.start() as g:
            g.expect(HINT)
            g.drain(0.5)

            def ticks():
                with open(f"/proc/{g.process.pid}/stat", encoding="ascii") as f:
                    return sum(map(int, f.read().rpartition(")")[2].split()[11:13]))
            before = ticks()
            g.drain(3)
            used = (ticks() - before) / os.sysconf("SC_CLK_TCK")
            if used > 0.15:
                g.fail(f"an idle menu took {used:.2f} s of 3 s")
            g.send("4\r")
            g.finish()

    def broken(self, code):
        """A ROM whose rom_main() is `code`, words of instructions: what it says, line by line."""
        with open(self.options.rom or OWN_ROM, "rb") as f:
            rom = bytearray(f.read())
        words = [int.from_bytes(rom[i:i + 4], "little") for i in range(0, 256, 4)]
        call = next(i for i in range(1, len(words)) if words[i] == WFI) - 1  # start.S: BL rom_main, then WFI
        main = 4 * (call + (words[call] & 0x3ffffff))
        rom[main:main + 4 * len(code)] = b"".join(word.to_bytes(4, "little") for word in code)
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "rom")
            with open(path, "wb") as f:
                f.write(rom)
            with Guest(self.options.quince, "-M", "vmapple", "-m", "64M", "-display", "none", "-serial", "stdio",
                       "-bios", path) as g:
                g.expect("FAR_EL1")
                g.expect("\n")
                g.terminate()
                g.finish()
                return plain(g.log), ROM_BASE + main

    def test_fault(self):
        """A ROM that fails says how and where."""
        text, at = self.broken([0x00000000])  # UDF #0
        for line in ("The boot ROM has failed, and stays here: unknown instruction", "vector 4 (synchronous, from EL1)",
                     f"ELR_EL1 {at:#x}"):
            if line + "\n" not in text:
                raise Failure(f"no line '{line}' in:\n{text}")
        text, at = self.broken([0xd2afff01, 0xb9400021])  # MOVZ X1, #0x7ff8, LSL #16; LDR W1, [X1]
        for line in ("The boot ROM has failed, and stays here: data abort", f"ELR_EL1 {at + 4:#x}",
                     "FAR_EL1 0x7ff80000"):
            if line + "\n" not in text:
                raise Failure(f"no line '{line}' in:\n{text}")

    # ---- Disks and kernels: what the menu starts says its letter and powers off

    def disk(self, folder, *kernels, conf=CONF):
        """A FAT file system with an extlinux.conf and kernels A, B, ..."""
        path = os.path.join(folder, "disk")
        tool("truncate", "-s", "8M", path)
        tool("mformat", "-i", path, "-v", "BOOT", "::")
        for name, content in [(letter, kernel(letter)) for letter in kernels] + [("extlinux.conf", conf.encode())]:
            file = os.path.join(folder, "file")
            with open(file, "wb") as f:
                f.write(content)
            tool("mcopy", "-i", path, file, f"::{name}")
        return path

    def test_disk(self):
        """Without a menu the disk's default starts, with a device tree."""
        with tempfile.TemporaryDirectory() as folder:
            disk = self.disk(folder, "A", "B")
            with self.start("-boot", "splash-time=0", machine=f"vmapple,root={disk}") as g:
                g.expect("2 Second (default)")
                g.expect("/B  1 KiB")
                g.expect("kernel B")
                g.finish()
            with self.start("-boot", "splash-time=0", disk) as g:  # the same as the only argument
                g.expect("kernel B")
                g.finish()

    def test_packed_kernel(self):
        """A kernel with gzip, larger than what the ROM keeps in memory while it unpacks it."""
        with tempfile.TemporaryDirectory() as folder:
            disk, file = self.disk(folder, "A"), os.path.join(folder, "file")
            with open(file, "wb") as f:
                f.write(gzip.compress(kernel("Z") + os.urandom(3 << 20)))
            tool("mcopy", "-i", disk, file, "::B")
            with self.start("-boot", "splash-time=0", machine=f"vmapple,root={disk}") as g:
                g.expect("kernel Z")
                g.finish()

    def test_countdown(self):
        with tempfile.TemporaryDirectory() as folder:
            disk = self.disk(folder, "A", "B")
            with self.start("-boot", "splash-time=1500", machine=f"vmapple,root={disk}") as g:
                g.expect("'Second' in 2 seconds")
                g.expect("kernel B")
                g.finish()
            with self.start("-boot", "splash-time=60000", machine=f"vmapple,root={disk}") as g:
                g.expect("in 60 seconds")
                g.send(HOME)
                g.expect(HINT)
                g.send("\r")
                g.expect("kernel A")
                g.finish()

    def test_choice(self):
        """What a person makes the default is it at the next start, and belongs to auxiliary storage alone."""
        with tempfile.TemporaryDirectory() as folder:
            disk, aux = self.disk(folder, "A", "B"), os.path.join(folder, "aux")
            tool("truncate", "-s", "1M", aux)
            with open(disk, "rb") as f:
                before = f.read()
            with self.start("-boot", "menu=on", machine=f"vmapple,root={disk},aux={aux}") as g:
                g.expect("2 Second (default)")
                g.expect(HINT)
                g.send(HOME + "d")
                g.send(END + "\r")
                g.finish()
            with self.start("-boot", "splash-time=0", machine=f"vmapple,root={disk},aux={aux}") as g:
                g.expect("1 First (default)")
                g.expect("kernel A")
                g.finish()
            with open(disk, "rb") as f:
                if f.read() != before:
                    raise Failure("the disk was written")
            with open(aux, "r+b") as f:
                f.seek(-1, os.SEEK_END)
                f.write(b"x")
                f.seek(-1024, os.SEEK_END)
                f.write(b"somebody else's")
            with self.start("-boot", "menu=on", machine=f"vmapple,root={disk},aux={aux}") as g:
                g.expect("2 Second (default)")
                g.expect(HINT)
                g.send(HOME + "d")
                g.expect("auxiliary storage holds something else")
                g.terminate()
                g.finish()

    def test_kernel(self):
        """The kernel of -kernel is an item of the menu, and the default."""
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "kernel")
            with open(path, "wb") as f:
                f.write(kernel("K"))
            with self.start("-kernel", path, "-boot", "menu=on") as g:
                g.expect("1 The kernel of -kernel (default)")
                g.expect(HINT)
                g.send("\r")
                g.expect("kernel K")
                g.finish()

    def test_wrong_disk(self):
        """What cannot be started is said, and the menu goes on."""
        with tempfile.TemporaryDirectory() as folder:
            disk = self.disk(folder, "B")
            with self.start("-boot", "menu=on", machine=f"vmapple,root={disk}") as g:
                g.expect(HINT)
                g.send(HOME + "\r")
                g.expect("It cannot be started:")
                g.expect(BACK)
                g.send(" ")
                g.expect(HINT)
                g.send("2\r")
                g.expect("kernel B")
                g.finish()

    def test_documented(self):
        """The command line of QEMU's documentation, without its accelerator: 001t."""
        with tempfile.TemporaryDirectory() as folder:
            root, aux = self.disk(folder, "A", "B"), os.path.join(folder, "aux")
            tool("truncate", "-s", "1M", aux)
            with Guest(self.options.quince, "-serial", "mon:stdio", "-m", "4G", "-M", "vmapple,uuid=0x1234",
                       "-bios", self.options.rom or OWN_ROM,
                       "-drive", f"file={aux},if=pflash,format=raw", "-drive", f"file={root},if=pflash,format=raw",
                       "-drive", f"file={aux},if=none,id=aux,format=raw",
                       "-device", "vmapple-virtio-blk-pci,variant=aux,drive=aux",
                       "-drive", f"file={root},if=none,id=root,format=raw",
                       "-device", "vmapple-virtio-blk-pci,variant=root,drive=root",
                       "-netdev", "user,id=net0,ipv6=off,hostfwd=tcp::0-:22", "-device", "virtio-net-pci,netdev=net0",
                       "-display", "none") as g:
                g.expect("ECID 0x1234")
                g.expect("'Second' in 1 second")
                g.expect("kernel B")
                g.finish()

    def test_quick(self):
        """From the start of the program to the menu: seconds of wall time, the best of three."""
        seconds = []
        for _ in range(3):
            began = time.monotonic()
            with self.start(ram="4G") as g:
                g.expect(HINT)
                seconds.append(time.monotonic() - began)
                g.send("4\r")
                g.finish()
        print(f"       the menu after {', '.join(f'{s:.3f}' for s in seconds)} s")
        if min(seconds) > 0.3 * slowness():
            raise Failure(f"the menu took {min(seconds):.3f} s")

    # ---- The window

    def test_window_disk(self):
        """Entries of a disk in the menu, and the keyboard starts one."""
        size = (1024, 768)
        with tempfile.TemporaryDirectory() as folder, Desktop(size[0] + 200, size[1] + 150) as desktop:
            disk = self.disk(folder, "A", "B")
            with self.start("-boot", "menu=on", display="sdl", machine=f"vmapple,display-mode=1024x768,root={disk}",
                            stdin=subprocess.DEVNULL, env=desktop.env) as g:
                window = Window(desktop, g, size)
                window.expect("1  First", "2* Second", *ITEMS, HINT)
                self.keep(window.picture(), "window-disk")
                window.press_until("Home", ">  1  First")
                desktop.key("Return")
                g.expect("kernel A")
                g.finish()

    def in_window(self, name, *args, size=(1024, 768), machine="vmapple"):
        """The menu with a USB keyboard alone."""
        mode = f"display-mode={size[0]}x{size[1]}"
        with Desktop(size[0] + 200, size[1] + 150) as desktop, self.start(
                *args, display="sdl", machine=f"{machine},{mode}", stdin=subprocess.DEVNULL, env=desktop.env) as g:
            window = Window(desktop, g, size)
            window.expect(TITLE, "1 CPU", "What to do", *ITEMS, HINT)
            window.expect_chosen(ITEMS[0])
            self.keep(window.picture(), name + "-menu")
            window.choose(ITEMS[1])
            desktop.key("Down")
            window.expect_chosen(ITEMS[2])
            desktop.key("Up")
            desktop.key("Up")
            desktop.key("Up")
            window.expect_chosen(ITEMS[3])
            desktop.key("Home")
            window.expect_chosen(ITEMS[0])
            desktop.key("Return")
            window.expect(ITEMS[0], "ok", "done: ", BACK)
            self.keep(window.picture(), name + "-tests")
            g.expect("done: ")
            g.expect(BACK)
            self.checks_pass(g)
            desktop.key("Escape")
            window.expect(HINT)
            desktop.type_text("2\n")
            window.expect(ITEMS[1], "0x010000000       64 KiB  gic-dist", "256 MiB  ram", BACK)
            self.keep(window.picture(), name + "-map")
            desktop.key("space")
            window.expect(HINT)
            desktop.key("End")
            desktop.key("KP_Enter")
            g.finish()

    def test_window(self):
        self.in_window("window")

    def test_window_large(self):
        self.in_window("window-large", size=(1920, 1080))

    def test_window_wire(self):
        """Without messages every event comes through ring 0."""
        self.in_window("window-wire", machine="vmapple,msi=off")

    def test_window_msi(self):
        self.in_window("window-msi", "-device", "qemu-xhci,msix=off,msi=on", "-device", "usb-kbd",
                       machine="vmapple,usb=off")

    def test_window_key_repeats(self):
        """A key that is held moves on."""
        size = (800, 600)
        with Desktop() as desktop, self.start(display="sdl", machine="vmapple,display-mode=800x600",
                                              stdin=subprocess.DEVNULL, env=desktop.env) as g:
            window = Window(desktop, g, size)
            window.expect_chosen(ITEMS[0])
            window.choose(ITEMS[1])
            seen = []

            def moved():
                for n, label in enumerate(ITEMS):
                    if any(f">  {n + 1}  {label}" in line for line in window.lines()) and label not in seen[-1:]:
                        seen.append(label)
                return len(seen) > 3
            desktop.xdotool("keydown", "Down")
            try:
                desktop.wait(g, moved, "moves of a held key", 0.01)
            finally:
                desktop.xdotool("keyup", "Down")
            desktop.key("End")
            window.expect_chosen(ITEMS[3])
            desktop.key("Return")
            g.finish()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("quince")
    parser.add_argument("globs", nargs="*", metavar="GLOB")
    parser.add_argument("--keep", metavar="DIR", help="saves what the window shows")
    parser.add_argument("--rom", metavar="FILE", help="is booted instead of the emulator's own")
    options = parser.parse_args()
    if options.keep:
        os.makedirs(options.keep, exist_ok=True)
    try:
        return run_suite(Suite(options), options.globs)
    except Failure as e:
        print(e)
        return 1


if __name__ == "__main__":
    sys.exit(main())
