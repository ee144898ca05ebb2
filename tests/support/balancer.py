"""One address before several services: each connection goes to the next of them, as a load balancer may do it."""

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import cycle

from tests.faults.proxy import Proxy


class Balancer(Proxy):
    """A proxy that passes connections on to several ports in turn."""

    def __init__(self, ports: list[int]) -> None:
        """Take the ports to pass on to."""
        super().__init__(ports[0])
        self._turns = cycle(ports)

    def choose_port(self) -> int:
        """Give the next port."""
        return next(self._turns)


@contextmanager
def run_balancer(*urls: str) -> Iterator[str]:
    """Run a balancer before services of this machine during the block; give its address."""
    balancer = Balancer([int(url.rpartition(":")[2]) for url in urls])
    balancer.start()
    try:
        yield f"http://127.0.0.1:{balancer.port}"
    finally:
        balancer.stop()
