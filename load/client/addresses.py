"""The addresses of the two services, from a variable, a host or a port, and whether they are well-formed."""

import ipaddress
import re
from urllib.parse import urlsplit

from load.client.refusal import Refused
from load.client.settings import setting

SERVICES = {"auth": "5000", "books": "5001"}  # their ports, unless others are given


def service_url(service: str, host: str = "") -> str:
    """Return the address of "auth" or "books": AUTH_URL or BOOKS_URL, else its port on `host`.

    `host` is "H" or "http://H", a name or an address, without a port; empty for this machine, whose ports
    are AUTH_PORT and BOOKS_PORT if set. Raises Refused.
    """
    variable = f"{service.upper()}_URL"
    if url := setting(variable):
        return check_url(url, variable)
    name = host_name(host or "127.0.0.1")
    port = SERVICES[service]
    if name in ("127.0.0.1", "localhost", "[::1]"):
        port = setting(f"{service.upper()}_PORT", port)
        if not port.isdigit() or not 0 < int(port) < 65536:
            raise Refused(f"{service.upper()}_PORT is '{port}': it must be a port from 1 to 65535")
    return f"http://{name}:{port}"


def check_url(url: str, called: str) -> str:
    """Return an address without a slash at its end; raises Refused, which names it as it is `called`."""
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and parts.hostname and "@" not in parts.netloc
        usable = usable and parts.path in ("", "/") and not parts.query and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        raise Refused(f"{called}, {url!r}, must be like http://HOST:PORT")
    return url.rstrip("/")


def host_name(host: str) -> str:
    """Return the name or address in "H" or "http://H", in brackets for IPv6; raises Refused."""
    bare = re.sub(r"^http://", "", host.strip(), flags=re.IGNORECASE).rstrip("/").strip("[]")
    if ":" in bare or re.fullmatch(r"[0-9.]+", bare):
        try:
            address = ipaddress.ip_address(bare)
        except ValueError:
            address = None
        if address:
            return f"[{address}]" if address.version == 6 else str(address)
    elif re.fullmatch(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?", bare):
        return bare
    raise Refused(
        f"host '{host}' must be a name or an address, like http://203.0.113.7, for ports 5000 and 5001;"
        " for anything else set AUTH_URL and BOOKS_URL"
    )
