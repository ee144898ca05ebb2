"""The cases that are measured, and which of them are compared, by what bar."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from itertools import product

from benchmarks import measures
from benchmarks.measures import Bench
from benchmarks.wrk import Result

MODELS = ("redis", "sql")
READS = {
    "book": "one book",
    "list": "list of 50",
    "author": "list of 50 by author",
    "filter": "list of 50 by genre",
    "next": "next page of 50",
    "unchanged": "304 to If-None-Match",
}
SIZES = {"small": "5,000 books", "large": "100,000 books"}
BOTH_SIZES = ("book", "list", "author")
LIKE_A_LIST = ("unchanged", "author", "filter", "next")
PEER_BARS = {"book": 1.15, "list": 1.0}  # by rate


@dataclass(frozen=True)
class Case:
    """One measurement: its key, its title, the stack it needs, how it is made, and how many times as long."""

    key: str
    title: str
    stack: str
    measure: Callable[[Bench], Result]
    times: int = 1


@dataclass(frozen=True)
class Comparison:
    """A case over its base: by their rates, and by the processor time of an answer; the bars to reach, if any."""

    title: str
    case: str
    base: str
    bar: float | None = None
    cost_bar: float | None = None


def list_cases() -> list[Case]:
    """Return all cases in the order of the odd rounds: those that are compared stand close together."""
    cases = [Case("bare", "bare Flask route", "small", measures.measure_bare)]
    for read, model, size in product(READS, MODELS, SIZES):
        if size == "small" or read in BOTH_SIZES:
            measure = partial(measures.measure_read, read, model, size)
            cases.append(Case(f"{read}/{model}/{size}", f"{READS[read]}, {model}, {SIZES[size]}", size, measure))
    bare, no_outbox = (partial(measures.measure_transaction, each) for each in ((), ("--without-outbox",)))
    return [
        *cases,
        Case("me", "GET /me", "small", measures.measure_me),
        *(Case(f"peer/{r}", f"{READS[r]}, FastAPI", "small", partial(measures.measure_peer, r)) for r in PEER_BARS),
        Case("transaction", "the SQL of POST, bare driver", "writes", bare),
        *(Case(f"post/{m}", f"POST a book, {m}", "writes", partial(measures.measure_post, m)) for m in MODELS),
        Case("no-outbox", "the SQL of POST without its outbox row", "writes", no_outbox),
        Case("login", "POST /login", "small", measures.measure_login, measures.LOGIN_TIMES),
        Case("bcrypt", "bcrypt alone, cost 12", "small", measures.measure_bcrypt, measures.LOGIN_TIMES),
    ]


def list_comparisons() -> list[Comparison]:
    """Return all comparisons. The bars of queries are for the read model: what sql does is reported."""
    return [
        *compare_with_bare(),
        *compare_with_list(),
        *compare_with_peer(),
        *compare_sizes(),
        *compare_models(),
        *(Comparison(f"POST a book, {m}, over its bare SQL", f"post/{m}", "transaction", 0.55) for m in MODELS),
        Comparison("the bare SQL over the same without outbox row", "transaction", "no-outbox"),
        Comparison("POST /login over bcrypt alone", "login", "bcrypt", 0.95),
    ]


def compare_with_bare() -> list[Comparison]:
    """Compare reads with the bare route."""
    bars = {("book", "redis"): 1.6, ("list", "redis"): 1.4}
    reads = [
        Comparison(
            f"{READS[read]}, {model}, over bare Flask",
            f"{read}/{model}/small",
            "bare",
            cost_bar=bars.get((read, model)),
        )
        for read, model in product(READS, MODELS)
    ]
    return [*reads, Comparison("GET /me over bare Flask", "me", "bare", cost_bar=1.5)]


def compare_with_list() -> list[Comparison]:
    """Compare the other plain reads with the plain list: they may take 15 % more."""
    return [
        Comparison(f"{READS[read]}, redis, over the list", f"{read}/redis/small", "list/redis/small", cost_bar=1 / 1.15)
        for read in LIKE_A_LIST
    ]


def compare_with_peer() -> list[Comparison]:
    """Compare reads with those of the peer."""
    return [
        Comparison(f"{READS[read]}, redis, over FastAPI", f"{read}/redis/small", f"peer/{read}", bar, 1.5)
        for read, bar in PEER_BARS.items()
    ]


def compare_sizes() -> list[Comparison]:
    """Compare reads of a large catalogue with those of a small one; `sizes` has the bars."""
    return [
        Comparison(
            f"{READS[read]}, {model}, 100,000 over 5,000 books",
            f"{read}/{model}/large",
            f"{read}/{model}/small",
        )
        for read, model in product(BOTH_SIZES, MODELS)
    ]


def compare_models() -> list[Comparison]:
    """Compare the two read models."""
    queries = [
        Comparison(f"{READS[read]}, {SIZES[size]}, redis over sql", f"{read}/redis/{size}", f"{read}/sql/{size}")
        for read, size in product(READS, SIZES)
        if size == "small" or read in BOTH_SIZES
    ]
    return [*queries, Comparison("POST a book, redis over sql", "post/redis", "post/sql")]


def choose_cases(names: list[str]) -> list[Case]:
    """Return the cases whose key begins with one of the names, with the bases of their bars; all without names."""
    wanted = {case.key for case in list_cases() if not names or case.key.partition("/")[0] in names}
    bases = {each.base for each in list_comparisons() if (each.bar or each.cost_bar) and each.case in wanted}
    return [case for case in list_cases() if case.key in wanted | bases]


def list_names() -> list[str]:
    """Return what can be chosen."""
    return list(dict.fromkeys(case.key.partition("/")[0] for case in list_cases()))
