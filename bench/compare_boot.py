#!/usr/bin/env python3
"""Boots the same kernel and initramfs on quince and on QEMU in alternation, and compares.

    bench/compare_boot.py QUINCE GUEST [--pairs 5] [--machine virt|vmapple] [--smp N] [--json FILE]

GUEST is the folder that scripts/fetch-guest.sh and make-initramfs.sh filled.  A run counts when
the guest said that it is up and the emulator ended with status 0.  QUINCE and QEMU take turns,
so that a change of the machine's load meets both; the ratios are medians over the pairs.
"""

import argparse
import os
import statistics
import subprocess

import benchlib

UP = "quince: the guest is up"


def arguments():
    p = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    p.add_argument("quince")
    p.add_argument("guest")
    p.add_argument("--pairs", type=int, default=5)
    p.add_argument("--qemu", metavar="BIN", default="qemu-system-aarch64",
                   help="QEMU, or for two builds of quince another one with --qemu-is-quince")
    p.add_argument("--qemu-is-quince", action="store_true",
                   help="--qemu names a quince: compare two builds on the same board")
    p.add_argument("--machine", default="virt", choices=["virt", "vmapple"], help="board of quince")
    # Both with an implementation-defined code for pointer authentication: the architected cipher is
    # so dear in QEMU that a boot with it measures little else.
    p.add_argument("--cpu", metavar="MODEL", default="max,pauth-qarma5=off", help="-cpu of quince")
    p.add_argument("--cpu-qemu", metavar="MODEL", default="max,pauth-impdef=on", help="-cpu of QEMU")
    p.add_argument("--smp", type=int, default=1)
    p.add_argument("--memory", default="512M")
    p.add_argument("--kernel", default="cloud", help="which of the guest folder's kernels")
    p.add_argument("--timeout", type=float, default=300, metavar="SECONDS")
    p.add_argument("--json", metavar="FILE", help="write all figures there")
    return p.parse_args()


def command(binary, machine, cpu, a):
    return [binary, "-M", machine, "-cpu", cpu, "-smp", str(a.smp), "-m", a.memory,
            "-kernel", os.path.join(a.guest, f"kernel-{a.kernel}"),
            "-initrd", os.path.join(a.guest, "initramfs.cpio.gz"),
            "-append", "console=ttyAMA0 panic=-1 quince.exit",
            "-display", "none", "-serial", "stdio", "-no-reboot"]


def commands(a):
    ours = command(a.quince, a.machine, a.cpu, a)
    if a.qemu_is_quince:
        return ours, command(a.qemu, a.machine, a.cpu, a)
    theirs = command(a.qemu, "virt,gic-version=3", a.cpu_qemu, a)
    return ours, theirs + ["-accel", "tcg", "-monitor", "none", "-nic", "none"]


def boot(line, a):
    """Wall and CPU seconds of one boot."""
    status, wall, cpu, output = benchlib.timed_run(line, a.timeout)
    if status != 0 or UP not in output:
        raise benchlib.Failure(f"{line[0]} ended with {status}, '{UP}' "
                               f"{'seen' if UP in output else 'missing'}:\n{output[-2000:]}")
    return {"wall": wall, "cpu": cpu}


def version(binary):
    out = subprocess.run([binary, "--version"], check=False, stdout=subprocess.PIPE, text=True)
    return out.stdout.split("\n")[0]


def run():
    a = arguments()
    if a.pairs < 1:
        raise benchlib.Failure("--pairs: at least one")
    ours, theirs = commands(a)
    other = "old" if a.qemu_is_quince else "qemu"
    report = {"environment": benchlib.environment(), "quince": ours, other: theirs,
              "versions": [version(a.quince), version(a.qemu)], "pairs": []}
    print(f"quince -M {a.machine} -cpu {a.cpu} and {' '.join(theirs[:5])}: -smp {a.smp}")
    print(f"pair   quince wall     cpu   {other:>4} wall     cpu   ratio wall     cpu")
    boot(ours, a), boot(theirs, a)  # the page cache, and a failure before anything is measured
    for n in range(a.pairs):
        # Who goes first alternates too.
        order = [("quince", ours), (other, theirs)]
        pair = {name: boot(line, a) for name, line in (order if n % 2 == 0 else order[::-1])}
        pair["ratio"] = {k: pair["quince"][k] / pair[other][k] for k in ("wall", "cpu")}
        report["pairs"].append(pair)
        show(str(n + 1), pair, other)
    report["median"] = {who: {k: statistics.median(p[who][k] for p in report["pairs"])
                              for k in ("wall", "cpu")} for who in ("quince", other, "ratio")}
    show("median", report["median"], other)
    benchlib.write_json(a.json, report)
    return 0


def show(name, p, other):
    print(f"{name:<6} {p['quince']['wall']:9.2f} s {p['quince']['cpu']:6.2f} s"
          f" {p[other]['wall']:7.2f} s {p[other]['cpu']:6.2f} s"
          f" {p['ratio']['wall']:12.3f} {p['ratio']['cpu']:7.3f}", flush=True)


if __name__ == "__main__":
    benchlib.main(run)
