"""Runs quince as a person or a CI job would: a process, its serial port, its exit status."""

import fnmatch
import os
import select
import signal
import subprocess
import tempfile
import time

# As `quince -engine` has it, for every run; the program's default without it.
ENGINE = os.environ.get("QUINCE_TEST_ENGINE")


def slowness(engine=ENGINE):
    """How many times longer a run with an engine may take, about."""
    if engine and engine.startswith("lockstep"):
        return 15
    return 4 if engine and "chaos" in engine else 1


# What Linux must not complain of where everything takes that much longer: its watchdogs count seconds.
PATIENT_WORDS = " rcupdate.rcu_cpu_stall_suppress=1 nosoftlockup workqueue.watchdog_thresh=0" if slowness() > 1 else ""

# Likewise what its user space gives up.
PATIENT_SERVICES = (" udev.event_timeout=3600 rd.udev.event_timeout=3600 systemd.default_timeout_start_sec=3600"
                    if slowness() > 1 else "")

# How long anything may take before it counts as hung.  Only failures ever wait that long; a good
# run on a host with much else to do must not.
RUN_SECONDS = float(os.environ.get("QUINCE_BOOT_SECONDS", "600"))
PATIENCE_SECONDS = RUN_SECONDS * slowness()


class Failure(Exception):
    """A test's expectation was not met; the text says which and shows the log's end."""


def run_suite(suite, globs):
    """Runs the methods test_* whose names fit a glob (all without one); the last line counts them.
    The exit status."""
    names = [n for n in dir(suite) if n.startswith("test_")
             and any(fnmatch.fnmatch(n[5:], g) for g in globs or ["*"])]
    failed = 0
    for name in names:
        start = time.monotonic()
        try:
            getattr(suite, name)()
            verdict = "ok"
        except (Failure, OSError, subprocess.TimeoutExpired) as e:
            verdict = "FAILED"
            failed += 1
            print(e, flush=True)
        print(f"{verdict:6} {name[5:]} ({time.monotonic() - start:.1f} s)", flush=True)
    print(f"{len(names) - failed} passed, {failed} failed")
    return 1 if failed or not names else 0


class Guest:
    """One run of the emulator with the serial port on pipes."""

    def __init__(self, binary, *args, stdin=subprocess.PIPE, env=None):
        more = ["-engine", ENGINE] if ENGINE and "qemu" not in os.path.basename(binary) else []
        self.args = [binary, *more, *args]
        engines = [value for option, value in zip(self.args, self.args[1:]) if option == "-engine"]
        self.patience = RUN_SECONDS * slowness(engines[-1] if engines else None)
        self.log = b""
        self.mark = 0
        # Not a pipe: nobody reads it before the end, and a full one would stop the program.
        self.errors = tempfile.TemporaryFile()
        self.last_errors = None
        self.process = subprocess.Popen(
            self.args, stdin=stdin, stdout=subprocess.PIPE, stderr=self.errors,
            env=env)
        os.set_blocking(self.process.stdout.fileno(), False)

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        if self.process.poll() is None:
            self.process.kill()
        if self.process.stdin:
            try:
                self.process.stdin.close()
            except BrokenPipeError:
                pass
        self.process.stdout.close()
        self.process.wait()
        self.last_errors = self.stderr()
        self.errors.close()

    def stderr(self):
        """What was written to stderr so far."""
        if self.errors.closed:
            return self.last_errors
        return os.pread(self.errors.fileno(), 1 << 20, 0).decode(errors="replace")

    def fail(self, why):
        raise Failure(f"{why}\ncommand: {' '.join(self.args)}\nstderr: {self.stderr()[-1000:]}\nlog ends:\n"
                      + self.log[-3000:].decode(errors="replace"))

    def _read(self, deadline, awaited):
        """Reads what there is; False at the end of output."""
        left = max(0.0, deadline - time.monotonic())
        ready, _, _ = select.select([self.process.stdout], [], [], left)
        if not ready:
            self.fail(f"no {awaited} in {self.patience:.0f} s")
        data = os.read(self.process.stdout.fileno(), 65536)
        self.log += data
        return bool(data)

    def drain(self, seconds):
        """Reads what is written within a time, so that the program never waits for its reader."""
        if select.select([self.process.stdout], [], [], seconds)[0]:
            self.log += os.read(self.process.stdout.fileno(), 65536)

    def expect(self, text):
        """Waits until `text` appears behind what was expected before."""
        wanted = text.encode()
        deadline = time.monotonic() + self.patience
        while True:
            at = self.log.find(wanted, self.mark)
            if at >= 0:
                self.mark = at + len(wanted)
                return
            if not self._read(deadline, repr(text)):
                self.fail(f"ended before {text!r}")

    def send(self, text):
        try:
            self.process.stdin.write(text.encode())
            self.process.stdin.flush()
        except BrokenPipeError:
            self.fail(f"ended before {text!r} could be sent")

    def await_signals(self):
        """Waits until the program has taken charge of SIGTERM: it is blocked, to be read from a descriptor."""
        deadline = time.monotonic() + self.patience
        with open(f"/proc/{self.process.pid}/status", encoding="ascii") as f:
            while self.process.poll() is None and time.monotonic() < deadline:
                f.seek(0)
                blocked = next(line for line in f.read().splitlines() if line.startswith("SigBlk:"))
                if int(blocked.split()[1], 16) >> (signal.SIGTERM - 1) & 1:
                    return
                select.select([self.process.stdout], [], [], 0.01)  # the host has better to do
        self.fail("never blocked SIGTERM")

    def terminate(self, number=signal.SIGTERM):
        self.process.send_signal(number)

    def finish(self, status=0):
        """Waits for the end and checks the exit status; returns what was written to stderr."""
        deadline = time.monotonic() + self.patience
        while self._read(deadline, "end"):
            pass
        try:
            self.process.wait(max(1.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            self.fail("closed its output and did not end")
        if self.process.returncode != status:
            self.fail(f"exit status {self.process.returncode}, not {status}")
        return self.stderr()
