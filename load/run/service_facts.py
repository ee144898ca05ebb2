"""Asks the services, or each machine that runs one, which version they are and which settings they have."""

from typing import Any

import requests
from prometheus_client.parser import text_string_to_metric_families

from load.client.http_client import MALFORMED, open_http
from load.client.refusal import BROKEN, Refused
from load.client.service_machines import OPTION
from load.client.service_metrics import read_metrics
from load.client.target import TIMEOUT_S


def read_services(services: dict[str, Any], token: str) -> dict[str, Any]:
    """Return the services of a run.json that has only addresses with all that they say; raises Refused."""
    return {
        name: read_machines(name, service, token)
        if "machines" in service
        else read_service(name, service["url"], token)
        for name, service in services.items()
    }


def read_service(name: str, url: str, token: str) -> dict[str, Any]:
    """Return address, version and settings of a service, from /health and /metrics; raises Refused."""
    try:
        version = open_http().get(f"{url}/health", timeout=TIMEOUT_S).json()["version"]
    except (requests.RequestException, *MALFORMED):
        raise Refused(f"{url} gave no health within {TIMEOUT_S:g} s; see its log", BROKEN) from None
    families = text_string_to_metric_families(read_metrics(name, url, token))
    labels = {sample.name: sample.labels for family in families for sample in family.samples}
    return {
        "url": url,
        "version": version,
        "settings": labels.get("service_info", {}),
        "stores": labels.get("stores_info", {}),  # the books service knows them
    }


def read_machines(name: str, service: dict[str, Any], token: str) -> dict[str, Any]:
    """Return a service that runs on several machines: its address, what all of them say, and each of them by name.

    Raises Refused.
    """
    machines = {}
    for machine, part in service["machines"].items():
        try:
            machines[machine] = read_service(name, part["url"], token)
        except Refused as problem:
            raise Refused(f"{OPTION} {machine}: {problem}", problem.exit_code) from None
    first, *others = machines.values()
    said = {
        part: {key: value for key, value in first[part].items() if all(one[part].get(key) == value for one in others)}
        for part in ("settings", "stores")
    }
    return {"url": service["url"], "version": first["version"], **said, "machines": machines}
