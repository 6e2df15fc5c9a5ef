"""A Debian guest on a disk image of tests/images: its command line, console, network and disk."""

import os
import shlex
import socket
import subprocess

from machine import PATIENCE_SECONDS, PATIENT_SERVICES, PATIENT_WORDS, Failure, Guest

# What `modes` of disk_test.py mean: options for each virtio device, options for the machine, and
# whether the guest's virtio interrupts are messages then.
MODES = {
    "msix": ("", "", True),
    "intx": ("vectors=0", "", False),
    "no-msi": ("", "msi=off", False),
}
FORMATS = ("raw", "qcow2")
# Work that is long on purpose.
LONG_SECONDS = 6 * PATIENCE_SECONDS


class Image:
    """The files that make-debian-disk.sh puts side by side."""

    def __init__(self, path):
        base = path.removesuffix(".img")
        self.disk, self.kernel, self.initrd = path, base + ".kernel", base + ".initrd"
        self.key, self.repo, self.packages = base + ".key", base + ".repo", base + ".packages"
        for needed in (self.disk, self.kernel, self.initrd, self.key, self.repo, self.packages):
            if not os.path.exists(needed):
                raise Failure(f"'{needed}' is missing: tests/images/make-debian-disk.sh makes it")

    def needs_tools(self):
        """For tests that an image without --tools cannot do."""
        with open(self.packages, encoding="ascii") as f:
            if "debs-tools/:" not in f.read():
                raise Failure(f"'{self.disk}' lacks tools: make-debian-disk.sh --tools adds them")

    def copy(self, folder, form):
        """A disk of its own for one run, in format `form`."""
        path = os.path.join(folder, f"disk.{form}")
        if form == "raw":
            tool("cp", "--sparse=always", "--reflink=auto", self.disk, path)
        else:
            tool("qemu-img", "create", "-q", "-f", "qcow2", "-F", "raw", "-b",
                 os.path.abspath(self.disk), path)
        return path


def tool(*command):
    """Runs a host program that has to succeed, and returns its output."""
    done = subprocess.run(command, check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          timeout=PATIENCE_SECONDS)
    text = done.stdout.decode(errors="replace")
    if done.returncode != 0:
        raise Failure(f"'{' '.join(command)}' ended with {done.returncode}: {text[-2000:]}")
    return text


def check_disk(path, form, folder, journal=False):
    """The guest left its file system, and the emulator its image, without a fault.  `journal`: the
    file system was in use, so its journal is applied first, to a copy."""
    if form != "raw":
        tool("qemu-img", "check", "-q", "-f", form, path)
    part = os.path.join(folder, "check.part")
    # The first partition begins at 1 MiB; what is behind it does not disturb.
    tool("qemu-img", "convert", "-O", "raw", "--image-opts", "driver=raw,offset=1048576,"
         f"file.driver={form},file.file.driver=file,file.file.filename={path}", part)
    if journal:
        tool("/sbin/e2fsck", "-E", "journal_only", "-y", part)
    tool("/sbin/e2fsck", "-f", "-n", part)


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class DiskGuest(Guest):
    """One run of the emulator with the image's disk, a network, and the other virtio devices."""

    def __init__(self, emulator, image, disk, *extra, form="raw", mode="msix", boot="kernel", aux=None,
                 memory="1G", cpus=2, display="none", append="", env=None):
        device, machine, self.messages = MODES[mode]
        self.image, self.port = image, free_port()
        suffix = "," + device if device else ""
        binary, *args = shlex.split(emulator)
        qemu = "qemu" in os.path.basename(binary)
        if qemu:
            # Its boot ROM is in a package that nothing here needs.
            args += ["-global", "virtio-net-pci.romfile="]
        if machine:
            args += ["-M", machine]
        args += ["-m", memory, "-smp", str(cpus), "-display", display, "-serial", "stdio",
                 "-no-reboot"]
        if boot == "rom":
            args += ["-M", f"root={disk},aux={aux}", "-boot", "splash-time=0"]
        elif boot == "kernel":
            args += ["-kernel", image.kernel, "-initrd", image.initrd,
                     "-append", f"root=/dev/vda1 {append} console=ttyAMA0 panic=-1{PATIENT_WORDS}{PATIENT_SERVICES}"]
        else:
            args += ["-bios", boot]
        if boot != "rom":
            args += ["-drive", f"if=none,id=root,format={form},file={disk}",
                     "-device", f"virtio-blk-pci,drive=root{suffix}"]
        args += ["-netdev", f"user,id=net0,hostfwd=tcp:127.0.0.1:{self.port}-:22",
                 "-device", f"virtio-net-pci,netdev=net0{suffix}",
                 "-chardev", "null,id=hvc",
                 "-device", f"virtio-serial-pci{suffix}", "-device", "virtconsole,chardev=hvc",
                 "-device", f"virtio-rng-pci{suffix}",
                 # QEMU's has nothing but wires, and no such option.
                 "-device", f"virtio-balloon-pci{'' if qemu else suffix}"]
        super().__init__(binary, *args, *(e.replace("{mode}", suffix) for e in extra), env=env)

    def boot(self):
        """Waits for the console's shell, then until the system is up and the network configured."""
        self.expect("root (automatic login)")
        self.expect("root@quince:")
        self.console("systemctl is-system-running --wait || { systemctl --failed; false; }")
        self.console("/lib/systemd/systemd-networkd-wait-online --any --timeout=300")

    def type_command(self, command):
        """Types a command that says its status when it ends; the echo of it does not say that."""
        self.send(f"{command}; echo 'quince-st''atus:'$?\n")

    def await_status(self, command):
        self.expect("quince-status:")
        at = self.mark
        self.expect("\n")
        status = self.log[at:self.mark].decode(errors="replace").strip()
        if status != "0":
            self.fail(f"'{command}' ended with {status}")

    def console(self, command):
        """Runs a command in the console's shell; it has to succeed."""
        self.type_command(command)
        self.await_status(command)

    def ssh_line(self, command):
        """The program and its arguments that run a command as root over the network."""
        return ["ssh", "-i", self.image.key, "-p", str(self.port), "-o", "BatchMode=yes",
                "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null",
                "-o", "LogLevel=ERROR", "-o", "ConnectTimeout=60", "root@127.0.0.1", command]

    def ssh(self, command, seconds=PATIENCE_SECONDS, stdin=None):
        """Runs a command as root over the network; it has to succeed.  Returns its output."""
        done = subprocess.run(self.ssh_line(command), check=False, input=stdin, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, timeout=seconds,
                              stdin=None if stdin else subprocess.DEVNULL)
        out = done.stdout.decode(errors="replace")
        if done.returncode != 0:
            self.fail(f"ssh: '{command}' ended with {done.returncode}: {out[-2000:]}"
                      f"{done.stderr.decode(errors='replace')[-2000:]}")
        return out

    def power_off(self):
        self.send("systemctl poweroff\n")
        self.expect("reboot: Power down")
        return self.finish()

    def open_files(self):
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    def resident_kib(self):
        with open(f"/proc/{self.process.pid}/status", encoding="ascii") as f:
            return next(int(line.split()[1]) for line in f if line.startswith("VmRSS:"))

