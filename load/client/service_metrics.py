"""Reads /metrics of the services: finds the token for it, asks for it, and tells whether others load the services."""

import os
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

import requests
from prometheus_client.parser import text_string_to_metric_families

from load.client.addresses import SERVICES
from load.client.http_client import open_http
from load.client.refusal import BROKEN, Refused
from load.client.settings import read_env_file, setting
from load.client.target import TIMEOUT_S, Target

COUNT = "http_request_duration_seconds_count"
PAGES = ("/", "/health", "/ready", "/metrics", "/docs", "/openapi.json")  # what a monitor asks for
LOOK_S = 1.0
FEW = 5  # requests of others in that time that do not matter: a person looks at a page


def read_stack(urls: Iterable[str]) -> dict[str, str | None]:
    """Return the settings in stack.env of the local stack if one of its services is among the addresses and runs, else
    none: a stack that was killed leaves the file behind.
    """
    folder = Path(os.environ.get("STACK_DIR") or ".local")
    stack = read_env_file(folder / "stack.env", interpolate=False)
    asked = {url.replace("//localhost:", "//127.0.0.1:") for url in urls}
    mine = [name for name in SERVICES if stack.get(f"{name.upper()}_URL") in asked]
    return stack if any(runs(folder / f"{name}.pid") for name in mine) else {}


def runs(path: Path) -> bool:
    """Tell whether the very process of a pid file of stack/processes.sh lives: its pid, then its start in ticks."""
    try:
        pid, started = path.read_text(encoding="utf-8").split()[:2]
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except (OSError, ValueError):
        return False
    fields = stat.rpartition(")")[2].split()
    return fields[0] not in "ZX" and fields[19] == started


def find_token(target: Target) -> str:
    """Return the token for /metrics: the environment's, else the local stack's if that is the target, else .env's."""
    return os.environ.get("METRICS_TOKEN") or read_stack(target).get("METRICS_TOKEN") or setting("METRICS_TOKEN")


def read_metrics(name: str, url: str, token: str) -> str:
    """Return the text of /metrics of a service; raises Refused, with the line to add when the token is wrong."""
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    try:
        answer = open_http().get(f"{url}/metrics", headers=headers, timeout=TIMEOUT_S)
    except requests.RequestException:
        raise Refused(f"{url} gave no metrics within {TIMEOUT_S:g} s; see its log", BROKEN) from None
    if answer.status_code == 401:
        problem = "does not accept the METRICS_TOKEN given here" if token else "wants a token"
        line = "METRICS_TOKEN=<the value that the services have>"
        first = ", and take METRICS_TOKEN out of the environment, which wins" if os.environ.get("METRICS_TOKEN") else ""
        raise Refused(f"{url}/metrics {problem}; add this line to .env: {line}{first}", BROKEN)
    if not answer.ok:
        raise Refused(f"{url}/metrics answered {answer.status_code}; is it this project's {name} service?", BROKEN)
    return answer.text


def count_requests(text: str) -> int:
    """Return how many requests a service has answered so far by its metrics, without those for PAGES."""
    samples = [sample for family in text_string_to_metric_families(text) for sample in family.samples]
    return int(sum(each.value for each in samples if each.name == COUNT and each.labels["route"] not in PAGES))


def refuse_other_load(
    target: Target, token: str, sampled: Sequence[tuple[str, str]] = (), *, look_s: float = LOOK_S, few: int = FEW
) -> None:
    """Raise Refused when the services answer requests although this run sends none: two loads spoil each other.

    Each would take the other's books for wrong answers, and no verdict could tell which load found the limit. `sampled`
    has (service, address) of each machine where services run on several: what they answered is added up. More than
    `few` answers in `look_s` seconds are a load.
    """
    counts: list[Counter[str]] = []
    for moment in range(2):
        time.sleep(moment * look_s)
        counts.append(Counter())
        for name, url in sampled or target._asdict().items():
            counts[moment][name] += count_requests(read_metrics(name, url, token))
    for name, url in target._asdict().items():
        answered = counts[1][name] - counts[0][name]
        if answered > few:
            raise Refused(
                f"{url} is under load from elsewhere: it answered {answered} requests within {look_s:g} s;"
                " wait for the end of that one, or give another host",
                BROKEN,
            )
