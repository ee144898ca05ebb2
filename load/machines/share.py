"""The share of a joined machine: which accounts and which ISBNs are its own."""

import os
from typing import NamedTuple, TypeVar

VARIABLE = "LOAD_SHARE"
Item = TypeVar("Item")


class Share(NamedTuple):
    """Machine `number`, from 0 on, of so many; `seed` is a random number that all of them have in common."""

    number: int
    machines: int
    seed: int

    def of(self, items: list[Item]) -> list[Item]:
        """Return every item that is this machine's and no other's."""
        return items[self.number :: self.machines]

    def __str__(self) -> str:
        return " ".join(map(str, self))


def own_share() -> Share | None:
    """Return the share of this process's machine, None where no machines have joined."""
    words = os.environ.get(VARIABLE, "").split()
    return Share(*map(int, words)) if words else None
