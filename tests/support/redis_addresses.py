"""A Redis of a test's own that can be reached under TLS, over a socket, and as a user with a password of its own."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

from stack.ports import find_free_ports
from tests.support.certificates import Certificates, make_certificates
from tests.support.own_redis import OwnRedis, run_own_redis
from tests.support.stacks import Stack

USER, PASSWORD = "reader", "p#/?@[%:w"


class Addresses:
    """The server, its certificates, and the addresses that lead to it."""

    def __init__(self, store: OwnRedis, made: Certificates, tls_port: int, socket: Path) -> None:
        """Take what runs."""
        self.store, self.certificates, self.tls_port = store, made, tls_port
        login = f"{USER}:{quote(PASSWORD, safe='')}@"
        self.urls = {
            "a user": store.url.replace("//", f"//{login}").removesuffix("0") + "1",
            "TLS": f"rediss://{login}127.0.0.1:{tls_port}/2?ssl_ca_certs={made.ca}",
            "a socket": f"unix://{login}{socket}?db=3",
        }


@contextmanager
def run_redis_with_addresses(stack: Stack, folder: Path) -> Iterator[Addresses]:
    """Run that Redis, with everything that it needs in a folder, until the end of the block."""
    made, socket, (tls_port,) = make_certificates(folder), folder / "redis.sock", find_free_ports(1)
    settings = {
        "bind": "127.0.0.1 127.0.0.2",
        "tls-port": str(tls_port),
        "tls-auth-clients": "no",
        "tls-ca-cert-file": str(made.ca),
        "tls-cert-file": str(made.certificate),
        "tls-key-file": str(made.key),
        "unixsocket": str(socket),
        "user": f"{USER} on >{PASSWORD} ~* &* +@all",
    }
    options = [part for name, value in settings.items() for part in (f"--{name}", *value.split())]
    with run_own_redis(stack, folder, *options) as store:
        yield Addresses(store, made, tls_port, socket)
