"""Runs pip with those settings of this machine alone that say where and how to fetch: `pip_settings.py install ...`.

A setting that changes what is installed, or where to, has no effect, whichever file or variable it stands in.
Sources: "Configuration" in pip's user guide, and the options of `pip install`.
"""

import ast
import os
import subprocess
import sys
from typing import NoReturn

# What a company's network or a machine without one needs. All else is left out, also what pip will learn later.
KEPT = (
    "index-url", "extra-index-url", "no-index", "find-links",
    "proxy", "trusted-host", "cert", "client-cert", "keyring-provider",
    "timeout", "retries", "resume-retries", "cache-dir", "no-cache-dir",
)  # fmt: skip
OTHER_NAMES = {"pypi-url": "index-url", "default-timeout": "timeout"}
KEPT_WORDS = {"use-feature": {"truststore"}, "use-deprecated": {"legacy-certs"}}  # of settings that hold several
SECTIONS = ("global", "install", ":env:")  # a later section wins, as in pip itself
# The variables win over the files, which could silence the list, shorten it, or ask another Python's pip for it.
LIST_ALL = {
    "PIP_QUIET": "0", "PIP_VERBOSE": "0", "PIP_LOG": os.devnull, "PIP_PYTHON": sys.executable,
    "PIP_ISOLATED": "0", "PIP_GLOBAL": "0", "PIP_USER": "0", "PIP_SITE": "0",
}  # fmt: skip
PIP = (sys.executable, "-I", "-m", "pip")


def leave_out_pip(environment: dict[str, str]) -> dict[str, str]:
    """The environment without the variables that pip reads."""
    return {name: value for name, value in environment.items() if not name.startswith("PIP_")}


def read_variables(environment: dict[str, str]) -> dict[str, str]:
    """The settings of the PIP_ variables, under the keys that `pip config list` would give them."""
    pairs = ((name[4:], value) for name, value in environment.items() if name.startswith("PIP_"))
    return {f":env:.{name.lower().replace('_', '-')}": value for name, value in pairs}


def read_files(environment: dict[str, str]) -> dict[str, str]:
    """The settings of all of pip's configuration files by section and name; CalledProcessError if pip cannot."""
    file = {"PIP_CONFIG_FILE": environment["PIP_CONFIG_FILE"]} if "PIP_CONFIG_FILE" in environment else {}
    listed = subprocess.run(
        [*PIP, "config", "list"],
        env=leave_out_pip(environment) | LIST_ALL | file,
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    pairs = (line.partition("=") for line in listed.stdout.splitlines())
    return {key: str(ast.literal_eval(value)) for key, _, value in pairs if not key.startswith(":env:")}


def keep(name: str, value: str) -> str:
    """What is kept of a setting: all of it, some of its words, or nothing."""
    if name in KEPT_WORDS:
        return " ".join(word for word in value.split() if word in KEPT_WORDS[name])
    return value if name in KEPT else ""


def choose_settings(settings: dict[str, str]) -> dict[str, str]:
    """The settings to keep by name, each from the section that wins; pip skips empty values, and so does this."""
    chosen = {}
    for section in SECTIONS:
        for key, value in settings.items():
            name = key.removeprefix(f"{section}.")
            name = OTHER_NAMES.get(name, name)
            if name != key and (kept := keep(name, value)):
                chosen[name] = kept
    return chosen


def main() -> NoReturn:
    """Become pip; raises SystemExit with pip's exit code when it cannot read its settings.

    Addresses may hold passwords: they go through the environment, which other users cannot read, and not through
    the arguments.
    """
    environment = dict(os.environ)
    try:
        settings = choose_settings(read_files(environment) | read_variables(environment))
    except subprocess.CalledProcessError as problem:
        sys.exit(problem.returncode)
    variables = {f"PIP_{name.upper().replace('-', '_')}": value for name, value in settings.items()}
    chosen = leave_out_pip(environment) | variables | {"PIP_CONFIG_FILE": os.devnull}
    os.execve(PIP[0], [*PIP, *sys.argv[1:]], chosen)  # noqa: S606 - the arguments are the caller's own


if __name__ == "__main__":
    main()
