"""The place in which the short forms of the lessons run."""

from collections.abc import Iterator

import pytest

from lessons.place import Place, run_place


@pytest.fixture(scope="session")
def stores(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """A private MariaDB and Redis for all lessons."""
    with run_place(tmp_path_factory.mktemp("lessons")) as place:
        yield place


@pytest.fixture
def place(stores: Place) -> Iterator[Place]:
    """The place of one lesson; programs that it left are ended."""
    yield stores
    stores.end_all()
