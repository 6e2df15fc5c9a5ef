#!/usr/bin/env python3
"""Boots stock Debian kernels and checks exit statuses: tests/boot/boot_test.py QUINCE GUEST [GLOB...]

GUEST is the folder that scripts/fetch-guest.sh filled.  A GLOB chooses tests by name.
"""

import os
import signal
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from display_suite import DisplayTests  # noqa: E402
from firmware_suite import FirmwareTests  # noqa: E402
from machine import PATIENT_WORDS, Failure, Guest, run_suite  # noqa: E402
from usb_suite import UsbTests  # noqa: E402
from virtio_suite import VirtioTests  # noqa: E402

VERSION_LINE = "Linux version "


class Suite(VirtioTests, UsbTests, FirmwareTests, DisplayTests):
    def __init__(self, binary, guest):
        self.binary = binary
        self.guest = guest

    def kernel(self, which):
        return os.path.join(self.guest, f"kernel-{which}")

    def boot_args(self, *extra, kernel="cloud", append="quince.exit", board="vmapple", memory="512M",
                  initramfs="initramfs"):
        return ["-M", board, "-m", memory, "-kernel", self.kernel(kernel),
                "-initrd", os.path.join(self.guest, f"{initramfs}.cpio.gz"),
                "-append", f"console=ttyAMA0 panic=-1{PATIENT_WORDS} {append}",
                "-display", "none", "-no-reboot", *extra]

    def start(self, *args, serial="stdio", **kw):
        return Guest(self.binary, *args, "-serial", serial, **kw)

    def boot_and_exit(self, *extra, cpus=1, **kw):
        with self.start(*self.boot_args("-smp", str(cpus), *extra, **kw)) as g:
            g.expect(VERSION_LINE)
            g.expect("Run /init as init process")
            g.expect("aarch64 GNU/Linux")
            if cpus > 1 and f"smp: Brought up 1 node, {cpus} CPUs".encode() not in g.log:
                g.fail(f"not all of {cpus} CPUs came up")
            g.finish()

    # ---- Boots: kernels, boards, CPUs, models, modes

    def test_vmapple_cloud_1cpu(self):
        self.boot_and_exit()

    def test_vmapple_cloud_2cpus(self):
        self.boot_and_exit(cpus=2)

    def test_vmapple_standard_4cpus(self):
        self.boot_and_exit(kernel="standard", cpus=4)

    def test_vmapple_cortex_a72(self):
        self.boot_and_exit("-cpu", "cortex-a72", cpus=2)

    def test_vmapple_cortex_a53(self):
        self.boot_and_exit("-cpu", "cortex-a53")

    def test_virt_cortex_a57_2cpus(self):
        self.boot_and_exit("-cpu", "cortex-a57", board="virt", cpus=2)

    def test_virt_cloud_2cpus(self):
        self.boot_and_exit(board="virt", cpus=2)

    def test_virt_standard_1cpu(self):
        self.boot_and_exit(board="virt", kernel="standard")

    def test_virt_neoverse_n1_4cpus(self):
        self.boot_and_exit("-cpu", "neoverse-n1", board="virt", cpus=4)

    def test_one_thread_for_all_cpus(self):
        self.boot_and_exit("-accel", "tcg,thread=single", cpus=2)

    def test_engine_lockstep(self):
        self.boot_and_exit("-engine", "lockstep", board="virt", append="kpti=off quince.exit")

    def test_engine_chaos_2cpus(self):
        self.boot_and_exit("-engine", "jit,chaos=2026", board="virt", cpus=2, append="kpti=off quince.exit")

    def test_engine_track_code_2cpus(self):
        self.boot_and_exit("-engine", "jit,track-code=on", board="virt", cpus=2)

    # ---- Devices

    def pci(self, board):
        """Linux numbers the buses, places the BARs, and reads a register behind a port through them."""
        devices = ["-device", "pcie-root-port,id=port", "-device", "quince-irq-testdev,bus=port",
                   "-device", "pci-testdev,addr=5"]
        with self.start(*self.boot_args(*devices, append="", board=board)) as g:
            g.expect("PME: Signaling with IRQ")  # an MSI-X vector of the port
            g.expect("/ # ")
            g.send("cd /sys/bus/pci/devices; for d in *; do "
                   "echo pci $d $(cat $d/vendor $d/device $d/class); done\n")
            # On vmapple, the USB controller of the board has the first slot.
            port = "00:02.0" if board == "vmapple" else "00:01.0"
            for line in ["00:00.0 0x1b36 0x0008 0x060000", f"{port} 0x1b36 0x000c 0x060400",
                         "00:05.0 0x1b36 0x0005 0xff0000", "01:00.0 0x1234 0x5149 0xff0000"]:
                g.expect(f"pci 0000:{line}")
            g.send("cd 0000:01:00.0; echo 1 >enable; "
                   "echo id $(devmem $(head -n1 resource | cut -d' ' -f1) 32)\n")
            g.expect("id 0x51495251")
            g.send("poweroff -f\n")
            g.finish()

    def test_pci_vmapple(self):
        self.pci("vmapple")

    def test_pci_virt(self):
        self.pci("virt")

    def test_pci_virt_without_its(self):
        self.pci("virt,its=off")

    # ---- Deterministic runs

    def deterministic(self, *extra, cpus, board="vmapple"):
        runs = []
        with tempfile.TemporaryDirectory() as folder:
            for n in range(2):
                log = os.path.join(folder, f"serial-{n}")
                args = self.boot_args("-smp", str(cpus), "-icount", "shift=3", "-trace", "machine.state",
                                      "-rtc", "base=1700000000", *extra, board=board)
                with self.start(*args, serial=f"file:{log}") as g:
                    state = g.finish()
                with open(log, "rb") as f:
                    runs.append((f.read(), state))
        if b"aarch64 GNU/Linux" not in runs[0][0] or "machine.state: " not in runs[0][1]:
            raise Failure(f"no complete run:\n{runs[0][0][-2000:].decode()}\n{runs[0][1]}")
        if runs[0] != runs[1]:
            raise Failure(f"two runs differ: {runs[0][1]} {runs[1][1]}")

    def test_deterministic_vmapple_1cpu(self):
        self.deterministic(cpus=1)

    def test_deterministic_virt_2cpus(self):
        self.deterministic(cpus=2, board="virt")

    # ---- A shell, and how runs end

    def test_interactive_shell(self):
        with self.start(*self.boot_args(append="")) as g:
            g.expect("/ # ")
            g.send("echo $((6 * 7)) done\n")
            g.expect("42 done")
            g.send("poweroff -f\n")
            g.finish()

    def test_reboot_with_no_reboot_ends_with_0(self):
        with self.start(*self.boot_args(append="quince.reboot")) as g:
            g.finish()

    def test_reboot_boots_again(self):
        args = self.boot_args(append="quince.reboot")
        args.remove("-no-reboot")
        with self.start(*args) as g:
            g.expect(VERSION_LINE)
            g.expect("aarch64 GNU/Linux")
            g.expect(VERSION_LINE)
            g.terminate()
            g.finish()

    def test_panic_reboots_and_ends_with_0(self):
        with self.start(*self.boot_args(append="quince.panic")) as g:
            g.expect("Kernel panic")
            g.finish()

    def test_sigterm_ends_with_0_and_says_so(self):
        for mode in ([], ["-icount", "3"]):
            with self.start(*self.boot_args(*mode, append="")) as g:
                g.expect(VERSION_LINE)
                g.terminate()
                errors = g.finish()
            if "terminating on signal 15" not in errors:
                raise Failure(f"stderr does not name the signal: {errors!r}")

    def test_sigint_ends_with_0(self):
        with self.start(*self.boot_args(append="")) as g:
            g.expect(VERSION_LINE)
            g.terminate(signal.SIGINT)
            g.finish()

    def test_closed_stdin_is_no_end(self):
        with self.start(*self.boot_args(), stdin=subprocess.DEVNULL) as g:
            g.expect("aarch64 GNU/Linux")
            g.finish()

    def test_no_shutdown_stops_but_stays(self):
        args = self.boot_args("-no-shutdown", "-accel", "tcg,thread=single")
        with self.start(*args, serial="mon:stdio") as g:
            g.expect("reboot: Power down")
            # The guest turns itself off an instant later.  On one thread there is a slice of its
            # code between two answers, so that it did so long before the last of them.
            for _ in range(100):
                g.send("\x01h")
                g.expect("this help")
            g.terminate()
            g.terminate()
            errors = g.finish()
        if "terminating on signal 15" not in errors:
            raise Failure(f"it was not the signal that ended it: {errors!r}")

    def test_paused_start_runs_nothing(self):
        for mode in ([], ["-icount", "3"]):
            with self.start(*self.boot_args("-S", "-trace", "machine.state", *mode)) as g:
                g.await_signals()
                g.terminate()
                errors = g.finish()
                if g.log or "machine.state: time 0 ns" not in errors:
                    g.fail("ran although -S")


def main():
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    return run_suite(Suite(sys.argv[1], sys.argv[2]), sys.argv[3:])


if __name__ == "__main__":
    sys.exit(main())
