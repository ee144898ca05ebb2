"""Redocly's linter of OpenAPI documents."""

import json
import os
import subprocess
from pathlib import Path

from tests.support.npm import find_package

VERSION = "2.77.0"
SHA512 = "sha512-XUa4hURDWLPG9WukIXo+UBqa9VpeTndmLI5PHu9QDkwtwH990Jsgz9nl2m1pZjsWrKFPP7avn6etRxxDbuD2Bg=="
QUIET = {"REDOCLY_TELEMETRY": "off", "REDOCLY_SUPPRESS_UPDATE_NOTICE": "true"}


def find_redocly(kept: Path) -> Path:
    """The linter's program, in the folder `kept` or installed into it; raises NotToBeHadError."""
    find_package("@redocly/cli", VERSION, SHA512, kept)
    return kept / "node_modules" / ".bin" / "redocly"


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
