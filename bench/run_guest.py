#!/usr/bin/env python3
"""Runs the bare-metal image of bench/bare and prints million guest instructions per second.

    bench/run_guest.py EMULATOR... [--image FILE] [--rounds 5] [--json FILE]

Each EMULATOR is a command, quoted when it has options of its own; several take turns, and the
columns after the first are ratios to it.  Example, an old build against a new one and QEMU:

    bench/run_guest.py old/quince new/quince 'qemu-system-aarch64 -monitor none'
"""

import argparse
import os
import shlex
import statistics

import benchlib

MACHINE = ["-M", "virt", "-cpu", "max", "-m", "256M", "-display", "none", "-serial", "stdio"]
DEFAULT_IMAGE = os.path.join(os.path.dirname(os.path.abspath(__file__)),
                             "../build/release/bench/bare/bench.img")


def arguments():
    p = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    p.add_argument("emulators", nargs="+", metavar="EMULATOR")
    p.add_argument("--image", default=DEFAULT_IMAGE)
    p.add_argument("--rounds", type=int, default=5)
    p.add_argument("--timeout", type=float, default=300, metavar="SECONDS")
    p.add_argument("--json", metavar="FILE", help="write all figures there")
    return p.parse_args()


def parse(output):
    """{class: MIPS} of the image's lines, or None when they are not complete."""
    rates, frequency = {}, None
    for line in output.split("\n"):
        words = line.split()
        if len(words) == 2 and words[0] == "frequency":
            frequency = int(words[1])
        elif len(words) == 3 and frequency is not None:
            rates[words[0]] = int(words[1]) * frequency / int(words[2]) / 1e6
        elif words == ["end"]:
            return rates
    return None


def measure(emulator, a):
    line = shlex.split(emulator) + MACHINE + ["-kernel", a.image]
    status, _, _, output = benchlib.timed_run(line, a.timeout)
    rates = parse(output)
    if status != 0 or not rates:
        raise benchlib.Failure(f"{line[0]} ended with {status}:\n{output[-2000:]}")
    return rates


def run():
    a = arguments()
    if not os.path.exists(a.image):
        raise benchlib.Failure(f"no image at {a.image}: build the target 'bench' with an AArch64 "
                               "cross compiler, or say --image")
    if a.rounds < 1:
        raise benchlib.Failure("--rounds: at least one")
    rounds = [[measure(e, a) for e in a.emulators] for _ in range(a.rounds)]
    report = {"environment": benchlib.environment(), "emulators": a.emulators, "mips": {}}
    for name in rounds[0][0]:
        runs = [[r[i][name] for r in rounds] for i in range(len(a.emulators))]
        report["mips"][name] = [benchlib.summary(values) for values in runs]
        medians = [statistics.median(values) for values in runs]
        others = "".join(f"{m:10.1f} ({m / medians[0]:.2f})" for m in medians[1:])
        print(f"{name:<10} {medians[0]:8.1f} [{min(runs[0]):.1f}..{max(runs[0]):.1f}]{others}")
    benchlib.write_json(a.json, report)
    return 0


if __name__ == "__main__":
    benchlib.main(run)
