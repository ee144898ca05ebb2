"""The accounts of users.csv: how they are read, what the service accepts, and that nobody else may read the file."""

import csv
import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from load.client.refusal import Refused

if TYPE_CHECKING:
    from _csv import Reader

FIELDS = ("username", "email", "password")
RULES = {
    "username": (re.compile(r"[A-Za-z0-9_.-]{3,50}"), "3 to 50 of letters, digits, '_', '.' and '-'"),
    "email": (re.compile(r"(?=.{5,254}$)[^@\s]+@[^@\s]+\.[^@\s]+"), "like name@example.com, at most 254 characters"),
    "password": (re.compile(r".{8,}", re.DOTALL), "at least 8 characters"),
}


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


def split_accounts(accounts: list[Account]) -> tuple[list[Account], list[Account]]:
    """Return the accounts whose sessions the users share, and the last ones, reserved for logging in and out."""
    reserved = min(max(2, len(accounts) // 20), len(accounts) - 1)
    return (accounts[:-reserved], accounts[-reserved:]) if reserved else (accounts, accounts)


def checked_accounts(lines: "Reader", path: Path) -> Iterator[Account]:
    """Yield the account of each line after the header, without blank lines; raises Refused at the first wrong line."""
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
    """Raise Refused when the service would not accept these fields; the rules are those of POST /register."""
    if len(values) != len(FIELDS):
        raise Refused(f"{where}: {len(values)} fields instead of {len(FIELDS)} ({','.join(FIELDS)})")
    for field, value in zip(FIELDS, values, strict=True):
        rule, words = RULES[field]
        if not rule.fullmatch(value):
            raise Refused(f"{where}: {field} must be {words}")
    if len(values[-1].encode()) > 72:
        raise Refused(f"{where}: password must be at most 72 bytes of UTF-8")


def is_private(file: int) -> bool:
    """Tell whether only its owner may read or change the open file."""
    return not os.fstat(file).st_mode & 0o077


def say_open_drive(path: Path) -> str:
    """Say why a file cannot be made private by chmod, and what can be done."""
    return (
        f"{path} holds credentials, and its drive keeps no permissions: others may read it, and chmod changes nothing"
        " (a Windows drive under WSL does so); move this folder to a drive of Linux, as your home folder is"
    )
