"""What the nodes do to the rosters in Redis, each in one atomic step: scripts in Lua.

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

__all__ = [
    "BEAT",
    "BURY",
    "END",
    "ENTER",
    "GAP",
    "LEASE",
    "LEAVE",
    "LOOK",
    "READY",
    "SCRIPTS",
    "SHARE",
    "SWEEP",
    "UPDATE",
    "Script",
]

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


_COMMON = r"""
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

LOOK = Script(
    "look",
    _COMMON
    + r"""
local room = open(ARGV[2])
return {room.version, snapshot(room)}
""",
)
"""Room -> its version, its members, what is shared."""

ENTER = Script(
    "enter",
    _COMMON
    + r"""
local id, data, seen, at = ARGV[3], ARGV[4], ARGV[5], ARGV[6]
local ends, shares = tonumber(ARGV[7]), tonumber(ARGV[8])
if not has(me) then return {0} end
local room = open(ARGV[2])
local follows = (room.counts[me] or 0) > 0
local isWrong = seen ~= '' and tonumber(seen) ~= room.version
if seen == '-1' then
  isWrong = false
  local user, key = string.match(data, '^(%[".-")[,%]]'), cjson.decode(data)[7] or ''
  for _, value in ipairs(room.incs[1] and call('HVALS', room.key) or {}) do
    if string.find(value, user, 1, true) or (key ~= '' and string.find(value, key, 1, true)) then isWrong = true end
  end
end
if isWrong then
  if follows then return {1, room.version, false, false} end
  return {1, room.version, snapshot(room)}
end
if at == '' or room.version == 0 then
  local t = call('TIME')
  local now = t[1] * 1000000 + t[2]
  if at == '' then at = whole(now) end
  if room.version == 0 then room.version = now end
end
local old = room.incs[1] and call('HGET', room.key, id)
local former = old and split(old)
if former ~= me then
  count(room, me, 1)
  if former then count(room, former, -1) end
end
for i = 9, 9 + 4 * (ends - 1), 4 do
  local value = call('HGET', room.key, ARGV[i])
  if value and ARGV[i] ~= id then
    local inc = split(value)
    if ARGV[i + 3] ~= '' then tell({inc}, ARGV[i + 3]) end
    remove(room, ARGV[i], inc, ARGV[i + 1], ARGV[i + 2])
  end
end
local incs, first = others(room), 9 + 4 * ends
for i = first, first + 3 * (shares - 1), 3 do
  if share(room, ARGV[i], ARGV[i + 1], ARGV[i + 2]) then
    room.version = room.version + 1
    tell(incs, pack({1, 'S', me, room.name, room.version, ARGV[i], ARGV[i + 1]}))
  end
end
room.version = room.version + 1
close(room, id, me .. ' ' .. at .. ' ' .. data)
if incs[1] then tell(incs, pack({1, 'J', me, room.name, room.version, id, tonumber(at), data})) end
if follows then return {2, room.version, tonumber(at), false, false} end
return {2, room.version, tonumber(at), snapshot(room)}
""",
)
"""Take a seat: incarnation, room, member, what others know, the version that was seen ('': any, -1: any in which no one
is this user, or has its key), when it joined ('': now), how many ends and how many values to share. Then of each end
member, reason, flags and a frame for its node before that; of each value key, JSON ('': remove), and '=' or 'x' (only
if there is none).

Answers 0: no lease. 1: changed; version, snapshot. 2: taken; version, when, snapshot. A snapshot is false if the node
hears of the room already. A member that is there, of whatever incarnation, is only written anew. The room has its new
member before others end, so it stays the same room."""

UPDATE = Script(
    "update",
    _COMMON
    + r"""
local id, data = ARGV[3], ARGV[4]
local room = open(ARGV[2])
local old = call('HGET', room.key, id)
if not old then return 0 end
local inc, at = split(old)
if inc ~= me then return 0 end
room.version = room.version + 1
close(room, id, me .. ' ' .. at .. ' ' .. data)
tell(others(room), pack({1, 'J', me, room.name, room.version, id, tonumber(at), data}))
return room.version
""",
)
"""What others know of a member has changed: incarnation, room, member, what they know. Answers the version, or 0: it is
not there."""

LEAVE = Script(
    "leave",
    _COMMON
    + r"""
local id = ARGV[3]
local room = open(ARGV[2])
local value = call('HGET', room.key, id)
if not value then return -1 end
local inc = split(value)
local node, number = string.match(inc, '^([^.]+)%.(%d+)$')
local mine, most = string.match(me, '^([^.]+)%.(%d+)$')
if node ~= mine or tonumber(number) > tonumber(most) then return -1 end
local version = remove(room, id, inc, ARGV[4], '')
close(room)
return version
""",
)
"""A seat has ended: incarnation, room, member, reason. Answers the version, 0: no one is left, -1: it was not there.
Needs no lease: it removes only what this incarnation, or one before it, has entered."""

END = Script(
    "end",
    _COMMON
    + r"""
local id, at, reason, flags = ARGV[3], ARGV[4], ARGV[5], ARGV[6]
if not has(me) then return -2 end
local room = open(ARGV[2])
local value = call('HGET', room.key, id)
if not value then return -1 end
local inc, joined = split(value)
if joined ~= at then return -1 end
local version = remove(room, id, inc, reason, flags)
close(room)
return version
""",
)
"""End a membership of another node: incarnation, room, member, when it joined, reason, flags. Answers as `LEAVE`, or
-2: no lease."""

SHARE = Script(
    "share",
    _COMMON
    + r"""
local key, value = ARGV[3], ARGV[4]
if not has(me) then return -2 end
local room = open(ARGV[2])
if not room.incs[1] then return -1 end
share(room, key, value, '=')
room.version = room.version + 1
close(room)
tell(others(room), pack({1, 'S', me, room.name, room.version, key, value}))
return room.version
""",
)
"""Change what is shared: incarnation, room, key, JSON ('': remove). Answers the version; -1: no such room, -2: no
lease."""

BEAT = Script(
    "beat",
    _COMMON
    + r"""
local node, lease, cap, record = ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4]), ARGV[5]
if record == '' and not has(me) then return {0} end
local t, c = call('TIME'), call('HMGET', P .. 'c', 'l', 't', 'g')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local logical = tonumber(c[1] or '1')
logical = logical + math.min(math.max(now - tonumber(c[2] or whole(now)), 0), cap)
call('HSET', P .. 'c', 'l', whole(logical), 't', whole(now))
local alive = call('ZRANGE', P .. 'n', 0, -1)
local function over(inc, reason)
  call('ZREM', P .. 'n', inc)
  if call('EXISTS', P .. 'i:' .. inc) == 1 then call('HSET', P .. 'd', inc, reason) end
end
if record ~= '' then
  for _, inc in ipairs(alive) do if nodeOf(inc) == node then over(inc, 'timeout') end end
  call('HSET', P .. 'a', node, record)
  call('HDEL', P .. 'y', node)
end
call('ZADD', P .. 'n', whole(logical + lease), me)
local gone = {}
for _, inc in ipairs(call('ZRANGEBYSCORE', P .. 'n', '-inf', '(' .. whole(logical))) do
  over(inc, 'timeout')
  gone[#gone + 1] = nodeOf(inc)
  call('HDEL', P .. 'a', nodeOf(inc))
  call('HDEL', P .. 'y', nodeOf(inc))
  tell(call('ZRANGE', P .. 'n', 0, -1), pack({1, 'D', me, nodeOf(inc)}))
end
alive = call('ZRANGE', P .. 'n', 0, -1)
local working, dead = {}, {}
for _, inc in ipairs(alive) do
  local one = nodeOf(inc)
  if call('HGET', P .. 'y', one) ~= inc then working[one] = true end
end
for _, inc in ipairs(call('HKEYS', P .. 'd')) do
  if not working[nodeOf(inc)] then dead[#dead + 1] = inc end
end
if record == '' then return {1, #alive, dead, gone} end
tell(alive, pack({1, 'N', me, record}))
return {1, #alive, dead, c[3] or '', alive, call('HGETALL', P .. 'a'), call('HGETALL', P .. 'y')}
""",
)
"""Say that a node is there: incarnation, node, lease and greatest gap in milliseconds; with what others are told of it
when the incarnation is new, which ends those before it.

Answers 0: no lease. 1, how many nodes there are, the incarnations to sweep, and the nodes that are gone; for a new one
in place of these who tidied up, the incarnations, what is told of each node, and which ones are ready."""

READY = Script(
    "ready",
    _COMMON
    + r"""
local node = ARGV[2]
if not has(me) then return {0} end
call('HSET', P .. 'y', node, me)
tell(call('ZRANGE', P .. 'n', 0, -1), pack({1, 'R', me}))
local old = {}
for _, inc in ipairs(call('HKEYS', P .. 'd')) do
  if nodeOf(inc) == node then old[#old + 1] = inc end
end
return {1, old}
""",
)
"""All members of an incarnation have been entered: incarnation, node. Answers 0: no lease. 1, its predecessors that
have members left."""

SWEEP = Script(
    "sweep",
    _COMMON
    + r"""
local dead, most = ARGV[2], tonumber(ARGV[3])
local reason, removed = call('HGET', P .. 'd', dead), {}
if not reason or has(dead) then return {0, removed} end
local index, flags = P .. 'i:' .. dead, 'o'
if nodeOf(dead) == nodeOf(me) then flags = '' end
while #removed < most do
  local name = call('SRANDMEMBER', index)
  if not name then break end
  local room, found = open(name), 0
  local items = call('HGETALL', room.key)
  for i = 1, #items, 2 do
    local id, value = items[i], items[i + 1]
    if id ~= '' and #removed < most and split(value) == dead then
      found = found + 1
      removed[#removed + 1] = {name, remove(room, id, dead, reason, flags), id, value, reason}
    end
  end
  if found > 0 then close(room) else call('SREM', index, name) end
end
local left = call('SCARD', index)
if left == 0 then call('HDEL', P .. 'd', dead) end
return {left, removed}
""",
)
"""Remove members of an incarnation that is over: incarnation, the one that is over, how many. Answers in how many rooms
it has some left, and of each that was removed room, version (0: no one is left), member, what was written, reason."""

BURY = Script(
    "bury",
    _COMMON
    + r"""
local node, reason, found = ARGV[2], ARGV[3], {}
for _, inc in ipairs(call('ZRANGE', P .. 'n', 0, -1)) do
  if nodeOf(inc) == node then
    call('ZREM', P .. 'n', inc)
    if call('EXISTS', P .. 'i:' .. inc) == 1 then call('HSET', P .. 'd', inc, reason) end
  end
end
call('HDEL', P .. 'a', node)
call('HDEL', P .. 'y', node)
tell(call('ZRANGE', P .. 'n', 0, -1), pack({1, 'D', me, node}))
for _, inc in ipairs(call('HKEYS', P .. 'd')) do
  if nodeOf(inc) == node then found[#found + 1] = inc end
end
return found
""",
)
"""A node is over: incarnation of who says so, node, reason. Answers its incarnations that have members left."""

SCRIPTS = (LOOK, ENTER, UPDATE, LEAVE, END, SHARE, BEAT, READY, SWEEP, BURY)
