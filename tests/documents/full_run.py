"""Writes the figures of a recorded full run into docs/full_run.md: `python -m tests.documents.full_run FOLDER`.

The numbers go to docs/data/full_run.json first, and the document is made from that file alone.
"""

import csv
import json
import sys
from pathlib import Path
from typing import Any

from analysis.checks.evidence import Evidence, Span, gather_evidence
from analysis.number_formats import say_count, say_number, say_share, show_number
from analysis.records.counts import count_requests
from analysis.records.endpoints import group_of
from analysis.records.results_folder import ServerSample
from analysis.records.run import Run, read_run
from analysis.report.report import build_report
from tests.documents.verdict_controls import replace_between

DOCUMENT = Path(__file__).parents[2] / "docs" / "full_run.md"
FILE = DOCUMENT.parent / "data" / "full_run.json"
BEGIN, END = "<!-- figures: begin -->\n", "<!-- figures: end -->\n"
COLUMNS = ("users", "seconds", "requests", "rps", "errors", "shed", "p50_ms", "p95_ms", "p99_ms")
HEAD = (
    "| scenario | verdict | users | seconds | requests | per s | errors | shed | p50 ms | p95 ms | p99 ms |\n"
    f"|---|---|{'---:|' * len(COLUMNS)}\n"
)


def measure(folder: Path) -> dict[str, Any]:
    """What a finished run showed: where it ran, its scenarios, and what the highest load of the spike used."""
    report, run = build_report(folder), read_run(folder)
    with (folder / "scenarios.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    (spike,) = (plan for plan in run.plans if plan.name == "spike")
    names = ("name", "verdict", "answer", "planned", "achieved")
    return {
        "started": run.facts["started"],
        "commit": run.facts["commit"][:7],
        "machine": run.facts["machine"],
        "stores": run.facts["services"]["books"]["stores"],
        "services": {service: run.settings(service) for service in ("auth", "books")},
        "minutes": round((int(rows[-1]["ended"]) - int(rows[0]["started"])) / 60),
        "verdict": report.verdict,
        "scenarios": [{name: getattr(scenario, name) for name in names} for scenario in report.scenarios],
        "crowd": measure_crowd(gather_evidence(folder, spike, run), run),
    }


def measure_crowd(evidence: Evidence, run: Run) -> dict[str, Any]:
    """What the plateau of most users asked for a second, and what machine and services used meanwhile."""
    span = evidence.span_of(max(evidence.plan.plateaus(), key=lambda plateau: plateau.users))
    rows, seconds = evidence.rows_in(span), span[1] - span[0]
    machine, auth, books = (cut_samples(evidence.samples, service, span) for service in ("machine", "auth", "books"))
    busy = [sample.values["cpu"] for sample in machine if sample.values and "cpu" in sample.values]
    return {
        "requests_per_s": count_requests(rows).requests / seconds,
        "log_ins_per_s": count_requests(row for row in rows if group_of(row.endpoint) == "login").requests / seconds,
        "machine_mean": sum(busy) / len(busy),
        "machine_most": max(busy),
        "auth_cores": count_cores(auth),
        "books_cores": count_cores(books),
        "in_use": find_most(books, "db_pool_in_use"),
        "pool": int(run.settings("books")["pool_size"]) * int(run.settings("books")["workers"]),
        "waiting": find_most(books, "db_pool_waiting"),
        "in_flight": find_most(books, "http_requests_in_flight"),
    }


def cut_samples(samples: list[ServerSample], service: str, span: Span) -> list[ServerSample]:
    """The samples of a service that were taken in a span."""
    return [sample for sample in samples if sample.service == service and span[0] <= sample.at < span[1]]


def count_cores(samples: list[ServerSample]) -> float:
    """The cores that the workers of a service used from the first to the last of its samples."""
    first, last = samples[0], samples[-1]
    before, after = first.workers or {}, last.workers or {}
    used = sum(after[pid].cpu_s - worker.cpu_s for pid, worker in before.items() if pid in after)
    return used / (last.at - first.at)


def find_most(samples: list[ServerSample], name: str) -> int:
    """The largest value of a quantity in some samples."""
    return int(max((sample.values or {}).get(name, 0.0) for sample in samples))


def write_figures(found: dict[str, Any]) -> str:
    """All of the document that a run fills in."""
    answers = "".join(f"- **{one['name']}**: {one['answer']}\n" for one in found["scenarios"])
    table = HEAD + "".join(f"{write_row(one)}\n" for one in found["scenarios"])
    return f"{say_where(found)}\n{table}\n## The seven answers\n\n{answers}\n{say_crowd(found['crowd'])}"


def say_where(found: dict[str, Any]) -> str:
    """Where and with what it ran, and its verdict."""
    machine, stores, books = found["machine"], found["stores"], found["services"]["books"]
    workers = f"{found['services']['auth']['workers']} auth and {books['workers']} books workers"
    services = f"bcrypt cost {books['bcrypt_rounds']}, READ_MODEL={books['read_model']}, {workers}"
    return (
        f"{found['started'][:10]}, {machine['cpus']} cores ({machine['cpu']}; load and services share them), Python\n"
        f"{machine['python']}, MariaDB {stores['mariadb']}, Redis {stores['redis']}, Locust {machine['locust']}.\n"
        f"{services}, commit {found['commit']}.\n"
        f"The seven scenarios took {found['minutes']} minutes. Verdict of the run: **{found['verdict']}**.\n"
    )


def write_row(one: dict[str, Any]) -> str:
    """The row of a scenario; users and seconds as reached."""
    cells = [show_number(one["achieved"][name]) for name in COLUMNS]
    return f"| {' | '.join([one['name'], one['verdict'], *cells])} |"


def say_crowd(crowd: dict[str, Any]) -> str:
    """What the crowd of the spike used, in sentences."""
    log_ins, auth, books = crowd["log_ins_per_s"], crowd["auth_cores"], crowd["books_cores"]
    most = say_share(crowd["machine_most"])
    return (
        "## What the crowd of the spike used\n\n"
        "Services and machine were sampled once a second.\n\n"
        f"- {say_number(crowd['requests_per_s'])} requests a second were answered ({say_number(log_ins)} log-ins).\n"
        f"- The machine was busy for {say_share(crowd['machine_mean'])} of the time (at most {most}).\n"
        f"- The auth service used {say_number(auth)} of a core.\n"
        f"- The books service used {say_number(books)} of a core.\n"
        f"- The books service had at most {say_count(crowd['in_use'], 'connection')} in use (of {crowd['pool']}).\n"
        f"- The books service had at most {say_count(crowd['waiting'], 'thread')} waiting for a connection.\n"
        f"- The books service had at most {say_count(crowd['in_flight'], 'request')} in flight.\n"
    )


def main() -> None:
    """Measure a run, and write numbers and document."""
    if len(sys.argv) != 2:
        sys.exit("usage: python -m tests.documents.full_run FOLDER")
    found = measure(Path(sys.argv[1]))
    FILE.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    text = DOCUMENT.read_text(encoding="utf-8")
    DOCUMENT.write_text(replace_between(text, BEGIN, END, write_figures(found)), encoding="utf-8")


if __name__ == "__main__":
    main()
