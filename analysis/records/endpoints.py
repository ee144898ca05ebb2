"""Sorts endpoints, as tags and rows name them, into reads, writes and log-ins, and gives them readable titles."""

from collections.abc import Iterable, Mapping

from analysis.records.counts import Counts
from analysis.records.results_folder import is_catalogue, split_endpoint

GROUPS = ("reads", "writes", "login")
ALL_BUT_LOGIN = ("reads", "writes")
LEDGER_METHODS = ("POST", "PATCH", "DELETE")
WALK = "WALK"  # no method of HTTP: what Locust lists when no walk of the smoke has passed some step
NO_WRITE = ("400", "405", "413", "415")  # the smoke walk gets them with a body that is no JSON, or a wrong method


def group_of(endpoint: str) -> str:
    """`login`, `reads` (every GET) or `writes` (everything else)."""
    method, name = split_endpoint(endpoint)
    if method == "POST" and name.split()[:1] == ["/login"]:
        return "login"
    return "reads" if method == "GET" else "writes"


def title_of(endpoint: str) -> str:
    """`GET /api/books`."""
    return " ".join(split_endpoint(endpoint))


def count_mix(endpoints: Mapping[str, Counts]) -> tuple[int, int]:
    """Requests sent to the catalogue, and how many of them were writes."""
    catalogue = [(name, counts.requests) for name, counts in endpoints.items() if is_catalogue(name)]
    return _sum(catalogue), _sum(pair for pair in catalogue if group_of(pair[0]) == "writes")


def is_ledger_write(endpoint: str) -> bool:
    """Whether the ledger has a line for each request to an endpoint: those that can change a book.

    The names of the smoke walk end with the status that is asked for, as in `POST /api/books 415`.
    """
    method, name = split_endpoint(endpoint)
    return is_catalogue(endpoint) and method in LEDGER_METHODS and name.partition(" ")[2] not in NO_WRITE


def count_ledger_writes(endpoints: Mapping[str, Counts]) -> int:
    """How many requests the ledger must have a line for."""
    return sum(counts.requests for name, counts in endpoints.items() if is_ledger_write(name))


def _sum(pairs: Iterable[tuple[str, int]]) -> int:
    return sum(count for _, count in pairs)
