"""A reload of Gunicorn takes good settings over, and leaves the service as it was with others."""

import secrets
import signal
import time
from pathlib import Path

import requests

from stack.ports import find_free_ports
from tests.backend.test_service_start import APPS, read_start, running, start
from tests.support.books_services import list_workers
from tests.support.forgery import sign
from tests.support.read_models import wait_until
from tests.support.weak_builds import copy_build

SECRET = secrets.token_urlsafe(48)
CLAIMS = {"iss": "libros-auth", "aud": "libros", "sub": "1", "username": "reader", "sid": "1" * 32, "jti": "2" * 32}
NO_REDIS = 503  # to who may enter: nobody could be asked for the session


def read_status(port: int) -> int:
    """Return what a token is answered that is signed with SECRET; 0 before anything answers."""
    now = int(time.time())
    token = sign({**CLAIMS, "token_use": "access", "iat": now, "exp": now + 60}, SECRET)
    try:
        headers = {"Authorization": f"Bearer {token}", "Connection": "close"}
        return requests.get(f"http://127.0.0.1:{port}/me", headers=headers, timeout=10).status_code
    except requests.ConnectionError:
        return 0


def test_a_reload_with_a_setting_that_cannot_be_used_keeps_those_of_before(tmp_path: Path) -> None:
    folder = copy_build(tmp_path / "build")
    good = f"DB_USER=libros\nDB_PORT=1\nREDIS_URL=redis://127.0.0.1:1\nJWT_SECRET={SECRET}\n"
    (folder / ".env").write_text(good)
    (port,) = find_free_ports(1)
    with running(start(APPS[0], {}, "--bind", f"127.0.0.1:{port}", folder=folder)) as service:
        wait_until(lambda: read_status(port) == NO_REDIS, 20, "the service serves")
        read_start(service)
        before = list_workers(service.pid)
        (folder / ".env").write_text(f"{good}JWT_SECRET=short\n")
        service.send_signal(signal.SIGHUP)
        assert "The settings stay as they were: JWT_SECRET cannot be used" in read_start(service)
        wait_until(lambda: not any(each.is_running() for each in before), 20, "the workers are new")
        assert [read_status(port) for _ in range(5)] == [NO_REDIS] * 5
        (folder / ".env").write_text(good.replace(SECRET, SECRET[::-1]))
        service.send_signal(signal.SIGHUP)
        wait_until(lambda: read_status(port) == 401, 20, "the new secret is asked for")
