#!/usr/bin/env python3
"""Stands in for gcloud, which needs an account: it notes what it is told, and refuses what gcloud would refuse.

tests/deploy/gcloud_flags.json holds the commands that it knows and the flags of each, as gcloud 528.0.0 names them in
its table for completion (data/cli/gcloud_completions.py). It notes its arguments in the file GCLOUD_CALLS, and fails
where GCLOUD_FAILS stands in the command.
"""

import json
import os
import sys
from pathlib import Path

KNOWN = json.loads((Path(__file__).resolve().parents[1] / "deploy" / "gcloud_flags.json").read_text())["commands"]


def main(arguments: list[str]) -> str | None:
    """Note a command; give what is wrong with it."""
    words = [word for word in arguments if not word.startswith("--")]
    command = " ".join(words[:-1])  # the last one is the name of what it is about
    if command not in KNOWN:
        return f"Invalid choice: {command}"
    for flag in (word for word in arguments if word.startswith("--")):
        name, given, value = flag.partition("=")
        if name not in KNOWN[command]:
            return f"unrecognized arguments: {name}"
        if bool(given and value) != (KNOWN[command][name] == "value"):
            return f"argument {name}: it takes {'a value' if not given else 'none'}"
    with Path(os.environ["GCLOUD_CALLS"]).open("a") as calls:
        calls.write(json.dumps(arguments) + "\n")
    fails = os.environ.get("GCLOUD_FAILS")
    return "quota exceeded" if fails and fails in command else None


if __name__ == "__main__":
    if wrong := main(sys.argv[1:]):
        sys.exit(f"ERROR: (gcloud) {wrong}")
