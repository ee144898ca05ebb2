"""What local_stack.sh refuses, how it cleans up after a failed start, and what it does on a poorer machine."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from tests.support.stacks import PROJECT, choose_settings, read_stack

Settings = dict[str, str]
Ran = subprocess.CompletedProcess[str]
PROGRAMS = ("mariadbd", "mariadb", "mariadb-install-db", "redis-server", "redis-check-rdb")


def call(settings: Settings, *arguments: str, folder: Path = PROJECT, before: tuple[str, ...] = ()) -> Ran:
    """Run local_stack.sh of the project in `folder`, by way of the command `before` if there is one."""
    return subprocess.run(
        [*before, folder / "local_stack.sh", *arguments],
        check=False,
        env={**os.environ, **settings},
        capture_output=True,
        text=True,
        timeout=500,
    )


def find_processes(folder: str) -> list[str]:
    """Return the command lines of all processes that work for the stack in that folder."""
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        try:
            command, environment = (path / "cmdline").read_bytes(), (path / "environ").read_bytes()
        except OSError:
            continue
        if folder.encode() in command or f"STACK_DIR={folder}\0".encode() in environment:
            found.append(command.decode())
    return found


def copy_project(target: Path) -> Path:
    """Copy what local_stack.sh needs to a folder of its own."""
    keep_out = shutil.ignore_patterns(".*", "tests", "test_results_*", "__pycache__")
    shutil.copytree(PROJECT, target, ignore=keep_out)
    shutil.copy(PROJECT / ".env.example", target)
    return target


@pytest.fixture
def settings(tmp_path: Path) -> Iterator[Settings]:
    """Settings of a stack that is not there yet; whatever a test starts in it is taken down."""
    chosen = choose_settings(tmp_path / "stack")
    yield chosen
    call(chosen, "down")


@pytest.mark.parametrize("name", ["AUTH_PORT", "BOOKS_PORT"])
def test_a_taken_service_port_is_named_and_nothing_is_left_running(settings: Settings, name: str) -> None:
    with socket.create_server(("127.0.0.1", int(settings[name]))):
        ran = call(settings, "up")
    assert ran.returncode == 3
    assert len(ran.stderr.splitlines()) == 1
    assert f"port {settings[name]} is taken" in ran.stderr
    assert f"set {name} to" in ran.stderr
    assert find_processes(settings["STACK_DIR"]) == []


def test_a_service_that_does_not_start_is_shown_with_its_log_and_the_rest_is_stopped(settings: Settings) -> None:
    ran = call({**settings, "DB_POOL_SIZE": "0"}, "up")
    assert ran.returncode == 3
    assert "DB_POOL_SIZE" in ran.stderr
    assert f"{settings['STACK_DIR']}/auth.log" in ran.stderr.splitlines()[-1]
    assert "mariadb: started" in ran.stdout
    assert find_processes(settings["STACK_DIR"]) == []
    assert not Path(settings["STACK_DIR"], "stack.env").exists()


def test_an_interrupted_up_stops_what_it_started(settings: Settings) -> None:
    command = [f"{PROJECT}/local_stack.sh", "up"]
    environment = {**os.environ, **settings}
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True, start_new_session=True) as up:
        assert up.stdout is not None
        for line in up.stdout:
            if line.startswith("redis: started"):
                os.killpg(up.pid, signal.SIGINT)
    assert up.returncode == 130
    assert find_processes(settings["STACK_DIR"]) == []


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"AUTH_PORT": "abc"}, "AUTH_PORT is 'abc': give a whole number from 1 to 65535"),
        ({"BOOKS_PORT": "65536"}, "BOOKS_PORT is '65536'"),
        ({"BOOKS_WORKERS": "0"}, "BOOKS_WORKERS is '0'"),
        ({"AUTH_PORT": "4711", "BOOKS_PORT": "4711"}, "AUTH_PORT and BOOKS_PORT are both 4711"),
        ({"REDIS_SERVER": "no-such-redis"}, "REDIS_SERVER is 'no-such-redis': there is no such program"),
    ],
)
def test_a_wrong_setting_is_named_in_one_line(settings: Settings, wrong: Settings, words: str) -> None:
    ran = call({**settings, **wrong}, "up")
    assert ran.returncode == 64
    assert words in ran.stderr
    assert len(ran.stderr.splitlines()) == 1
    assert not Path(settings["STACK_DIR"]).exists()


@pytest.mark.parametrize("arguments", [(), ("start",), ("up", "now")])
def test_a_wrong_command_shows_the_usage(settings: Settings, arguments: tuple[str, ...]) -> None:
    ran = call(settings, *arguments)
    assert ran.returncode == 64
    assert "Usage: ./local_stack.sh up|down|status|reset|env" in ran.stderr


def test_a_folder_with_other_files_is_left_alone(settings: Settings) -> None:
    folder = Path(settings["STACK_DIR"])
    folder.mkdir(mode=0o755)
    (folder / "letters.txt").touch()
    ran = call(settings, "up")
    assert ran.returncode == 3
    assert "holds other files: set STACK_DIR to a new folder" in ran.stderr
    assert [each.name for each in folder.iterdir()] == ["letters.txt"]
    assert folder.stat().st_mode & 0o777 == 0o755


def test_a_folder_that_cannot_be_made_is_named(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    ran = call({**settings, "STACK_DIR": f"{tmp_path}/file/stack"}, "up")
    assert ran.returncode == 3
    assert ran.stderr.endswith(
        f"cannot make the folder {tmp_path}/file/stack: set STACK_DIR to one that can be written\n"
    )


@pytest.mark.parametrize("command", ["env", "reset"])
def test_env_and_reset_say_that_the_stack_does_not_run(settings: Settings, command: str) -> None:
    ran = call(settings, command)
    assert ran.returncode == 1
    assert ran.stderr.endswith("start it with ./local_stack.sh up\n")


def test_down_and_status_of_a_stack_that_never_was_make_nothing(settings: Settings) -> None:
    assert call(settings, "down").returncode == 0
    ran = call(settings, "status")
    assert ran.returncode == 1
    assert ran.stdout.splitlines() == [f"{name}: stopped" for name in ("mariadb", "redis", "auth", "books")]
    assert not Path(settings["STACK_DIR"]).exists()


def test_without_programs_and_apt_get_it_says_what_an_administrator_should_run(
    settings: Settings, tmp_path: Path
) -> None:
    (tmp_path / "bin").mkdir()
    for tool in ("bash", "env", "dirname", "readlink", "realpath"):
        (tmp_path / "bin" / tool).symlink_to(str(shutil.which(tool)))
    ran = call({**settings, "PATH": f"{tmp_path}/bin"}, "up")
    assert ran.returncode == 3
    assert len(ran.stderr.splitlines()) == 1
    assert "an administrator should run: apt-get install --no-install-recommends" in ran.stderr
    assert not Path(settings["STACK_DIR"]).exists()


def test_the_env_file_of_the_folder_stays_out_of_the_stack(settings: Settings, tmp_path: Path) -> None:
    project = copy_project(tmp_path / "project")
    lines = ["DB_PORT=1", "DB_POOL_SIZE=3", "BCRYPT_ROUNDS=5", "REDIS_URL=redis://127.0.0.1:1/0", "JWT_SECRET=short"]
    (project / ".env").write_text("\n".join(lines))
    ran = call({**settings, "VIRTUAL_ENV": sys.prefix}, "up", folder=project)
    assert ran.returncode == 0, ran.stderr
    stack = read_stack(Path(settings["STACK_DIR"], "stack.env"))
    metrics = requests.get(
        f"{stack['BOOKS_URL']}/metrics", headers={"Authorization": f"Bearer {stack['METRICS_TOKEN']}"}, timeout=5
    ).text
    info = next(line for line in metrics.splitlines() if line.startswith("service_info{"))
    assert 'pool_size="10"' in info
    assert 'bcrypt_rounds="4"' in info


@pytest.mark.skipif(
    os.environ.get("LONG_CHECKS") != "1" or os.geteuid() != 0, reason="long form only; root hides the programs"
)
def test_without_root_and_programs_they_are_downloaded_into_the_stack() -> None:
    folder = Path(tempfile.mkdtemp(prefix="stack-", dir="/tmp"))  # another user must get there
    settings = choose_settings(folder / "project" / "new stack", PATH="/usr/bin:/bin", HOME=str(folder))
    places = [f"{place}/{name}" for place in ("/usr/bin", "/usr/sbin") for name in PROGRAMS]
    hide = "".join(f"if [ -e {each} ]; then mount --bind /dev/null {each}; fi; " for each in places)
    drop = 'exec env -u VIRTUAL_ENV setpriv --reuid=65534 --regid=65534 --clear-groups "$@"'
    try:
        project = copy_project(folder / "project")
        subprocess.check_call(["chown", "-R", "65534:65534", folder])
        ran = call(settings, "up", folder=project, before=("unshare", "--mount", "bash", "-c", hide + drop, "-"))
        assert ran.returncode == 0, ran.stderr
        stack = read_stack(folder / "project" / "new stack" / "stack.env")
        program = Path(f"/proc/{stack['DB_PID']}/exe").readlink()
        assert program == folder / "project" / "new stack" / "root" / "usr" / "sbin" / "mariadbd"
        assert Path(f"/proc/{stack['DB_PID']}").stat().st_uid == 65534
        assert requests.get(f"{stack['BOOKS_URL']}/ready", timeout=5).status_code == 200
    finally:
        call(settings, "down")
        shutil.rmtree(folder)


@pytest.mark.skipif(os.geteuid() != 0, reason="root gives the right to low ports up")
def test_a_port_that_only_root_may_open_is_told_from_a_port_that_is_taken(settings: Settings) -> None:
    without = ("setpriv", "--bounding-set=-net_bind_service")
    ran = call({**settings, "AUTH_PORT": "81"}, "up", before=without)
    assert (ran.returncode, ran.stderr.splitlines()[-1]) == (
        3,
        "local_stack.sh: port 81 is for root alone: choose one above 1023",
    )
