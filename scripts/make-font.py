#!/usr/bin/env python3
"""Turns a PC screen font into the table of ui/: scripts/make-font.py FONT.psfu.gz >ui/font_8x16.inc

The font is Spleen 8x16 of Debian's fonts-spleen, /usr/share/consolefonts/spleen-8x16.psfu.gz.
Takes PSF version 1 with 8 x 16 glyphs and a Unicode table (psf(5) of the kbd package describes it).
"""

import gzip
import struct
import sys

# Code points that are taken over: ASCII, Latin-1, some punctuation, arrows, boxes and blocks.
RANGES = [(0x20, 0x7E), (0xA0, 0xFF), (0x2010, 0x2026), (0x2190, 0x2195), (0x2500, 0x259F)]
REPLACEMENT = 0xFFFD
HEIGHT = 16


def read_psf1(data):
    """The glyph of each code point."""
    magic, mode, height = struct.unpack_from("<HBB", data)
    if magic != 0x0436 or height != HEIGHT or not mode & 2:
        sys.exit("make-font.py: this is no PSF1 font of 8 x 16 with a Unicode table")
    count = 512 if mode & 1 else 256
    glyphs = [data[4 + n * HEIGHT:4 + (n + 1) * HEIGHT] for n in range(count)]
    table = iter(struct.unpack(f"<{(len(data) - 4 - count * HEIGHT) // 2}H", data[4 + count * HEIGHT:]))
    font = {}
    for glyph in glyphs:
        sequence = False  # what follows 0xfffe are sequences of several code points
        for code in iter(lambda: next(table), 0xFFFF):
            sequence = sequence or code == 0xFFFE
            if not sequence:
                font.setdefault(code, glyph)
    return font


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    with gzip.open(sys.argv[1]) as f:
        font = read_psf1(f.read())
    wanted = [c for first, last in RANGES for c in range(first, last + 1)] + [REPLACEMENT]
    print("// Spleen 8x16: code point, then a byte for each row, the most significant bit on the left.")
    print("// In the order of code points.  Copyright (c) 2018-2020, Frederic Cambus, BSD-2-Clause:")
    print("// LICENSE.spleen.  Made by scripts/make-font.py; not to be changed by hand.")
    for code in wanted:
        if code not in font:
            continue
        rows = ", ".join(f"0x{row:02x}" for row in font[code])
        print(f"{{0x{code:04x}, {{{rows}}}}},")


main()
