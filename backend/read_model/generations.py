"""Generations of the read model: one is begun, filled beside that which is in use, and switched in at once.

The lock of a rebuild, `catalogue:building`, is `<generation>:<owner>`; it ends by itself after a builder that died.
"""

from collections.abc import Sequence
from typing import NamedTuple

from backend.read_model.lookup import LAYOUT
from backend.read_model.losses import FIND_LOSS
from backend.read_model.projection import APPLY_ONE, BUILDING, KEYS, Event, flatten
from backend.stores.redis_store import Script, ask_script

LOCK_MS = 30_000
AT_ONCE = 10  # books that a script puts in: 0.4 ms of Redis, for which all reads wait

# KEYS: catalogue, building. ARGV: the lock held, its time limit in ms, then the events. Gives 0 when the lock is lost,
# or a part of what was built so far.
LOAD = Script(
    FIND_LOSS
    + APPLY_ONE
    + """
if redis.call('GET', KEYS[2]) ~= ARGV[1] then return 0 end
local prefix = KEYS[1] .. ':' .. string.match(ARGV[1], '^%d+') .. ':'
if find_loss(prefix) then return 0 end
for i = 3, #ARGV, 3 do apply_one(prefix, ARGV[i], ARGV[i + 1], ARGV[i + 2]) end
write()
return redis.call('PEXPIRE', KEYS[2], ARGV[2])
"""
)
# KEYS: catalogue, building. ARGV: owner, time limit in ms, then, if only an unfit generation is to be replaced, its
# name, empty for none: it is taken out of use at once, and one that another process has built meanwhile stays.
# Gives the lock, or nil when none is to be had. A generation is the time in ms, so that it is higher than any before,
# those that an emptied Redis has forgotten too.
BEGIN = Script("""
local generation = redis.call('HGET', KEYS[1], 'generation') or ''
if ARGV[3] then
  if generation ~= ARGV[3] then return false end
  redis.call('HDEL', KEYS[1], 'layout')
end
if redis.call('EXISTS', KEYS[2]) == 1 then return false end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local new = string.format('%.0f', math.max(now, (tonumber(generation) or 0) + 1))
redis.call('SET', KEYS[2], new .. ':' .. ARGV[1], 'PX', ARGV[2])
redis.call('HSET', KEYS[1] .. ':' .. new .. ':counts', 'books', 0, 'places', 0, 'all', 0, 'deleted', 0)
return new .. ':' .. ARGV[1]
""")
# KEYS: catalogue, building. ARGV: the lock held, then the fields of the catalogue. Gives 0 when the lock is lost, or a
# part of what was built.
SWITCH = Script(
    FIND_LOSS
    + """
if redis.call('GET', KEYS[2]) ~= ARGV[1] then return 0 end
local generation = string.match(ARGV[1], '^%d+')
if find_loss(KEYS[1] .. ':' .. generation .. ':') then return 0 end
redis.call('DEL', KEYS[1])
redis.call('HSET', KEYS[1], 'generation', generation, 'changes', 0, unpack(ARGV, 2))
redis.call('DEL', KEYS[2])
return 1
"""
)
# KEYS: building. ARGV: the lock held.
RELEASE = Script("if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end return 0")


class Identity(NamedTuple):
    """What a read model was made from: the epoch of MariaDB's catalogue, and the mark of the run of Redis it was made
    in.
    """

    epoch: str
    run_id: str


def begin_generation(owner: str, unfit: str | None = None) -> str | None:
    """Begin a new generation and give its lock, or None while another is being built.

    `unfit` is the generation that was found unfit, empty where there was none. It is taken out of use, and None is
    given if there is another by now. Raises redis.RedisError.
    """
    lock = ask_script(BEGIN, KEYS, [owner, LOCK_MS, *([] if unfit is None else [unfit])])
    return lock.decode() if lock else None


def load_events(lock: str, events: Sequence[Event]) -> bool:
    """Put events into the generation that is being built and extend its lock; False when the lock was lost, or a part
    of the generation.
    """
    steps = [events[begin : begin + AT_ONCE] for begin in range(0, len(events), AT_ONCE)]
    return all(ask_script(LOAD, KEYS, [lock, LOCK_MS, *flatten(step)]) for step in steps)


def switch_generation(lock: str, identity: Identity) -> bool:
    """Make the generation of `lock` the one that queries read; False as load_events()."""
    fields = ["layout", LAYOUT, "epoch", identity.epoch, "run_id", identity.run_id]
    return bool(ask_script(SWITCH, KEYS, [lock, *fields]))


def release_lock(lock: str) -> None:
    """Give up a generation that was not finished."""
    ask_script(RELEASE, [BUILDING], [lock])
