"""Is a busy neighbour that comes and goes: `python -m tests.error_rates.neighbour SECONDS` burns a core now and then.

For how long it burns it, and for how long not, is drawn, and the same each time.
"""

import argparse
import random
import sys
import time
from collections.abc import Iterator

MEAN_S = 10.0  # of a time with or without it; without memory, so that no pattern of blocks meets it
SEED = 1


def draw_times(seconds: float) -> Iterator[tuple[bool, float]]:
    """Whether it burns, and for how many seconds: in turn, of `seconds` in all."""
    source, is_busy, left = random.Random(SEED), False, seconds
    while left > 0:
        lasts = min(left, source.expovariate(1 / MEAN_S))
        yield is_busy, lasts
        is_busy, left = not is_busy, left - lasts


def main(arguments: list[str]) -> int:
    """Burn and sleep in turn, and return the exit code."""
    parser = argparse.ArgumentParser("python -m tests.error_rates.neighbour", description=__doc__)
    parser.add_argument("seconds", type=float, help="after which it ends")
    until = time.monotonic()
    for is_busy, seconds in draw_times(parser.parse_args(arguments).seconds):
        until += seconds
        while is_busy and time.monotonic() < until:
            pass
        time.sleep(max(0.0, until - time.monotonic()))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
