"""Notes in FILE what tests/check_services.sh printed: `python3 -m tests.documents.versions_tried FILE COMMIT LOG...`.

tests/debian_13.sh calls it outside any virtual environment, so it takes the standard library alone.
"""

import json
import re
import sys
from datetime import date
from pathlib import Path

LINE = re.compile(r"(.+), Python (\S+), MariaDB (\S+), ((?:Redis|Valkey) \S+): (?:passed|FAILED) \((.+)\)")
Tried = dict[str, str | int]  # the versions, what came of the tests, the day and the commit


def read_tried(log: str) -> list[Tried]:
    """Return the versions and the counts of each line of results in a log; ValueError for a round that was cut off."""
    tried = []
    for system, python, mariadb, store, words in LINE.findall(log):
        counts = {name: count_tests(words, name) for name in ("passed", "failed", "skipped")}
        counts["failed"] += count_tests(words, "errors?")
        if not counts["passed"]:
            raise ValueError(f"no test passed on {system} with {store}: {words}")
        tried.append({"system": system, "python": python, "mariadb": mariadb, "store": store, **counts})
    return tried


def count_tests(words: str, outcome: str) -> int:
    """Return the tests of an outcome in what pytest says at the end of both of its runs."""
    return sum(int(number) for number in re.findall(rf"(\d+) {outcome}\b", words))


def merge_tried(file: Path, tried: list[Tried]) -> None:
    """Write what was tried into a file, in the place of an earlier try of the same releases of system and store."""
    kept = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    for each in tried:
        system, store = (str(each[name]).partition(".")[0] for name in ("system", "store"))
        kept[f"{system} with {store}"] = each
    file.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")


def main() -> None:
    """Note what the logs say, as of today."""
    if len(sys.argv) < 4:  # the module, FILE, COMMIT and at least one LOG
        sys.exit("usage: python3 -m tests.documents.versions_tried FILE COMMIT LOG...")
    file, commit, *logs = sys.argv[1:]
    for log in logs:
        tried = read_tried(Path(log).read_text(encoding="utf-8", errors="replace"))
        merge_tried(Path(file), [{**each, "date": date.today().isoformat(), "commit": commit} for each in tried])


if __name__ == "__main__":
    main()
