"""Holds machines that run the services over the same stores against each other, by what each says in its /metrics."""

import re
import time
from collections.abc import Mapping
from typing import Any, NamedTuple

from analysis.records.clocks import MOST_APART_S
from load.client.refusal import BROKEN, Refused
from load.client.service_machines import Sampled, list_sampled
from load.client.service_metrics import read_metrics

# Settings that must be the same on all machines of a service. Another bcrypt cost shows by the time of a log-in which
# names have an account; a machine without the read model does not bring its writes into it before it answers.
SAME = {"auth": ("bcrypt_rounds",), "books": ("read_model",)}
STORES = ("mariadb", "redis")  # which the books service names; another version is another store
LOOKS = 3  # at a clock: the quickest exchange counts


class Look(NamedTuple):
    """What a machine said: by how much its clock is ahead of this machine's, and how many connections MariaDB allows.

    None for what it does not say.
    """

    shift_s: float | None
    most_connections: float | None


def refuse_disagreement(services: Mapping[str, Any], token: str) -> None:
    """Raise Refused when the machines of a run.json together cannot keep the guarantees."""
    sampled = list_sampled(services)
    said = {
        each: services[each.service]["machines"][each.machine] if each.machine else services[each.service]
        for each in sampled
    }
    refuse_difference("version", {each.source: part["version"] for each, part in said.items()})
    for service, names in SAME.items():
        mine = {each.source: part for each, part in said.items() if each.service == service}
        for name in names:
            refuse_difference(name, {source: part["settings"].get(name) for source, part in mine.items()})
        for store in STORES:
            named = {source: part["stores"][store] for source, part in mine.items() if store in part["stores"]}
            refuse_difference(f"the version of {store}", named)
    looks = {each.source: look_at(each, token) for each in sampled}
    refuse_clocks({source: look.shift_s for source, look in looks.items() if look.shift_s is not None})
    allowed = [look.most_connections for look in looks.values() if look.most_connections]
    refuse_pools(
        {each.source: count_pooled(part["settings"]) for each, part in said.items()}, min(allowed, default=None)
    )


def refuse_difference(what: str, values: Mapping[str, object]) -> None:
    """Raise Refused unless all have the same value."""
    if len(set(values.values())) > 1:
        said = ", ".join(f"{value} ({source})" for source, value in values.items())
        raise Refused(f"the machines differ in {what}: {said}; they share the data, so make it the same", BROKEN)


def look_at(machine: Sampled, token: str) -> Look:
    """Return what a machine says; raises Refused."""
    quickest, shift, text = float("inf"), None, ""
    for _ in range(LOOKS):
        began, clock = time.time(), time.perf_counter()
        text = read_metrics(machine.service, machine.url, token)
        took = time.perf_counter() - clock
        told = read_value(text, "server_time_seconds")
        if told is not None and took < quickest:
            quickest, shift = took, told - began - took / 2
    return Look(shift, read_value(text, "db_max_connections"))


def read_value(text: str, name: str) -> float | None:
    """Return the sample of that name without labels in the text of /metrics; None where it is missing or NaN."""
    found = re.search(rf"^{name} ([0-9.e+]+)$", text, re.MULTILINE)
    return float(found[1]) if found else None


def refuse_clocks(shifts: Mapping[str, float]) -> None:
    """Raise Refused when two clocks are too far apart."""
    if not shifts:
        return
    ahead, behind = max(shifts, key=lambda source: shifts[source]), min(shifts, key=lambda source: shifts[source])
    if (apart := shifts[ahead] - shifts[behind]) > MOST_APART_S:
        raise Refused(
            f"the clock of {ahead} is {apart:.1f} s ahead of that of {behind} (at most {MOST_APART_S:g} s);"
            " set both, with NTP for example",
            BROKEN,
        )


def count_pooled(settings: Mapping[str, str]) -> int:
    """Return how many connections to MariaDB the pools of a machine may open, 0 where it does not say."""
    workers, size = settings.get("workers", ""), settings.get("pool_size", "")
    return int(workers) * int(size) if workers.isdecimal() and size.isdecimal() else 0


def refuse_pools(pooled: Mapping[str, int], most: float | None) -> None:
    """Raise Refused when the pools of all machines together may open as many connections as MariaDB allows, or more."""
    if most is not None and sum(pooled.values()) >= most:
        said = " + ".join(f"{count} ({source})" for source, count in pooled.items())
        raise Refused(
            f"the pools may open {sum(pooled.values())} connections, {said}, and MariaDB allows {most:g};"
            " lower DB_POOL_SIZE or the workers, or raise max_connections",
            BROKEN,
        )
