"""Makes a PNG of a browser small: 256 colours instead of all (https://www.w3.org/TR/png-3/)."""

import struct
import zlib
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

SIGNATURE = b"\x89PNG\r\n\x1a\n"
TRUE_COLOURS, PALETTE = b"\x08\x02\0\0\0", b"\x08\x03\0\0\0"  # eight bits each, no interlace
BYTES = 3  # of a pixel
COLOURS = 256


def make_small(picture: bytes) -> bytes:
    """The same picture in its most frequent colours, each other one as the nearest of them; ValueError if not RGB."""
    chunks = list(read_chunks(picture))
    width, height = struct.unpack(">II", chunks[0][1][:8])
    if chunks[0][1][8:] != TRUE_COLOURS:
        raise ValueError("a picture of another kind")
    data = zlib.decompress(b"".join(content for kind, content in chunks if kind == b"IDAT"))
    pixels = np.frombuffer(read_pixels(data, width * BYTES, height), np.uint8).reshape(-1, BYTES)
    palette, places = reduce_colours(pixels)
    rows = b"".join(b"\0" + row.tobytes() for row in places.reshape(height, width))
    parts = [(b"IHDR", struct.pack(">II", width, height) + PALETTE), (b"PLTE", palette.tobytes())]
    parts += [(b"IDAT", zlib.compress(rows, 9)), (b"IEND", b"")]
    return SIGNATURE + b"".join(write_chunk(*part) for part in parts)


def reduce_colours(pixels: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """The palette, a colour a row, and the place in it of each pixel."""
    colours, which, counts = np.unique(pixels, axis=0, return_inverse=True, return_counts=True)
    palette = colours[np.argsort(-counts, kind="stable")[:COLOURS]]
    apart = ((colours[:, None].astype(int) - palette[None].astype(int)) ** 2).sum(axis=2)
    return palette, apart.argmin(axis=1).astype(np.uint8)[which.reshape(-1)]


def read_pixels(data: bytes, stride: int, height: int) -> bytes:
    """The bytes of the pixels of rows that are filtered, each by the filter that its first byte names."""
    pixels, above = bytearray(), bytes(stride)
    for start in range(0, height * (stride + 1), stride + 1):
        kind, row = data[start], bytearray(data[start + 1 : start + 1 + stride])
        for at in range(stride):
            left, corner = (row[at - BYTES], above[at - BYTES]) if at >= BYTES else (0, 0)
            row[at] = (row[at] + foretell(kind, left, above[at], corner)) & 0xFF
        pixels += row
        above = bytes(row)
    return bytes(pixels)


def foretell(kind: int, left: int, above: int, corner: int) -> int:
    """What a filter foretells of a byte: none, that to its left, that above it, their mean, or Paeth's."""
    if kind < 4:
        return (0, left, above, (left + above) // 2)[kind]
    guess = left + above - corner
    return min((left, above, corner), key=lambda near: abs(guess - near))


def read_chunks(picture: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield kind and content of each chunk."""
    at = len(SIGNATURE)
    while at < len(picture):
        (length,) = struct.unpack(">I", picture[at : at + 4])
        yield picture[at + 4 : at + 8], picture[at + 8 : at + 8 + length]
        at += 12 + length


def write_chunk(kind: bytes, content: bytes) -> bytes:
    """A chunk with its length and its checksum."""
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
