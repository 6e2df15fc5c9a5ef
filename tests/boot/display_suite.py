"""What a guest draws, as a screenshot shows it: Linux on virtio-gpu and on vmapple's boot framebuffer, EDK2 on ramfb."""

import base64
import os
import random
import re
import signal
import subprocess
import tempfile
import time

from firmware_suite import EFI, firmware
from machine import PATIENCE_SECONDS, Failure
from picture import read_png

BARS = 64


class DisplayTests:
    """Needs start() and boot_args() of boot_test.py's Suite."""

    def screenshot(self, guest, path, good):
        """A picture, taken again until it is `good`: the guest may draw a moment after it said so."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            guest.terminate(signal.SIGUSR1)
            while not os.path.exists(path):
                if time.monotonic() > deadline or guest.process.poll() is not None:
                    guest.fail("no screenshot was written")
                time.sleep(0.05)
            picture = read_png(path)
            os.remove(path)
            why = good(picture)
            if why is None:
                return picture
            if time.monotonic() > deadline:
                guest.fail(why)
            time.sleep(0.5)

    def draws(self, size, *args, **kw):
        """Linux draws bars that only this run knows; returns what it said."""
        bars = "".join(random.choice("01") for _ in range(BARS))
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "screen.png")
            boot = self.boot_args("-screenshot", path, *args, kernel="standard", initramfs="initramfs-display",
                                  append=f"console=tty0 console=ttyAMA0 loglevel=4 quince.display quince.bars={bars} "
                                         "quince.exit",
                                  **kw)

            def good(picture):
                if (picture.width, picture.height) != size:
                    return f"the picture has {picture.width} x {picture.height} pixels, not {size}"
                dark = picture.cell(BARS, 1)
                cells = [picture.cell(column, 1) for column in range(BARS)]
                if any(len(c) != 1 for c in cells) or len(dark) != 1:
                    return "the bars are not plain cells"
                if "".join("0" if c == dark else "1" for c in cells) != bars:
                    return f"the bars are not {bars}"
                # A line of text above: letters and nothing behind them.
                if len(picture.cell(0, 0)) < 2 or picture.cell(40, 0) != dark:
                    return "there is no text above the bars"
                return None

            with self.start(*boot) as g:
                g.expect("display: ready")
                self.screenshot(g, path, good)
                g.send("exit\n")
                g.finish()
                text = g.log.decode(errors="replace").replace("\r", "")
                if re.search("^display: error", text, re.MULTILINE):
                    g.fail("the guest had errors")
                return text

    def test_display_virtio_gpu(self):
        """Debian's driver: a console on the first of two heads, and the EDID of each."""
        text = self.draws((1024, 768), "-device", "virtio-gpu-pci,max_outputs=2,"
                          "display-modes=1024x768/1280x720,serials=A17/B18",
                          "-device", "virtio-keyboard-pci", "-device", "virtio-tablet-pci")
        heads = dict(re.findall(r"^display: edid card0-(\S+) (\S+)$", text, re.MULTILINE))
        if len(heads) != 2:
            raise Failure(f"there are not two heads but {sorted(heads)}")
        for name, serial in (("Virtual-1", b"A17\n"), ("Virtual-2", b"B18\n")):
            edid = base64.b64decode(heads[name])
            if serial not in edid:
                raise Failure(f"the EDID of {name} has no serial number {serial}")
            judged = subprocess.run(["edid-decode", "--check"], input=edid, stdout=subprocess.PIPE, check=False)
            if b"EDID conformity: PASS" not in judged.stdout:
                raise Failure(judged.stdout.decode(errors="replace"))
        for name in ("Quince Virtio Keyboard", "Quince Virtio Tablet"):
            if f"display: input {name}\n" not in text:
                raise Failure(f"the guest has no {name}")

    def test_display_boot_framebuffer(self):
        """vmapple's own framebuffer, which Linux finds in the device tree."""
        text = self.draws((1280, 800), board="vmapple,display-mode=1280x800")
        if "display: fb simple 1280,800\n" not in text:
            raise Failure("the framebuffer is not that of the device tree")

    def test_display_ramfb(self):
        """EDK2 draws its shell on ramfb, in colours that it was told."""
        colours = {4: (0x98, 0, 0), 2: (0, 0x98, 0)}  # of the shell's command cls
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "screen.png")
            args = ["-M", "virt", "-m", "512M", "-display", "none", "-no-reboot", "-bios", firmware(EFI),
                    "-device", "ramfb", "-screenshot", path]
            with self.start(*args) as g:
                g.expect("UEFI Interactive Shell")
                g.expect("any other key to continue")
                g.send("\r")
                for number, colour in colours.items():
                    g.expect("Shell> ")
                    g.send(f"cls {number}\r")
                    g.expect("Shell> ")

                    def good(picture, colour=colour):
                        def row(y):
                            return {picture.pixel(x, y) for x in range(picture.width)}
                        # The prompt is in the first line and nothing anywhere else.
                        if any(row(y) != {colour} for y in range(40, picture.height)):
                            return f"not all of the screen is {colour}"
                        if not any(len(row(y)) > 1 for y in range(40)):
                            return "there is no prompt"
                        return None

                    self.screenshot(g, path, good)
                    g.send("\r")
                g.expect("Shell> ")
                g.send("reset -s\r")
                g.finish()
