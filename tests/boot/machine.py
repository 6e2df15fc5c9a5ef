"""Runs quince as a person or a CI job would: a process, its serial port, its exit status."""

import os
import select
import signal
import subprocess
import time


class Failure(Exception):
    """A test's expectation was not met; the text says which and shows the log's end."""


class Guest:
    """One run of the emulator with the serial port on pipes."""

    def __init__(self, binary, *args, stdin=subprocess.PIPE):
        self.args = [binary, *args]
        self.log = b""
        self.mark = 0
        self.process = subprocess.Popen(
            self.args, stdin=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        os.set_blocking(self.process.stdout.fileno(), False)

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate()

    def fail(self, why):
        raise Failure(f"{why}\ncommand: {' '.join(self.args)}\nlog ends:\n"
                      + self.log[-3000:].decode(errors="replace"))

    def _read(self, deadline):
        """Reads what there is; False at the end of output."""
        left = max(0.0, deadline - time.monotonic())
        ready, _, _ = select.select([self.process.stdout], [], [], left)
        if not ready:
            self.fail("timed out")
        data = os.read(self.process.stdout.fileno(), 65536)
        self.log += data
        return bool(data)

    def expect(self, text, timeout):
        """Waits until `text` appears behind what was expected before."""
        wanted = text.encode()
        deadline = time.monotonic() + timeout
        while True:
            at = self.log.find(wanted, self.mark)
            if at >= 0:
                self.mark = at + len(wanted)
                return
            if not self._read(deadline):
                self.fail(f"ended before {text!r}")

    def send(self, text):
        self.process.stdin.write(text.encode())
        self.process.stdin.flush()

    def await_signals(self, timeout=10):
        """Waits until the program has taken charge of SIGTERM: it is blocked, to be read from a descriptor."""
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            with open(f"/proc/{self.process.pid}/status", encoding="ascii") as f:
                blocked = next(line for line in f if line.startswith("SigBlk:"))
            if int(blocked.split()[1], 16) >> (signal.SIGTERM - 1) & 1:
                return
        self.fail("never blocked SIGTERM")

    def terminate(self, number=signal.SIGTERM):
        self.process.send_signal(number)

    def finish(self, timeout, status=0):
        """Waits for the end and checks the exit status; returns what was written to stderr."""
        deadline = time.monotonic() + timeout
        while self._read(deadline):
            pass
        self.process.wait(max(0.1, deadline - time.monotonic()))
        errors = self.process.stderr.read().decode(errors="replace")
        if self.process.returncode != status:
            self.fail(f"exit status {self.process.returncode}, not {status}; stderr: {errors}")
        return errors
