"""pip_settings.py: of what this machine has set for pip, only where and how to fetch has an effect."""

import ast
import base64
import configparser
import hashlib
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest

from tests.support.stacks import PROJECT

LIST = [sys.executable, "-I", str(PROJECT / "stack/pip_settings.py"), "config", "list"]
HARMFUL = {
    "target": "/nowhere", "prefix": "/nowhere", "root": "/nowhere", "user": "true", "constraint": "/nowhere",
    "no-deps": "true", "require-virtualenv": "true", "pre": "true", "no-binary": ":all:", "platform": "any",
    "python-version": "3.9", "implementation": "pp", "abi": "none", "ignore-installed": "true", "dry-run": "true",
    "upgrade": "true", "upgrade-strategy": "eager", "ignore-requires-python": "true", "no-build-isolation": "true",
    "python": "/nowhere", "isolated": "true", "log": "/nowhere/pip.log", "quiet": "3", "not-yet-known": "true",
}  # fmt: skip
KEPT = {
    "index-url": "https://us%23er:it's_s%22cret@index.example/simple", "no-index": "1", "timeout": "33",
    "extra-index-url": "\nhttps://one.example/simple\nhttps://two.example/simple", "find-links": "/one /two",
    "trusted-host": "one.example two.example", "proxy": "http://127.0.0.1:9", "retries": "2",
    "cert": "/a folder/cert.pem", "client-cert": "/c.pem", "cache-dir": "/a folder/c", "keyring-provider": "disabled",
}  # fmt: skip
PLACES = ("global", "user", "site", "PIP_CONFIG_FILE")


def name_variables(settings: dict[str, str]) -> dict[str, str]:
    """The settings as the environment variables that pip reads."""
    return {f"PIP_{name.upper().replace('-', '_')}": value for name, value in settings.items()}


def write_file(file: Path, **sections: dict[str, str]) -> None:
    """Write a configuration file of pip."""
    lines = []
    for section, settings in sections.items():
        lines += [
            f"[{section}]",
            *(f"{name} = {value.replace(chr(10), chr(10) + '  ')}" for name, value in settings.items()),
        ]
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("\n".join(lines) + "\n")


def surround(folder: Path, **variables: str) -> dict[str, str]:
    """An environment whose files of pip are in `folder`, without variables of pip but those given."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("PIP_", "VIRTUAL_ENV"))}
    return clean | {"HOME": str(folder / "home"), "XDG_CONFIG_DIRS": str(folder / "global")} | variables


def read_effective(environment: dict[str, str], command: list[str] = LIST) -> dict[str, str]:
    """What pip itself lists as its settings when it is run through pip_settings.py."""
    lines = subprocess.check_output(command, env=environment, text=True, timeout=60).splitlines()
    listed = {key: ast.literal_eval(value) for key, _, value in (line.partition("=") for line in lines)}
    assert listed.pop(":env:.config-file") == "/dev/null"
    assert all(key.startswith(":env:.") for key in listed)
    return {key.removeprefix(":env:."): value for key, value in listed.items()}


def read_own() -> dict[str, str]:
    """What this machine's /etc/pip.conf says of how to fetch: pip reads it after all other files for all users."""
    parser = configparser.RawConfigParser()
    parser.read("/etc/pip.conf", encoding="utf-8")
    own = dict(parser["global"]) if parser.has_section("global") else {}
    return {name: value for name, value in own.items() if name in KEPT}


@pytest.fixture(scope="module")
def own_python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of an environment of this module's own, which has a configuration file for pip."""
    venv = tmp_path_factory.mktemp("own") / "venv"
    subprocess.run([sys.executable, "-m", "venv", venv], check=True, timeout=120)
    return venv / "bin" / "python"


def test_of_variables_only_those_that_say_how_to_fetch_are_kept(tmp_path: Path) -> None:
    given = name_variables(
        HARMFUL | KEPT | {"use-feature": "fast-deps truststore", "use-deprecated": "legacy-resolver"}
    )
    assert read_effective(surround(tmp_path, **given)) == KEPT | {"use-feature": "truststore"}


@pytest.mark.parametrize("section", ["global", "install"])
@pytest.mark.parametrize("place", PLACES)
def test_of_files_only_what_says_how_to_fetch_is_kept(
    tmp_path: Path, own_python: Path, place: str, section: str
) -> None:
    files = {"global": tmp_path / "global" / "pip", "user": tmp_path / "home" / ".config" / "pip"}
    file = files.get(place, own_python.parent.parent if place == "site" else tmp_path) / "pip.conf"
    write_file(file, **{section: HARMFUL | KEPT}, config={"user": "true"}, download={"index-url": "https://not.this"})
    named = {"PIP_CONFIG_FILE": str(file)} if place == "PIP_CONFIG_FILE" else {}
    try:
        expected = KEPT | read_own() if place == section == "global" else KEPT
        assert read_effective(surround(tmp_path, **named), [str(own_python), *LIST[1:]]) == expected
    finally:
        file.unlink()


def test_a_variable_wins_over_the_section_of_install_this_over_global_and_what_is_empty_is_skipped(
    tmp_path: Path,
) -> None:
    write_file(
        tmp_path / "home" / ".config" / "pip" / "pip.conf",
        install={"timeout": "2", "retries": "2", "cert": "/2"},
        **{"global": {"default-timeout": "1", "retries": "1", "cert": "/1", "pypi-url": "https://1", "proxy": "x:1"}},
    )
    environment = surround(tmp_path, PIP_DEFAULT_TIMEOUT="3", PIP_RETRIES="", PIP_CERT="/3")
    expected = {"timeout": "3", "retries": "2", "cert": "/3", "index-url": "https://1", "proxy": "x:1"}
    assert read_effective(environment) == read_own() | expected


def test_a_file_that_pip_cannot_read_ends_with_the_words_of_pip(tmp_path: Path) -> None:
    (broken := tmp_path / "pip.conf").write_text("no section\n")
    environment = surround(tmp_path, PIP_CONFIG_FILE=str(broken))
    ran = subprocess.run(LIST, check=False, env=environment, capture_output=True, text=True, timeout=60)
    assert ran.returncode != 0
    assert str(broken) in ran.stdout + ran.stderr
    assert "Traceback" not in ran.stderr


def make_wheel(folder: Path) -> str:
    """Make a small package in that folder and return the line that requires it by its hash."""
    folder.mkdir()
    wheel = folder / "tiny-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("tiny.py", "PLACE = __file__\n")
        archive.writestr("tiny-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: tiny\nVersion: 1.0\n")
        archive.writestr("tiny-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr("tiny-1.0.dist-info/RECORD", "")
    return f"tiny==1.0 --hash=sha256:{hashlib.sha256(wheel.read_bytes()).hexdigest()}\n"


def ensure_venv(project: Path, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Run ensure_venv in a copy of the project that requires the package tiny; prints where that is installed."""
    script = '. ./stack/venv.sh; ensure_venv || exit; "$PYTHON" -c "import tiny; print(tiny.PLACE)"'
    (project / "stack").mkdir(exist_ok=True)
    for name in ("stack/venv.sh", "stack/pip_settings.py"):
        shutil.copy(PROJECT / name, project / "stack")
    command = ["bash", "-Eeuo", "pipefail", "-c", script, "a_script.sh"]
    return subprocess.run(
        command, check=False, cwd=project, env=environment, capture_output=True, text=True, timeout=120
    )


def test_settings_that_would_put_packages_elsewhere_end_in_a_working_environment(tmp_path: Path) -> None:
    (project := tmp_path / "project").mkdir()
    (project / "requirements.txt").write_text(make_wheel(tmp_path / "wheels"))
    write_file(tmp_path / "home" / ".config" / "pip" / "pip.conf", install=HARMFUL, **{"global": HARMFUL})
    (project / "constraint.txt").write_text("tiny==2.0\n")
    hostile = name_variables(HARMFUL | {"constraint": str(project / "constraint.txt")})
    python = {"PYTHONHOME": "/nowhere", "PYTHONPATH": str(project), "PYTHONUSERBASE": str(tmp_path / "user")}
    (project / "pip.py").write_text("raise SystemExit('this is another pip')\n")
    fetching = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(tmp_path / "wheels")}
    ran = ensure_venv(project, surround(tmp_path, **hostile, **python, **fetching))
    assert ran.returncode == 0, ran.stderr
    assert Path(ran.stdout.strip()).is_relative_to(project / ".venv")


class Index(HTTPServer):
    """A package index without packages; notes who asks and which process shows the password meanwhile."""

    def __init__(self, password: str) -> None:
        super().__init__(("127.0.0.1", 0), AskedIndex)
        self.password, self.credentials, self.shown = password, set[str](), list[str]()


class AskedIndex(BaseHTTPRequestHandler):
    server: Index

    def do_GET(self) -> None:
        self.server.credentials.add(self.headers.get("Authorization", ""))
        for path in Path("/proc").glob("[0-9]*/cmdline"):
            try:
                command = path.read_text(errors="replace")
            except OSError:
                continue
            if self.server.password in command:
                self.server.shown.append(command)
        self.send_error(404)

    def log_message(self, format: str, *arguments: object) -> None:
        pass


@contextmanager
def serve_index(password: str) -> Iterator[Index]:
    with Index(password) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


def test_a_password_for_the_index_reaches_the_index_and_no_log_and_no_process_list(tmp_path: Path) -> None:
    (project := tmp_path / "project").mkdir()
    (project / "requirements.txt").write_text(make_wheel(tmp_path / "wheels"))
    with serve_index("s3cr3t-w0rd") as index:
        address = f"//someone:{index.password}@127.0.0.1:{index.server_port}/simple"
        settings = {"index-url": f"http:{address}", "find-links": f"wrong:{address}", "trusted-host": "127.0.0.1"}
        write_file(tmp_path / "home" / ".config" / "pip" / "pip.conf", **{"global": settings})
        ran = ensure_venv(project, surround(tmp_path, PIP_RETRIES="0"))
    assert ran.returncode == 3
    assert f"wrong://****@127.0.0.1:{index.server_port}/simple" in ran.stderr
    assert base64.b64encode(f"someone:{index.password}".encode()).decode() in "".join(index.credentials)
    log = (project / ".venv" / ".requirements.log").read_text()
    assert index.password not in ran.stdout + ran.stderr + log
    assert index.shown == []
