"""TLS to MariaDB as DB_TLS asks for it: never, always, or with a server whose certificate is right."""

import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests
from mysql.connector import Error

from backend.stores.mariadb import STORE_ERRORS, TIMEOUT_S, Connection, connection_arguments
from tests.faults.stores import Store, administer, await_mariadb, find_mariadb
from tests.support.certificates import Certificates, make_certificates
from tests.support.chosen_settings import chosen_settings
from tests.support.clients import Client, check_problem, make_credentials, register, sign_in
from tests.support.stacks import Stack, start_stack
from tests.support.weak_builds import run_build

STACK_SETTINGS = {"AUTH_WORKERS": "1", "BOOKS_WORKERS": "1"}
NO_CACHE = {"Cache-Control": "no-cache"}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """The certificates of this module's MariaDB, for its address and not for its name."""
    return make_certificates(tmp_path_factory.mktemp("certificates"), "subjectAltName=IP:127.0.0.1")


@pytest.fixture(scope="module")
def own(own_settings: dict[str, str]) -> Stack:
    """The stack of this module."""
    return start_stack(own_settings)


@pytest.fixture(scope="module")
def mariadb(own: Stack, made: Certificates) -> Iterator[Store]:
    """Its MariaDB, started again with those certificates."""
    store = find_mariadb(own)
    try:
        restart(own, store, [*store.command, f"--ssl-cert={made.certificate}", f"--ssl-key={made.key}"])
        yield store
    finally:
        store.end()


def restart(own: Stack, mariadb: Store, command: list[str]) -> None:
    """Start MariaDB again with another command, and wait until it accepts."""
    mariadb.kill()
    mariadb.command = command
    mariadb.start()
    await_mariadb(own)


@contextmanager
def tls_switched_off(own: Stack, mariadb: Store) -> Iterator[None]:
    """Let MariaDB offer no TLS: with MariaDB 11 it must be told so."""
    command = mariadb.command
    restart(own, mariadb, [*command, "--skip-ssl"])
    try:
        yield
    finally:
        restart(own, mariadb, command)


@contextmanager
def tls_required(mariadb: Store) -> Iterator[None]:
    """Let MariaDB take the services' account only under TLS."""
    administer(mariadb, "ALTER USER 'libros'@'127.0.0.1' REQUIRE SSL;")
    try:
        yield
    finally:
        administer(mariadb, "ALTER USER 'libros'@'127.0.0.1' REQUIRE NONE;")


def choose_arguments(stack: Stack, folder: Path, tls: str, host: str = "127.0.0.1") -> dict[str, Any]:
    """Return what the services connect with when this is their DB_TLS."""
    given = {name: stack[name] for name in ("DB_PORT", "DB_USER", "DB_PASSWORD")}
    with chosen_settings(folder, DB_HOST=host, DB_TLS=tls, **given):
        return connection_arguments()


def is_encrypted(stack: Stack, folder: Path, tls: str, host: str = "127.0.0.1") -> bool:
    """Connect as the services do with this DB_TLS, and tell whether MariaDB sees TLS. Raises a driver error."""
    with closing(Connection(**choose_arguments(stack, folder, tls, host))) as connection:
        row = connection.info_query("SHOW STATUS LIKE 'Ssl_cipher'")
        assert row is not None and bool(row[1]) == connection.is_encrypted
        return connection.is_encrypted


def test_a_connection_is_encrypted_where_that_is_asked_for_and_nowhere_else(
    own: Stack, mariadb: Store, made: Certificates, tmp_path: Path
) -> None:
    found = {tls: is_encrypted(own, tmp_path, tls) for tls in ("off", "on", str(made.ca))}
    assert found == {"off": False, "on": True, str(made.ca): True}
    assert is_encrypted(own, tmp_path, "on", "localhost")  # whoever answers is believed


def test_a_frozen_mariadb_is_waited_for_as_shortly(
    own: Stack, mariadb: Store, made: Certificates, tmp_path: Path
) -> None:
    arguments = choose_arguments(own, tmp_path, str(made.ca))
    connection = Connection(**arguments)
    with mariadb.frozen():
        started = time.monotonic()
        assert not connection.begin_session(writes=False, reset=True)
        asked = time.monotonic()
        with pytest.raises(STORE_ERRORS):
            Connection(**arguments)
        waits = asked - started, time.monotonic() - asked
    connection.close()
    assert max(waits) < 2 * TIMEOUT_S, waits


def test_another_ca_and_another_name_are_refused(
    own: Stack, mariadb: Store, made: Certificates, tmp_path: Path
) -> None:
    another = str(make_certificates(tmp_path).ca)
    for tls, host in ((another, "127.0.0.1"), (str(made.ca), "localhost")):
        with pytest.raises(Error, match="SSL connection error"):
            is_encrypted(own, tmp_path, tls, host)


def test_a_mariadb_that_offers_no_tls_is_refused_where_it_must(
    own: Stack, mariadb: Store, made: Certificates, tmp_path: Path
) -> None:
    with tls_switched_off(own, mariadb):
        assert not is_encrypted(own, tmp_path, "off")
        for tls, words in (
            (str(made.ca), "SSL connection error|SSL connection is required"),
            ("on", "MariaDB offers no TLS"),
        ):
            with pytest.raises(Error, match=words):
                is_encrypted(own, tmp_path, tls)


def test_both_services_work_under_tls_and_say_so(
    own: Stack, mariadb: Store, made: Certificates, tmp_path: Path
) -> None:
    account = register(own["AUTH_URL"])
    token = {"Authorization": f"Bearer {own['METRICS_TOKEN']}"}
    with tls_required(mariadb), run_build(own, tmp_path / "build", DB_TLS=str(made.ca)) as services:
        pair = sign_in(services.auth, account)
        register(services.auth)
        with Client(services.books, pair["access_token"]) as books:
            assert books.get("/api/books", headers=NO_CACHE).status_code == 200
            check_problem(books.delete("/api/books/9780306406157"), 404)
        for url in (services.auth, services.books):
            assert requests.get(f"{url}/ready", timeout=10).status_code == 200
            assert 'db_tls="verify"' in requests.get(f"{url}/metrics", headers=token, timeout=10).text


def test_services_without_tls_are_refused_where_the_account_needs_it(
    own: Stack, mariadb: Store, tmp_path: Path
) -> None:
    with tls_required(mariadb), run_build(own, tmp_path / "build", only="auth") as services:
        answer = requests.post(f"{services.auth}/register", json=make_credentials(), timeout=10)
        check_problem(answer, 503)
