"""What the scripts in Redis have in common: what they are, the keys that they use, and how rooms are changed.

All keys of a generation, the data of one life of one Redis, begin alike (``KEYS[1]``, called P here):

| key | type | content |
|---|---|---|
| ``Pn`` | sorted set | incarnation of a node -> the logical time at which its lease ends |
| ``Pc`` | hash | the logical time ``l`` and the wall clock at the last beat ``t``, in milliseconds; ``g``: tidied up |
| ``Pd`` | hash | incarnation that is over -> the reason that is told of its members |
| ``Pa`` | hash | node -> what others are told of it |
| ``Py`` | hash | node -> its incarnation, when all its members have been entered |
| ``Pr:ROOM`` | hash | member -> its incarnation, when it joined in microseconds, its facts; empty: the head |
| ``Ps:ROOM`` | hash | what plugins share about the room |
| ``Pi:INCARNATION`` | set | the rooms with members of it |
| channel ``P@INCARNATION`` | | what that node is told |

The logical time goes on with the wall clock, but never by more than `GAP` from one beat to the next: a Redis that hung,
or whose clock was set, declares no one dead. The head of a room is its version, and each incarnation with the number of
its members. A version begins with the time, so that no room has the one of a room of the same name before it.

Numbers are written with ``string.format('%.0f')``, as Lua would round those of 16 digits. A script tells all nodes but
the one that runs it: that has the answer.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

__all__ = ["COMMON", "GAP", "LEASE", "Script"]

LEASE = 8.0
"""Seconds for which a node is believed to be there."""

GAP = 3.0
"""Seconds by which the logical time goes on at most from one beat to the next."""


@dataclass(frozen=True)
class Script:
    """A script.

    Attributes:
        name: What it is called here.
        text: In Lua.
    """

    name: str
    text: str

    @property
    def digest(self) -> str:
        """What Redis calls it."""
        return hashlib.sha1(self.text.encode(), usedforsecurity=False).hexdigest()


COMMON = r"""
local P, call, pack = KEYS[1], redis.call, cmsgpack.pack
local me = ARGV[1]
local function whole(n) return string.format('%.0f', n) end
local function split(v) return string.match(v, '^(%S+) (%d+) (.*)$') end
local function nodeOf(inc) return string.match(inc, '^[^.]+') end
local function has(inc) return call('ZSCORE', P .. 'n', inc) end
local function tell(incs, frame)
  for _, inc in ipairs(incs) do if inc ~= me then call('PUBLISH', P .. '@' .. inc, frame) end end
end
local function open(name)
  local room = {name = name, key = P .. 'r:' .. name, version = 0, counts = {}, incs = {}}
  local head = call('HGET', room.key, '')
  if head then
    room.version = tonumber(string.match(head, '^%d+'))
    for inc, count in string.gmatch(head, ' (%S+)=(%d+)') do
      room.incs[#room.incs + 1] = inc
      room.counts[inc] = tonumber(count)
    end
  end
  return room
end
local function close(room, ...)
  local head = {whole(room.version)}
  for _, inc in ipairs(room.incs) do
    if room.counts[inc] > 0 then head[#head + 1] = inc .. '=' .. whole(room.counts[inc]) end
  end
  if #head > 1 then call('HSET', room.key, '', table.concat(head, ' '), ...)
  else call('DEL', room.key, P .. 's:' .. room.name) end
end
local function others(room)
  local found = {}
  for _, inc in ipairs(room.incs) do
    if inc ~= me and room.counts[inc] > 0 then found[#found + 1] = inc end
  end
  return found
end
local function count(room, inc, change)
  local before = room.counts[inc]
  if not before then room.incs[#room.incs + 1] = inc end
  room.counts[inc] = (before or 0) + change
  if (before or 0) == 0 then call('SADD', P .. 'i:' .. inc, room.name)
  elseif room.counts[inc] == 0 then call('SREM', P .. 'i:' .. inc, room.name) end
end
local function isEmpty(room)
  for _, number in pairs(room.counts) do if number > 0 then return false end end
  return true
end
local function remove(room, id, inc, reason, flags)
  local incs = others(room)
  call('HDEL', room.key, id)
  count(room, inc, -1)
  if isEmpty(room) then room.version = 0 else room.version = room.version + 1 end
  tell(incs, pack({1, 'L', me, room.name, room.version, id, reason, flags}))
  return room.version
end
local function share(room, key, value, how)
  local s = P .. 's:' .. room.name
  if value == '' then return call('HDEL', s, key) == 1 end
  if how == '=' then call('HSET', s, key, value) return true end
  return call('HSETNX', s, key, value) == 1
end
local function snapshot(room) return call('HGETALL', room.key), call('HGETALL', P .. 's:' .. room.name) end
"""
