"""Runs that passed once and must never pass again: more than one rule may fail in them."""

import random

from analysis.findings import FAIL, INCONCLUSIVE
from tests.support.control_cases import Control
from tests.support.made_runs import Slow, load, services
from tests.support.recordings import ADD, CHANGE, LIST, LOGIN, ONE, usual_latency

GROWS, MB = ("memory of books 4001: no growth",), 1e6
NORMAL, SHED, STOOD = ("normal after the spike",), ("few requests were refused",), ("the services never stood still",)
WITH_LOG_INS = {LIST: 44, ONE: 29, ADD: 3, CHANGE: 4, LOGIN: 20}
STILL = ((30, 10), (70, 9), (110, 8), (150, 3), (190, 2))  # in a freeze of n seconds n - 1 are dead


def rise_in_one_place(second: int, endpoint: str, source: random.Random) -> float:
    """Five of the 90 s of the last third of a baseline are slow, those next to each other."""
    return 620.0 if 250 <= second < 255 else usual_latency(second, endpoint, source)


REGRESSIONS = (
    Control("spike: recovery", "spike", "every answer is 503 for 105 s, from 15 s after the spike on",
            (load(kind_at=lambda second, _: "shed" if second >= 145 else "right"),), NORMAL, FAIL,
            profile="full", others=True),
    Control("spike: recovery", "spike", "every answer takes 1.8 s from 15 s after the spike on", (load(Slow(1, 1800,
            begin=145)),),
            NORMAL, FAIL, profile="full", others=True),
    Control("spike: before, in and after it", "spike", "half of all is refused before the spike",
            (load(kind_at=lambda second, number: "shed" if second < 60 and number % 2 else "right"),), SHED, FAIL,
            profile="full", others=True),
    Control("standstills", "read_heavy", "27 of 300 s are dead", (load(freezes=STILL),), STOOD, FAIL,
            profile="full", others=True),
    Control("standstills", "baseline", "27 of 300 s are dead", (load(freezes=STILL),), STOOD, FAIL,
            profile="full", others=True),
    Control("standstills", "read_heavy", "the catalogue is dead for 4 s while log-ins go on",
            (load(freezes=((100, 5),), goes_on="auth", mix=WITH_LOG_INS),), STOOD, FAIL,
            profile="full", others=True),
    Control("standstills", "soak", "27 of 150 s are dead", (load(freezes=((40, 10), (80, 10), (120, 10))),), STOOD,
            FAIL,
            others=True),
    Control("standstills", "soak", "324 of 1,800 s are dead", (load(freezes=tuple((at, 10) for at in range(20, 1784,
            49))),),
            STOOD, FAIL, profile="full", others=True),
    Control("soak", "soak", "memory of a worker grows by 140 MB in the last seven minutes",
            (services(memory=lambda second: max(0, second - 1380) * MB / 3),), GROWS, FAIL,
            profile="full", others=True),
    Control("soak", "soak", "memory of a worker rises by 600 MB at once", (services(memory=lambda second: 600 * MB * (
            second >= 900)),), GROWS, FAIL, profile="full", others=True),
    Control("soak", "soak", "a worker leaks to 1 GB and is replaced every ten minutes", (services(memory=lambda second:
            second * MB * 10 / 6, replaced=600),), GROWS, FAIL, profile="full", others=True),
    Control("baseline: drift", "baseline", "p95 of the last third is 38 times the first, 1.00 to 42",
            (load(latency=rise_in_one_place),), ("p95 is steady",), INCONCLUSIVE, profile="full", others=True),
)  # fmt: skip
