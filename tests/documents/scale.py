"""Writes into docs/scale.md where each part ends: `python -m tests.documents.scale [FOLDER]`.

The figures are those of docs/data/benchmarks.json. FOLDER holds a run with a full spike, at whose crowd they are
checked: what that used goes to docs/data/scale.json. The document is made from both files.
"""

import json
import sys
from pathlib import Path
from typing import Any, NamedTuple

from analysis.checks.evidence import gather_evidence
from analysis.number_formats import say_number, say_share
from analysis.records.run import read_run
from benchmarks.table import Table, read_tables
from tests.documents.full_run import cut_samples, measure_crowd
from tests.documents.performance import FILE as BENCHMARKS
from tests.documents.verdict_controls import replace_between

DOCUMENT = Path(__file__).parents[2] / "docs" / "scale.md"
FILE = DOCUMENT.parent / "data" / "scale.json"
BEGIN, END = "<!-- parts: begin -->\n", "<!-- parts: end -->\n"
CASES = {
    "one book": "one book, redis, 5,000 books",
    "list of 50": "list of 50, redis, 5,000 books",
    "write": "POST a book, redis",
    "log-in": "POST /login",
}
USERS = (500, 1000, 5000, 20000)
THINK_S = 2.0  # on average, of 1 to 3 s
WRITES = 0.08  # of the requests
SPARE = 0.7  # of a core that may be used: above, waiting times grow
MICROSECONDS = 1e6


class Cost(NamedTuple):
    """What one worker at its limit answers a second, and what an answer takes of the service and of Redis."""

    per_second: float
    service_us: float
    redis_us: float


def measure(folder: Path) -> dict[str, Any]:
    """What the crowd of a spike asked for and used."""
    run = read_run(folder)
    (spike,) = (plan for plan in run.plans if plan.name == "spike")
    evidence = gather_evidence(folder, spike, run)
    span = evidence.span_of(max(evidence.plan.plateaus(), key=lambda plateau: plateau.users))
    machine = cut_samples(evidence.samples, "machine", span)
    redis = [sample.values["redis_cpu"] for sample in machine if sample.values and "redis_cpu" in sample.values]
    crowd = {**measure_crowd(evidence, run), "redis_cores": sum(redis) / len(redis)}
    return {"started": run.facts["started"], "commit": run.facts["commit"][:7], "users": spike.users, "crowd": crowd}


def read_costs(tables: dict[str, Table]) -> dict[str, Cost]:
    """The costs of what users ask for."""
    rows = {row[0]: row for row in tables["Rates per second"].rows}
    return {name: Cost(*(read_first(cell) for cell in rows[title][1:4])) for name, title in CASES.items()}


def read_first(cell: str) -> float:
    """The median of a cell such as `4,338 (4,055-6,047)`, 0 for none."""
    return float(cell.partition(" ")[0].replace(",", "") or 0)


def write_parts(costs: dict[str, Cost], checked: dict[str, Any]) -> str:
    """All of the document that the figures fill in."""
    trip_us = (costs["one book"].redis_us + costs["list of 50"].redis_us) / 2
    parts = {
        "one books worker on a core, one book": f"{costs['one book'].per_second:,.0f} answers/s",
        "one books worker on a core, list of 50": f"{costs['list of 50'].per_second:,.0f} answers/s",
        "one books worker on a core, writes": f"{costs['write'].per_second:,.0f} writes/s",
        "one core for log-ins at bcrypt cost 12": f"{costs['log-in'].per_second:.1f} log-ins/s",
        "Redis, as many of both reads": f"{MICROSECONDS / trip_us:,.0f} trips/s",
    }
    table = "| part | median of what was measured |\n|---|---:|\n" + "".join(
        f"| {what} | {rate} |\n" for what, rate in parts.items()
    )
    needs = "".join(write_need(users, costs, checked) for users in USERS)
    return (
        f"Measured by `python -m benchmarks` ([performance.md](performance.md)):\n\n{table}\n"
        f"{say_checked(costs, checked)}\n"
        "Users who think for 1 to 3 s, and ask as those of `locustfile.py` do, then need these cores, if none is to\n"
        f"be used for more than {say_share(SPARE)} of the time, and the factors stay:\n\n"
        f"| users | requests/s | cores for books | for log-ins | for Redis |\n|---:|---:|---:|---:|---:|\n{needs}"
    )


def count_cores(users: int, costs: dict[str, Cost], crowd: dict[str, Any]) -> tuple[float, float, float]:
    """The cores that so many users keep busy: of books, of log-ins, of Redis; as many ask for a book as for a list."""
    asked, reads = users / THINK_S, (costs["one book"], costs["list of 50"])
    books = (1 - WRITES) * sum(read.service_us for read in reads) / 2 + WRITES * costs["write"].service_us
    redis = (1 - WRITES) * sum(read.redis_us for read in reads) / 2 + WRITES * costs["write"].redis_us
    log_ins = crowd["log_ins_per_s"] / crowd["requests_per_s"] * costs["log-in"].service_us
    return asked * books / MICROSECONDS, asked * log_ins / MICROSECONDS, asked * redis / MICROSECONDS


def find_factors(costs: dict[str, Cost], checked: dict[str, Any]) -> list[float]:
    """How many times as much the run used as the rates say: of books, of log-ins, of Redis."""
    crowd = checked["crowd"]
    used = (crowd["books_cores"], crowd["auth_cores"], crowd["redis_cores"])
    said = count_cores(checked["users"], costs, crowd)
    return [cores / by_rates for cores, by_rates in zip(used, said, strict=True)]


def write_need(users: int, costs: dict[str, Cost], checked: dict[str, Any]) -> str:
    """The row of so many users."""
    cores, factors = count_cores(users, costs, checked["crowd"]), find_factors(costs, checked)
    cells = [say_number(each * factor / SPARE) for each, factor in zip(cores, factors, strict=True)]
    return f"| {users:,} | {users / THINK_S:,.0f} | {' | '.join(cells)} |\n"


def say_checked(costs: dict[str, Cost], checked: dict[str, Any]) -> str:
    """What a run of so many users used, beside what the rates say of them."""
    crowd, users = checked["crowd"], checked["users"]
    rows = zip(
        ("books", "auth", "Redis"),
        (crowd["books_cores"], crowd["auth_cores"], crowd["redis_cores"]),
        count_cores(users, costs, crowd),
        find_factors(costs, checked),
        strict=True,
    )
    lines = [f"| {name} | {' | '.join(say_number(each) for each in figures)} |\n" for name, *figures in rows]
    return (
        "A worker that is not busy takes more for an answer than one at its limit."
        f" The {users:,} users of a full spike\n"
        f"({checked['started'][:10]}, commit {checked['commit']}) asked for {say_number(crowd['requests_per_s'])}"
        " requests/s, and used:\n\n"
        f"| part | cores used | cores by the rates | times as much |\n|---|---:|---:|---:|\n{''.join(lines)}"
    )


def main() -> None:
    """Measure the run, if one is given, and write the document."""
    if len(sys.argv) > 1:
        FILE.write_text(json.dumps(measure(Path(sys.argv[1])), indent=1) + "\n", encoding="utf-8")
    parts = write_parts(read_costs(read_tables(BENCHMARKS)), json.loads(FILE.read_text(encoding="utf-8")))
    DOCUMENT.write_text(replace_between(DOCUMENT.read_text(encoding="utf-8"), BEGIN, END, parts), encoding="utf-8")


if __name__ == "__main__":
    main()
