#!/usr/bin/env python3
"""Makes the recorded floating-point vectors: random operands biased towards edges, judged by
judge.c. See README.md.

usage: generate.py --judge "qemu-aarch64 -cpu max ./judge" --out DIR [--scale N] [--seed N]
"""
import argparse
import os
import random
import subprocess

FORMATS = {"h": (5, 10), "s": (8, 23), "d": (11, 52), "b": (8, 7)}
AHP, DN, FZ, FZ16 = 1 << 26, 1 << 25, 1 << 24, 1 << 19


class Operands:
    """Draws operands of a kind, sometimes related to the ones drawn before."""

    def __init__(self, rng):
        self.rng = rng

    def fraction(self, f):
        rng = self.rng
        pick = rng.randrange(8)
        if pick == 0:
            return 0
        if pick == 1:
            return (1 << f) - 1
        if pick == 2:
            return rng.choice([1, 2, 3, 1 << (f - 1), (1 << (f - 1)) - 1, (1 << (f - 1)) + 1])
        if pick == 3:  # few bits, so that exact results and ties are common
            return (1 << rng.randrange(f)) | (1 << rng.randrange(f))
        if pick == 4:  # a run of ones
            return ((1 << f) - 1) & ~((1 << rng.randrange(f)) - 1)
        if pick == 5:  # the upper half only
            return rng.getrandbits(f) >> (f // 2) << (f // 2)
        return rng.getrandbits(f)

    def special(self, e, f):
        rng = self.rng
        top = (1 << e) - 1
        one = top // 2
        return rng.choice([
            0, 1, 2, (1 << f) - 1, 1 << f, (1 << f) + 1, (1 << f) | (1 << (f - 1)),
            1 << (f - 1), 1 << (f - 2), rng.getrandbits(f - 1) + 1,
            one << f, (one << f) + 1, (one << f) - 1, (one + 1) << f, (one - 1) << f,
            ((one + 1) << f) | (1 << (f - 1)), (one << f) | (1 << (f - 1)),
            ((top - 1) << f) | ((1 << f) - 1), (top - 1) << f, ((top - 2) << f) + 1,
            top << f, top << f, (top << f) | (1 << (f - 1)), (top << f) | 1,
            (top << f) | (1 << (f - 1)) | rng.getrandbits(f - 1),
            (top << f) | max(1, rng.getrandbits(f - 1)),
        ])

    def float(self, kind, drawn):
        """One operand; `drawn` are the exponent fields of earlier operands of the format."""
        rng = self.rng
        e, f = FORMATS[kind]
        top = (1 << e) - 1
        bias = top // 2
        if rng.random() < 0.3:
            v = self.special(e, f)
        else:
            pick = rng.randrange(6)
            if pick == 0:
                exp = rng.randrange(top)
            elif pick == 1:
                exp = bias + rng.randrange(-3, 4)
            elif pick == 2:  # near integers
                exp = bias + rng.randrange(-2, min(66, bias))
            elif pick == 3 and drawn:  # close in size: cancellation, and alignment by few bits
                exp = rng.choice(drawn) + rng.choice([-f - 2, -f - 1, -f, -2, -1, 0, 0, 1, 2, f])
            elif pick == 4 and drawn:  # product or quotient at an end of the range
                exp = rng.choice([
                    bias - sum(x - bias for x in drawn[-1:]) - bias + rng.randrange(-f - 3, 3),
                    bias - sum(x - bias for x in drawn[-1:]) + bias + rng.randrange(-2, 3),
                    drawn[-1] + bias + rng.randrange(-3, f + 3),
                    sum(drawn) - (len(drawn) - 1) * bias + rng.randrange(-f - 3, f + 3)])
            else:
                exp = rng.choice([1, 2, 3, top - 1, top - 2, rng.randrange(top)])
            v = (max(0, min(top - 1, exp)) << f) | self.fraction(f)
        drawn.append((v >> f) & top)
        return v | (rng.getrandbits(1) << (e + f))

    def integer(self, bits):
        rng = self.rng
        pick = rng.randrange(6)
        if pick == 0:
            v = rng.choice([0, 1, 2, -1, -2, 1 << (bits - 1), (1 << (bits - 1)) - 1,
                            (1 << (bits - 1)) + 1])
        elif pick == 1:
            v = (1 << rng.randrange(bits)) + rng.choice([-1, 0, 1])
        elif pick == 2:
            v = -(1 << rng.randrange(bits)) + rng.choice([-1, 0, 1])
        elif pick == 3:  # ties of the narrower formats
            v = rng.getrandbits(24) << rng.randrange(bits) | rng.choice([0, 1])
        else:
            v = rng.getrandbits(bits) >> rng.randrange(bits)
        return v & ((1 << bits) - 1)

    def draw(self, kinds):
        drawn = {}
        out = []
        for kind in kinds:
            if kind == "p":
                out.append(self.float("b", drawn.setdefault("b", [])) |
                           self.float("b", drawn["b"]) << 16)
            elif kind in "iwx":
                out.append(self.integer({"i": 16, "w": 32, "x": 64}[kind]))
            else:
                out.append(self.float(kind, drawn.setdefault(kind, [])))
        return out


def controls(name):
    """FPCR values to run an operation under."""
    sets = [0, DN, FZ, FZ16, DN | FZ | FZ16 | AHP]
    if name.startswith("cvt."):
        sets += [AHP, AHP | FZ, AHP | FZ16]
    return [extra | mode << 22 for extra in sets for mode in range(4)]


def weight(name, kinds):
    if name.startswith(("abs", "neg")):
        return 1
    if name.startswith(("fix", "flt")):
        return 3
    if name.startswith(("cm", "max", "min")):
        return 6
    return 5 if len(kinds) == 1 else 12


def excluded(name, fpcr, operands):
    """Where QEMU 7.2 is known to differ from the manual; see README.md."""
    return name == "js.d" and bool(fpcr & FZ) and 0 < operands[0] < 1 << 52


def file_of(name):
    if name.startswith(("fix", "flt", "cvt", "js", "bfcvt")):
        return "convert"
    return {"h": "half", "s": "single", "d": "double"}[name[-1]]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--judge", required=True)
    parser.add_argument("--out", required=True)
    parser.add_argument("--scale", type=float, default=1)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    judge = args.judge.split()
    operands = Operands(random.Random(args.seed))
    listing = subprocess.run(judge + ["--list"], capture_output=True, check=True, text=True)
    files = {}
    for line in listing.stdout.splitlines():
        name, kinds = line.split()
        requests = []
        for fpcr in controls(name):
            for _ in range(max(1, round(weight(name, kinds) * args.scale))):
                drawn = operands.draw(kinds)
                if excluded(name, fpcr, drawn):
                    continue
                words = " ".join(f"{v:x}" for v in drawn)
                requests.append(f"{name} {fpcr:x} {words}")
        answers = subprocess.run(judge, input="\n".join(requests) + "\n", capture_output=True,
                                 check=True, text=True).stdout.splitlines()
        assert len(answers) == len(requests)
        out = files.setdefault(file_of(name), [])
        out.append("!" + name)
        last = None
        for answer in answers:
            _, fpcr, rest = answer.split(" ", 2)
            if fpcr != last:
                out.append("@" + fpcr)
                last = fpcr
            out.append(rest)
    for stem, lines in files.items():
        with open(os.path.join(args.out, stem + ".txt"), "w") as f:
            f.write("# Recorded by tests/vectors/fp/generate.py; see the README there.\n")
            f.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
