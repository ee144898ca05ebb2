"""The books service, whose process ends itself at a step of a command; Gunicorn serves `tests.support.exits:app`.

A request with the header X-Exit-At names the step, from the BEGIN of its transaction to the moment before its answer;
every other answer tells in X-Steps which steps it has passed. Only this file knows of it: it wraps the cursor, COMMIT
and the application of the event, as they stand in the product.
"""

import os
import threading
from collections.abc import Callable, Iterable
from typing import Any

from backend.catalogue import commands
from backend.stores import mariadb, pool
from microservicioCQRSRedis import app as books_app

EXIT_STATUS = 17
BEGIN = "BEGIN"


class Command(threading.local):
    """The command that this thread works on: where it is to end, and the steps it has passed since BEGIN."""

    def __init__(self) -> None:
        """Begin outside any request."""
        self.exit_at = ""
        self.passed: list[str] | None = None

    def start(self, exit_at: str) -> None:
        """Begin a request."""
        self.exit_at, self.passed = exit_at, []

    def pass_step(self, name: str) -> None:
        """Note a step, and end the process as a crash does if it is the one: no handler runs, no buffer is written."""
        if self.passed is None or not (self.passed or name.startswith(BEGIN)):
            return
        step = f"{len(self.passed)} {name}"
        self.passed.append(step)
        if step == self.exit_at:
            os._exit(EXIT_STATUS)


command = Command()


class WatchedCursor(mariadb.Cursor):
    """The product's cursor, which tells of each statement whose answer has come back, also of several sent at once."""

    def execute(self, operation: Any, *arguments: Any, **options: Any) -> Any:
        """Run statements, then pass the step that is named after the first words of the first; BEGIN comes before."""
        self.names = [" ".join(each.split()[:3]) for each in str(operation).split(";")]
        if self._connection.set_up:
            set_up = ["set up"] * mariadb.STATEMENTS
            if self._connection.set_up == mariadb.WRITES:
                set_up[-1] = BEGIN
            self.names[:0] = set_up
        answer = super().execute(operation, *arguments, **options)
        command.pass_step(self.names.pop(0))
        return answer

    def nextset(self) -> bool | None:
        """Go on to the answer of the next statement, and pass its step."""
        more = super().nextset()
        if more:
            command.pass_step(self.names.pop(0))
        return more


def watch(function: Callable[..., Any], before: str, after: str) -> Callable[..., Any]:
    """Return the function with a step before it and one after it; an empty name is none."""

    def run(*arguments: Any, **options: Any) -> Any:
        if before:
            command.pass_step(before)
        answer = function(*arguments, **options)
        command.pass_step(after)
        return answer

    return run


def replace(owner: Any, name: str, wrap: Callable[[Any], Any]) -> None:
    """Put what `wrap` makes of it in the place of something that a module or class must have."""
    setattr(owner, name, wrap(getattr(owner, name)))


replace(pool, "Cursor", lambda _: WatchedCursor)
replace(mariadb.Connection, "commit", lambda commit: watch(commit, "before COMMIT", "after COMMIT"))
replace(commands, "apply_own_event", lambda apply: watch(apply, "", "after the event"))


class Watched:
    """The WSGI application of the service around which each request is told apart; all else of it is its own."""

    def __init__(self) -> None:
        """Take over what gunicorn.conf.py looks for."""
        self.config = books_app.config

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Answer one request."""
        command.start(environ.get("HTTP_X_EXIT_AT", ""))

        def start(status: str, headers: list[tuple[str, str]], *more: Any) -> Any:
            return start_response(status, [*headers, ("X-Steps", "|".join(command.passed or []))], *more)

        return books_app(environ, start)


app = Watched()
