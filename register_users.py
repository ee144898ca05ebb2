#!/usr/bin/env python3
"""Register the accounts of users.csv with the auth service, print how many are registered, and why others failed."""

import argparse
import sys
from collections import Counter
from pathlib import Path

import requests

from load.client.accounts import Account, read_accounts
from load.client.http_client import ask, check_service, explain, open_http
from load.client.progress import work_through
from load.client.script import Arguments, add_options, choose_auth, run

EXITS = """exit codes:
  0    every account is registered now, or was before
  1    some accounts failed: the tally says how many and why
  3    nothing answers at the address, or something that is not the auth service
  64   a wrong option, or a file that is missing, malformed or readable by others
  130  interrupted

AUTH_URL and AUTH_PORT are taken from the environment, or from .env in this folder.
A 503 is tried again after its Retry-After, for up to 60 seconds."""


def register(http: requests.Session, auth_url: str, account: Account) -> str:
    """Register one account and return the outcome: "registered", "there already", or why it failed."""
    try:
        response = ask(http, "POST", f"{auth_url}/register", json=account._asdict())
    except requests.RequestException as problem:
        return f"no answer ({type(problem).__name__})"
    return {201: "registered", 409: "there already"}.get(response.status_code) or explain(response)


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
    return run(parser.prog, lambda: register_all(options.users, choose_auth(options), options.concurrency))


if __name__ == "__main__":
    sys.exit(main())
