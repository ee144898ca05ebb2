"""The read model in Redis as queries see it: one trip checks the session and brings the answer.

`catalogue` is the hash that says which generation of the read model stands and how often it has changed; without it,
or with another layout, there is none. Each generation has, under `catalogue:<generation>:`,

- `books`: hash, ISBN to the book's JSON
- `places`: hash, ISBN to what projection.py must know of the book to move it
- `all`, `author:…`, `genre:…`, `format:…`, `genre+format:…`: the indexes, sorted sets of `<title key>\\0<isbn>` whose
  scores are all 0, so that Redis keeps them in the order of their bytes, which is that of MariaDB's index
- `deleted:<isbn>`: tombstones
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

from backend.redis_store import Script, ask_script, redis_errors
from backend.sessions import LIVE_SESSION, Caller

LAYOUT = "1"  # raised when a key or value changes its form: a read model of another layout is built anew
CATALOGUE = "catalogue"

# KEYS: session, catalogue, sessions of the user. ARGV: layout, isbn.
# Gives the session; then, if a read model stands, its version and the book or nil.
ONE_BOOK = Script(
    LIVE_SESSION
    + """
local session = live_session(KEYS[1], KEYS[3])
local at = redis.call('HMGET', KEYS[2], 'layout', 'generation', 'changes')
if not session or at[1] ~= ARGV[1] then return {session} end
return {session, at[2] .. '-' .. at[3], redis.call('HGET', KEYS[2] .. ':' .. at[2] .. ':books', ARGV[2])}
"""
)

# KEYS: session, catalogue, sessions of the user. ARGV: layout, limit, member to go on after or '', one or more indexes.
# Gives the session; then, if a read model stands, its version, the number of books in all these indexes together, the
# books of the page joined by commas, and the last member of the page if more follow.
PAGE = Script(
    LIVE_SESSION
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
local at = redis.call('HMGET', KEYS[2], 'layout', 'generation', 'changes')
if not session or at[1] ~= ARGV[1] then return {session} end
local limit, after, prefix = tonumber(ARGV[2]), ARGV[3], KEYS[2] .. ':' .. at[2] .. ':'
local version, members, total = at[2] .. '-' .. at[3], {}, 0
if #ARGV == 4 then
  local first = after == '' and '-' or '(' .. after
  total = redis.call('ZCARD', prefix .. ARGV[4])
  members = redis.call('ZRANGEBYLEX', prefix .. ARGV[4], first, '+', 'LIMIT', 0, limit + 1)
else
  local indexes = {}
  for i = 4, #ARGV do indexes[#indexes + 1] = prefix .. ARGV[i] end
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
return {session, version, total, table.concat(books, ','), last}
"""
)


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
    """Find one book, or None when no read model stands; the caller's session is seen in the same trip.

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


def _ask(script: Script, caller: Caller, arguments: Sequence[str | int]) -> list[Any]:
    found: list[Any]
    with redis_errors():
        session, *found = ask_script(script, [caller.session_key, CATALOGUE, caller.sessions_key], [LAYOUT, *arguments])
    caller.confirm(session)
    return found
