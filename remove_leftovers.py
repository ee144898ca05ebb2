#!/usr/bin/env python3
"""Remove the books that earlier loads have left in the catalogue, for example because they were killed.

A book is a load's when its ISBN begins with 979 and its title with "Another "; no other book is touched.
"""

import argparse
import sys
from pathlib import Path

from load.client.catalogue import is_leftover, read_catalogue
from load.client.script import Arguments, run
from load.client.service_metrics import find_token, refuse_other_load
from load.client.target import Target, read_target
from load.run.read_back import await_read_model, open_books_service, remove_all

LOOK_S = 5.0  # in which a load of a few users would send something
EXITS = """exit codes:
  0    no load's book is left
  1    some books could not be removed; it can be run again
  3    a service does not answer, or it is under load
  64   a wrong option or file
  130  interrupted; run it again to go on

Without an address: AUTH_URL and BOOKS_URL, else the services on this machine (AUTH_PORT, BOOKS_PORT)."""


def remove_leftovers(target: Target, users: Path, sessions: Path) -> int:
    """Remove the leftovers, say how many, and return the exit code; raises Refused."""
    service = open_books_service(target._asdict(), users, sessions)
    refuse_other_load(target, find_token(target), look_s=LOOK_S, few=0)  # its books are not leftovers
    leftovers = {book["isbn"] for book in read_catalogue(service.url, lambda: service.token) if is_leftover(book)}
    left = remove_all(service, leftovers)
    await_read_model(service)
    print(f"books of earlier loads removed from {target.books}: {len(leftovers) - len(left)}")
    if left:
        some = ", ".join(sorted(left)[:5])
        print(f"remove_leftovers.py: {len(left)} books could not be removed: {some} ...", file=sys.stderr)
    return 1 if left else 0


def main() -> int:
    """Read the options, remove, and return the exit code."""
    parser = Arguments(description=__doc__, epilog=EXITS, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--host", default="", help="the machine of the services, on ports 5000 and 5001")
    parser.add_argument("--auth-url", default="", help="the auth service")
    parser.add_argument("--books-url", default="", help="the books service")
    parser.add_argument("--users", type=Path, default=Path("users.csv"), help="the accounts (users.csv)")
    parser.add_argument("--sessions", type=Path, default=Path("sessions.json"), help="their sessions (sessions.json)")
    options = parser.parse_args()
    return run(parser.prog, lambda: remove_leftovers(read_target(options)[0], options.users, options.sessions))


if __name__ == "__main__":
    sys.exit(main())
