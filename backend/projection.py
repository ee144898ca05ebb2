"""Applies events to the read model: each at most once, in the order of its book's versions, and as a whole.

An event is the full new state of a book, or its deletion. Its sequence is twice its version, plus one for a deletion,
which keeps the version: an event whose sequence is not above the one known changes nothing, so that events may come
twice and in any order. While a rebuild fills a new generation, events go into both.
"""

import logging
from collections.abc import Sequence
from typing import Any, NamedTuple

import redis

from backend.catalogue import indexes_of, title_key, to_json
from backend.read_model import CATALOGUE, LAYOUT
from backend.redis_store import Script, ask, ask_script

log = logging.getLogger(__name__)

BUILDING = "catalogue:building"  # the lock of a rebuild: `<generation>:<owner>`
LOCK_MS = 30_000

# Takes prefix of the generation, isbn, sequence, and the places and JSON of the book, both empty for a deletion.
# Tombstones last an hour; MariaDB keeps the last version for ever. What may free memory comes before what needs it:
# a full Redis refuses a script only before its first change, so that no event is ever applied by half.
APPLY_ONE = """
local function split(places)
  local parts = {}
  for part in string.gmatch(places, '[^%z]+') do parts[#parts + 1] = part end
  return parts
end
local function apply_one(prefix, isbn, sequence, places, book)
  local known = redis.call('HGET', prefix .. 'places', isbn)
  local newest = known and split(known)[1] or redis.call('GET', prefix .. 'deleted:' .. isbn)
  if newest and tonumber(newest) >= tonumber(sequence) then return 0 end
  local moved = not known or string.match(known, '%z.*') ~= string.match(places, '%z.*')
  if known and moved then
    local old = split(known)
    for i = 3, #old do redis.call('ZREM', prefix .. old[i], old[2] .. '\\0' .. isbn) end
  end
  if book == '' then
    redis.call('HDEL', prefix .. 'books', isbn)
    redis.call('HDEL', prefix .. 'places', isbn)
    redis.call('SET', prefix .. 'deleted:' .. isbn, sequence, 'EX', 3600)
    return 1
  end
  redis.call('HSET', prefix .. 'books', isbn, book)
  redis.call('HSET', prefix .. 'places', isbn, places)
  redis.call('DEL', prefix .. 'deleted:' .. isbn)
  if moved then
    local new = split(places)
    for i = 3, #new do redis.call('ZADD', prefix .. new[i], 0, new[2] .. '\\0' .. isbn) end
  end
  return 1
end
"""
# KEYS: catalogue, building. ARGV: layout, then isbn, sequence, places and JSON of each event.
# A read model of another layout cannot be kept right from here, so that it must not stand.
APPLY = Script(
    APPLY_ONE
    + """
local at = redis.call('HMGET', KEYS[1], 'layout', 'generation')
if at[1] and at[1] ~= ARGV[1] then
  redis.call('DEL', KEYS[1])
  at = {false, false}
end
local building = redis.call('GET', KEYS[2])
local changes = 0
for i = 2, #ARGV, 4 do
  local event = {ARGV[i], ARGV[i + 1], ARGV[i + 2], ARGV[i + 3]}
  if at[2] then changes = changes + apply_one(KEYS[1] .. ':' .. at[2] .. ':', unpack(event)) end
  if building then apply_one(KEYS[1] .. ':' .. string.match(building, '^%d+') .. ':', unpack(event)) end
end
if changes > 0 then redis.call('HINCRBY', KEYS[1], 'changes', changes) end
return changes
"""
)
# KEYS: catalogue, building. ARGV: the lock held, its time limit in ms, then the events. Gives 0 when the lock is lost.
LOAD = Script(
    APPLY_ONE
    + """
if redis.call('GET', KEYS[2]) ~= ARGV[1] then return 0 end
for i = 3, #ARGV, 4 do
  apply_one(KEYS[1] .. ':' .. string.match(ARGV[1], '^%d+') .. ':', ARGV[i], ARGV[i + 1], ARGV[i + 2], ARGV[i + 3])
end
return redis.call('PEXPIRE', KEYS[2], ARGV[2])
"""
)
# KEYS: catalogue, building. ARGV: owner, time limit in ms, then layout, epoch and run id if only a read model without
# these is to be built anew: it is taken out of use at once, and one that another process has built meanwhile stays.
# Gives the lock, or nil when none is to be had. A generation is the time in ms, so that it is higher than any before,
# those that an emptied Redis has forgotten too.
BEGIN = Script("""
if ARGV[3] then
  local at = redis.call('HMGET', KEYS[1], 'layout', 'epoch', 'run_id')
  if at[1] == ARGV[3] and at[2] == ARGV[4] and at[3] == ARGV[5] then return false end
  redis.call('DEL', KEYS[1])
end
if redis.call('EXISTS', KEYS[2]) == 1 then return false end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local generation = math.max(now, (redis.call('HGET', KEYS[1], 'generation') or 0) + 1)
local lock = string.format('%.0f:%s', generation, ARGV[1])
redis.call('SET', KEYS[2], lock, 'PX', ARGV[2])
return lock
""")
# KEYS: catalogue, building. ARGV: the lock held, then the fields of the catalogue. Gives 0 when the lock is lost.
SWITCH = Script("""
if redis.call('GET', KEYS[2]) ~= ARGV[1] then return 0 end
redis.call('DEL', KEYS[1])
redis.call('HSET', KEYS[1], 'generation', string.match(ARGV[1], '^%d+'), 'changes', 0, unpack(ARGV, 2))
redis.call('DEL', KEYS[2])
return 1
""")
# KEYS: building. ARGV: the lock held.
RELEASE = Script("if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end return 0")
KEYS = [CATALOGUE, BUILDING]


class Identity(NamedTuple):
    """What a read model was made from: the epoch of MariaDB's catalogue, and the start of Redis it was made after."""

    epoch: str
    run_id: str


class Event(NamedTuple):
    """A change of one book: its state from `version` on, in the shape of the API, or None when it was deleted."""

    isbn: str
    version: int
    book: dict[str, Any] | None

    @property
    def sequence(self) -> int:
        """Give the place among the events of this ISBN."""
        return 2 * self.version + (self.book is None)

    @property
    def places(self) -> str:
        """Give what the read model must know to move the book: sequence, title key and indexes, NUL between them."""
        if self.book is None:
            return ""
        return "\0".join([str(self.sequence), title_key(self.book["title"]), *indexes_of(self.book)])

    @property
    def json(self) -> str:
        """Give the book's JSON, empty when it was deleted."""
        return "" if self.book is None else to_json(self.book)


def apply_events(events: Sequence[Event]) -> int:
    """Apply events and give how many changed the read model that stands; all go into one that is being built.

    A read model that refuses a change, for want of memory say, is taken out of use before the error is passed on:
    queries then read MariaDB until it is built anew. Raises redis.RedisError.
    """
    try:
        return int(ask_script(APPLY, KEYS, [LAYOUT, *_flatten(events)]))
    except redis.ResponseError:
        discard_read_model()
        raise


def apply_own_event(event: Event) -> bool:
    """Apply the event of a command that is committed; if that fails, it is left to the projector, and False given."""
    try:
        apply_events([event])
    except redis.RedisError as error:
        log.warning("read model: a change is left to the projector: %s", error)
        return False
    return True


def discard_read_model() -> None:
    """Take the read model out of use: queries read MariaDB until it is built anew. Raises redis.RedisError."""
    ask("DEL", CATALOGUE)


def begin_generation(owner: str, unless: Identity | None = None) -> str | None:
    """Begin a new generation and give its lock, or None while another is being built.

    Given `unless`, a read model with this identity stays, with None given, and another is taken out of use.
    Raises redis.RedisError.
    """
    lock = ask_script(BEGIN, KEYS, [owner, LOCK_MS, *([LAYOUT, *unless] if unless else [])])
    return lock.decode() if lock else None


def load_events(lock: str, events: Sequence[Event]) -> bool:
    """Put events into the generation that is being built and extend its lock; False when the lock was lost."""
    return bool(ask_script(LOAD, KEYS, [lock, LOCK_MS, *_flatten(events)]))


def switch_generation(lock: str, identity: Identity) -> bool:
    """Make the generation of `lock` the one that queries read; False when the lock was lost."""
    fields = ["layout", LAYOUT, "epoch", identity.epoch, "run_id", identity.run_id]
    return bool(ask_script(SWITCH, KEYS, [lock, *fields]))


def release_lock(lock: str) -> None:
    """Give up a generation that was not finished."""
    ask_script(RELEASE, [BUILDING], [lock])


def _flatten(events: Sequence[Event]) -> list[str | int]:
    return [part for event in events for part in (event.isbn, event.sequence, event.places, event.json)]
