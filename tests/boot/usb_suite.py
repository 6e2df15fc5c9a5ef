"""USB, used by Linux's drivers: what scripts/usb-checks.sh says."""

import itertools
import re


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

    def usb_run(self, *devices, smp=2, **kw):
        args = self.boot_args("-smp", str(smp), *devices, append="quince.usb quince.exit", kernel="standard",
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
        said.interrupts(chip, used=model == "nec-usb-xhci" or bool(extra))  # NEC's driver asks for a version
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
        self.usb_controller("virt", ",intrs=4,slots=8", "ITS-MSI", model="nec-usb-xhci")
