"""Takes out of Locust what would stall the event loop, and with it every user, in the middle of a load."""

import inspect
from functools import cache
from typing import Any

from locust import argument_parser, events


def warm_up(**_: Any) -> None:
    """Look at the call stack once before there are users: Locust does when a load stops, and the first look is slow."""
    inspect.stack()


# A worker process asks for this a hundred times on every message that changes the users: 0.1 to 0.4 s without a cache.
argument_parser.default_args_dict = cache(argument_parser.default_args_dict)
events.test_start.add_listener(warm_up)  # type: ignore[no-untyped-call]  # Locust's
