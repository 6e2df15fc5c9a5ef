"""USB, used by Linux's drivers: what scripts/usb-checks.sh says."""

import hashlib
import itertools
import os
import re
import subprocess
import tempfile

from machine import Failure
from virtio_suite import DISK_BYTES, MIB, Disk


class UsbSaid:
    """The lines `usb: WHAT VALUES...` of one run."""

    def __init__(self, guest):
        self.guest = guest
        text = guest.log.decode(errors="replace").replace("\r", "")
        self.lines = re.findall(r"^usb: (.*)$", text, re.MULTILINE)
        for what in "error", "complaint":
            if found := self.all(what):
                guest.fail(f"the guest had a {what}: {found}")

    def all(self, what):
        return [line.split()[1:] for line in self.lines if line.split()[0] == what]

    def expect(self, what, *values):
        if not any(tuple(v[:len(values)]) == values for v in self.all(what)):
            self.guest.fail(f"the guest did not say '{what} {' '.join(values)}' but {self.all(what)}")

    def interrupts(self, chip, used):
        """The controller's interrupts are of one kind; `used`: some have come."""
        lines = self.all("interrupt")
        if not lines or any(chip not in v for v in lines):
            self.guest.fail(f"no interrupt of {chip}: {lines}")
        counts = [n for v in lines for n in itertools.takewhile(str.isdigit, v[1:])]
        if used and not any(int(n) for n in counts):
            self.guest.fail(f"not one interrupt: {lines}")


class UsbTests:
    """Needs start() and boot_args() of boot_test.py's Suite."""

    def usb_run(self, *devices, smp=2, words="", **kw):
        args = self.boot_args("-smp", str(smp), *devices, append=f"quince.usb {words} quince.exit", kernel="standard",
                              initramfs="initramfs-usb", **kw)
        with self.start(*args) as g:
            g.expect("usb: done")
            g.finish()
            return UsbSaid(g)

    def usb_controller(self, board, options, chip, model="qemu-xhci", extra=()):
        """The driver binds, and finds the root hubs of both speeds."""
        said = self.usb_run("-device", f"{model}{options}", *extra, board=board)
        said.expect("controller", "0000:00:01.0", "xhci_hcd")
        said.expect("device", "usb1", "480", "1d6b:0002", "09")
        said.expect("device", "usb2", "5000", "1d6b:0003", "09")
        said.interrupts(chip, used=bool(extra))
        return said

    def test_usb_vmapple_msix(self):
        self.usb_controller("vmapple", "", "MSI")

    def test_usb_vmapple_msi(self):
        self.usb_controller("vmapple", ",msi=on,msix=off", "MSI")

    def test_usb_vmapple_pin(self):
        self.usb_controller("vmapple", ",msi=off,msix=off", "GICv3")

    def test_usb_virt_msix(self):
        self.usb_controller("virt", "", "ITS-MSI")

    def test_usb_virt_msi(self):
        self.usb_controller("virt", ",msi=on,msix=off", "ITS-MSI")

    def test_usb_virt_pin(self):
        self.usb_controller("virt", ",msix=off", "GICv3")

    def test_usb_nec(self):
        self.usb_controller("virt", ",intrs=4,slots=8", "ITS-MSI", model="nec-usb-xhci",
                            extra=("-device", "usb-kbd"))

    # ---- Devices.

    KEYBOARD, TABLET, MOUSE = "Quince Quince USB Keyboard", "Quince Quince USB Tablet", "Quince Quince USB Mouse"

    def test_usb_defaults_of_vmapple(self):
        """001n: a keyboard and a tablet, with no option."""
        said = self.usb_run(board="vmapple")
        said.expect("controller", "0000:00:01.0", "xhci_hcd")
        said.expect("input", *self.KEYBOARD.split())
        said.expect("input", *self.TABLET.split())
        said.expect("interface", "1-1:1.0", "usbhid")
        said.expect("interface", "1-2:1.0", "usbhid")

    def test_usb_nodefaults(self):
        """001n: no controller on the bus."""
        for option in ["-nodefaults"], ["-M", "vmapple,usb=off"]:
            said = self.usb_run(*option, board="vmapple")
            if found := said.all("controller") + said.all("input"):
                said.guest.fail(f"there is something: {found}")

    def test_usb_short_forms(self):
        said = self.usb_run("-usb", "-usbdevice", "mouse", "-usbdevice", "keyboard", board="virt")
        said.expect("input", *self.MOUSE.split())
        said.expect("input", *self.KEYBOARD.split())

    def test_usb_devices_behind_hubs(self):
        """Input at both speeds, two hubs in a row, and a disk behind them."""
        with tempfile.TemporaryDirectory() as folder:
            disk = Disk(folder, "stick", "raw", seed=41)
            said = self.usb_run(
                "-device", "qemu-xhci,id=usb", "-device", "usb-hub,bus=usb.0,port=1,ports=4",
                "-device", "usb-hub,bus=usb.0,port=1.4", "-device", "usb-kbd,usb_version=1,bus=usb.0,port=1.1",
                "-device", "usb-mouse,bus=usb.0,port=1.4.8", *disk.drive("stick"),
                "-device", "usb-storage,drive=stick,removable=on,bus=usb.0,port=1.2", board="virt")
            said.expect("device", "1-1", "480", "0409:55aa", "09")
            said.expect("device", "1-1.4", "480", "0409:55aa", "09")
            said.expect("device", "1-1.1", "12", "0627:0001", "00")
            said.expect("device", "1-1.4.8", "480", "0627:0001", "00")
            said.expect("interface", "1-1.2:1.0", "usb-storage")
            said.expect("disk", "sda", str(DISK_BYTES), "1", "0")
            self.usb_disk_is_right(said, disk)

    def usb_disk_is_right(self, said, disk):
        digest = hashlib.sha256(disk.data).hexdigest()
        said.expect("first", "sda", digest)
        said.expect("second", "sda", digest)
        disk.check()

    def test_usb_storage(self):
        """At SuperSpeed; every byte of the image is compared afterwards."""
        for board in "vmapple", "virt":
            with tempfile.TemporaryDirectory() as folder:
                disk = Disk(folder, "stick", "qcow2", seed=42)
                said = self.usb_run("-device", "nec-usb-xhci", *disk.drive("stick", "serial=0123456789AB"),
                                    "-device", "usb-storage,drive=stick", board=board)
                said.expect("device", "2-1", "5000", "46f4:0001", "00")
                said.expect("disk", "sda", str(DISK_BYTES), "0", "0")
                self.usb_disk_is_right(said, disk)

    def test_usb_storage_256_mib(self):
        """So much is written, and read back past the cache; every byte is compared from both sides."""
        with tempfile.TemporaryDirectory() as folder:
            disk = Disk(folder, "stick", "raw", seed=44, copy=256 * MIB, size=520 * MIB)
            said = self.usb_run("-device", "qemu-xhci", *disk.drive("stick"), "-device", "usb-storage,drive=stick",
                                board="vmapple", words="quince.copy=256")
            said.expect("disk", "sda", str(520 * MIB), "0", "0")
            self.usb_disk_is_right(said, disk)

    def test_usb_key_latency(self):
        """000d: from a key to Linux's event in pin, MSI and MSI-X modes; the program's text says how long."""
        live = os.path.join(os.path.dirname(self.binary), "tests", "live", "live")
        run = subprocess.run([live, "latency", "--guest", self.guest, "--keys", "200"], stdout=subprocess.PIPE,
                             stderr=subprocess.STDOUT, text=True, check=False)
        print(run.stdout, end="")
        if run.returncode != 0:
            raise Failure(f"{live} ended with status {run.returncode}")

    def test_usb_storage_read_only(self):
        with tempfile.TemporaryDirectory() as folder:
            disk = Disk(folder, "stick", "raw", seed=43)
            said = self.usb_run("-device", "qemu-xhci", *disk.drive("stick", "readonly=on"),
                                "-device", "usb-storage,drive=stick,logical_block_size=4096", board="virt")
            said.expect("disk", "sda", str(DISK_BYTES), "0", "1")
            said.expect("first", "sda", hashlib.sha256(disk.data).hexdigest())
