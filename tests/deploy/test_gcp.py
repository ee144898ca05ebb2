"""deploy/gcp.sh prints, and with --run runs, lines that gcloud takes; what a cloud makes of them is not tried."""

import json
import os
import shlex
import subprocess
import tarfile
from base64 import b64decode
from io import BytesIO
from pathlib import Path

import pytest

from tests.support.stacks import PROJECT

SCRIPT = PROJECT / "deploy" / "gcp.sh"
FAKE = PROJECT / "tests" / "support" / "gcloud.py"
LAPTOP = "198.51.100.4"
LARGEST = 262144  # bytes that Google takes as a start-up script
WRONG = {
    "no address": ([], "give --allow"),
    "everybody": (["--allow", "0.0.0.0/0"], "--allow is '0.0.0.0/0'"),
    "no value": (["--allow", LAPTOP, "--zone"], "--zone needs a value"),
    "another name": (["--allow", LAPTOP, "--name", "Libros; reboot"], "--name is 'Libros; reboot'"),
    "another zone": (["--allow", LAPTOP, "--zone", "europe"], "--zone is 'europe'"),
    "another machine": (["--allow", LAPTOP, "--machine", "large"], "--machine is 'large'"),
    "a front to delete": (["--delete", "--front"], "--delete goes with"),
    "another option": (["--allow", LAPTOP, "--project", "x"], "unknown option '--project'"),
}


class Caller:
    """Calls the script in a folder where `gcloud` is the one that stands in for it."""

    def __init__(self, folder: Path) -> None:
        """Put it first on the search path."""
        self.folder = folder
        self.noted = folder / "calls"
        (folder / "bin").mkdir()
        (folder / "bin" / "gcloud").symlink_to(FAKE)

    def call(self, *options: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run the script."""
        paths = {"PATH": f"{self.folder}/bin:{os.environ['PATH']}", "GCLOUD_CALLS": str(self.noted)}
        return subprocess.run(
            [SCRIPT, *options],
            check=False,
            cwd=self.folder,
            env={**os.environ, **paths, **variables},
            capture_output=True,
            text=True,
            timeout=60,
        )

    def calls(self) -> list[list[str]]:
        """Return what gcloud was told."""
        return [json.loads(line) for line in self.noted.read_text().splitlines()] if self.noted.exists() else []


@pytest.fixture
def caller(tmp_path: Path) -> Caller:
    """A caller of the script."""
    return Caller(tmp_path)


def lines_of(text: str) -> list[list[str]]:
    """Return the words of each line of gcloud that was printed."""
    return [shlex.split(line)[1:] for line in text.splitlines() if line.startswith("gcloud ")]


def test_it_prints_lines_that_gcloud_takes_and_runs_none(caller: Caller) -> None:
    ran = caller.call("--allow", LAPTOP)
    assert (ran.returncode, ran.stderr, caller.calls()) == (0, "", [])
    lines = lines_of(ran.stdout)
    assert len(lines) == 6
    for line in lines:
        command = [str(FAKE), *line]
        subprocess.run(command, check=True, env={**os.environ, "GCLOUD_CALLS": str(caller.noted)}, timeout=20)


def test_the_stand_in_refuses_what_gcloud_does_not_know() -> None:
    for line in (
        "compute instances create a --zones=b",
        "compute instances make a",
        "compute instances create a --quiet=yes",
        "compute instances create a --zone",
    ):
        assert subprocess.run([FAKE, *line.split()], check=False, capture_output=True, timeout=20).returncode == 1, line


def test_with_run_it_makes_a_rule_for_one_address_and_then_the_machine(caller: Caller) -> None:
    ran = caller.call("--allow", LAPTOP, "--name", "books-1", "--zone", "us-east1-c", "--front", "--run")
    assert ran.returncode == 0, ran.stderr
    rule, machine = caller.calls()
    assert rule[:4] == ["compute", "firewall-rules", "create", "books-1"]
    assert {f"--source-ranges={LAPTOP}", "--rules=tcp:5000-5001", "--target-tags=books-1"} <= set(rule)
    assert machine[:4] == ["compute", "instances", "create", "books-1"]
    assert {"--zone=us-east1-c", "--tags=books-1", "--no-service-account"} <= set(machine)
    assert (caller.folder / "books-1.startup").is_file()


def test_the_start_up_script_holds_the_project_and_sets_it_up(caller: Caller) -> None:
    caller.call("--allow", LAPTOP, "--front")
    script = caller.folder / "libros.startup"
    assert script.stat().st_size <= LARGEST
    head, packed = script.read_text().split("\nPROJECT:\n")
    assert f"install.sh --allow {LAPTOP} --front\ntouch /root/libros/done\nexit" in head
    assert subprocess.run(["bash", "-n"], input=head, text=True, check=False).returncode == 0
    with tarfile.open(fileobj=BytesIO(b64decode(packed))) as project:
        names = set(project.getnames())
    wanted = ("deploy/install.sh", "deploy/units/libros-auth.service", "stack/venv.sh", "requirements.txt", "init.sql")
    assert {*wanted, "backend/config.py", "gunicorn.conf.py", "app_jwt_redis.py"} <= names
    assert not [name for name in names if "__pycache__" in name or name.endswith(".env")]


def test_to_delete_takes_the_machine_and_the_rule(caller: Caller) -> None:
    assert caller.call("--delete", "--run").returncode == 0
    machine, rule = caller.calls()
    assert machine[:4] == ["compute", "instances", "delete", "libros"]
    assert rule[:4] == ["compute", "firewall-rules", "delete", "libros"]


def test_what_was_never_made_does_not_keep_the_rest_from_being_deleted(caller: Caller) -> None:
    ran = caller.call("--delete", "--run", GCLOUD_FAILS="instances delete")
    assert ran.returncode == 3 and "what is not there needs no deleting" in ran.stderr
    assert [call[:3] for call in caller.calls()][-1] == ["compute", "firewall-rules", "delete"]


def test_what_gcloud_refuses_ends_it_with_the_line_that_deletes(caller: Caller) -> None:
    ran = caller.call("--allow", LAPTOP, "--run", GCLOUD_FAILS="instances create")
    assert ran.returncode == 3
    assert "deploy/gcp.sh --delete --name libros --zone europe-west1-b --run" in ran.stderr
    assert len(caller.calls()) == 2


@pytest.mark.parametrize(("options", "words"), WRONG.values(), ids=WRONG.keys())
def test_wrong_usage_is_refused_in_one_line_that_names_the_option(
    caller: Caller, options: list[str], words: str
) -> None:
    ran = caller.call(*options)
    assert (ran.returncode, ran.stdout, caller.calls()) == (64, "", [])
    assert ran.stderr.startswith(f"gcp.sh: {words}") and ran.stderr.count("\n") == 1
