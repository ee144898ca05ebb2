"""Fixtures of all tests: a real stack, accounts on it, signed-in clients, and books that are removed again."""

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

# Two threads of numpy for each of four test processes keep each other waiting; set before anything imports numpy.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

pytest.register_assert_rewrite("tests.support")

from tests.support.books_services import run_books_service  # noqa: E402  after the rewrite hook
from tests.support.clients import Account, Client, Json, register, sign_in  # noqa: E402
from tests.support.read_models import wait_until_projected, wait_until_standing  # noqa: E402
from tests.support.scripts import prepare_accounts  # noqa: E402
from tests.support.shelf import make_book  # noqa: E402
from tests.support.stacks import PROJECT, Stack, choose_settings, read_stack, run_local_stack, start_stack  # noqa: E402

# Where the checks run in the background of a script, they ignore Ctrl-C, and so would all that a test starts.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def project() -> Path:
    """The top folder of the project."""
    return PROJECT


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A running stack: the one whose stack.env STACK_ENV names, else one of its own, as a dict of stack.env."""
    if Path(named := os.environ.get("STACK_ENV", "")).is_file():
        yield read_stack(Path(named))
        return
    settings = choose_settings(tmp_path_factory.mktemp("stack"))
    try:
        yield start_stack(settings)
    finally:
        run_local_stack("down", settings)


@pytest.fixture(scope="module")
def own_settings(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[dict[str, str]]:
    """Settings for a stack that only this module uses, with the module's STACK_SETTINGS; taken down at its end."""
    settings = choose_settings(tmp_path_factory.mktemp("own"), **getattr(request.module, "STACK_SETTINGS", {}))
    yield settings
    run_local_stack("down", settings)


@pytest.fixture(scope="session")
def model_settings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """Settings for the stack of the read model's tests, which damage it, mend it, and compare all of it."""
    chosen = {"AUTH_WORKERS": "1", "BOOKS_WORKERS": "3", "READ_MODEL": "redis", "ACCESS_TOKEN_TTL": "7200"}
    settings = choose_settings(tmp_path_factory.mktemp("model"), **chosen)
    yield settings
    run_local_stack("down", settings)


@pytest.fixture(scope="session")
def model_stack(model_settings: dict[str, str]) -> Stack:
    """The running stack of the read model's tests; the pids are those of its start."""
    return start_stack(model_settings)


@pytest.fixture
def token(model_stack: Stack) -> str:
    """An access token of a new session on the stack of the read model's tests."""
    return str(sign_in(model_stack["AUTH_URL"], register(model_stack["AUTH_URL"]))["access_token"])


@pytest.fixture
def model_books(model_stack: Stack, token: str) -> Iterator[Client]:
    """A client of that stack's books service; its read model stands."""
    with Client(model_stack["BOOKS_URL"], token) as client:
        wait_until_standing(client)
        yield client


@pytest.fixture(scope="module")
def ready(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with accounts that are registered and signed in."""
    folder = tmp_path_factory.mktemp("ready")
    prepare_accounts(folder, stack)
    return folder


@pytest.fixture
def auth(stack: Stack) -> Iterator[Client]:
    """A client of the auth service without a token."""
    with Client(stack["AUTH_URL"]) as client:
        yield client


@pytest.fixture
def account(stack: Stack) -> Account:
    """A new account."""
    return register(stack["AUTH_URL"])


@pytest.fixture
def pair(stack: Stack, account: Account) -> Json:
    """The two tokens of a new session of `account`."""
    return sign_in(stack["AUTH_URL"], account)


@pytest.fixture(scope="session")
def books_urls(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """Where books services answer, by their read model: the stack's own, and one beside it that reads MariaDB."""
    log = tmp_path_factory.mktemp("sql") / "books.log"
    with run_books_service(stack, log, "--workers", "2", READ_MODEL="sql") as service:
        yield {"redis": stack["BOOKS_URL"], "sql": service.url}


@pytest.fixture(scope="module", params=["redis", "sql"])
def books(stack: Stack, books_urls: dict[str, str], request: pytest.FixtureRequest) -> Iterator[Client]:
    """A client of a books service of each read model in turn, signed in with an account of its own."""
    token = sign_in(stack["AUTH_URL"], register(stack["AUTH_URL"]))["access_token"]
    with Client(books_urls[request.param], token) as client:
        if request.param == "redis":
            wait_until_standing(client)
        yield client
    wait_until_projected(stack)  # what is written beside the read model must not move under its next readers


@pytest.fixture
def add_book(books: Client) -> Iterator[Callable[..., dict[str, Any]]]:
    """A function that adds a book with the given fields and returns it; the books are removed after the test."""
    added: list[str] = []

    def add(**fields: Any) -> dict[str, Any]:
        book = make_book(**fields)
        answer = books.post("/api/books", json=book)
        assert answer.status_code == 201, answer.text
        added.append(answer.json()["isbn"])
        return book

    yield add
    for isbn in added:
        books.delete(f"/api/books/{isbn}")
