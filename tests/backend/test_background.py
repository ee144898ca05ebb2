"""What goes on in the background survives every error, and says of each trouble once what it is and when it is over."""

import logging
import threading
from collections.abc import Callable, Iterator

import pytest
import redis

from backend import background
from backend.background import Trouble, in_background, repeat
from backend.errors import Unavailable

Step = Callable[[], object]


def fail(error: Exception) -> Step:
    """Return a step that goes wrong."""

    def step() -> None:
        raise error

    return step


def pass_through(trouble: Trouble, *steps: Step) -> None:
    """Make these steps as the background does."""
    for step in steps:
        with trouble.survived():
            step()


def test_a_trouble_is_said_once_again_when_it_changes_and_when_it_is_over(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level(logging.INFO)
    monkeypatch.setattr(background, "OVER_AFTER_S", 0.0)
    trouble, down, odd = Trouble("measuring"), redis.ConnectionError("it is down"), ValueError("it is odd")
    pass_through(trouble, int, *[fail(down)] * 5, *[fail(odd)] * 5, fail(down), int, int, fail(down))
    assert [record.getMessage() for record in caplog.records] == [
        "measuring: ConnectionError: it is down",
        "measuring: ValueError: it is odd",
        "measuring: works again",
        "measuring: ConnectionError: it is down",
    ]
    assert [bool(record.exc_info) for record in caplog.records] == [False, True, False, False]  # where it was is asked


def test_a_trouble_that_comes_and_goes_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    steps: list[Step] = [fail(redis.ConnectionError("it is down")), int]
    pass_through(Trouble("measuring"), *steps * 20)
    assert len(caplog.records) == 1


def test_what_is_behind_a_refusal_is_said(caplog: pytest.LogCaptureFixture) -> None:
    refusal = Unavailable("The database cannot be reached.")
    refusal.__cause__ = ConnectionError("1045 (28000): Access denied")
    pass_through(Trouble("measuring"), fail(refusal))
    assert caplog.messages == ["measuring: ConnectionError: 1045 (28000): Access denied"]


def test_work_goes_on_after_any_error_and_knows_where_it_is() -> None:
    errors: Iterator[Exception] = iter([KeyError("run_id"), MemoryError(), RuntimeError()])
    seen: list[tuple[bool, str]] = []
    done = threading.Event()

    def step() -> None:
        seen.append((in_background(), threading.current_thread().name))
        for error in errors:
            raise error
        done.set()
        threading.Event().wait()  # for ever: nothing ends such a thread

    repeat("measuring", step, 0.01)
    assert done.wait(10)
    assert seen == [(True, "measuring")] * 4
    assert not in_background()
