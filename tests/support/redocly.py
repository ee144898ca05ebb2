"""Gets Redocly's linter of OpenAPI documents with npm, and keeps it for later runs."""

import json
import os
import shutil
import subprocess
from pathlib import Path

VERSION = "2.77.0"  # one package that needs no other
SHA512 = "sha512-XUa4hURDWLPG9WukIXo+UBqa9VpeTndmLI5PHu9QDkwtwH990Jsgz9nl2m1pZjsWrKFPP7avn6etRxxDbuD2Bg=="
LONGEST_S = 300
QUIET = {"REDOCLY_TELEMETRY": "off", "REDOCLY_SUPPRESS_UPDATE_NOTICE": "true"}


class NoRedoclyError(Exception):
    """Redocly cannot be had; the message says why."""


def find_redocly(kept: Path) -> Path:
    """The linter's program, in the folder `kept` or installed into it; raises NoRedoclyError."""
    program = kept / "node_modules" / ".bin" / "redocly"
    if not program.exists():
        install_redocly(kept)
    lock = json.loads((kept / "package-lock.json").read_text())
    found = lock["packages"]["node_modules/@redocly/cli"]["integrity"]  # npm has held the package against it
    assert found == SHA512, f"Redocly {VERSION} is not the package that is meant: {found}"
    return program


def install_redocly(kept: Path) -> None:
    """Install the package in the folder, without running anything of it."""
    npm = shutil.which("npm")
    if not npm:
        raise NoRedoclyError("no npm to get Redocly with: apt-get install --no-install-recommends npm")
    options = ["--ignore-scripts", "--engine-strict", "--no-audit", "--no-fund", "--fetch-timeout=20000"]
    command = [npm, "install", "--prefix", str(kept), *options, f"@redocly/cli@{VERSION}"]
    try:
        ran = subprocess.run(command, check=False, capture_output=True, text=True, timeout=LONGEST_S)
    except subprocess.TimeoutExpired:
        raise NoRedoclyError(f"npm did not get Redocly within {LONGEST_S} s") from None
    if ran.returncode:
        raise NoRedoclyError(f"npm did not get Redocly: {ran.stderr.strip()[-200:]}")


def lint(program: Path, document: Path) -> list[str]:
    """The recommended rules that a document breaks; not the one for a licence, since the project states none."""
    rules = ["--extends=recommended", "--skip-rule=info-license"]
    ran = subprocess.run(
        [str(program), "lint", *rules, "--format=json", document.name],
        cwd=document.parent,  # else it would read a configuration of its own in the project
        env={**os.environ, **QUIET},
        check=False,
        capture_output=True,
        text=True,
        timeout=120,
    )
    return [problem["ruleId"] for problem in json.loads(ran.stdout)["problems"]]
