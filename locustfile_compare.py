"""The load of one side of a comparison: its users act in the blocks of that side, and are idle in those of the other.

`./compare.sh A B` runs it once for each side, as --record FOLDER/a and FOLDER/b; FOLDER/plan.json says what they do.
"""

from typing import Any

from locust import LoadTestShape

import locustfile
import locustfile_write_heavy
from load.run.blocks import course_of
from load.run.hooks import install_hooks
from load.users.block_user import BlockUser

SPAWN_RATE = 100.0  # users a second; they wait for the first block


class Visitor(BlockUser):
    """Does what the users of a scenario do."""

    mixes = {"locustfile.py": locustfile.MIX, "locustfile_write_heavy.py": locustfile_write_heavy.MIX}  # noqa: RUF012


class Blocks(LoadTestShape):
    """All users from the beginning to the end of the last block."""

    runner: Any  # set by Locust

    def tick(self) -> tuple[int, float] | None:
        """Return the users and the spawn rate, None at the end; Locust asks once a second."""
        course = course_of(self.runner.environment)
        course.look()
        return None if course.is_over else (course.users, SPAWN_RATE)


install_hooks()
