"""Counts how often a comparison errs: `python -m tests.error_rates.compare --name WORDS --a FOLDER [--b FOLDER]`.

FOLDER is what ./compare.sh left of a long recording, as with COMPARE_BLOCKS=20:66. With --a alone, comparisons of A
with itself are dealt out of its blocks of side A. With --b too, A is compared with the blocks of side B in that folder,
which may be the same. --full deals comparisons of the full form; the quick form takes the begin of longer blocks.
--run FOLDER ... counts instead what comparisons of one form said that were run.
With --json the counts go to docs/data/compare.json under their name, and to the table of docs/compare.md.
"""

import argparse
import json
import sys
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from analysis.compare.judging import CANNOT_TELL, FASTER, INVALID, SAME, SLOWER
from analysis.compare.pairs import ALL
from analysis.records.comparison import SIDES, check_within, read_comparison
from analysis.records.run import RunError
from load.run.blocks import FORMS
from tests.documents.verdict_controls import replace_between
from tests.error_rates.dealing import Dealt, deal_both, deal_same, read_stream

DOCS = Path(__file__).resolve().parents[2] / "docs"
DOCUMENT, FILE = DOCS / "compare.md", DOCS / "data" / "compare.json"
BEGIN, END = "<!-- dealt comparisons: begin -->\n", "<!-- dealt comparisons: end -->\n"
VERDICTS = (SLOWER, FASTER, SAME, CANNOT_TELL, INVALID)
COLUMNS = (
    "recorded",
    "on",
    "commit",
    "pairs",
    "band",
    "comparisons",
    "without a common block",
    *VERDICTS,
    "naive comparison differs",
    "endpoints called slower",
)


class Outcome(NamedTuple):
    """What a comparison said, the scopes that it called slower, and whether its two halves differ naively."""

    verdict: str
    slower: list[str]
    is_naively_different: bool


def judge(dealt: Dealt, within: float) -> Outcome:
    """The outcome of a comparison that was dealt."""
    verdict, findings = dealt.judge(within)
    slower = [finding.scope for finding in findings if finding.verdict == SLOWER]
    return Outcome(verdict, slower, dealt.is_naively_different)


def read_outcome(folder: Path, profile: str, within: float) -> Outcome:
    """The outcome of a comparison that was run, as it said it; raises OSError, RunError, or ValueError for less."""
    said = json.loads((folder / "compare.json").read_text(encoding="utf-8"))
    if (said["profile"], said["within"], said["saturate"]) != (profile, within, False):
        raise ValueError(f"{folder} is no comparison of the {profile} form within {within:g}")
    form = FORMS[profile]
    a, b = (read_stream(folder, side, form.seconds) for side in SIDES)
    (whole,) = deal_both(a, b, form.pairs, 1)
    slower = [measure["scope"] for measure in said["measures"] if measure["verdict"] == SLOWER]
    return Outcome(said["verdict"], slower, whole.is_naively_different)


def count_apart(dealt: Sequence[Dealt]) -> int:
    """How many of the comparisons, taken in the order of time, share no block with another one."""
    apart, until = 0, 0
    for each in dealt:
        if each.blocks[0].start >= until:
            apart, until = apart + 1, max(block.end for block in each.blocks)
    return apart


def count(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """How many comparisons have which verdict, which endpoints are called slower, and how many differ naively."""
    verdicts = Counter(each.verdict for each in outcomes)
    endpoints = Counter(scope for each in outcomes for scope in each.slower if scope != ALL)
    return {
        "comparisons": len(outcomes),
        "verdicts": {verdict: verdicts[verdict] for verdict in VERDICTS},
        "slower_endpoints": dict(endpoints.most_common()),
        "naive": sum(each.is_naively_different for each in outcomes),
    }


def write_table(found: dict[str, Any]) -> str:
    """The table of all that was counted, as Markdown."""
    lines = [f"| {' | '.join(COLUMNS)} |", f"|:---|{'---:|' * (len(COLUMNS) - 2)}:---|"]
    for name, case in found.items():
        counts = [str(case["verdicts"][verdict]) for verdict in VERDICTS]
        cells = [
            name,
            case["on"],
            case["commit"],
            str(case["pairs"]),
            f"±{100 * case['within']:g} %",
            str(case["comparisons"]),
            str(case["apart"]),
            *counts,
        ]
        endpoints = ", ".join(f"{title} {number}" for title, number in case["slower_endpoints"].items())
        lines.append(f"| {' | '.join([*cells, str(case['naive']), endpoints])} |")
    return "\n".join(lines) + "\n"


def keep(name: str, case: dict[str, Any]) -> None:
    """Put a case into the data, and the table of all cases into the document."""
    found = json.loads(FILE.read_text(encoding="utf-8")) if FILE.exists() else {}
    found[name] = case
    FILE.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    text = DOCUMENT.read_text(encoding="utf-8")
    DOCUMENT.write_text(replace_between(text, BEGIN, END, write_table(found)), encoding="utf-8")


def count_all(options: argparse.Namespace) -> dict[str, Any]:
    """What is asked for, counted; raises OSError, RunError or ValueError for a folder that does not hold it."""
    if options.run:
        outcomes = [read_outcome(folder, options.profile, options.within) for folder in options.run]
        return {**count(outcomes), "apart": len(outcomes)}
    form = FORMS[options.profile]
    a = read_stream(options.a, "a", form.seconds)
    if options.b is None:
        dealt = deal_same(a, form.pairs, options.least)
    else:
        dealt = deal_both(a, read_stream(options.b, "b", form.seconds), form.pairs, options.least)
    return {**count([judge(each, options.within) for each in dealt]), "apart": count_apart(dealt)}


def tell_origin(folder: Path) -> dict[str, str]:
    """The day on which a folder was recorded, and the commit of its side A; raises RunError."""
    plan = read_comparison(folder)
    day = datetime.fromtimestamp(plan.blocks[0].start, UTC).date().isoformat()
    return {"on": day, "commit": (plan.sides["a"].commit or "")[:7]}


def main(arguments: list[str]) -> int:
    """Deal, count, print and keep, and return the exit code."""
    parser = argparse.ArgumentParser("python -m tests.error_rates.compare", description=__doc__)
    parser.add_argument("--name", required=True, help="of the case in the table")
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--a", type=Path, metavar="FOLDER", help="whose blocks of side A are dealt")
    source.add_argument("--run", type=Path, nargs="+", metavar="FOLDER", help="comparisons that were run")
    parser.add_argument("--b", type=Path, metavar="FOLDER", help="whose blocks of side B are dealt against them")
    parser.add_argument(
        "--full", dest="profile", action="store_const", const="full", default="quick", help="the full form"
    )
    parser.add_argument("--least", type=int, default=40, help="comparisons that are wanted (40)")
    parser.add_argument("--within", type=float, default=0.10, help="how far from 1 is still the same (0.1)")
    parser.add_argument("--json", action="store_true", help="keep the counts in docs/")
    options = parser.parse_args(arguments)
    try:
        pairs = FORMS[options.profile].pairs
        case = {
            **tell_origin(options.a or options.run[0]),
            "pairs": pairs,
            "within": check_within(options.within),
            **count_all(options),
        }
    except (OSError, RunError, ValueError) as problem:
        print(f"tests.error_rates.compare: {problem}", file=sys.stderr)
        return 3
    print(json.dumps({options.name: case}, indent=1, ensure_ascii=False))
    if options.json:
        keep(options.name, case)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
