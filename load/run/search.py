"""Chooses the load of the next step of a search for the break-point, by what the steps before have shown.

It grows until a step breaks, or shrinks until one holds; halves the ratio of the two until they are near each other;
then tries both again. A step that gives another answer the second time is neither of the two. The search goes on to the
next step that is near it, and tries that step again too. A step at which the load itself gave way says nothing of the
services: the search goes on below it.
"""

import math
from collections import defaultdict

from analysis.records import steps

LEAST = 10  # of which a step has to have some requests to judge


class Tries:
    """The steps that were tried, each a load; True among its tries where it broke."""

    def __init__(self, first: int, most: int, growth: float, width: float) -> None:
        """Begin with a load of `first`; loads grow by a factor, to `most` at most, and differ by `width` at last."""
        self.first, self.most, self.growth, self.width = first, most, growth, width
        self.tries: dict[int, list[bool]] = defaultdict(list)
        self.ceiling: int | None = None  # the smallest load at which the load itself gave way

    def note(self, load: int, *, broke: bool) -> None:
        """Take what a step has shown."""
        self.tries[load].append(broke)

    def stop_below(self, load: int) -> None:
        """Take that the load itself gave way in a step: no load is as large from now on."""
        self.ceiling = min(load, self.ceiling or load)

    @property
    def holds(self) -> int | None:
        """The largest load that held each time, as all smaller ones did."""
        return self.find_ends().holds

    @property
    def breaks(self) -> int | None:
        """The smallest load that broke each time, as all larger ones did."""
        return self.find_ends().breaks

    def find_ends(self) -> steps.Bracket:
        """Give the largest load that holds and the smallest that breaks, as far as there are any."""
        return steps.find_bracket((load, broke) for load, tries in self.tries.items() for broke in tries)

    def choose(self) -> int | None:
        """Give the load of the next step; None when nothing more is to be tried."""
        if not self.tries and self.ceiling is None:
            return self.first
        holds, breaks = self.holds, self.breaks
        if breaks is None and self.ceiling is None:
            return self._grow(max(self.tries))
        if holds is None:
            return self._shrink(min([*self.tries, *self._ceilings]))
        return self._halve(holds) or (self._try_again(holds, breaks) if breaks else None)

    def choose_calm(self) -> int:
        """Give the load between two steps after a break: the smallest that held, else half of the next."""
        held = [load for load, broke in self.tries.items() if broke and not any(broke)]
        return min(held) if held else max(LEAST, (self.choose() or self.first) // 2)

    def _grow(self, top: int) -> int | None:
        return None if top >= self.most else min(math.ceil(top * self.growth), self.most)

    def _shrink(self, bottom: int) -> int | None:
        return None if bottom <= LEAST else max(LEAST, math.floor(bottom / self.growth))

    def _halve(self, holds: int) -> int | None:
        """Give the middle of two loads that are not near each other: of `breaks` and the largest that held in any try,
        else of `holds` and the smallest that broke in any. Both pairs are one, unless a step has given two answers.
        """
        held = [load for load, broke in self.tries.items() if not all(broke)]
        broken = [load for load, broke in self.tries.items() if any(broke)]
        upper = [each for each in (self.breaks, *self._ceilings) if each]
        for low, high in ((max(held), min(upper)), (holds, min([*broken, *self._ceilings]))):
            middle = round(math.sqrt(low * high))
            if high / low > 1 + self.width and low < middle < high:
                return middle
        return None

    def _try_again(self, *ends: int) -> int | None:
        once = [load for load in ends if len(self.tries[load]) < 2 and load < (self.ceiling or math.inf)]
        return once[0] if once else None

    @property
    def _ceilings(self) -> list[int]:
        return [self.ceiling] if self.ceiling else []
