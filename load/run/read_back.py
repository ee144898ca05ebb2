#!/usr/bin/env python3
"""Read back every book that a load wrote, from the read model and from MariaDB, and then remove it.

The analysis finds out from this and the ledger which books are lost, differ or are doubled; here they are only read.
The formats are those of analysis/records/results_folder.py.
"""

import argparse
import json
import os
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

import requests

from analysis.records.results_folder import REFUSED, DataState, find_parts
from load.client.accounts import read_accounts, split_accounts
from load.client.catalogue import is_leftover, read_catalogue, remove_books
from load.client.http_client import MALFORMED, ask, bearer, check_service, open_http
from load.client.refusal import WRONG_USE, Refused
from load.client.script import Arguments, run, warn
from load.client.sign_in import ensure_sessions
from load.run.book_sources import LONGEST_LAG_S, SOURCE_HEADERS, BooksService, read_back

LONGEST_REMOVING_S = 120.0
EXITS = """exit codes:
  0    done
  1    some books could not be asked for or removed; it can be run again
  3    a service does not answer
  64   a wrong option or file
  130  interrupted"""


def find_services(folder: Path) -> dict[str, str]:
    """Return the addresses of the services that the run of a folder loaded, by name; raises Refused."""
    try:
        services = json.loads((folder / "run.json").read_text(encoding="utf-8"))["services"]
        return {name: service["url"] for name, service in services.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        raise Refused(f"{folder}/run.json is missing or damaged; give the folder of a run", WRONG_USE) from None


def open_books_service(urls: dict[str, str], users: Path, sessions: Path) -> BooksService:
    """Sign the first account in, and return the books service with its token; raises Refused without both services."""
    for name, url in urls.items():
        check_service(url, name)
    account = split_accounts(read_accounts(users))[0][0]
    signed_in, _ = ensure_sessions(urls["auth"], [account], sessions, label="")
    return BooksService(urls["books"], signed_in[account.username]["access_token"])


def read_ledgers(folder: Path, name: str) -> tuple[set[str], set[str]]:
    """Return every ISBN that a scenario may have written to, by its ledgers, and every ISBN that it may have added."""
    written: set[str] = set()
    added: set[str] = set()
    for path in find_parts(folder, name, "_ledger.jsonl").values():
        sent: dict[int, dict[str, Any]] = {}
        for entry in read_lines(path):
            if "outcome" not in entry:
                sent[entry["n"]] = entry
            elif entry["outcome"] == REFUSED:
                sent.pop(entry["n"], None)
        written |= {entry["isbn"] for entry in sent.values()}
        added |= {entry["isbn"] for entry in sent.values() if entry["method"] == "POST"}
    return written, added


def read_lines(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the lines of a ledger; a line that a kill has cut off is left out."""
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            yield json.loads(line)
        except ValueError:
            continue


def remove_all(service: BooksService, isbns: set[str]) -> set[str]:
    """Remove books, for two minutes at most, and return the ISBNs of those that may still be there."""
    left, until = set(isbns), time.monotonic() + LONGEST_REMOVING_S
    for isbn in remove_books(service.url, lambda: service.token, isbns):
        left.discard(isbn)
        if time.monotonic() > until:
            break
    return left


def await_read_model(service: BooksService) -> None:
    """Wait until the read model has as many books as MariaDB, at most for the longest lag; a load may come next."""
    http, until = open_http(), time.monotonic() + LONGEST_LAG_S
    with suppress(requests.RequestException, *MALFORMED):
        while len({count_books(http, service, headers) for headers in SOURCE_HEADERS.values()}) > 1:
            if time.monotonic() > until:
                break
            time.sleep(0.1)


def count_books(http: requests.Session, service: BooksService, headers: dict[str, str]) -> int:
    """Return the number of books by one source; raises RequestException, or one of MALFORMED."""
    url = f"{service.url}/api/books?limit=1"
    return int(ask(http, "GET", url, headers={**bearer(service.token), **headers}).json()["total"])


def note_state(service: BooksService, path: Path, moment: str) -> DataState:
    """Add what the catalogue holds now to NAME_data.jsonl; raises Refused."""
    owned = Counter(map(is_leftover, read_catalogue(service.url, lambda: service.token)))
    state = DataState(at=time.time(), moment=moment, books=owned.total(), own=owned[True])
    with open(path, "a", encoding="utf-8") as file:
        file.write(json.dumps(asdict(state)) + "\n")
    return state


def warn_of_leftovers(name: str, count: int, urls: dict[str, str]) -> None:
    """Say before the load that its verdict will be INVALID, and why."""
    command = " ".join(["python remove_leftovers.py", *(f"--{service}-url {url}" for service, url in urls.items())])
    words = f"books of an earlier load in the catalogue: {count}; that makes {name} INVALID; remove with: {command}"
    warn(f"read_back.py: {words}")


def read_back_and_remove(service: BooksService, folder: Path, name: str) -> int:
    """Read the books of a scenario back, remove them, write both down, and return the exit code; raises Refused."""
    written, added = read_ledgers(folder, name)
    found = read_back(service, written)
    path = folder / f"{name}_read_back.json"
    if not path.exists():  # what is there after the removal says nothing of the load
        path.with_suffix(".new").write_text(json.dumps(asdict(found)) + "\n", encoding="utf-8")
        os.replace(path.with_suffix(".new"), path)
    if not found.complete:
        warn(f"read_back.py: not all books of {name} could be asked for")
    left = remove_all(service, added)
    await_read_model(service)
    note_state(service, folder / f"{name}_data.jsonl", "after")
    if left:
        some = ", ".join(sorted(left)[:5])
        warn(f"read_back.py: {len(left)} books of {name} could not be removed: {some} ...")
    return 0 if found.complete and not left else 1


def work(options: argparse.Namespace) -> int:
    """Note what is there before a load, or read back what a load wrote, and return the exit code; raises Refused."""
    urls = find_services(options.folder)
    service = open_books_service(urls, options.users, options.sessions)
    if not options.before:
        return read_back_and_remove(service, options.folder, options.name)
    state = note_state(service, options.folder / f"{options.name}_data.jsonl", "before")
    if state.own:
        warn_of_leftovers(options.name, state.own, urls)
    return 0


def main() -> int:
    """Read the options, do what they ask for, and return the exit code."""
    parser = Arguments(description=__doc__, epilog=EXITS, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", help="the scenario")
    parser.add_argument("folder", type=Path, help="the results folder; its run.json says where the services are")
    parser.add_argument("--before", action="store_true", help="only write down what is there before the load")
    parser.add_argument("--users", type=Path, default=Path("users.csv"), help="the accounts (users.csv)")
    parser.add_argument("--sessions", type=Path, default=Path("sessions.json"), help="their sessions (sessions.json)")
    options = parser.parse_args()
    return run(parser.prog, lambda: work(options), "to remove the books that are left")


if __name__ == "__main__":
    sys.exit(main())
