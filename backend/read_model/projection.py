"""Applies events to the read model: each at most once, in the order of its book's versions, and as a whole.

An event is the full new state of a book, or its deletion. Its sequence is twice its version, plus one for a deletion,
which keeps the version: an event whose sequence is not above the one known changes nothing, so that events may come
twice and in any order. While a rebuild fills a new generation, events go into both.

A read model is out of use when the hash `catalogue` has no field `layout`. The other fields of the hash stay: where
they are missing too, Redis has lost them.
"""

import logging
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, NamedTuple

import redis

from backend.answer import to_json
from backend.read_model.book import indexes_of, title_key
from backend.read_model.lookup import CATALOGUE, LAYOUT, discard_read_model, note_loss, trust
from backend.read_model.losses import FIND_LOSS
from backend.stores.redis_store import Script, ask_script

log = logging.getLogger(__name__)

BUILDING = "catalogue:building"  # the lock of a rebuild: `<generation>:<owner>`

# apply_one takes the prefix of the generation, an ISBN, and index entries and JSON of the book; a deleted book has its
# sequence alone, and no JSON. It says whether it changes anything, and removes what must go. write() then puts in what
# all books since the last write() need, with one command for each key. No book may be among them twice.
# What may free memory comes before what needs it: a full Redis refuses a script only before its first change, so that
# no event is ever applied by half. Nor does it evict anything within one.
APPLY_ONE = """
local function split(text)
  local parts, from, at = {}, 1, string.find(text, '\\0', 1, true)
  while at do
    parts[#parts + 1] = string.sub(text, from, at - 1)
    from, at = at + 1, string.find(text, '\\0', at + 1, true)
  end
  parts[#parts + 1] = string.sub(text, from)
  return parts
end
local calls, counted = {}, {}
local function put(command, key, field, value)
  local call = calls[key] or {command, key}
  call[#call + 1] = field
  call[#call + 1] = value
  calls[key] = call
end
local function count(prefix, name, by)
  if by == 0 then return end
  local names = counted[prefix] or {}
  names[name] = (names[name] or 0) + by
  counted[prefix] = names
end
local function write()
  for _, call in pairs(calls) do redis.call(unpack(call)) end
  for prefix, names in pairs(counted) do
    for name, by in pairs(names) do
      local left = redis.call('HINCRBY', prefix .. 'counts', name, by)
      if left == 0 and string.find(name, ':', 1, true) then redis.call('HDEL', prefix .. 'counts', name) end
    end
  end
  calls, counted = {}, {}
end
local function apply_one(prefix, isbn, entries, book)
  local known = redis.call('HGET', prefix .. 'places', isbn)
  local old, new = known and split(known) or {}, split(entries)
  if known and tonumber(old[1]) >= tonumber(new[1]) then return false end
  local moved = not known or string.match(known, '%z.*') ~= string.match(entries, '%z.*')
  if moved then
    for i = 3, #old do
      redis.call('ZREM', prefix .. old[i], old[2] .. '\\0' .. isbn)
      count(prefix, old[i], -1)
    end
  end
  if #old == 1 and #new > 1 then redis.call('ZREM', prefix .. 'deleted', isbn) end
  if #old > 1 and #new == 1 then redis.call('HDEL', prefix .. 'books', isbn) end
  put('HSET', prefix .. 'places', isbn, entries)
  if #new == 1 then
    put('ZADD', prefix .. 'deleted', redis.call('TIME')[1], isbn)
  else
    put('HSET', prefix .. 'books', isbn, book)
  end
  if moved and #new > 1 then
    local member = new[2] .. '\\0' .. isbn
    for i = 3, #new do
      put('ZADD', prefix .. new[i], 0, member)
      count(prefix, new[i], 1)
    end
  end
  count(prefix, 'places', #old == 0 and 1 or 0)
  count(prefix, 'books', (#new > 1 and 1 or 0) - (#old > 1 and 1 or 0))
  count(prefix, 'deleted', (#new == 1 and 1 or 0) - (#old == 1 and 1 or 0))
  return true
end
"""
# KEYS: catalogue, building. ARGV: layout, then ISBN, index entries and JSON of each event. Names a lost key, or nil.
# A read model of another layout, or with a part lost, cannot be kept right from here, so that it must not be in use.
APPLY = Script(
    FIND_LOSS
    + APPLY_ONE
    + """
local at = redis.call('HMGET', KEYS[1], 'layout', 'generation')
local standing = at[1] == ARGV[1] and KEYS[1] .. ':' .. at[2] .. ':'
local lost = standing and find_loss(standing)
if lost or (at[1] and not standing) then
  redis.call('HDEL', KEYS[1], 'layout')
  standing = false
end
local lock = redis.call('GET', KEYS[2])
local building = lock and KEYS[1] .. ':' .. string.match(lock, '^%d+') .. ':'
if building and find_loss(building) then
  redis.call('DEL', KEYS[2])
  building = false
end
local changes = 0
for i = 2, #ARGV, 3 do
  if standing and apply_one(standing, ARGV[i], ARGV[i + 1], ARGV[i + 2]) then changes = changes + 1 end
  if building then apply_one(building, ARGV[i], ARGV[i + 1], ARGV[i + 2]) end
  write()
end
if changes > 0 then redis.call('HINCRBY', KEYS[1], 'changes', changes) end
return lost
"""
)
# KEYS: catalogue. ARGV: layout, then isbn and sequence of each event. Gives the positions in this list, from 0 on,
# of the events that the read model does not know.
FIND_UNKNOWN = Script("""
local at = redis.call('HMGET', KEYS[1], 'layout', 'generation')
local unknown = {}
for i = 2, #ARGV, 2 do
  local known = at[1] == ARGV[1] and redis.call('HGET', KEYS[1] .. ':' .. at[2] .. ':places', ARGV[i])
  if not known or tonumber(string.match(known, '^%d+')) < tonumber(ARGV[i + 1]) then
    unknown[#unknown + 1] = i / 2 - 1
  end
end
return unknown
""")
KEYS = [CATALOGUE, BUILDING]


class Event(NamedTuple):
    """A change of one book: its state from `version` on, in the shape of the API, or None when it was deleted."""

    isbn: str
    version: int
    book: dict[str, Any] | None

    @property
    def sequence(self) -> int:
        """Give the position among the events of this ISBN."""
        return 2 * self.version + (self.book is None)

    @property
    def index_entries(self) -> str:
        """Give what the hash `places` keeps, so that the book can be moved: sequence, title key and the names of its
        indexes, NUL between them; the sequence alone when it was deleted.
        """
        if self.book is None:
            return str(self.sequence)
        return "\0".join([str(self.sequence), title_key(self.book["title"]), *indexes_of(self.book)])

    @property
    def json(self) -> str:
        """Give the book's JSON, empty when it was deleted."""
        return "" if self.book is None else to_json(self.book)


def apply_events(events: Sequence[Event]) -> None:
    """Apply events to the read model in use and to one that is being built.

    A read model that refuses a change, for want of memory say, is taken out of use before the error is passed on:
    queries then read MariaDB until it is built anew. Where Redis refuses that too, this process trusts it no more until
    all changes were applied; the others learn of it by their projectors. Raises redis.RedisError.
    """
    try:
        lost = ask_script(APPLY, KEYS, [LAYOUT, *flatten(events)])
    except redis.ResponseError:
        trust.doubt()
        with suppress(redis.ResponseError):
            discard_read_model()
        raise
    if lost is not None:
        note_loss(lost.decode())


def apply_own_event(event: Event) -> bool:
    """Apply the event of a command that is committed; if that fails, it is left to the projector, and False given."""
    try:
        apply_events([event])
    except redis.RedisError as error:
        log.warning("read model: a change is left to the projector: %s", error)
        return False
    return True


def find_unknown(events: Sequence[Event]) -> list[int]:
    """Give the positions of the events that the read model in use does not know. Raises redis.RedisError."""
    asked = [part for event in events for part in (event.isbn, event.sequence)]
    unknown: list[int] = ask_script(FIND_UNKNOWN, [CATALOGUE], [LAYOUT, *asked])
    return unknown


def flatten(events: Sequence[Event]) -> list[str | int]:
    """Give events as the scripts take them: ISBN, index entries and JSON of each."""
    return [part for event in events for part in (event.isbn, event.index_entries, event.json)]
