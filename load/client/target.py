"""Chooses the two services that a run loads: where they should be, and what really answers there."""

import argparse
import socket
from typing import NamedTuple
from urllib.parse import urlsplit

import requests

from load.client.addresses import SERVICES, check_url, service_url
from load.client.http_client import name_service, open_http, refuse_untrusted
from load.client.refusal import BROKEN, Refused
from load.client.settings import setting

TIMEOUT_S = 5.0


class Target(NamedTuple):
    """The addresses of the two services."""

    auth: str
    books: str


def read_target(options: argparse.Namespace) -> tuple[Target, bool]:
    """Return the addresses that options and environment give, or those of this machine, and whether any was given.

    An option wins over AUTH_URL and BOOKS_URL, and they win over --host. Raises Refused.
    """
    urls = {name: getattr(options, f"{name}_url") for name in SERVICES}
    given = [name for name in SERVICES if urls[name] or setting(f"{name.upper()}_URL")]
    if len(given) == 1 and not options.host:
        missing = next(name for name in SERVICES if name not in given)
        raise Refused(f"only the address of the {given[0]} service is given: give --{missing}-url too")
    for name, url in urls.items():
        called = f"the address of the {name} service"
        urls[name] = check_url(url, called) if url else service_url(name, options.host)
    return Target(**urls), bool(given or options.host)


def probe(url: str) -> str | None:
    """Return what answers at `url`: "auth", "books", words for anything else, or None without a connection.

    Raises Refused for a certificate that is not believed.
    """
    parts = urlsplit(url)
    try:
        port = parts.port or (443 if parts.scheme == "https" else 80)
        socket.create_connection((parts.hostname or "", port), timeout=TIMEOUT_S).close()
    except (OSError, UnicodeError):
        return None
    try:
        answer = open_http().get(f"{url}/health", timeout=TIMEOUT_S, allow_redirects=False)
    except requests.Timeout:
        return f"something that is silent for {TIMEOUT_S:g} s"
    except requests.RequestException as problem:
        refuse_untrusted(url, problem)
        return "something that does not speak HTTP"
    other = f"something else (status {answer.status_code}, server {answer.headers.get('Server', 'unnamed')!r})"
    return name_service(answer) or other


def choose_target(target: Target, given: bool) -> str:
    """Return "given" or "running" when both services answer, "absent" when nothing does and no address was given.

    Raises Refused with exit code 3, naming the address and what answers there.
    """
    found = {name: probe(url) for name, url in target._asdict().items()}
    wrong = [name for name in SERVICES if found[name] != name]
    if not wrong:
        return "given" if given else "running"
    if not given and not any(found.values()):
        return "absent"
    name = next((name for name in wrong if found[name]), wrong[0])
    url = target._asdict()[name]
    words = {None: "nothing", "auth": "the auth service", "books": "the books service"}
    advice = "start both services and open their ports, or give another host"
    if not given:
        advice = f"free port {urlsplit(url).port}, set {name.upper()}_PORT, or give a host with --host"
    if not given and not found[name]:
        advice = "./local_stack.sh up starts what is missing"
    what = words.get(found[name], found[name])
    raise Refused(f"{url} should be the {name} service, but {what} answers there; {advice}", BROKEN)
