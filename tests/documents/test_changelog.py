"""CHANGELOG.md has the form of Keep a Changelog, and its newest version is that of the services."""

import re
import tomllib

from backend import __version__
from tests.support.stacks import PROJECT

# https://keepachangelog.com/en/1.1.0/ and https://semver.org/spec/v2.0.0.html
HEADING = re.compile(r"^## \[(\d+)\.(\d+)\.(\d+)\] - \d{4}-\d{2}-\d{2}$")
KINDS = {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}
LINES = (PROJECT / "CHANGELOG.md").read_text(encoding="utf-8").splitlines()


def read_versions() -> list[tuple[int, ...]]:
    """Return the versions that the changelog has headings for, as it orders them."""
    return [tuple(map(int, found.groups())) for line in LINES if (found := HEADING.match(line))]


def test_what_is_unreleased_comes_first_and_then_the_versions_the_newest_first() -> None:
    headings = [line for line in LINES if line.startswith("## ")]
    assert headings[0] == "## [Unreleased]"
    assert len(headings) == len(read_versions()) + 1, "a heading is no version with a date"
    assert read_versions() == sorted(set(read_versions()), reverse=True)
    assert {line.removeprefix("### ") for line in LINES if line.startswith("### ")} <= KINDS


def test_the_newest_version_is_the_one_that_the_services_tell() -> None:
    assert ".".join(map(str, read_versions()[0])) == __version__
    settings = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))
    assert settings.get("project", {}).get("version", __version__) == __version__
