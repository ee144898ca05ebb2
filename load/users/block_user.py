"""The user of a comparison: acts in the blocks of its side, does the same in both of a pair, and waits in between."""

import time
from collections.abc import Mapping
from random import Random
from typing import Any, ClassVar

import gevent
from locust.env import Environment
from locust.user.task import LOCUST_STATE_RUNNING, LOCUST_STATE_WAITING

from analysis.records.comparison import PlannedBlock
from load.run.blocks import course_of
from load.users.user import LibraryUser

SPREAD_S = 2.0  # in which the users of a block begin: as long as they think on average
LOOK_S = 0.2

Mix = Mapping[Any, int]  # actions and their weights


def act(user: "BlockUser") -> None:
    """Do the next action of a block; where none is under way, wait for it."""
    user.await_block()
    (action,) = user.chance.choices(user.actions, user.weights)
    action(user)


class BlockUser(LibraryUser):
    """Keeps its session, its connections and its books from block to block."""

    abstract = True
    tasks = [act]  # noqa: RUF012  Locust's way
    mixes: ClassVar[Mapping[str, Mix]]  # by the locustfile that has the mix

    def __init__(self, environment: Environment) -> None:
        """Take the mix of the comparison."""
        super().__init__(environment)
        self.course = course_of(environment)
        self.block: PlannedBlock | None = None
        self.chance = Random()
        mix = self.mixes[self.course.mix]
        self.actions, self.weights = list(mix), list(mix.values())

    def await_block(self) -> None:
        """Wait until a block of this side is under way. A new one begins the same series of actions and think times as
        the user of the same number has on the other side of its pair.
        """
        self._state = LOCUST_STATE_WAITING
        while (block := self.course.find_block()) is None:
            gevent.sleep(LOOK_S)
        if block is not self.block:
            self.block = block
            self.chance = Random(f"{self.course.seed} {block.pair} {self.number}")
            begin = block.warm_from + self.chance.uniform(0, SPREAD_S)
            gevent.sleep(max(0.0, begin - time.time()))
        self._state = LOCUST_STATE_RUNNING

    def think_time(self) -> float:
        """Return for how many seconds to think: 1 to 3, or not at all where the services are to be saturated."""
        return 0.0 if self.course.saturates else self.chance.uniform(1, 3)
