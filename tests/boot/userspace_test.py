#!/usr/bin/env python3
"""Debian's user space at work: tests/boot/userspace_test.py [options] QUINCE GUEST FOLDER [GROUP...]

GUEST is what scripts/fetch-guest.sh filled, FOLDER what tests/images/make-userspace.sh made.  The checks of
tests/boot/userspace run in the emulator and, from the same files, with qemu-aarch64-static on this host; each
result must be the same, and what Python can compute here must be right.  GROUPs: openssl perl gcc python
speed; all of them without one, which takes hours; or short, a little of each, for engines that are slow.
"""

import argparse
import hashlib
import hmac
import os
import re
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from machine import Failure, Guest  # noqa: E402

HERE = os.path.dirname(os.path.abspath(__file__))
GROUPS = ["openssl", "perl", "gcc", "python", "speed"]
# A little of each but the last.
SHORT = "short"
# The least number of results that a group has: fewer, and it did not do what it should.
LEAST = {"openssl": 425, "perl": 24, "gcc": 50, "python": 1000, "speed": 60, SHORT: 80}
DONE = "checks done"
# RFC 8032, 7.1, test 2.
ED25519 = ("92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
           "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00")
# Tests that are about the emulator of processes and not about the CPU: why, for each.
EXPLAINED = {}


class Results:
    """What a run said: the results by name, and the figures."""

    def __init__(self, text):
        self.results, self.figures, self.slow, self.done = {}, [], set(), False
        for line in text.replace("\r", "").splitlines():
            word, _, rest = line.partition(" ")
            if word == "result":
                group, name, *value = rest.split(" ", 2)
                key, number = f"{group} {name}", 2
                while key in self.results:  # Python has tests of the same name
                    key, number = f"{group} {name} #{number}", number + 1
                self.results[key] = value[0] if value else ""
            elif word == "figure":
                self.figures.append(rest)
            elif word == "slow":
                kind, bits = rest.split(" ", 1)
                self.slow.add((kind.lower(), int(bits.split()[0])))
            self.done |= line == DONE

    def too_slow_for(self, key):
        """Whether `openssl speed` left a row out, or has no figures for it, because it or an earlier one of
        its kind took all of the time."""
        row = re.fullmatch(r"speed-row (?:(rsa|dsa)-(\d+)-bits|(\d+)-bits-(\w+).*)", key)
        if not row:
            return False
        kind, bits = (row[1] or row[4]).lower(), int(row[2] or row[3])
        # The curves are in no order of length.
        return any(kind == k and (n <= bits or kind.startswith("ec")) for k, n in self.slow)


def run_guest(options, groups):
    """The checks in the emulator, with all of the user space in its initramfs."""
    args = ["-M", options.machine, "-m", "3G", "-smp", str(options.smp), "-display", "none",
            "-serial", "stdio", "-no-reboot", *options.args.split(),
            "-kernel", os.path.join(options.guest, "kernel-cloud"),
            "-initrd", os.path.join(options.folder, "userspace.cpio"),
            "-append", f"console=ttyAMA0 panic=-1 quiet quince.checks={','.join(groups)}"]
    deadline = time.monotonic() + options.seconds
    with Guest(options.quince, *args, stdin=subprocess.DEVNULL) as g:
        while g.process.poll() is None:
            g.drain(1.0)
            if time.monotonic() > deadline:
                g.fail(f"not done in {options.seconds} s")
        g.finish()
        return g.log.decode(errors="replace")


def run_qemu(options, groups):
    """The same with qemu-aarch64-static, whose processes are this host's."""
    done = subprocess.run(
        ["sh", os.path.join(HERE, "userspace", "in_chroot.sh"), os.path.join(options.folder, "root"), *groups],
        check=False, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        timeout=options.seconds)
    text = done.stdout.decode(errors="replace")
    if done.returncode != 0:
        raise Failure(f"in_chroot.sh ended with {done.returncode}: {text[-2000:]}")
    return text


def digest_here(name, data):
    """A digest by this host's Python, or None."""
    name = {"sha512-256": "sha512_256", "blake2b512": "blake2b", "blake2s256": "blake2s"}.get(
        name, name.replace("-", "_"))
    if name.startswith("hmac_"):
        return hmac.new(b"quince", data, name[5:]).hexdigest()
    if name == "shake256":
        return hashlib.shake_256(data).hexdigest(64)
    try:
        return hashlib.new(name, data).hexdigest()
    except ValueError:
        return None


def judge_alone(results):
    """What is wrong whoever agrees with it; and how many results were computed here."""
    wrong, known = [], 0
    for key, value in results.items():
        digest = re.fullmatch(r"digest (.*)-(\d+)-(?:all|none)", key)
        if digest:
            data = "".join(f"{n}\n" for n in range(1, int(digest[2]) + 1)).encode()
            here = digest_here(digest[1], data)
            known += here is not None
            if here not in (None, value):
                wrong.append(f"{key}: {value}, not {here}")
        elif key == "signature ed25519":
            known += 1
            if value != ED25519:
                wrong.append(f"{key}: {value}, not {ED25519}")
        elif key == "speed complaints" and value != "0":
            wrong.append(f"{key}: {value}")
        elif value == "LOST" or value.endswith("DIFFERENT") or re.match(r"(failure|error)$", value):
            wrong.append(f"{key}: {value}")
    return wrong, known


def compare(ours, theirs):
    """Lines about results that differ and are not explained."""
    lines = []
    for key in sorted(ours.results.keys() | theirs.results.keys()):
        a, b = ours.results.get(key, "(none)"), theirs.results.get(key, "(none)")
        late = any(value in ("(none)", "ZERO") and run.too_slow_for(key) for value, run in ((a, ours), (b, theirs)))
        if (a != b or a == "ZERO") and key not in EXPLAINED and not late:
            lines.append(f"{key}: {a} here, {b} with qemu-aarch64")
    return lines


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--machine", default="virt", help="-M of the emulator")
    parser.add_argument("--smp", type=int, default=2)
    parser.add_argument("--args", default="", help="more options of the emulator")
    parser.add_argument("--seconds", type=int, default=14400, help="how long each of the two runs may take")
    parser.add_argument("--keep", metavar="DIR", help="where to keep the output of both runs")
    parser.add_argument("quince")
    parser.add_argument("guest")
    parser.add_argument("folder")
    parser.add_argument("group", nargs="*", choices=[*GROUPS, SHORT, []])
    options = parser.parse_args()
    groups = options.group or GROUPS
    failed = 0
    for group in groups:
        try:
            start = time.monotonic()
            outputs = {"quince": run_guest(options, [group])}
            seconds = time.monotonic() - start
            outputs["qemu"] = run_qemu(options, [group])
            if options.keep:
                os.makedirs(options.keep, exist_ok=True)
                for name, text in outputs.items():
                    with open(os.path.join(options.keep, f"{group}.{name}"), "w", encoding="utf-8") as f:
                        f.write(text)
            ours, theirs = Results(outputs["quince"]), Results(outputs["qemu"])
            if not ours.done or not theirs.done:
                who = "quince" if not ours.done else "qemu"
                raise Failure(f"{who} did not come to the end:\n{outputs[who][-3000:]}")
            wrong, known = judge_alone(ours.results)
            wrong += compare(ours, theirs)
            if len(ours.results) < LEAST[group]:
                wrong.append(f"{len(ours.results)} results, and {LEAST[group]} were expected")
            for figure in ours.figures:
                print(f"       {figure}")
            if wrong:
                raise Failure("\n".join(wrong))
            print(f"ok     {group}: {len(ours.results)} results, {known} computed here ({seconds:.0f} s)", flush=True)
        except (Failure, OSError, subprocess.TimeoutExpired) as e:
            failed += 1
            print(f"{e}\nFAILED {group}", flush=True)
    print(f"{len(groups) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
