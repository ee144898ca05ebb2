"""A single connection to Redis, by each way to it: how it waits, what it knows of its end, and why it is refused."""

import os
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
import redis

from backend.addresses import read_redis_url
from backend.stores.redis_connection import Connection, open_connection
from tests.support.certificates import make_certificates
from tests.support.outages import freeze
from tests.support.redis_addresses import USER, Addresses, run_redis_with_addresses
from tests.support.stacks import Stack

WAYS = ["TLS", "a socket", "a user"]
TIMEOUT_S = 0.2


@pytest.fixture(scope="module")
def addresses(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Addresses]:
    """The Redis of this module."""
    with run_redis_with_addresses(stack, tmp_path_factory.mktemp("redis")) as running:
        yield running


@pytest.fixture(params=WAYS)
def opened(addresses: Addresses, request: pytest.FixtureRequest) -> Iterator[Connection]:
    """A connection by each way in turn."""
    with closing(open_connection(read_redis_url(addresses.urls[request.param]), TIMEOUT_S)) as connection:
        yield connection


def close_all(addresses: Addresses) -> None:
    """Have Redis close all connections but the test's own."""
    addresses.store.client.client_kill_filter(_type="normal", skipme=True)
    time.sleep(0.1)


def test_long_and_binary_values_go_both_ways(opened: Connection) -> None:
    value = os.urandom(300_000)
    assert opened.exchange(("SET", "key", value)) == b"OK"
    assert opened.exchange(("GET", "key")) == value
    assert opened.exchange(("ACL", "WHOAMI")) == USER.encode()


def test_it_knows_that_it_was_closed_and_that_it_was_not(opened: Connection, addresses: Addresses) -> None:
    for _ in range(3):
        assert not opened.was_closed()
        assert opened.exchange(("PING",)) == b"PONG"
    close_all(addresses)
    assert opened.was_closed()
    with pytest.raises(redis.ConnectionError):
        opened.exchange(("PING",))


def test_session_tickets_that_wait_to_be_read_are_no_end(addresses: Addresses) -> None:
    url = f"rediss://127.0.0.1:{addresses.tls_port}?ssl_ca_certs={addresses.certificates.ca}"
    for pause_s in (0.0, 0.1):  # they come after the handshake, when nobody reads: this user has no password
        with closing(open_connection(read_redis_url(url), TIMEOUT_S)) as connection:
            time.sleep(pause_s)
            assert not connection.was_closed()
            assert connection.exchange(("PING",)) == b"PONG"


def wait_in_vain(address: Addresses, way: str, connection: Connection | None) -> float:
    """Return the seconds after which an exchange, or the opening of a connection, is given up as timed out."""
    started = time.monotonic()
    with pytest.raises(redis.TimeoutError):
        if connection is None:
            open_connection(read_redis_url(address.urls[way]), TIMEOUT_S)
        else:
            connection.exchange(("PING",))
    return time.monotonic() - started


@pytest.mark.parametrize("way", WAYS)
def test_no_wait_is_longer_than_its_limit(addresses: Addresses, way: str) -> None:
    with closing(open_connection(read_redis_url(addresses.urls[way]), TIMEOUT_S)) as connection:
        with freeze(addresses.store.pid):
            waits = [wait_in_vain(addresses, way, each) for each in (connection, None)]
        assert all(TIMEOUT_S - 0.05 < seconds < 3 * TIMEOUT_S for seconds in waits), waits


def test_whatever_redis_refuses_at_the_start_is_a_connection_that_failed(
    addresses: Addresses, stack: Stack, tmp_path: Path
) -> None:
    plain, tls = addresses.store.url, f"rediss://127.0.0.1:{addresses.tls_port}"
    ca, another = addresses.certificates.ca, make_certificates(tmp_path).ca
    for url, words in {
        plain.replace("//", "//reader:wrong@"): "refuses the connection: WRONGPASS",
        plain.replace("//", "//nobody@"): "refuses the connection: WRONGPASS",
        plain.removesuffix("0") + "99": "refuses the connection: ERR DB index",
        tls: "certificate verify failed",
        f"{tls}?ssl_ca_certs={another}": "certificate verify failed",
        f"{tls.replace('127.0.0.1', '127.0.0.2')}?ssl_ca_certs={ca}": "mismatch",
        f"{tls.replace('rediss', 'redis')}": "broke|closed|Protocol error",
        f"redis://{stack['DB_HOST']}:{stack['DB_PORT']}": "Protocol error",
        "redis://127.0.0.1:1": "refused",
        "redis://no-such-host.invalid": "cannot be reached",
        f"unix://{tmp_path}/no.sock": "No such file",
    }.items():
        with pytest.raises(redis.ConnectionError, match=words), closing(ask_once(url)):
            pytest.fail(f"{url} was accepted")


def ask_once(url: str) -> Connection:
    """Open a connection and send one command."""
    connection = open_connection(read_redis_url(url), TIMEOUT_S)
    try:
        connection.exchange(("PING",))
    except BaseException:
        connection.close()
        raise
    return connection


def test_a_certificate_of_our_own_is_shown_where_it_is_asked_for(addresses: Addresses) -> None:
    made, store = addresses.certificates, addresses.store.client
    url = f"rediss://127.0.0.1:{addresses.tls_port}?ssl_ca_certs={made.ca}"
    store.config_set("tls-auth-clients", "yes")
    try:
        with pytest.raises(redis.ConnectionError):
            ask_once(url)
        ask_once(f"{url}&ssl_certfile={made.certificate}&ssl_keyfile={made.key}").close()
    finally:
        store.config_set("tls-auth-clients", "no")


def test_nobody_is_checked_where_that_is_asked_for(addresses: Addresses) -> None:
    ca = addresses.certificates.ca
    for query in ("ssl_cert_reqs=none", f"ssl_ca_certs={ca}&ssl_check_hostname=false"):
        ask_once(f"rediss://127.0.0.1:{addresses.tls_port}?{query}").close()
