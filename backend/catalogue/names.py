"""The names that books share: authors, formats and genres, found for a command, and added where they are missing.

They are added in a transaction of their own, before that of the command: a command that holds new names while it waits
for a book, or that takes them back, would let others deadlock. Names that no book uses in the end are removed later.
"""

from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, TypeVar

from mysql.connector import errorcode
from mysql.connector.errors import IntegrityError

from backend.errors import Unavailable
from backend.stores.mariadb import Statement
from backend.stores.pool import begin_anew_after_deadlock, writing

FIND_NAMES = """
  SELECT 'genres' AS kind, name, id FROM genres WHERE name = %s
  UNION ALL SELECT 'formats', name, id FROM formats WHERE name = %s
  UNION ALL SELECT 'authors', name, id FROM authors WHERE name IN ({})
"""
ADD_NAMES = {
    "authors": "INSERT IGNORE INTO authors (name, name_key) VALUES {}",
    "formats": "INSERT IGNORE INTO formats (name, name_key) VALUES {}",
    "genres": "INSERT IGNORE INTO genres (name, name_key) VALUES {}",
}
TRIES = 8  # names of three kinds may be removed under a command one after the other, and each is then to be added

Name = tuple[str, str]  # its kind, which is its table, and the name itself
Ids = dict[Name, int]
Answer = TypeVar("Answer")


class NameRemoved(Unavailable):
    """A name that a command had found was removed as unused before the command came to use it."""


@dataclass
class NamesMissing:
    """What a command gives, with nothing done, that found no row of these names."""

    names: Collection[Name]


def names_in(fields: dict[str, Any]) -> set[Name]:
    """Give the names that the fields of a book hold."""
    names = {("authors", name) for name in fields.get("authors", ())}
    return names | {(f"{field}s", fields[field]) for field in ("genre", "format") if field in fields}


def find_names(fields: dict[str, Any]) -> Statement:
    """Give the statement that finds the rows of these names."""
    authors = fields.get("authors") or [None]
    return FIND_NAMES.format(", ".join(["%s"] * len(authors))), (fields.get("genre"), fields.get("format"), *authors)


def find_ids(fields: dict[str, Any], found: list[dict[str, Any]]) -> Ids | NamesMissing:
    """Give the ids of the names in the fields from the rows found, or the names without one."""
    ids = {(row["kind"], row["name"]): int(row["id"]) for row in found}
    missing = names_in(fields) - ids.keys()
    return NamesMissing(missing) if missing else ids


@begin_anew_after_deadlock
def add_names(names: Collection[Name]) -> None:
    """Add names; one that is there meanwhile stays as it is. Raises Unavailable."""
    statements: list[Statement] = []
    # Tables and names in one order, that of code points as in the index: so no two that add the same names deadlock.
    for kind, statement in ADD_NAMES.items():
        if rows := [(name, name.casefold()) for each, name in sorted(names) if each == kind]:
            values = [value for row in rows for value in row]
            statements.append((statement.format(", ".join(["(%s, %s)"] * len(rows))), values))
    with writing() as cursor:
        cursor.execute_all(*statements)


@contextmanager
def using_names() -> Iterator[None]:
    """Tell, around the statements that use ids of names, when one is there no more. Raises NameRemoved."""
    try:
        yield
    except IntegrityError as error:
        if error.errno != errorcode.ER_NO_REFERENCED_ROW_2:
            raise
        raise NameRemoved("A name of this book was just removed.") from None


def with_names(attempt: Callable[[], Answer | NamesMissing]) -> Answer:
    """Give what an attempt, one transaction, gives once all its names are there.

    It is run anew after those that it finds missing were added, or when one that it had found was removed as unused.
    Raises Unavailable, and what else the attempt raises.
    """
    for _ in range(TRIES):
        with suppress(NameRemoved):
            outcome = attempt()
            if not isinstance(outcome, NamesMissing):
                return outcome
            add_names(outcome.names)
    raise Unavailable("The database does not keep the names of this book as they are.")
