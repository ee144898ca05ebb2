"""Notes in FILE what tests/check_services.sh printed: `python3 -m tests.documents.versions_tried FILE COMMIT LOG...`.

tests/debian_13.sh calls it outside any virtual environment, so it takes the standard library alone.
"""

import json
import re
import sys
from datetime import date
from pathlib import Path
from typing import Any

LINE = re.compile(r"(.+), Python (\S+), MariaDB (\S+), ((?:Redis|Valkey) \S+): (?:passed|FAILED) \((.+)\)")
FAILED = re.compile(r"^(?:FAILED|ERROR) (tests/.+?)(?: - .*)?$", re.MULTILINE)
Tried = dict[str, Any]  # the versions, what came of the tests, the day and the commit


def read_tried(log: str) -> Tried | None:
    """Return what the log of a round says at its end, None when it says nothing; ValueError when no test passed."""
    if not (lines := LINE.findall(log)):
        return None
    system, python, mariadb, store, words = lines[-1]
    counts = {name: count_tests(words, name) for name in ("passed", "failed", "skipped")}
    counts["failed"] += count_tests(words, "errors?")
    if not counts["passed"]:
        raise ValueError(f"no test passed on {system} with {store}: {words}")
    versions = {"system": system, "python": python, "mariadb": mariadb, "store": store}
    return {**versions, **counts, "failures": FAILED.findall(log)}


def count_tests(words: str, outcome: str) -> int:
    """Return the tests of an outcome in what pytest says at the end of both of its runs."""
    return sum(int(number) for number in re.findall(rf"(\d+) {outcome}\b", words))


def merge_tried(file: Path, tried: Tried) -> None:
    """Write what was tried into a file, in the place of an earlier try of the same releases of system and store."""
    kept = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    system, store = (tried[name].partition(".")[0] for name in ("system", "store"))
    kept[f"{system} with {store}"] = tried
    file.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")


def main() -> None:
    """Note what the logs say, as of today."""
    if len(sys.argv) < 4:  # the module, FILE, COMMIT and at least one LOG
        sys.exit("usage: python3 -m tests.documents.versions_tried FILE COMMIT LOG...")
    file, commit, *logs = sys.argv[1:]
    for log in logs:
        if tried := read_tried(Path(log).read_text(encoding="utf-8", errors="replace")):
            merge_tried(Path(file), {**tried, "date": date.today().isoformat(), "commit": commit})


if __name__ == "__main__":
    main()
