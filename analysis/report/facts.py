"""Tells what ran where: date, target, machine and versions, as far as run.json has them."""

from collections.abc import Mapping
from typing import Any

from analysis.findings import RunReport
from analysis.number_formats import show_moment, show_number
from analysis.records.gaps import LARGEST

GIB = 1024**3
SETTINGS = {
    "workers": "workers",
    "pool_size": "pool",
    "bcrypt_rounds": "bcrypt cost",
    "read_model": "read model",
    "db_tls": "TLS to MariaDB",
    "redis_tls": "TLS to Redis",
}


def list_facts(report: RunReport) -> list[tuple[str, str]]:
    """(what, words) of every fact that is known."""
    facts = report.facts
    services = {name: part for name, part in _part(facts, "services").items() if isinstance(part, Mapping)}
    found = [
        ("Run", f"{report.name}, {report.profile} profile"),
        ("Date", find_date(report)),
        ("Target", ", ".join(f"{name} {part['url']}" for name, part in services.items() if part.get("url"))),
        *((f"{name.capitalize()} service", describe_service(part)) for name, part in services.items()),
        *list_machines(services),
        ("Stores", describe_stores(services)),
        ("Load from", describe_machine(_part(facts, "machine"))),
        ("Load side", describe_load(facts)),
        ("Load machines", describe_load_machines(facts)),
        ("Commit", str(facts.get("commit") or "")[:41]),
    ]
    return [(name, words) for name, words in found if words]


def _part(facts: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    part = facts.get(name)
    return part if isinstance(part, Mapping) else {}


def find_date(report: RunReport) -> str:
    """When the run began: as run.json says, else when its first load began."""
    if isinstance(started := report.facts.get("started"), str):
        return started[:19].replace("T", " ") + (" UTC" if started.endswith("+00:00") else started[19:])
    moments = [scenario.started for scenario in report.scenarios if scenario.started]
    return show_moment(min(moments)) if moments else ""


def describe_service(service: Mapping[str, Any]) -> str:
    """Version and settings of one service."""
    settings = _part(service, "settings")
    words = [f"{word} {settings[name]}" for name, word in SETTINGS.items() if name in settings]
    if "version" in service:
        words.insert(0, f"version {service['version']}")
    return ", ".join([*words, *([str(settings["driver"])] if "driver" in settings else [])])


def list_machines(services: Mapping[str, Mapping[str, Any]]) -> list[tuple[str, str]]:
    """(what, words) of each machine of a service that runs on several."""
    return [
        (f"{service.capitalize()} on {name}", f"{part.get('url', '')}, {describe_service(part)}".strip(", "))
        for service, whole in services.items()
        for name, part in _part(whole, "machines").items()
        if isinstance(part, Mapping)
    ]


def describe_load_machines(facts: Mapping[str, Any]) -> str:
    """`load-1 with --processes 4, load-2 with --processes 1`: the machines that made the load for the one that led."""
    machines = facts.get("machines")
    found = [part for part in machines if isinstance(part, Mapping)] if isinstance(machines, list) else []
    return ", ".join(f"{part.get('name')} with --processes {part.get('processes')}" for part in found)


def describe_stores(services: Mapping[str, Mapping[str, Any]]) -> str:
    """The versions of the stores that the services named."""
    stores = {name: version for part in services.values() for name, version in _part(part, "stores").items()}
    return ", ".join(f"{name} {version}" for name, version in stores.items())


def describe_machine(machine: Mapping[str, Any]) -> str:
    """The machine that made the load."""
    words = [str(machine.get("cpu", ""))]
    if "cpus" in machine:
        words.append(f"{machine['cpus']} cores")
    if isinstance(memory := machine.get("memory_bytes"), int) and 0 < memory <= LARGEST:
        words.append(f"{show_number(memory / GIB)} GiB")
    words.append(str(machine.get("kernel", "")))
    words += [f"{name.capitalize()} {machine[name]}" for name in ("python", "locust") if name in machine]
    return ", ".join(word for word in words if word)


def describe_load(facts: Mapping[str, Any]) -> str:
    """Processes and accounts of the load."""
    words = []
    if isinstance(count := facts.get("processes"), int):
        words.append(f"{count} {'process' if count == 1 else 'processes'}")
    if isinstance(accounts := facts.get("accounts"), int):
        words.append(f"{show_number(accounts)} accounts")
    return ", ".join(words)
