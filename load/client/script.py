"""What the scripts have in common: their options, the exit code for a wrong option, and how they end."""

import argparse
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn, TextIO

from load.client.addresses import check_url, service_url
from load.client.refusal import INTERRUPTED, WRONG_USE, Refused


class Arguments(argparse.ArgumentParser):
    """An argument parser that ends with exit code 64 and one line when an option is wrong."""

    def error(self, message: str) -> NoReturn:
        """Print what is wrong and end the program."""
        self.exit(WRONG_USE, f"{self.prog}: {message}; see --help\n")


def count_of(text: str) -> int:
    """Return the count, from 1 to 100,000, that an option gives; raises ArgumentTypeError."""
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= 100_000:
        raise argparse.ArgumentTypeError(f"'{text}' is not a whole number from 1 to 100000")
    return int(text)


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of every script that takes the accounts to the auth service."""
    parser.add_argument("--users", type=Path, default=Path("users.csv"), help="the accounts (users.csv)")
    parser.add_argument("--auth-url", default="", help="the auth service (AUTH_URL, else this machine)")
    parser.add_argument("--concurrency", type=count_of, default=4, help="requests at a time (4)")


def choose_auth(options: argparse.Namespace) -> str:
    """Return the address of the auth service that these options ask for; raises Refused."""
    return check_url(options.auth_url, "--auth-url") if options.auth_url else service_url("auth")


def run(prog: str, work: Callable[[], int], left: str = "to go on") -> int:
    """Return the exit code of `work`. What refuses or interrupts it is told in one line, and has its own exit code.

    `left` says for what the script can be run again after Ctrl-C.
    """
    try:
        return work()
    except Refused as problem:
        warn(f"{prog}: {problem}")
        return problem.exit_code
    except KeyboardInterrupt:
        warn(f"{prog}: interrupted; run it again {left}")
        return INTERRUPTED
    finally:
        say("", sys.stdout)  # else Python tries again at its end, and has an exit code of its own


def warn(words: str) -> None:
    """Say something on standard error, if anybody still reads it."""
    say(f"{words}\n", sys.stderr)


def say(text: str, stream: TextIO) -> None:
    """Write and flush; where nobody reads it any more, as when Ctrl-C has ended `tee` too, that is no fault."""
    try:
        stream.write(text)
        stream.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
