#!/usr/bin/env python3
"""Tests of the benchmark suite: tests/bench/bench_test.py [--quince BIN --guest FOLDER] [GLOB...]

A glob chooses by `Class.test_name`.  With --quince, and what scripts/fetch-guest.sh filled, also the check
values of all benchmarks in quince's guest.
"""

import argparse
import fnmatch
import os
import shutil
import subprocess
import sys
import tempfile
import unittest

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../..")
sys.path.insert(0, os.path.join(ROOT, "bench"))
import benchlib  # noqa: E402
import figures  # noqa: E402
import report  # noqa: E402
import run as runner  # noqa: E402
from figures import Line  # noqa: E402

SECONDS = 120
OPTIONS = argparse.Namespace()
# Benchmarks that qemu-aarch64 cannot do: what it starts anew is this host's kernel's to run, and that has
# no program for AArch64.
NOT_IN_USER_MODE = {"os/exec"}


def rounds(*speeds):
    """Rounds of one benchmark of a class: [{setup: ns}, ...] to what figures.py takes."""
    return [{s: {"integer/x": Line(10, ns * 10, "c")} for s, ns in r.items()} for r in speeds]


class Parsing(unittest.TestCase):
    def test_results(self):
        out = figures.Output("bench: start\r\ninteger/alu 100 2500 00c0\r\nend\r\nbench: status 0\r\n")
        self.assertEqual(out.lines, {"integer/alu": Line(100, 2500, "00c0")})
        self.assertEqual(out.lines["integer/alu"].each(), 25)
        self.assertTrue(out.ended)
        self.assertEqual(out.wrong, [])

    def test_skipped_and_wrong(self):
        out = figures.Output("crypto/sha512 skipped no FEAT_SHA512\nos/pipe FAILED: signal 4\n"
                             "os/stat WRONG: 1 in one round and 2 in another\nbench: mmap: no memory\n")
        self.assertEqual(out.skipped, {"crypto/sha512": "no FEAT_SHA512"})
        self.assertEqual(len(out.wrong), 3)
        self.assertFalse(out.ended)
        self.assertEqual(out.lines, {})

    def test_what_is_no_result(self):
        """Lines of the kernel, and such as were torn."""
        out = figures.Output("[    1.2] usb 1/2 3 4\na/b 1 2\na/b x 2 c\na/b 0 2 c\na/b 1 2 c d\n")
        self.assertEqual(out.lines, {})

    def test_cpu_time_is_that_since_the_line_before(self):
        out = figures.Output()
        for line, cpu in (("bench: start", 1.0), ("a/b 1 10 c", 1.5), ("a/c skipped no", 1.6), ("a/d 1 10 c", 3.6),
                          ("a/e 1 10 c", None), ("a/f 1 10 c", 9.0)):
            out.take(line, cpu)
        self.assertEqual({n: x.cpu for n, x in out.lines.items()}, {"a/b": 0.5, "a/d": 2.0, "a/e": None, "a/f": None})

    def test_a_clock_that_stands_still_is_no_division_by_zero(self):
        out = figures.Output("a/b 5 0 c\n")
        self.assertGreater(out.lines["a/b"].each(), 0)


class Checks(unittest.TestCase):
    def test_agreement(self):
        same = {"a/b": Line(5, 100, "77")}
        self.assertEqual(figures.disagreements({"one": same, "two": {"a/b": Line(5, 999, "77")}}), [])

    def test_another_value(self):
        found = figures.disagreements({"one": {"a/b": Line(5, 1, "77")}, "two": {"a/b": Line(5, 1, "78")}})
        self.assertEqual(len(found), 1)
        self.assertIn("a/b: two has 78", found[0])

    def test_another_amount_of_work(self):
        self.assertEqual(len(figures.disagreements({"one": {"a/b": Line(5, 1, "77")},
                                                    "two": {"a/b": Line(6, 1, "77")}})), 1)

    def test_a_lost_line(self):
        runs = {"one": {"a/b": Line(1, 1, "c"), "a/d": Line(1, 1, "c")}, "two": {"a/b": Line(1, 1, "c")}}
        self.assertEqual(figures.absences(runs, {}), ["a/d: two said nothing"])
        self.assertEqual(figures.absences(runs, {"two": {"a/d"}}), [])

    def test_no_value_is_not_compared(self):
        self.assertEqual(figures.disagreements({"one": {"a/b": Line(5, 1, "-")},
                                                "two": {"a/b": Line(6, 1, "-")}}), [])


class Figures(unittest.TestCase):
    def test_geometric_mean(self):
        self.assertAlmostEqual(figures.geometric_mean([2, 8]), 4)
        self.assertAlmostEqual(figures.geometric_mean([0.5, 2, 1]), 1)

    def test_medians(self):
        r = rounds({"quince": 10}, {"quince": 30}, {"quince": 11})
        self.assertEqual(figures.medians(r), {"integer/x": {"quince": 11}})

    def test_ratio_is_taken_within_a_round(self):
        # Each round the machine is differently fast, and quince always twice as fast as the other.
        r = rounds({"quince": 10, "q": 20}, {"quince": 100, "q": 200}, {"quince": 1, "q": 2})
        self.assertEqual(figures.ratio(r, "integer/x", "quince", "q"), (2, 2, 2))

    def test_ratio_above_one_is_faster(self):
        low, high = rounds({"quince": 10, "q": 5}), rounds({"quince": 10, "q": 40})
        self.assertEqual(figures.ratio(low + high, "integer/x", "quince", "q"), (2.25, 0.5, 4))
        self.assertIsNone(figures.ratio(low, "integer/x", "quince", "none"))

    def test_the_better_rival_counts(self):
        f = figures.figures(rounds({"quince": 10, "a": 30, "b": 20, "native": 2}), ["a", "b"])["integer/x"]
        self.assertEqual(f["best"], "b")
        self.assertEqual(f["ratio"], 2)
        self.assertEqual(f["behind_native"], 5)
        self.assertEqual(f["best_behind_native"], 10)

    def test_a_rival_that_cannot(self):
        """One that lacks the instruction is no rival there."""
        r = rounds({"quince": 10, "a": 5, "b": 20})
        del r[0]["a"]["integer/x"]
        f = figures.figures(r, ["a", "b"])["integer/x"]
        self.assertEqual((f["best"], f["ratio"]), ("b", 2))

    def test_ratio_of_cpu_time(self):
        r = [{"quince": {"a/b": Line(1, 10, "c", 2.0)}, "q": {"a/b": Line(1, 10, "c", q)}} for q in (4.0, 8.0, 10.0)]
        f = figures.figures(r, ["q"])["a/b"]
        self.assertEqual((f["ratio"], f["cpu_ratio"]), (1, 4))
        for other, better in (({"p": 2.0}, 1), ({"p": 100.0}, 4)):
            both = [x | {"p": {"a/b": Line(1, 10, "c", other["p"])}} for x in r]
            self.assertEqual(figures.figures(both, ["q", "p"])["a/b"]["cpu_ratio"], better)
        # Ten times as much in the same CPU time.
        r[0]["q"]["a/b"] = Line(10, 100, "-", 4.0)
        self.assertAlmostEqual(figures.figures(r[:1], ["q"])["a/b"]["cpu_ratio"], 0.2)
        r[0]["q"]["a/b"] = Line(1, 10, "c")
        self.assertEqual(figures.figures(r[:1], ["q"])["a/b"].get("cpu_ratio"), None)

    def test_native_in_plain_c_is_not_compared(self):
        name = min(figures.UNLIKE_NATIVE)
        r = [{s: {name: Line(1, 8, "c")} for s in ("quince", "a", "native")}]
        f = figures.figures(r, ["a"])[name]
        self.assertIn("ratio", f)
        self.assertNotIn("behind_native", f)
        self.assertNotIn("best_behind_native", f)

    def test_classes(self):
        by_name = {"integer/x": {"ratio": 2, "behind_native": 3}, "integer/y": {"ratio": 8},
                   "openssl/z": {"ratio": 0.5}}
        c = figures.classes(by_name)
        self.assertAlmostEqual(c["integer"]["ratio"], 4)
        self.assertAlmostEqual(c["integer"]["behind_native"], 3)
        self.assertEqual((c["integer"]["worst"], c["integer"]["worst_ratio"]), ("integer/x", 2))
        self.assertEqual(c["integer"]["target"], figures.TARGETS["integer"])
        self.assertEqual(c["crypto"]["worst"], "openssl/z")

    def test_scaling(self):
        one, two = rounds({"quince": 20, "q": 20}, {"quince": 40}), rounds({"quince": 10, "q": 40}, {"quince": 20})
        self.assertEqual(figures.scaling(one, two, ["quince", "q"]), {"integer/x": {"quince": 2, "q": 0.5}})

    def test_changes(self):
        def made(**ns):
            return {"figures": {n: {"ns": {"quince": v}} for n, v in ns.items()}}
        self.assertEqual(figures.changes(made(a=10, b=10, c=1), made(a=5, b=20, d=1)),
                         [("b", 10, 20, 0.5), ("a", 10, 5, 2)])


class Report(unittest.TestCase):
    def made(self):
        r = rounds({"quince": 10, "a": 30, "native": 5})
        by_name = figures.figures(r, ["a"])
        return {"environment": {"revision": "r", "date": "d", "host_cpus": 2, "host_cpu": "c", "load": 0.5},
                "kernel": "k", "pairs": 1, "setups": {"quince": {}, "a": {}, "native": {}}, "figures": by_name,
                "classes": figures.classes(by_name), "scaling": {"smp/x": {"quince": 1.9}},
                "skipped": {"crypto/y": ["no", ["a"]]}}

    def test_tables_have_the_figures(self):
        text = report.show(self.made())
        self.assertRegex(text, r"\| integer/x +\| +10 ns \| +30 ns \| +5 ns \| +3\.00 \|")
        self.assertRegex(text, r"\| integer +\| +1 \| +3\.00 \| +\| +2\.00 \|")
        self.assertNotIn("runs once", text)
        self.assertRegex(text, r"smp/x +\| +1\.90 \|")
        self.assertIn("skipped: crypto/y on a: no", text)

    def test_durations(self):
        self.assertEqual([report.duration(x) for x in (0.5, 999, 1500, 2.5e6, 3e9)],
                         ["0.5 ns", "999 ns", "1.5 us", "2.5 ms", "3 s"])

    def test_compared(self):
        old, new = self.made(), self.made()
        new["figures"]["integer/x"]["ns"]["quince"] = 5
        self.assertRegex(report.compared(old, new), r"integer/x +\| +10 ns \| +5 ns \| +2\.00 \|")
        self.assertNotIn("different CPUs", report.compared(old, new))
        new["environment"]["host_cpu"] = "another"
        self.assertIn("different CPUs", report.compared(old, new))


class Runner(unittest.TestCase):
    def test_everybody_begins_once(self):
        order = []
        taken = runner.in_turns(["a", "b", "c"], 3, lambda s: order.append(s) or len(order), "test")
        self.assertEqual("".join(order), "abcbcacab")
        self.assertEqual(taken[1], {"b": 4, "c": 5, "a": 6})

    def test_bad_options(self):
        quince = shutil.which("true")
        for arguments, said in ((["--parts", "micro,foo", quince], "--parts: 'foo' is none of"),
                                (["--without", "foo", quince], "--without: 'foo' is none of"),
                                (["--pairs", "0", quince], "--pairs, --rounds: at least one"),
                                (["--only", "a b", quince], "--only: 'a b' has characters"),
                                (["--bench", "/nonexistent", "--guest", "/nonexistent", quince],
                                 "there is no '/nonexistent/kernel-cloud'"),
                                (["/nonexistent"], "'/nonexistent' is no program"), ([], "which quince?"),
                                (["--show", __file__], "is no report of bench/run.py")):
            done = subprocess.run([os.path.join(ROOT, "bench/run.py"), *arguments], check=False,
                                  capture_output=True, text=True, timeout=SECONDS)
            self.assertEqual((done.returncode, done.stderr.count("\n"), done.stdout), (1, 1, ""), done.stderr)
            self.assertIn(said, done.stderr)

    def test_watched_run(self):
        """Lines when they come with the CPU time, and what ends too late."""
        seen = []
        command = ["sh", "-c", "echo one; i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done; echo two; exit 3"]
        status, _, text = benchlib.watched_run(command, SECONDS, lambda *line: seen.append(line))
        self.assertEqual((status, text), (3, "one\ntwo\n"))
        self.assertEqual([line for line, _, _ in seen], [b"one", b"two"])
        self.assertGreater(seen[1][1], seen[0][1])
        self.assertTrue(seen[1][2] is None or seen[1][2] > seen[0][2])
        with self.assertRaisesRegex(benchlib.Failure, "no end within 0.2 s: sh"):
            benchlib.watched_run(["sh", "-c", "echo here; kill -STOP $$"], 0.2, lambda *line: None)


class Program(unittest.TestCase):
    """The benchmark program on this host and with qemu-aarch64."""

    @classmethod
    def setUpClass(cls):
        for tool in ("qemu-aarch64", "aarch64-linux-gnu-gcc", "gcc"):
            if shutil.which(tool) is None:
                raise unittest.SkipTest(f"there is no {tool} (scripts/install-deps.sh check)")
        cls.folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.folder.cleanup)
        made = subprocess.run([os.path.join(ROOT, "bench/make_guest.sh"), "--native", cls.folder.name],
                              check=False, capture_output=True, text=True, timeout=SECONDS)
        if made.returncode != 0:
            raise AssertionError(f"make_guest.sh: {made.stderr}")
        cls.native = [os.path.join(cls.folder.name, "bench-native")]
        cls.arm64 = ["qemu-aarch64", os.path.join(cls.folder.name, "bench-arm64")]

    def output(self, command, *arguments):
        done = subprocess.run([*command, *arguments], check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              text=True, timeout=SECONDS)
        return done.returncode, done.stdout

    def test_check_values_are_those_of_this_host(self):
        arguments = ["--quick", "--rounds", "2", "--except", ",".join(NOT_IN_USER_MODE)]
        runs = {}
        for who, command in (("native", self.native), ("qemu-aarch64", self.arm64)):
            status, text = self.output(command, *arguments)
            out = figures.Output(text)
            self.assertEqual((status, out.wrong, out.ended), (0, [], True), text)
            runs[who] = out.lines
        self.assertEqual(figures.disagreements(runs), [])
        both = runs["native"].keys() & runs["qemu-aarch64"].keys()
        self.assertGreater(len(both), 60)
        # What this host can do, AArch64 can; it may lack FMA or SHA, and then has fewer.
        self.assertEqual(runs["native"].keys() - both, set())

    def test_every_class_of_the_table_has_benchmarks(self):
        names = [line.split()[0] for line in self.output(self.native, "--list")[1].splitlines() if "/" in line]
        self.assertEqual(len(names), len(set(names)))
        whole_systems = {"boot", "disk", "programs"}
        self.assertEqual({figures.class_of(n) for n in names}, set(figures.TARGETS) - whole_systems | {"smp"})
        self.assertEqual({n for n in names if n.startswith("smp/")}, set(figures.SCALING_TARGETS))
        self.assertLessEqual(figures.UNLIKE_NATIVE, set(names))

    def test_patterns(self):
        text = self.output(self.native, "--list", "--only", "integer/*,os/pipe", "--except", "*/calls-*")[1]
        names = [line.split()[0] for line in text.splitlines() if "/" in line]
        self.assertIn("os/pipe", names)
        self.assertIn("integer/alu", names)
        self.assertNotIn("integer/calls-direct", names)
        self.assertNotIn("os/getpid", names)

    def test_bad_options(self):
        for arguments in (["--fast"], ["--rounds", "0"], ["--rounds", "x"], ["--only"]):
            status, text = self.output(self.native, *arguments)
            self.assertEqual((status, text.count("\n")), (2, 1), text)

    def test_programs(self):
        """Its time and output; one that fails, and one that is never the same."""
        def run(*command):
            return self.output(self.native, "--program", "programs/x", "2", *command)
        status, text = run("echo", "quince")
        self.assertEqual(status, 0)
        other = run("echo", "quinces")[1]
        self.assertNotEqual(figures.Output(text).lines["programs/x"].check,
                            figures.Output(other).lines["programs/x"].check)
        self.assertEqual(run("sh", "-c", "exit 3"), (1, "programs/x FAILED: 'sh' ended with 3\n"))
        status, text = run("cat", "/proc/uptime", "/proc/self/stat")
        self.assertEqual((status, text), (1, "programs/x WRONG: its output differs from run to run\n"))


class Guest(unittest.TestCase):
    """All benchmarks in the emulator, and on this host."""

    def test_check_values_in_quince(self):
        if not OPTIONS.quince:
            self.skipTest("no --quince")
        with tempfile.TemporaryDirectory() as folder:
            made = subprocess.run([os.path.join(ROOT, "bench/make_guest.sh"), folder, OPTIONS.guest], check=False,
                                  capture_output=True, text=True, timeout=SECONDS)
            self.assertEqual(made.returncode, 0, made.stderr)
            done = subprocess.run(
                [os.path.join(ROOT, "bench/run.py"), OPTIONS.quince, "--quick", "--pairs", "1", "--rounds", "1",
                 "--without", "qemu", "--parts", "micro,smp", "--guest", OPTIONS.guest, "--bench", folder],
                check=False, capture_output=True, text=True, timeout=10 * SECONDS)
        self.assertEqual(done.returncode, 0, done.stderr)
        rows = [line.split("|") for line in done.stdout.splitlines() if line.startswith("| ")]
        figures_of = {r[1].strip(): r[2].strip() for r in rows if "/" in r[1]}
        self.assertGreater(len(figures_of), 80)
        self.assertEqual([name for name, ns in figures_of.items() if ns == ""], [])


class Counted(unittest.TextTestResult):
    def __init__(self, *a):
        super().__init__(*a)
        self.passed = 0

    def addSuccess(self, test):
        super().addSuccess(test)
        self.passed += 1


def chosen(suite, globs):
    for test in suite:
        if isinstance(test, unittest.TestSuite):
            yield from chosen(test, globs)
        elif any(fnmatch.fnmatch(test.id().removeprefix("__main__."), g) for g in globs):
            yield test


def main():
    p = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    p.add_argument("--quince", metavar="BIN")
    p.add_argument("--guest", metavar="FOLDER", default=os.path.join(ROOT, "build/guest"))
    p.add_argument("globs", nargs="*", default=["*"], metavar="GLOB")
    p.parse_args(namespace=OPTIONS)
    tests = unittest.TestSuite(chosen(unittest.defaultTestLoader.loadTestsFromModule(sys.modules[__name__]),
                                      OPTIONS.globs))
    result = unittest.TextTestRunner(stream=sys.stdout, verbosity=2, resultclass=Counted).run(tests)
    failed = len(result.failures) + len(result.errors)
    print(f"{result.passed} passed, {failed} failed")
    return 1 if failed or not result.passed else 0


if __name__ == "__main__":
    sys.exit(main())
