"""Passwords and tokens that are sent about, and the places where none of them may be found again."""

import secrets
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import redis
import requests

from tests.support.clients import Client, make_credentials
from tests.support.read_models import wait_until
from tests.support.session_checks import bearer
from tests.support.weak_builds import Services


def send_canaries(services: Services) -> tuple[list[str], str]:
    """Send passwords and tokens in every way, good and bad; return them, and the id of the last request."""
    last = f"last-{secrets.token_hex(8)}"
    body = make_credentials()
    odd = [f"Canary-{secrets.token_hex(12)}" for _ in range(6)]
    with Client(services.auth) as auth, Client(services.books) as books:
        auth.post("/register", json=body)
        auth.post("/register", json={**make_credentials(), "password": odd[0] + "x" * 72})
        auth.post("/register", json={**body, "password": odd[1]})
        auth.post("/login", json={"username": body["username"], "password": odd[2]})
        auth.post("/login", json={"username": body["username"], "password": [odd[3]]})
        auth.post("/login", data=f'{{"password": "{odd[4]}"', headers={"Content-Type": "application/json"})
        auth.post("/login", json={"password": odd[5], "unknown": "x" * 20000})
        pair = auth.post("/login", json={"username": body["username"], "password": body["password"]}).json()
        renewed = auth.post("/refresh", headers=bearer(pair["refresh_token"])).json()
        for token in (renewed["access_token"], renewed["refresh_token"], renewed["access_token"] + "x"):
            for path in ("/me", "/token/status", "/refresh", "/register"):
                auth.get(path, headers=bearer(token))
            books.get("/api/books", headers=bearer(token))
            books.post("/api/books", headers=bearer(token), json={"isbn": token, "title": body["password"]})
            auth.get(f"/me?access_token={token}")
        for url in (services.auth, services.books):
            requests.get(f"{url}/health", headers={"X-Request-ID": last}, timeout=10)
    tokens = [each[use] for each in (pair, renewed) for use in ("access_token", "refresh_token")]
    return [body["password"], *odd, *tokens, *(token.rpartition(".")[2] for token in tokens)], last


def read_logs(services: Services, last: str) -> list[bytes]:
    """Return the logs beside those of the services, once the request with the id `last` stands in both."""
    folders = {Path(f"/proc/{pid}/fd/2").resolve().parent for pid in (services.auth_pid, services.books_pid)}
    logs = [log for folder in folders for log in folder.glob("*.log")]
    wait_until(lambda: sum(last.encode() in log.read_bytes() for log in logs) == 2, 10, "the logs are whole")
    return [log.read_bytes() for log in logs]


def find_in(texts: Iterable[bytes], sought: Iterable[str]) -> list[str]:
    """Return which of the sought texts stand in these."""
    together = b"\n".join(texts)
    return [text for text in sought if text.encode() in together]


def dump_redis(store: "redis.Redis") -> list[bytes]:
    """Return every key of a Redis and its value as a dump holds it, not compressed."""
    compression = str(store.config_get("rdbcompression")["rdbcompression"])
    store.config_set("rdbcompression", "no")
    try:
        keys = list(store.scan_iter(count=1000))
        return [part for key in keys for part in (key, store.dump(key)) if part is not None]
    finally:
        store.config_set("rdbcompression", compression)


@contextmanager
def watch_command_lines() -> Iterator[list[bytes]]:
    """Note the command line of every process of the machine, over and over, until the end of the block."""
    seen: set[bytes] = set()
    noted: list[bytes] = []
    ended = threading.Event()

    def watch() -> None:
        while not ended.is_set():
            for each in Path("/proc").glob("[0-9]*/cmdline"):
                try:
                    seen.add(each.read_bytes())
                except OSError:
                    continue  # it has ended meanwhile
            time.sleep(0.02)

    watching = threading.Thread(target=watch)
    watching.start()
    try:
        yield noted
    finally:
        ended.set()
        watching.join()
        noted.extend(seen)
