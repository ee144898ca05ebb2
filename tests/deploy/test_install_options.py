"""deploy/install.sh refuses what it cannot do in one line that names the option, before it changes anything."""

import os
import re
import subprocess

import pytest

from tests.support.stacks import PROJECT

SCRIPT = PROJECT / "deploy" / "install.sh"
UNITS = sorted((PROJECT / "deploy" / "units").glob("*.service"))
HIGHEST_EXPOSURE = 1.5  # of systemd's figure from 0 to 10, where 10 is a service without any limit
WRONG = {
    "no address": (["--allow"], "--allow is ''"),
    "a name": (["--allow", "laptop.example"], "--allow is 'laptop.example'"),
    "a number too large": (["--allow", "198.51.100.256"], "--allow is '198.51.100.256'"),
    "three numbers": (["--allow", "198.51.100"], "--allow is '198.51.100'"),
    "everybody": (["--allow", "0.0.0.0/0"], "--allow is '0.0.0.0/0'"),
    "IPv6": (["--allow", "2001:db8::1"], "--allow is '2001:db8::1'"),
    "another option": (["--port", "5000"], "unknown option '--port'"),
    "an address with more behind it": (["--allow", "198.51.100.4 any"], "--allow is '198.51.100.4 any'"),
    "both ways": (["--uninstall", "--front"], "--uninstall goes with no other option"),
}


def install(*options: str) -> subprocess.CompletedProcess[str]:
    """Run install.sh with options that it must refuse."""
    return subprocess.run([SCRIPT, *options], check=False, capture_output=True, text=True, timeout=20)


@pytest.mark.parametrize(("options", "words"), WRONG.values(), ids=WRONG.keys())
def test_wrong_usage_is_refused_in_one_line_that_names_the_option(options: list[str], words: str) -> None:
    ran = install(*options)
    assert (ran.returncode, ran.stdout) == (64, "")
    assert ran.stderr.startswith(f"install.sh: {words}") and ran.stderr.count("\n") == 1


def test_where_systemd_does_not_run_or_without_root_nothing_is_begun() -> None:
    if os.path.isdir("/run/systemd/system") and os.geteuid() == 0:
        pytest.skip("systemd runs here: it would set this machine up")
    ran = install()
    assert (ran.returncode, ran.stdout) == (3, "")
    assert re.search("needs root|systemd does not run here|this machine is", ran.stderr)


def test_help_is_the_header_of_the_script() -> None:
    ran = install("--help")
    assert ran.returncode == 0
    assert {"--allow", "--front", "--uninstall"} <= set(re.findall(r"--\w+", ran.stdout))


def test_the_units_start_what_the_owner_types() -> None:
    text = "".join(path.read_text() for path in UNITS)
    assert "gunicorn --bind 0.0.0.0:5000 --workers 2 app_jwt_redis:app\n" in text
    assert "gunicorn --bind 0.0.0.0:5001 --workers 4 microservicioCQRSRedis:app\n" in text


@pytest.mark.parametrize("unit", UNITS, ids=lambda path: path.stem)
def test_systemd_understands_each_line_of_a_unit_and_finds_it_little_exposed(unit: os.PathLike[str]) -> None:
    try:
        verified = subprocess.run(["systemd-analyze", "verify", unit], check=False, capture_output=True, text=True)
    except FileNotFoundError:
        pytest.skip("there is no systemd-analyze here")
    words = [line for line in verified.stderr.splitlines() if "is not executable: No such file" not in line]
    assert words == []
    command = ["systemd-analyze", "security", "--offline=true", "--no-pager", str(unit)]
    said = subprocess.run(command, check=False, capture_output=True, text=True).stdout
    figure = re.search(r"exposure level for \S+: ([\d.]+)", said)
    assert figure and float(figure[1]) <= HIGHEST_EXPOSURE, said[-200:]
