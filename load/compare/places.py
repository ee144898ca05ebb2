"""Where the two sides of a comparison answer, and what each must have before any load: accounts, sessions, books."""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from analysis.records.comparison import Side as RecordedSide
from analysis.records.results_folder import DataState
from load.client.service_machines import Sampled, list_sampled
from load.client.service_metrics import find_token, refuse_other_load
from load.client.settings import setting
from load.client.target import Target, choose_target
from load.compare.sides import Side
from load.compare.stacks import run_whole
from load.run.read_back import note_state, open_books_service, read_back_and_remove
from load.run.service_facts import read_services

USERS, SESSIONS = Path("users.csv"), Path("sessions.json")  # of hosts, kept from run to run
SHARED, RESERVED = 40, 10  # accounts that the users share, and more, which the load logs in and out
STORES = {"MariaDB": "DB_PID", "Redis": "REDIS_PID"}


@dataclass(frozen=True)
class Place:
    """Where a side answers, the token for its metrics, the files of its accounts, and its stores' pids if known."""

    target: Target
    token: str
    users: Path = USERS
    sessions: Path = SESSIONS
    stores: tuple[tuple[str, int], ...] = ()

    @property
    def urls(self) -> dict[str, str]:
        """The addresses by service."""
        return self.target._asdict()

    @property
    def sampled(self) -> list[Sampled]:
        """What is sampled of the side."""
        return list_sampled({name: {"url": url} for name, url in self.urls.items()})

    @property
    def is_private(self) -> bool:
        """Whether it is a stack that was made for this comparison."""
        return bool(self.stores)


def place_of_host(name: str, target: Target) -> Place:
    """Return the place of services that run already; two hosts may have a token each. Raises Refused."""
    return Place(target, setting(f"METRICS_TOKEN_{name.upper()}") or find_token(target))


def place_of_stack(values: dict[str, str], state: Path) -> Place:
    """Return the place of a private stack by its stack.env; `state` is the folder for accounts and sessions."""
    stores = tuple((name, int(values[pid])) for name, pid in STORES.items())
    target = Target(values["AUTH_URL"], values["BOOKS_URL"])
    return Place(target, values["METRICS_TOKEN"], state / "users.csv", state / "sessions.json", stores)


def check_place(side: Side, place: Place) -> RecordedSide:
    """Return what plan.json says of a side; raises Refused unless both services answer there and nobody loads them."""
    choose_target(place.target, given=True)
    services: dict[str, Any] = read_services({name: {"url": url} for name, url in place.urls.items()}, place.token)
    if not place.is_private:
        refuse_other_load(place.target, place.token)
    settings = {name: service["settings"] for name, service in services.items()}
    return RecordedSide(side.what, **place.urls, commit=side.commit, label=side.label, settings=settings)


def prepare_accounts(place: Place) -> None:
    """Register and sign in the accounts that the users share; raises Refused."""
    auth, file = ["--auth-url", place.target.auth], ["--users", str(place.users)]
    if not place.users.exists():
        count = [] if place.users == USERS else ["--count", str(SHARED + RESERVED)]
        run_whole([sys.executable, "create_users_csv.py", "--out", str(place.users), *count], "no accounts can be made")
    run_whole([sys.executable, "register_users.py", *auth, *file], f"no accounts at {place.target.auth}")
    more = ["--sessions", str(place.sessions), "--most", str(SHARED)]
    sign_in = [sys.executable, "-m", "load.client.sign_in", *auth, *file, *more]
    run_whole(sign_in, f"the accounts cannot sign in at {place.target.auth}")


def note_catalogue(name: str, place: Place, folder: Path) -> DataState:
    """Write down in SIDE_data.jsonl what the catalogue of a side holds before the load; raises Refused."""
    service = open_books_service(place.urls, place.users, place.sessions)
    return note_state(service, folder / f"{name}_data.jsonl", "before")


def remove_books(name: str, place: Place, folder: Path) -> None:
    """Read the books of a side's load back, and remove them; raises Refused."""
    read_back_and_remove(open_books_service(place.urls, place.users, place.sessions), folder, name)
