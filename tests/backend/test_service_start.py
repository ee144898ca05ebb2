"""How the services start: settings that are missing or weak are refused in one line, risky ones warned of."""

import os
import secrets
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.short_form import pair_up
from tests.support.weak_builds import copy_build

PROJECT = Path(__file__).parents[2]
GOOD_SECRET = secrets.token_urlsafe(48)
APPS = ["app_jwt_redis:app", "microservicioCQRSRedis:app"]
WEAK = [
    (None, "it is not set"),
    ("a" * 64, "placeholder"),
    ("k7-short-Zq", "fewer than 32 bytes"),
    ("", "it is not set"),
    ("change-me-change-me-change-me-change-me", "placeholder"),
    ("your-secret-key-goes-here-0123456789", "placeholder"),
]
URLS = ["redis://:Canary#7@127.0.0.1:6379/0", "127.0.0.1:6379/0?password=Canary"]


def start(app: str, settings: dict[str, str], *options: str, folder: Path = PROJECT) -> "subprocess.Popen[str]":
    """Start a service as the README says, on a port the system picks, with these settings alone."""
    environment = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    return subprocess.Popen(
        [sys.executable, "-m", "gunicorn", "--bind", "127.0.0.1:0", *options, app],
        cwd=folder, env={**environment, **settings}, text=True, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL,
    )  # fmt: skip


def read_refusal(app: str, settings: dict[str, str], folder: Path = PROJECT) -> tuple[int, str]:
    """Start a service, or a command of the projector, that must end by itself; return its exit code and its words."""
    process = start(app, settings, folder=folder) if app != "projector" else start_projector(settings, folder)
    _, text = process.communicate(timeout=60)
    return process.returncode, text


def start_projector(settings: dict[str, str], folder: Path) -> "subprocess.Popen[str]":
    """Start `python -m backend.read_model status` with these settings alone."""
    command = [sys.executable, "-m", "backend.read_model", "status"]
    environment = {"PATH": os.environ["PATH"], **settings}
    return subprocess.Popen(command, cwd=folder, env=environment, text=True, stderr=subprocess.PIPE)


@contextmanager
def running(process: "subprocess.Popen[str]") -> Iterator["subprocess.Popen[str]"]:
    """End the service after the block, whatever happened in it."""
    try:
        yield process
    finally:
        process.terminate()
        process.communicate(timeout=60)


@pytest.mark.parametrize(("app", "secret", "reason"), [(app, *case) for app, case in pair_up(APPS, WEAK)])
def test_a_missing_or_weak_jwt_secret_is_refused_in_one_line_that_names_it(
    app: str, secret: str | None, reason: str
) -> None:
    settings = {"DB_USER": "libros"} | ({} if secret is None else {"JWT_SECRET": secret})
    service = start(app, settings)
    _, text = service.communicate(timeout=60)
    assert service.returncode not in (0, None)
    line = text.strip().splitlines()[-1]
    assert "JWT_SECRET" in line and reason in line
    assert "Traceback" not in text
    assert not secret or secret not in text


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DB_PORT", "eighty"),
        ("DB_POOL_SIZE", "33"),
        ("BCRYPT_ROUNDS", "3"),
        ("BCRYPT_ROUNDS", "15"),
        ("SESSION_TTL", "0"),
        ("READ_MODEL", "mongo"),
        ("DB_USER", ""),
    ],
)
def test_a_setting_that_cannot_be_used_is_refused_in_one_line_that_names_it(name: str, value: str) -> None:
    service = start(APPS[0], {"DB_USER": "libros", "JWT_SECRET": GOOD_SECRET, name: value})
    _, text = service.communicate(timeout=60)
    assert service.returncode not in (0, None)
    assert name in text.strip().splitlines()[-1]
    assert "Traceback" not in text and GOOD_SECRET not in text


@pytest.mark.parametrize(("app", "url"), pair_up([*APPS, "projector"], URLS))
def test_a_redis_url_that_cannot_be_read_is_refused_at_the_start_and_not_shown(app: str, url: str) -> None:
    code, text = read_refusal(app, {"DB_USER": "libros", "JWT_SECRET": GOOD_SECRET, "REDIS_URL": url})
    assert code == (3 if app == "projector" else 1)
    assert "REDIS_URL cannot be used: " in text.strip().splitlines()[-1]
    assert not [word for word in ("Traceback", "Canary", "#7") if word in text]


@pytest.mark.parametrize("app", [*APPS, "projector"])
def test_an_env_file_that_is_no_text_is_named_at_the_start_and_not_shown(app: str, tmp_path: Path) -> None:
    copy_build(tmp_path / "build")
    (tmp_path / "build" / ".env").write_bytes(f"DB_USER=libros\nJWT_SECRET={GOOD_SECRET}\xf1\n".encode("latin-1"))
    code, text = read_refusal(app, {}, tmp_path / "build")
    assert code == (3 if app == "projector" else 1)
    assert ".env line 2 is no text in UTF-8" in text.strip().splitlines()[-1]
    assert "Traceback" not in text and GOOD_SECRET not in text


@pytest.mark.parametrize(("workers", "warned"), [("4", False), ("5", True)])
def test_a_service_warns_that_could_take_over_half_of_the_connections(workers: str, warned: bool) -> None:
    settings = {"DB_USER": "libros", "JWT_SECRET": GOOD_SECRET, "DB_PORT": "1", "REDIS_URL": "redis://127.0.0.1:1/0"}
    settings["DB_POOL_SIZE"] = "16"
    with running(start(APPS[1], settings, "--workers", workers)) as service:
        seen = read_start(service)
    assert ("max_connections" in seen) is warned
    assert "DB_POOL_SIZE=16 of 16 threads" in seen
    assert "database does not answer" in seen and "redis does not answer" in seen


@pytest.mark.parametrize(("mode", "warned"), [(0o600, False), (0o644, True)])
def test_a_service_warns_of_an_env_file_that_others_can_read(mode: int, warned: bool, tmp_path: Path) -> None:
    shutil.copytree(PROJECT / "backend", tmp_path / "backend", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("microservicioCQRSRedis.py", "gunicorn.conf.py"):
        shutil.copy(PROJECT / name, tmp_path / name)
    (tmp_path / ".env").write_text(f"DB_USER=libros\nJWT_SECRET={GOOD_SECRET}\nDB_PORT=1\n")
    (tmp_path / ".env").chmod(mode)
    with running(start(APPS[1], {}, folder=tmp_path)) as service:
        assert ("chmod 600 .env" in read_start(service)) is warned


def read_start(service: "subprocess.Popen[str]") -> str:
    """Return what a service says until it starts its first worker."""
    assert service.stderr is not None
    seen = ""
    for line in service.stderr:
        seen += line
        if "Booting worker" in line:
            break
    return seen
