"""The arithmetic of bench/run.py: reads what the benchmark program wrote, makes medians, ratios and means.

Nothing here runs anything.  A *run* is {name: Line}; a *round* is {setup: run}, one run of each set-up
shortly after each other; "quince", "native" and the QEMU set-ups are set-ups.
"""

import math
import statistics
from dataclasses import dataclass

NATIVE, QUINCE = "native", "quince"
# What issue 7 asks of a class: quince's speed over the better QEMU set-up of each benchmark.
TARGETS = {"boot": 2.2, "disk": 2.0, "integer": 2.0, "programs": 2.0, "scalar-fp": 5.0, "neon-fp": 10.0,
           "neon-int": 2.5, "crypto": 5.0, "memory": 2.0, "chase": 1.0, "tlb-miss": 2.0, "os": 3.0,
           "code": 5.0}
# And how much faster two vCPUs have to be than one.
SCALING_TARGETS = {"smp/independent": 1.9, "smp/malloc": 1.5, "smp/mutex": 1.5, "smp/pipe": 1.5}
# Where this host has no such instruction and does the same in plain C: the times say nothing of each other.
UNLIKE_NATIVE = {"neon-int/sdot", "crypto/sha1", "crypto/sha512", "crypto/crc32"}
# Instructions of a function of code/cold, the return included: its time by this is the cost of one that is
# translated and runs once.
COLD_FUNCTION = 16
# A check value that says nothing.
NO_CHECK = "-"


@dataclass(frozen=True)
class Line:
    """What the benchmark program said of one benchmark, and the CPU seconds that the emulator took for all
    of its rounds with what prepares them, where that is known."""
    iterations: int
    nanoseconds: int
    check: str
    cpu: float | None = None

    def each(self):
        """Nanoseconds of one iteration."""
        return self.nanoseconds / self.iterations

    def cpu_each(self):
        """CPU seconds for each iteration, which some programs have as many of as a second allows; or None."""
        return None if self.cpu is None else self.cpu / self.iterations


class Output:
    """The lines of one run: results, what was skipped and why, and what went wrong."""

    def __init__(self, text=""):
        self.lines, self.skipped, self.wrong, self.ended = {}, {}, [], False
        self._cpu = None
        for line in text.replace("\r", "").split("\n"):
            self.take(line)

    def take(self, line, cpu=None):
        """Reads a line, and the CPU seconds that the emulator had taken when it came."""
        spent = cpu - self._cpu if None not in (cpu, self._cpu) else None
        self._cpu = cpu
        name, _, rest = line.partition(" ")
        words = rest.split()
        if line == "end":
            self.ended = True
        elif "/" not in name:
            if name == "bench:" and words[:1] not in (["start"], ["status"]):
                self.wrong.append(line)
        elif words[:1] == ["skipped"]:
            self.skipped[name] = " ".join(words[1:])
        elif words[:1] in (["WRONG:"], ["FAILED:"]):
            self.wrong.append(line)
        elif len(words) == 3 and words[0].isdigit() and words[1].isdigit() and int(words[0]) > 0:
            # A clock that did not move would be a speed without end.
            self.lines[name] = Line(int(words[0]), max(1, int(words[1])), words[2], spent)


def disagreements(runs):
    """Check values and amounts of work that differ between {who: run}: a line for each."""
    found, first = [], {}
    for who, run in runs.items():
        for name, line in run.items():
            if line.check == NO_CHECK:
                continue
            said = (line.iterations, line.check)
            other, expected = first.setdefault(name, (who, said))
            if said != expected:
                found.append(f"{name}: {who} has {line.check} for {line.iterations} iterations, "
                             f"{other} {expected[1]} for {expected[0]}")
    return found


def absences(runs, skipped):
    """Benchmarks that are in some of {who: run} and are missing in another, which did not say that it
    skipped them: a line for each."""
    names = set().union(*runs.values())
    return [f"{name}: {who} said nothing" for who, run in runs.items()
            for name in sorted(names - run.keys() - skipped.get(who, set()))]


def class_of(name):
    # openssl's own benchmark is in the row of the cryptographic instructions.
    first = name.split("/", 1)[0]
    return "crypto" if first == "openssl" else first


def geometric_mean(values):
    return math.exp(statistics.fmean(math.log(v) for v in values))


def medians(rounds):
    """{name: {setup: median nanoseconds of an iteration}} over the rounds that have it."""
    samples = {}
    for r in rounds:
        for setup, run in r.items():
            for name, line in run.items():
                samples.setdefault(name, {}).setdefault(setup, []).append(line.each())
    return {name: {s: statistics.median(v) for s, v in by.items()} for name, by in samples.items()}


def ratio(rounds, name, ours, theirs, cost=Line.each):
    """How many times faster `ours` is than `theirs`: (median, lowest, highest) of the rounds that have
    both, or None.  `cost` is what is compared of a Line; None where it is not known."""
    both = [(cost(r[theirs][name]), cost(r[ours][name])) for r in rounds
            if name in r.get(ours, {}) and name in r.get(theirs, {})]
    pairs = [t / o for t, o in both if t and o]
    return (statistics.median(pairs), min(pairs), max(pairs)) if pairs else None


def figures(rounds, rivals):
    """{name: figures} of all rounds.  `rivals` are the QEMU set-ups; the better one is the one with the
    smaller median, benchmark by benchmark."""
    result = {}
    for name, by in medians(rounds).items():
        f = {"ns": by}
        there = [s for s in rivals if s in by]
        if there:
            best = min(there, key=lambda s: by[s])
            f["best"] = best
            if NATIVE in by and name not in UNLIKE_NATIVE:
                f["best_behind_native"] = by[best] / by[NATIVE]
            pairs = ratio(rounds, name, QUINCE, best)
            if pairs:
                f["ratio"], f["ratio_min"], f["ratio_max"] = pairs
            # By CPU time the other one may be the better.
            by_cpu = [ratio(rounds, name, QUINCE, s, Line.cpu_each) for s in there]
            if any(by_cpu):
                f["cpu_ratio"] = min(r[0] for r in by_cpu if r)
        if NATIVE in by and QUINCE in by and name not in UNLIKE_NATIVE:
            f["behind_native"] = by[QUINCE] / by[NATIVE]
        result[name] = f
    return result


def classes(by_name):
    """{class: geometric means and the worst benchmark} of figures()."""
    result = {}
    for name, f in by_name.items():
        result.setdefault(class_of(name), []).append((name, f))
    return {c: _class_row(c, rows) for c, rows in result.items()}


def _class_row(name, rows):
    row = {"benchmarks": len(rows)}
    for key in ("ratio", "cpu_ratio", "behind_native", "best_behind_native"):
        values = [f[key] for _, f in rows if key in f]
        if values:
            row[key] = geometric_mean(values)
    ratios = [(f["ratio"], n) for n, f in rows if "ratio" in f]
    if ratios:
        row["worst_ratio"], row["worst"] = min(ratios)
        if name in TARGETS:
            row["target"] = TARGETS[name]
    return row


def scaling(one, two, setups):
    """{name: {setup: how many times faster with two vCPUs}} of rounds with one and with two.  Rounds are
    paired by their order."""
    result = {}
    joined = [{(s, n): r[s] for n, r in ((1, a), (2, b)) for s in r} for a, b in zip(one, two)]
    for setup in setups:
        names = {n for r in joined for n in r.get((setup, 1), {})}
        for name in names:
            pairs = ratio(joined, name, (setup, 2), (setup, 1))
            if pairs:
                result.setdefault(name, {})[setup] = pairs[0]
    return result


def changes(old, new):
    """[(name, old ns, new ns, how many times faster)] of quince in two reports, slowest change first."""
    rows = []
    for name, f in new["figures"].items():
        before = old["figures"].get(name, {}).get("ns", {}).get(QUINCE)
        after = f.get("ns", {}).get(QUINCE)
        if before and after:
            rows.append((name, before, after, before / after))
    return sorted(rows, key=lambda r: r[3])
