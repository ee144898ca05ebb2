"""Runs a books service from altered code, or another WSGI file, in the place of a stack's own: as a control, say."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.books_services import BooksService, run_books_service, stop_own_books_service
from tests.support.projector_runs import run_projector
from tests.support.read_models import connect_to_redis, wait_until
from tests.support.stacks import PROJECT, start_stack


def copy_services(folder: Path, file: str, old: str, new: str) -> Path:
    """Copy the services' code into `folder` with that text, which must be there once, replaced; return the folder."""
    shutil.copytree(PROJECT / "backend", folder / "backend", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("microservicioCQRSRedis.py", "gunicorn.conf.py"):
        shutil.copy(PROJECT / name, folder / name)
    text = (folder / file).read_text()
    assert text.count(old) == 1, f"{file} does not hold the text to take out: {old!r}"
    (folder / file).write_text(text.replace(old, new))
    return folder


@contextmanager
def run_in_place_of_own(
    settings: dict[str, str],
    log: Path,
    *options: str,
    app: str = "microservicioCQRSRedis:app",
    folder: Path = PROJECT,
) -> Iterator[BooksService]:
    """Run a books service while that of the stack is stopped, so that nothing mends what it does; the read model has
    stood before, and is built anew afterwards.
    """
    stack = start_stack(settings)
    stop_own_books_service(stack)
    try:
        with run_books_service(stack, log, *options, app=app, folder=folder) as service:
            yield service
    finally:
        with connect_to_redis(stack) as store:
            store.delete("catalogue:building")  # of a rebuild that has ended with its process
        start_stack(settings)
        wait_until(lambda: run_projector(stack, "rebuild")[0] == 0, 30, "the read model is built anew")
