"""Compares MariaDB with the read model, book by book and index entry by index entry; changes nothing."""

import time
from collections.abc import Iterable, Iterator
from typing import Any

from backend.read_model.book import ONE_BOOK, make_book
from backend.read_model.lookup import CATALOGUE
from backend.read_model.projection import Event
from backend.read_model.rebuild import BOOKS_FROM, Progress, judge, walk
from backend.stores.pool import reading
from backend.stores.redis_store import Script, ask, ask_script

SETTLE_S = 1.5  # a change on its way makes the two differ for a moment; only what goes on differing is named
PAUSE_S = 0.1

Stray = tuple[str, bytes]  # an index and a member of it

# KEYS: catalogue. ARGV: isbns. Gives for each its JSON, its index entries, and an index that lacks its entry.
INSPECT = Script("""
local prefix = KEYS[1] .. ':' .. (redis.call('HGET', KEYS[1], 'generation') or '') .. ':'
local found = {}
for i, isbn in ipairs(ARGV) do
  local entries = redis.call('HGET', prefix .. 'places', isbn)
  if entries and not string.find(entries, '%z') then entries = nil end  -- a tombstone
  local part, key, missing = 0, '', ''
  for text in string.gmatch(entries or '', '[^%z]+') do
    part = part + 1
    if part == 2 then key = text end
    if part > 2 and not redis.call('ZSCORE', prefix .. text, key .. '\\0' .. isbn) then missing = text end
  end
  found[i] = {redis.call('HGET', prefix .. 'books', isbn) or '', entries or '', missing}
end
return found
""")
# KEYS: catalogue. ARGV: an index, then members of it. Gives those that stand there though their book does not say so.
FIND_STRAYS = Script("""
local prefix = KEYS[1] .. ':' .. (redis.call('HGET', KEYS[1], 'generation') or '') .. ':'
local strays = {}
for i = 2, #ARGV do
  local key, isbn = string.sub(ARGV[i], 1, -15), string.sub(ARGV[i], -13)
  local entries = redis.call('HGET', prefix .. 'places', isbn) or ''
  local named = string.find(entries .. '\\0', '\\0' .. ARGV[1] .. '\\0', 1, true)
  local in_order = string.find(entries, '\\0' .. key .. '\\0', 1, true)
  if not (named and in_order) and redis.call('ZSCORE', prefix .. ARGV[1], ARGV[i]) then
    strays[#strays + 1] = ARGV[i]
  end
end
return strays
""")


def find_differences(progress: Progress = lambda done, total: None) -> tuple[int, list[str]]:
    """Give the number of books in MariaDB, and a sentence for each difference that goes on.

    Raises Unavailable, redis.RedisError.
    """
    generation, fit = judge()
    if not fit:
        return 0, ["no read model stands"]
    prefix = f"{CATALOGUE}:{generation}:"
    total, known, suspects = int(ask("HLEN", prefix + "places")), set[str](), set[str]()
    for rows in walk(BOOKS_FROM):
        known |= {row["isbn"] for row in rows}
        suspects |= {row["isbn"] for row, found in zip(rows, _inspect(rows), strict=True) if _differ(row, found)}
        progress(len(known), max(total, len(known)))
    suspects |= {isbn for isbn in _scan_isbns(prefix) if isbn not in known}
    return len(known), _name_lasting(suspects, list(_scan_strays(prefix)))


def _name_lasting(suspects: set[str], strays: list[Stray]) -> list[str]:
    differences: dict[str, str] = dict.fromkeys(suspects, "")
    until = time.monotonic() + SETTLE_S
    while differences or strays:
        differences = {isbn: words for isbn in differences if (words := _describe(isbn))}
        strays = [stray for stray in strays if _is_stray(stray)]
        if time.monotonic() > until:
            break
        time.sleep(PAUSE_S)
    named = [f"{isbn}: {words}" for isbn, words in sorted(differences.items())]
    return named + [f"{member[-13:].decode()}: stands in the index {index} and should not" for index, member in strays]


def _inspect(rows: Iterable[dict[str, Any]]) -> list[list[bytes]]:
    found: list[list[bytes]] = ask_script(INSPECT, [CATALOGUE], [row["isbn"] for row in rows])
    return found


def _differ(row: dict[str, Any], found: list[bytes]) -> str:
    event = Event(row["isbn"], row["version"], make_book(row, row["version"]))
    book, entries, missing = (part.decode() for part in found)
    if not book:
        return f"version {row['version']} is in MariaDB, nothing in the read model"
    if book != event.json:
        return f"MariaDB has {event.json}, the read model {book}"
    if entries != event.index_entries:
        return f"by MariaDB its index entries are {event.index_entries!r}, in the read model {entries!r}"
    return f"is missing in the index {missing}" if missing else ""


def _describe(isbn: str) -> str:
    found = _inspect([{"isbn": isbn}])[0]
    with reading() as cursor:
        cursor.execute(ONE_BOOK, (isbn,))
        row = cursor.fetchone()
    if row is not None:
        return _differ(row, found)
    return "is in the read model, not in MariaDB" if any(found) else ""


def _is_stray(stray: Stray) -> bool:
    return bool(ask_script(FIND_STRAYS, [CATALOGUE], [stray[0], stray[1]]))


def _scan_isbns(prefix: str) -> Iterator[str]:
    for name in ("books", "places"):
        for fields in _scan("HSCAN", prefix + name):
            pairs = zip(fields[::2], fields[1::2], strict=True)
            yield from (isbn.decode() for isbn, value in pairs if name == "books" or b"\0" in value)  # no tombstones


def _scan_strays(prefix: str) -> Iterator[Stray]:
    for keys in _scan("SCAN", "MATCH", prefix + "*", "TYPE", "zset"):
        for key in keys:
            index = key.decode().removeprefix(prefix)
            if index == "deleted":
                continue
            for members in _scan("ZSCAN", key.decode()):
                yield from ((index, stray) for stray in ask_script(FIND_STRAYS, [CATALOGUE], [index, *members[::2]]))


def _scan(command: str, *arguments: str) -> Iterator[list[bytes]]:
    before, after = (arguments[:1], arguments[1:]) if command != "SCAN" else ((), arguments)
    cursor = b"0"
    while True:
        cursor, found = ask(command, *before, cursor, *after, "COUNT", 200)
        if found:
            yield found
        if cursor == b"0":
            return
