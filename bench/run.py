#!/usr/bin/env python3
"""The benchmark suite: quince, QEMU in its two fastest set-ups, and this host, taking turns.

    bench/run.py QUINCE [--qemu BIN] [--parts micro,smp,programs,boot,disk] [--only PATTERN] [--pairs N]
    bench/run.py --compare OLD.json NEW.json
    bench/run.py --show REPORT.json

The benchmarks are those of bench/guest, which bench/make_guest.sh compiles and packs; they run in Linux
with one vCPU unless said.  A ratio above 1 says that quince is faster.  bench/README.md has more.
"""

import argparse
import datetime
import fnmatch
import json
import os
import shlex
import statistics
import subprocess
import sys
import tempfile
import time

import benchlib
import figures
import report
from setups import boot, kernel_version, run_guest, run_native, setups

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../tests/boot"))
from disk_guest import DiskGuest, Image  # noqa: E402
from machine import Failure as GuestFailure  # noqa: E402

PARTS = ("micro", "smp", "programs", "boot", "disk")
HERE = os.path.dirname(os.path.abspath(__file__))
UP = "quince: the guest is up"
LOGIN = "quince login:"


def arguments():
    p = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    p.add_argument("quince", nargs="?")
    p.add_argument("--quince-args", default="", metavar="OPTIONS", type=shlex.split,
                   help="more options of quince, as '--engine=jit' (write --quince-args=--engine=jit)")
    p.add_argument("--quince-append", default="", metavar="WORDS", help="words for its kernel command line")
    p.add_argument("--qemu", default=os.path.join(HERE, "../build/qemu/qemu-system-aarch64"), metavar="BIN",
                   help="by default what scripts/fetch-qemu.sh fetched to build/qemu")
    p.add_argument("--without", default=[], type=lambda s: s.split(","), metavar="SETUP[,...]",
                   help="leave out: quince, qemu (both set-ups), qemu-n1, qemu-max, native")
    p.add_argument("--parts", default=["micro"], type=lambda s: s.split(","), metavar="PART[,...]",
                   help=f"of {', '.join(PARTS)}, or all; micro without it")
    p.add_argument("--only", default="*", metavar="PATTERN[,...]", help="benchmarks, as 'integer/*,os/pipe'")
    p.add_argument("--pairs", type=int, default=5, help="rounds in which each set-up runs once")
    p.add_argument("--rounds", type=int, default=10, help="of each benchmark in a run; the fastest counts")
    p.add_argument("--quick", action="store_true", help="a 64th of the work: compares check values, not speed")
    p.add_argument("--guest", default=os.path.join(HERE, "../build/guest"), metavar="FOLDER",
                   help="what scripts/fetch-guest.sh filled")
    p.add_argument("--bench", default=os.path.join(HERE, "../build/bench"), metavar="FOLDER",
                   help="what bench/make_guest.sh filled")
    p.add_argument("--image", default=os.path.join(HERE, "../build/images/debian.img"), metavar="FILE",
                   help="disk of tests/images/make-debian-disk.sh, for the part disk")
    p.add_argument("--touch-memory", action="store_true",
                   help="first write to all free memory, which a virtual machine may not have yet")
    p.add_argument("--timeout", type=float, default=1800, metavar="SECONDS", help="of one run")
    p.add_argument("--json", metavar="FILE", help="write all figures there")
    p.add_argument("--compare", nargs=2, metavar=("OLD.json", "NEW.json"))
    p.add_argument("--show", metavar="REPORT.json")
    return p.parse_args()


def check(a):
    if a.parts == ["all"]:
        a.parts = list(PARTS)
    for part in a.parts:
        if part not in PARTS:
            raise benchlib.Failure(f"--parts: '{part}' is none of {', '.join(PARTS)}")
    known = {"quince", "qemu", "native", "qemu-n1", "qemu-max"}
    for name in a.without:
        if name not in known:
            raise benchlib.Failure(f"--without: '{name}' is none of {', '.join(sorted(known))}")
    if a.pairs < 1 or a.rounds < 1:
        raise benchlib.Failure("--pairs, --rounds: at least one")
    if not set(a.only) <= set("abcdefghijklmnopqrstuvwxyz0123456789-*?/,[]"):
        raise benchlib.Failure(f"--only: '{a.only}' has characters that no benchmark's name has")
    if a.quince is None and "quince" not in a.without:
        raise benchlib.Failure("which quince? (or --compare, --show, --without quince)")
    if a.quince is not None and not os.access(a.quince, os.X_OK):
        raise benchlib.Failure(f"'{a.quince}' is no program")
    for path, parts, tool in (
            (os.path.join(a.guest, "kernel-cloud"), {"micro", "smp", "programs", "boot"}, "scripts/fetch-guest.sh"),
            (os.path.join(a.guest, "initramfs.cpio.gz"), {"boot"}, "scripts/make-initramfs.sh"),
            (os.path.join(a.bench, "bench-native"), {"micro", "smp", "programs"}, "bench/make_guest.sh"),
            (os.path.join(a.bench, "bench.cpio.gz"), {"micro", "smp"}, "bench/make_guest.sh"),
            (os.path.join(a.bench, "programs.cpio"), {"programs"}, "bench/make_guest.sh --programs"),
            (a.image, {"disk"}, "tests/images/make-debian-disk.sh")):
        if parts & set(a.parts) and not os.path.exists(path):
            raise benchlib.Failure(f"there is no '{path}': {tool} makes it")
    if not {"qemu", "qemu-n1"} & set(a.without) and not os.path.exists(a.qemu):
        raise benchlib.Failure(f"there is no '{a.qemu}': scripts/fetch-qemu.sh build/qemu fetches it; or --qemu")


def in_turns(names, pairs, measure, what):
    """`pairs` rounds of measure(name) for each name, beginning with another one each time."""
    rounds = []
    for n in range(pairs):
        shift = n % len(names)
        taken = {}
        for name in names[shift:] + names[:shift]:
            start = time.monotonic()
            taken[name] = measure(name)
            print(f"{what}: pair {n + 1} of {pairs}, {name}: {time.monotonic() - start:.0f} s", file=sys.stderr,
                  flush=True)
        rounds.append(taken)
    return rounds


class Suite:
    """The parts, and what they collected."""

    def __init__(self, a):
        self.a, self.setups = a, setups(a)
        self.emulators = [n for n in self.setups if n != figures.NATIVE]
        self.rounds, self.skipped, self.scaling, self.rss = [], {}, {}, {}

    def keep(self, name, output):
        for benchmark, why in output.skipped.items():
            self.skipped.setdefault(benchmark, (why, []))[1].append(name)
            self.skipped[benchmark] = (why, sorted(set(self.skipped[benchmark][1])))
        return output.lines

    def agree(self, rounds):
        """All check values of all set-ups and rounds, which is what makes the times comparable; and that
        no line was lost."""
        runs = {f"{name} in pair {i + 1}": run for i, r in enumerate(rounds) for name, run in r.items()}
        skipped = {who: {n for n, (_, names) in self.skipped.items() if who.split(" ", 1)[0] in names}
                   for who in runs}
        wrong = figures.disagreements(runs) + figures.absences(runs, skipped)
        if wrong:
            raise benchlib.Failure("these figures do not count:\n" + "\n".join(wrong))

    def chosen(self, pattern):
        """Names of the benchmarks that --only and a pattern choose."""
        done = subprocess.run([os.path.join(self.a.bench, "bench-native"), "--list"], check=True,
                              stdout=subprocess.PIPE, text=True)
        names = [line.split()[0] for line in done.stdout.splitlines() if "/" in line]
        return [n for n in names if fnmatch.fnmatch(n, pattern)
                and any(fnmatch.fnmatch(n, p) for p in self.a.only.split(","))]

    def bench(self, name, only, cpus=1, without=""):
        a = self.a
        if name == figures.NATIVE:
            command = [os.path.join(a.bench, "bench-native"), "--only", only, "--rounds", str(a.rounds)]
            command += ["--except", without] if without else []
            if cpus == 1 and without == "":  # two threads on one CPU, as the guest has
                command = ["taskset", "-c", str(min(os.sched_getaffinity(0))), *command]
            return self.keep(name, run_native(command + (["--quick"] if a.quick else []), a))
        words = f"bench.only={only} bench.rounds={a.rounds}"
        words += f" bench.except={without}" if without else ""
        words += " bench.quick" if a.quick else ""
        initrd = os.path.join(a.bench, "bench.cpio.gz")
        return self.keep(name, run_guest(self.setups[name], a, initrd, words, cpus))

    def part_micro(self):
        if set(self.chosen("*")) <= set(self.chosen("smp/*")):
            return
        rounds = in_turns(list(self.setups), self.a.pairs,
                          lambda s: self.bench(s, self.a.only, without="smp/*"), "micro")
        self.agree(rounds)
        self.rounds += rounds

    def part_smp(self):
        names = self.chosen("smp/*")
        if not names:
            return
        only = ",".join(names)
        both = in_turns(list(self.setups), self.a.pairs,
                        lambda s: [self.bench(s, only, cpus) for cpus in (1, 2)], "smp")
        one, two = ([{s: runs[i] for s, runs in r.items()} for r in both] for i in (0, 1))
        self.agree(one + two)
        self.scaling = figures.scaling(one, two, list(self.setups))
        # What counts as speed is that with both vCPUs.
        self.rounds += two

    def program(self, name):
        a = self.a
        only = [p for p in a.only.split(",")]
        if name == figures.NATIVE:
            script = os.path.join(HERE, "guest/programs/programs.sh")
            env = dict(os.environ, GCC="aarch64-linux-gnu-gcc", PROGRAMS=os.path.join(a.bench, "programs"))
            command = ["sh", script, os.path.join(a.bench, "bench-native"), "1", ",".join(only)]
            return self.keep(name, run_native(command, a, env))
        words = f"bench.programs bench.rounds=1 bench.only={','.join(only)}"
        initrd = os.path.join(a.bench, "programs.cpio")
        return self.keep(name, run_guest(self.setups[name], a, initrd, words, memory="2G"))

    def part_programs(self):
        rounds = in_turns(list(self.setups), self.a.pairs, self.program, "programs")
        self.agree(rounds)
        self.rounds += rounds

    def whole_system(self, name, measure):
        """A boot as a benchmark with one iteration: `measure` returns {"wall", "cpu", ...}."""
        boots = in_turns(self.emulators, self.a.pairs, measure, name)
        self.rounds += [{s: {name: figures.Line(1, round(b["wall"] * 1e9), figures.NO_CHECK, b["cpu"])}
                         for s, b in r.items()} for r in boots]
        return boots

    def part_boot(self):
        initrd = os.path.join(self.a.guest, "initramfs.cpio.gz")
        boots = self.whole_system("boot/kernel-to-init",
                                  lambda s: boot(self.setups[s], self.a, initrd, UP))
        self.rss = {s: statistics.median(r[s]["rss_mib"] for r in boots) for s in self.emulators}

    def part_disk(self):
        image = Image(self.a.image)
        self.whole_system("disk/to-login", lambda s: self.login(s, image))

    def login(self, name, image):
        """From launch to the login prompt of Debian on a disk, with two vCPUs."""
        setup = self.setups[name]
        command = shlex.join([*setup.command, *(["-accel", "tcg,thread=multi"] if setup.rest else [])])
        with tempfile.TemporaryDirectory() as folder:
            disk = image.copy(folder, "qcow2")
            start = time.monotonic()
            with DiskGuest(command, image, disk, form="qcow2", append=setup.append) as g:
                g.expect(LOGIN)
                wall, cpu = time.monotonic() - start, benchlib.cpu_seconds(g.process.pid)
                g.expect("root@quince:")
                g.power_off()
        return {"wall": wall, "cpu": cpu}


def summed_up(a, suite):
    """The report of what a suite has collected so far."""
    by_name = figures.figures(suite.rounds, [s for s in suite.emulators if s != figures.QUINCE])
    environment = benchlib.environment()
    environment["date"] = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d %H:%M UTC")
    return {"environment": environment, "kernel": kernel_version(a), "pairs": a.pairs, "quick": a.quick,
            "setups": {n: {"version": s.version(), "sha256": s.digest(), "command": s.command, "append": s.append}
                       for n, s in suite.setups.items()},
            "figures": by_name, "classes": figures.classes(by_name), "scaling": suite.scaling,
            "rss_mib": suite.rss, "skipped": suite.skipped,
            "rounds": [{s: {n: [x.iterations, x.nanoseconds, x.check, x.cpu] for n, x in run.items()}
                        for s, run in r.items()} for r in suite.rounds]}


def measure(a):
    check(a)
    suite, result = Suite(a), None
    if a.touch_memory:
        benchlib.touch_free_memory()
    for part in PARTS:
        if part in a.parts:
            getattr(suite, f"part_{part}")()
            # What a part has measured is not lost when a later one fails.
            result = summed_up(a, suite)
            benchlib.write_json(a.json, result)
    if not result["figures"]:
        raise benchlib.Failure(f"--only: '{a.only}' chooses nothing of {', '.join(a.parts)}")
    print(report.show(result))
    return 0


def read_report(path):
    try:
        with open(path, encoding="utf-8") as f:
            result = json.load(f)
        result["environment"]["revision"], result["figures"]
    except (ValueError, KeyError, TypeError) as e:
        raise benchlib.Failure(f"'{path}' is no report of bench/run.py") from e
    return result


def run():
    a = arguments()
    try:
        if a.compare:
            print(report.compared(*(read_report(p) for p in a.compare)))
            return 0
        if a.show:
            print(report.show(read_report(a.show)))
            return 0
        return measure(a)
    except (GuestFailure, subprocess.SubprocessError) as e:
        raise benchlib.Failure(str(e)) from e


if __name__ == "__main__":
    benchlib.main(run)
