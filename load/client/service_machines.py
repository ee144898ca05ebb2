"""The machines that run the services, where each is to be sampled by itself: --metrics-url NAME=URL.

The service of an address is told by its /health. run.json keeps the machines of a service below it, by name.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from analysis.records.results_folder import name_source
from load.client.addresses import SERVICES, check_url
from load.client.refusal import BROKEN, Refused
from load.client.target import probe

OPTION = "--metrics-url"
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,39}")
RIGHT = "give NAME=URL, like books-2=http://10.0.0.7:5001, each NAME and each URL once"


class Sampled(NamedTuple):
    """An address that is sampled: its service, its machine ("" where the service has no named machines), its URL."""

    service: str
    machine: str
    url: str

    @property
    def source(self) -> str:
        """Its name in the records."""
        return name_source(self.service, self.machine)


def list_sampled(services: Mapping[str, Any]) -> list[Sampled]:
    """Return what is sampled of the services of a run.json: the machines of a service, or its address."""
    return [
        Sampled(service, machine, part["url"])
        for service, whole in services.items()
        for machine, part in (whole.get("machines") or {"": whole}).items()
    ]


def read_metrics_urls(texts: Sequence[str]) -> dict[str, str]:
    """Return the addresses that the options give, by name; raises Refused, which says what would be right."""
    urls: dict[str, str] = {}
    for text in texts:
        name, equals, url = text.partition("=")
        if not equals:
            raise Refused(f"{OPTION} {text!r} has no name; {RIGHT}")
        if not NAME.fullmatch(name):
            letters = "1 to 40 letters, digits, '.', '_' and '-', the first a letter or digit"
            raise Refused(f"{OPTION} {text!r}: a NAME has {letters}; {RIGHT}")
        url = check_url(url, f"the address of {OPTION} {name}")
        if name in urls or url in urls.values():
            twice = name if name in urls else url
            raise Refused(f"{OPTION} gives {twice} twice; {RIGHT}")
        urls[name] = url
    return urls


def find_machines(urls: Mapping[str, str]) -> dict[str, dict[str, dict[str, str]]]:
    """Return the machines as run.json has them: by service, as far as it has any, {name: {"url": URL}}.

    Raises Refused with exit code 3, naming the option and what answers there, unless it is one of the services.
    """
    machines: dict[str, dict[str, dict[str, str]]] = {}
    for name, url in urls.items():
        found = probe(url)
        if found not in SERVICES:
            what = found or "nothing"
            raise Refused(
                f"{OPTION} {name}={url}: {what} answers there; it must be the address of an auth or a books service",
                BROKEN,
            )
        machines.setdefault(found, {})[name] = {"url": url}
    return machines
