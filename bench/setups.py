"""The set-ups that bench/run.py compares: command lines, and one run of each."""

import hashlib
import os
import subprocess
from dataclasses import dataclass, field

import benchlib
import figures

# The fastest set-ups of QEMU that were found.  Neoverse N1 without page-table isolation, which that CPU
# needs and which makes QEMU's system calls several times slower; and, for pointer authentication like
# for like, `max` with an implementation-defined code.
QEMU_SETUPS = {
    "qemu-n1": (["-M", "virt,gic-version=3", "-cpu", "neoverse-n1"], "kpti=off"),
    "qemu-max": (["-M", "virt,gic-version=3", "-cpu", "max,pauth-impdef=on"], ""),
}
QEMU_REST = ["-accel", "tcg,thread=multi", "-monitor", "none", "-nic", "none"]
APPEND = "console=ttyAMA0 panic=-1 quiet"


@dataclass(frozen=True)
class Setup:
    """An emulator with its options, or this host."""
    name: str
    command: list = field(default_factory=list)
    append: str = ""
    rest: list = field(default_factory=list)

    def line(self, kernel, initrd, append, cpus=1, memory="1G"):
        return [*self.command, "-smp", str(cpus), "-m", memory, "-kernel", kernel, "-initrd", initrd,
                "-append", " ".join(w for w in (APPEND, self.append, append) if w),
                "-display", "none", "-serial", "stdio", "-no-reboot", *self.rest]

    def version(self):
        if not self.command:
            return "native"
        done = subprocess.run([self.command[0], "--version"], check=False, stdout=subprocess.PIPE,
                              stderr=subprocess.DEVNULL, text=True)
        return done.stdout.split("\n", maxsplit=1)[0]

    def digest(self):
        """Of the program: it need not be that of the checkout's revision."""
        if not self.command:
            return None
        with open(self.command[0], "rb") as f:
            return hashlib.sha256(f.read()).hexdigest()


def setups(a):
    """{name: Setup} as the options say: quince first, this host last."""
    result = {}
    if "quince" not in a.without:
        result["quince"] = Setup("quince", [a.quince, "-M", "virt", *a.quince_args], a.quince_append)
    for name, (options, append) in QEMU_SETUPS.items():
        if "qemu" not in a.without and name not in a.without:
            result[name] = Setup(name, [a.qemu, *options], append, QEMU_REST)
    if "native" not in a.without:
        result["native"] = Setup("native")
    return result


def run_guest(setup, a, initrd, words, cpus=1, memory="1G"):
    """One run of the benchmarks in a guest: an Output that came to its end, with the emulator's CPU time
    between one line and the next."""
    line = setup.line(os.path.join(a.guest, "kernel-cloud"), initrd, words, cpus, memory)
    output = figures.Output()
    status, _, text = benchlib.watched_run(line, a.timeout,
                                           lambda said, _, cpu: output.take(said.decode(errors="replace"), cpu))
    if status != 0 or not output.ended or "bench: status 0" not in text:
        raise benchlib.Failure(f"{setup.name}: '{' '.join(line)}' ended with {status}, and the benchmarks did "
                               f"not all run:\n{text[-3000:]}")
    return accept(setup, output)


def run_native(command, a, env=None):
    """The same on this host."""
    try:
        done = subprocess.run(command, check=False, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, timeout=a.timeout, env=env)
    except subprocess.TimeoutExpired as e:
        raise benchlib.Failure(f"native: no end within {a.timeout} s") from e
    output = figures.Output(done.stdout.decode(errors="replace"))
    if done.returncode != 0 or not output.ended:
        raise benchlib.Failure(f"native: '{command[0]}' ended with {done.returncode}:\n"
                               f"{done.stdout.decode(errors='replace')[-3000:]}")
    return accept(Setup("native"), output)


def accept(setup, output):
    if output.wrong:
        raise benchlib.Failure(f"{setup.name}: " + "\n".join(output.wrong))
    return output


def boot(setup, a, initrd, marker):
    """From launch to a line of the guest: {"wall", "cpu", "rss_mib"}; the memory is that of the whole run,
    which ends shortly after."""
    line = setup.line(os.path.join(a.guest, "kernel-cloud"), initrd, "quince.exit")
    reached = {}

    def look(said, wall, cpu):
        if marker.encode() in said:
            reached.setdefault("wall", wall)
            reached.setdefault("cpu", cpu)
    status, usage, text = benchlib.watched_run(line, a.timeout, look)
    if not reached or status != 0:
        raise benchlib.Failure(f"{setup.name}: '{' '.join(line)}' ended with {status}, '{marker}' "
                               f"{'seen' if reached else 'missing'}:\n{text[-2000:]}")
    return reached | {"rss_mib": usage.ru_maxrss / 1024}


def kernel_version(a):
    try:
        with open(os.path.join(a.guest, "version-cloud"), encoding="utf-8") as f:
            return f.read().strip()
    except OSError:
        return "unknown"
