#!/usr/bin/env python3
"""Make the file of test accounts, with random names and passwords that nobody has registered yet."""

import argparse
import csv
import os
import secrets
import sys
import tempfile
from pathlib import Path

from load.client.accounts import FIELDS, is_private, say_open_drive
from load.client.refusal import Refused
from load.client.script import Arguments, count_of

EXITS = """exit codes:
  0   the file was written
  1   the file could not be written (folder missing, read-only, full, or on a drive without permissions)
  64  a wrong option, or the file exists and --force was not given"""


def make_account() -> tuple[str, str, str]:
    """Return a username, an e-mail address and a password, all from the system's secure source."""
    username = f"reader_{secrets.token_hex(8)}"
    # example.com is reserved for examples (RFC 2606): no mail to it reaches anybody.
    return username, f"{username}@example.com", secrets.token_urlsafe(18)


def write_accounts(out: Path, count: int) -> None:
    """Write `count` new accounts to `out` with mode 0600, whole or not at all; raises OSError or Refused."""
    handle, temporary = tempfile.mkstemp(prefix=f".{out.name}.", dir=out.parent)  # mkstemp makes mode 0600
    try:
        if not is_private(handle):
            os.close(handle)
            raise Refused(say_open_drive(out), 1)
        with open(handle, "w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(FIELDS)
            writer.writerows(make_account() for _ in range(count))
        os.replace(temporary, out)
    except BaseException:
        os.unlink(temporary)
        raise


def main() -> int:
    """Read the options, write the file, and return the exit code."""
    parser = Arguments(description=__doc__, epilog=EXITS, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=count_of, default=300, help="how many accounts (300)")
    parser.add_argument("--out", type=Path, default=Path("users.csv"), help="the file to write (users.csv)")
    parser.add_argument("--force", action="store_true", help="replace a file that is there")
    options = parser.parse_args()
    if os.path.lexists(options.out) and not options.force:
        parser.error(f"{options.out} exists, and its accounts may be registered; --force replaces it")
    try:
        write_accounts(options.out, options.count)
    except OSError as problem:
        print(f"{parser.prog}: cannot write {options.out}: {problem.strerror}", file=sys.stderr)
        return 1
    except Refused as problem:
        print(f"{parser.prog}: {problem}", file=sys.stderr)
        return problem.exit_code
    print(f"{options.count} accounts in {options.out}; now register them: python register_users.py")
    return 0


if __name__ == "__main__":
    sys.exit(main())
