#!/usr/bin/env python3
"""Disk and network speed of the same Debian guest on quince and on QEMU, in alternation.

    bench/compare_io.py QUINCE IMAGE [--pairs 5] [--machine virt|vmapple] [--json FILE]

IMAGE is what tests/images/make-debian-disk.sh --tools made.  fio runs on a scratch disk in the guest:
4 KiB at random, 1 MiB in sequence, both ways, past the guest's page cache.  iperf3 runs between the
guest and the host, through user networking.  Higher is better; ratios are medians over the pairs.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile

import benchlib

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../tests/boot"))
from disk_guest import LONG_SECONDS, DiskGuest, Image, free_port  # noqa: E402
from machine import Failure as GuestFailure  # noqa: E402

# name: (rw, block size, queue depth, unit).
FIO = {
    "read 4k": ("randread", "4k", 32, "IOPS"),
    "write 4k": ("randwrite", "4k", 32, "IOPS"),
    "read 1m": ("read", "1m", 4, "MiB/s"),
    "write 1m": ("write", "1m", 4, "MiB/s"),
}
TCP = {"tcp out": "", "tcp in": "-R"}


def arguments():
    p = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    p.add_argument("quince")
    p.add_argument("image")
    p.add_argument("--pairs", type=int, default=5)
    p.add_argument("--machine", default="virt", choices=["virt", "vmapple"], help="board of quince")
    p.add_argument("--qemu", metavar="COMMAND",
                   default="qemu-system-aarch64 -M virt,gic-version=3 -cpu max,pauth-impdef=on",
                   help="with the cheap pointer authentication that quince has by default")
    p.add_argument("--smp", type=int, default=2)
    p.add_argument("--memory", default="1G")
    p.add_argument("--seconds", type=int, default=10, help="of each measurement")
    p.add_argument("--mib", type=int, default=512, help="size of the scratch disk")
    p.add_argument("--json", metavar="FILE", help="write all figures there")
    return p.parse_args()


def fio(g, rw, block, depth, unit, seconds):
    out = g.ssh(f"fio --name=m --filename=/dev/vdb --rw={rw} --bs={block} --iodepth={depth} "
                f"--ioengine=libaio --direct=1 --time_based --runtime={seconds} "
                "--output-format=json", LONG_SECONDS)
    side = json.loads(out)["jobs"][0]["read" if "read" in rw else "write"]
    return side["iops"] if unit == "IOPS" else side["bw"] / 1024


def tcp(g, way, seconds):
    """Mbit/s that the receiver counted."""
    port = free_port()
    with subprocess.Popen(["iperf3", "-s", "-1", "-B", "127.0.0.1", "-p", str(port),
                           "--forceflush"], stdout=subprocess.PIPE, text=True) as server:
        try:
            while "listening" not in (line := server.stdout.readline()):
                if not line:
                    raise benchlib.Failure("iperf3 does not serve")
            out = g.ssh(f"iperf3 -c 10.0.2.2 -p {port} -t {seconds} -J {way}", LONG_SECONDS)
        finally:
            server.kill()
    return json.loads(out)["end"]["sum_received"]["bits_per_second"] / 1e6


def measure(emulator, image, a):
    """All figures of one boot."""
    with tempfile.TemporaryDirectory() as folder:
        disk, scratch = image.copy(folder, "raw"), os.path.join(folder, "scratch")
        with open(scratch, "wb") as f:
            # Written, because a hole is read faster than data.
            for _ in range(a.mib):
                f.write(os.urandom(1 << 20))
        with DiskGuest(emulator, image, disk,
                       "-drive", f"if=none,id=scratch,format=raw,file={scratch}",
                       "-device", "virtio-blk-pci,drive=scratch",
                       memory=a.memory, cpus=a.smp) as g:
            g.boot()
            figures = {name: fio(g, *how, a.seconds) for name, how in FIO.items()}
            figures |= {name: tcp(g, way, a.seconds) for name, way in TCP.items()}
            g.power_off()
    return figures


def show(name, figures, ratios):
    cells = [f"{figures[k]:9.0f}" + (f" ({ratios[k]:.2f})" if ratios else "") for k in figures]
    print(f"{name:<12}" + " ".join(f"{c:>16}" for c in cells), flush=True)


def run():
    a = arguments()
    if a.pairs < 1:
        raise benchlib.Failure("--pairs: at least one")
    emulators = {"quince": f"{a.quince} -M {a.machine}", "qemu": a.qemu}
    units = {k: how[3] for k, how in FIO.items()} | {k: "Mbit/s" for k in TCP}
    report = {"environment": benchlib.environment(), "emulators": emulators, "units": units,
              "pairs": []}
    print(f"{'':<12}" + " ".join(f"{k + ' ' + u:>16}" for k, u in units.items()))
    try:
        image = Image(a.image)
        for n in range(a.pairs):
            # Who goes first alternates too.
            order = list(emulators) if n % 2 == 0 else list(emulators)[::-1]
            pair = {who: measure(emulators[who], image, a) for who in order}
            pair["ratio"] = {k: pair["quince"][k] / pair["qemu"][k] for k in units}
            report["pairs"].append(pair)
            show(f"{n + 1} quince", pair["quince"], pair["ratio"])
            show(f"{n + 1} qemu", pair["qemu"], None)
    except (GuestFailure, subprocess.TimeoutExpired) as e:
        raise benchlib.Failure(str(e)) from e
    report["median"] = {who: {k: statistics.median(p[who][k] for p in report["pairs"])
                              for k in units} for who in ("quince", "qemu", "ratio")}
    show("median", report["median"]["quince"], report["median"]["ratio"])
    show("of qemu", report["median"]["qemu"], None)
    benchlib.write_json(a.json, report)
    return 0


if __name__ == "__main__":
    benchlib.main(run)
