"""Makes out of a recorded run one whose services run on two machines each, by the same process ids on both."""

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from analysis.plan.plan import Plan
from tests.support.made_runs import Break, change_samples, lines
from tests.support.recordings import write_lines, write_run

MACHINES = {"auth": ("auth-1", "auth-2"), "books": ("books-1", "books-2")}
SETTINGS = {"workers": "2", "threads": "16", "pool_size": "10", "read_model": "redis"}


def describe_machines(**of_books_2: str) -> dict[str, Any]:
    """The services of run.json; books-2 may have other settings."""
    services: dict[str, Any] = {}
    for service, names in MACHINES.items():
        machines = {name: {"url": f"http://{name}:5000", "version": "1.0.0", "settings": SETTINGS} for name in names}
        services[service] = {"url": f"http://front-of-{service}", "settings": SETTINGS, "machines": machines}
    services["books"]["machines"]["books-2"]["settings"] = SETTINGS | of_books_2
    return services


def on_two_machines(**of_books_2: str) -> Break:
    """Each service runs on two machines."""

    def change(folder: Path, plan: Plan) -> None:
        write_run(folder, plan, services=describe_machines(**of_books_2))
        path = folder / f"{plan.name}_server.jsonl"
        samples = [json.loads(line) for line in path.read_text().splitlines()]
        write_lines(path, [on for each in samples for on in put_on_machines(each)])

    return change


def put_on_machines(sample: dict[str, Any]) -> list[dict[str, Any]]:
    """A sample of a service as both of its machines give it."""
    return [copy.deepcopy(sample) | {"machine": machine} for machine in MACHINES[sample["service"]]]


def on_machine(machine: str, change: Callable[[dict[str, Any]], object], begin: float = 0, end: float = 10**9) -> Break:
    """Other samples of a machine in the seconds from `begin` on and before `end`."""
    return change_samples(lambda sample: change(sample) if sample["machine"] == machine else None, begin, end)


def set_clock(machine: str, seconds: float) -> Break:
    """The clock of a machine is ahead."""
    return on_machine(machine, lambda sample: sample.update(server_at=sample["server_at"] + seconds))


def silence(machine: str, begin: float = 0, end: float = 10**9) -> Break:
    """A machine gives no sample in the seconds from `begin` on and before `end`."""

    def change(sample: dict[str, Any]) -> None:
        for name in ("values", "workers", "server_at", "took"):
            del sample[name]
        sample["error"] = "no answer: ConnectionError"

    return on_machine(machine, change, begin, end)


def leave_out(machine: str) -> Break:
    """No line is of that machine."""
    return lines("_server.jsonl", lambda found: [line for line in found if f'"{machine}"' not in line])
