"""The virtio devices, used by Linux's drivers: what scripts/virtio-checks.sh says, and the image afterwards."""

import base64
import hashlib
import itertools
import os
import random
import re
import signal
import tempfile

from disk_guest import tool
from host_server import HostServer
from machine import Failure

MIB = 1 << 20
DISK_BYTES = 16 * MIB
COPY_BYTES = 4 * MIB
BLOB_BYTES = 1 * MIB + 17


class Said:
    """The lines `virtio: WHAT VALUES...` of one run."""

    def __init__(self, guest):
        self.guest = guest
        text = guest.log.decode(errors="replace").replace("\r", "")
        self.lines = re.findall(r"^virtio: (.*)$", text, re.MULTILINE)
        if errors := self.all("error"):
            guest.fail(f"the guest had errors: {errors}")

    def all(self, what):
        """The values of each such line."""
        return [line.split()[1:] for line in self.lines if line.split()[0] == what]

    def expect(self, what, *values):
        """One such line begins with these values."""
        if not any(tuple(v[:len(values)]) == values for v in self.all(what)):
            self.guest.fail(f"the guest did not say '{what} {' '.join(values)}' but {self.all(what)}")

    def interrupts(self, pattern, chip):
        """Interrupts whose name fits `pattern` were counted, all of them of controller `chip`."""
        lines = [v for v in self.all("interrupt") if re.search(pattern, " ".join(v[2:]))]
        if not lines or any(chip not in v for v in lines):
            self.guest.fail(f"no interrupt {pattern} of {chip}: {self.all('interrupt')}")
        counts = [n for v in lines for n in itertools.takewhile(str.isdigit, v[1:])]  # one for each CPU
        if not any(int(n) for n in counts):
            self.guest.fail(f"not one interrupt {pattern}: {self.all('interrupt')}")


class Disk:
    """A disk that is random in its first `copy` bytes, and what the guest's copy makes of it."""

    def __init__(self, folder, name, form, seed, copy=COPY_BYTES, size=DISK_BYTES):
        self.copy, self.size = copy, size
        self.path, self.form = os.path.join(folder, f"{name}.{form}"), form
        self.raw = os.path.join(folder, f"{name}.raw")
        source = random.Random(seed)
        self.data = b"".join(source.randbytes(MIB) for _ in range(copy // MIB))
        with open(self.raw, "wb") as f:
            f.write(self.data)
            f.truncate(size)
        if form != "raw":
            tool("qemu-img", "convert", "-f", "raw", "-O", form, self.raw, self.path)

    def drive(self, name, *options):
        return ["-drive", ",".join(["if=none", f"id={name}", f"format={self.form}",
                                    f"file={self.path}", *options])]

    def said_right(self, said, name):
        digest = hashlib.sha256(self.data).hexdigest()
        said.expect("disk", name, str(self.size))
        said.expect("first", name, digest)
        said.expect("second", name, digest)

    def bytes(self):
        with open(self.raw, "rb") as f:
            return f.read()

    def check(self):
        """Every byte of the image, from the host's side."""
        if self.form != "raw":
            tool("qemu-img", "check", "-q", "-f", self.form, self.path)
            tool("qemu-img", "convert", "-f", self.form, "-O", "raw", self.path, self.raw)
        rest = bytes(self.size - 2 * self.copy)
        if self.bytes() != self.data + self.data + rest:
            raise Failure(f"'{self.path}' is not what the guest said it wrote")


class Records:
    """What quince.write has put on a disk of 16 MiB over several runs, as far as it said so."""

    SIZE = 64 * 1024

    def __init__(self):
        self.slots = [{bytes(self.SIZE)} for _ in range(DISK_BYTES // self.SIZE)]

    def run_was_killed(self, run, synced):
        """Records up to `synced` are there; the next ones may be, wholly or in part."""
        for n in range(synced + 1):
            self.slots[n * 37 % len(self.slots)] = {self.record(run, n)}
        # It goes on until the kill arrives, so any later record may have followed.
        for n in range(synced + 1, synced + 1 + len(self.slots)):
            self.slots[n * 37 % len(self.slots)].add(self.record(run, n))

    def record(self, run, n):
        line = f"{run}.{n}\n".encode()
        return (line * (self.SIZE // len(line) + 1))[:self.SIZE]

    def check(self, raw):
        """Each sector is of a record that may be there; the next run begins with what is there."""
        with open(raw, "rb") as f:
            for place, allowed in enumerate(self.slots):
                data = f.read(self.SIZE)
                for at in range(0, self.SIZE, 512):
                    if all(data[at:at + 512] != record[at:at + 512] for record in allowed):
                        raise Failure(f"place {place}, byte {at}: {data[at:at + 40]} is neither of "
                                      f"{sorted(r[:10] for r in allowed)}")
                self.slots[place] = {data}


class VirtioTests:
    """Needs start() and boot_args() of boot_test.py's Suite."""

    def virtio_run(self, *devices, words=(), smp=2, **kw):
        """Boots, lets the guest use its devices, and returns what it said."""
        append = " ".join(["quince.virtio", *words, "quince.exit"])
        args = self.boot_args("-smp", str(smp), *devices, append=append,
                              initramfs="initramfs-virtio", **kw)
        with self.start(*args) as g:
            g.expect("virtio: done")
            g.finish()
            return Said(g)

    def port(self, folder, device):
        """A port or console that writes to a file with its name."""
        name = device.split(",")[0]
        return ["-chardev", f"file,id={name},path={os.path.join(folder, name)}",
                "-device", f"{device},chardev={name}"]

    def all_devices(self, board, kind, chip, queues, options="", form="raw"):
        """Disk, network, random numbers, ports and balloon on `board`, interrupts of `chip`."""
        blob = random.Random(board).randbytes(BLOB_BYTES)
        digest = hashlib.sha256(blob).hexdigest()
        with tempfile.TemporaryDirectory() as folder:
            disk = Disk(folder, "disk", form, board)
            os.mkdir(os.path.join(folder, "www"))
            with open(os.path.join(folder, "www", "blob"), "wb") as f:
                f.write(blob)
            with HostServer(os.path.join(folder, "www")) as server:
                said = self.virtio_run(
                    *disk.drive("disk"), "-device", f"virtio-blk-{kind},drive=disk{options}",
                    "-netdev", "user,id=net", "-device", f"virtio-net-{kind},netdev=net{options}",
                    "-device", f"virtio-rng-{kind}{options}",
                    "-device", f"virtio-serial-{kind}{options}",
                    *self.port(folder, "virtconsole"), *self.port(folder, "virtserialport,name=test"),
                    "-device", f"virtio-balloon-{kind}{options}",
                    words=[f"quince.http={server.port}"], board=board)
                sent_back = server.received.get("/back")
            disk.said_right(said, "vda")
            disk.check()
            for name, wanted in ("virtconsole", b"quince: port \r\n"), ("virtserialport", b"quince: port test\n"):
                with open(os.path.join(folder, name), "rb") as f:
                    if (got := f.read()) != wanted:
                        said.guest.fail(f"{got} came through the {name}")
        for name in ("blk", "net", "rng", "console", "balloon"):
            said.expect("driver", f"virtio_{name}")
        said.expect("lease", "eth0", "10.0.2.15/24", "10.0.2.2")
        said.expect("fetched", digest)
        text_digest = hashlib.sha256(base64.encodebytes(blob)).hexdigest()
        if sent_back != text_digest:
            said.guest.fail(f"{sent_back} was sent back, not {text_digest}")
        for size in (2000, 65507):  # the bytes of the reply have a header before them
            said.expect("ping", str(size), str(size + 8))
        numbers = said.all("random")
        if not numbers or len(numbers[0][0]) != 128 or len(set(numbers[0][0])) < 8:
            said.guest.fail(f"64 random bytes are not {numbers}")
        at = {driver: os.path.basename(path) for driver, path in said.all("driver")}
        for queue in queues or [rf"\b{at[f'virtio_{name}']}\b" for name in ("blk", "net", "rng", "console")]:
            said.interrupts(queue, chip)
        return said

    # What Linux calls the vectors of the disk's, the card's, the generator's and a port's queues.
    # A board with few messages has one for all queues of the ports.
    MESSAGES = (r"virtio0-req\.0$", r"virtio1-input\.0$", r"virtio1-output\.0$", r"virtio2-input$",
                r"virtio3-(output|virtqueues)$")
    # Wires are named after the devices on them.
    WIRES = ()

    def test_virtio_vmapple_msix(self):
        self.all_devices("vmapple", "pci", "MSI", self.MESSAGES)

    def test_virtio_vmapple_intx(self):
        self.all_devices("vmapple,msi=off", "pci", "GICv3", self.WIRES)

    def test_virtio_virt_its(self):
        self.all_devices("virt", "pci", "ITS-MSI", self.MESSAGES)

    def test_virtio_virt_v2m(self):
        self.all_devices("virt,its=off", "pci", "MSI", self.MESSAGES)

    def test_virtio_virt_mmio(self):
        said = self.all_devices("virt", "device", "GICv3", self.WIRES)
        for _, path in said.all("driver"):
            if ".virtio_mmio/" not in path:
                said.guest.fail(f"'{path}' is not on virtio-mmio")

    def test_virtio_no_vectors_is_wires(self):
        self.all_devices("virt", "pci", "GICv3", self.WIRES, options=",vectors=0", form="qcow2")

    def test_virtio_behind_a_port(self):
        """Two disks, one of them behind a port; the other may not be written."""
        with tempfile.TemporaryDirectory() as folder:
            fixed = Disk(folder, "fixed", "raw", 1)
            disk = Disk(folder, "disk", "qcow2", 2)
            said = self.virtio_run(
                "-device", "pcie-root-port,id=p1", *disk.drive("disk"), *fixed.drive("fixed", "readonly=on"),
                "-device", "virtio-blk-pci,drive=disk,bus=p1",
                "-device", "virtio-blk-pci,drive=fixed,addr=8")
            at = {path.split("/")[-2]: name for name, _, path in said.all("disk")}
            if len(at) != 2 or "0000:01:00.0" not in at or "0000:00:08.0" not in at:
                said.guest.fail(f"the disks are not behind and beside the port: {at}")
            disk.said_right(said, at["0000:01:00.0"])
            disk.check()
            said.expect("first", at["0000:00:08.0"], hashlib.sha256(fixed.data).hexdigest())
            if len(said.all("second")) != 1:
                said.guest.fail("the guest wrote to the disk that may not be written")
            if fixed.bytes() != fixed.data + bytes(DISK_BYTES - COPY_BYTES):
                said.guest.fail("the disk that may not be written has changed")

    def killed_while_writing(self, form, kills):
        """What the guest was told is durable outlives the emulator; the image has no fault."""
        with tempfile.TemporaryDirectory() as folder:
            path, raw = os.path.join(folder, "disk"), os.path.join(folder, "raw")
            tool("qemu-img", "create", "-q", "-f", form, path, str(DISK_BYTES))
            records, choose = Records(), random.Random(4)
            for run in range(kills):
                args = self.boot_args("-drive", f"if=virtio,format={form},file={path}",
                                      append=f"quince.virtio quince.write={run}",
                                      initramfs="initramfs-virtio")
                with self.start(*args) as g:
                    g.expect(f"virtio: synced {choose.randrange(3, 60)}.")
                    g.terminate(signal.SIGKILL)
                    g.finish(-signal.SIGKILL)
                    said = Said(g)
                records.run_was_killed(run, int(said.all("synced")[-1][0].rstrip(".")))
                if form != "raw":
                    tool("qemu-img", "check", "-q", "-f", form, path)
                tool("qemu-img", "convert", "-f", form, "-O", "raw", path, raw)
                records.check(raw)

    def test_virtio_killed_raw(self):
        self.killed_while_writing("raw", 2)

    def test_virtio_killed_qcow2(self):
        self.killed_while_writing("qcow2", 4)

    def deterministic_disk(self, *extra, **kw):
        """Two runs with the same disk say the same on the serial port, to the byte; so do the
        random numbers among it."""
        runs = []
        for _ in range(2):
            with tempfile.TemporaryDirectory() as folder:
                disk = Disk(folder, "disk", "qcow2", 3)
                said = self.virtio_run(
                    *disk.drive("disk"), "-device", "virtio-blk-pci,drive=disk",
                    "-device", "virtio-rng-pci", *extra,
                    "-icount", "shift=3", "-rtc", "base=1700000000", **kw)
                disk.said_right(said, "vda")
                disk.check()
                if len(said.all("random")) != 1:
                    said.guest.fail("no random numbers")
                runs.append(said.guest.log)
        if runs[0] != runs[1]:
            lines = zip(runs[0].split(b"\n"), runs[1].split(b"\n"))
            raise Failure(f"two runs differ: {next(p for p in lines if p[0] != p[1])}")

    def test_virtio_deterministic_disk(self):
        self.deterministic_disk(smp=1)
