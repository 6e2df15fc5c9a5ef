"""A desktop for one test: an X server without a screen, a window manager, and what a person does there.

    with Desktop() as desktop, Guest(quince, ..., "-display", "sdl", env=desktop.env) as g:
        window = desktop.window("quince")
        desktop.wait(g, lambda: desktop.screen.pixel(window.x, window.y) == (0, 0, 0), "a black corner")
        desktop.type_text("root\n")
        desktop.click(window.x + 10, window.y + 10)

The screen is read from the file in which Xvfb keeps it (an X window dump: X11's XWDFile.h).  Keys and the mouse come
from xdotool, through the server's XTEST extension: the window sees them as those of devices.
"""

import mmap
import os
import shutil
import subprocess
import tempfile
import time

from machine import PATIENCE_SECONDS, Failure
from picture import Picture

PROGRAMS = ("Xvfb", "jwm", "xdotool", "xwininfo")
# Between two looks at something that does not announce itself.
LOOK_SECONDS = 0.02
# How long a program may take to end when it was asked to.
LAST_SECONDS = 10
# A quick typist.
KEY_MILLISECONDS = 40
# One desktop of one colour without anything on it.  Windows have a border and a title, as a user's do.
JWM = """<?xml version="1.0"?><JWM><Desktops width="1" height="1"><Background type="solid">#305070</Background>
</Desktops><Key mask="A" key="F4">close</Key><FocusModel>click</FocusModel></JWM>"""


class Screen:
    """The pixels of the whole screen, as they are now."""

    def __init__(self, path):
        with open(path, "rb") as f:
            self._file = mmap.mmap(f.fileno(), 0, access=mmap.ACCESS_READ)
        # Words of the header are big-endian.  It and 12 bytes for each colour are before the rows.
        word = [int.from_bytes(self._file[i:i + 4], "big") for i in range(0, 100, 4)]
        self.width, self.height, bits, self._row = word[4], word[5], word[11], word[12]
        self._start = word[0] + 12 * word[19]
        if bits != 32 or word[7] != 0:
            raise Failure(f"pixels of the X server have {bits} bits in byte order {word[7]}")

    def close(self):
        self._file.close()

    def pixel(self, x, y):
        """Red, green and blue."""
        at = self._start + y * self._row + 4 * x
        return self._file[at + 2], self._file[at + 1], self._file[at]

    def picture(self, x=0, y=0, width=None, height=None):
        """A copy of a part."""
        width, height = width or self.width - x, height or self.height - y
        if x < 0 or y < 0 or x + width > self.width or y + height > self.height:
            raise Failure(f"{width} x {height} pixels at {x}, {y} are not all on the screen")
        rows = []
        for line in range(y, y + height):
            at = self._start + line * self._row + 4 * x
            blue_green_red = self._file[at:at + 4 * width]
            row = bytearray(3 * width)
            for channel in range(3):
                row[channel::3] = blue_green_red[2 - channel::4]
            rows.append(bytes(row))
        return Picture(width, height, rows)


class Window:
    """The inside of a window, in pixels of the screen."""

    def __init__(self, number, x, y, width, height):
        self.number, self.x, self.y, self.width, self.height = number, x, y, width, height

    @property
    def size(self):
        return self.width, self.height


class Desktop:
    def __init__(self, width=1600, height=1000):
        self._folder = tempfile.TemporaryDirectory()
        self._processes = []
        self.screen = None
        try:
            self._start(width, height)
        except BaseException:
            self.close()
            raise

    def _start(self, width, height):
        for name in PROGRAMS:
            if shutil.which(name) is None:
                raise Failure(f"'{name}' is missing (scripts/install-deps.sh check)")
        folder = self._folder.name
        # The server picks a free number, and says it when it is ready.  It is to live on when its only client goes,
        # which the first call of xdotool may be.
        server = self._run("Xvfb", "-displayfd", "1", "-nolisten", "tcp", "-noreset", "-fbdir",
                           folder, "-screen", "0", f"{width}x{height}x24", env=dict(os.environ),
                           stdout=subprocess.PIPE)
        number = server.stdout.readline().decode().strip()
        server.stdout.close()
        if not number.isdigit():
            raise Failure("the X server did not start")
        self.env = dict(os.environ, DISPLAY=f":{number}", SDL_VIDEODRIVER="x11", HOME=folder)
        self.env.pop("WAYLAND_DISPLAY", None)
        self.screen = Screen(os.path.join(folder, "Xvfb_screen0"))
        config = os.path.join(folder, "jwmrc")
        with open(config, "w", encoding="ascii") as f:
            f.write(JWM)
        self._run("jwm", "-f", config, env=self.env)
        self.wait(None, lambda: self.xdotool("get_desktop", may_fail=True), "window manager")
        self.park()

    def _run(self, *command, env, stdout=subprocess.DEVNULL):
        process = subprocess.Popen(command, env=env, stdin=subprocess.DEVNULL, stdout=stdout,
                                   stderr=subprocess.DEVNULL)
        self._processes.append(process)
        return process

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.close()

    def close(self):
        if self.screen:
            self.screen.close()
        for process in reversed(self._processes):
            process.terminate()  # the X server removes its lock and socket
            try:
                process.wait(LAST_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self._folder.cleanup()

    # ---- Waiting

    def wait(self, guest, holds, what, look_seconds=LOOK_SECONDS):
        """Waits until `holds()` is true, and returns what it was.  `guest` is the run that would say why not,
        or None; its serial output is read meanwhile."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            if got := holds():
                return got
            if guest is not None:
                guest.drain(look_seconds)
                if guest.process.poll() is not None:
                    guest.fail(f"ended before there was: {what}")
            else:
                time.sleep(look_seconds)
            if time.monotonic() > deadline:
                why = f"no {what} in {PATIENCE_SECONDS:.0f} s"
                if guest is None:
                    raise Failure(why)
                guest.fail(why)

    # ---- The person's hands

    def xdotool(self, *arguments, may_fail=False):
        """What it printed; "" when it failed and may."""
        return self._said("xdotool", *arguments, may_fail=may_fail)

    def _said(self, *command, may_fail):
        done = subprocess.run([*map(str, command)], env=self.env, check=False,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=PATIENCE_SECONDS)
        if done.returncode != 0:
            if may_fail:
                return ""
            raise Failure(f"{command}: {done.stderr.decode(errors='replace')}")
        return done.stdout.decode(errors="replace")

    def type_text(self, text):
        """Types on the keyboard, into the window that has the focus.  A newline is Return.  A guest's keyboard holds 16
        changes, so that one that stands still for longer than that loses some: more than 7 keys want an echo between."""
        lines = text.split("\n")
        for n, line in enumerate(lines):
            if line:
                self.xdotool("type", "--delay", KEY_MILLISECONDS, "--", line)
            if n + 1 < len(lines):
                self.key("Return")

    def key(self, name):
        """Presses and releases a key, or several at once: "ctrl+alt+f"."""
        self.xdotool("key", "--delay", KEY_MILLISECONDS, name)

    def move(self, x, y):
        self.xdotool("mousemove", x, y)

    def park(self):
        """Moves to the corner: the server paints the mouse into its picture."""
        self.move(self.screen.width - 1, self.screen.height - 1)

    def click(self, x, y, button=1):
        """Moves to a pixel of the screen and presses and releases there.  The pointer stays."""
        self.xdotool("mousemove", x, y, "click", button)

    # ---- Windows

    def find_window(self, name):
        """The first visible window whose title has `name`, or None."""
        number = self.xdotool("search", "--onlyvisible", "--name", name, may_fail=True).split("\n")[0]
        if not number:
            return None
        # What xdotool says of a window's place is off by its border and title.
        said = self._said("xwininfo", "-id", number, may_fail=True)
        value = dict(line.strip().split(":", 1) for line in said.split("\n") if ":" in line)
        if "Height" not in value:
            return None
        return Window(number, *(int(value[k]) for k in (
            "Absolute upper-left X", "Absolute upper-left Y", "Width", "Height")))

    def window(self, name, guest=None, size=None):
        """Waits for a window, and until it has `size` when that is given."""
        def found():
            w = self.find_window(name)
            return w if w and (size is None or w.size == size) else None
        return self.wait(guest, found, f"window '{name}'" + (f" of {size}" if size else ""))

    def title(self, window):
        return self.xdotool("getwindowname", window.number).rstrip("\n")

    def shows(self, window):
        """A copy of what the screen has where the window is."""
        return self.screen.picture(window.x, window.y, window.width, window.height)
