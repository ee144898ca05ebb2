"""What a machine runs: commit, versions, code and scenario files; all machines of a run must have the same."""

import hashlib
import platform
import subprocess
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path

CODE = ("*.py", "load/**/*.py", "analysis/**/*.py", "stack/*.py")
SCENARIOS = ("scenarios/**/*.conf",)
WITHOUT = "none"  # for a commit: a folder that was copied without git


def describe_build(folder: Path) -> dict[str, str]:
    """Return what the project in a folder is, and what runs it, by the words that a refusal says it with.

    Whether files were changed, the digests tell: a file that only lies there changes no load.
    """
    return {
        "commit": read_head(folder) or WITHOUT,
        "Python": platform.python_version(),
        "Locust": version("locust"),
        "the code of the load": digest_files(folder, CODE),
        "the scenario files": digest_files(folder, SCENARIOS),
    }


def digest_files(folder: Path, patterns: tuple[str, ...]) -> str:
    """Return a digest of the names and contents of the files that match."""
    digest = hashlib.sha256()
    for path in sorted({path for pattern in patterns for path in folder.glob(pattern)}):
        content = path.read_bytes()
        digest.update(f"{path.relative_to(folder)} {len(content)}\n".encode() + content)
    return digest.hexdigest()[:12]


def say_differences(own: Mapping[str, str], other: Mapping[str, str]) -> str:
    """Return in words what differs, nothing when all is the same."""
    return ", ".join(
        f"{what} is {other.get(what, WITHOUT)}, not {own[what]}" for what in own if other.get(what) != own[what]
    )


def read_head(folder: Path) -> str | None:
    """Return the commit of the project folder; None without git."""
    return ask_program("git", "-C", str(folder), "rev-parse", "HEAD")


def read_commit(folder: Path) -> str | None:
    """Return the commit of the project folder, with "+" at its end when files were changed; None without git."""
    head = read_head(folder)
    changed = ask_program("git", "-C", str(folder), "status", "--porcelain")
    return head and head + ("+" if changed else "")


def ask_program(*command: str) -> str | None:
    """Return what a program prints, None when it fails or is not there."""
    try:
        ran = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return ran.stdout.strip()
