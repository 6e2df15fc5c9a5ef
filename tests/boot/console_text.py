"""Reads the text of Linux's console from a picture, with the font that the kernel itself says it draws with."""

from picture import CELL_HEIGHT, CELL_WIDTH

# For perl in the guest: the font of a virtual console (ioctl KDFONTOP, console_ioctl(4); struct console_font_op of
# linux/kd.h), in hexadecimal.  A glyph takes 32 bytes, whatever its height.
READ_FONT = r"""
open my $tty, "+<", "/dev/tty1" or die "tty1: $!";
my $data = "\0" x (512 * 32);
my $op = pack "IIIIIx4P", 1, 0, 32, 32, 512, $data;
ioctl $tty, 0x4B72, $op or die "KDFONTOP: $!";
my (undef, undef, $width, $height, $count) = unpack "IIIII", $op;
print "$width $height $count ", unpack("H*", $data), "\n";
"""
GLYPH_BYTES = 32


class ConsoleText:
    """`said` is what READ_FONT printed."""

    def __init__(self, said):
        width, height, _, data = said.split()
        if (int(width), int(height)) != (CELL_WIDTH, CELL_HEIGHT):
            raise ValueError(f"the console's font has {width} x {height} pixels")
        glyphs = bytes.fromhex(data)
        # Its order is that of ASCII where that has a character.
        self._character = {glyphs[c * GLYPH_BYTES:c * GLYPH_BYTES + CELL_HEIGHT]: chr(c)
                           for c in range(0x21, 0x7f)}
        self._character[bytes(CELL_HEIGHT)] = " "
        self._known = {}

    def lines(self, picture):
        """The console's lines without blanks at their ends.  What is no character is a question mark."""
        return [self._line(picture, row).rstrip() for row in range(picture.height // CELL_HEIGHT)]

    def _line(self, picture, row):
        rows = picture.rows[row * CELL_HEIGHT:(row + 1) * CELL_HEIGHT]
        size = 3 * CELL_WIDTH
        text = ""
        for at in range(0, picture.width // CELL_WIDTH * size, size):
            cell = b"".join(line[at:at + size] for line in rows)
            if cell not in self._known:
                self._known[cell] = self._read(cell)
            text += self._known[cell]
        return text

    def _read(self, cell):
        """One of its two colours, if there are two, is that of a glyph."""
        pixels = [cell[i:i + 3] for i in range(0, len(cell), 3)]
        colours = set(pixels)
        if len(colours) == 1:
            return " "
        for colour in colours if len(colours) == 2 else ():
            bits = "".join("1" if p == colour else "0" for p in pixels)
            glyph = int(bits, 2).to_bytes(CELL_HEIGHT, "big")
            if glyph in self._character:
                return self._character[glyph]
        return "?"
