"""Sixteen clients change, delete and create again the same ten books while readers watch: nobody sees a step back."""

import secrets
from pathlib import Path

import pytest

from tests.support.altered_services import copy_services, run_in_place_of_own
from tests.support.clients import Client
from tests.support.projector_runs import check_verified
from tests.support.race import Race
from tests.support.read_models import LONG, find_miscounts
from tests.support.stacks import Stack, connect_to_mariadb

pytestmark = pytest.mark.alone

SECONDS = 60 if LONG else 8


@pytest.fixture
def race(model_stack: Stack, model_books: Client, token: str) -> Race:
    """A race that has not started, on the stack of the read model's tests."""
    return Race(model_stack["BOOKS_URL"], token, secrets.randbelow(2**32))


def read_last_versions(own: Stack, isbns: list[str]) -> dict[str, int]:
    """Return the last version of each ISBN in MariaDB, of its book or of the one that was deleted."""
    with connect_to_mariadb(own) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT isbn, version FROM deleted_books UNION ALL SELECT isbn, version FROM books")
        rows = [(str(row[0]), int(str(row[1]))) for row in cursor.fetchall() if isinstance(row, tuple)]
    return {isbn: max(version for each, version in rows if each == isbn) for isbn in isbns}


def test_no_reader_sees_a_step_back_a_dead_book_or_half_a_change(model_stack: Stack, race: Race) -> None:
    race.run(SECONDS)
    print(f"seed {race.seed}; answers {dict(race.counts)}; {race.watch.reads} reads")
    check_verified(model_stack)
    assert find_miscounts(model_stack) == {}
    assert race.watch.faults == []
    assert race.watch.from_mariadb == 0
    assert read_last_versions(model_stack, race.isbns) == race.commits
    assert sum(race.counts[each] for each in race.counts if each.endswith("503")) <= race.counts.total() / 50
    assert all(race.counts[each] > 10 for each in ("POST 201", "PATCH 200", "DELETE 204")), race.counts


@pytest.mark.parametrize(
    ("taken_out", "sign"),
    [
        pytest.param(
            "  if known and tonumber(old[1]) >= tonumber(new[1]) then return false end\n",
            "seen alive after",
            id="the check of versions",
        ),
        pytest.param(
            "      redis.call('ZREM', prefix .. old[i], old[2] .. '\\\\0' .. isbn)\n      count(prefix, old[i], -1)\n",
            "holds",
            id="the move between indexes",
            marks=pytest.mark.skipif(not LONG, reason="long form only"),
        ),
    ],
)
def test_the_same_watch_sees_what_goes_wrong_without(
    model_settings: dict[str, str], race: Race, tmp_path: Path, taken_out: str, sign: str
) -> None:
    altered, log = copy_services(tmp_path, "backend/read_model/projection.py", taken_out, ""), tmp_path / "books.log"
    with run_in_place_of_own(model_settings, log, "--workers", "2", folder=altered) as service:
        race.url = service.url
        for _ in range(20):
            race.run(1)
            if any(sign in fault for fault in race.watch.faults):
                break
    print(f"seed {race.seed}; faults {race.watch.faults[:5]}")
    assert any(sign in fault for fault in race.watch.faults)
