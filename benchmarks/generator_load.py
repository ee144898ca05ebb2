"""The users of this project without think time, who look at the list and at one book, with all checks and records."""

from locust import constant

import benchmarks.generator_turn  # noqa: F401  measures this process
from load.users.reads import list_books, one_book
from load.users.user import LibraryUser
from locustfile import MIX


class BusyReader(LibraryUser):
    """Reads without a pause."""

    tasks = {action: MIX[action] for action in (list_books, one_book)}  # noqa: RUF012  as Locust has it
    think_time = constant(0)
