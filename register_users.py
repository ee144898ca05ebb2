#!/usr/bin/env python3
"""Register the accounts of users.csv with the auth service, and count honestly what came of it."""

import argparse
import csv
import os
import re
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, TypeVar

import requests
from rich.console import Console
from rich.progress import track

from create_users_csv import FIELDS, Arguments, count_of, is_private, say_open_drive
from load.client.services import Refused, ask, check_service, explain, open_http, service_url

if TYPE_CHECKING:
    from _csv import Reader

INTERRUPTED = 130
RULES = {
    "username": (re.compile(r"[A-Za-z0-9_.-]{3,50}"), "3 to 50 of letters, digits, '_', '.' and '-'"),
    "email": (re.compile(r"(?=.{5,254}$)[^@\s]+@[^@\s]+\.[^@\s]+"), "like name@example.com, at most 254 characters"),
    "password": (re.compile(r".{8,}", re.DOTALL), "at least 8 characters"),
}
EXITS = """exit codes:
  0    every account is registered now, or was before
  1    some accounts failed: the tally says how many and why
  3    nothing answers at the address, or something that is not the auth service
  64   a wrong option, or a file that is missing, malformed or readable by others
  130  interrupted

AUTH_URL and AUTH_PORT are taken from the environment, or from .env in this folder.
A 503 is tried again after its Retry-After, for up to 60 seconds."""
Item = TypeVar("Item")
Result = TypeVar("Result")


class Account(NamedTuple):
    """One line of users.csv."""

    username: str
    email: str
    password: str


def check_private(file: int, path: Path) -> None:
    """Raise Refused when others than its owner may read or change the open file."""
    if is_private(file):
        return
    with suppress(OSError), tempfile.TemporaryFile(dir=path.parent) as probe:  # which is made with mode 0600
        if not is_private(probe.fileno()):
            raise Refused(say_open_drive(path))
    mode = os.fstat(file).st_mode & 0o777
    raise Refused(f"{path} holds credentials and has mode {mode:o}; run: chmod 600 {path}")


def read_accounts(path: Path) -> list[Account]:
    """Return the accounts of a users.csv; raises Refused with the line at fault."""
    try:
        with open(path, newline="", encoding="utf-8-sig") as file:
            check_private(file.fileno(), path)
            accounts = list(checked_accounts(csv.reader(file, strict=True), path))
    except FileNotFoundError:
        raise Refused(f"{path} is missing; make it with: python create_users_csv.py --out {path}") from None
    except OSError as problem:
        raise Refused(f"{path} cannot be read: {problem.strerror}") from None
    except UnicodeDecodeError:
        raise Refused(f"{path} is not UTF-8 text") from None
    if not accounts:
        raise Refused(f"{path} has no accounts; make it with: python create_users_csv.py --out {path} --force")
    return accounts


def checked_accounts(lines: "Reader", path: Path) -> Iterator[Account]:
    """Yield the account of each line after the header, blank lines left out.

    Raises Refused at the first line that is wrong.
    """
    seen: dict[str, int] = {}
    filled = (values for values in lines if "".join(values).strip() or len(values) > 1)
    try:
        if tuple(next(filled, FIELDS)) != FIELDS:
            raise Refused(f"{path} line {lines.line_num}: the header must be {','.join(FIELDS)}")
        for values in filled:
            check_account(values, f"{path} line {lines.line_num}")
            account = Account(*values)
            for field, value in (("username", account.username), ("email", account.email)):
                first = seen.setdefault(f"{field} {value.casefold()}", lines.line_num)
                if first != lines.line_num:
                    raise Refused(f"{path} line {lines.line_num}: {field} is the same as in line {first}")
            yield account
    except csv.Error as problem:
        raise Refused(f"{path} line {lines.line_num}: {problem}") from None


def check_account(values: list[str], where: str) -> None:
    """Raise Refused when the service would not take these fields; the rules are those of POST /register."""
    if len(values) != len(FIELDS):
        raise Refused(f"{where}: {len(values)} fields instead of {len(FIELDS)} ({','.join(FIELDS)})")
    for field, value in zip(FIELDS, values, strict=True):
        rule, words = RULES[field]
        if not rule.fullmatch(value):
            raise Refused(f"{where}: {field} must be {words}")
    if len(values[-1].encode()) > 72:
        raise Refused(f"{where}: password must be at most 72 bytes of UTF-8")


def follow(steps: Iterable[Item], label: str, total: int) -> Iterator[Item]:
    """Pass the steps on while showing how many are done: a bar in a terminal, else about ten lines.

    Without a label nothing is shown.
    """
    if not label:
        yield from steps
        return
    console = Console(stderr=True)
    if console.is_terminal:
        yield from track(steps, label, total, console=console)
        return
    for number, step in enumerate(steps, 1):
        yield step
        if number == total or number % max(1, total // 10) == 0:
            print(f"{label}: {number} of {total}", file=sys.stderr, flush=True)


def work_through(items: list[Item], work: Callable[[Item], Result], label: str, concurrency: int) -> Iterator[Result]:
    """Do `work` on every item, `concurrency` at a time, and yield the results as they come."""
    pool = ThreadPoolExecutor(concurrency)
    try:
        running = [pool.submit(work, item) for item in items]
        for done in follow(as_completed(running), label, len(items)):
            yield done.result()
    finally:
        pool.shutdown(cancel_futures=True)


def register(http: requests.Session, auth_url: str, account: Account) -> str:
    """Register one account and return what came of it: "registered", "there already" or a reason."""
    try:
        response = ask(http, "POST", f"{auth_url}/register", json=account._asdict())
    except requests.RequestException as problem:
        return f"no answer ({type(problem).__name__})"
    return {201: "registered", 409: "there already"}.get(response.status_code) or explain(response)


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of every script that takes the accounts to the auth service."""
    parser.add_argument("--users", type=Path, default=Path("users.csv"), help="the accounts (users.csv)")
    parser.add_argument("--auth-url", default="", help="the auth service (AUTH_URL, else this machine)")
    parser.add_argument("--concurrency", type=count_of, default=4, help="requests at a time (4)")


def register_all(users: Path, auth_url: str, concurrency: int) -> int:
    """Register every account of a file, print the tally, and return the exit code; raises Refused."""
    accounts = read_accounts(users)
    check_service(auth_url, "auth")
    http = open_http()
    outcomes = work_through(accounts, lambda one: register(http, auth_url, one), "registering", concurrency)
    tally = Counter(outcomes)
    new, there = tally.pop("registered", 0), tally.pop("there already", 0)
    print(f"{new} registered, {there} there already, {tally.total()} failed")
    for reason, count in tally.most_common():
        print(f"{count} failed: {reason}", file=sys.stderr)
    if any(not reason.startswith("4") for reason in tally):  # a 4xx is the account's own fault and stays
        print("the same command goes on where it stopped: the accounts that are registered stay", file=sys.stderr)
    return 1 if tally else 0


def main() -> int:
    """Read the options, register, and return the exit code."""
    parser = Arguments(description=__doc__, epilog=EXITS, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_options(parser)
    options = parser.parse_args()
    try:
        auth_url = options.auth_url.rstrip("/") or service_url("auth")
        return register_all(options.users, auth_url, options.concurrency)
    except Refused as problem:
        print(f"{parser.prog}: {problem}", file=sys.stderr)
        return problem.exit_code
    except KeyboardInterrupt:
        print(f"{parser.prog}: interrupted; run it again to go on", file=sys.stderr)
        return INTERRUPTED


if __name__ == "__main__":
    sys.exit(main())
