"""Takes out of Locust what would stall the event loop, and with it every user, in the middle of a load."""

import gc
import inspect
from functools import cache
from typing import Any

from locust import argument_parser, events


def warm_up(**_: Any) -> None:
    """Do before there are users what would be slow among them.

    Locust looks at the call stack when a load stops, and the first look reads all modules. What is there now, the
    catalogue above all, stays: the garbage collector need not go through it again and again.
    """
    inspect.stack()
    gc.collect()
    gc.freeze()


# A worker process asks for this a hundred times on every message that changes the users: 0.1 to 0.4 s without a cache.
argument_parser.default_args_dict = cache(argument_parser.default_args_dict)
events.test_start.add_listener(warm_up)  # type: ignore[no-untyped-call]  # Locust's
