#!/usr/bin/env python3
"""Sign the accounts of users.csv in: one log-in each; the sessions are kept in a private file, and refreshed."""

import argparse
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import requests

from load.client.accounts import Account, read_accounts, split_accounts
from load.client.http_client import MALFORMED, ask, bearer, check_service, explain, open_http
from load.client.progress import work_through
from load.client.refusal import Refused
from load.client.script import Arguments, add_options, choose_auth, count_of, run
from load.client.sessions import Session, Sessions, is_due, keep_sessions, lock_service, read_sessions

AT_A_TIME = 4  # log-ins: each costs the service a password hash
EXITS = """exit codes:
  0    every account has a live session
  1    some accounts could not sign in, or the file could not be written
  3    nothing answers at the address, or something that is not the auth service
  64   a wrong option, or a file that is missing, malformed or readable by others
  130  interrupted; the sessions begun so far are kept

The last twentieth of the accounts is left out: the load logs those in and out itself.
AUTH_URL and AUTH_PORT are taken from the environment, or from .env in this folder."""


class CannotSignIn(Refused):
    """Some accounts cannot sign in: their usernames, why, and the sessions of all others that were asked for."""

    def __init__(self, failed: dict[str, str], sessions: Sessions) -> None:
        """Say why each of `failed` has no live session."""
        reasons = ", ".join(f"{count} x {reason}" for reason, count in Counter(failed.values()).most_common(3))
        super().__init__(f"{len(failed)} accounts cannot sign in ({reasons}); try: python register_users.py", 1)
        self.failed, self.sessions = failed, sessions


def take_tokens(response: requests.Response) -> Session:
    """Return the session in the answer to POST /login or /refresh; raises ValueError with the reason."""
    try:
        pair = response.json() if response.status_code == 200 else {}
        lifetime = float(pair["expires_in"])
        tokens = str(pair["access_token"]), str(pair["refresh_token"])
    except MALFORMED:
        raise ValueError(explain(response)) from None
    return Session(
        access_token=tokens[0], refresh_token=tokens[1], expires_at=time.time() + lifetime, lifetime=lifetime
    )


def log_in(http: requests.Session, auth_url: str, account: Account) -> Session:
    """Begin a session; raises ValueError or RequestException with the reason."""
    body = {"username": account.username, "password": account.password}
    return take_tokens(ask(http, "POST", f"{auth_url}/login", json=body))


def renew_session(
    http: requests.Session, auth_url: str, account: Account, session: Session | None
) -> tuple[str, Session]:
    """Return how an account got its live session, and the session; raises ValueError or RequestException."""
    if session and is_due(session):
        answer = ask(http, "POST", f"{auth_url}/refresh", headers=bearer(session["refresh_token"]))
        if answer.status_code != 401:
            return "refreshed", take_tokens(answer)
    elif session:
        answer = ask(http, "GET", f"{auth_url}/me", headers=bearer(session["access_token"]))
        if answer.status_code == 200:
            return "still signed in", session
        if answer.status_code != 401:
            raise ValueError(explain(answer))
    return "logged in", log_in(http, auth_url, account)


def ensure_sessions(  # noqa: PLR0913  what to do, how fast, and whom to tell
    auth_url: str,
    accounts: list[Account],
    path: Path,
    concurrency: int = AT_A_TIME,
    *,
    label: str = "signing in",
    tell: Callable[[int, int], None] = lambda done, total: None,
) -> tuple[Sessions, Counter[str]]:
    """Give every account a live session, and return the sessions and how many accounts got theirs in which way.

    The file keeps every session, also when other accounts fail or the work is interrupted. After each account `tell`
    is called with the number of accounts that are done, and of all. Raises CannotSignIn, with the sessions of the
    others, when an account cannot sign in, and Refused when the file cannot be used.
    """
    http = open_http(concurrency)
    outcomes: Counter[str] = Counter()
    failed: dict[str, str] = {}
    with lock_service(path, auth_url):
        sessions = read_sessions(path).get(auth_url, {})

        def work(account: Account) -> None:
            try:
                how, session = renew_session(http, auth_url, account, sessions.get(account.username))
            except requests.RequestException as problem:
                failed[account.username] = f"no answer, {type(problem).__name__}"
            except ValueError as problem:
                failed[account.username] = str(problem)
            else:
                sessions[account.username] = session
                outcomes[how] += 1

        try:
            for done, _ in enumerate(work_through(accounts, work, label, concurrency), 1):
                tell(done, len(accounts))
        finally:
            keep_sessions(path, auth_url, sessions)
    alive = {one.username: sessions[one.username] for one in accounts if one.username not in failed}
    if failed:
        raise CannotSignIn(failed, alive)
    return alive, outcomes


def sign_all_in(options: argparse.Namespace) -> int:
    """Sign in every account of the file that is not reserved, say how, and return the exit code; raises Refused."""
    auth_url = choose_auth(options)
    accounts = split_accounts(read_accounts(options.users))[0][: options.most]
    read_sessions(options.sessions)
    check_service(auth_url, "auth")
    _, outcomes = ensure_sessions(auth_url, accounts, options.sessions, options.concurrency)
    print(f"{len(accounts)} accounts have a session: {', '.join(f'{n} {how}' for how, n in outcomes.items())}")
    return 0


def main() -> int:
    """Read the options, sign in, and return the exit code."""
    parser = Arguments(description=__doc__, epilog=EXITS, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_options(parser)
    parser.add_argument("--sessions", type=Path, default=Path("sessions.json"), help="the file to keep them in")
    parser.add_argument("--most", type=count_of, help="how many of the accounts, the first ones; all without it")
    options = parser.parse_args()
    return run(parser.prog, lambda: sign_all_in(options))


if __name__ == "__main__":
    sys.exit(main())
