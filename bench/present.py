#!/usr/bin/env python3
"""What the window costs: full-screen updates at 60 a second, on an X server without a screen.

    bench/present.py PRESENT_BENCH [--size 1920x1080] [--seconds 10] [--rounds 5] [--json FILE]

CPU time of the window's own thread, which fetches and presents, for each picture that was presented, and the
percentage of a core that 60 of them would take in a second: a busy host presents fewer.  SDL's software
renderer does the work, as on a host without a GPU.  Medians of the rounds.
"""

import argparse
import json
import os
import statistics
import subprocess
import tempfile

import benchlib


def arguments():
    p = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    p.add_argument("present_bench")
    p.add_argument("--size", default="1920x1080")
    p.add_argument("--seconds", type=int, default=10)
    p.add_argument("--rounds", type=int, default=5)
    p.add_argument("--json", metavar="FILE", help="write all figures there")
    return p.parse_args()


def measure(a, display, folder):
    environment = dict(os.environ, DISPLAY=display, SDL_VIDEODRIVER="x11", SDL_RENDER_DRIVER="software",
                       HOME=folder)
    environment.pop("WAYLAND_DISPLAY", None)
    run = subprocess.run([a.present_bench, *a.size.split("x"), str(a.seconds)], env=environment, check=True,
                         capture_output=True, text=True)
    figures = json.loads(run.stdout)
    if not figures["presented"]:
        raise benchlib.Failure("nothing was presented")
    figures["ms"] = 1000 * figures["window_cpu"] / figures["presented"]
    figures["percent"] = figures["ms"] * 60 / 10
    return figures


def main():
    a = arguments()
    with tempfile.TemporaryDirectory() as folder:
        server = subprocess.Popen(["Xvfb", "-displayfd", "1", "-nolisten", "tcp", "-screen", "0", f"{a.size}x24"],
                                  stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        try:
            display = ":" + server.stdout.readline().strip()
            rounds = [measure(a, display, folder) for _ in range(a.rounds)]
        finally:
            server.terminate()
            server.wait()
    for r in rounds:
        print(f"{r['presented']} of {r['drawn']} pictures presented, {r['ms']:.2f} ms each")
    print(f"median: {statistics.median(r['ms'] for r in rounds):.2f} ms, at 60 a second "
          f"{statistics.median(r['percent'] for r in rounds):.1f} % of a core")
    if a.json:
        benchlib.write_json(a.json, {"environment": benchlib.environment(), "size": a.size, "rounds": rounds})
    return 0


benchlib.main(main)
