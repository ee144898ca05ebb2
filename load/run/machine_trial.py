"""Try whether machines of services share secret and stores: tokens of each are shown to all, a book is read back.

It needs an account, so run_all_tests.sh calls it once the accounts are registered. Nobody is told a secret for it.
"""

import json
import secrets
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jwt
import requests

from load.client.accounts import Account, read_accounts
from load.client.catalogue import NO_CACHE, OWN_TITLE
from load.client.http_client import MALFORMED, ask, bearer, explain, open_http
from load.client.refusal import BROKEN, Refused
from load.client.script import Arguments, run
from load.client.service_machines import Sampled, list_sampled
from load.client.sessions import Session
from load.client.sign_in import log_in
from load.run.isbns import isbns_with
from load.run.service_agreement import refuse_difference

BOOK = {"authors": ["Nobody"], "genre": "Trial", "format": "Trial", "year": 2000, "price": "1.00", "stock": 1}
PATHS = {"auth": "/token/status", "books": "/api/books?limit=1"}
ENDED = "This session has ended."  # what a books service says of a good token whose session its Redis does not have


def try_machines(services: Mapping[str, Any], account: Account) -> None:
    """Try every machine with the tokens of every auth machine, and every books machine with a book of the first.

    Raises Refused, which names the machines and the setting that must be the same. Leaves nothing behind.
    """
    http, sampled = open_http(), list_sampled(services)
    auth, books = ([each for each in sampled if each.service == service] for service in ("auth", "books"))
    sessions: list[tuple[Sampled, Session]] = []
    try:
        for each in auth:
            sessions.append((each, begin_session(http, each, account)))
        refuse_other_lifetimes(sessions)
        for giver, session in sessions:
            for each in sampled:
                show_token(http, each, giver, session)
        read_back(http, books, sessions[0][1])
    finally:
        for each, session in sessions:
            send(http, each, "POST", "/logout", session)


def send(
    http: requests.Session, to: Sampled, method: str, path: str, session: Session, **parts: Any
) -> requests.Response:
    """Return the answer of a machine to a request of a session; raises Refused when there is none."""
    headers = {**bearer(session["access_token"]), **parts.pop("headers", {})}
    try:
        return ask(http, method, f"{to.url}{path}", headers=headers, **parts)
    except requests.RequestException as problem:
        raise Refused(f"{to.source} ({to.url}) gave no answer, {type(problem).__name__}", BROKEN) from None


def begin_session(http: requests.Session, machine: Sampled, account: Account) -> Session:
    """Log in at a machine; raises Refused."""
    try:
        return log_in(http, machine.url, account)
    except (ValueError, requests.RequestException) as problem:
        raise Refused(
            f"{machine.source} ({machine.url}) does not log in an account that was registered before ({problem});"
            " DB_HOST and DB_NAME must lead all machines to the same MariaDB",
            BROKEN,
        ) from None


def refuse_other_lifetimes(sessions: Sequence[tuple[Sampled, Session]]) -> None:
    """Raise Refused when the tokens of two machines do not live equally long."""
    refuse_difference("ACCESS_TOKEN_TTL", {each.source: f"{session['lifetime']:g} s" for each, session in sessions})
    lives = {}
    for each, session in sessions:
        claims = jwt.decode(session["refresh_token"], options={"verify_signature": False})
        lives[each.source] = f"{claims['exp'] - claims['iat']} s"
    refuse_difference("REFRESH_TOKEN_TTL", lives)


def show_token(http: requests.Session, machine: Sampled, giver: Sampled, session: Session) -> None:
    """Raise Refused unless a machine takes the token that another has given."""
    answer = send(http, machine, "GET", PATHS[machine.service], session)
    try:
        said = answer.json()
        has_ended = said.get("active") is False or said.get("detail") == ENDED
    except MALFORMED:
        has_ended = False
    if answer.status_code == 200 and not has_ended:
        return
    taken = f"{machine.source} ({machine.url}) does not take a token of {giver.source} ({giver.url})"
    if has_ended:
        raise Refused(f"{taken}: it has no such session; REDIS_URL must lead all machines to the same Redis", BROKEN)
    if answer.status_code == 401:
        raise Refused(f"{taken}: JWT_SECRET must be the same on all machines", BROKEN)
    raise Refused(f"{taken} ({explain(answer)})", BROKEN)


def read_back(http: requests.Session, books: Sequence[Sampled], session: Session) -> None:
    """Raise Refused unless every books machine finds, in its MariaDB, a book that the first has added."""
    first, *others = books
    if not others:
        return
    isbn = next(isbns_with(f"979{10_000 + secrets.randbelow(90_000)}"))
    book = {"isbn": isbn, "title": f"{OWN_TITLE}trial", **BOOK}
    added = send(http, first, "POST", "/api/books", session, json=book)
    if added.status_code != 201:
        raise Refused(f"{first.source} ({first.url}) does not add a book ({explain(added)})", BROKEN)
    try:
        for each in others:
            if send(http, each, "GET", f"/api/books/{isbn}", session, headers=NO_CACHE).status_code != 200:
                found = f"{each.source} ({each.url}) does not have a book that {first.source} ({first.url}) has added"
                raise Refused(f"{found}; DB_HOST and DB_NAME must lead all machines to the same MariaDB", BROKEN)
    finally:
        send(http, first, "DELETE", f"/api/books/{isbn}", session)


def main() -> int:
    """Read the options, try the machines of the run, and return the exit code."""
    parser = Arguments(prog="run_all_tests.sh", description=__doc__)
    parser.add_argument("out", type=Path, help="the results folder, whose run.json names the machines")
    options = parser.parse_args()
    services = json.loads((options.out / "run.json").read_text(encoding="utf-8"))["services"]

    def work() -> int:
        try_machines(services, read_accounts(Path("users.csv"))[0])
        return 0

    return run(parser.prog, work)


if __name__ == "__main__":
    sys.exit(main())
