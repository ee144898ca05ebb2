"""Finds out in the background which keys of the read model Redis has lost, also keys that no query reads."""

import redis

from backend.read_model.lookup import CATALOGUE, LAYOUT, discard_read_model, note_loss
from backend.stores.redis_store import Script, ask_script

# Of the keys that an event needs, names the first whose number of entries is not the one counted; false without any.
FIND_LOSS = """
local function find_loss(prefix)
  local names = {'books', 'places', 'all', 'deleted'}
  local counts = redis.call('HMGET', prefix .. 'counts', unpack(names))
  for i, name in ipairs(names) do
    local entries = redis.call(i < 3 and 'HLEN' or 'ZCARD', prefix .. name)
    if entries ~= tonumber(counts[i] or -1) then return counts[i] and name or 'counts' end
  end
  return false
end
"""
# KEYS: catalogue. ARGV: layout, where the walk through the indexes has come to, age in s at which tombstones go.
# Gives where the walk goes on, 0 at its end, and the name of a lost key, which takes the read model out of use, or nil.
LOOK = Script(
    FIND_LOSS
    + """
local at = redis.call('HMGET', KEYS[1], 'layout', 'generation')
if at[1] ~= ARGV[1] then return {'0', false} end
local prefix = KEYS[1] .. ':' .. at[2] .. ':'
local lost = find_loss(prefix)
local cursor, counts = unpack(redis.call('HSCAN', prefix .. 'counts', ARGV[2], 'COUNT', 100))
for i = 1, #counts, 2 do
  local is_index = string.find(counts[i], ':', 1, true)
  if is_index and redis.call('ZCARD', prefix .. counts[i]) ~= tonumber(counts[i + 1]) then lost = lost or counts[i] end
end
if lost then
  redis.call('HDEL', KEYS[1], 'layout')
  return {cursor, lost}
end
local old = redis.call('TIME')[1] - ARGV[3]
for _, isbn in ipairs(redis.call('ZRANGEBYSCORE', prefix .. 'deleted', '-inf', old, 'LIMIT', 0, 100)) do
  redis.call('HDEL', prefix .. 'places', isbn)
  redis.call('ZREM', prefix .. 'deleted', isbn)
  redis.call('HINCRBY', prefix .. 'counts', 'places', -1)
  redis.call('HINCRBY', prefix .. 'counts', 'deleted', -1)
end
return {cursor, false}
"""
)
TOMBSTONES_S = 3600  # MariaDB keeps the last version of a deleted book for ever


class Watch:
    """Checks the read model a step at a time: each step looks at the main keys and at the next of the indexes."""

    def __init__(self) -> None:
        """Begin before the first index."""
        self._cursor = "0"

    def find_loss(self) -> str:
        """Look a step further, and give the name of a key that is lost, empty when none is missed; the read model is
        out of use then. Tombstones that are old enough go, 100 at most. Raises redis.RedisError.
        """
        try:
            cursor, lost = ask_script(LOOK, [CATALOGUE], [LAYOUT, self._cursor, TOMBSTONES_S])
        except redis.ResponseError as error:
            if "WRONGTYPE" not in str(error):
                raise
            discard_read_model()  # another program wrote something else there
            cursor, lost = b"0", b"of another type"
        self._cursor = cursor.decode()
        if lost is None:
            return ""
        key: str = lost.decode()
        note_loss(key)
        return key

    def find_any_loss(self) -> str:
        """Look through all of it; else as find_loss()."""
        self._cursor = "0"
        while not (lost := self.find_loss()) and self._cursor != "0":
            pass
        return lost
