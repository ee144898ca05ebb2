"""The options of compare.sh, whose header says what each is for."""

import argparse
import re
from pathlib import Path

from analysis.records.comparison import SIDES, check_within
from load.client.script import Arguments

SCENARIOS = ("read_heavy", "write_heavy", "baseline", "soak")  # the steady ones
WITHIN = 0.1


def read_within(text: str) -> float:
    """Return how far from 1 a ratio may be and be the same, from 10% or 0.1; raises ArgumentTypeError."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?)(%?)", text)
    try:
        return check_within(float(found[1]) / (100 if found[2] else 1) if found else 0.0)
    except ValueError:
        raise argparse.ArgumentTypeError(f"'{text}' must be like 10% or 0.1, more than 0 and less than 100%") from None


def name_host(text: str) -> str:
    """Return the word for a host that is taken for nothing else."""
    return text if "://" in text else f"http://{text}"


def read_options() -> argparse.Namespace:
    """Return the options; `what` has the word for each side."""
    parser = Arguments("compare.sh", add_help=False)
    form = parser.add_mutually_exclusive_group()
    for profile in ("full", "quick"):
        form.add_argument(f"--{profile}", dest="profile", action="store_const", const=profile, default="full")
    parser.add_argument("--scenario", default=SCENARIOS[0], choices=SCENARIOS)
    parser.add_argument("--within", type=read_within, default=WITHIN)
    parser.add_argument("--saturate", action="store_true")
    parser.add_argument("--host-a", default="")
    parser.add_argument("--host-b", default="")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--called-from", type=Path, default=Path())
    parser.add_argument("sides", nargs="*")
    options = parser.parse_intermixed_args()
    words = list(options.sides)
    options.what = {}
    for side in SIDES:
        host = getattr(options, f"host_{side}")
        options.what[side] = name_host(host) if host else "".join(words[:1])
        words = words if host else words[1:]
    if words or not all(options.what.values()):
        parser.error("A and B are needed, and no more: each is a git revision, a folder, or a host")
    return options
