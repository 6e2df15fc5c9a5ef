"""What the comparisons share: timed runs of a program, medians, and who measured where."""

import json
import mmap
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time


class Failure(Exception):
    """A run that does not count."""


def touch_free_memory():
    """Writes to nine tenths of the memory that this host has free, and gives it back.

    A virtual machine may get memory from its own host only when it writes there, at a fraction of the usual
    speed. Otherwise boots and copies say how much of what they got was new.
    """
    with open("/proc/meminfo", encoding="ascii") as f:
        free = next(int(line.split()[1]) for line in f if line.startswith("MemFree:")) * 1024
    piece, page = 64 << 20, 4096
    memory = mmap.mmap(-1, max(free * 9 // 10 // piece, 1) * piece, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    memory.madvise(mmap.MADV_HUGEPAGE)
    for at in range(0, len(memory), piece):
        memory[at:at + piece:page] = bytes(piece // page)
    memory.close()


def timed_run(command, seconds):
    """Runs `command` and returns (status, wall seconds, user + system CPU seconds, output).

    Its standard output and error go to one file, so that no reader disturbs the run.  After
    `seconds` it is killed, which is a Failure that shows the end of the output.
    """
    with tempfile.TemporaryFile() as log:
        start = time.monotonic()
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log,
                                   stderr=subprocess.STDOUT)
        try:
            # waitid() leaves the process to wait4(), which has its CPU time.
            while os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
                if time.monotonic() - start > seconds:
                    break
                time.sleep(0.005)
            wall = time.monotonic() - start
        finally:
            late = os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None
            if late:
                process.kill()
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
        log.seek(0)
        output = log.read().decode(errors="replace")
    if late:
        raise Failure(f"no end within {seconds} s: {' '.join(command)}\n{output[-1000:]}")
    return process.returncode, wall, usage.ru_utime + usage.ru_stime, output


def cpu_seconds(pid):
    """User + system CPU time of a running process, all of its threads; None when it has ended."""
    try:
        # The kernel's number for the clock of another process (clock_getcpuclockid(3) makes it so).
        return time.clock_gettime(~pid << 3 | 2)
    except OSError:
        return None


def watched_run(command, seconds, on_line):
    """As timed_run(), and calls on_line(line, seconds, CPU seconds) for each line of output when it comes:
    bytes without the line's end, time since the start, CPU time of the process so far.

    Returns (status, resource usage, output).
    """
    log, rest = [], b""
    start = time.monotonic()
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT) as process:
        late = threading.Event()

        def stop():
            late.set()
            process.kill()
        watchdog = threading.Timer(seconds, stop)
        watchdog.start()
        try:
            while data := os.read(process.stdout.fileno(), 65536):
                log.append(data)
                *lines, rest = (rest + data).split(b"\n")
                for line in lines:
                    on_line(line.rstrip(b"\r"), time.monotonic() - start, cpu_seconds(process.pid))
        finally:
            if sys.exc_info()[0] is not None:
                process.kill()
            # It has closed its output, and ends or is ended by the watchdog.
            _, status, usage = os.wait4(process.pid, 0)
            watchdog.cancel()
            process.returncode = os.waitstatus_to_exitcode(status)
    output = b"".join(log).decode(errors="replace")
    if late.is_set():
        raise Failure(f"no end within {seconds} s: {' '.join(command)}\n{output[-1000:]}")
    return process.returncode, usage, output


def summary(values):
    """The figures of several runs that are worth keeping."""
    return {"median": statistics.median(values), "min": min(values), "max": max(values)}


def environment():
    """The revision and the machine of a measurement."""
    here = os.path.dirname(os.path.abspath(__file__))
    git = subprocess.run(["git", "-C", here, "describe", "--always", "--dirty"], check=False,
                         stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    model = "unknown"
    with open("/proc/cpuinfo", encoding="utf-8") as f:
        for line in f:
            if line.startswith("model name"):
                model = line.split(":", 1)[1].strip()
                break
    return {"revision": git.stdout.strip() or "unknown", "host_cpu": model,
            "host_cpus": os.cpu_count(), "load": os.getloadavg()[0]}


def write_json(path, report):
    if path is None:
        return
    with open(path, "w", encoding="utf-8") as f:
        json.dump(report, f, indent=2)
        f.write("\n")


def main(function):
    """Runs function() with failures as one line on stderr and status 1."""
    try:
        sys.exit(function())
    except (Failure, OSError) as e:
        print(f"{os.path.basename(sys.argv[0])}: {e}", file=sys.stderr)
        sys.exit(1)
