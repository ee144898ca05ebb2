"""The everyday load in steps that grow until one breaks, to find how many users the services bear.

`./run_all_tests.sh --only break_point` runs it. To look for the break-point by hand, see locustfile.py.
"""

from load.run.hooks import install_hooks
from load.run.search_shape import SearchShape
from locustfile import EverydayUser  # noqa: F401  Locust spawns it


class BreakPoint(SearchShape):
    """Steps of users, as the limits of the scenario file say."""


install_hooks()
