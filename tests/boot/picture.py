"""Pictures of red, green and blue, 8 bits each: as PNG files, and cell by cell as a text console draws them."""

import zlib

from machine import Failure

# Of the kernel's console font.
CELL_WIDTH, CELL_HEIGHT = 8, 16
SIGNATURE = b"\x89PNG\r\n\x1a\n"


class Picture:
    """`rows` are bytes, three for each pixel."""

    def __init__(self, width, height, rows):
        self.width, self.height, self.rows = width, height, rows

    def pixel(self, x, y):
        return tuple(self.rows[y][3 * x:3 * x + 3])

    def cell(self, column, row):
        """The colours of one character's cell."""
        return {self.pixel(column * CELL_WIDTH + x, row * CELL_HEIGHT + y)
                for x in range(CELL_WIDTH) for y in range(CELL_HEIGHT)}

    def part(self, x, y, width, height):
        return Picture(width, height, [row[3 * x:3 * (x + width)] for row in self.rows[y:y + height]])

    def shrunk(self, scale):
        """One pixel for each square of `scale` by `scale`, or None when not all squares have one colour."""
        rows = []
        for y in range(0, self.height, scale):
            row = self.rows[y]
            small = bytearray(len(row) // scale)
            for channel in range(3):
                values = row[channel::3]
                small[channel::3] = values[::scale]
                if any(values[n::scale] != values[::scale] for n in range(1, scale)):
                    return None
            if any(other != row for other in self.rows[y + 1:y + scale]):
                return None
            rows.append(bytes(small))
        return Picture(self.width // scale, self.height // scale, rows)


def read_png(path):
    """An 8-bit RGB picture (the PNG specification, third edition), as -screenshot writes it."""
    with open(path, "rb") as f:
        data = f.read()
    if data[:8] != SIGNATURE:
        raise Failure(f"'{path}' is no PNG")
    packed, at = b"", 8
    while at < len(data):
        length, kind = int.from_bytes(data[at:at + 4], "big"), data[at + 4:at + 8]
        body = data[at + 8:at + 8 + length]
        if kind == b"IHDR":
            width, height = (int.from_bytes(body[i:i + 4], "big") for i in (0, 4))
            if body[8:13] != bytes([8, 2, 0, 0, 0]):
                raise Failure(f"'{path}' is not 8-bit RGB")
        elif kind == b"IDAT":
            packed += body
        at += 12 + length
    return Picture(width, height, _unfilter(zlib.decompress(packed), width, height))


def write_png(picture, path):
    """Small where a picture repeats itself, as a console does."""
    def chunk(kind, body):
        return (len(body).to_bytes(4, "big") + kind + body
                + zlib.crc32(kind + body).to_bytes(4, "big"))

    header = (picture.width.to_bytes(4, "big") + picture.height.to_bytes(4, "big")
              + bytes([8, 2, 0, 0, 0]))
    packed = zlib.compress(b"".join(b"\0" + row for row in picture.rows), 9)
    with open(path, "wb") as f:
        f.write(SIGNATURE + chunk(b"IHDR", header) + chunk(b"IDAT", packed) + chunk(b"IEND", b""))


def _unfilter(raw, width, height):
    size = 3 * width
    rows, above = [], bytearray(size)
    for y in range(height):
        start = y * (size + 1)
        kind, row = raw[start], bytearray(raw[start + 1:start + 1 + size])
        for x in range(size) if kind else ():
            a, b = row[x - 3] if x >= 3 else 0, above[x]
            c = above[x - 3] if x >= 3 else 0
            if kind == 4:  # Paeth
                p = a + b - c
                add = min((abs(p - a), 0, a), (abs(p - b), 1, b), (abs(p - c), 2, c))[2]
            else:
                add = (0, a, b, (a + b) // 2)[kind]
            row[x] = (row[x] + add) & 0xff
        rows.append(bytes(row))
        above = row
    return rows
