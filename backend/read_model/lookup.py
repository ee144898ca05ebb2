"""The read model in Redis as queries see it: one trip checks the session and brings the answer.

`catalogue` is the hash that says which generation of the read model is in use, how often it has changed, and in which
run of Redis it was made; without it, or without the field `layout` of this program, there is none. Each generation has,
under `catalogue:<generation>:`,

- `books`: hash, ISBN to the book's JSON
- `places`: hash, ISBN to what projection.py must know of the book to move it, or of a deleted one, its tombstone
- `all`, `author:…`, `genre:…`, `format:…`, `genre+format:…`: the indexes, sorted sets of `<title key>\\0<isbn>` whose
  scores are all 0, so that Redis keeps them in the order of their bytes, which is that of MariaDB's index
- `deleted`: sorted set, the ISBNs of the tombstones by the time of their deletion
- `counts`: hash, how many entries each of the others has: by it a lost key is told from one that is rightly empty
"""

import logging
from collections.abc import Sequence
from typing import Any, NamedTuple

from backend import metrics
from backend.caller import Caller
from backend.stores.live_sessions import LIVE_SESSION
from backend.stores.redis_run import ask_in_run, is_of_this_run
from backend.stores.redis_store import Script, ask, redis_errors

log = logging.getLogger(__name__)

LAYOUT = "2"  # raised when a key or value changes its form: a read model of another layout is built anew
CATALOGUE = "catalogue"

# Redis loses whole keys: by eviction, by hand. What has lost one is out of use from then on; as Redis may refuse just
# that, the answer must not depend on it.
LOST = """
local function lost(session, name)
  redis.pcall('HDEL', KEYS[2], 'layout')
  return {session, false, name}
end
"""
# KEYS: session, catalogue, sessions of the user. ARGV: run, layout, isbn.
# Gives the session; then, if a read model is in use, its version and the book or nil; or its run if that is another
# one; or nil and the name of a key that is lost.
ONE_BOOK = Script(
    LIVE_SESSION
    + LOST
    + """
local session = live_session(KEYS[1], KEYS[3])
local at = redis.call('HMGET', KEYS[2], 'layout', 'generation', 'changes', 'run_id')
if not session or at[1] ~= ARGV[2] then return {session} end
if at[4] ~= ARGV[1] then return {session, at[4] or ''} end
local prefix = KEYS[2] .. ':' .. at[2] .. ':'
local book = redis.call('HGET', prefix .. 'books', ARGV[3])
if not book then
  local count = redis.call('HGET', prefix .. 'counts', 'books')
  if not count then return lost(session, 'counts') end
  if redis.call('HLEN', prefix .. 'books') ~= tonumber(count) then return lost(session, 'books') end
end
return {session, at[2] .. '-' .. at[3], book}
"""
)

# KEYS: as above. ARGV: run, layout, limit, member to go on after or '', one or more indexes.
# Gives the session; then, if a read model is in use, its version, the number of books in all these indexes together,
# the books of the page joined by commas, and the last member of the page if more follow; else as ONE_BOOK.
PAGE = Script(
    LIVE_SESSION
    + LOST
    + """
-- By bytes: the operators of Lua compare as the locale of the server does.
local function follows(member, after)
  for i = 1, math.min(#member, #after) do
    local left, right = string.byte(member, i), string.byte(after, i)
    if left ~= right then return left > right end
  end
  return #member > #after
end
local session = live_session(KEYS[1], KEYS[3])
local at = redis.call('HMGET', KEYS[2], 'layout', 'generation', 'changes', 'run_id')
if not session or at[1] ~= ARGV[2] then return {session} end
if at[4] ~= ARGV[1] then return {session, at[4] or ''} end
local limit, after, prefix = tonumber(ARGV[3]), ARGV[4], KEYS[2] .. ':' .. at[2] .. ':'
local version, members, total = at[2] .. '-' .. at[3], {}, 0
local counts, indexes = redis.call('HMGET', prefix .. 'counts', 'all', unpack(ARGV, 5)), {}
if not counts[1] then return lost(session, 'counts') end
for i = 5, #ARGV do
  indexes[#indexes + 1] = prefix .. ARGV[i]
  total = redis.call('ZCARD', prefix .. ARGV[i])
  if total ~= tonumber(counts[i - 3] or 0) then return lost(session, ARGV[i]) end
end
if #indexes == 1 then
  local first = after == '' and '-' or '(' .. after
  members = redis.call('ZRANGEBYLEX', indexes[1], first, '+', 'LIMIT', 0, limit + 1)
else
  local found = redis.call('ZINTER', #indexes, unpack(indexes))
  total = #found
  for _, member in ipairs(found) do
    if follows(member, after) then members[#members + 1] = member end
    if #members > limit then break end
  end
end
if #members == 0 then return {session, version, total, ''} end
local last = false
if #members > limit then
  members[limit + 1] = nil
  last = members[limit]
end
local isbns = {}
for i, member in ipairs(members) do isbns[i] = string.sub(member, -13) end
local books = redis.call('HMGET', prefix .. 'books', unpack(isbns))
for _, book in ipairs(books) do
  if not book then return lost(session, 'books') end
end
return {session, version, total, table.concat(books, ','), last}
"""
)


class Trust:
    """Whether this process may answer from the read model: Redis refuses a change where it may not evict, cannot save,
    or lacks replicas, and may refuse to have the read model taken out of use too.
    """

    def __init__(self) -> None:
        """Begin without a refused change."""
        self.refused = 0  # changes, so far
        self._settled = 0

    def doubt(self) -> None:
        """Trust it no more: it lacks a change."""
        self.refused += 1

    def settle(self, refused: int) -> None:
        """Trust it again, if no more than so many changes were refused: all have been applied since."""
        self._settled = refused

    @property
    def holds(self) -> bool:
        """Say whether no change has been refused since all were applied."""
        return self.refused == self._settled


trust = Trust()


class FoundBook(NamedTuple):
    """A book's JSON, or None when there is none, and the catalogue version it was found in."""

    catalogue_version: str
    book: bytes | None


class FoundPage(NamedTuple):
    """The books' JSON joined by commas, and `last` as (title key, ISBN) if more follow."""

    catalogue_version: str
    total: int
    books: bytes
    last: tuple[str, str] | None


def find_book(caller: Caller, isbn: str) -> FoundBook | None:
    """Find one book, or None when no read model is in use; the caller's session is seen in the same trip.

    Raises NotAuthenticated, Unavailable.
    """
    found = _ask(ONE_BOOK, caller, [isbn])
    return FoundBook(found[0].decode(), found[1]) if found else None


def find_page(caller: Caller, limit: int, after: tuple[str, str] | None, indexes: list[str]) -> FoundPage | None:
    """Find a page of the books that stand in all `indexes`, after the (title key, ISBN) given; else as find_book()."""
    found = _ask(PAGE, caller, [limit, "\0".join(after) if after else "", *indexes])
    if not found:
        return None
    version, total, books, last = (*found, None)[:4]
    title_key, _, isbn = last.decode().rpartition("\0") if last else ("", "", "")
    return FoundPage(version.decode(), total, books, (title_key, isbn) if last else None)


def is_in_use() -> bool:
    """Say whether queries are answered from the read model now. Raises redis.RedisError."""
    layout, run = ask("HMGET", CATALOGUE, "layout", "run_id")
    return bool(trust.holds and layout == LAYOUT.encode() and is_of_this_run(run or b""))


def discard_read_model() -> None:
    """Take the read model out of use: queries read MariaDB until it is built anew. Raises redis.RedisError."""
    ask("HDEL", CATALOGUE, "layout")


def note_loss(key: str) -> None:
    """Count and log that Redis has lost a key of the read model, which is therefore out of use."""
    metrics.READ_MODEL_LOSSES.inc()
    log.warning("read model: Redis has lost its key %s: it is out of use and will be built anew", key)


def _ask(script: Script, caller: Caller, arguments: Sequence[str | int]) -> list[Any]:
    found: list[Any]
    layout = LAYOUT if trust.holds else "none"
    with redis_errors():
        session, *found = ask_in_run(script, [caller.session_key, CATALOGUE, caller.sessions_key], [layout, *arguments])
    if found and found[0] is None:
        note_loss(found[1].decode())
        found = []
    caller.confirm(session)
    return found
