#!/usr/bin/env python3
"""Debian on a disk: tests/boot/disk_test.py [options] IMAGE [GLOB...]

IMAGE is what tests/images/make-debian-disk.sh made.  A GLOB chooses tests by name; without one,
`install` runs, which does what `boot` does and more.  Each test runs with every --machine, --mode and --format.
"""

import argparse
import fnmatch
import hashlib
import os
import random
import re
import signal
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from disk_guest import (  # noqa: E402
    FORMATS, LONG_SECONDS, MODES, DiskGuest, Image, check_disk, tool)
from host_server import HostServer  # noqa: E402
from machine import Failure  # noqa: E402

DEFAULT_TESTS = ["install"]
EFI = "/usr/share/qemu-efi-aarch64/QEMU_EFI.fd"
U_BOOT = "/usr/lib/u-boot/qemu_arm64/u-boot.bin"
# The guest's first use of a page makes the emulator larger, so it uses nearly all of them before.
TOUCH = """\
mount -t tmpfs -o size=100% tmpfs /mnt
head -c "$(awk '/^MemAvailable/ { print int($2 * 0.85) }' /proc/meminfo)K" /dev/zero >/mnt/fill
umount /mnt
"""
# Files come, are renamed and go; what `synced` names was on the disk before it did.
WRITE_SCRIPT = """\
i=0;
while :; do
  head -c $((i * 7919 % 300000)) /dev/urandom >new && sync new && mv new RUN.$i && sync .;
  sha256sum RUN.$i >>list && sync list && cp list list.2 && sync list.2 && mv list.2 synced && sync .;
  echo "synced $i."; i=$((i + 1));
done
"""
CYCLES_SCRIPT = """\
set -e
scratch=$(readlink -f /sys/block/vdb/device)
scratch=${scratch##*/}
i=0
while [ $i -lt $1 ]; do
  for module in virtio_net virtio_balloon virtio_rng virtio_console 9pnet_virtio; do
    modprobe -r $module
    modprobe $module
  done
  echo $scratch >/sys/bus/virtio/drivers/virtio_blk/unbind
  echo $scratch >/sys/bus/virtio/drivers/virtio_blk/bind
  dd if=/dev/vdb of=/dev/null bs=64k count=1 iflag=direct 2>/dev/null
  i=$((i + 1))
  echo "cycle $i."
done
"""


def requests(log):
    """The lines of a trace of bdif."""
    with open(log, encoding="utf-8") as f:
        return [line for line in f if line.startswith("bdif.request:")]


class Suite:
    """The tests, with one choice of machine, mode and format."""

    def __init__(self, options, emulator, mode, form):
        self.options, self.emulator, self.mode, self.form = options, emulator, mode, form
        self.image = Image(options.image)
        self.folder = None

    def start(self, disk, *extra, **kw):
        return DiskGuest(self.emulator, self.image, disk, *extra, form=self.form, mode=self.mode,
                         memory=self.options.memory, cpus=self.options.smp, **kw)

    def run(self, work, *extra, **kw):
        """Boots a fresh copy of the disk, does `work`, powers off, and checks the disk."""
        with tempfile.TemporaryDirectory(dir=self.options.scratch) as self.folder:
            disk = self.image.copy(self.folder, self.form)
            with self.start(disk, *extra, **kw) as g:
                g.boot()
                work(g)
                g.power_off()
            check_disk(disk, self.form, self.folder)

    # ---- A boot, with all devices at work

    def looks_healthy(self, g):
        if g.ssh("uname -m") != "aarch64\n":
            g.fail("uname -m is not aarch64")
        if "10.0.2.15/24" not in g.ssh("ip -4 -brief address show"):
            g.fail("no address from DHCP")
        if failed := g.ssh("systemctl --failed --no-legend --plain"):
            g.fail(f"failed units: {failed}")
        drivers = g.ssh("ls -d /sys/bus/virtio/drivers/*/virtio*")
        for name in ("blk", "net", "rng", "balloon", "console"):
            if f"virtio_{name}/virtio" not in drivers:
                g.fail(f"no device has the driver virtio_{name}: {drivers}")
        g.ssh("dd if=/dev/hwrng of=/dev/null bs=64 count=1")
        self.has_right_interrupts(g)

    def has_right_interrupts(self, g):
        """Messages or wires, as the mode says, and the disk's were counted."""
        lines = [line for line in g.ssh("cat /proc/interrupts").split("\n")
                 if re.search(r"\bvirtio\d+", line)]
        if not sum(int(n) for line in lines for n in line.split()[1:1 + self.options.smp]):
            g.fail("virtio had no interrupt")
        messages = [line for line in lines if "MSI" in line]
        if not g.messages and messages:
            g.fail(f"mode {self.mode}, and yet: {messages[0]}")
        # Linux names a vector of a queue after the queue.
        for queue in ("-req.0", "-input.0", "-output.0") if g.messages else ():
            if not any(queue in line for line in messages):
                g.fail(f"mode {self.mode}, and yet no message for {queue}: {lines}")

    def test_boot(self):
        self.run(self.looks_healthy)

    # ---- A package from a repository on the host's loopback

    def install(self, g):
        self.looks_healthy(g)
        with HostServer(self.image.repo) as server:
            g.ssh("sed -i s/:8099/:%d/ /etc/apt/sources.list.d/host.list" % server.port)
            g.ssh("apt-get -q update && apt-get -q -y install tree")
        g.ssh("dpkg -V tree && tree /etc/apt")

    def test_install(self):
        self.run(self.install)

    # ---- Firmware

    def from_firmware(self, path):
        if not os.path.exists(path):
            raise Failure(f"'{path}' is missing (scripts/install-deps.sh check)")
        self.run(self.looks_healthy, boot=path)

    def test_efi(self):
        self.from_firmware(EFI)

    def test_uboot(self):
        self.from_firmware(U_BOOT)

    # ---- The boot ROM: the kernel from the disk's own partition

    def test_rom(self):
        """The ROM reads through bdif, and the kernel through virtio-blk."""
        if self.form != "raw":
            raise Failure("rom: root= is a raw image")
        with tempfile.TemporaryDirectory(dir=self.options.scratch) as self.folder:
            disk = self.image.copy(self.folder, self.form)
            aux, log = os.path.join(self.folder, "aux"), os.path.join(self.folder, "log")
            with open(aux, "wb") as f:
                f.truncate(1 << 20)
            with self.start(disk, "-trace", "bdif.*", "-D", log, boot="rom", aux=aux) as g:
                g.expect("Booting Linux on physical CPU")
                by_rom = requests(log)
                g.boot()
                self.looks_healthy(g)
                if "root=LABEL=root" not in g.ssh("cat /proc/cmdline"):
                    g.fail("this is not the command line of extlinux.conf")
                g.power_off()
            if not by_rom or any("write" in r for r in by_rom):
                g.fail(f"the ROM's requests are {by_rom}")
            if requests(log) != by_rom:
                g.fail(f"the kernel used bdif: {requests(log)[len(by_rom):]}")
            check_disk(disk, self.form, self.folder)

    # ---- Long work in the guest

    def test_fio(self):
        """What was written is what is read, checked block by block; a job on each queue."""
        self.image.needs_tools()
        def work(g):
            jobs = self.options.smp
            part = self.options.mib // jobs
            self.same(g, g.ssh("ls /sys/block/vda/mq | wc -l").strip(), str(jobs))
            out = g.ssh(f"fio --name=verify --filename=/var/tmp/fio --numjobs={jobs} "
                        f"--size={part}m --offset_increment={part}m --rw=randwrite "
                        "--bsrange=4k-256k --ioengine=libaio --iodepth=16 --direct=1 "
                        "--verify=crc32c --verify_fatal=1 --do_verify=1", LONG_SECONDS)
            if out.count("err= 0") != jobs:
                g.fail(f"fio: {out[-2000:]}")
        self.run(work)

    def test_transfer(self):
        """Bulk data both ways, one after the other and at once."""
        self.image.needs_tools()
        blob = random.Random(1).randbytes(1 << 20) * self.options.mib
        digest = hashlib.sha256(blob).hexdigest()

        def work(g):
            with open(os.path.join(self.folder, "blob"), "wb") as f:
                f.write(blob)
            with HostServer(self.folder) as server:
                base = f"http://10.0.2.2:{server.port}"
                down = f"curl -sS {base}/blob -o /var/tmp/%s && sha256sum </var/tmp/%s"
                up = f"curl -sS -T /var/tmp/a {base}/%s"
                self.same(g, g.ssh(down % ("a", "a"), LONG_SECONDS).split()[0], digest)
                g.ssh(up % "first", LONG_SECONDS)
                both = f"{{ {up % 'second'} & }} && {down % ('b', 'b')} && wait"
                self.same(g, g.ssh(both, LONG_SECONDS).split()[0], digest)
                for name in ("/first", "/second"):
                    self.same(g, server.received.get(name), digest)
        self.run(work)

    def same(self, g, got, wanted):
        if got != wanted:
            g.fail(f"{got} arrived, not {wanted}")

    def test_git_9p(self):
        """`git status` of a large tree over 9p says what it says on the host."""
        self.image.needs_tools()
        def work(g):
            mount = "mount -t 9p -o trans=virtio,version=9p2000.L,msize=262144 tree /mnt"
            g.ssh(mount)
            status = "git -c safe.directory=* -C %s status --porcelain"
            self.same(g, g.ssh(status % "/mnt", LONG_SECONDS), "")
            change_tree(tree)
            g.ssh(f"umount /mnt && {mount}")
            got = g.ssh(status % "/mnt", LONG_SECONDS)
            self.same(g, got, tool(*(status % tree).split()))
            self.same(g, len(got.split("\n")), 4)
            g.ssh("umount /mnt")
        with tempfile.TemporaryDirectory(dir=self.options.scratch) as tree:
            make_tree(tree, self.options.files)
            self.run(work, "-fsdev", f"local,id=fs,path={tree},security_model=none",
                     "-device", "virtio-9p-pci,fsdev=fs,mount_tag=tree{mode}")

    def test_kill(self):
        """The emulator dies in the middle of writes, again and again.  The image and, once its
        journal was read, the file system have no fault, and files that were synced are whole."""
        with tempfile.TemporaryDirectory(dir=self.options.scratch) as self.folder:
            disk = self.image.copy(self.folder, self.form)
            choose = random.Random(5)
            for n in range(self.options.kills):
                with self.start(disk) as g:
                    g.boot()
                    g.console("cd /var/tmp && { [ ! -e synced ] || sha256sum --quiet -c synced; }")
                    g.type_command(WRITE_SCRIPT.replace("RUN", str(n)).replace("\n", " "))
                    g.expect(f"synced {choose.randrange(3, 40)}.")
                    g.terminate(signal.SIGKILL)
                    g.finish(-signal.SIGKILL)
                check_disk(disk, self.form, self.folder, journal=True)
            with self.start(disk) as g:
                g.boot()
                g.console("cd /var/tmp && sha256sum --quiet -c synced")
                g.power_off()
            check_disk(disk, self.form, self.folder)

    def test_modules(self):
        """Drivers come and go; the emulator gets neither larger nor leaks descriptors."""
        cycles, settle = self.options.cycles, max(1, self.options.cycles // 5)
        command = f"sh /root/cycles.sh {cycles}"

        def work(g):
            g.ssh("cat >/root/cycles.sh", stdin=CYCLES_SCRIPT.encode())
            g.ssh(TOUCH)
            g.type_command(command)
            for n in range(1, settle + 1):
                g.expect(f"cycle {n}.")
            files, memory = g.open_files(), g.resident_kib()
            for n in range(settle + 1, cycles + 1):
                g.expect(f"cycle {n}.")
            g.await_status(command)
            if g.open_files() > files:
                g.fail(f"{files} descriptors became {g.open_files()}")
            # What TOUCH had not reached.
            if g.resident_kib() > memory + 96 * 1024:
                g.fail(f"{memory} KiB became {g.resident_kib()} KiB")
            g.console("/lib/systemd/systemd-networkd-wait-online --any --timeout=300")
            self.looks_healthy(g)
        with tempfile.NamedTemporaryFile(dir=self.options.scratch) as scratch:
            scratch.truncate(64 << 20)
            self.run(work, "-drive", f"if=none,id=scratch,format=raw,file={scratch.name}",
                     "-device", "virtio-blk-pci,drive=scratch{mode}",
                     "-fsdev", f"local,id=fs,path={os.path.dirname(__file__) or '.'},"
                     "security_model=none,readonly=on",
                     "-device", "virtio-9p-pci,fsdev=fs,mount_tag=tree{mode}")


def make_tree(path, files):
    tool("git", "init", "-q", path)
    for n in range(files):
        folder = os.path.join(path, f"d{n % 50}", f"e{n // 50 % 4}")
        os.makedirs(folder, exist_ok=True)
        with open(os.path.join(folder, f"f{n}"), "w", encoding="ascii") as f:
            f.write(f"{n}\n" * (n % 300))
    tool("git", "-C", path, "add", "-A")
    tool("git", "-C", path, "-c", "user.name=t", "-c", "user.email=t@localhost",
         "commit", "-q", "-m", "tree")


def change_tree(path):
    """One file changed, one new and one gone."""
    with open(os.path.join(path, "d1", "e0", "f1"), "a", encoding="ascii") as f:
        f.write("changed\n")
    with open(os.path.join(path, "d2", "new"), "w", encoding="ascii") as f:
        f.write("new\n")
    os.remove(os.path.join(path, "d3", "e0", "f3"))


def arguments():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    p.add_argument("image")
    p.add_argument("tests", nargs="*", metavar="GLOB", default=[])
    p.add_argument("--emulator", default="build/release/quince", metavar="COMMAND",
                   help="quoted when it has options of its own")
    p.add_argument("--machine", action="append", metavar="M",
                   help="-M for the emulator; may be repeated; without it, vmapple and virt")
    p.add_argument("--mode", action="append", choices=list(MODES),
                   help="interrupts; may be repeated; without it, msix")
    p.add_argument("--format", action="append", choices=FORMATS,
                   help="of the disk; may be repeated; without it, raw")
    p.add_argument("--memory", default="1G")
    p.add_argument("--smp", type=int, default=2)
    p.add_argument("--mib", type=int, default=1024, help="of fio and transfer (1024)")
    p.add_argument("--files", type=int, default=5000, help="of git_9p's tree (5000)")
    p.add_argument("--cycles", type=int, default=100, help="of modules (100)")
    p.add_argument("--kills", type=int, default=10, help="of kill (10)")
    p.add_argument("--scratch", metavar="DIR", help="where copies of the disk are (TMPDIR)")
    return p.parse_args()


def chosen(globs):
    names = [n[5:] for n in dir(Suite) if n.startswith("test_")]
    return [n for n in names if any(fnmatch.fnmatch(n, g) for g in globs or DEFAULT_TESTS)]


def run_one(options, machine, mode, form, name):
    start = time.monotonic()
    try:
        getattr(Suite(options, f"{options.emulator} -M {machine}", mode, form), "test_" + name)()
        verdict = "ok"
    except (Failure, subprocess.TimeoutExpired) as e:
        verdict = "FAILED"
        print(e, flush=True)
    print(f"{verdict:6} {name} {machine} {mode} {form} ({time.monotonic() - start:.1f} s)",
          flush=True)
    return verdict == "ok"


def main():
    options = arguments()
    results = [run_one(options, machine, mode, form, name)
               for machine in options.machine or ["vmapple", "virt"]
               for mode in options.mode or ["msix"]
               for form in options.format or ["raw"]
               for name in chosen(options.tests)]
    print(f"{results.count(True)} passed, {results.count(False)} failed")
    return 1 if not results or not all(results) else 0


if __name__ == "__main__":
    sys.exit(main())
