"""Removes the names that no book uses any more, a few at a time, in the background.

Each call looks at the next part of each table, and removes what was unused at the call before as well and is so still:
a name that a command has just added is left to it. A command whose name is removed all the same begins anew (names.py).
"""

from collections.abc import Sequence

from backend.stores.mariadb import Statement
from backend.stores.pool import reading, writing

PART = 500  # rows of each table that a call looks at
BATCH = 100  # rows that one transaction removes

# By kind, which is the table of its names: the column by which books use them.
USED_IN = {"authors": "book_authors.author_id", "formats": "books.format_id", "genres": "books.genre_id"}

# By the key, because MariaDB 11 reads and sorts all names of a table that its statistics take for a small one.
END = "SELECT MAX(id) AS id FROM (SELECT id FROM {kind} FORCE INDEX (PRIMARY) WHERE id > %s ORDER BY id LIMIT %s) part"
UNUSED = """
  SELECT part.id FROM (SELECT id FROM {kind} FORCE INDEX (PRIMARY) WHERE id > %s ORDER BY id LIMIT %s) part
  LEFT JOIN {table} ON {column} = part.id WHERE {column} IS NULL
"""
# Passes over those that a command is using, and keeps the others from being used; only then is it asked who has one.
# By the key alone, as each removal: a scan of the table locks names in use, and waits for commands that wait for it.
LOCK = "SELECT id FROM {kind} FORCE INDEX (PRIMARY) WHERE id IN ({ids}) FOR UPDATE SKIP LOCKED"
STILL_UNUSED = """
  SELECT {kind}.id FROM {kind} LEFT JOIN {table} ON {column} = {kind}.id WHERE {kind}.id IN ({ids}) AND {column} IS NULL
"""
REMOVE = "DELETE FROM {kind} WHERE id = %s"

_seen_up_to = dict.fromkeys(USED_IN, 0)  # the ids at which the last parts ended
_suspects: dict[str, list[int]] = {}  # by kind: unused at the last call


def remove_unused_names() -> int:
    """Remove what was unused at the last call and is still, look at the next part, and give how many were removed.

    Writes nothing where there is nothing to remove. Raises Unavailable.
    """
    removed = 0
    for kind in USED_IN:
        ids = _suspects.pop(kind, [])
        for start in range(0, len(ids), BATCH):
            removed += _remove(kind, ids[start : start + BATCH])
    _look()
    return removed


def _look() -> None:
    statements: list[Statement] = []
    for kind, last in _seen_up_to.items():
        statements += [(_name(END, kind), (last, PART)), (_name(UNUSED, kind), (last, PART))]
    with reading() as cursor:
        found = cursor.execute_all(*statements)
    for kind, (end,), unused in zip(USED_IN, found[::2], found[1::2], strict=True):
        _seen_up_to[kind] = end["id"] or 0  # past the last name, from the first again
        _suspects[kind] = [row["id"] for row in unused]


def _remove(kind: str, ids: Sequence[int]) -> int:
    with writing() as cursor:
        locked, unused = cursor.execute_all((_name(LOCK, kind, ids), ids), (_name(STILL_UNUSED, kind, ids), ids))
        held = {row["id"] for row in locked}
        if going := [row["id"] for row in unused if row["id"] in held]:
            cursor.execute_all(*((_name(REMOVE, kind), (each,)) for each in going))
        return len(going)


def _name(statement: str, kind: str, ids: Sequence[int] = ()) -> str:
    table, _, _ = USED_IN[kind].partition(".")
    return statement.format(kind=kind, table=table, column=USED_IN[kind], ids=", ".join(["%s"] * len(ids)))
