"""Writes the table of other versions into docs/guarantees.md: `python -m tests.documents.other_versions`.

It is made of docs/data/other_versions.json, which `tests/debian_13.sh --json FILE` writes.
"""

import json

from tests.documents.faults import DOCUMENT
from tests.documents.verdict_controls import replace_between
from tests.documents.versions_tried import Tried

FILE = DOCUMENT.parent / "data" / "other_versions.json"
BEGIN, END = "<!-- other versions: begin -->\n", "<!-- other versions: end -->\n"
HEAD = (
    "| system | Python | MariaDB | Redis or Valkey | passed | failed | skipped | date | commit |\n"
    "|---|---|---|---|---:|---:|---:|---|---|\n"
)
COLUMNS = ("system", "python", "mariadb", "store", "passed", "failed", "skipped", "date", "commit")


def write_tried(found: dict[str, Tried]) -> str:
    """The table of the systems that were tried, in Markdown, and below it the tests that failed, each once."""
    table = HEAD + "".join(f"| {' | '.join(str(each[name]) for name in COLUMNS)} |\n" for each in found.values())
    failed: dict[str, list[str]] = {}
    for each in found.values():
        for test in each["failures"]:
            failed.setdefault(test, []).append(f"{each['system']} with {each['store']}")
    lines = "".join(f"- `{test}` ({', '.join(where)})\n" for test, where in failed.items())
    return f"{table}\nFailed:\n\n{lines}" if lines else table


def main() -> None:
    """Write the table into the document."""
    text, found = DOCUMENT.read_text(encoding="utf-8"), json.loads(FILE.read_text(encoding="utf-8"))
    DOCUMENT.write_text(replace_between(text, BEGIN, END, write_tried(found)), encoding="utf-8")


if __name__ == "__main__":
    main()
