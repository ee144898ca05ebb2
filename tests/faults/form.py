"""The two forms of every experiment: the long one as the promises are written, the short one for everyday checks."""

from typing import NamedTuple


class Form(NamedTuple):
    """Which form is run; bounds are doubled in the short one, faults and looks are shorter, the load is small."""

    long: bool

    @property
    def name(self) -> str:
        """Name the form."""
        return "long" if self.long else "short"

    def bound(self, value: float) -> float:
        """Give a promised bound as it is asserted."""
        return value if self.long else 2 * value

    def choose(self, long: float, short: float) -> float:
        """Give the length, rate or count of this form."""
        return long if self.long else short

    @property
    def good_s(self) -> float:
        """Give how many seconds in a row must be good before the service counts as recovered."""
        return self.choose(5, 2)

    @property
    def noise_s(self) -> float:
        """Give the time below which a latency tells more of the machine than of the service: levels begin there."""
        return self.choose(0.025, 0.1)

    @property
    def level_s(self) -> float:
        """Give how long the load runs before the fault, to know its level."""
        return self.choose(12, 3)
