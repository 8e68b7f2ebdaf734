"""Checks the data of a large PNG picture without keeping its pixels."""

from __future__ import annotations

from collections.abc import Iterator
from zlib import decompressobj

_HEAD = 8  # the signature
_COMPRESSED, _DECOMPRESSED = 65_536, 1_048_576  # bytes at a time
_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}  # by type of colour
# Interlaced pictures are stored as seven: their first column and row, and the steps between them.
_PASSES = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2),
           (0, 1, 1, 2))  # fmt: skip


def check_png(data: bytes, width: int, height: int) -> None:
    """Raise ValueError or zlib.error if the pixels are incomplete; the chunks must be valid."""
    depth, colour, _, _, interlaced = data[24:29]
    bits = depth * _CHANNELS[colour]
    expected = 0
    for left, top, across, down in _PASSES if interlaced else ((0, 0, 1, 1),):
        columns, rows = -(-(width - left) // across), -(-(height - top) // down)
        if columns > 0 and rows > 0:
            expected += rows * (1 + -(-columns * bits // 8))
    found = 0
    unpacked = decompressobj()
    for piece in _compressed(data):
        rest = piece
        while rest and not unpacked.eof and found < expected:
            found += len(unpacked.decompress(rest, _DECOMPRESSED))
            rest = unpacked.unconsumed_tail
    if found < expected:
        raise ValueError(f"it has {found} of {expected} bytes of pixels")


def _compressed(data: bytes) -> Iterator[bytes]:
    place = _HEAD
    while place + 8 <= len(data):
        length = int.from_bytes(data[place : place + 4], "big")
        kind = data[place + 4 : place + 8]
        if kind == b"IDAT":
            end = place + 8 + length
            for start in range(place + 8, end, _COMPRESSED):
                yield data[start : min(start + _COMPRESSED, end)]
        place += length + 12
