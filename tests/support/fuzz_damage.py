"""Damages bytes, the same way for the same seed."""

from random import Random

BYTES = [
    b"\0",
    b"\r\n",
    b"\r\n\r\n",
    b"\xff",
    b":",
    b" ",
    b"%00",
    b"\xed\xa0\x80",
    b"9" * 30,
    b"{",
    b'"',
    b"chunked",
    b";",
]


def damage(random: Random, data: bytes) -> bytes:
    """Change, add, take out, repeat or cut off bytes at one to three places."""
    for _ in range(random.randrange(1, 4)):
        start = random.randrange(len(data) + 1)
        end = min(len(data), start + random.choice([1, 1, 2, 8, 60]))
        inserted = random.choice(
            [b"", random.choice(BYTES), random.randbytes(1), data[start:end] * random.choice([2, 2, 500])]
        )
        kept = random.choice([data[end:], data[end:], data[start:], b""])
        data = data[:start] + inserted + kept
    return data
