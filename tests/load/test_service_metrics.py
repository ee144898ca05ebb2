"""Which token the load asks for the metrics with."""

import os
from pathlib import Path

import pytest

from load.client.service_metrics import find_token
from load.client.target import Target

SERVICES = Target("http://127.0.0.1:5000", "http://127.0.0.1:5001")


def read_start(pid: int) -> int:
    """Return when a process began, in ticks since the machine did."""
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19])


def test_what_a_killed_stack_has_left_behind_is_not_taken_for_its_settings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("STACK_DIR", str(tmp_path))
    monkeypatch.delenv("METRICS_TOKEN", raising=False)
    (tmp_path / ".env").write_text("METRICS_TOKEN=mine\n")
    assert find_token(SERVICES) == "mine"
    (tmp_path / "stack.env").write_text(f"AUTH_URL={SERVICES.auth}\nBOOKS_URL={SERVICES.books}\nMETRICS_TOKEN=theirs\n")
    assert find_token(SERVICES) == "mine"
    begun = read_start(os.getpid())
    for started, token in ((begun, "theirs"), (begun - 1, "mine")):  # a pid is given again
        (tmp_path / "books.pid").write_text(f"{os.getpid()} {started} 5001 1\n")
        assert find_token(SERVICES) == token
    (tmp_path / "books.pid").write_text(f"{os.getpid()} {begun} 5001 1\n")
    assert find_token(Target("http://127.0.0.1:6000", "http://127.0.0.1:6001")) == "mine"
