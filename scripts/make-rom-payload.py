#!/usr/bin/env python3
"""Writes firmware/rom/checks/payload.inc: payload.txt, enciphered by openssl.

AES-256-CBC with the first built-in key of the AES engine (one, and 31 zeros), padded with zeros to whole
blocks of which the last has one at least.  The IV is fixed, so that the file comes out the same each time.

usage: make-rom-payload.py [--check]     --check: only says whether payload.inc is up to date
"""
import pathlib
import subprocess
import sys

FOLDER = pathlib.Path(__file__).resolve().parent.parent / "firmware/rom/checks"
KEY = bytes([1]) + bytes(31)
IV = b"Quince boot ROM."
BLOCK = 16
PREFIX = 16  # bytes of the text that the ROM knows in plain


def rows(data):
    lines = [data[i : i + 12] for i in range(0, len(data), 12)]
    return "\n".join("    " + " ".join(f"0x{b:02x}," for b in line) for line in lines)


def encipher(plain):
    command = ["openssl", "enc", "-aes-256-cbc", "-nopad", "-K", KEY.hex(), "-iv", IV.hex()]
    return subprocess.run(command, input=plain, capture_output=True, check=True).stdout


def generate():
    text = (FOLDER / "payload.txt").read_bytes()
    if any(b != 0x0A and not 0x20 <= b <= 0x7E for b in text):
        sys.exit("make-rom-payload.py: payload.txt has something that is no ASCII text")
    cipher = encipher(text + bytes(BLOCK - len(text) % BLOCK))
    prefix = ", ".join(str(b) for b in text[:PREFIX])
    return f"""// payload.txt as scripts/make-rom-payload.py enciphers it: AES-256-CBC, the engine's key 1.
// clang-format off
enum {{ kPayloadLength = {len(text)} }};
static const char payload_prefix[] = {{{prefix}, 0}};
static const unsigned char payload_iv[] = {{
{rows(IV)}
}};
static const unsigned char payload_cipher[] = {{
{rows(cipher)}
}};
// clang-format on
"""


def main():
    if sys.argv[1:] not in ([], ["--check"]):
        sys.exit(__doc__.strip())
    target = FOLDER / "payload.inc"
    new = generate()
    if sys.argv[1:] == ["--check"]:
        if not target.exists() or target.read_text() != new:
            sys.exit("make-rom-payload.py: payload.inc is not what payload.txt makes")
        return
    target.write_text(new)


if __name__ == "__main__":
    main()
