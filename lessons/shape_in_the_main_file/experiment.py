"""Asks Locust for a smoke test of 5 users, with and without a shape in the file, and judges what came of it."""

import sys

from analysis.checks.load_rules import judge_seconds, judge_users
from analysis.findings import INVALID, PASS
from analysis.plan.plan import Plan, Stage
from analysis.records.curve import Curve, measure_curve
from analysis.records.locust_files import read_results
from lessons.lesson import Lines, Outcome
from lessons.place import PROJECT, Place

USERS = 5
END_S = 60.0  # for Locust to end by itself
COLUMNS = [
    "locustfile",
    "planned",
    "most users",
    "lasted",
    "requests",
    "exit code",
    "the first runner said",
    "our verdict",
]


def run(place: Place, short: bool) -> Outcome:
    """Run the same smoke test of both files."""
    seconds = 6 if short else 12
    plan = Plan("smoke", "", "", (Stage(USERS, seconds, USERS),), 0, None, {})
    figures: dict[str, float] = {}
    lines = {"planned": [(float(second), float(USERS)) for second in range(seconds + 1)]}
    rows, reasons = [], {}
    with place.gunicorn("lessons.development_server.cure:app", threads=64) as url:
        for program in ("mistake", "cure"):
            code, requests, curve = load(place, program, url, seconds)
            reason = reasons[program] = " ".join(
                filter(None, (judge_users(plan, curve).reason, judge_seconds(plan, curve).reason))
            )
            found = {"most users": max(curve.users), "seconds": curve.seconds, "requests": requests, "exit code": code}
            figures |= {f"{program} {what}": float(value) for what, value in found.items()}
            figures[f"{program} is invalid"] = bool(reason)
            lines[program] = [(float(second), float(users)) for second, users in enumerate(curve.users)]
            rows.append([
                program, f"{USERS} users, {seconds} s", f"{max(curve.users)}", f"{curve.seconds} s", f"{requests:,}",
                f"{code}", "✓", INVALID if reason else PASS,
            ])  # fmt: skip
    return Outcome(
        say(figures, seconds, reasons["mistake"]), COLUMNS, rows, Lines("Users of a smoke test", "", lines), figures
    )


def load(place: Place, program: str, url: str, seconds: int) -> tuple[int, int, Curve]:
    """Locust's exit code, its number of requests, and the users of each second as its history has them."""
    locust = place.start(
        sys.executable, "-m", "locust", "--locustfile", str(PROJECT / f"lessons/shape_in_the_main_file/{program}.py"),
        "--host", url, "--headless", "--users", str(USERS), "--spawn-rate", str(USERS), "--run-time", f"{seconds}s",
        "--csv", program, "--csv-full-history", STAGE_S=str(seconds / 2),
    )  # fmt: skip
    code = locust.wait(END_S)
    results = read_results(place.folder, program)
    return code, results.requests, measure_curve(results.history, None)


def say(figures: dict[str, float], seconds: int, reason: str) -> str:
    """What was seen."""
    return (
        f"A smoke test of {USERS} users for {seconds} s had {figures['mistake most users']:.0f} users and lasted"
        f" {figures['mistake seconds']:.0f} s, because a shape stood in its file. Locust ended with code"
        f" {figures['mistake exit code']:.0f}, and the runner of then printed its check mark. Our rules find the run"
        f" {INVALID}: {reason} Without the shape it had {figures['cure most users']:.0f} users, and is"
        f" {INVALID if figures['cure is invalid'] else PASS}."
    )
