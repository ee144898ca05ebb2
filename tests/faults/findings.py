"""What an experiment finds, how it is described, and the controls that show that its checks can fail."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from tests.faults.builds import Cut

if TYPE_CHECKING:
    from tests.faults.stand import Stand
    from tests.faults.subject import Subject


class Finding(NamedTuple):
    """One thing that was promised, and what was measured of it."""

    what: str
    bound: str
    measured: str
    holds: bool


Run = Callable[["Stand", Sequence["Subject"]], list[list[Finding]]]


@dataclass(frozen=True)
class Control:
    """A build with a protection taken out, and how the findings begin that must then not hold."""

    without: str
    fails: tuple[str, ...]
    cuts: tuple[Cut, ...]
    cheap: bool = True  # else it is part of the long form only
    only: tuple[str, ...] = ()  # the service that it is about: in the short form the other is the product's


@dataclass(frozen=True)
class Experiment:
    """One fault. `run` makes it for all builds that it is given at once, and returns the findings of each."""

    name: str
    fault: str
    run: Run
    controls: tuple[Control, ...] = ()
    proxied: bool = False  # its services reach the stores through the proxies
    settings: tuple[tuple[str, str], ...] = ()  # of the services, other than the defaults
    together: bool = True  # in the short form its controls run beside the product and feel the same fault
    begins_anew: bool = False  # needs processes that have felt no other fault


def find_bound(what: str, measured: float, bound: float, unit: str = "s", digits: int = 2) -> Finding:
    """Return the finding that something measured is at most its bound."""
    return Finding(what, f"≤ {bound:g} {unit}", f"{measured:.{digits}f} {unit}", measured <= bound)


def find_none(what: str, faults: Sequence[object], of: int) -> Finding:
    """Return the finding that there are no faults among so many; the first ones are shown."""
    words = f"{len(faults)} of {of}" + (f", first: {'; '.join(map(str, faults[:3]))}" if faults else "")
    return Finding(what, "0", words, not faults and of > 0)
