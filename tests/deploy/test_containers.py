"""deploy/Dockerfile and compose.yaml as far as they can be tried without Docker: no image is built, nothing is started
in a container, and pip installs nothing.
"""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.support.books_services import run_books_service
from tests.support.stacks import PROJECT, Stack

DEPLOY = PROJECT / "deploy"
STEPS = re.findall(r"^([A-Z]+) (.+)$", (DEPLOY / "Dockerfile").read_text(), re.MULTILINE)
COPIED = [source for step, words in STEPS if step == "COPY" for source in words.split()[:-1]]
APPS = ("app_jwt_redis:app", "microservicioCQRSRedis:app")
CLIENTS = (["docker", "compose"], ["docker-compose"])
SECRETS = {"JWT_SECRET": "j" * 40, "DB_PASSWORD": "p", "METRICS_TOKEN": "t"}


def find_client() -> list[str]:
    """Return the command of a client that reads compose files as Docker does today; skip the test where none is."""
    for client in CLIENTS:
        if shutil.which(client[0]):
            told = subprocess.run([*client, "version", "--short"], check=False, capture_output=True, text=True)
            if re.match(r"v?[2-9]", told.stdout):
                return client
    pytest.skip("there is no client of Docker Compose 2 here")


def read_compose(**variables: str) -> subprocess.CompletedProcess[str]:
    """Let the client read the compose file, with these variables and no .env."""
    command = [*find_client(), "--env-file", "/dev/null", "-f", f"{DEPLOY}/compose.yaml", "config", "--format", "json"]
    clean = {"PATH": os.environ["PATH"], "HOME": os.environ["HOME"], **variables}
    return subprocess.run(command, check=False, env=clean, capture_output=True, text=True, timeout=60)


def test_the_builder_gets_what_the_image_copies_and_no_more() -> None:
    assert "backend" in COPIED
    ignored = (DEPLOY / "Dockerfile.dockerignore").read_text()
    assert re.findall(r"^!(\S+)$", ignored, re.MULTILINE) == COPIED
    assert [name for name in COPIED if not (PROJECT / name).exists()] == []


@pytest.mark.parametrize("app", APPS)
def test_a_service_starts_with_what_is_copied_into_the_image(app: str, stack: Stack, tmp_path: Path) -> None:
    image = tmp_path / "image"
    image.mkdir()
    for name in COPIED:
        copy = shutil.copytree if (PROJECT / name).is_dir() else shutil.copy
        copy(PROJECT / name, image / name)
    with run_books_service(stack, tmp_path / "log", "--workers", "1", app=app, folder=image):
        pass  # /ready answered


def test_compose_starts_both_services_as_the_owner_does_and_shows_them_to_this_machine_alone() -> None:
    read = read_compose(**SECRETS)
    assert read.returncode == 0, read.stderr
    services = json.loads(read.stdout)["services"]
    assert set(services) == {"mariadb", "redis", "auth", "books"}
    for name, port, workers, app in (("auth", "5000", "2", APPS[0]), ("books", "5001", "4", APPS[1])):
        service = services[name]
        assert service["command"] == ["gunicorn", "--bind", f"0.0.0.0:{port}", "--workers", workers, app]
        (published,) = service["ports"]
        assert (published["host_ip"], published["published"], published["target"]) == ("127.0.0.1", port, int(port))
        assert f":{port}/ready" in service["healthcheck"]["test"][-1]
        assert service["cap_drop"] == ["ALL"] and service["read_only"]
    assert [name for name in ("mariadb", "redis") if "ports" in services[name]] == []


@pytest.mark.parametrize("name", SECRETS)
def test_compose_refuses_to_start_without_a_secret(name: str) -> None:
    read = read_compose(**{other: value for other, value in SECRETS.items() if other != name})
    assert read.returncode != 0
    assert name in read.stderr
